/*
 * How each kind of work is set up, and measured for a while.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Until buffers have grown, and everybody runs. */
#define WARM_UP 0.4
/* Of the blocks of a stream: the receiver is not to be what is measured. */
#define CHECK_ONE_IN 16
#define REQUESTS_A_SECOND 8000

/* What happened in an interval. */
struct interval {
	double seconds;
	double cpu;
	double count;
};

static struct interval
watch(pid_t measured, const _Atomic ev_uint64_t *count, double seconds)
{
	struct interval in;
	ev_uint64_t before;
	double since;

	sleep_seconds(WARM_UP);
	in.cpu = cpu_seconds(measured);
	before = atomic_load(count);
	since = clock_seconds(CLOCK_MONOTONIC);
	sleep_seconds(seconds);
	in.count = (double)(atomic_load(count) - before);
	in.cpu = cpu_seconds(measured) - in.cpu;
	in.seconds = clock_seconds(CLOCK_MONOTONIC) - since;
	job_check(measured);
	if (in.count == 0)
		wrong("nothing was moved");
	return in;
}

static pid_t
start_on(int cpu, void (*run)(const struct job *job),
    const struct world *world, const struct flow *flow, struct tally *tally)
{
	struct job job = {run, world, flow, tally, 0, cpu};

	return job_start(&job);
}

static pid_t
start(void (*run)(const struct job *job), const struct world *world,
    const struct flow *flow, struct tally *tally)
{
	return start_on(0, run, world, flow, tally);
}

/* Between devices a forwarder has no reason to drop anything: they are up,
 * and take what they get. */
static void
check_dropped(const struct tally *tally)
{
	if (atomic_load(&tally->dropped) == 0)
		return;
	wrong("the forwarder dropped packets");
}

static void
measure_stream(const struct entrant *e, double seconds, int tunnel,
    struct sample *sample)
{
	const struct world *w = world_get(e->kind, tunnel);
	struct tally *tally = tally_new();
	struct interval in;
	struct flow flow;
	pid_t pid[3];
	int i;

	flow_open(&flow, w, AF_INET, SOCK_STREAM);
	flow.every = CHECK_ONE_IN;
	pid[0] = start(e->run, w, NULL, tally);
	pid[1] = start(stream_receive, w, &flow, NULL);
	pid[2] = start(stream_send, w, &flow, NULL);
	in = watch(pid[0], &flow.tally->bytes, seconds);
	for (i = 2; i >= 0; i--)
		job_stop(pid[i]);
	if (!tunnel)
		check_dropped(tally);
	sample->value = in.count * 8 / 1e9 / in.seconds;
	sample->cpu = in.cpu / (in.count / 1e9);
	flow_close(&flow);
	tally_free(tally);
}

static void
measure_tcp(const struct entrant *e, double seconds, struct sample *sample)
{
	measure_stream(e, seconds, 0, sample);
}

static void
measure_udp(const struct entrant *e, double seconds, struct sample *sample)
{
	measure_stream(e, seconds, 1, sample);
}

/* Small datagrams: from other(), in or out of what e runs.  The two have a
 * processor each: where they share one now and then, luck is measured. */
static void
measure_small(const struct entrant *e, double seconds,
    void (*other)(const struct job *job), struct sample *sample)
{
	const struct world *w = world_get(e->kind, 0);
	struct tally *tally = tally_new();
	struct interval in;
	struct flow flow;
	pid_t measured, pid;

	flow_open(&flow, w, AF_INET, SOCK_DGRAM);
	/* The sender is to lose packets, not to wait. */
	enlarge_buffers(flow.from);
	flow.size = SMALL_PAYLOAD;
	flow.batch = BUDGET;
	flow.gro = 1;
	measured = start_on(1, e->run, w, &flow, tally);
	pid = start_on(2, other, w, &flow, NULL);
	in = watch(measured, &tally->packets, seconds);
	job_stop(pid);
	job_stop(measured);
	check_dropped(tally);
	sample->value = in.count / 1e6 / in.seconds;
	sample->cpu = in.cpu / in.count * 1e9;
	flow_close(&flow);
	tally_free(tally);
}

static void
measure_in(const struct entrant *e, double seconds, struct sample *sample)
{
	measure_small(e, seconds, datagrams_send, sample);
}

static void
measure_out(const struct entrant *e, double seconds, struct sample *sample)
{
	measure_small(e, seconds, datagrams_receive, sample);
}

/* The ends wait for one another, so that they can share a processor. */
static void
measure_latency(const struct entrant *e, double seconds,
    struct sample *sample)
{
	const struct world *w = world_get(e->kind, 0);
	struct flow flow;
	struct tally *tally = tally_new();
	struct job job = {echo_request, w, &flow, tally, 0, 2};
	pid_t measured, echo;
	double cpu;

	job.n = (int)(REQUESTS_A_SECOND * seconds) + 1;
	flow_open(&flow, w, AF_INET, SOCK_DGRAM);
	measured = start_on(1, e->run, w, NULL, tally);
	echo = start_on(2, echo_reply, w, &flow, NULL);
	cpu = cpu_seconds(measured);
	job_wait(job_start(&job));
	sample->value = tally->value;
	sample->cpu = (cpu_seconds(measured) - cpu) / job.n * 1e6;
	job_stop(echo);
	job_stop(measured);
	check_dropped(tally);
	flow_close(&flow);
	tally_free(tally);
}

static void
measure_idle(const struct entrant *e, double seconds, struct sample *sample)
{
	const struct world *w = world_get(e->kind, 0);
	struct tally *tally = tally_new();
	pid_t pid = start(e->run, w, NULL, tally);
	long before;

	sleep_seconds(WARM_UP);
	before = sleeps_of(pid);
	sleep_seconds(seconds);
	sample->value = (double)(sleeps_of(pid) - before) / seconds;
	sample->cpu = 0;
	job_stop(pid);
	tally_free(tally);
}

/* What the process itself measures. */
static void
measure_inside(const struct entrant *e, double unit, struct sample *sample)
{
	struct tally *tally = tally_new();
	struct job job = {e->run, NULL, NULL, tally, e->n, 0};

	job_wait(job_start(&job));
	sample->value = tally->value / unit;
	sample->cpu = 0;
	tally_free(tally);
}

static void
measure_memory(const struct entrant *e, double seconds, struct sample *sample)
{
	(void)seconds;
	measure_inside(e, 1024, sample);
}

static void
measure_devices(const struct entrant *e, double seconds,
    struct sample *sample)
{
	(void)seconds;
	farm_prepare(e->n);
	measure_inside(e, 1, sample);
}

const struct load load_tcp = {"tcp",
	"TCP through a forwarder, Gbit/s and s/GB", "Gbit/s", "s/GB",
	measure_tcp};
const struct load load_udp = {"udp",
	"TCP from a device to UDP and back, Gbit/s and s/GB", "Gbit/s", "s/GB",
	measure_udp};
const struct load load_in = {"in",
	"64-byte packets in, M/s and ns", "M/s", "ns", measure_in};
const struct load load_out = {"out",
	"64-byte packets out, M/s and ns", "M/s", "ns", measure_out};
const struct load load_latency = {"latency",
	"64-byte request and answer, p50 in us", "us", "us", measure_latency};
const struct load load_idle = {"idle",
	"nothing to do, wakeups a second", "1/s", NULL, measure_idle};
const struct load load_memory = {"memory",
	"memory of a device, after 64 packets of 1,400 bytes, KiB", "KiB",
	NULL, measure_memory};
const struct load load_devices = {"devices",
	"many devices, processor time of a packet in ns", "ns", NULL,
	measure_devices};
