#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "error-internal.h"
#include "packetevent-internal.h"

/* DEFER_CALLBACKS and UNLOCK_CALLBACKS of bufferevents: always so here. */
#define ACCEPTED_OPTIONS \
	(PEV_OPT_CLOSE_ON_FREE | PEV_OPT_THREADSAFE | PEV_OPT_NO_IO_URING | \
	(1 << 2) | (1 << 3))
#define DEFAULT_HIGHMARK (256 * 1024)

void
pev_enter_(struct packetevent *pev)
{
	pev_lock_(pev);
	pev->refcnt++;
}

void
pev_leave_(struct packetevent *pev)
{
	int last = --pev->refcnt == 0;

	pev_unlock_(pev);
	if (!last)
		return;
	if (pev->options & PEV_OPT_THREADSAFE &&
	    pev->options & PEV_OPT_CLOSE_ON_FREE)
		pev->ops->close(pev);
	pev_arena_free_(pev->arena);
	if (pev->scratch != NULL)
		evbuffer_free(pev->scratch);
	pev->ops->destroy(pev);
}

/* ---- events of our own ---- */

struct event *
pev_new_event_(struct packetevent *pev, evutil_socket_t fd, short events,
    event_callback_fn cb)
{
	/* EV_FINALIZE: event_del() never waits for a callback that waits for
	 * our lock. */
	struct event *ev = event_new(pev->base, fd, events | EV_FINALIZE, cb,
	    pev);

	if (ev == NULL)
		errno = ENOMEM;
	return ev;
}

static void
pev_finalize_cb(struct event *ev, void *arg)
{
	struct packetevent *pev = arg;

	(void)ev;
	pev_lock_(pev);
	pev_leave_(pev);
}

void
pev_free_event_(struct packetevent *pev, struct event *ev)
{
	if (ev == NULL)
		return;
	if (!(pev->options & PEV_OPT_THREADSAFE)) {
		event_free(ev);
		return;
	}
	pev->refcnt++;
	event_free_finalize(0, ev, pev_finalize_cb);
}

void
pev_wake_(struct event *ev)
{
	static const struct timeval at_once = {0, 0};

	if (!event_pending(ev, EV_TIMEOUT, NULL) &&
	    event_add(ev, &at_once) < 0)
		event_active(ev, EV_READ, 0);	/* cannot fail */
}

/* ---- what is due to the user ---- */

static void
pev_call_event(struct packetevent *pev, short what, const struct pev_due_ *due)
{
	packetevent_event_cb cb = pev->eventcb;
	void *ctx = pev->ctx;

	if (cb == NULL)
		return;
	pev_unlock_(pev);
	if (what & PEV_EVENT_ERROR)
		evtun_fail_(due->err, due->step, due->cure);
	cb(pev, what, ctx);
	pev_lock_(pev);
}

static void
pev_call_write(struct packetevent *pev)
{
	packetevent_write_cb cb = pev->writecb;
	void *ctx = pev->ctx;

	if (cb == NULL)
		return;
	pev_unlock_(pev);
	cb(pev, ctx);
	pev_lock_(pev);
}

static void
pev_due_cb(evutil_socket_t fd, short what, void *arg)
{
	struct packetevent *pev = arg;
	struct pev_due_ due;
	int dir;

	(void)fd;
	(void)what;
	pev_enter_(pev);
	pev->in_due = 1;
	if (pev->connected_due && !pev->freed) {
		pev->connected_due = 0;
		pev_call_event(pev, PEV_EVENT_CONNECTED, NULL);
	}
	if (pev->write_due && !pev->freed) {
		pev->write_due = 0;
		pev_call_write(pev);
	}
	for (dir = PEV_READ_; dir <= PEV_WRITE_; dir++) {
		due = pev->due[dir];
		pev->due[dir].what = 0;
		if (due.what != 0 && !pev->freed)
			pev_call_event(pev, due.what, &due);
	}
	pev->in_due = 0;
	pev_leave_(pev);
}

void
pev_raise_(struct packetevent *pev, short what, int err, const char *step,
    const char *cure)
{
	enum pev_direction_ dir =
	    (what & PEV_EVENT_READING) ? PEV_READ_ : PEV_WRITE_;
	struct pev_due_ due = {what, err, step, cure};

	pev->enabled &= (short)(dir == PEV_READ_ ? ~EV_READ : ~EV_WRITE);
	if (what & PEV_EVENT_ERROR)
		pev->error[dir] = err;
	if (pev->error[PEV_WRITE_])
		pev_drop_queue_(pev);
	pev_restart_timer_(pev, PEV_READ_);
	pev_restart_timer_(pev, PEV_WRITE_);
	pev->ops->update(pev, pev->queue->packets > 0);
	pev->due[dir] = due;
	/* Now, before the user can enable it again. */
	event_active(pev->ev_due, EV_READ, 0);
}

