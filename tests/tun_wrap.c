/*
 * The linker's --wrap puts these functions before the library's calls.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdarg.h>
#include <stddef.h>

#include "tun_wrap.h"

struct tun_wrap tun_wrap;

/* Tell whether this call is the one that fails. */
static int
fails(void)
{
	if (!tun_wrap.armed || ++tun_wrap.calls != tun_wrap.fail_at)
		return 0;
	errno = tun_wrap.err;
	return 1;
}

/* What a hook itself calls is not its business. */
static int
enter(void)
{
	int armed = tun_wrap.armed;

	tun_wrap.armed = 0;
	return armed;
}

static void
leave(void)
{
	tun_wrap.armed = 1;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
struct mnl_socket *__real_mnl_socket_open2(int bus, int flags);
struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __real_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid);
ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl,
    const void *req, size_t size);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl,
    const void *req, size_t size);
ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
    size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf,
    size_t size);

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

int
__wrap_open(const char *path, int flags, ...)
{
	/* The library creates no files. */
	return fails() ? -1 : __real_open(path, flags);
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	unsigned long arg;
	int result;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	if (fails())
		return -1;
	if (tun_wrap.before_ioctl != NULL && enter()) {
		tun_wrap.before_ioctl(request);
		leave();
	}
	result = __real_ioctl(fd, request, arg);
	if (tun_wrap.after_ioctl != NULL && enter()) {
		tun_wrap.after_ioctl(request, (void *)arg);
		leave();
	}
	return result;
}

int
__wrap_fcntl(int fd, int cmd, ...)
{
	int arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	return fails() ? -1 : __real_fcntl(fd, cmd, arg);
}

int
__wrap_socket(int domain, int type, int protocol)
{
	return fails() ? -1 : __real_socket(domain, type, protocol);
}

struct mnl_socket *
__wrap_mnl_socket_open2(int bus, int flags)
{
	return fails() ? NULL : __real_mnl_socket_open2(bus, flags);
}

int
__wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid)
{
	return fails() ? -1 : __real_mnl_socket_bind(nl, groups, pid);
}

ssize_t
__wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
    size_t size)
{
	const struct nlmsghdr *nlh = req;

	if (fails())
		return -1;
	if (tun_wrap.before_send != NULL && enter()) {
		tun_wrap.before_send(nlh->nlmsg_type);
		leave();
	}
	return __real_mnl_socket_sendto(nl, req, size);
}

ssize_t
__wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	ssize_t n;

	if (fails())
		return -1;
	n = __real_mnl_socket_recvfrom(nl, buf, size);
	if (tun_wrap.after_receive != NULL && enter()) {
		tun_wrap.after_receive(buf);
		leave();
	}
	return n;
}

