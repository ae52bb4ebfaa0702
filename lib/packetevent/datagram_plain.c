/*
 * Any POSIX system: one datagram a call.
 *
 * One that has more to offer gets a file of its own beside this one, such as
 * datagram_darwin.c for recvmsg_x() and sendmsg_x() of macOS.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <string.h>

#include "datagram-internal.h"

/* Where the system has none, SIGPIPE is the application's business. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

const int datagram_has_many_ = 0;

int
datagram_receive_(evutil_socket_t fd, struct datagram_ *msgs, int n,
    int is_udp)
{
	struct pev_source_ *source = msgs->source;
	struct iovec piece = {msgs->data, msgs->len};
	struct msghdr header;
	ev_ssize_t got;

	(void)n;
	(void)is_udp;
	memset(&header, 0, sizeof(header));
	header.msg_iov = &piece;
	header.msg_iovlen = 1;
	if (source != NULL) {
		header.msg_name = &source->addr;
		header.msg_namelen = sizeof(source->addr);
	}
	got = recvmsg(fd, &header, MSG_DONTWAIT);
	if (got < 0)
		return -1;
	if (source != NULL)
		source->len = header.msg_namelen < sizeof(source->addr) ?
		    header.msg_namelen : (socklen_t)sizeof(source->addr);
	msgs->is_cut = header.msg_flags & MSG_TRUNC ||
	    (size_t)got == msgs->len;
	msgs->len = (size_t)got;
	msgs->segment = 0;
	return 1;
}

int
datagram_send_(evutil_socket_t fd, const struct datagram_run_ *runs, int n)
{
	const struct pev_packet_ *packet = runs->packets;
	struct msghdr header;

	(void)n;
	memset(&header, 0, sizeof(header));
	header.msg_name = (void *)packet->addr;
	header.msg_namelen = packet->addrlen;
	header.msg_iov = (struct iovec *)(void *)packet->vec;
	header.msg_iovlen = (size_t)packet->n_vec;
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 1;
}

int
datagram_is_udp_(evutil_socket_t fd)
{
	(void)fd;
	return 0;
}

int
datagram_is_joined_(evutil_socket_t fd)
{
	(void)fd;
	return 0;
}

int
datagram_join_received_(evutil_socket_t fd, int on)
{
	(void)fd;
	(void)on;
	return 0;
}

int
datagram_can_join_(evutil_socket_t fd)
{
	(void)fd;
	return 0;
}