void
pev_fail_(struct packetevent *pev, int err, const char *step,
    const char *cure)
{
	if (pev->error[PEV_READ_] && pev->error[PEV_WRITE_])
		return;
	pev->enabled = 0;
	pev->error[PEV_WRITE_] = err;
	pev->due[PEV_WRITE_].what = 0;	/* one event, and the last */
	pev_raise_(pev, PEV_EVENT_READING | PEV_EVENT_ERROR, err, step, cure);
}

void
pev_raise_connected_(struct packetevent *pev)
{
	pev->connected_due = 1;
	event_active(pev->ev_due, EV_READ, 0);
}

/* ---- timeouts ---- */

static void
pev_timeout(struct packetevent *pev, enum pev_direction_ dir)
{
	pev_enter_(pev);
	/* Another thread may have begun it anew before we had the lock. */
	if (pev->ev_timeout[dir] == NULL ||
	    event_pending(pev->ev_timeout[dir], EV_TIMEOUT, NULL))
		goto out;
	if (dir == PEV_READ_ && pev_is_reading_(pev))
		pev_raise_(pev, PEV_EVENT_READING | PEV_EVENT_TIMEOUT, 0,
		    NULL, NULL);
	if (dir == PEV_WRITE_ && pev_is_writing_(pev) &&
	    pev->queue->packets > 0)
		pev_raise_(pev, PEV_EVENT_WRITING | PEV_EVENT_TIMEOUT, 0,
		    NULL, NULL);
out:
	pev_leave_(pev);
}

static void
pev_read_timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pev_timeout(arg, PEV_READ_);
}

static void
pev_write_timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pev_timeout(arg, PEV_WRITE_);
}

int
pev_restart_timer_(struct packetevent *pev, enum pev_direction_ dir)
{
	int runs = dir == PEV_READ_ ? pev_is_reading_(pev) :
	    pev_is_writing_(pev) && pev->queue->packets > 0;

	if (pev->ev_timeout[dir] == NULL)
		return 0;
	if (runs && evutil_timerisset(&pev->timeout[dir]))
		return event_add(pev->ev_timeout[dir], &pev->timeout[dir]);
	return event_del(pev->ev_timeout[dir]);
}

static int
pev_set_timeout(struct packetevent *pev, enum pev_direction_ dir,
    const struct timeval *tv, event_callback_fn cb)
{
	if (tv != NULL && pev->ev_timeout[dir] == NULL) {
		pev->ev_timeout[dir] = pev_new_event_(pev, -1, 0, cb);
		if (pev->ev_timeout[dir] == NULL)
			return -1;
		event_priority_set(pev->ev_timeout[dir],
		    event_get_priority(pev->ev_due));
	}
	evutil_timerclear(&pev->timeout[dir]);
	if (tv != NULL)
		pev->timeout[dir] = *tv;
	return pev_restart_timer_(pev, dir);
}

int
packetevent_set_timeouts(struct packetevent *pev,
    const struct timeval *timeout_read, const struct timeval *timeout_write)
{
	int result = 0;

	pev_lock_(pev);
	if (pev->ops->set_timeouts != NULL)
		result = pev->ops->set_timeouts(pev, timeout_read,
		    timeout_write);
	else if (pev_set_timeout(pev, PEV_READ_, timeout_read,
	    pev_read_timeout_cb) < 0 ||
	    pev_set_timeout(pev, PEV_WRITE_, timeout_write,
	    pev_write_timeout_cb) < 0)
		result = -1;
	if (result < 0)
		evtun_fail_(ENOMEM, "set the timeouts", NULL);
	pev_unlock_(pev);
	return result;
}

/* ---- birth and death ---- */

int
pev_check_options_(struct event_base *base, int options)
{
	if (base == NULL)
		return evtun_fail_(EINVAL, "create a packetevent",
		    "it needs an event base");
	if (options & ~ACCEPTED_OPTIONS)
		return evtun_fail_(EINVAL, "create a packetevent",
		    "an option is not known");
	return 0;
}

int
pev_init_(struct packetevent *pev, const struct pev_ops_ *ops,
    struct event_base *base, int options)
{
	pev->ops = ops;
	pev->base = base;
	pev->options = options;
	pev->refcnt = 1;
	pev->enabled = EV_WRITE;
	pev->highmark = DEFAULT_HIGHMARK;
	pev->max_batch = PEV_BATCH_PACKETS_;
	pev->ev_due = pev_new_event_(pev, -1, 0, pev_due_cb);
	return pev->ev_due != NULL ? 0 : -1;
}

