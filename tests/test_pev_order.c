/*
 * Order and bytes of many packets, both ways at once.
 */
#include "config.h"

#include "kit.h"

#define N_PACKETS 10000

START_TEST(test_both_ways)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int i;

	kit_traffic(rig, N_PACKETS);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(kit_count(rig, i, PEV_COUNT_READ_PACKETS),
		    N_PACKETS);
		ck_assert_uint_eq(kit_count(rig, i, PEV_COUNT_READ_BYTES),
		    kit_count(rig, !i, PEV_COUNT_WRITTEN_BYTES));
		ck_assert_uint_eq(kit_count(rig, i, PEV_COUNT_READ_DROPPED),
		    0);
		ck_assert_uint_eq(kit_count(rig, i, PEV_COUNT_READ_REFUSED),
		    0);
		kit_check_counts(rig, i, N_PACKETS);
		ck_assert_uint_eq(kit_count(rig, i,
		    PEV_COUNT_WRITTEN_PACKETS), N_PACKETS);
	}
	kit_rig_free(rig);
}
END_TEST

/* A reader that pushes back with every batch: 1,000 packets, none lost. */
struct pushing {
	struct kit_log *log;
	struct packetevent *pev;
};

static void
push_back_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct pushing *pushing = ctx;

	kit_readcb(pev, pkts, n, pushing->log);
	kit_ok(packetevent_disable(pev, EV_READ));
}

static int
pushed_through(void *arg)
{
	struct pushing *pushing = arg;

	if (pushing->log->n_packets >= 100)
		return 1;
	if (!(packetevent_get_enabled(pushing->pev) & EV_READ))
		kit_ok(packetevent_enable(pushing->pev, EV_READ));
	return 0;
}

START_TEST(test_pushing_back_loses_nothing)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct pushing pushing = {&rig->log[1], rig->pev[1]};
	unsigned i;

	packetevent_setcb(rig->pev[1], push_back_cb, NULL, NULL, &pushing);
	kit_ok(packetevent_set_max_batch(rig->pev[1], 7));
	for (i = 0; i < 100; i++)
		kit_ok(kit_write(rig, 0, i, 100 + i));
	kit_until(rig->base, pushed_through, &pushing, "100 packets");
	for (i = 0; i < 100; i++)
		kit_check_packet(rig, 1, i, i, 100 + i);
	ck_assert_int_le(rig->log[1].max_batch, 7);
	kit_rig_free(rig);
}
END_TEST

/* A packet written while others wait goes behind them. */
START_TEST(test_nothing_overtakes_the_queue)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	kit_enable(rig, 1, EV_READ);
	for (i = 0; i < 40; i++) {
		if (i % 8 == 0)
			kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
		if (i % 8 == 4)
			kit_enable(rig, 0, EV_WRITE);
		kit_ok(kit_write(rig, 0, i, 64));
		if (i % 8 == 6)
			event_base_loop(rig->base, EVLOOP_NONBLOCK);
	}
	kit_until_packets(rig, 1, 40);
	for (i = 0; i < 40; i++)
		kit_check_packet(rig, 1, i, i, 64);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_order");
	kit_case("order", 0);
	kit_setups(test_both_ways, KIT_ALL);
	kit_setups(test_pushing_back_loses_nothing, KIT_ALL);
	kit_setups(test_nothing_overtakes_the_queue, KIT_ALL);
	return kit_run();
}
