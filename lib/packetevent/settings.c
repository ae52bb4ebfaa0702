/*
 * What a user sets and asks, the same for all kinds of packetevent.
 */
#include "config.h"

#include <errno.h>

#include "error-internal.h"
#include "packetevent-internal.h"

/* ---- settings ---- */

void
packetevent_setcb(struct packetevent *pev, packetevent_read_cb readcb,
    packetevent_write_cb writecb, packetevent_event_cb eventcb, void *ctx)
{
	pev_lock_(pev);
	pev->readcb = readcb;
	pev->writecb = writecb;
	pev->eventcb = eventcb;
	pev->ctx = ctx;
	pev_unlock_(pev);
}

/* What stands in the way of enabling events: 0 or an errno. */
static int
pev_may_enable(struct packetevent *pev, short events)
{
	if (events & ~(EV_READ | EV_WRITE))
		return EINVAL;
	if (events & EV_READ && pev->error[PEV_READ_])
		return pev->error[PEV_READ_];
	if (events & EV_WRITE && pev->error[PEV_WRITE_])
		return pev->error[PEV_WRITE_];
	return 0;
}

static const char *
pev_explain_enable(int err)
{
	switch (err) {
	case EINVAL:
		return "EV_READ and EV_WRITE alone";
	case ENXIO:
		return "the interface was deleted";
	default:
		return NULL;
	}
}

/* Nothing has changed, unless what lies beneath has failed altogether. */
static void
pev_restore_enabled(struct packetevent *pev, short before)
{
	if (!pev->error[PEV_READ_] || !pev->error[PEV_WRITE_])
		pev->enabled = before;
}

int
packetevent_enable(struct packetevent *pev, short events)
{
	short before;
	int err;

	pev_lock_(pev);
	before = pev->enabled;
	err = pev_may_enable(pev, events);
	if (err)
		goto out;
	if (events & EV_READ && pev->arena == NULL) {
		pev->arena = pev_arena_new_(pev_get_traits_(pev),
		    pev->options & PEV_OPT_THREADSAFE);
		if (pev->arena == NULL) {
			err = ENOMEM;
			goto out;
		}
	}
	pev->enabled |= events;
	if (pev->ops->update(pev, pev->queue->packets > 0) < 0) {
		err = errno;
		pev_restore_enabled(pev, before);
		goto out;
	}
	if (events & EV_READ)
		pev_restart_timer_(pev, PEV_READ_);
	if (events & EV_WRITE)
		pev_restart_timer_(pev, PEV_WRITE_);
out:
	pev_unlock_(pev);
	return err ? evtun_fail_(err, "enable a packetevent",
	    pev_explain_enable(err)) : 0;
}

int
packetevent_disable(struct packetevent *pev, short events)
{
	short before;
	int err = 0;

	if (events & ~(EV_READ | EV_WRITE))
		return evtun_fail_(EINVAL, "disable a packetevent",
		    pev_explain_enable(EINVAL));
	pev_lock_(pev);
	before = pev->enabled;
	pev->enabled &= (short)~events;
	if (pev->ops->update(pev, pev->queue->packets > 0) < 0) {
		err = errno;
		pev_restore_enabled(pev, before);
	}
	if (events & EV_READ)
		pev_restart_timer_(pev, PEV_READ_);
	if (events & EV_WRITE)
		pev_restart_timer_(pev, PEV_WRITE_);
	pev_unlock_(pev);
	return err ? evtun_fail_(err, "disable a packetevent", NULL) : 0;
}

short
packetevent_get_enabled(struct packetevent *pev)
{
	short enabled;

	pev_lock_(pev);
	enabled = pev->enabled;
	pev_unlock_(pev);
	return enabled;
}

void
packetevent_setwatermark(struct packetevent *pev, size_t lowmark,
    size_t highmark)
{
	pev_lock_(pev);
	pev->lowmark = lowmark < highmark ? lowmark : highmark;
	pev->highmark = highmark;
	pev->ops->update(pev, pev->queue->packets > 0);
	pev_unlock_(pev);
}

int
packetevent_set_room(struct packetevent *pev, size_t head, size_t tail)
{
	int err = 0;

	pev_lock_(pev);
	if (head > PEV_ROOM_MAX_ || tail > PEV_ROOM_MAX_)
		err = EINVAL;
	else if (pev->enabled & EV_READ)
		err = EBUSY;
	else {
		pev->head = head;
		pev->tail = tail;
	}
	pev_unlock_(pev);
	return err ? evtun_fail_(err, "set the room around packets",
	    err == EBUSY ? "disable reading first" : "4096 bytes at most") : 0;
}

int
packetevent_set_max_batch(struct packetevent *pev, int n_pkts)
{
	if (n_pkts < 0 || n_pkts > PEV_BATCH_PACKETS_MAX_)
		return evtun_fail_(EINVAL, "set the size of a batch",
		    "from 0 to 1024 packets");
	pev_lock_(pev);
	pev->max_batch = n_pkts ? n_pkts : PEV_BATCH_PACKETS_;
	pev_unlock_(pev);
	return 0;
}

/* All of our events, or (-1) as many as were not waiting to run. */
static int
pev_set_priority(struct packetevent *pev, int priority)
{
	int dir;

	if (pev->ops->set_priority == NULL) {
		errno = EINVAL;
		return -1;
	}
	if (event_priority_set(pev->ev_due, priority) < 0)
		return -1;
	for (dir = PEV_READ_; dir <= PEV_WRITE_; dir++) {
		if (pev->ev_timeout[dir] != NULL &&
		    event_priority_set(pev->ev_timeout[dir], priority) < 0)
			return -1;
	}
	return pev->ops->set_priority(pev, priority);
}

int
packetevent_priority_set(struct packetevent *pev, int priority)
{
	int result;

	pev_lock_(pev);
	result = pev_set_priority(pev, priority);
	pev_unlock_(pev);
	return result < 0 ? evtun_fail_(EINVAL, "set a priority",
	    "the base has none such, an event is waiting for its turn, or "
	    "it is a stream") : 0;
}

/* ---- questions ---- */

struct event_base *
packetevent_get_base(struct packetevent *pev)
{
	return pev->base;
}

evutil_socket_t
packetevent_getfd(struct packetevent *pev)
{
	evutil_socket_t fd = -1;

	pev_lock_(pev);
	if (pev->ops->get_fd != NULL)
		fd = pev->ops->get_fd(pev);
	pev_unlock_(pev);
	return fd;
}

ev_uint64_t
packetevent_get_count(struct packetevent *pev, enum packetevent_count which)
{
	ev_uint64_t count = 0;

	pev_lock_(pev);
	if (which == PEV_COUNT_QUEUED_PACKETS)
		count = pev->queue->packets;
	else if (which == PEV_COUNT_QUEUED_BYTES)
		count = pev->queue->bytes;
	else if ((unsigned)which <= PEV_COUNT_LAST_)
		count = pev->counts[which];
	pev_unlock_(pev);
	return count;
}
