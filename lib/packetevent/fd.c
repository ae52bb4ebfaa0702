/*
 * Packetevents over what has a descriptor: when to read and to write, and how
 * the end of a device is noticed.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "error-internal.h"
#include "fd-internal.h"

/* While reading is paused and the backend has no edge-triggered events,
 * devices are asked this often whether they are still there. */
static const struct timeval probe_interval = {0, 50 * 1000};
/* A socket that is writable but takes nothing (the queue of an AF_UNIX
 * receiver that it is not connected to is full) is tried again after this. */
static const struct timeval retry_interval = {0, 1000};
/* What has been read already comes in the next turn of the loop. */
static const struct timeval at_once = {0, 0};

/* ---- readiness ---- */

static void fd_ready_cb(evutil_socket_t fd, short what, void *arg);

/* What the descriptor has to be watched for.  A device that is not being read
 * is watched all the same, or its deletion would go unnoticed: edge-triggered,
 * so that what arrives meanwhile wakes nobody for long. */
static short
fd_wanted(const struct fd_pev *fp, int waiting)
{
	const struct packetevent *pev = &fp->pev;
	short want = 0;

	if (pev->freed || (pev->error[PEV_READ_] && pev->error[PEV_WRITE_]))
		return 0;
	if (pev->enabled & EV_READ)
		want |= EV_READ;
	if (waiting && pev->enabled & EV_WRITE && !fp->stalled)
		want |= EV_WRITE;
	if (fp->io->probe != NULL && !(want & EV_READ) && fp->has_et)
		want |= EV_READ | EV_ET;
	return want;
}

static int
fd_add(struct fd_pev *fp, short want)
{
	int err, priority = event_get_priority(fp->ev);

	event_assign(fp->ev, fp->pev.base, fp->fd,
	    want | EV_PERSIST | EV_FINALIZE, fd_ready_cb, fp);
	event_priority_set(fp->ev, priority);
	errno = 0;
	if (event_add(fp->ev, NULL) < 0) {
		err = errno ? errno : ENOMEM;
		/* libevent's debug mode takes it for added all the same. */
		event_del(fp->ev);
		errno = err;
		return -1;
	}
	fp->armed = want;
	return 0;
}

/* One event for both directions: libevent cannot tell an edge-triggered and a
 * level-triggered event on the same descriptor apart. */
static int
fd_arm(struct fd_pev *fp, short want)
{
	short before = fp->armed;
	int err, again = want & EV_ET && want & EV_WRITE && fp->spent;

	fp->spent = 0;
	if (want == before && !again)
		return 0;
	if (before)
		event_del(fp->ev);
	fp->armed = 0;
	if (want == 0 || fd_add(fp, want) == 0)
		return 0;
	err = errno;
	if (before && fd_add(fp, before) < 0)
		pev_fail_(&fp->pev, err, "watch a descriptor", NULL);
	errno = err;
	return -1;
}

static int
fd_set_timer(struct event *ev, int runs, const struct timeval *interval)
{
	if (ev == NULL)
		return 0;
	if (!runs)
		return event_del(ev);
	if (event_pending(ev, EV_TIMEOUT, NULL))
		return 0;
	return event_add(ev, interval);
}

int
fd_update_(struct packetevent *pev, int waiting)
{
	struct fd_pev *fp = fd_upcast_(pev);
	int paused = !pev->freed && !pev->error[PEV_READ_] &&
	    !(pev->enabled & EV_READ);
	int retrying;

	if (!waiting)
		fp->stalled = 0;
	retrying = fp->stalled && pev_is_writing_(pev);
	if (fd_set_timer(fp->ev_probe, paused, &probe_interval) < 0 ||
	    fd_set_timer(fp->ev_retry, retrying, &retry_interval) < 0 ||
	    fd_set_timer(fp->ev_more, fp->has_more && pev_is_reading_(pev),
	    &at_once) < 0) {
		errno = ENOMEM;
		return -1;
	}
	return fd_arm(fp, fd_wanted(fp, waiting));
}

void
fd_gone_(struct fd_pev *fp, int err, const char *step)
{
	pev_fail_(&fp->pev, err, step, err == ENXIO ?
	    "the interface was deleted" : NULL);
}

/* ---- writing ---- */

int
fd_refused_one_(struct fd_pev *fp, int err)
{
	if (err == EAGAIN || err == EWOULDBLOCK ||
	    /* What is queued waits for the interface to come up. */
	    (err == ENETDOWN && fp->io->probe != NULL &&
	    fp->queue.packets > 0)) {
		fp->spent = 1;
		return EAGAIN;
	}
	return err;
}

void
fd_failed_(struct packetevent *pev, int err)
{
	struct fd_pev *fp = fd_upcast_(pev);

	if (fp->io->is_fatal(fp, err))
		fd_gone_(fp, err, "write a packet");
}

int
fd_refused_(struct fd_pev *fp, int err)
{
	err = fd_refused_one_(fp, err);
	if (err != EAGAIN)
		fd_failed_(&fp->pev, err);
	return err;
}

int
fd_is_fatal_(const struct fd_pev *fp, int err)
{
	(void)fp;
	switch (err) {
	case EINVAL:
	case EMSGSIZE:
	case EBADMSG:
	case ENOBUFS:
	case ENOMEM:
	case ENETDOWN:
		return 0;
	default:
		return 1;
	}
}

