/*
 * Packets in and out of a TUN or TAP device on Linux.
 */
#include "config.h"

#include <sys/uio.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include <linux/virtio_net.h>

#include "evtun/tun.h"
#include "tun/linux-internal.h"
#include "tun/tun-internal.h"

/* The longest of the headers that evtun_system_adopt_() knows. */
#define VNET_HDR_MAX 24

/* The most pieces of a packet; the kernel takes 1,024 at once, a header of
 * ours among them. */
#define MAX_PIECES 1000

/* Before a packet stand its packet information, if any, and then the header
 * for offload, if any: tun_put_user() in drivers/net/tun.c.  The first is
 * part of the packet to our callers, the second is not. */
static size_t
info_size(const struct evtun *tun)
{
	return tun->options & EVTUN_OPT_PACKET_INFO ? EVTUN_INFO_SIZE : 0;
}

static int
read_error(int err)
{
	switch (err) {
	case 0:		/* a read of nothing */
	case EWOULDBLOCK:
		err = EAGAIN;
		break;
	case EBADFD:
	case ENODEV:
	case EFAULT:	/* a descriptor made blocking again, and deleted */
		err = ENXIO;
		break;
	case EINVAL:	/* shorter than its header, and lost */
		err = EBADMSG;
		break;
	}
	errno = err;
	return -1;
}

/* Return the length of the packet of which n bytes were read, the header at
 * vnet among them.  What is still to be split or summed is of no use here. */
static ev_ssize_t
strip(const struct evtun *tun, const unsigned char *vnet, size_t n)
{
	if (tun->prefix == 0)
		return (ev_ssize_t)n;
	if (n <= info_size(tun) + tun->prefix ||
	    (vnet[offsetof(struct virtio_net_hdr, flags)] &
	    VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	    vnet[offsetof(struct virtio_net_hdr, gso_type)] !=
	    VIRTIO_NET_HDR_GSO_NONE) {
		errno = EBADMSG;
		return -1;
	}
	return (ev_ssize_t)(n - tun->prefix);
}

ev_ssize_t
evtun_recv_(struct evtun *tun, void *packet, size_t space)
{
	unsigned char *start = (unsigned char *)packet - tun->prefix;
	size_t info;
	ssize_t n;

	do
		n = read(tun->fd, start, tun->prefix + space);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return read_error(n < 0 ? errno : 0);
	if ((size_t)n >= tun->prefix + space) {
		errno = EMSGSIZE;
		return -1;
	}
	if (tun->prefix == 0)
		return n;
	info = info_size(tun);
	n = strip(tun, start + info, (size_t)n);
	memmove(packet, start, info);
	return n;
}

/* With a few bytes more than asked for: what lands there did not fit. */
static ev_ssize_t
read_some(struct evtun *tun, void *data, size_t len)
{
	unsigned char head[EVTUN_INFO_SIZE + VNET_HDR_MAX], spare[4];
	size_t info = tun->prefix > 0 ? info_size(tun) : 0;
	size_t kept = info < len ? info : len;
	struct iovec vec[3] = {
		{ head, info + tun->prefix },
		{ (unsigned char *)data + kept, len - kept },
		{ spare, sizeof(spare) }
	};
	ssize_t n;

	do
		n = readv(tun->fd, vec, 3);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return read_error(n < 0 ? errno : 0);
	n = strip(tun, head + info, (size_t)n);
	if (n >= 0 && (size_t)n > len) {
		errno = EMSGSIZE;
		return -1;
	}
	if (n > 0)
		memcpy(data, head, kept);
	return n;
}

ev_ssize_t
evtun_system_read_(struct evtun *tun, void *data, size_t len)
{
	ev_ssize_t n;

	/* Where there is no header, it is the kernel that refuses. */
	do
		n = read_some(tun, data, len);
	while (n < 0 && errno == EBADMSG && tun->prefix > 0);
	return n < 0 && errno == EAGAIN ? 0 : n;
}

static int
write_error(int err)
{
	switch (err) {
	case EBADFD:
	case ENODEV:
		return ENXIO;
	case EIO:
		return ENETDOWN;
	case EFAULT:
		return EINVAL;
	default:
		return err;
	}
}

/* Put the header before the packet: all zero, there is nothing to do.
 * Return the number of pieces. */
static int
put_header(const struct evtun *tun, unsigned char *head, struct iovec *out,
    const struct iovec *vec, int n_vec)
{
	size_t info = info_size(tun), got = 0, take;
	int i, n = 1;

	memset(head, 0, info + tun->prefix);
	for (i = 0; i < n_vec; i++) {
		if (vec[i].iov_len == 0)
			continue;
		take = info - got < vec[i].iov_len ? info - got :
		    vec[i].iov_len;
		memcpy(head + got, vec[i].iov_base, take);
		got += take;
		out[n].iov_base = (unsigned char *)vec[i].iov_base + take;
		out[n++].iov_len = vec[i].iov_len - take;
	}
	out[0].iov_base = head;
	out[0].iov_len = info + tun->prefix;
	return n;
}

static int
send_pieces(struct evtun *tun, const struct iovec *vec, int n_vec)
{
	ssize_t n;

	do
		n = n_vec == 1 ? write(tun->fd, vec->iov_base, vec->iov_len) :
		    writev(tun->fd, vec, n_vec);
	while (n < 0 && errno == EINTR);
	return n < 0 ? write_error(errno) : 0;
}

/* Apart, so that the common case does not pay for this large a frame. */
__attribute__((noinline)) static int
send_with_header(struct evtun *tun, const struct iovec *vec, int n_vec)
{
	unsigned char head[EVTUN_INFO_SIZE + VNET_HDR_MAX];
	struct iovec all[MAX_PIECES + 1];

	return send_pieces(tun, all, put_header(tun, head, all, vec, n_vec));
}

/* libevent's own struct has the same layout, where it is not the same. */
_Static_assert(sizeof(struct evbuffer_iovec) == sizeof(struct iovec) &&
    offsetof(struct evbuffer_iovec, iov_base) ==
    offsetof(struct iovec, iov_base) &&
    offsetof(struct evbuffer_iovec, iov_len) ==
    offsetof(struct iovec, iov_len), "struct evbuffer_iovec is an iovec");

int
evtun_send_(struct evtun *tun, const struct evbuffer_iovec *vec, int n_vec)
{
	const struct iovec *pieces = (const struct iovec *)vec;

	if (n_vec > MAX_PIECES)
		return EINVAL;
	return tun->prefix == 0 ? send_pieces(tun, pieces, n_vec) :
	    send_with_header(tun, pieces, n_vec);
}

/* A read of nothing takes no packet. */
int
evtun_probe_(struct evtun *tun)
{
	char none;
	ssize_t n;

	do
		n = read(tun->fd, &none, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 && read_error(errno) < 0 && errno == ENXIO ? ENXIO : 0;
}
