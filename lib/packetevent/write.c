#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "packetevent-internal.h"

/* As many pieces of a packet as one system call takes everywhere, with one
 * to spare for a header of ours. */
#define PIECES_MAX 1000
/* What a kind may look at before it takes a packet: packet information and
 * the first byte of what follows. */
#define HEAD_BYTES 5

/* ---- the state of the queue ---- */

static size_t
pev_get_unsent(struct packetevent *pev)
{
	return pev->ops->get_unsent != NULL ? pev->ops->get_unsent(pev) : 0;
}

static int
pev_is_full(struct packetevent *pev)
{
	size_t highmark = pev->highmark;

	if (highmark == 0 && pev->ops->in_memory)
		highmark = 1;
	return pev->queue->bytes + pev_get_unsent(pev) >= highmark;
}

void
pev_count_written_(struct packetevent *pev, size_t len)
{
	pev->counts[PEV_COUNT_WRITTEN_PACKETS]++;
	pev->counts[PEV_COUNT_WRITTEN_BYTES] += len;
}

void
pev_progress_(struct packetevent *pev)
{
	pev_restart_timer_(pev, PEV_WRITE_);
	if (!pev->waited || pev->freed ||
	    pev->queue->bytes + pev_get_unsent(pev) > pev->lowmark)
		return;
	pev->waited = 0;
	pev->write_due = 1;
	/* A write callback that flushes takes turns with everybody else. */
	if (pev->in_due)
		pev_wake_(pev->ev_due);
	else
		event_active(pev->ev_due, EV_WRITE, 0);
}

void
pev_drop_queue_(struct packetevent *pev)
{
	pev->counts[PEV_COUNT_WRITE_DROPPED] += pev->queue->packets;
	pev_queue_clear_(pev->queue);
	pev->waited = 0;
}

/* ---- out of the queue ---- */

int
pev_flush_(struct packetevent *pev, int max)
{
	struct pev_packet_ packet;
	struct evbuffer_iovec piece;
	int err = 0, moved = 0;

	while (moved < max && pev_is_writing_(pev) &&
	    pev_queue_peek_(pev->queue, &packet, &piece)) {
		err = pev->ops->send(pev, &packet);
		if (err == EAGAIN || pev->error[PEV_WRITE_])
			break;
		if (err == 0)
			pev_count_written_(pev, packet.len);
		else
			pev->counts[PEV_COUNT_WRITE_DROPPED]++;
		pev_queue_drop_(pev->queue, &packet);
		moved++;
	}
	if (moved > 0)
		pev_progress_(pev);
	if (!pev->freed)
		pev->ops->update(pev, pev->queue->packets > 0);
	return err;
}

int
packetevent_flush(struct packetevent *pev)
{
	int left;

	pev_lock_(pev);
	if (!pev->error[PEV_WRITE_])
		pev_flush_(pev, INT_MAX);
	/* It may have been found out by flushing. */
	if (pev->error[PEV_WRITE_])
		left = evtun_fail_(pev->error[PEV_WRITE_],
		    "flush a packetevent", NULL);
	else
		left = (int)pev->queue->packets;
	pev_unlock_(pev);
	return left;
}

/* ---- into it, or past it ---- */

static const char full[] = "the queue is full";

static int
pev_enqueue(struct packetevent *pev, const struct pev_packet_ *packet)
{
	int first = pev->queue->packets == 0;

	/* Readiness before the packet: one that nothing would ever send must
	 * not be taken. */
	if (first && pev->ops->update(pev, 1) < 0)
		return ENOMEM;
	if (pev_queue_add_(pev->queue, packet) < 0) {
		if (first)
			pev->ops->update(pev, 0);
		return ENOMEM;
	}
	pev->waited = 1;
	if (first)
		pev_restart_timer_(pev, PEV_WRITE_);
	return 0;
}

/* Refuse what could never be written: 0 or an errno. */
static int
pev_check(struct packetevent *pev, const struct pev_packet_ *packet)
{
	unsigned char head[HEAD_BYTES];
	size_t n = 0, part;
	int i;

	if (pev->error[PEV_WRITE_])
		return pev->error[PEV_WRITE_];
	if (packet->len == 0 || packet->len > EVTUN_MAX_FRAME + 4)
		return EMSGSIZE;
	if (packet->vec[0].iov_len >= HEAD_BYTES)
		return pev->ops->check(pev, packet->vec[0].iov_base,
		    packet->vec[0].iov_len, packet->len);
	for (i = 0; i < packet->n_vec && n < HEAD_BYTES; i++) {
		part = packet->vec[i].iov_len;
		if (part == 0)
			continue;
		if (part > HEAD_BYTES - n)
			part = HEAD_BYTES - n;
		memcpy(head + n, packet->vec[i].iov_base, part);
		n += part;
	}
	return pev->ops->check(pev, head, n, packet->len);
}

/* Write one packet: 0, or why it was dropped.  *is_full tells our own ENOBUFS
 * from that of a device. */
