/*
 * bench devices: very many devices in one process.
 *
 *	tests/bench/bench devices [N [TURNS]]
 *
 * A turn makes N devices (1,200), each with a name, an MTU, an address and a
 * packetevent that is enabled, lets them be for two seconds, and frees them
 * together.  The table has medians of TURNS (5).  One more turn frees them one
 * by one.
 */
#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define MOST_DEVICES 4096
#define IDLE_SECONDS 2

static struct evtun *tuns[MOST_DEVICES];
static struct packetevent *pevs[MOST_DEVICES];

struct turn {
	double make, configure, listen;
	double wakeups;
	double release, teardown;
};

static void
make_devices(int n)
{
	char name[16];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "bench%d", i);
		if ((tuns[i] = evtun_new(name, EVTUN_OPT_EXCLUSIVE)) == NULL)
			die("evtun_new");
	}
}

static void
configure_devices(int n)
{
	char addr[32];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(addr, sizeof(addr), "10.%d.%d.1/24", 16 + i / 256,
		    i % 256);
		if (evtun_set_mtu(tuns[i], 1400) < 0 ||
		    evtun_add_address(tuns[i], addr, NULL) < 0 ||
		    evtun_set_up(tuns[i], 1) < 0)
			die("cannot configure a device");
	}
}

static void
count_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	(void)pev, (void)pkts;
	*(int *)ctx += n_pkts;
}

static void
register_devices(struct event_base *base, int n, int *packets)
{
	int i;

	for (i = 0; i < n; i++) {
		pevs[i] = packetevent_tun_new(base, tuns[i], 0);
		if (pevs[i] == NULL)
			die("packetevent_tun_new");
		packetevent_setcb(pevs[i], count_cb, NULL, NULL, packets);
		if (packetevent_enable(pevs[i], EV_READ) < 0)
			die("packetevent_enable");
	}
}

/* Going to sleep once is for the timer that ends it. */
static long
count_wakeups(struct event_base *base)
{
	const struct timeval idle = {IDLE_SECONDS, 0};
	long before;

	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loopexit(base, &idle);
	before = sleeps_of(getpid());
	event_base_dispatch(base);
	return sleeps_of(getpid()) - before - 1;
}

static void
free_one_by_one(struct evtun **list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		evtun_free(list[i]);
}

static double
since(double *when)
{
	double now = clock_seconds(CLOCK_MONOTONIC), took = now - *when;

	*when = now;
	return took;
}

static void
run_turn(struct turn *turn, int n, void (*free_all)(struct evtun **, size_t))
{
	struct event_base *base = event_base_new();
	int i, packets = 0;
	double when;

	if (base == NULL)
		die("event_base_new");
	enter_namespace();
	when = clock_seconds(CLOCK_MONOTONIC);
	make_devices(n);
	turn->make = since(&when);
	configure_devices(n);
	turn->configure = since(&when);
	register_devices(base, n, &packets);
	turn->listen = since(&when);
	turn->wakeups = (double)count_wakeups(base);
	since(&when);
	for (i = 0; i < n; i++)
		packetevent_free(pevs[i]);
	/* They are gone when the loop has run. */
	event_base_loop(base, EVLOOP_NONBLOCK);
	turn->release = since(&when);
	free_all(tuns, (size_t)n);
	turn->teardown = since(&when);
	event_base_free(base);
	leave_namespace();
	if (packets != 0)
		wrong("packets came that nobody sent");
}

static void
print_line(const char *what, const struct turn *turns, int n, size_t member)
{
	double values[MAX_TURNS];
	struct quartiles q;
	int i;

	for (i = 0; i < n; i++)
		memcpy(&values[i], (const char *)&turns[i] + member,
		    sizeof(values[i]));
	q = quartiles_of(values, n);
	printf("  %-34s%8.3f  (%.3f-%.3f)\n", what, q.median, q.low, q.high);
	fflush(stdout);
}

#define PRINT(what, turns, n, member) \
	print_line(what, turns, n, offsetof(struct turn, member))

static int
parse(int argc, char **argv, int *n, int *n_turns)
{
	if (argc > 1)
		*n = (int)strtol(argv[1], NULL, 10);
	if (argc > 2)
		*n_turns = (int)strtol(argv[2], NULL, 10);
	return argc > 3 || *n < 1 || *n > MOST_DEVICES || *n_turns < 1 ||
	    *n_turns > MAX_TURNS ? -1 : 0;
}

int
devices_main(int argc, char **argv)
{
	static struct turn turns[MAX_TURNS], slow;
	int i, n = 1200, n_turns = 5;

	if (parse(argc, argv, &n, &n_turns) < 0) {
		fprintf(stderr, "usage: bench devices [N [TURNS]]\n");
		return 2;
	}
	enter_private_world();
	printf("%d devices, medians of %d turns (and quartiles) in s\n", n,
	    n_turns);
	for (i = 0; i < n_turns; i++)
		run_turn(&turns[i], n, evtun_free_many);
	PRINT("made", turns, n_turns, make);
	PRINT("configured", turns, n_turns, configure);
	PRINT("packetevents enabled", turns, n_turns, listen);
	PRINT("wakeups in 2 s of idleness", turns, n_turns, wakeups);
	PRINT("packetevents freed", turns, n_turns, release);
	PRINT("evtun_free_many()", turns, n_turns, teardown);
	run_turn(&slow, n, free_one_by_one);
	PRINT("evtun_free(), one by one, once", &slow, 1, teardown);
	return 0;
}
