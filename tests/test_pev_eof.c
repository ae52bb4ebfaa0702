/*
 * The other side is gone: a reader reads what is left, and is told once; a
 * writer fails.
 */
#include "config.h"

#include "kit.h"

#define ENDING (KIT_MEMORY | KIT_BIT(KIT_SEQPACKET))
#define FAILING (KIT_BIT(KIT_PAIR) | KIT_BIT(KIT_SEQPACKET))
#define READ_EOF (PEV_EVENT_READING | PEV_EVENT_EOF)

/* With threads it is closed in the next turn of the loop. */
static void
free_end(struct kit_rig *rig, int end)
{
	packetevent_free(rig->pev[end]);
	rig->pev[end] = NULL;
	if (rig->threadsafe)
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

static void
check_eof(struct kit_rig *rig, size_t n_packets)
{
	struct kit_log *log = &rig->log[0];
	unsigned i;

	kit_until_events(rig, 0, 1);
	ck_assert_uint_eq(log->n_packets, n_packets);
	for (i = 0; i < n_packets; i++)
		kit_check_packet(rig, 0, i, i, 100);
	ck_assert_int_eq(log->events[0].what, READ_EOF);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]) & EV_READ, 0);
	kit_check_idle(rig->base);
	ck_assert_int_eq(log->n_events, 1);
	ck_assert_uint_eq(log->n_packets, n_packets);
}

/* As many as even AF_UNIX holds, with nothing left in a queue of end 1. */
static void
leave_some(struct kit_rig *rig, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 1, i, 100));
	/* A bufferevent writes from the loop. */
	kit_settle(rig->base);
}

START_TEST(test_while_reading)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	free_end(rig, 1);
	check_eof(rig, 0);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_after_what_is_left)
{
	struct kit_rig *rig = kit_rig_new(_i);

	leave_some(rig, 8);
	free_end(rig, 1);
	kit_enable(rig, 0, EV_READ);
	check_eof(rig, 8);
	kit_rig_free(rig);
}
END_TEST

/* "When reading is disabled, once it is enabled." */
START_TEST(test_only_to_a_reader)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	leave_some(rig, 3);
	free_end(rig, 1);
	kit_check_idle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	ck_assert_uint_eq(rig->log[0].n_packets, 0);
	kit_enable(rig, 0, EV_READ);
	check_eof(rig, 3);
	kit_rig_free(rig);
}
END_TEST

/* Pausing after every packet does not lose those behind it, or the end. */
static void
pause_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	kit_readcb(pev, pkts, n, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
}

static int
has_ended(void *arg)
{
	struct kit_rig *rig = arg;

	if (rig->log[0].n_events == 0)
		kit_enable(rig, 0, EV_READ);
	return rig->log[0].n_events > 0;
}

START_TEST(test_with_pauses)
{
	struct kit_rig *rig = kit_rig_new(_i);

	packetevent_setcb(rig->pev[0], pause_cb, NULL, kit_eventcb,
	    &rig->log[0]);
	kit_ok(packetevent_set_max_batch(rig->pev[0], 1));
	leave_some(rig, 8);
	free_end(rig, 1);
	kit_until(rig->base, has_ended, rig, "the end");
	check_eof(rig, 8);
	kit_rig_free(rig);
}
END_TEST

/* The end is there with the last batch, whose callback pauses. */
START_TEST(test_not_to_one_that_has_paused)
{
	struct kit_rig *rig = kit_rig_new(_i);

	packetevent_setcb(rig->pev[0], pause_cb, NULL, kit_eventcb,
	    &rig->log[0]);
	leave_some(rig, 8);
	free_end(rig, 1);
	while (rig->log[0].n_packets < 8) {
		kit_enable(rig, 0, EV_READ);
		kit_settle(rig->base);
	}
	kit_check_idle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_enable(rig, 0, EV_READ);
	check_eof(rig, 8);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_writing_fails)
{
	struct kit_rig *rig = kit_rig_new(_i);

	free_end(rig, 1);
	kit_fails(kit_write(rig, 0, 0, 100), EPIPE);
	kit_fails(kit_write(rig, 0, 1, 100), EPIPE);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS), 0);
	kit_check_counts(rig, 0, 2);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_writing_fails_after_the_event)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 0, EV_READ);
	free_end(rig, 1);
	check_eof(rig, 0);
	kit_fails(kit_write(rig, 0, 0, 100), EPIPE);
	kit_check_counts(rig, 0, 1);
	kit_rig_free(rig);
}
END_TEST

/* What is queued for one that is gone is dropped, and counted. */
START_TEST(test_queued)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < 3; i++)
		kit_ok(kit_write(rig, 0, i, 100));
	free_end(rig, 1);
	kit_enable(rig, 0, EV_READ);
	packetevent_enable(rig->pev[0], EV_WRITE);
	kit_until_events(rig, 0, 1);
	kit_check_idle(rig->base);
	kit_check_counts(rig, 0, 3);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS), 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), 3);
	kit_rig_free(rig);
}
END_TEST

/* A stream may end in one direction alone: who writes on is told when the
 * socket refuses it. */
static int
write_fails(void *arg)
{
	struct kit_rig *rig = arg;

	if (kit_write(rig, 0, 0, 100) == 0)
		return 0;
	ck_assert_int_eq(errno, EPIPE);
	return 1;
}

START_TEST(test_writing_to_a_stream)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 0, EV_READ);
	free_end(rig, 1);
	check_eof(rig, 0);
	kit_until(rig->base, write_fails, rig, "EPIPE");
	kit_until_events(rig, 0, 2);
	ck_assert_int_eq(rig->log[0].events[1].what,
	    PEV_EVENT_WRITING | PEV_EVENT_ERROR);
	ck_assert_int_eq(rig->log[0].events[1].err, EPIPE);
	kit_check_idle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 2);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_between_packets)
{
	struct kit_rig *rig = kit_rig_new(_i);

	leave_some(rig, 2);
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, 2);
	free_end(rig, 1);
	check_eof(rig, 2);
	kit_rig_free(rig);
}
END_TEST

/* A datagram socket has no end: what its peer leaves is not one. */
START_TEST(test_datagrams_do_not_end)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 0, EV_READ);
	leave_some(rig, 3);
	free_end(rig, 1);
	kit_until_packets(rig, 0, 3);
	ck_assert_int_eq(kit_write(rig, 0, 0, 100), -1);
	kit_check_counts(rig, 0, 1);
	kit_check_idle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]),
	    EV_READ | EV_WRITE);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_eof");
	kit_case("reading", 0);
	kit_setups(test_while_reading, ENDING);
	kit_setups(test_after_what_is_left, ENDING);
	kit_setups(test_only_to_a_reader, ENDING);
	kit_setups(test_with_pauses, ENDING);
	kit_setups(test_not_to_one_that_has_paused, ENDING);
	kit_setups(test_between_packets, ENDING);
	kit_case("writing", 0);
	kit_setups(test_writing_fails, FAILING);
	kit_setups(test_writing_fails_after_the_event, FAILING);
	kit_setups(test_queued, FAILING);
	kit_setups(test_writing_to_a_stream,
	    KIT_BIT(KIT_STREAM16) | KIT_BIT(KIT_STREAM32));
	kit_case("datagrams", 0);
	kit_setups(test_datagrams_do_not_end, KIT_BIT(KIT_DGRAM));
	return kit_run();
}
