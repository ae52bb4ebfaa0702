/*
 * bench soak: move very much through a forwarder, and compare every byte.
 *
 * TCP and UDP, over IPv4 and IPv6, all at the same time, with UDP datagrams
 * of every size.  The streams must arrive as they were sent, to the last
 * byte.  Datagrams may be lost, where a queue of the kernel is full, but none
 * may be changed, doubled or overtaken.
 */
#include "config.h"

#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define FLOWS 4
/* Two of these at a time fit into a queue of 500 packets. */
#define BATCH 40
#define WINDOW 160
#define MAX_DATAGRAM 1440
/* Without progress for so long, something is wrong. */
#define STALLED_SECONDS 20

struct mode {
	const char *name;
	enum device_kind kind;
	void (*run)(const struct job *job);
};

struct soak {
	const struct mode *mode;
	const struct world *world;
	double bytes;
	struct flow flow[FLOWS];
	pid_t sender[FLOWS];
	pid_t receiver[FLOWS];
	struct tally *tally;
	pid_t forwarder;
};

static const struct mode modes[] = {
	{"plain", PLAIN, library_forward},
	{"split", OFFLOAD, library_split},
	{"through", OFFLOAD, library_forward}
};

static int
is_stream(int i)
{
	return i < 2;
}

static void
open_flow(struct soak *s, int i)
{
	struct flow *flow = &s->flow[i];

	flow_open(flow, s->world, i % 2 == 0 ? AF_INET : AF_INET6,
	    is_stream(i) ? SOCK_STREAM : SOCK_DGRAM);
	flow->size = MAX_DATAGRAM;
	flow->batch = BATCH;
	flow->window = WINDOW;
	flow->vary = 1;
	/* Once the kernel splits for the receiver, and once nobody does. */
	flow->gro = i % 2 == 0;
}

static void
start(struct soak *s)
{
	struct job job = {s->mode->run, s->world, NULL, s->tally, 0, 0};
	int i;

	s->forwarder = job_start(&job);
	for (i = 0; i < FLOWS; i++) {
		open_flow(s, i);
		job.flow = &s->flow[i];
		job.run = is_stream(i) ? stream_receive : datagrams_receive;
		s->receiver[i] = job_start(&job);
		job.run = is_stream(i) ? stream_send : datagrams_send;
		s->sender[i] = job_start(&job);
	}
}

static double
bytes_of(const struct soak *s)
{
	double sum = 0;
	int i;

	for (i = 0; i < FLOWS; i++)
		sum += (double)atomic_load(&s->flow[i].tally->bytes);
	return sum;
}

static void
check_all(const struct soak *s)
{
	int i;

	job_check(s->forwarder);
	for (i = 0; i < FLOWS; i++) {
		job_check(s->receiver[i]);
		job_check(s->sender[i]);
	}
}

/* Until enough has arrived. */
static void
watch(const struct soak *s)
{
	double now, last = 0, since = clock_seconds(CLOCK_MONOTONIC);

	while ((now = bytes_of(s)) < s->bytes) {
		check_all(s);
		if (now > last)
			since = clock_seconds(CLOCK_MONOTONIC);
		if (clock_seconds(CLOCK_MONOTONIC) - since > STALLED_SECONDS)
			wrong("nothing arrives any more");
		last = now;
		sleep_seconds(0.1);
	}
	check_all(s);
}

/* Senders of streams end when the other side has had all. */
static void
finish(struct soak *s)
{
	struct tally *tally;
	int i;

	for (i = 0; i < FLOWS; i++)
		atomic_store(&s->flow[i].tally->stop, 1);
	for (i = 0; i < FLOWS; i++) {
		tally = s->flow[i].tally;
		job_wait(s->sender[i]);
		if (is_stream(i))
			job_wait(s->receiver[i]);
		else
			job_stop(s->receiver[i]);
		if (is_stream(i) && atomic_load(&tally->bytes) !=
		    atomic_load(&tally->sent))
			wrong("a stream arrived with another length");
	}
	job_stop(s->forwarder);
	if (atomic_load(&s->tally->dropped) != 0)
		wrong("the forwarder dropped packets");
}

static void
report(const struct soak *s, double seconds)
{
	static const char *const names[FLOWS] = {"TCP, IPv4", "TCP, IPv6",
		"UDP, IPv4", "UDP, IPv6"};
	const struct tally *tally;
	int i;

	for (i = 0; i < FLOWS; i++) {
		tally = s->flow[i].tally;
		printf("%s: %15.0f bytes", names[i],
		    (double)atomic_load(&tally->bytes));
		if (!is_stream(i))
			printf(", %.0f datagrams, %.0f lost",
			    (double)atomic_load(&tally->packets),
			    (double)atomic_load(&tally->lost));
		printf("\n");
	}
	printf("%.0f bytes, 0 differences (%s, %.0f s)\n", bytes_of(s),
	    s->mode->name, seconds);
}

static int
usage(void)
{
	fprintf(stderr, "usage: bench soak [--gigabytes N] "
	    "[--mode plain|split|through]\n");
	return 2;
}

static const struct mode *
find_mode(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	return NULL;
}

/* Returns 0, or the exit status of a wrong command line. */
static int
parse(struct soak *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"gigabytes", required_argument, NULL, 'g'},
		{"mode", required_argument, NULL, 'm'},
		{NULL, 0, NULL, 0}
	};
	int c;

	s->mode = find_mode("split");
	s->bytes = 1e9;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'g')
			s->bytes = strtod(optarg, NULL) * 1e9;
		else if (c == 'm')
			s->mode = find_mode(optarg);
		else
			return usage();
	}
	return optind < argc || s->mode == NULL || s->bytes <= 0 ?
	    usage() : 0;
}

int
soak_main(int argc, char **argv)
{
	static struct soak s;
	double since;
	int i, status = parse(&s, argc, argv);

	if (status != 0)
		return status;
	enter_private_world();
	s.world = world_get(s.mode->kind, 0);
	world_add_ipv6(s.world);
	s.tally = tally_new();
	since = clock_seconds(CLOCK_MONOTONIC);
	start(&s);
	watch(&s);
	finish(&s);
	report(&s, clock_seconds(CLOCK_MONOTONIC) - since);
	for (i = 0; i < FLOWS; i++)
		flow_close(&s.flow[i]);
	tally_free(s.tally);
	world_free_all();
	return 0;
}
