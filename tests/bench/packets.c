/*
 * bench packets: what a packetevent costs beside bare system calls.
 *
 *	tests/bench/bench packets [-t] [TURNS]
 *
 * A turn is two rounds of 400 packets, one bare and one with a packetevent,
 * and gives a ratio.  The table has the median of the ratios of TURNS (201),
 * and the quartiles, so that a machine that does something else for a while
 * does not matter.  -t makes the packetevents thread-safe.
 */
#include "config.h"

#include <event2/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"

#define MOST_TURNS 2001
#define IDLE_MSEC 1000

/* In nanoseconds for each packet. */
struct turn {
	struct span bare;
	struct span pev;
};

static const struct bench_case cases[] = {
	{"read, 400 waiting", 64, read_round},
	{"read, 400 waiting", 1400, read_round},
	{"read, one at a time", 64, read_trickle},
	{"write, to a socket", 64, write_round},
	{"write, to a socket", 1400, write_round},
	{"write in batches of 50", 64, write_batch_round},
	{"forward", 64, forward_round},
	{"forward", 1400, forward_round}
};
#define N_CASES ((int)(sizeof(cases) / sizeof(cases[0])))

static struct span
run_round(struct rig *rig, const struct bench_case *c, int bare)
{
	struct span took = {0, 0};
	int n = c->round(rig, c, bare, &took);

	took.wall /= n;
	took.cpu /= n;
	return took;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Value number part of whole, in order: 2 of 4 is the median. */
static double
quantile(double *values, int n, int part, int whole)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return values[(n - 1) * part / whole];
}

static void
print_case(const struct bench_case *c, const struct turn *t, int n)
{
	static double bare[MOST_TURNS], pev[MOST_TURNS];
	static double cpu[MOST_TURNS], wall[MOST_TURNS];
	int i;

	for (i = 0; i < n; i++) {
		bare[i] = t[i].bare.cpu;
		pev[i] = t[i].pev.cpu;
		cpu[i] = t[i].pev.cpu / t[i].bare.cpu;
		wall[i] = t[i].pev.wall / t[i].bare.wall;
	}
	printf("%-24s%6zu%8.0f%8.0f%7.2f  (%.2f-%.2f)%7.2f\n", c->name,
	    c->size, quantile(bare, n, 2, 4), quantile(pev, n, 2, 4),
	    quantile(cpu, n, 2, 4), quantile(cpu, n, 1, 4),
	    quantile(cpu, n, 3, 4), quantile(wall, n, 2, 4));
	fflush(stdout);
}

/* Whoever comes first in one turn comes second in the next. */
static void
run_case(struct rig *rig, const struct bench_case *c, int n)
{
	static struct turn turns[MOST_TURNS];
	int i;

	for (i = 0; i < n; i++) {
		if (i % 2 == 0)
			turns[i].bare = run_round(rig, c, 1);
		turns[i].pev = run_round(rig, c, 0);
		if (i % 2 == 1)
			turns[i].bare = run_round(rig, c, 1);
	}
	print_case(c, turns, n);
}

int
packets_main(int argc, char **argv)
{
	struct rig rig;
	int i, options = 0, n = 201;

	if (argc > 1 && strcmp(argv[1], "-t") == 0) {
		options = PEV_OPT_THREADSAFE;
		evthread_use_pthreads();
		argc--;
		argv++;
	}
	if (argc > 1)
		n = (int)strtol(argv[1], NULL, 10);
	if (argc > 2 || n < 1 || n > MOST_TURNS) {
		fprintf(stderr, "usage: bench packets [-t] [TURNS]\n");
		return 2;
	}
	rig_setup(&rig, options);
	printf("Processor time of a packet in ns, medians of %d turns\n\n"
	    "%-24s%6s%8s%8s%7s  %-11s%7s\n", n,
	    "", "bytes", "bare", "pev", "ratio", "(quartiles)", "wall");
	for (i = 0; i < N_CASES; i++)
		run_case(&rig, &cases[i], n);
	printf("\nidle for a second: bare %ld wakeup(s), packetevent %ld\n",
	    idle_wakeups(&rig, 1, IDLE_MSEC),
	    idle_wakeups(&rig, 0, IDLE_MSEC));
	rig_free(&rig);
	return 0;
}
