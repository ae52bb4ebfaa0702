/*
 * From a write to what lies beneath, or into the queue and out of it.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "packetevent-internal.h"

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
	pev_forget_segments_(pev);
	pev->waited = 0;
}

/* ---- to what lies beneath ---- */

static int
pev_send(struct packetevent *pev, const struct pev_packet_ *packet)
{
	return packet->offload != NULL ? pev_send_large_(pev, packet) :
	    pev->ops->send(pev, packet);
}

/* After packets have been accounted for: some of those that were lost may not
 * be the only ones. */
static void
pev_tell_failed(struct packetevent *pev, const int *errs, int n)
{
	int i;

	for (i = 0; i < n && pev->ops->failed != NULL; i++)
		if (errs[i] != 0 && errs[i] != EAGAIN)
			pev->ops->failed(pev, errs[i]);
}

/* ---- out of the queue ---- */

/* Account for n packets that were handed over, or not; return how many have
 * left the queue.  *err is the last of the errors. */
static int
pev_settle(struct packetevent *pev, const struct pev_packet_ *packets, int n,
    const int *errs, int *err)
{
	int i, gone = 0;

	for (i = 0; i < n; i++) {
		if (errs[i])
			*err = errs[i];
		if (errs[i] == EAGAIN)
			continue;
		if (errs[i] == 0)
			pev_count_written_(pev, packets[i].len);
		else
			pev->counts[PEV_COUNT_WRITE_DROPPED]++;
		pev_queue_drop_(pev->queue, &packets[i]);
		gone++;
	}
	pev_queue_sweep_(pev->queue);
	pev_tell_failed(pev, errs, n);
	return gone;
}

/* Hand over the oldest packet. */
static int
pev_flush_one(struct packetevent *pev, const struct pev_packet_ *packet,
    int *err)
{
	*err = pev_send(pev, packet);
	/* The queue has gone as well, and been accounted for. */
	if (pev->error[PEV_WRITE_])
		return 0;
	return pev_settle(pev, packet, 1, err, err);
}

/* Return how many packets left the queue, at most max; 0 ends it. */
static int
pev_flush_some(struct packetevent *pev, int max, int *err)
{
	struct pev_packet_ packets[PEV_TOGETHER_];
	struct pev_stored_ stored[PEV_TOGETHER_];
	int i, n, errs[PEV_TOGETHER_];

	if (pev->ops->send_many == NULL)
		max = 1;
	n = pev_queue_peek_(pev->queue, packets, stored,
	    max < PEV_TOGETHER_ ? max : PEV_TOGETHER_);
	if (n == 0)
		return 0;
	for (i = 0; i < n && packets[i].offload == NULL; i++)
		;
	if (i < 2 || pev->ops->send_many == NULL)
		return pev_flush_one(pev, packets, err);
	pev->ops->send_many(pev, packets, i, errs);
	*err = 0;
	return pev_settle(pev, packets, i, errs, err);
}

int
pev_flush_(struct packetevent *pev, int max)
{
	int n, err = 0, moved = 0;

	while (moved < max && err != EAGAIN && pev_is_writing_(pev)) {
		n = pev_flush_some(pev, max - moved, &err);
		if (n == 0)
			break;
		moved += n;
	}
	if (moved > 0)
		pev_progress_(pev);
	if (!pev->freed)
		pev->ops->update(pev, pev->queue->packets > 0);
	return err;
}

/* ---- into it, or past it ---- */

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

static int
pev_lose(struct packetevent *pev, int err, struct pev_verdict_ *verdict)
{
	pev->counts[PEV_COUNT_WRITE_DROPPED]++;
	verdict->err = err;
	return 0;
}

/* Put a packet into the queue, if there is room. */
static int
pev_wait(struct packetevent *pev, const struct pev_packet_ *packet,
    struct pev_verdict_ *verdict)
{
	int err = pev->error[PEV_WRITE_];

	/* What came before may have ended it. */
	if (err)
		return pev_lose(pev, err, verdict);
	if (pev_is_full(pev)) {
		verdict->is_full = 1;
		pev->counts[PEV_COUNT_WRITE_FULL]++;
		return pev_lose(pev, ENOBUFS, verdict);
	}
	err = pev_enqueue(pev, packet);
	return err ? pev_lose(pev, err, verdict) : 1;
}

/* Write one packet. */
static inline int
pev_write(struct packetevent *pev, const struct pev_packet_ *packet,
    struct pev_verdict_ *verdict)
{
	int direct = pev->queue->packets == 0 && pev_is_writing_(pev);
	int taken, err = pev_check(pev, packet);

	if (err)
		return pev_lose(pev, err, verdict);
	if (!direct || (pev->ops->in_memory && pev_is_full(pev)))
		return pev_wait(pev, packet, verdict);
	err = pev_send(pev, packet);
	if (err == 0) {
		pev_count_written_(pev, packet->len);
		/* A device has it; a stream has it waiting. */
		if (pev->ops->get_unsent != NULL)
			pev->waited = 1;
		return 1;
	}
	taken = err == EAGAIN ? pev_wait(pev, packet, verdict) :
	    pev_lose(pev, err, verdict);
	if (!taken)
		pev_forget_segments_(pev);
	return taken;
}

/* How many of the n packets may be handed over without a look at each. */
static int
pev_count_ready(struct packetevent *pev, const struct pev_packet_ *packets,
    int n)
{
	int i = 0;

	if (pev->ops->send_many == NULL || n == 1 ||
	    pev->queue->packets > 0 || !pev_is_writing_(pev))
		return 0;
	while (i < n && packets[i].offload == NULL &&
	    pev_check(pev, &packets[i]) == 0)
		i++;
	return i;
}

/* Hand n packets over together; return how many were sent or queued. */
static int
pev_write_together(struct packetevent *pev, const struct pev_packet_ *packets,
    int n, struct pev_verdict_ *verdict)
{
	int i, taken = 0, errs[PEV_TOGETHER_];

	pev->ops->send_many(pev, packets, n, errs);
	for (i = 0; i < n; i++) {
		if (errs[i] == 0) {
			pev_count_written_(pev, packets[i].len);
			taken++;
		} else if (errs[i] == EAGAIN) {
			taken += pev_wait(pev, &packets[i], verdict);
		} else {
			pev_lose(pev, errs[i], verdict);
		}
	}
	pev_tell_failed(pev, errs, n);
	return taken;
}

int
pev_write_packets_(struct packetevent *pev,
    const struct pev_packet_ *packets, int n, struct pev_verdict_ *verdict)
{
	int i, ready, taken = 0;

	for (i = 0; i < n && !verdict->is_full; i += ready) {
		ready = pev_count_ready(pev, &packets[i], n - i);
		if (ready > 1) {
			taken += pev_write_together(pev, &packets[i], ready,
			    verdict);
		} else {
			ready = 1;
			taken += pev_write(pev, &packets[i], verdict);
		}
	}
	/* Those that a full queue refuses are the last ones. */
	pev->counts[PEV_COUNT_WRITE_FULL] += (ev_uint64_t)(n - i);
	pev->counts[PEV_COUNT_WRITE_DROPPED] += (ev_uint64_t)(n - i);
	return taken;
}
