/*
 * The ways to move packets that are compared.
 *
 * The bare loop is the leanest there is that leaves others their turn: poll(),
 * then read() until there is nothing more, 64 times at most, into one buffer
 * that is used again and again.  Where packets come singly it is poll() and
 * one read().
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "packets.h"

#define TRICKLE 100
#define BATCH 50

/* What a read callback counts up, and when it ends the loop. */
struct goal {
	struct event_base *base;
	struct packetevent *to;
	int got;
	int want;
};

static double
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct span
span_begin(void)
{
	struct span s;

	s.wall = now(CLOCK_MONOTONIC);
	s.cpu = now(CLOCK_THREAD_CPUTIME_ID);
	return s;
}

void
span_end(struct span *took, struct span since)
{
	took->cpu += now(CLOCK_THREAD_CPUTIME_ID) - since.cpu;
	took->wall += now(CLOCK_MONOTONIC) - since.wall;
}

static void
wait_readable(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	if (poll(&p, 1, 1000) != 1)
		die("nothing came");
}

static void
count_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct goal *goal = ctx;

	if (goal->to != NULL)
		packetevent_forward(pev, pkts, n_pkts, goal->to);
	goal->got += n_pkts;
	if (goal->got >= goal->want)
		event_base_loopbreak(goal->base);
}

static void
bare_read_one(const struct rig *rig)
{
	int in = evtun_get_fd(rig->in);

	wait_readable(in);
	if (read(in, rig->buf, EVTUN_MAX_PACKET + 1) <= 0)
		die("read");
}

/* Read n packets, and write them to out unless that is -1. */
static void
bare_move(const struct rig *rig, int out, int n)
{
	int in = evtun_get_fd(rig->in), got = 0, turn;
	ssize_t len;

	while (got < n) {
		wait_readable(in);
		for (turn = 0; turn < BUDGET; turn++) {
			len = read(in, rig->buf, EVTUN_MAX_PACKET + 1);
			if (len <= 0)
				break;
			got++;
			if (out >= 0 && write(out, rig->buf, (size_t)len) < 0)
				die("write");
		}
		if (turn < BUDGET && errno != EAGAIN)
			die("read");
	}
}

/* Enabled before the packets are there, as a program's would be. */
static struct goal
expect(struct rig *rig, struct packetevent *to, int n)
{
	struct goal goal = {rig->base, to, 0, n};

	if (packetevent_enable(rig->reader, EV_READ) < 0)
		die("packetevent_enable");
	return goal;
}

static void
move(struct rig *rig, struct packetevent *to, size_t size, int bare,
    struct span *took)
{
	int out = to == NULL ? -1 : evtun_get_fd(rig->out);
	struct goal goal = {NULL, NULL, 0, 0};
	struct span since;

	if (!bare)
		goal = expect(rig, to, ROUND);
	packetevent_setcb(rig->reader, count_cb, NULL, NULL, &goal);
	rig_send(rig, size, ROUND);
	since = span_begin();
	if (bare)
		bare_move(rig, out, ROUND);
	else
		event_base_dispatch(rig->base);
	span_end(took, since);
	if (!bare && goal.got != ROUND)
		die("the packetevent did not read all");
	packetevent_disable(rig->reader, EV_READ);
}

int
read_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took)
{
	move(rig, NULL, c->size, bare, took);
	return ROUND;
}

int
forward_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took)
{
	move(rig, rig->writer, c->size, bare, took);
	rig_drain_sink(rig, ROUND);
	return ROUND;
}

/* A reading of the processor's clock costs as much as a read(), so that here
 * the time on the wall stands for both. */
int
read_trickle(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took)
{
	struct goal goal = {NULL, NULL, 0, 0};
	double since, sum = 0;
	int i;

	if (!bare)
		goal = expect(rig, NULL, 1);
	packetevent_setcb(rig->reader, count_cb, NULL, NULL, &goal);
	for (i = 0; i < TRICKLE; i++) {
		rig_send(rig, c->size, 1);
		since = now(CLOCK_MONOTONIC);
		if (bare)
			bare_read_one(rig);
		else
			event_base_dispatch(rig->base);
		sum += now(CLOCK_MONOTONIC) - since;
	}
	if (!bare && goal.got != TRICKLE)
		die("the packetevent did not read all");
	packetevent_disable(rig->reader, EV_READ);
	took->wall += sum;
	took->cpu += sum;
	return TRICKLE;
}

static void
write_singly(struct rig *rig, size_t size, int bare, struct span *took)
{
	int fd = evtun_get_fd(rig->out), i;
	struct span since = span_begin();

	if (bare)
		for (i = 0; i < ROUND; i++) {
			if (write(fd, rig->buf, size) < 0)
				die("write");
		}
	else
		for (i = 0; i < ROUND; i++) {
			if (packetevent_write(rig->writer, rig->buf, size) < 0)
				die("packetevent_write");
		}
	span_end(took, since);
}

int
write_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took)
{
	rig_template(rig, c->size);
	write_singly(rig, c->size, bare, took);
	rig_drain_sink(rig, ROUND);
	return ROUND;
}

int
write_batch_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took)
{
	struct evbuffer_iovec pkts[BATCH];
	struct span since;
	int i;

	rig_template(rig, c->size);
	for (i = 0; i < BATCH; i++) {
		pkts[i].iov_base = rig->buf;
		pkts[i].iov_len = c->size;
	}
	if (bare) {
		write_singly(rig, c->size, 1, took);
	} else {
		since = span_begin();
		for (i = 0; i < ROUND; i += BATCH)
			if (packetevent_write_batch(rig->writer, pkts,
			    BATCH) != BATCH)
				die("packetevent_write_batch");
		span_end(took, since);
	}
	rig_drain_sink(rig, ROUND);
	return ROUND;
}

static long
sleeps(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

long
idle_wakeups(struct rig *rig, int bare, int msec)
{
	struct pollfd p = {evtun_get_fd(rig->in), POLLIN, 0};
	struct timeval tv = {msec / 1000, msec % 1000 * 1000};
	long before;

	if (!bare) {
		expect(rig, NULL, 1);
		event_base_loopexit(rig->base, &tv);
	}
	before = sleeps();
	if (bare)
		poll(&p, 1, msec);
	else
		event_base_dispatch(rig->base);
	packetevent_disable(rig->reader, EV_READ);
	return sleeps() - before;
}