int
pev_make_lock_(struct packetevent *pev)
{
	if (!(pev->options & PEV_OPT_THREADSAFE))
		return 0;
	errno = 0;
	if (evbuffer_enable_locking(pev->lock, NULL) == 0)
		return 0;
	/* Locks are memory: only without it is that what was missing. */
	if (errno == ENOMEM)
		return -1;
	return evtun_fail_(EINVAL, "create a packetevent",
	    "PEV_OPT_THREADSAFE needs evthread_use_pthreads(), called before");
}

void
pev_discard_(struct packetevent *pev)
{
	int err = errno;

	/* Nobody else knows it: all of it goes now, and nothing is closed. */
	pev->options = 0;
	pev->ops->free_events(pev);
	pev_free_event_(pev, pev->ev_due);
	pev->ops->destroy(pev);
	errno = err;
	if (err == ENOMEM)
		evtun_fail_(ENOMEM, "create a packetevent", NULL);
}

void
packetevent_free(struct packetevent *pev)
{
	if (pev == NULL)
		return;
	pev_lock_(pev);
	pev->freed = 1;
	pev->readcb = NULL;
	pev->writecb = NULL;
	pev->eventcb = NULL;
	pev->ops->free_events(pev);
	pev_free_event_(pev, pev->ev_timeout[PEV_READ_]);
	pev_free_event_(pev, pev->ev_timeout[PEV_WRITE_]);
	pev->ev_timeout[PEV_READ_] = pev->ev_timeout[PEV_WRITE_] = NULL;
	pev_free_event_(pev, pev->ev_due);
	/* The loop may be reading right now.  It is done soon, and will not
	 * begin again. */
	if (pev->options & PEV_OPT_THREADSAFE && pev->arena != NULL) {
		evbuffer_lock(pev->arena->memory);
		evbuffer_unlock(pev->arena->memory);
	}
	if (pev->ops->detach != NULL)
		pev->ops->detach(pev);
	/* With threads the last reference closes it. */
	if (pev->options & PEV_OPT_CLOSE_ON_FREE &&
	    !(pev->options & PEV_OPT_THREADSAFE))
		pev->ops->close(pev);
	pev_leave_(pev);
}

/* ---- the batch ---- */

struct pev_arena_ *
pev_begin_batch_(struct packetevent *pev, size_t max_len, size_t gap,
    size_t bias)
{
	struct pev_arena_ *arena = pev->arena;

	arena->n = 0;
	arena->used = 0;
	arena->max_n = pev->max_batch;
	arena->head = pev->head;
	arena->tail = pev->tail;
	arena->gap = gap;
	arena->bias = bias;
	arena->max_len = max_len;
	arena->is_large = arena->large != NULL && pev_wants_large_(pev);
	arena->is_checked = pev->wants_large;
	return arena;
}

void
pev_deliver_(struct packetevent *pev)
{
	struct pev_arena_ *arena = pev->arena;
	packetevent_read_cb cb = pev->readcb;
	void *ctx = pev->ctx;
	int i;

	if (arena->n == 0 || pev->freed)
		return;
	pev->counts[PEV_COUNT_READ_PACKETS] += (ev_uint64_t)arena->n;
	for (i = 0; i < arena->n; i++)
		pev->counts[PEV_COUNT_READ_BYTES] +=
		    arena->packets[i].iov_len;
	pev_restart_timer_(pev, PEV_READ_);
	if (cb == NULL)
		return;
	pev->n_batch = arena->n;
	pev_unlock_(pev);
	cb(pev, arena->packets, arena->n, ctx);
	pev_lock_(pev);
	pev->n_batch = 0;
}

int
packetevent_get_source(struct packetevent *pev, int i, struct sockaddr *addr,
    int *socklen)
{
	const struct pev_source_ *source;
	int result = -1;

	pev_lock_(pev);
	if (pev->arena == NULL || pev->arena->sources == NULL || i < 0 ||
	    i >= pev->n_batch || *socklen < 0) {
		evtun_fail_(EINVAL, "get the source of a packet",
		    "only datagram sockets have one, in the read callback");
		goto out;
	}
	source = &pev->arena->sources[i];
	memcpy(addr, &source->addr, (socklen_t)*socklen < source->len ?
	    (socklen_t)*socklen : source->len);
	*socklen = (int)source->len;
	result = 0;
out:
	pev_unlock_(pev);
	return result;
}
