/*
 * Descriptors in messages: unix(7), cmsg(3).
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "tun/pass-internal.h"

/* For headers older than the kernel. */
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

/* Beside the descriptor there may be what the receiver has switched on:
 * credentials, a security context, a descriptor of the sender. */
#define CONTROL_SIZE 512

/* Descriptors that have come: one is kept. */
struct arrival {
	int fd;
	int n;
	int is_cut;
};

static int
get_type(int sock)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ? -1 :
	    type;
}

int
evtun_rights_check_(evutil_socket_t sock)
{
	int domain = -1, type = get_type(sock);
	socklen_t len = sizeof(domain);

	if (type < 0 ||
	    getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
	    domain != AF_UNIX || (type != SOCK_STREAM &&
	    type != SOCK_SEQPACKET && type != SOCK_DGRAM)) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

/* ---- sending ---- */

union one_fd {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void
put_fd(struct msghdr *msg, union one_fd *control, int fd)
{
	struct cmsghdr *cmsg;

	memset(control, 0, sizeof(*control));
	msg->msg_control = control->buf;
	msg->msg_controllen = sizeof(control->buf);
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
}

/* To a connected socket if there is no address. */
static ssize_t
send_message(int sock, const struct sockaddr_un *to, socklen_t to_len,
    const void *data, size_t len, int fd)
{
	struct iovec iov = { (void *)data, len };
	struct sockaddr_un name;
	struct msghdr msg;
	union one_fd control;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (to != NULL) {
		name = *to;
		msg.msg_name = &name;
		msg.msg_namelen = to_len;
	}
	if (fd >= 0)
		put_fd(&msg, &control, fd);
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n;
}

/* The descriptor goes with the first byte. */
int
evtun_rights_send_(evutil_socket_t sock, const void *data, size_t len,
    evutil_socket_t fd)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < len) {
		n = send_message(sock, NULL, 0, (const char *)data + sent,
		    len - sent, sent == 0 ? fd : -1);
		if (n < 0) {
			if (sent > 0 && errno == EAGAIN)
				errno = EMSGSIZE;
			return -1;
		}
		sent += (size_t)n;
	}
	return 0;
}

static int
make_address(struct sockaddr_un *un, socklen_t *len, const char *address)
{
	size_t n = strlen(address);

	/* A path has a NUL after it, an abstract name has one before. */
	if ((address[0] != '/' && address[0] != '@') || n < 2 ||
	    n + (address[0] == '/') > sizeof(un->sun_path)) {
		errno = EINVAL;
		return -1;
	}
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, address, n);
	if (address[0] == '@')
		un->sun_path[0] = '\0';
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n +
	    (address[0] == '/'));
	return 0;
}

int
evtun_rights_notify_(const char *address, const void *data, size_t len,
    evutil_socket_t fd)
{
	struct sockaddr_un un;
	socklen_t un_len;
	int sock, err;
	ssize_t n;

	if (make_address(&un, &un_len, address) < 0)
		return -1;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -1;
	n = send_message(sock, &un, un_len, data, len, fd);
	err = errno;
	close(sock);
	errno = err;
	return n < 0 ? -1 : 0;
}

/* ---- receiving ---- */

static void
keep_or_close(struct arrival *c, const unsigned char *data, size_t n)
{
	int fd;

	for (; n > 0; n--, data += sizeof(fd)) {
		memcpy(&fd, data, sizeof(fd));
		if (c->n++ == 0)
			c->fd = fd;
		else
			close(fd);
	}
}

static void
collect(struct arrival *c, struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd;

	for (; cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_RIGHTS) {
			keep_or_close(c, CMSG_DATA(cmsg),
			    (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd));
		} else if (cmsg->cmsg_type == SCM_PIDFD &&
		    cmsg->cmsg_len >= CMSG_LEN(sizeof(fd))) {
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
			close(fd);
		}
	}
	if (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		c->is_cut = 1;
}

static ssize_t
receive_some(int sock, void *data, size_t len, struct arrival *c)
{
	union {
		char buf[CONTROL_SIZE];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, len };
	struct msghdr msg;
	ssize_t n;

	do {
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		collect(c, &msg);
	return n;
}

static int
has_ended(int sock)
{
	struct pollfd pfd = { sock, POLLIN | POLLRDHUP, 0 };

	return poll(&pfd, 1, 0) > 0 &&
	    pfd.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* Whether reading a message would find all that there will be of it; sets
 * errno if not.  Nothing is taken: without a control buffer, no descriptor
 * is.  (One look does not see beyond a descriptor; FIONREAD does.) */
static int
is_ready(int sock, void *data, size_t size)
{
	ssize_t n = recv(sock, data, size, MSG_PEEK);
	int waiting = 0;

	if (n < 0)
		return 0;
	if (n == 0 || (size_t)n == size || has_ended(sock) ||
	    (ioctl(sock, FIONREAD, &waiting) == 0 && waiting >= (int)size))
		return 1;
	errno = EAGAIN;
	return 0;
}

static int
fail(int err)
{
	errno = err;
	return -1;
}

static int
receive_stream(int sock, void *data, size_t size, struct arrival *c)
{
	int flags = fcntl(sock, F_GETFL);
	size_t got = 0;
	ssize_t n;

	if (flags < 0 || (flags & O_NONBLOCK && !is_ready(sock, data, size)))
		return -1;
	while (got < size) {
		n = receive_some(sock, (char *)data + got, size - got, c);
		if (got == 0 && n < 0)
			return -1;
		if (got == 0 && n == 0)
			return fail(ECONNRESET);
		if (n <= 0)
			return fail(EBADMSG);
		got += (size_t)n;
	}
	return 0;
}

static int
receive_message(int sock, int type, void *data, size_t size, struct arrival *c)
{
	ssize_t n = receive_some(sock, data, size, c);

	if (n < 0)
		return -1;
	if (n == 0 && type == SOCK_SEQPACKET && c->n == 0)
		return fail(ECONNRESET);
	return (size_t)n == size ? 0 : fail(EBADMSG);
}

int
evtun_rights_receive_(evutil_socket_t sock, void *data, size_t size,
    evutil_socket_t *fd)
{
	struct arrival c = { -1, 0, 0 };
	int err, r, type = get_type(sock);

	r = type == SOCK_STREAM ? receive_stream(sock, data, size, &c) :
	    receive_message(sock, type, data, size, &c);
	if (r == 0 && c.n == 1 && !c.is_cut) {
		*fd = c.fd;
		return 0;
	}
	err = r < 0 ? errno : EBADMSG;
	if (c.n > 0)
		close(c.fd);
	return fail(err);
}
