/*
 * Packetevents over a stream: a length before every packet.
 *
 * The bufferevent calls back with its lock held, so its callbacks take no
 * lock of ours: they leave a note and wake an event of ours, and all the rest
 * happens in there, where the order packetevent, then bufferevent holds.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "packetevent-internal.h"

#define HEADER_MAX 4
/* What each of the bufferevents underneath may hold, beside one packet: as
 * much as libevent writes at once. */
#define BELOW_MAX 16384
#define NO_BOUND ((size_t)-1)

static const char step[] = "use a stream";

struct stream_pev {
	struct packetevent pev;
	struct pev_queue_ queue;
	struct bufferevent *bev;
	size_t header;		/* bytes of length */
	size_t max_len;		/* that a length may say */
	struct event *ev;	/* no descriptor: bev has called */
	size_t needed;		/* bytes that bev calls at: its low mark */

	/* Notes of bev's callbacks; its lock guards them. */
	short noted[2];		/* BEV_EVENT_*, for each direction */
	int noted_err[2];
	unsigned noted_connected : 1;

	/* How the stream ended, BEV_EVENT_EOF or BEV_EVENT_ERROR: a reader is
	 * told once it has read what came before. */
	short ended;
	int ended_err;
	int has_connected;
};

static struct stream_pev *
stream_upcast(struct packetevent *pev)
{
	return (struct stream_pev *)(void *)pev;	/* its first member */
}

/* ---- what bev calls ---- */

static void
stream_data_cb(struct bufferevent *bev, void *arg)
{
	struct stream_pev *sp = arg;

	(void)bev;
	pev_wake_(sp->ev);
}

/* What is reported of both directions at once concerns both. */
static void
stream_note(struct stream_pev *sp, short what, int err)
{
	if (what & BEV_EVENT_READING || !(what & BEV_EVENT_WRITING)) {
		sp->noted[PEV_READ_] |= what;
		sp->noted_err[PEV_READ_] = err;
	}
	if (what & BEV_EVENT_WRITING) {
		sp->noted[PEV_WRITE_] |= what;
		sp->noted_err[PEV_WRITE_] = err;
	}
}

static void
stream_event_cb(struct bufferevent *bev, short what, void *arg)
{
	struct stream_pev *sp = arg;
	int err = EVUTIL_SOCKET_ERROR();

	/* Not every bufferevent sets it. */
	if (err == 0 || err == EAGAIN || err == EINTR || err == EINPROGRESS)
		err = EIO;
	bufferevent_lock(bev);
	if (what & BEV_EVENT_CONNECTED)
		sp->noted_connected = 1;
	else
		stream_note(sp, what, err);
	bufferevent_unlock(bev);
	pev_wake_(sp->ev);
}

/* ---- reading ---- */

static size_t
stream_decode(const struct stream_pev *sp, const unsigned char *header)
{
	size_t len = 0, i;

	for (i = 0; i < sp->header; i++)
		len = len << 8 | header[i];
	return len;
}

/* Take whole packets out of bev.  0; EAGAIN if the next one is not whole yet,
 * and sp->needed says when it will be; or EBADMSG. */
static int
stream_take(struct stream_pev *sp, struct pev_arena_ *arena)
{
	struct evbuffer *input = bufferevent_get_input(sp->bev);
	unsigned char header[HEADER_MAX];
	unsigned char *packet;
	size_t len;

	while ((packet = pev_arena_next_(arena)) != NULL) {
		sp->needed = sp->header;
		if (evbuffer_get_length(input) < sp->needed)
			return EAGAIN;
		evbuffer_copyout(input, header, sp->header);
		len = stream_decode(sp, header);
		if (len == 0 || len > sp->max_len)
			return EBADMSG;
		sp->needed += len;
		if (evbuffer_get_length(input) < sp->needed)
			return EAGAIN;
		evbuffer_drain(input, sp->header);
		evbuffer_remove(input, packet, len);
		pev_arena_take_(arena, packet, len);
	}
	return 0;
}

/* Have bev call when the next packet is whole.  For what another thread has
 * put there since we looked it has called already, or never will. */
