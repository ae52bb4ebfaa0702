/*
 * Timeouts: of a reader that gets nothing, of a writer whose packets wait,
 * and of nobody else.
 */
#include "config.h"

#include <time.h>

#include "kit.h"

static const struct timeval brief = {0, 5000};
static const struct timeval longer = {0, 20000};

static void
set(struct kit_rig *rig, int end, const struct timeval *r,
    const struct timeval *w)
{
	kit_ok(packetevent_set_timeouts(rig->pev[end], r, w));
}

static void
check_event(struct kit_rig *rig, int end, int n, short what)
{
	ck_assert_int_eq(rig->log[end].n_events, n);
	ck_assert_int_eq(rig->log[end].events[n - 1].what, what);
}

static void
set_flag(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(int *)arg = 1;
}

static int
is_set(void *arg)
{
	return *(int *)arg;
}

/* Run the loop for several times as long as a brief timeout. */
static void
pass_time(struct kit_rig *rig)
{
	int over = 0;
	struct event *ev = event_new(rig->base, -1, 0, set_flag, &over);

	event_add(ev, &longer);
	kit_until(rig->base, is_set, &over, "a timer");
	event_free(ev);
}

/* ---- reading ---- */

#define READ_TIMEOUT (PEV_EVENT_READING | PEV_EVENT_TIMEOUT)
#define WRITE_TIMEOUT (PEV_EVENT_WRITING | PEV_EVENT_TIMEOUT)

START_TEST(test_read)
{
	struct kit_rig *rig = kit_rig_new(_i);

	set(rig, 0, &brief, NULL);
	kit_enable(rig, 0, EV_READ);
	kit_until_events(rig, 0, 1);
	check_event(rig, 0, 1, READ_TIMEOUT);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), EV_WRITE);
	/* It is over until reading is enabled anew. */
	pass_time(rig);
	check_event(rig, 0, 1, READ_TIMEOUT);
	kit_enable(rig, 0, EV_READ);
	kit_until_events(rig, 0, 2);
	check_event(rig, 0, 2, READ_TIMEOUT);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_read_set_while_reading)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	set(rig, 0, &brief, NULL);
	kit_until_events(rig, 0, 1);
	check_event(rig, 0, 1, READ_TIMEOUT);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_not_reading)
{
	struct kit_rig *rig = kit_rig_new(_i);

	set(rig, 0, &brief, &brief);
	pass_time(rig);
	kit_enable(rig, 0, EV_READ);
	kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	pass_time(rig);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_taken_back)
{
	struct kit_rig *rig = kit_rig_new(_i);

	set(rig, 0, &brief, &brief);
	kit_enable(rig, 0, EV_READ);
	set(rig, 0, NULL, NULL);
	pass_time(rig);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]),
	    EV_READ | EV_WRITE);
	kit_rig_free(rig);
}
END_TEST

/* Packets for longer than the timeout, each of them soon after the last one:
 * when the machine keeps us from that, the timeout may be right. */
#define SHORTEST_MS 30
#define LONGEST_MS 2000

struct traffic {
	struct kit_rig *rig;
	unsigned n;
	int over;
	struct timespec last;
	double longest_ms;
};

/* The longest time without a packet. */
static void
note_time(struct traffic *traffic)
{
	struct timespec now;
	double ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (double)(now.tv_sec - traffic->last.tv_sec) * 1e3 +
	    (double)(now.tv_nsec - traffic->last.tv_nsec) / 1e6;
	if (traffic->n > 0 && ms > traffic->longest_ms)
		traffic->longest_ms = ms;
	traffic->last = now;
}

static int
keep_talking(void *arg)
{
	struct traffic *traffic = arg;
	struct kit_rig *rig = traffic->rig;

	if (rig->log[0].n_packets < traffic->n)
		return rig->log[0].n_events > 0;
	note_time(traffic);
	if (traffic->over)
		return 1;
	kit_ok(kit_write(rig, 1, traffic->n++, 100));
	return 0;
}

/* Return 0 if the machine was too busy for an answer. */
static int
talk(int setup, long timeout_ms)
{
	struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct timeval time = {timeout_ms / 500, timeout_ms % 500 * 2000};
	struct traffic traffic = {.rig = kit_rig_new(setup)};
	struct kit_rig *rig = traffic.rig;
	struct event *ev = event_new(rig->base, -1, 0, set_flag,
	    &traffic.over);
	int punctual;

	rig->log[0].forgetful = 1;
	kit_ok(packetevent_set_timeouts(rig->pev[0], &tv, NULL));
	kit_enable(rig, 0, EV_READ);
	event_add(ev, &time);
	kit_until(rig->base, keep_talking, &traffic, "a timer");
	event_free(ev);
	note_time(&traffic);
	/* Timers are up to a tick of 10 ms early. */
	punctual = traffic.longest_ms < (double)timeout_ms / 3;
	if (punctual) {
		ck_assert_uint_gt(traffic.n, 1);
		ck_assert_int_eq(rig->log[0].n_events, 0);
		/* And then it comes. */
		kit_until_events(rig, 0, 1);
		check_event(rig, 0, 1, READ_TIMEOUT);
	}
	kit_rig_free(rig);
	return punctual;
}

