/*
 * Out of the queue: who is told when, and what flushing does.
 */
#include "config.h"

#include "kit.h"

/* ---- the write callback ---- */

START_TEST(test_no_callback_if_nothing_waited)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	kit_enable(rig, 1, EV_READ);
	for (i = 0; i < 3; i++)
		kit_ok(kit_write(rig, 0, i, 100));
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), 0);
	kit_read_some(rig, 3, 100);
	ck_assert_int_eq(rig->log[0].n_writecbs, 0);
	kit_rig_free(rig);
}
END_TEST

/* What the queue holds when the write callback runs. */
struct drained {
	int n;
	ev_uint64_t queued;
	int inside;	/* a function of the library */
};

static void
drained_cb(struct packetevent *pev, void *ctx)
{
	struct drained *drained = ctx;

	ck_assert_int_eq(drained->inside, 0);
	if (drained->n++ == 0)
		drained->queued = packetevent_get_count(pev,
		    PEV_COUNT_QUEUED_BYTES);
}

static int
is_drained(void *arg)
{
	return ((struct drained *)arg)->n > 0;
}

static void
drain(struct kit_rig *rig, struct drained *drained)
{
	packetevent_setcb(rig->pev[0], NULL, drained_cb, NULL, drained);
	/* Packet by packet, so that there is something to see. */
	kit_ok(packetevent_set_max_batch(rig->pev[0], 1));
	kit_ok(packetevent_set_max_batch(rig->pev[1], 1));
	kit_enable(rig, 1, EV_READ);
	drained->inside = 1;
	kit_enable(rig, 0, EV_WRITE);
	drained->inside = 0;
	kit_until(rig->base, is_drained, drained, "the write callback");
}

START_TEST(test_low_watermark)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct drained drained = {0, 0, 0};

	packetevent_setwatermark(rig->pev[0], 500, 100000);
	kit_queue_some(rig, 10, 100);
	drain(rig, &drained);
	ck_assert_uint_le(drained.queued, 500);
	if (!(KIT_BIT(rig->kind) & KIT_STREAMS))
		ck_assert_uint_gt(drained.queued, 0);
	kit_read_some(rig, 10, 100);
	ck_assert_int_eq(drained.n, 1);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_low_above_high)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct drained drained = {0, 0, 0};

	packetevent_setwatermark(rig->pev[0], 50000, 1000);
	kit_queue_some(rig, 1, 900);
	kit_ok(kit_write(rig, 0, 1, 3000));
	drain(rig, &drained);
	ck_assert_uint_le(drained.queued, 1000);
	kit_until_packets(rig, 1, 2);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_no_callback_while_above)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_queue_some(rig, 3, 100);
	kit_settle(rig->base);
	ck_assert_int_eq(rig->log[0].n_writecbs, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 3, 100);
	ck_assert_int_eq(rig->log[0].n_writecbs, 1);
	kit_rig_free(rig);
}
END_TEST

/* Whoever writes from the write callback is called again. */
static void
write_more_cb(struct packetevent *pev, void *ctx)
{
	struct kit_rig *rig = ctx;
	unsigned n = (unsigned)++rig->log[0].n_writecbs;

	if (n >= 3)
		return;
	kit_ok(packetevent_disable(pev, EV_WRITE));
	kit_ok(kit_write(rig, 0, n, 100));
	kit_ok(packetevent_enable(pev, EV_WRITE));
}

START_TEST(test_callback_again)
{
	struct kit_rig *rig = kit_rig_new(_i);

	packetevent_setcb(rig->pev[0], NULL, write_more_cb, NULL, rig);
	kit_queue_some(rig, 1, 100);
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_writecbs(rig, 0, 3);
	kit_read_some(rig, 3, 100);
	kit_rig_free(rig);
}
END_TEST

/* ---- flush ---- */

START_TEST(test_flush_while_disabled)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 1, EV_READ);
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), 0);
	kit_queue_some(rig, 3, 100);
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), 3);
	kit_settle(rig->base);
	kit_check_queued(rig, 3, 300);
	ck_assert_uint_eq(rig->log[1].n_packets, 0);
	kit_rig_free(rig);
}
END_TEST

/* "Write packets one by one, enable it and flush": they go together. */
START_TEST(test_flush)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct drained drained = {0, 0, 1};
	int left;

	packetevent_setcb(rig->pev[0], NULL, drained_cb, NULL, &drained);
	kit_enable(rig, 1, EV_READ);
	kit_queue_some(rig, 8, 100);
	kit_enable(rig, 0, EV_WRITE);
	left = packetevent_flush(rig->pev[0]);
	if (rig->kind == KIT_PAIR)
		ck_assert_int_le(left, 8);
	else
		ck_assert_int_eq(left, 0);
	kit_check_queued(rig, (size_t)left, (size_t)left * 100);
	ck_assert_uint_eq(rig->log[1].n_packets, 0);
	drained.inside = 0;
	kit_read_some(rig, 8, 100);
	kit_until(rig->base, is_drained, &drained, "the write callback");
	ck_assert_int_eq(drained.n, 1);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_flush_to_a_pair_that_does_not_read)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_queue_some(rig, 3, 100);
	kit_enable(rig, 0, EV_WRITE);
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), 3);
	kit_settle(rig->base);
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), 3);
	kit_check_queued(rig, 3, 300);
	kit_read_some(rig, 3, 100);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_flush");
	kit_case("write_callback", 0);
	kit_setups(test_no_callback_if_nothing_waited, KIT_FDS);
	kit_setups(test_low_watermark, KIT_ALL);
	kit_setups(test_low_above_high, KIT_ALL);
	kit_setups(test_no_callback_while_above, KIT_ALL);
	kit_setups(test_callback_again, KIT_ALL);
	kit_case("flush", 0);
	kit_setups(test_flush_while_disabled, KIT_ALL);
	kit_setups(test_flush, KIT_ALL);
	kit_setups(test_flush_to_a_pair_that_does_not_read,
	    KIT_BIT(KIT_PAIR));
	return kit_run();
}
