#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "evtun/monitor.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "monitor/monitor-internal.h"

#define ALL_OPTIONS (EVTUN_MONITOR_EXISTING | EVTUN_MONITOR_TUN_ONLY)

/* Steps for each turn of the loop.  In none of them more than five changes are
 * told: an interface is gone, another one is new, with three values. */
#define BUDGET 128

/* How often the first list is begun, which the caller waits for. */
#define FIRST_TRIES 64

static const char making[] = "watch interfaces";

/* ---- what happens ---- */

void
evtun_monitor_tell_(struct evtun_monitor *mon,
    const struct evtun_change *change)
{
	if (!mon->is_quiet && !mon->is_freed)
		mon->cb(mon, change, mon->arg);
}

static void
tell_of_none(struct evtun_monitor *mon, enum evtun_change_what what)
{
	struct evtun_change change;

	memset(&change, 0, sizeof(change));
	change.what = what;
	change.name = "";
	evtun_monitor_tell_(mon, &change);
}

void
evtun_monitor_fail_(struct evtun_monitor *mon, int err, const char *step)
{
	if (mon->err != 0)
		return;
	mon->err = err;
	mon->step = step;
}

void
evtun_monitor_overrun_(struct evtun_monitor *mon)
{
	int is_news = mon->phase == EVTUN_WATCHING;

	/* The end of a list may be among what was lost. */
	mon->phase = EVTUN_LINKS_DUE;
	if (!is_news)
		return;
	mon->n_overruns++;
	tell_of_none(mon, EVTUN_CHANGE_OVERRUN);
}

void
evtun_monitor_listed_(struct evtun_monitor *mon, int is_good)
{
	int addresses = mon->phase == EVTUN_LISTING_ADDRESSES;

	if (!is_good) {
		mon->phase = addresses ? EVTUN_ADDRESSES_DUE : EVTUN_LINKS_DUE;
		return;
	}
	mon->phase = addresses ? EVTUN_SWEEPING_ADDRESSES :
	    EVTUN_SWEEPING_LINKS;
	mon->cursor = addresses ? mon->addresses.first : mon->links.first;
}

/* All that came before it has been read, so that there is room for it. */
static void
ask(struct evtun_monitor *mon, int addresses)
{
	mon->phase = addresses ? EVTUN_LISTING_ADDRESSES :
	    EVTUN_LISTING_LINKS;
	mon->round++;
	mon->n_begun++;
	evtun_monitor_ask_(mon, addresses);
}

/* These phases go over what is known, entry by entry. */
static int
is_going_over(const struct evtun_monitor *mon)
{
	return mon->phase == EVTUN_SWEEPING_LINKS ||
	    mon->phase == EVTUN_SWEEPING_ADDRESSES ||
	    mon->phase == EVTUN_TELLING_ALL;
}

/* A step of an entry, which may be no more afterwards; whether it is the
 * last. */
static int
visit(struct evtun_monitor *mon, struct evtun_node *node)
{
	if (mon->phase == EVTUN_SWEEPING_LINKS)
		return evtun_cache_sweep_link_(mon, node);
	if (mon->phase == EVTUN_TELLING_ALL)
		return evtun_cache_tell_link_(mon, node);
	evtun_cache_sweep_address_(mon, node);
	return 1;
}

static void
go_over(struct evtun_monitor *mon)
{
	struct evtun_node *node = mon->cursor, *next;

	if (node == NULL) {
		mon->phase = mon->phase == EVTUN_SWEEPING_LINKS ?
		    EVTUN_ADDRESSES_DUE : EVTUN_WATCHING;
		return;
	}
	next = node->next;
	if (visit(mon, node))
		mon->cursor = next;
}

static int
is_due(const struct evtun_monitor *mon)
{
	return mon->phase == EVTUN_LINKS_DUE ||
	    mon->phase == EVTUN_ADDRESSES_DUE;
}

/* Return whether there was something to do. */
static int
take_step(struct evtun_monitor *mon)
{
	if (is_going_over(mon)) {
		go_over(mon);
		return 1;
	}
	if (evtun_monitor_read_(mon))
		return 1;
	if (!is_due(mon))
		return 0;
	ask(mon, mon->phase == EVTUN_ADDRESSES_DUE);
	return 1;
}

/* ---- the loop ---- */

static void
destroy(struct evtun_monitor *mon)
{
	if (mon->ev != NULL)
		event_free(mon->ev);
	if (mon->ev_more != NULL)
		event_free(mon->ev_more);
	evtun_monitor_close_(mon);
	evtun_cache_free_(mon);
	free(mon);
}

/* Not event_active(), which would come before what other events are due. */
static void
come_again(struct evtun_monitor *mon)
{
	static const struct timeval at_once = { 0, 0 };

	if (event_add(mon->ev_more, &at_once) < 0)
		event_active(mon->ev_more, EV_TIMEOUT, 0);
}

/* What does not wait for the system. */
static int
has_more(const struct evtun_monitor *mon)
{
	return mon->has_message || is_due(mon) || is_going_over(mon);
}