static inline int
pev_write(struct packetevent *pev, const struct pev_packet_ *packet,
    int *is_full)
{
	int direct = pev->queue->packets == 0 && pev_is_writing_(pev);
	int err = pev_check(pev, packet);

	if (err)
		goto dropped;
	if (pev->ops->in_memory && pev_is_full(pev))
		goto full;
	err = direct ? pev->ops->send(pev, packet) : EAGAIN;
	if (err == 0) {
		pev_count_written_(pev, packet->len);
		/* A device has it; a stream has it waiting. */
		if (pev->ops->get_unsent != NULL)
			pev->waited = 1;
		return 0;
	}
	if (err == EAGAIN) {
		if (pev_is_full(pev))
			goto full;
		err = pev_enqueue(pev, packet);
		if (err == 0)
			return 0;
	}
	goto dropped;
full:
	*is_full = 1;
	pev->counts[PEV_COUNT_WRITE_FULL]++;
	err = ENOBUFS;
dropped:
	pev->counts[PEV_COUNT_WRITE_DROPPED]++;
	return err;
}

static const char *
pev_explain(const struct packetevent *pev, int err, int is_full)
{
	if (is_full)
		return full;
	switch (err) {
	case EMSGSIZE:
		return "it is empty, or larger than a packet can be";
	case EINVAL:
		return pev->ops->refusal;
	case EDESTADDRREQ:
	case ENOTCONN:
		return "the socket is not connected: packetevent_write_to()";
	case EPIPE:
		return "the other end is gone";
	case ENETDOWN:
		return "the interface is down";
	case ENXIO:
		return "the interface was deleted";
	default:
		return NULL;
	}
}

static int
pev_write_packet(struct packetevent *pev, const struct pev_packet_ *packet)
{
	int err, is_full = 0;

	pev_lock_(pev);
	err = pev_write(pev, packet, &is_full);
	pev_unlock_(pev);
	if (err)
		return evtun_fail_(err, "write a packet",
		    pev_explain(pev, err, is_full));
	return 0;
}

/* What cannot even be looked at is dropped, and counted, as well. */
static int
pev_refuse(struct packetevent *pev, const char *why)
{
	pev_lock_(pev);
	pev->counts[PEV_COUNT_WRITE_DROPPED]++;
	pev_unlock_(pev);
	return evtun_fail_(EINVAL, "write a packet", why);
}

/* Sum up the pieces; a sum that overflows becomes one that is refused. */
static size_t
pev_get_total(const struct evbuffer_iovec *vec, int n_vec)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n_vec; i++) {
		if (vec[i].iov_len > SIZE_MAX - total)
			return SIZE_MAX;
		total += vec[i].iov_len;
	}
	return total;
}

int
packetevent_write(struct packetevent *pev, const void *data, size_t len)
{
	struct evbuffer_iovec piece = {(void *)data, len};
	struct pev_packet_ packet = {&piece, 1, len, NULL, 0};

	return pev_write_packet(pev, &packet);
}

int
packetevent_write_to(struct packetevent *pev, const struct sockaddr *addr,
    int socklen, const void *data, size_t len)
{
	struct evbuffer_iovec piece = {(void *)data, len};
	struct pev_packet_ packet = {&piece, 1, len, addr,
	    (socklen_t)socklen};

	if (addr == NULL)
		return packetevent_write(pev, data, len);
	if (pev->ops->has_sources == NULL || !pev->ops->has_sources(pev))
		return pev_refuse(pev, "only datagram sockets have addresses");
	if (socklen <= 0 ||
	    (size_t)socklen > sizeof(struct sockaddr_storage))
		return pev_refuse(pev, "no address has that length");
	return pev_write_packet(pev, &packet);
}

int
packetevent_write_iovec(struct packetevent *pev,
    const struct evbuffer_iovec *vec, int n_vec)
{
	struct pev_packet_ packet = {vec, n_vec, 0, NULL, 0};

	if (n_vec > PIECES_MAX)
		return pev_refuse(pev, "it is in more than 1000 pieces");
	if (n_vec > 0)
		packet.len = pev_get_total(vec, n_vec);
	return pev_write_packet(pev, &packet);
}

int
packetevent_write_batch(struct packetevent *pev,
    const struct evbuffer_iovec *pkts, int n_pkts)
{
	struct pev_packet_ packet = {NULL, 1, 0, NULL, 0};
	int i, err, last_err = 0, is_full = 0, taken = 0;

	pev_lock_(pev);
	for (i = 0; i < n_pkts && !is_full; i++) {
		packet.vec = &pkts[i];
		packet.len = pkts[i].iov_len;
		err = pev_write(pev, &packet, &is_full);
		if (err == 0)
			taken++;
		else
			last_err = err;
	}
	/* Those that a full queue refuses are the last ones. */
	if (i < n_pkts) {
		pev->counts[PEV_COUNT_WRITE_FULL] += (ev_uint64_t)(n_pkts - i);
		pev->counts[PEV_COUNT_WRITE_DROPPED] +=
		    (ev_uint64_t)(n_pkts - i);
	}
	pev_unlock_(pev);
	if (last_err)
		evtun_fail_(last_err, "write a packet",
		    pev_explain(pev, last_err, is_full));
	return taken;
}

void
packetevent_forward(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *to)
{
	(void)pev;
	packetevent_write_batch(to, pkts, n_pkts);
}
