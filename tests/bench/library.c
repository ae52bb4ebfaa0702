/*
 * The same work as the reference's, as a program on libevtun does it.
 */
#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "bench.h"

struct side {
	struct packetevent *pev;
	struct packetevent *to;
	struct tally *tally;
	struct source *source;
	struct event *again;
	ev_uint64_t next;	/* packet that is expected */
};

static void
stop_cb(evutil_socket_t sig, short what, void *base)
{
	(void)sig, (void)what;
	event_base_loopexit(base, NULL);
}

static struct event_base *
new_base(void)
{
	struct event_base *base = event_base_new();
	struct event *stop;

	if (base == NULL)
		die("event_base_new");
	stop = evsignal_new(base, SIGTERM, stop_cb, base);
	if (stop == NULL || event_add(stop, NULL) < 0)
		die("evsignal_new");
	return base;
}

static struct packetevent *
new_packetevent(struct event_base *base, const struct end *end)
{
	struct packetevent *pev = end->tun != NULL ?
	    packetevent_tun_new(base, end->tun, 0) :
	    packetevent_fd_new(base, end->fd, 0);

	if (pev == NULL)
		die("cannot make a packetevent");
	return pev;
}

static void
event_cb(struct packetevent *pev, short what, void *ctx)
{
	(void)pev, (void)what, (void)ctx;
	die("a packetevent has an error");
}

/* Run until the parent says stop; what a packetevent dropped or refused is
 * its own doing: devices have no end that they say. */
static void
dispatch(struct event_base *base, const struct side *sides, int n,
    struct tally *tally)
{
	ev_uint64_t dropped = 0;
	int i;

	if (event_base_dispatch(base) < 0)
		die("event_base_dispatch");
	for (i = 0; i < n; i++) {
		dropped += packetevent_get_count(sides[i].pev,
		    PEV_COUNT_WRITE_DROPPED);
		dropped += packetevent_get_count(sides[i].pev,
		    PEV_COUNT_READ_DROPPED);
		dropped += packetevent_get_count(sides[i].pev,
		    PEV_COUNT_READ_REFUSED);
	}
	tally_add(&tally->dropped, dropped);
}

/* What a program does that looks at packets before they go on. */
static void
split_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct side *side = ctx;

	(void)pev;
	packetevent_write_batch(side->to, pkts, n_pkts);
}

static void
forward(const struct job *job, int split)
{
	const struct world *w = job->world;
	struct event_base *base = new_base();
	struct side sides[4] = {{0}};
	int i;

	for (i = 0; i < w->n_ends; i++)
		sides[i].pev = new_packetevent(base, &w->end[i]);
	for (i = 0; i < w->n_ends; i++) {
		sides[i].to = sides[w->end[i].to].pev;
		if (split)
			packetevent_setcb(sides[i].pev, split_cb, NULL,
			    event_cb, &sides[i]);
		else
			packetevent_setcb(sides[i].pev, packetevent_forward,
			    NULL, event_cb, sides[i].to);
		if (packetevent_enable(sides[i].pev, EV_READ) < 0)
			die("packetevent_enable");
	}
	dispatch(base, sides, w->n_ends, job->tally);
}

void
library_forward(const struct job *job)
{
	forward(job, 0);
}

void
library_split(const struct job *job)
{
	forward(job, 1);
}

/* One packet of each batch is looked at: whole, in order, and with its
 * checksum. */
static void
read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct side *side = ctx;
	const unsigned char *p = pkts[0].iov_base;
	ev_uint64_t number;

	(void)pev;
	if (pkts[0].iov_len != SMALL_PACKET ||
	    udp_checksum(p, SMALL_PACKET) != 0)
		wrong("a packet came with a wrong size or checksum");
	number = datagram_check(p + SMALL_HEADERS, SMALL_PAYLOAD);
	if (number < side->next)
		wrong("a packet was overtaken");
	side->next = number + (ev_uint64_t)n_pkts;
	tally_add(&side->tally->packets, (ev_uint64_t)n_pkts);
}

void
library_read(const struct job *job)
{
	struct event_base *base = new_base();
	struct side side = {0};

	side.tally = job->tally;
	side.pev = new_packetevent(base, &job->world->end[0]);
	packetevent_setcb(side.pev, read_cb, NULL, event_cb, &side);
	if (packetevent_enable(side.pev, EV_READ) < 0)
		die("packetevent_enable");
	dispatch(base, &side, 1, job->tally);
}

/* A batch, and again: the zero timer lets other events have their turn. */
static void
write_cb(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval at_once = {0, 0};
	struct side *side = ctx;

	(void)fd, (void)what;
	if (packetevent_write_batch(side->pev, source_next(side->source),
	    BUDGET) != BUDGET)
		die("packetevent_write_batch");
	tally_add(&side->tally->packets, BUDGET);
	if (evtimer_add(side->again, &at_once) < 0)
		die("evtimer_add");
}

void
library_write(const struct job *job)
{
	struct event_base *base = new_base();
	struct side side = {0};

	side.tally = job->tally;
	side.source = source_new(&job->flow->to);
	side.pev = new_packetevent(base, &job->world->end[1]);
	packetevent_setcb(side.pev, NULL, NULL, event_cb, &side);
	side.again = evtimer_new(base, write_cb, &side);
	if (side.again == NULL)
		die("evtimer_new");
	write_cb(-1, 0, &side);
	dispatch(base, &side, 1, job->tally);
}
