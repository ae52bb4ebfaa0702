/*
 * Frames that hold many packets: read, passed on and written as they are, or
 * split on the way to what cannot take them.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "offload/offload-internal.h"
#include "packetevent-internal.h"

_Static_assert((int)PEV_REFUSALS_ == (int)OFFLOAD_N_REFUSALS_,
    "there is a counter for each reason");

/* The longest segment. */
#define SEGMENT_MAX (EVTUN_MAX_FRAME + 4)

/* ---- reading ---- */

int
pev_wants_large_(const struct packetevent *pev)
{
	if (pev->wants_large)
		return 1;
	return pev->readcb == packetevent_forward && pev->ctx != NULL &&
	    (pev_get_traits_(pev->ctx) & PEV_HAS_LARGE_);
}

int
packetevent_set_large(struct packetevent *pev, int wanted)
{
	int err = 0;

	pev_lock_(pev);
	if (pev->enabled & EV_READ)
		err = EBUSY;
	else
		pev->wants_large = wanted != 0;
	pev_unlock_(pev);
	return err ? evtun_fail_(err, "ask for large frames",
	    "disable reading first") : 0;
}

int
packetevent_get_offload(struct packetevent *pev, int i,
    struct evtun_offload *offload)
{
	int err = 0;

	pev_lock_(pev);
	if (i < 0 || i >= pev->n_batch)
		err = EINVAL;
	else if (pev->arena->is_large)
		*offload = pev->arena->large[i].offload;
	else
		memset(offload, 0, sizeof(*offload));
	pev_unlock_(pev);
	return err ? evtun_fail_(err, "get the description of a frame",
	    "there is none such in the batch, or this is no read callback") :
	    0;
}

/* ---- splitting ---- */

/* Memory for a segment: like an arena, space that is never committed. */
static unsigned char *
pev_get_scratch(struct packetevent *pev)
{
	struct evbuffer_iovec space;

	if (pev->scratch == NULL)
		pev->scratch = evbuffer_new();
	if (pev->scratch == NULL ||
	    evbuffer_reserve_space(pev->scratch, SEGMENT_MAX, &space, 1) != 1)
		return NULL;
	return space.iov_base;
}

/* What is done with each segment: 0 or an errno, where EAGAIN ends it. */
typedef int (*segment_fn)(struct packetevent *pev,
    const struct pev_packet_ *segment, void *arg);

static int
pev_each(struct packetevent *pev, unsigned char *data, size_t len,
    segment_fn each, void *arg)
{
	struct evbuffer_iovec piece = {data, len};
	struct pev_packet_ segment = {&piece, 1, len, NULL, 0, NULL};

	return each(pev, &segment, arg);
}

/* A packet of which the checksum alone is missing. */
static int
pev_complete(struct packetevent *pev, const struct pev_packet_ *packet,
    segment_fn each, void *arg)
{
	unsigned char *scratch = pev_get_scratch(pev);

	if (scratch == NULL)
		return ENOMEM;
	memcpy(scratch, packet->vec->iov_base, packet->len);
	if (packet->offload->flags & EVTUN_OFFLOAD_NEEDS_CSUM &&
	    offload_complete_(packet->offload, scratch, packet->len))
		return EINVAL;
	return pev_each(pev, scratch, packet->len, each, arg);
}

/* Leave the first *sent segments out, which are out.  Return 0, or what became
 * of the last segment that met with an error. */
static int
pev_split(struct packetevent *pev, const struct pev_packet_ *packet,
    int ethernet, unsigned *sent, segment_fn each, void *arg)
{
	unsigned char *scratch = pev_get_scratch(pev);
	struct offload_split_ split;
	int err, last_err = 0;
	unsigned i = 0;
	size_t len;

	if (scratch == NULL)
		return ENOMEM;
	if (offload_begin_(&split, packet->offload, packet->vec->iov_base,
	    packet->len, ethernet))
		return EINVAL;
	while (!offload_is_done_(&split)) {
		len = offload_next_(&split, scratch);
		if (i++ < *sent)
			continue;
		err = pev_each(pev, scratch, len, each, arg);
		if (err == EAGAIN || (err && pev->error[PEV_WRITE_]))
			return err;
		if (err)
			last_err = err;
		++*sent;
	}
	*sent = 0;
	return last_err;
}

static int
pev_dissolve(struct packetevent *pev, const struct pev_packet_ *packet,
    int ethernet, unsigned *sent, segment_fn each, void *arg)
{
	if (packet->offload->gso_type == EVTUN_OFFLOAD_NONE)
		return pev_complete(pev, packet, each, arg);
	return pev_split(pev, packet, ethernet, sent, each, arg);
}

/* ---- writing ---- */

static int
pev_send_segment(struct packetevent *pev, const struct pev_packet_ *segment,
    void *arg)
{
	(void)arg;
	return pev->ops->send(pev, segment);
}

int
pev_send_large_(struct packetevent *pev, const struct pev_packet_ *packet)
{
	int err = pev->in_segments ? ENOTSUP :
	    pev->ops->send_large(pev, packet);

	if (err != ENOTSUP)
		return err;
	/* What has been begun in segments goes on in segments. */
	pev->in_segments = 1;
	err = pev_dissolve(pev, packet,
	    (pev_get_traits_(pev) & PEV_HAS_ETHERNET_) != 0,
	    &pev->segments_sent, pev_send_segment, NULL);
	if (err != EAGAIN)
		pev_forget_segments_(pev);
	return err;
}

