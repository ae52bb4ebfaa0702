/*
 * How packets go in and out of descriptors that are no devices.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "datagram-internal.h"
#include "error-internal.h"
#include "evtun/tun.h"

/* ---- sockets ---- */

/* What a network reports ends nothing; a descriptor that is not what it was
 * does, and so does a connection that is not there. */
static int
socket_is_fatal(const struct fd_pev *fp, int err)
{
	switch (err) {
	case EBADF:
	case ENOTSOCK:
	case EFAULT:
	case EOPNOTSUPP:
		return 1;
	case ENOTCONN:
		return !fp->is_datagram;
	default:
		return 0;
	}
}

static const struct fd_io socket_io = {
	.fill = datagram_fill_,
	.is_fatal = socket_is_fatal,
	.get_waiting = datagram_get_waiting_,
	.destroy = datagram_destroy_
};

/* ---- other descriptors ---- */

static ev_ssize_t
plain_read(struct fd_pev *fp, unsigned char *packet, size_t space)
{
	ev_ssize_t n = read(fp->fd, packet, space);

	if (n >= 0 && (size_t)n == space) {
		errno = EMSGSIZE;
		return -1;
	}
	return n == 0 && fp->eof_on_zero ? FD_EOF : n;
}

static int
plain_send(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct fd_pev *fp = fd_upcast_(pev);
	ev_ssize_t n;

	do
		n = writev(fp->fd,
		    (const struct iovec *)(const void *)packet->vec,
		    packet->n_vec);
	while (n < 0 && errno == EINTR);
	return n < 0 ? fd_refused_(fp, errno) : 0;
}

static int
plain_fill(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally)
{
	return fd_fill_(fp, arena, limit, tally, plain_read);
}

static const struct fd_io plain_io = {
	.fill = plain_fill,
	.is_fatal = fd_is_fatal_
};

/* ---- both ---- */

static int
fd_check(struct packetevent *pev, const void *head, size_t n, size_t len)
{
	(void)head;
	(void)n;
	return len > fd_upcast_(pev)->max_len ? EMSGSIZE : 0;
}

static unsigned
fd_get_traits(struct packetevent *pev)
{
	return fd_upcast_(pev)->is_datagram ? PEV_HAS_SOURCES_ : 0;
}

static void
fd_close(struct packetevent *pev)
{
	evutil_closesocket(fd_upcast_(pev)->fd);
}

static const struct pev_ops_ socket_ops = {
	FD_SHARED_OPS_,
	.refusal = "the socket refuses the packet or its address",
	.check = fd_check,
	.send = datagram_send_one_,
	.send_many = datagram_send_many_,
	.get_traits = fd_get_traits,
	.detach = datagram_detach_,
	.close = fd_close
};

static const struct pev_ops_ plain_ops = {
	FD_SHARED_OPS_,
	.check = fd_check,
	.send = plain_send,
	.close = fd_close
};

/* ---- birth ---- */

/* Find out what the descriptor is: 0, or -1 with errno. */
static int
fd_classify(struct fd_pev *like)
{
	socklen_t len = sizeof(int);
	struct stat st;
	int type;

	if (getsockopt(like->fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0) {
		if (type == SOCK_STREAM)
			return evtun_fail_(EINVAL, "create a packetevent",
			    "a stream needs packetevent_stream_new()");
		like->io = &socket_io;
		like->is_datagram = type != SOCK_SEQPACKET;
		like->eof_on_zero = type == SOCK_SEQPACKET;
		return 0;
	}
	if (errno != ENOTSOCK || fstat(like->fd, &st) < 0)
		return evtun_fail_(errno, "create a packetevent",
		    "it needs an open descriptor");
	like->io = &plain_io;
	/* A pipe (O_DIRECT) cuts what is longer than PIPE_BUF. */
	if (S_ISFIFO(st.st_mode)) {
		like->eof_on_zero = 1;
		like->max_len = PIPE_BUF;
	}
	return 0;
}

struct packetevent *
packetevent_fd_new(struct event_base *base, evutil_socket_t fd, int options)
{
	struct packetevent *pev;
	struct fd_pev like;

	if (pev_check_options_(base, options) < 0)
		return NULL;
	memset(&like, 0, sizeof(like));
	like.fd = fd;
	like.max_len = EVTUN_MAX_FRAME;
	if (fd_classify(&like) < 0)
		return NULL;
	if (like.io != &socket_io)
		return fd_new_(base, &plain_ops, &like, options);
	pev = fd_new_(base, &socket_ops, &like, options);
	if (pev != NULL && datagram_open_(fd_upcast_(pev)) < 0) {
		pev_discard_(pev);
		return NULL;
	}
	return pev;
}
