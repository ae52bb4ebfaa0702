/*
 * What the samples share: see sample.h.
 */
#include "sample.h"

#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct event_base *the_base;
static struct event *on_signal[2];
static atomic_int status;	/* sample_stop() may be called by any thread */

static void
signal_cb(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	event_base_loopbreak(the_base);
}

struct event_base *
sample_new_base(void)
{
	static const int numbers[2] = {SIGINT, SIGTERM};
	int i;

	the_base = event_base_new();
	if (the_base == NULL)
		sample_die("cannot make an event base");
	for (i = 0; i < 2; i++) {
		on_signal[i] = evsignal_new(the_base, numbers[i], signal_cb,
		    NULL);
		if (on_signal[i] == NULL || event_add(on_signal[i], NULL))
			sample_die("cannot wait for signals");
	}
	return the_base;
}

int
sample_free_base(struct event_base *base)
{
	event_free(on_signal[0]);
	event_free(on_signal[1]);
	event_base_free(base);
	libevent_global_shutdown();
	return status;
}

struct evtun *
sample_open(const char *name, int options, char **addresses)
{
	struct evtun *tun = evtun_new(name, options);

	if (tun == NULL)
		sample_die(evtun_get_error());
	for (; *addresses != NULL; addresses++)
		if (evtun_add_address(tun, *addresses, NULL) != 0)
			sample_die(evtun_get_error());
	if (evtun_set_up(tun, 1) != 0)
		sample_die(evtun_get_error());
	return tun;
}

void
sample_print_counts(const char *name, struct packetevent *pev)
{
	fprintf(stderr, "%s: %llu read, %llu written, %llu dropped\n", name,
	    (unsigned long long)packetevent_get_count(pev,
	    PEV_COUNT_READ_PACKETS),
	    (unsigned long long)packetevent_get_count(pev,
	    PEV_COUNT_WRITTEN_PACKETS),
	    (unsigned long long)packetevent_get_count(pev,
	    PEV_COUNT_WRITE_DROPPED));
}

void
sample_stop(const char *why)
{
	fprintf(stderr, "%s\n", why);
	status = 1;
	event_base_loopbreak(the_base);
}

void
sample_event_cb(struct packetevent *pev, short what, void *ctx)
{
	(void)pev;
	(void)ctx;
	if (what & PEV_EVENT_ERROR)
		sample_stop(evtun_get_error());
}

void
sample_die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	exit(1);
}
