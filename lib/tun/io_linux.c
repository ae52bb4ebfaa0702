/*
 * Packets in and out of a TUN or TAP device on Linux.
 */
#include "config.h"

#include <sys/uio.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include <linux/virtio_net.h>

#include "evtun/config.h"
#include "evtun/tun.h"
#include "tun/linux-internal.h"
#include "tun/tun-internal.h"

/* The most pieces of a packet; the kernel takes 1,024 at once, a header of
 * ours among them. */
#define MAX_PIECES 1000

/* Larger packets are not copied to stand behind their header: a second piece
 * costs the kernel as much as some hundred bytes. */
#define COPY_MAX 2048

/* With EVTUN_NAPI_FRAGS: pieces in all, and bytes in one. */
#define FRAGS_MAX 18
#define FRAG_MAX 4096

/* Positions of UDP tunnels stand behind the hash that nobody uses here, and
 * are little-endian always: struct virtio_net_hdr_v1_hash_tunnel. */
#define TUNNEL_POSITIONS 20
#define TUNNEL_TYPES (EVTUN_OFFLOAD_TUNNEL4 | EVTUN_OFFLOAD_TUNNEL6)

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

ev_ssize_t
evtun_recv_(struct evtun *tun, void *packet, size_t space)
{
	ssize_t n;

	do
		n = read(tun->fd, packet, space);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return read_error(n < 0 ? errno : 0);
	if ((size_t)n >= space) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

/* With a few bytes more than asked for: what lands there did not fit. */
ev_ssize_t
evtun_system_read_(struct evtun *tun, void *data, size_t len)
{
	unsigned char spare[4];
	struct iovec vec[2] = { { data, len }, { spare, sizeof(spare) } };
	ssize_t n;

	do
		n = readv(tun->fd, vec, 2);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return read_error(n < 0 ? errno : 0) < 0 && errno == EAGAIN ?
		    0 : -1;
	if ((size_t)n > len) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

/* ---- frames with a description ---- */

static ev_uint16_t
in_order(const struct evtun *tun, ev_uint16_t v)
{
	if (tun->is_swapped)
		return (ev_uint16_t)(v << 8 | v >> 8);
	return v;
}

static ev_uint16_t
get16(const struct evtun *tun, const unsigned char *p)
{
	ev_uint16_t v;

	memcpy(&v, p, sizeof(v));
	return in_order(tun, v);
}

static void
put16(const struct evtun *tun, unsigned char *p, ev_uint16_t v)
{
	v = in_order(tun, v);
	memcpy(p, &v, sizeof(v));
}

static void
get_header(const struct evtun *tun, const unsigned char *p,
    struct evtun_offload *offload)
{
	memset(offload, 0, sizeof(*offload));
	offload->flags = p[offsetof(struct virtio_net_hdr, flags)];
	offload->gso_type = p[offsetof(struct virtio_net_hdr, gso_type)];
	offload->hdr_len = get16(tun, p + offsetof(struct virtio_net_hdr,
	    hdr_len));
	offload->gso_size = get16(tun, p + offsetof(struct virtio_net_hdr,
	    gso_size));
	offload->csum_start = get16(tun, p + offsetof(struct virtio_net_hdr,
	    csum_start));
	offload->csum_offset = get16(tun, p + offsetof(struct virtio_net_hdr,
	    csum_offset));
	if (tun->prefix < EVTUN_PREFIX_MAX)
		return;
	p += TUNNEL_POSITIONS;
	offload->outer_th_offset = (ev_uint16_t)(p[0] | p[1] << 8);
	offload->inner_nh_offset = (ev_uint16_t)(p[2] | p[3] << 8);
}

static void
put_header(const struct evtun *tun, unsigned char *p,
    const struct evtun_offload *offload)
{
	memset(p, 0, tun->prefix);
	if (offload == NULL)
		return;
	p[offsetof(struct virtio_net_hdr, flags)] = offload->flags;
	p[offsetof(struct virtio_net_hdr, gso_type)] = offload->gso_type;
	put16(tun, p + offsetof(struct virtio_net_hdr, hdr_len),
	    offload->hdr_len);
	put16(tun, p + offsetof(struct virtio_net_hdr, gso_size),
	    offload->gso_size);
	put16(tun, p + offsetof(struct virtio_net_hdr, csum_start),
	    offload->csum_start);
	put16(tun, p + offsetof(struct virtio_net_hdr, csum_offset),
	    offload->csum_offset);
	if (tun->prefix < EVTUN_PREFIX_MAX)
		return;
	p += TUNNEL_POSITIONS;
	p[0] = (unsigned char)offload->outer_th_offset;
	p[1] = (unsigned char)(offload->outer_th_offset >> 8);
	p[2] = (unsigned char)offload->inner_nh_offset;
	p[3] = (unsigned char)(offload->inner_nh_offset >> 8);
}

ev_ssize_t
evtun_system_recv_frame_(struct evtun *tun, void *frame, size_t space,
    struct evtun_offload *offload)
{
	unsigned char *start = (unsigned char *)frame - tun->prefix;
	size_t info = info_size(tun);
	ssize_t n;

	do
		n = read(tun->fd, start, tun->prefix + space);
	while (n < 0 && errno == EINTR);
	/* A tunnel that has no place in the header is no end of the device. */
	if (n < 0 && errno == EFAULT && evtun_probe_(tun) == 0)
		errno = EINVAL;
	if (n <= 0)
		return read_error(n < 0 ? errno : 0);
	if ((size_t)n >= tun->prefix + space) {
		errno = EMSGSIZE;
		return -1;
	}
	if ((size_t)n <= info + tun->prefix) {
		errno = EBADMSG;
		return -1;
	}
	get_header(tun, start + info, offload);
	memmove(frame, start, info);
	return (ev_ssize_t)((size_t)n - tun->prefix);
}

/* ---- writing ---- */

int
evtun_write_error_(int err)
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

static int send_pieces(struct evtun *tun, const struct iovec *vec, int n_vec);

/* tun_napi_alloc_frags(): no more pieces than a frame of the kernel's has, and
 * none behind the first that is empty or larger than a page. */
static int
is_fit_for_frags(const struct iovec *vec, int n_vec)
{
	int i;

	for (i = 1; i < n_vec; i++)
		if (vec[i].iov_len == 0 || vec[i].iov_len > FRAG_MAX)
			return 0;
	return n_vec <= FRAGS_MAX;
}

static int
send_as_one(struct evtun *tun, const struct iovec *vec, int n_vec)
{
	struct iovec all = { NULL, 0 };
	unsigned char *to;
	int i, err;

	for (i = 0; i < n_vec; i++)
		all.iov_len += vec[i].iov_len;
	if ((to = malloc(all.iov_len + 1)) == NULL)
		return ENOMEM;
	all.iov_base = to;
	for (i = 0; i < n_vec; i++) {
		if (vec[i].iov_len > 0)
			memcpy(to, vec[i].iov_base, vec[i].iov_len);
		to += vec[i].iov_len;
	}
	err = send_pieces(tun, &all, 1);
	free(all.iov_base);
	return err;
}

static int
send_pieces(struct evtun *tun, const struct iovec *vec, int n_vec)
{
	ssize_t n;

	if (n_vec > 1 && tun->napi == EVTUN_NAPI_FRAGS &&
	    !is_fit_for_frags(vec, n_vec))
		return send_as_one(tun, vec, n_vec);
	do
		n = n_vec == 1 ? write(tun->fd, vec->iov_base, vec->iov_len) :
		    writev(tun->fd, vec, n_vec);
	while (n < 0 && errno == EINTR);
	return n < 0 ? evtun_write_error_(errno) : 0;
}

/* Packet information stands before the header, and the rest of the packet
 * behind it.  Return the number of pieces. */
static int
put_before(const struct evtun *tun, unsigned char *head, struct iovec *out,
    const struct iovec *vec, int n_vec, const struct evtun_offload *offload)
{
	size_t info = info_size(tun), got = 0, take;
	int i, n = 1;

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
	put_header(tun, head + info, offload);
	out[0].iov_base = head;
	out[0].iov_len = info + tun->prefix;
	return n;
}

/* Apart, so that the common case does not pay for this large a frame. */
__attribute__((noinline)) static int
send_in_pieces(struct evtun *tun, const struct iovec *vec, int n_vec,
    const struct evtun_offload *offload)
{
	unsigned char head[EVTUN_INFO_SIZE + EVTUN_PREFIX_MAX];
	struct iovec all[MAX_PIECES + 1];

	return send_pieces(tun, all, put_before(tun, head, all, vec, n_vec,
	    offload));
}

/* A small packet, copied to stand behind its header. */
static int
send_copied(struct evtun *tun, const struct iovec *vec,
    const struct evtun_offload *offload)
{
	unsigned char copy[EVTUN_INFO_SIZE + EVTUN_PREFIX_MAX + COPY_MAX];
	const unsigned char *packet = vec->iov_base;
	struct iovec one = { copy, tun->prefix + vec->iov_len };
	size_t info = info_size(tun);

	memcpy(copy, packet, info);
	put_header(tun, copy + info, offload);
	memcpy(copy + info + tun->prefix, packet + info, vec->iov_len - info);
	return send_pieces(tun, &one, 1);
}

/* libevent's own struct has the same layout, where it is not the same. */
_Static_assert(sizeof(struct evbuffer_iovec) == sizeof(struct iovec) &&
    offsetof(struct evbuffer_iovec, iov_base) ==
    offsetof(struct iovec, iov_base) &&
    offsetof(struct evbuffer_iovec, iov_len) ==
    offsetof(struct iovec, iov_len), "struct evbuffer_iovec is an iovec");

int
evtun_system_send_frame_(struct evtun *tun, const struct evbuffer_iovec *vec,
    int n_vec, const struct evtun_offload *offload)
{
	const struct iovec *pieces = (const struct iovec *)vec;

	if (offload != NULL && offload->gso_type & TUNNEL_TYPES &&
	    tun->prefix < EVTUN_PREFIX_MAX)
		return ENOTSUP;
	if (n_vec == 1 && vec->iov_len <= COPY_MAX &&
	    vec->iov_len >= info_size(tun))
		return send_copied(tun, pieces, offload);
	return send_in_pieces(tun, pieces, n_vec, offload);
}

/* The header goes into the room. */
int
evtun_system_send_placed_(struct evtun *tun, unsigned char *frame, size_t len,
    const struct evtun_offload *offload)
{
	struct iovec all = { frame - tun->prefix, tun->prefix + len };

	put_header(tun, all.iov_base, offload);
	return send_pieces(tun, &all, 1);
}

int
evtun_send_(struct evtun *tun, const struct evbuffer_iovec *vec, int n_vec)
{
	if (n_vec > MAX_PIECES)
		return EINVAL;
	return tun->prefix == 0 ?
	    send_pieces(tun, (const struct iovec *)vec, n_vec) :
	    evtun_system_send_frame_(tun, vec, n_vec, NULL);
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
