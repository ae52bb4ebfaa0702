/*
 * A network of hosts that are not there, and answer pings all the same:
 *
 *	ping tun0 10.9.0.1/24 fd00:9::1/64
 *	ping -t tap0 10.9.0.1/24	(TAP: ARP and neighbours as well)
 *
 * The addresses are the interface's own; in another terminal, ping any other
 * one of these networks.  It shows how to change packets in place: what needs
 * no answer is left out of the batch, the rest becomes the answers, in the
 * room of the questions, and is written back.  ping_answer.c makes them.
 */
#include "ping_answer.h"
#include "sample.h"

#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>

#include <stdio.h>
#include <string.h>

static void
read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	int *tap = ctx, i, n = 0;

	for (i = 0; i < n_pkts; i++) {
		size_t len = pkts[i].iov_len;

		len = *tap ? answer_frame(pkts[i].iov_base, len) :
		    answer_packet(pkts[i].iov_base, len);
		if (len == 0)
			continue;
		pkts[n].iov_base = pkts[i].iov_base;
		pkts[n++].iov_len = len;
	}
	packetevent_write_batch(pev, pkts, n);
}

int
main(int argc, char **argv)
{
	int tap = argc > 1 && strcmp(argv[1], "-t") == 0;
	struct event_base *base;
	struct evtun *tun;
	struct packetevent *pev;

	if (argc < tap + 3) {
		fputs("usage: ping [-t] NAME ADDRESS/LENGTH...\n", stderr);
		return 2;
	}
	base = sample_new_base();
	tun = sample_open(argv[tap + 1], tap ? EVTUN_OPT_TAP : 0,
	    argv + tap + 2);
	pev = packetevent_tun_new(base, tun, PEV_OPT_CLOSE_ON_FREE);
	if (pev == NULL)
		sample_die(evtun_get_error());
	packetevent_setcb(pev, read_cb, NULL, sample_event_cb, &tap);
	if (packetevent_set_room(pev, 0, ANSWER_TAIL) != 0 ||
	    packetevent_enable(pev, EV_READ) != 0)
		sample_die(evtun_get_error());
	fprintf(stderr, "%s is up\n", evtun_get_name(tun));
	event_base_dispatch(base);
	sample_print_counts(evtun_get_name(tun), pev);
	packetevent_free(pev);
	return sample_free_base(base);
}