static void
stream_await(struct stream_pev *sp)
{
	bufferevent_setwatermark(sp->bev, EV_READ, sp->needed, 0);
	if (evbuffer_get_length(bufferevent_get_input(sp->bev)) >= sp->needed)
		pev_wake_(sp->ev);
}

static void
stream_read(struct stream_pev *sp)
{
	struct packetevent *pev = &sp->pev;
	int err;

	err = stream_take(sp, pev_begin_batch_(pev, sp->max_len, 0, 0));
	if (err == EAGAIN)
		stream_await(sp);
	pev_deliver_(pev);
	/* All of it is found again when reading is enabled. */
	if (!pev_is_reading_(pev))
		return;
	if (err == EBADMSG)
		pev_raise_(pev, PEV_EVENT_READING | PEV_EVENT_ERROR, EBADMSG,
		    "read a packet from a stream",
		    "its length is zero, or larger than a packet can be");
	else if (err == 0)
		pev_wake_(sp->ev);
	else if (sp->ended)
		pev_raise_(pev, PEV_EVENT_READING | sp->ended, sp->ended_err,
		    step, NULL);
}

/* ---- notes ---- */

struct stream_notes {
	short what[2];
	int err[2];
	int connected;
};

static void
stream_collect(struct stream_pev *sp, struct stream_notes *notes)
{
	bufferevent_lock(sp->bev);
	memcpy(notes->what, sp->noted, sizeof(notes->what));
	memcpy(notes->err, sp->noted_err, sizeof(notes->err));
	notes->connected = sp->noted_connected;
	sp->noted[PEV_READ_] = sp->noted[PEV_WRITE_] = 0;
	sp->noted_connected = 0;
	bufferevent_unlock(sp->bev);
}

static void
stream_report_write(struct stream_pev *sp, short what, int err)
{
	if (sp->pev.error[PEV_WRITE_])
		return;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		pev_raise_(&sp->pev, PEV_EVENT_WRITING | PEV_EVENT_ERROR,
		    what & BEV_EVENT_ERROR ? err : EPIPE, step, NULL);
	else if (what & BEV_EVENT_TIMEOUT)
		pev_raise_(&sp->pev, PEV_EVENT_WRITING | PEV_EVENT_TIMEOUT, 0,
		    NULL, NULL);
}

/* An error of neither direction: of connecting, or of what lies below TLS or
 * a filter, and then there may be packets still to be read. */
static void
stream_report_error(struct stream_pev *sp, int err)
{
	struct evbuffer *input = bufferevent_get_input(sp->bev);

	if (!sp->has_connected && evbuffer_get_length(input) == 0 &&
	    sp->pev.counts[PEV_COUNT_READ_PACKETS] == 0) {
		pev_fail_(&sp->pev, err, step,
		    "it did not connect, or broke off at once");
		return;
	}
	sp->ended = PEV_EVENT_ERROR;
	sp->ended_err = err;
	stream_report_write(sp, BEV_EVENT_ERROR, err);
}

static void
stream_report_read(struct stream_pev *sp, short what, int err)
{
	if (what & BEV_EVENT_ERROR && !(what & BEV_EVENT_READING)) {
		stream_report_error(sp, err);
	} else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
		sp->ended = what & BEV_EVENT_ERROR ? PEV_EVENT_ERROR :
		    PEV_EVENT_EOF;
		sp->ended_err = err;
	} else if (what & BEV_EVENT_TIMEOUT) {
		pev_raise_(&sp->pev, PEV_EVENT_READING | PEV_EVENT_TIMEOUT, 0,
		    NULL, NULL);
	}
}

/* Fails for an event that is to run already: the next time, then. */
static void
stream_follow_priority(struct stream_pev *sp)
{
	int priority = bufferevent_get_priority(sp->bev);

	(void)event_priority_set(sp->ev, priority);
	(void)event_priority_set(sp->pev.ev_due, priority);
}