START_TEST(test_traffic_keeps_it_off)
{
	long ms;

	for (ms = SHORTEST_MS; ms < LONGEST_MS; ms *= 2)
		if (talk(_i, ms))
			return;
	kit_skip("the machine is too busy to tell");
}
END_TEST

/* ---- writing ---- */

START_TEST(test_nothing_to_write)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 1, EV_READ);
	set(rig, 0, NULL, &brief);
	pass_time(rig);
	/* While a packet waits for the loop the timeout may be right. */
	set(rig, 0, NULL, NULL);
	kit_ok(kit_write(rig, 0, 0, 100));
	kit_until_packets(rig, 1, 1);
	set(rig, 0, NULL, &brief);
	pass_time(rig);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_writing_disabled)
{
	struct kit_rig *rig = kit_rig_new(_i);

	set(rig, 0, NULL, &brief);
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	kit_ok(kit_write(rig, 0, 0, 100));
	pass_time(rig);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	set(rig, 0, NULL, NULL);
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, 1);
	set(rig, 0, NULL, &brief);
	pass_time(rig);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

/* Make packets wait at end 0: a device that is down, a socket that is full,
 * a pair that nobody reads. */
static unsigned
make_wait(struct kit_rig *rig)
{
	unsigned n = 0;

	if (rig->tun != NULL) {
		kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
		kit_ok(kit_write(rig, 0, n++, 1000));
		kit_link_up(rig->name, 0);
		kit_enable(rig, 0, EV_WRITE);
		return n;
	}
	packetevent_setwatermark(rig->pev[0], 0, 1000);
	do {
		while (kit_write(rig, 0, n, 1000) == 0)
			n++;
		ck_assert_int_eq(errno, ENOBUFS);
		kit_settle(rig->base);
	} while (kit_write(rig, 0, n, 1000) == 0 && ++n);
	return n;
}

static void
unblock(struct kit_rig *rig, unsigned n)
{
	if (rig->tun != NULL)
		kit_link_up(rig->name, 1);
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, n);
}

START_TEST(test_write)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i, n;

	set(rig, 0, NULL, &brief);
	n = make_wait(rig);
	kit_until_events(rig, 0, 1);
	check_event(rig, 0, 1, WRITE_TIMEOUT);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), 0);
	pass_time(rig);
	check_event(rig, 0, 1, WRITE_TIMEOUT);
	/* What waited has lost nothing. */
	set(rig, 0, NULL, NULL);
	unblock(rig, n);
	for (i = 0; i < n; i++)
		kit_check_packet(rig, 1, i, i, 1000);
	check_event(rig, 0, 1, WRITE_TIMEOUT);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_both)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct kit_log *log = &rig->log[0];

	make_wait(rig);
	kit_enable(rig, 0, EV_READ);
	set(rig, 0, &brief, &brief);
	kit_until_events(rig, 0, 2);
	pass_time(rig);
	ck_assert_int_eq(log->n_events, 2);
	ck_assert_int_eq(log->events[0].what | log->events[1].what,
	    READ_TIMEOUT | WRITE_TIMEOUT);
	ck_assert_int_ne(log->events[0].what, log->events[1].what);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	/* UDP on the loopback is never full; and a packet socket is not at
	 * end 0. */
	unsigned can_wait = KIT_ALL & ~KIT_BIT(KIT_UDP);

	kit_suite("pev_timeouts");
	kit_case("read", 0);
	kit_setups(test_read, KIT_ALL);
	kit_setups(test_read_set_while_reading, KIT_ALL);
	kit_setups(test_not_reading, KIT_ALL);
	kit_setups(test_taken_back, KIT_ALL);
	kit_setups(test_traffic_keeps_it_off, KIT_ALL);
	kit_case("write", 0);
	kit_setups(test_nothing_to_write, KIT_ALL);
	kit_setups(test_writing_disabled, KIT_ALL);
	/* A bufferevent_pair does not start its timer when it is written to
	 * (2.1.12), and a stream's timeouts are those of its bufferevent. */
	kit_setups(test_write, can_wait & ~KIT_BIT(KIT_STREAM_PAIR));
	kit_case("both", 0);
	kit_setups(test_both, can_wait);
	return kit_run();
}
