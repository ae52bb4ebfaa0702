/*
 * Packet events in one minute, without a device and without privileges.
 *
 *	samples/pair
 *
 * A pair is two packetevents that send their packets to one another in
 * memory.  One end writes three packets, the other one sends each of them
 * back, and every packet arrives whole, in order and for itself.  All that is
 * here works the same with packetevent_tun_new() over a real device.
 */
#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>

#include <stdio.h>
#include <string.h>

/* What came back: print it, and end the loop after the last one. */
static void
print_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	int i, *missing = ctx;

	for (i = 0; i < n_pkts; i++)
		printf("back came a packet of %zu bytes: \"%.*s\"\n",
		    pkts[i].iov_len, (int)pkts[i].iov_len,
		    (char *)pkts[i].iov_base);
	*missing -= n_pkts;
	if (*missing == 0)
		event_base_loopexit(packetevent_get_base(pev), NULL);
}

int
main(void)
{
	static const char *const words[] = {"a packet", "is", "whole"};
	struct packetevent *pair[2];
	struct event_base *base = event_base_new();
	int i, missing = 3;

	if (base == NULL || packetevent_pair_new(base, 0, pair) < 0) {
		fprintf(stderr, "pair: %s\n", evtun_get_error());
		return 1;
	}
	packetevent_setcb(pair[0], print_cb, NULL, NULL, &missing);
	packetevent_setcb(pair[1], packetevent_forward, NULL, NULL, pair[1]);
	packetevent_enable(pair[0], EV_READ);
	packetevent_enable(pair[1], EV_READ);
	for (i = 0; i < 3; i++)
		if (packetevent_write(pair[0], words[i],
		    strlen(words[i])) < 0)
			fprintf(stderr, "pair: %s\n", evtun_get_error());
	event_base_dispatch(base);
	packetevent_free(pair[0]);
	packetevent_free(pair[1]);
	event_base_free(base);
	return missing != 0;
}
