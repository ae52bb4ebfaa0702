/*
 * How packets go in and out of a TUN or TAP device.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "fd-internal.h"
#include "tun/tun-internal.h"

_Static_assert(PEV_TOGETHER_ <= EVTUN_SEND_MANY_,
    "a device takes all that is written together");

/* ---- reading ---- */

/* Where a wakeup has found so many packets, the next one does not begin with
 * less than this many either, most of the time. */
#define RUN_MIN 16

static size_t
device_get_mean(const struct pev_arena_ *arena)
{
	return arena->used / (size_t)arena->n - arena->head - arena->tail;
}

static void
device_read_ahead(struct fd_pev *fp, const struct pev_arena_ *arena,
    int limit)
{
	int want = fp->last_reads < limit ? fp->last_reads : limit;

	if (evtun_get_waiting_(fp->tun) == 0)
		evtun_read_ahead_(fp->tun, want - arena->n,
		    device_get_mean(arena));
}

/* Read one by one while packets are few, and ahead when there is a run. */
static int
device_fill_plain(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally)
{
	unsigned char *packet;
	int err, reads = 0;
	ev_ssize_t n;

	while ((packet = pev_arena_next_(arena)) != NULL) {
		if (evtun_get_waiting_(fp->tun) > 0) {
			n = evtun_take_(fp->tun, packet, arena->max_len);
		} else {
			if (reads++ >= limit)
				return 0;
			n = evtun_recv_(fp->tun, packet, arena->max_len + 1);
		}
		if (n > 0) {
			pev_arena_take_(arena, packet, (size_t)n);
			tally->reads++;
			if (fp->last_reads >= RUN_MIN)
				device_read_ahead(fp, arena, limit);
			continue;
		}
		err = fd_judge_(fp, errno, tally);
		if (err)
			return err;
	}
	return 0;
}

/* A frame as it is, or what is left of one that was split before large ones
 * were asked for. */
static ev_ssize_t
device_read_large(struct fd_pev *fp, unsigned char *packet, size_t space)
{
	struct pev_arena_ *arena = fp->pev.arena;
	struct pev_large_ *large = &arena->large[arena->n];
	ev_ssize_t n;

	memset(&large->offload, 0, sizeof(large->offload));
	n = evtun_get_waiting_(fp->tun) > 0 ?
	    evtun_take_(fp->tun, packet, space) :
	    evtun_recv_large_(fp->tun, packet, space, &large->offload,
	    arena->is_checked);
	if (n > 0) {
		large->start = packet;
		large->len = (size_t)n;
	} else {
		fp->refusal = evtun_get_refusal_(fp->tun);
	}
	return n;
}

/* Read a frame, of which the packets wait then.  0, or what ended it. */
static int
device_load(struct fd_pev *fp, struct fd_tally *tally)
{
	if (evtun_load_(fp->tun) > 0) {
		tally->reads++;
		return 0;
	}
	fp->refusal = evtun_get_refusal_(fp->tun);
	return fd_judge_(fp, errno, tally);
}

/* Put packets that wait into the batch; 0 if there is no room for all.  A
 * frame that would fit in an empty batch is not spread over two, so that it
 * can be joined again. */
static int
device_unload(struct fd_pev *fp, struct pev_arena_ *arena, int waiting)
{
	unsigned char *packet;

	if (arena->n > 0 && arena->n + waiting > arena->max_n)
		return 0;
	for (; waiting > 0; waiting--) {
		packet = pev_arena_next_(arena);
		if (packet == NULL)
			return 0;
		pev_arena_take_(arena, packet, (size_t)evtun_take_(fp->tun,
		    packet, arena->max_len));
	}
	return 1;
}

static int
device_fill_split(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally)
{
	int i, err, waiting;

	for (i = 0; ; i++) {
		waiting = evtun_get_waiting_(fp->tun);
		if (waiting > 0 && !device_unload(fp, arena, waiting))
			return 0;
		if (i == limit || arena->n >= arena->max_n)
			return 0;
		err = device_load(fp, tally);
		if (err)
			return err;
	}
}

static int
device_fill(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally)
{
	if (!fp->has_offload)
		return device_fill_plain(fp, arena, limit, tally);
	if (arena->is_large)
		return fd_fill_(fp, arena, limit, tally, device_read_large);
	return device_fill_split(fp, arena, limit, tally);
}

