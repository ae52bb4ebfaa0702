/*
 * Two packetevents that are each other's device, in memory.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "packetevent-internal.h"

/* What both ends share, and what outlives the first of them: a reader takes
 * what is left in the queue of an end that has been freed. */
struct pair_link {
	struct pev_queue_ queue[2];	/* by writer; [0] lends its lock */
	struct pair_pev *end[2];	/* NULL once freed by the user */
	int refcnt;			/* ends whose memory is still there */
};

struct pair_pev {
	struct packetevent pev;
	struct pair_link *link;
	int side;
	struct event *ev;	/* no descriptor: look for input */
};

static struct pair_pev *
pair_upcast(struct packetevent *pev)
{
	return (struct pair_pev *)(void *)pev;	/* its first member */
}

static struct pair_pev *
pair_get_partner(const struct pair_pev *pp)
{
	return pp->link->end[!pp->side];
}

/* Whether pp has something to be told: packets, or that the other is gone. */
static int
pair_has_input(const struct pair_pev *pp)
{
	const struct pair_pev *partner = pair_get_partner(pp);

	if (partner == NULL)
		return 1;
	return pp->link->queue[!pp->side].packets > 0 &&
	    pev_is_writing_(&partner->pev);
}

static void
pair_wake(struct pair_pev *pp)
{
	if (pev_is_reading_(&pp->pev) && pair_has_input(pp))
		pev_wake_(pp->ev);
}

/* ---- reading ---- */

static void
pair_take(struct pair_pev *pp, struct pev_arena_ *arena)
{
	struct pev_queue_ *queue = &pp->link->queue[!pp->side];
	struct pair_pev *partner = pair_get_partner(pp);
	struct pev_packet_ packet;
	struct pev_stored_ stored;
	unsigned char *to;

	while (pev_queue_peek_(queue, &packet, &stored, 1) &&
	    (to = pev_arena_next_(arena)) != NULL) {
		memcpy(to, stored.piece.iov_base, packet.len);
		pev_arena_take_(arena, to, packet.len);
		pev_queue_drop_(queue, &packet);
		pev_queue_sweep_(queue);
		if (partner != NULL)
			pev_count_written_(&partner->pev, packet.len);
	}
	if (partner != NULL && arena->n > 0)
		pev_progress_(&partner->pev);
}

static void
pair_run_cb(evutil_socket_t fd, short what, void *arg)
{
	struct pair_pev *pp = arg;
	struct packetevent *pev = &pp->pev;

	(void)fd;
	(void)what;
	pev_enter_(pev);
	if (!pev_is_reading_(pev) || !pair_has_input(pp))
		goto out;
	pair_take(pp, pev_begin_batch_(pev, EVTUN_MAX_FRAME, 0, 0));
	pev_deliver_(pev);
	if (!pev_is_reading_(pev) || !pair_has_input(pp))
		goto out;
	if (pp->link->queue[!pp->side].packets > 0)
		pev_wake_(pp->ev);
	else
		pev_raise_(pev, PEV_EVENT_READING | PEV_EVENT_EOF, 0, NULL,
		    NULL);
out:
	pev_leave_(pev);
}

/* ---- operations ---- */

static int
pair_check(struct packetevent *pev, const void *head, size_t n, size_t len)
{
	(void)head;
	(void)n;
	if (pair_get_partner(pair_upcast(pev)) == NULL)
		return EPIPE;
	return len > EVTUN_MAX_FRAME ? EMSGSIZE : 0;
}

/* A packet leaves when the other end takes it, from the loop. */
static int
pair_send(struct packetevent *pev, const struct pev_packet_ *packet)
{
	(void)pev;
	(void)packet;
	return EAGAIN;
}

/* No event has to be added for what waits, so nothing can fail. */
static int
pair_update(struct packetevent *pev, int waiting)
{
	struct pair_pev *pp = pair_upcast(pev);
	struct pair_pev *partner = pair_get_partner(pp);

	pair_wake(pp);
	if (partner != NULL && waiting && pev_is_writing_(pev) &&
	    pev_is_reading_(&partner->pev))
		pev_wake_(partner->ev);
	return 0;
}