static void
stream_run_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stream_pev *sp = arg;
	struct packetevent *pev = &sp->pev;
	struct stream_notes notes;

	(void)fd;
	(void)what;
	pev_enter_(pev);
	if (pev->freed)
		goto out;
	stream_follow_priority(sp);
	stream_collect(sp, &notes);
	if (notes.connected) {
		sp->has_connected = 1;
		pev_raise_connected_(pev);
	}
	stream_report_read(sp, notes.what[PEV_READ_], notes.err[PEV_READ_]);
	stream_report_write(sp, notes.what[PEV_WRITE_],
	    notes.err[PEV_WRITE_]);
	if (pev_is_reading_(pev))
		stream_read(sp);
	if (pev->freed)
		goto out;
	pev_progress_(pev);
	if (pev_is_writing_(pev) && pev->queue->packets > 0)
		pev_flush_(pev, pev->max_batch);
out:
	pev_leave_(pev);
}

/* ---- operations ---- */

static int
stream_check(struct packetevent *pev, const void *head, size_t n, size_t len)
{
	(void)head;
	(void)n;
	return len > stream_upcast(pev)->max_len ? EMSGSIZE : 0;
}

static size_t
stream_get_unsent(struct packetevent *pev)
{
	return evbuffer_get_length(
	    bufferevent_get_output(stream_upcast(pev)->bev));
}

/* Length and packet in one commit, or nothing of either. */
static int
stream_append(struct stream_pev *sp, const struct pev_packet_ *packet)
{
	struct evbuffer *output = bufferevent_get_output(sp->bev);
	struct evbuffer_iovec space;
	unsigned char *p;
	size_t i;

	if (evbuffer_reserve_space(output,
	    (ev_ssize_t)(sp->header + packet->len), &space, 1) != 1)
		return ENOMEM;
	p = space.iov_base;
	for (i = 0; i < sp->header; i++)
		*p++ = (unsigned char)(packet->len >>
		    (8 * (sp->header - 1 - i)));
	pev_gather_(p, packet);
	space.iov_len = sp->header + packet->len;
	return evbuffer_commit_space(output, &space, 1) < 0 ? ENOMEM : 0;
}

static int
stream_send(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct stream_pev *sp = stream_upcast(pev);
	int err;

	bufferevent_lock(sp->bev);
	err = stream_append(sp, packet);
	bufferevent_unlock(sp->bev);
	return err;
}

/* A filter, or TLS over another bufferevent, hands on all it is given, but for
 * a watermark of what is below, where nobody counts.  NO_BOUND: none. */
static void
stream_bound_below(struct stream_pev *sp, size_t highmark)
{
	struct bufferevent *below = sp->bev;

	if (highmark > BELOW_MAX)
		highmark = highmark == NO_BOUND ? 0 : BELOW_MAX;
	else if (highmark == 0)
		highmark = 1;
	while ((below = bufferevent_get_underlying(below)) != NULL)
		bufferevent_setwatermark(below, EV_WRITE, 0, highmark);
}

/* One direction of bev is to be as that of ours. */
static int
stream_follow(struct stream_pev *sp, short event)
{
	int wanted = (sp->pev.enabled & event) != 0;
	int is = (bufferevent_get_enabled(sp->bev) & event) != 0;

	if (wanted == is)
		return 0;
	return wanted ? bufferevent_enable(sp->bev, event) :
	    bufferevent_disable(sp->bev, event);
}

static int
stream_update(struct packetevent *pev, int waiting)
{
	struct stream_pev *sp = stream_upcast(pev);

	if (pev->freed)
		return 0;
	bufferevent_setwatermark(sp->bev, EV_WRITE, pev->lowmark, 0);
	stream_bound_below(sp, pev->highmark);
	if ((!sp->ended && stream_follow(sp, EV_READ) < 0) ||
	    stream_follow(sp, EV_WRITE) < 0) {
		errno = ENOMEM;
		return -1;
	}
	/* There may be something to do that bev will not call for: packets in
	 * its input, the end of file, packets in our queue. */
	if (pev_is_reading_(pev) || (waiting && pev_is_writing_(pev)))
		pev_wake_(sp->ev);
	return 0;
}