static void
end(struct evtun_monitor *mon)
{
	event_del(mon->ev);
	event_del(mon->ev_more);
	evtun_fail_(mon->err, mon->step, NULL);
	tell_of_none(mon, EVTUN_CHANGE_FAILED);
}

static void
run_cb(evutil_socket_t fd, short what, void *arg)
{
	struct evtun_monitor *mon = arg;
	int budget = BUDGET;

	(void)fd;
	(void)what;
	mon->is_running = 1;
	while (budget-- > 0 && mon->err == 0 && !mon->is_freed)
		if (!take_step(mon))
			break;
	if (mon->err != 0 && !mon->is_freed)
		end(mon);
	mon->is_running = 0;
	if (mon->is_freed)
		destroy(mon);
	else if (mon->err == 0 && has_more(mon))
		come_again(mon);
}

/* ---- birth and death ---- */

static int
check(struct event_base *base, int netns, unsigned index, int options,
    evtun_monitor_cb cb)
{
	if (base == NULL || cb == NULL)
		return evtun_fail_(EINVAL, making,
		    "it needs an event base and a callback");
	if (netns < -1)
		return evtun_fail_(EINVAL, making,
		    "it watches one namespace: a descriptor, or -1");
	if (index > INT_MAX)
		return evtun_fail_(EINVAL, making,
		    "no interface has such an index");
	if (options & ~ALL_OPTIONS)
		return evtun_fail_(EINVAL, making, "an option is not known");
	return 0;
}

static struct evtun_monitor *
allocate(void)
{
	struct evtun_monitor *mon = calloc(1, sizeof(*mon));

	if (mon != NULL && evtun_cache_init_(mon) == 0)
		return mon;
	free(mon);
	evtun_fail_(ENOMEM, making, NULL);
	return NULL;
}

/* Learn what there is. */
static int
take_stock(struct evtun_monitor *mon)
{
	mon->is_quiet = 1;
	mon->phase = EVTUN_LINKS_DUE;
	while (mon->phase != EVTUN_WATCHING && mon->err == 0) {
		if (mon->n_begun > FIRST_TRIES)
			return evtun_fail_(EAGAIN, making,
			    "the interfaces change all the time");
		if (!take_step(mon))
			evtun_monitor_wait_(mon);
	}
	mon->is_quiet = 0;
	if (mon->err != 0)
		return evtun_fail_(mon->err, mon->step, NULL);
	if (mon->index != 0 && !evtun_cache_has_link_(mon, mon->index))
		return evtun_fail_(ENXIO, making, "there is no interface of "
		    "that index, or it is not of the kind");
	return 0;
}

static int
make_events(struct evtun_monitor *mon, struct event_base *base)
{
	mon->ev = event_new(base, mon->fd, EV_READ | EV_PERSIST, run_cb, mon);
	mon->ev_more = evtimer_new(base, run_cb, mon);
	if (mon->ev == NULL || mon->ev_more == NULL ||
	    event_add(mon->ev, NULL) < 0)
		return evtun_fail_(ENOMEM, making, NULL);
	if (mon->options & EVTUN_MONITOR_EXISTING) {
		mon->phase = EVTUN_TELLING_ALL;
		mon->cursor = mon->links.first;
		come_again(mon);
	}
	return 0;
}

struct evtun_monitor *
evtun_monitor_new(struct event_base *base, int netns, unsigned index,
    int options, evtun_monitor_cb cb, void *arg)
{
	struct evtun_monitor *mon;
	int err;

	if (check(base, netns, index, options, cb) < 0 ||
	    (mon = allocate()) == NULL)
		return NULL;
	mon->index = index;
	mon->options = options;
	mon->cb = cb;
	mon->arg = arg;
	if (evtun_monitor_open_(mon, netns) == 0 && take_stock(mon) == 0 &&
	    make_events(mon, base) == 0)
		return mon;
	err = errno;
	destroy(mon);
	errno = err;
	return NULL;
}

struct evtun_monitor *
evtun_monitor_new_tun(struct event_base *base, struct evtun *tun, int options,
    evtun_monitor_cb cb, void *arg)
{
	unsigned index;

	if (check(base, -1, 0, options, cb) < 0 ||
	    (index = evtun_get_index(tun)) == 0)
		return NULL;
	return evtun_monitor_new(base, tun->netns, index, options, cb, arg);
}

void
evtun_monitor_free(struct evtun_monitor *mon)
{
	if (mon == NULL)
		return;
	if (mon->is_running)
		mon->is_freed = 1;
	else
		destroy(mon);
}

ev_uint64_t
evtun_monitor_get_overruns(const struct evtun_monitor *mon)
{
	return mon->n_overruns;
}

int
evtun_monitor_priority_set(struct evtun_monitor *mon, int priority)
{
	if (event_priority_set(mon->ev, priority) == 0 &&
	    event_priority_set(mon->ev_more, priority) == 0)
		return 0;
	return evtun_fail_(EINVAL, "set the priority of a monitor",
	    "the event base has no such priority, or the event is due");
}
