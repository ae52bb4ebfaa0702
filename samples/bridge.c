/*
 * Two devices, tied together without loss:
 *
 *	bridge west east		(bridge -t west east: TAP devices)
 *
 * Whatever comes out of one interface goes into the other one.  Give them to
 * the two networks that shall be one: each to a network namespace, with "ip
 * link set west netns ...", or TAP devices to a virtual machine each.
 *
 * packetevent_forward() alone drops what the other device cannot take, as a
 * network card does.  To lose nothing, whoever finds that something has to
 * wait there stops reading: the kernel keeps what comes meanwhile, and slows
 * its senders down.  When the queue has drained, reading goes on.
 *
 * What the kernel has joined passes as it is, many packets in one frame.
 */
#include "sample.h"

#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>

#include <stdio.h>
#include <string.h>

/* The argument of each one's callbacks is the other one. */
static void
read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *other)
{
	packetevent_forward(pev, pkts, n_pkts, other);
	if (packetevent_get_count(other, PEV_COUNT_QUEUED_PACKETS) > 0)
		packetevent_disable(pev, EV_READ);
}

static void
write_cb(struct packetevent *pev, void *other)
{
	(void)pev;
	packetevent_enable(other, EV_READ);
}

int
main(int argc, char **argv)
{
	int tap = argc > 1 && strcmp(argv[1], "-t") == 0, i;
	char *no_addresses[] = {NULL};
	struct event_base *base;
	struct evtun *tun[2];
	struct packetevent *pev[2];

	if (argc != tap + 3) {
		fputs("usage: bridge [-t] NAME NAME\n", stderr);
		return 2;
	}
	base = sample_new_base();
	for (i = 0; i < 2; i++) {
		tun[i] = sample_open(argv[tap + 1 + i],
		    (tap ? EVTUN_OPT_TAP : 0) | EVTUN_OPT_OFFLOAD,
		    no_addresses);
		pev[i] = packetevent_tun_new(base, tun[i],
		    PEV_OPT_CLOSE_ON_FREE);
		if (pev[i] == NULL)
			sample_die(evtun_get_error());
	}
	for (i = 0; i < 2; i++) {
		packetevent_setcb(pev[i], read_cb, write_cb, sample_event_cb,
		    pev[!i]);
		if (packetevent_set_large(pev[i], 1) != 0 ||
		    packetevent_enable(pev[i], EV_READ) != 0)
			sample_die(evtun_get_error());
	}
	fprintf(stderr, "%s and %s are one\n", evtun_get_name(tun[0]),
	    evtun_get_name(tun[1]));
	event_base_dispatch(base);
	for (i = 0; i < 2; i++)
		sample_print_counts(evtun_get_name(tun[i]), pev[i]);
	for (i = 0; i < 2; i++)
		packetevent_free(pev[i]);
	return sample_free_base(base);
}