static int
stream_set_timeouts(struct packetevent *pev, const struct timeval *r,
    const struct timeval *w)
{
	return bufferevent_set_timeouts(stream_upcast(pev)->bev, r, w);
}

static evutil_socket_t
stream_get_fd(struct packetevent *pev)
{
	return bufferevent_getfd(stream_upcast(pev)->bev);
}

/* bev is its owner's again, with whatever is left in it. */
static void
stream_detach(struct packetevent *pev)
{
	struct stream_pev *sp = stream_upcast(pev);

	bufferevent_setcb(sp->bev, NULL, NULL, NULL, NULL);
	bufferevent_disable(sp->bev, EV_READ);
	bufferevent_setwatermark(sp->bev, EV_READ | EV_WRITE, 0, 0);
	stream_bound_below(sp, NO_BOUND);
	if (!pev->error[PEV_WRITE_])
		bufferevent_enable(sp->bev, EV_WRITE);
}

static void
stream_free_events(struct packetevent *pev)
{
	pev_free_event_(pev, stream_upcast(pev)->ev);
}

static void
stream_close(struct packetevent *pev)
{
	struct bufferevent *bev = stream_upcast(pev)->bev;

	/* A bufferevent pair tells its other end nothing when it is freed; to
	 * a socket this does nothing. */
	bufferevent_flush(bev, EV_WRITE, BEV_FINISHED);
	bufferevent_free(bev);
}

static void
stream_destroy(struct packetevent *pev)
{
	struct stream_pev *sp = stream_upcast(pev);

	pev_queue_free_(&sp->queue);
	free(sp);
}

static const struct pev_ops_ stream_ops = {
	.in_memory = 1,
	.check = stream_check,
	.send = stream_send,
	.get_unsent = stream_get_unsent,
	.update = stream_update,
	.set_timeouts = stream_set_timeouts,
	.get_fd = stream_get_fd,
	.detach = stream_detach,
	.free_events = stream_free_events,
	.close = stream_close,
	.destroy = stream_destroy
};

/* ---- birth ---- */

static struct stream_pev *
stream_new(struct bufferevent *bev, int options)
{
	struct stream_pev *sp = calloc(1, sizeof(*sp));

	if (sp == NULL) {
		evtun_fail_(ENOMEM, "create a packetevent", NULL);
		return NULL;
	}
	sp->bev = bev;
	sp->pev.queue = &sp->queue;
	if (pev_init_(&sp->pev, &stream_ops, bufferevent_get_base(bev),
	    options) < 0 || pev_queue_init_(&sp->queue) < 0)
		goto failed;
	sp->pev.lock = sp->queue.buf;
	sp->ev = pev_new_event_(&sp->pev, -1, 0, stream_run_cb);
	if (sp->ev != NULL && pev_make_lock_(&sp->pev) == 0)
		return sp;
failed:
	pev_discard_(&sp->pev);
	return NULL;
}

struct packetevent *
packetevent_stream_new(struct bufferevent *bev,
    enum packetevent_framing framing, int options)
{
	struct stream_pev *sp;

	if (bev == NULL || (framing != PEV_FRAMING_LEN16 &&
	    framing != PEV_FRAMING_LEN32)) {
		evtun_fail_(EINVAL, "create a packetevent",
		    "it needs a bufferevent and a known framing");
		return NULL;
	}
	if (pev_check_options_(bufferevent_get_base(bev), options) < 0)
		return NULL;
	sp = stream_new(bev, options);
	if (sp == NULL)
		return NULL;
	sp->header = framing == PEV_FRAMING_LEN16 ? 2 : 4;
	sp->max_len = framing == PEV_FRAMING_LEN16 ? 0xffff : EVTUN_MAX_FRAME;
	sp->needed = sp->header;
	bufferevent_setcb(bev, stream_data_cb, stream_data_cb,
	    stream_event_cb, sp);
	bufferevent_setwatermark(bev, EV_READ, sp->needed, 0);
	stream_follow_priority(sp);
	if (stream_update(&sp->pev, 0) == 0)
		return &sp->pev;
	stream_detach(&sp->pev);
	pev_discard_(&sp->pev);
	return NULL;
}