static int
pair_set_priority(struct packetevent *pev, int priority)
{
	return event_priority_set(pair_upcast(pev)->ev, priority);
}

static void
pair_detach(struct packetevent *pev)
{
	struct pair_pev *pp = pair_upcast(pev);
	struct pair_pev *partner = pair_get_partner(pp);

	pp->link->end[pp->side] = NULL;
	if (partner == NULL)
		return;
	/* Nobody will read what it has queued. */
	pev_drop_queue_(&partner->pev);
	pev_restart_timer_(&partner->pev, PEV_WRITE_);
	pair_wake(partner);
}

static void
pair_free_events(struct packetevent *pev)
{
	pev_free_event_(pev, pair_upcast(pev)->ev);
}

static void
pair_close(struct packetevent *pev)
{
	(void)pev;	/* nothing lies underneath */
}

static void
pair_link_free(struct pair_link *link)
{
	pev_queue_free_(&link->queue[1]);
	pev_queue_free_(&link->queue[0]);
	free(link);
}

static void
pair_destroy(struct packetevent *pev)
{
	struct pair_pev *pp = pair_upcast(pev);
	int last;

	pev_lock_(pev);
	last = --pp->link->refcnt == 0;
	pev_unlock_(pev);
	if (last)
		pair_link_free(pp->link);
	free(pp);
}

static const struct pev_ops_ pair_ops = {
	.in_memory = 1,
	.check = pair_check,
	.send = pair_send,
	.update = pair_update,
	.set_priority = pair_set_priority,
	.detach = pair_detach,
	.free_events = pair_free_events,
	.close = pair_close,
	.destroy = pair_destroy
};

/* ---- birth ---- */

static struct pair_link *
pair_link_new(void)
{
	struct pair_link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	if (pev_queue_init_(&link->queue[0]) == 0 &&
	    pev_queue_init_(&link->queue[1]) == 0)
		return link;
	pair_link_free(link);
	return NULL;
}

/* One end; the link is its own from here on, whether that fails or not. */
static struct packetevent *
pair_end_new(struct event_base *base, int options, struct pair_link *link,
    int side)
{
	struct pair_pev *pp = calloc(1, sizeof(*pp));

	if (pp == NULL)
		return NULL;
	link->refcnt++;
	pp->link = link;
	pp->side = side;
	pp->pev.queue = &link->queue[side];
	pp->pev.lock = link->queue[0].buf;
	if (pev_init_(&pp->pev, &pair_ops, base, options) == 0)
		pp->ev = pev_new_event_(&pp->pev, -1, 0, pair_run_cb);
	if (pp->ev == NULL) {
		pev_discard_(&pp->pev);
		return NULL;
	}
	link->end[side] = pp;
	return &pp->pev;
}

int
packetevent_pair_new(struct event_base *base, int options,
    struct packetevent *pair[2])
{
	struct packetevent *end[2] = {NULL, NULL};
	struct pair_link *link;

	if (pev_check_options_(base, options) < 0)
		return -1;
	link = pair_link_new();
	if (link == NULL)
		return evtun_fail_(ENOMEM, "create a packetevent", NULL);
	link->refcnt = 1;
	end[0] = pair_end_new(base, options, link, 0);
	if (end[0] != NULL)
		end[1] = pair_end_new(base, options, link, 1);
	if (end[1] != NULL && pev_make_lock_(end[0]) == 0) {
		link->refcnt--;
		pair[0] = end[0];
		pair[1] = end[1];
		return 0;
	}
	if (end[1] != NULL)
		pev_discard_(end[1]);
	else
		evtun_fail_(ENOMEM, "create a packetevent", NULL);
	if (end[0] != NULL)
		pev_discard_(end[0]);
	pair_link_free(link);
	return -1;
}
