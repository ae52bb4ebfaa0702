/*
 * Devices with EVTUN_OPT_OFFLOAD: what a batch does not hold of a frame waits,
 * and others get their turn.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "offload_stage.h"
#include "segments.h"

/* ---- a batch that does not hold it all ---- */

/* What one turn at reading brings: a batch, and nothing while it is off. */
static void
read_one_batch(struct stage *s)
{
	int n = s->log->n_batches;

	kit_enable(s->rig, 0, EV_READ);
	kit_settle(s->rig->base);
	ck_assert_int_eq(s->log->n_batches, n + 1);
	ck_assert_int_eq(packetevent_get_enabled(s->rig->pev[0]), EV_WRITE);
}

START_TEST(test_pause)
{
	struct stage s;
	int turns = 0;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], stage_pause_cb, NULL, kit_eventcb,
	    s.log);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 3));
	stage_send_large(&s, 10);
	while (s.log->n_packets < s.list.n) {
		read_one_batch(&s);
		/* More arrives while it is off. */
		if (++turns % 3 == 0 && turns < 30)
			stage_send_some(&s, 2);
		if (turns == 1 && KIT_BACKEND_OF(_i) == KIT_EPOLL)
			kit_check_idle(s.rig->base);
	}
	ck_assert_int_le(s.log->max_batch, 3);
	kit_enable(s.rig, 0, EV_READ);
	stage_check_all(&s);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}
END_TEST

/* Switched off and on again at once, inside the callback and out of it. */
static void
blink_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
	kit_ok(packetevent_enable(pev, EV_READ));
}

START_TEST(test_blink)
{
	struct stage s;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], blink_cb, NULL, kit_eventcb, s.log);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 2));
	stage_send_some(&s, 30);
	kit_enable(s.rig, 0, EV_READ);
	while (s.log->n_packets < s.list.n / 2) {
		ck_assert_int_eq(event_base_loop(s.rig->base, EVLOOP_ONCE), 0);
		kit_ok(packetevent_disable(s.rig->pev[0], EV_READ));
		kit_enable(s.rig, 0, EV_READ);
	}
	stage_check_all(&s);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}
END_TEST

/* The size of the batch may change while a frame is spread over several. */
static void
grow_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	ck_assert_int_le(n_pkts, s->batch);
	s->batch = s->batch % 5 + 1;
	kit_ok(packetevent_set_max_batch(pev, s->batch));
	kit_readcb(pev, pkts, n_pkts, s->log);
}

START_TEST(test_batch_changes)
{
	struct stage s;

	stage_begin(&s, _i);
	s.batch = 1;
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 1));
	packetevent_setcb(s.rig->pev[0], grow_cb, NULL, NULL, &s);
	stage_send_large(&s, 128);
	stage_send_some(&s, 20);
	kit_enable(s.rig, 0, EV_READ);
	stage_check_all(&s);
	stage_end(&s);
}
END_TEST

/* A frame of more packets than a batch holds fills every batch but the last,
 * and one that fits is not spread over two. */
START_TEST(test_batches_are_full)
{
	struct stage s;

	stage_begin(&s, _i);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 10));
	stage_send_large(&s, 45);
	kit_enable(s.rig, 0, EV_READ);
	stage_check_all(&s);
	ck_assert_int_eq(s.log->n_batches, 5);
	stage_send_large(&s, 6);
	stage_send_large(&s, 6);
	stage_check_all(&s);
	ck_assert_int_eq(s.log->n_batches, 7);
	ck_assert_int_eq(s.log->max_batch, 10);
	stage_end(&s);
}
END_TEST

static void
count_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stage *s = arg;

	(void)fd;
	(void)what;
	s->n_others++;
}

/* Others get their turn after two batches at most: what waits, and what the
 * descriptor has. */
static void
fair_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	kit_readcb(pev, pkts, n_pkts, s->log);
	kit_check(s->log->n_batches <= 2 * s->n_others + 2,
	    "%d batches, and %d turns of another event", s->log->n_batches,
	    s->n_others);
}

/* Read what was sent, with another event that is ready all the time. */
static void
share_with_another(struct stage *s, int batch, packetevent_read_cb cb)
{
	struct event *ev;
	int pipes[2];

	ck_assert_int_eq(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	ev = event_new(s->rig->base, pipes[0], EV_READ | EV_PERSIST, count_cb,
	    s);
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	packetevent_setcb(s->rig->pev[0], cb, NULL, NULL, s);
	kit_ok(packetevent_set_max_batch(s->rig->pev[0], batch));
	kit_enable(s->rig, 0, EV_READ);
	kit_until_packets(s->rig, 0, s->list.n);
	event_free(ev);
	stage_check_all(s);
	close(pipes[0]);
	close(pipes[1]);
}

START_TEST(test_others_get_their_turn)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_send_large(&s, 100);
	stage_send_large(&s, 100);
	share_with_another(&s, 1, fair_cb);
	stage_end(&s);
}
END_TEST

/* Four batches, each of one frame, so that nothing waits in the library. */
static void
four_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	kit_readcb(pev, pkts, n_pkts, s->log);
	ck_assert_int_le(n_pkts, 2);
	kit_check(s->log->n_batches <= 4 * s->n_others + 4,
	    "%d batches, and %d turns of another event", s->log->n_batches,
	    s->n_others);
}

START_TEST(test_four_batches_in_a_turn)
{
	struct stage s;
	int i;

	stage_begin(&s, _i);
	for (i = 0; i < 40; i++)
		stage_send_large(&s, 2);
	share_with_another(&s, 2, four_cb);
	ck_assert_int_eq(s.log->n_batches, 40);
	stage_end(&s);
}
END_TEST

/* It is over when nothing has come for a while, not while packets wait; and
 * it does not run while reading is disabled. */
START_TEST(test_timeout)
{
	static const struct timeval soon = { 0, 20000 };
	struct stage s;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], stage_pause_cb, NULL, kit_eventcb,
	    s.log);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 1));
	kit_ok(packetevent_set_timeouts(s.rig->pev[0], &soon, NULL));
	stage_send_large(&s, 40);
	read_one_batch(&s);
	usleep(40000);
	kit_settle(s.rig->base);
	ck_assert_int_eq(s.log->n_events, 0);
	packetevent_setcb(s.rig->pev[0], kit_readcb, NULL, kit_eventcb,
	    s.log);
	kit_enable(s.rig, 0, EV_READ);
	kit_until_events(s.rig, 0, 1);
	segments_list_compare(&s.list, s.log);
	ck_assert_int_eq(s.log->events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_TIMEOUT);
	stage_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_offload_batch");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("batches", 0);
	kit_setups(test_pause, KIT_DEVICES);
	kit_setups(test_blink, KIT_DEVICES);
	kit_setups(test_batch_changes, KIT_DEVICES);
	kit_setups(test_batches_are_full, KIT_DEVICES);
	kit_setups(test_others_get_their_turn, KIT_DEVICES);
	kit_setups(test_four_batches_in_a_turn, KIT_DEVICES);
	kit_setups(test_timeout, KIT_DEVICES);
	return kit_run();
}
