/*
 * Linux: recvmmsg(2), sendmmsg(2), and UDP_GRO and UDP_SEGMENT of udp(7).
 */
#include "config.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>

#include "datagram-internal.h"

/* Headers may be older than the kernel. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* What the kernel says about a message: the segment size may come after
 * timestamps and the like that the application has asked for. */
union received {
	struct cmsghdr align;
	char room[256];
};

/* What we say to it. */
union segmented {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(uint16_t))];
};

const int datagram_has_many_ = 1;

/* ---- receiving ---- */

static void
receive_begin(struct msghdr *header, struct iovec *piece,
    union received *control, const struct datagram_ *msg)
{
	memset(header, 0, sizeof(*header));
	piece->iov_base = msg->data;
	piece->iov_len = msg->len;
	header->msg_iov = piece;
	header->msg_iovlen = 1;
	if (msg->source != NULL) {
		header->msg_name = &msg->source->addr;
		header->msg_namelen = sizeof(msg->source->addr);
	}
	/* On no other socket: descriptors might come with it. */
	if (control != NULL) {
		header->msg_control = control;
		header->msg_controllen = sizeof(*control);
	}
}

static size_t
get_segment(struct msghdr *header)
{
	struct cmsghdr *control;
	int size;

	for (control = CMSG_FIRSTHDR(header); control != NULL;
	    control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level != IPPROTO_UDP ||
		    control->cmsg_type != UDP_GRO)
			continue;
		memcpy(&size, CMSG_DATA(control), sizeof(size));
		return size > 0 ? (size_t)size : 0;
	}
	return 0;
}

static void
receive_end(struct msghdr *header, size_t n, struct datagram_ *msg)
{
	struct pev_source_ *source = msg->source;

	if (source != NULL)
		source->len = header->msg_namelen < sizeof(source->addr) ?
		    header->msg_namelen : (socklen_t)sizeof(source->addr);
	msg->is_cut = header->msg_flags & MSG_TRUNC || n == msg->len;
	msg->len = n;
	msg->segment = header->msg_controllen > 0 ? get_segment(header) : 0;
	if (msg->segment >= n)
		msg->segment = 0;
}

static int
receive_one(evutil_socket_t fd, struct datagram_ *msg, int is_udp)
{
	struct msghdr header;
	struct iovec piece;
	union received control;
	ev_ssize_t n;

	receive_begin(&header, &piece, is_udp ? &control : NULL, msg);
	n = recvmsg(fd, &header, MSG_DONTWAIT);
	if (n < 0)
		return -1;
	receive_end(&header, (size_t)n, msg);
	return 1;
}

int
datagram_receive_(evutil_socket_t fd, struct datagram_ *msgs, int n,
    int is_udp)
{
	struct mmsghdr headers[DATAGRAMS_MAX_];
	struct iovec pieces[DATAGRAMS_MAX_];
	union received control[DATAGRAMS_MAX_];
	int i, got;

	if (n == 1)
		return receive_one(fd, msgs, is_udp);
	for (i = 0; i < n; i++)
		receive_begin(&headers[i].msg_hdr, &pieces[i],
		    is_udp ? &control[i] : NULL, &msgs[i]);
	got = recvmmsg(fd, headers, (unsigned)n, MSG_DONTWAIT, NULL);
	/* A list of allowed system calls may know the other one alone. */
	if (got < 0 && (errno == ENOSYS || errno == EPERM))
		return receive_one(fd, msgs, is_udp);
	for (i = 0; i < got; i++)
		receive_end(&headers[i].msg_hdr, headers[i].msg_len,
		    &msgs[i]);
	return got;
}

/* ---- sending ---- */

static void
send_begin(struct msghdr *header, const struct pev_packet_ *packet)
{
	memset(header, 0, sizeof(*header));
	header->msg_name = (void *)packet->addr;
	header->msg_namelen = packet->addrlen;
	header->msg_iov = (struct iovec *)(void *)packet->vec;
	header->msg_iovlen = (size_t)packet->n_vec;
}

/* The run, of more than one, as one message; pieces are as many. */
static void
send_begin_joined(struct msghdr *header, struct iovec *pieces,
    union segmented *control, const struct datagram_run_ *run)
{
	uint16_t size = (uint16_t)run->packets->len;
	struct cmsghdr *segment = &control->align;
	int i;

	for (i = 0; i < run->n; i++) {
		pieces[i].iov_base = run->packets[i].vec->iov_base;
		pieces[i].iov_len = run->packets[i].vec->iov_len;
	}
	memset(header, 0, sizeof(*header));
	header->msg_iov = pieces;
	header->msg_iovlen = (size_t)run->n;
	header->msg_control = control;
	header->msg_controllen = sizeof(*control);
	memset(control, 0, sizeof(*control));
	segment->cmsg_level = IPPROTO_UDP;
	segment->cmsg_type = UDP_SEGMENT;
	segment->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(segment), &size, sizeof(size));
}

static int
send_one(evutil_socket_t fd, struct msghdr *header)
{
	return sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 1;
}

int
datagram_send_(evutil_socket_t fd, const struct datagram_run_ *runs, int n)
{
	struct mmsghdr headers[DATAGRAM_RUNS_MAX_];
	struct iovec pieces[DATAGRAM_PACKETS_MAX_], *piece = pieces;
	union segmented control[DATAGRAM_RUNS_MAX_];
	int i, sent;

	for (i = 0; i < n; i++) {
		if (runs[i].n == 1) {
			send_begin(&headers[i].msg_hdr, runs[i].packets);
			continue;
		}
		send_begin_joined(&headers[i].msg_hdr, piece, &control[i],
		    &runs[i]);
		piece += runs[i].n;
	}
	if (n == 1)
		return send_one(fd, &headers[0].msg_hdr);
	sent = sendmmsg(fd, headers, (unsigned)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && (errno == ENOSYS || errno == EPERM))
		return send_one(fd, &headers[0].msg_hdr);
	return sent;
}

/* ---- what the socket can do ---- */

static int
get_int(evutil_socket_t fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

int
datagram_is_udp_(evutil_socket_t fd)
{
	int family = get_int(fd, SOL_SOCKET, SO_DOMAIN);

	return (family == AF_INET || family == AF_INET6) &&
	    get_int(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
}

int
datagram_is_joined_(evutil_socket_t fd)
{
	return get_int(fd, IPPROTO_UDP, UDP_GRO) > 0;
}

int
datagram_join_received_(evutil_socket_t fd, int on)
{
	return get_int(fd, IPPROTO_UDP, UDP_GRO) == !on &&
	    setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0;
}

int
datagram_can_join_(evutil_socket_t fd)
{
	/* Kernels that do not know it would send one large datagram. */
	return get_int(fd, IPPROTO_UDP, UDP_SEGMENT) >= 0;
}