/* What is wrong with a large frame: 0 or an errno. */
static int
pev_check_large(struct packetevent *pev, const void *data, size_t len,
    const struct evtun_offload *offload)
{
	unsigned traits = pev_get_traits_(pev);

	if (!(traits & PEV_HAS_BARE_))
		return ENOTSUP;
	return offload_is_sound_(offload, data, len,
	    (traits & PEV_HAS_ETHERNET_) != 0) ? 0 : EINVAL;
}

int
packetevent_write_large(struct packetevent *pev, const void *data,
    size_t len, const struct evtun_offload *offload)
{
	struct evbuffer_iovec piece = {(void *)data, len};
	struct pev_packet_ packet = {&piece, 1, len, NULL, 0, offload};
	struct pev_verdict_ verdict = {0, 0};

	if (offload == NULL)
		return packetevent_write(pev, data, len);
	pev_lock_(pev);
	/* An empty one, and errors of the device, are met as ever. */
	if (len > 0 && !pev->error[PEV_WRITE_])
		verdict.err = pev_check_large(pev, data, len, offload);
	if (verdict.err)
		pev->counts[PEV_COUNT_WRITE_DROPPED]++;
	else
		pev_write_packets_(pev, &packet, 1, &verdict);
	pev_unlock_(pev);
	if (verdict.err == EINVAL)
		return evtun_fail_(EINVAL, "write a large frame",
		    "its description does not fit it, or the device would "
		    "not take it");
	return verdict.err ? pev_fail_write_(pev, &verdict) : 0;
}

/* ---- forwarding ---- */

static int
pev_write_segment(struct packetevent *pev, const struct pev_packet_ *segment,
    void *arg)
{
	pev_write_packets_(pev, segment, 1, arg);
	return 0;
}

/* Write the packets of a frame to what takes no large ones. */
static void
pev_write_dissolved(struct packetevent *pev, const struct pev_packet_ *packet,
    int ethernet, struct pev_verdict_ *verdict)
{
	unsigned sent = 0;
	int err = pev_dissolve(pev, packet, ethernet, &sent,
	    pev_write_segment, verdict);

	if (err) {
		verdict->err = err;
		pev->counts[PEV_COUNT_WRITE_DROPPED]++;
	}
}

static int
overlaps(const struct pev_large_ *large, const struct evbuffer_iovec *packet)
{
	const unsigned char *start = packet->iov_base;

	return start < large->start + large->len &&
	    large->start < start + packet->iov_len;
}

/* The description of a packet, wherever in the batch it was; NULL if it is
 * not of this batch.  *next is the one that is most likely. */
static const struct pev_large_ *
pev_find_large(const struct packetevent *pev,
    const struct evbuffer_iovec *packet, int *next)
{
	const struct pev_large_ *large = pev->arena->large;
	int i, j;

	for (i = 0; i < pev->n_batch; i++) {
		j = (*next + i) % pev->n_batch;
		if (!overlaps(&large[j], packet))
			continue;
		*next = j + 1;
		return &large[j];
	}
	return NULL;
}

/* A batch on its way from one packetevent to another. */
struct forward {
	struct packetevent *from;
	struct packetevent *to;
	int next;		/* in the batch: see pev_find_large() */
	int n;
	struct pev_packet_ packets[PEV_TOGETHER_];
	struct pev_verdict_ verdict;
};

static void
forward_flush(struct forward *f)
{
	pev_write_packets_(f->to, f->packets, f->n, &f->verdict);
	f->n = 0;
}

static void
forward_add(struct forward *f, const struct evbuffer_iovec *pkt)
{
	struct pev_packet_ packet = {pkt, 1, pkt->iov_len, NULL, 0, NULL};
	const struct pev_large_ *large = pev_find_large(f->from, pkt,
	    &f->next);
	int whole = large == NULL || (pkt->iov_base == large->start &&
	    pkt->iov_len == large->len);

	if (large != NULL && (large->offload.gso_type != EVTUN_OFFLOAD_NONE ||
	    large->offload.flags & EVTUN_OFFLOAD_NEEDS_CSUM))
		packet.offload = &large->offload;
	if (packet.offload == NULL || (whole &&
	    pev_get_traits_(f->to) & PEV_HAS_LARGE_)) {
		f->packets[f->n++] = packet;
		return;
	}
	forward_flush(f);
	if (whole)
		pev_write_dissolved(f->to, &packet,
		    (pev_get_traits_(f->from) & PEV_HAS_ETHERNET_) != 0,
		    &f->verdict);
	else
		f->to->counts[PEV_COUNT_WRITE_DROPPED]++;
}

void
packetevent_forward(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *to)
{
	struct forward f;
	int i;

	if (pev->arena == NULL || !pev->arena->is_large) {
		packetevent_write_batch(to, pkts, n_pkts);
		return;
	}
	f.from = pev;
	f.to = to;
	f.next = f.n = 0;
	memset(&f.verdict, 0, sizeof(f.verdict));
	pev_lock_(to);
	for (i = 0; i < n_pkts; i++) {
		forward_add(&f, &pkts[i]);
		if (f.n == PEV_TOGETHER_ || i == n_pkts - 1)
			forward_flush(&f);
	}
	pev_unlock_(to);
}
