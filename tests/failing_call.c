/*
 * The linker's --wrap puts these functions before the library's calls.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>

#include "failing_call.h"

struct failing_call failing_call;

/* Threads of the library's are waited for: there is one at a time. */
static int
fails(const char *name, int err)
{
	if (failing_call.at == 0 || ++failing_call.calls != failing_call.at)
		return 0;
	failing_call.name = name;
	failing_call.err = errno = err;
	return 1;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_fcntl(int fd, int cmd, ...);
int __wrap_fcntl(int fd, int cmd, ...);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_setns(int fd, int type);
int __wrap_setns(int fd, int type);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg);
struct mnl_socket *__real_mnl_socket_fdopen(int fd);
struct mnl_socket *__wrap_mnl_socket_fdopen(int fd);
int __real_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid);
int __wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid);
ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl,
    const void *req, size_t size);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl,
    const void *req, size_t size);

void *
__wrap_malloc(size_t size)
{
	return fails("malloc", ENOMEM) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails("calloc", ENOMEM) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails("realloc", ENOMEM) ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails("strdup", ENOMEM) ? NULL : __real_strdup(s);
}

int
__wrap_open(const char *path, int flags, ...)
{
	/* The library creates no files. */
	return fails("open", EMFILE) ? -1 : __real_open(path, flags);
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	return fails("ioctl", EIO) ? -1 : __real_ioctl(fd, request, arg);
}

int
__wrap_fcntl(int fd, int cmd, ...)
{
	int arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, int);
	va_end(ap);
	return fails("fcntl", EMFILE) ? -1 : __real_fcntl(fd, cmd, arg);
}

int
__wrap_socket(int domain, int type, int protocol)
{
	return fails("socket", EMFILE) ? -1 :
	    __real_socket(domain, type, protocol);
}

int
__wrap_setns(int fd, int type)
{
	return fails("setns", ENOMEM) ? -1 : __real_setns(fd, type);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg)
{
	return fails("pthread_create", EAGAIN) ? EAGAIN :
	    __real_pthread_create(thread, attr, fn, arg);
}

struct mnl_socket *
__wrap_mnl_socket_fdopen(int fd)
{
	return fails("mnl_socket_fdopen", ENOMEM) ? NULL :
	    __real_mnl_socket_fdopen(fd);
}

int
__wrap_mnl_socket_bind(struct mnl_socket *nl, unsigned groups, pid_t pid)
{
	return fails("mnl_socket_bind", ENOMEM) ? -1 :
	    __real_mnl_socket_bind(nl, groups, pid);
}

ssize_t
__wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
    size_t size)
{
	return fails("mnl_socket_sendto", ENOBUFS) ? -1 :
	    __real_mnl_socket_sendto(nl, req, size);
}