static int
device_get_waiting(struct fd_pev *fp)
{
	return evtun_get_waiting_(fp->tun);
}

/* ---- writing ---- */

static int
device_check(struct packetevent *pev, const void *head, size_t n, size_t len)
{
	return evtun_check_(fd_upcast_(pev)->tun, head, n, len);
}

static int
device_send(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct fd_pev *fp = fd_upcast_(pev);
	int err = evtun_send_(fp->tun, packet->vec, packet->n_vec);

	return err ? fd_refused_(fp, err) : 0;
}

static void
device_send_many(struct packetevent *pev, const struct pev_packet_ *packets,
    int n, int *errs)
{
	struct evbuffer_iovec pkts[PEV_TOGETHER_];
	struct fd_pev *fp = fd_upcast_(pev);
	int i = 0;

	do
		pkts[i] = *packets[i].vec;
	while (++i < n);
	pev->counts[PEV_COUNT_WRITE_UNJOINED] +=
	    evtun_send_many_(fp->tun, pkts, n, errs);
	for (i = 0; i < n; i++)
		if (errs[i])
			errs[i] = fd_refused_one_(fp, errs[i]);
}

static int
device_send_large(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct fd_pev *fp = fd_upcast_(pev);
	int err = evtun_send_large_(fp->tun, packet->vec, packet->offload);

	if (err == EBADMSG)
		pev->counts[PEV_COUNT_WRITE_UNJOINED]++;
	if (err == EBADMSG || err == ENOTSUP)
		return ENOTSUP;
	return err ? fd_refused_(fp, err) : 0;
}

/* ---- the rest ---- */

static unsigned
device_get_traits(struct packetevent *pev)
{
	struct fd_pev *fp = fd_upcast_(pev);

	/* An Ethernet header is 14 bytes. */
	return (fp->bias ? PEV_HAS_ETHERNET_ : 0) |
	    (fp->has_info ? 0 : PEV_HAS_BARE_) |
	    (fp->has_offload && !fp->has_info ? PEV_HAS_LARGE_ : 0);
}

static int
device_probe(struct fd_pev *fp)
{
	return evtun_probe_(fp->tun);
}

static void
device_detach(struct packetevent *pev)
{
	evtun_unclaim_(fd_upcast_(pev)->tun);
}

static void
device_close(struct packetevent *pev)
{
	evtun_free(fd_upcast_(pev)->tun);
}

static const struct fd_io device_io = {
	.fill = device_fill,
	.is_fatal = fd_is_fatal_,
	.probe = device_probe,
	.get_waiting = device_get_waiting
};

static const struct pev_ops_ device_ops = {
	FD_SHARED_OPS_,
	.refusal = "the device would not take it: on TUN it must be IPv4 or "
	    "IPv6, on TAP have an Ethernet header",
	.check = device_check,
	.send = device_send,
	.send_many = device_send_many,
	.send_large = device_send_large,
	.get_traits = device_get_traits,
	.detach = device_detach,
	.close = device_close
};

struct packetevent *
packetevent_tun_new(struct event_base *base, struct evtun *tun, int options)
{
	struct packetevent *pev;
	struct fd_pev like;

	if (pev_check_options_(base, options) < 0)
		return NULL;
	if (tun == NULL) {
		evtun_fail_(EINVAL, "create a packetevent",
		    "it needs a device");
		return NULL;
	}
	if (evtun_claim_(tun, options & PEV_OPT_NO_IO_URING) < 0) {
		evtun_fail_(EBUSY, "create a packetevent",
		    "another packetevent has the device");
		return NULL;
	}
	memset(&like, 0, sizeof(like));
	like.io = &device_io;
	like.tun = tun;
	like.fd = evtun_get_fd(tun);
	like.max_len = evtun_get_max_(tun);
	like.prefix = evtun_get_prefix_(tun);
	like.has_offload = like.prefix > 0;
	/* It stands where descriptions do not count it. */
	like.has_info = (evtun_get_options(tun) & EVTUN_OPT_PACKET_INFO) != 0;
	/* An Ethernet header is 14 bytes. */
	like.bias = evtun_get_options(tun) & EVTUN_OPT_TAP ? 2 : 0;
	pev = fd_new_(base, &device_ops, &like, options);
	if (pev == NULL)
		evtun_unclaim_(tun);
	return pev;
}