/* The budget of one wakeup. */
static void
fd_flush(struct fd_pev *fp)
{
	struct packetevent *pev = &fp->pev;
	size_t before = pev->queue->packets;

	if (before == 0) {
		fd_update_(pev, 0);
		return;
	}
	/* No further edge comes for what the budget leaves behind. */
	fp->spent = 1;
	if (pev_flush_(pev, pev->max_batch) == EAGAIN &&
	    pev->queue->packets == before && fp->ev_retry != NULL) {
		fp->stalled = 1;
		if (fd_update_(pev, 1) < 0)
			fp->stalled = 0;
	}
}

/* ---- the loop ---- */

static void
fd_probe(struct fd_pev *fp)
{
	int err = fp->io->probe(fp);

	if (err)
		fd_gone_(fp, err, "watch the device");
}

static void
fd_ready_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fd_pev *fp = arg;
	struct packetevent *pev = &fp->pev;

	(void)fd;
	pev_enter_(pev);
	if (what & EV_WRITE && pev_is_writing_(pev))
		fd_flush(fp);
	if (pev_is_reading_(pev)) {
		if (what & EV_READ)
			fd_read_(fp);
	} else if (fp->io->probe != NULL && !pev->freed &&
	    !pev->error[PEV_READ_]) {
		fd_probe(fp);
	}
	pev_leave_(pev);
}

static void
fd_probe_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fd_pev *fp = arg;

	(void)fd;
	(void)what;
	pev_enter_(&fp->pev);
	if (!fp->pev.freed && !fp->pev.error[PEV_READ_])
		fd_probe(fp);
	pev_leave_(&fp->pev);
}

static void
fd_retry_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fd_pev *fp = arg;

	(void)fd;
	(void)what;
	pev_enter_(&fp->pev);
	fp->stalled = 0;
	if (pev_is_writing_(&fp->pev))
		fd_flush(fp);
	pev_leave_(&fp->pev);
}

static void
fd_more_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fd_pev *fp = arg;

	(void)fd;
	(void)what;
	pev_enter_(&fp->pev);
	if (fp->has_more && pev_is_reading_(&fp->pev))
		fd_read_(fp);
	pev_leave_(&fp->pev);
}

/* ---- the rest ---- */

int
fd_set_priority_(struct packetevent *pev, int priority)
{
	struct fd_pev *fp = fd_upcast_(pev);

	if (event_priority_set(fp->ev, priority) < 0)
		return -1;
	if (fp->ev_probe != NULL &&
	    event_priority_set(fp->ev_probe, priority) < 0)
		return -1;
	if (fp->ev_more != NULL &&
	    event_priority_set(fp->ev_more, priority) < 0)
		return -1;
	if (fp->ev_retry != NULL)
		return event_priority_set(fp->ev_retry, priority);
	return 0;
}

evutil_socket_t
fd_get_fd_(struct packetevent *pev)
{
	return fd_upcast_(pev)->fd;
}

void
fd_free_events_(struct packetevent *pev)
{
	struct fd_pev *fp = fd_upcast_(pev);

	pev_free_event_(pev, fp->ev);
	pev_free_event_(pev, fp->ev_probe);
	pev_free_event_(pev, fp->ev_retry);
	pev_free_event_(pev, fp->ev_more);
}

void
fd_destroy_(struct packetevent *pev)
{
	struct fd_pev *fp = fd_upcast_(pev);

	if (fp->io->destroy != NULL)
		fp->io->destroy(fp);
	pev_queue_free_(&fp->queue);
	free(fp);
}

/* ---- birth ---- */

static int
fd_make_event(struct fd_pev *fp, struct event **ev, short events,
    event_callback_fn cb)
{
	*ev = pev_new_event_(&fp->pev, -1, events, cb);
	return *ev != NULL ? 0 : -1;
}

static int
fd_make_events(struct fd_pev *fp)
{
	fp->ev = pev_new_event_(&fp->pev, fp->fd, EV_READ, fd_ready_cb);
	if (fp->ev == NULL)
		return -1;
	if (fp->io->get_waiting != NULL) {
		if (fd_make_event(fp, &fp->ev_more, 0, fd_more_cb) < 0)
			return -1;
		fp->has_more = fp->io->get_waiting(fp) > 0;
	}
	if (fp->io->probe == NULL)
		return fd_make_event(fp, &fp->ev_retry, 0, fd_retry_cb);
	return fp->has_et ? 0 :
	    fd_make_event(fp, &fp->ev_probe, EV_PERSIST, fd_probe_cb);
}

struct packetevent *
fd_new_(struct event_base *base, const struct pev_ops_ *ops,
    const struct fd_pev *like, int options)
{
	struct fd_pev *fp = calloc(1, sizeof(*fp));

	if (fp == NULL) {
		evtun_fail_(ENOMEM, "create a packetevent", NULL);
		return NULL;
	}
	*fp = *like;
	fp->has_et = (event_base_get_features(base) & EV_FEATURE_ET) != 0;
	fp->pev.queue = &fp->queue;
	if (pev_init_(&fp->pev, ops, base, options) < 0 ||
	    pev_queue_init_(&fp->queue) < 0 || fd_make_events(fp) < 0)
		goto failed;
	fp->pev.lock = fp->queue.buf;
	if (pev_make_lock_(&fp->pev) < 0)
		goto failed;
	if (fd_update_(&fp->pev, 0) == 0)
		return &fp->pev;
	evtun_fail_(errno, "watch a descriptor", NULL);
failed:
	pev_discard_(&fp->pev);
	return NULL;
}
