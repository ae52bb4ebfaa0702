/*
 * A packet that is sent or read directly, or refused, needs no memory at all:
 * neither the library nor libevent allocates anything for it.
 */
#include "config.h"

#include "kit.h"
#include "memory.h"

/* With a timer the kit's own loop would allocate: here Check's timeout is the
 * deadline. */
static void
pass(struct kit_rig *rig, int from, unsigned n, unsigned burst)
{
	struct kit_log *log = &rig->log[!from];
	unsigned sent = 0, i;

	log->n_packets = 0;
	while (sent < n) {
		for (i = 0; i < burst; i++, sent++)
			kit_ok(kit_write(rig, from, sent,
			    60 + sent * 613 % 1400));
		while (log->n_packets < sent)
			kit_check(event_base_loop(rig->base, EVLOOP_ONCE) == 0,
			    "the loop has ended");
	}
}

static void
pass_all(struct kit_rig *rig, unsigned n)
{
	int i;

	for (i = 0; i < 2; i++) {
		pass(rig, i, n, 1);
		pass(rig, i, n, 8);
	}
}

START_TEST(test_none_for_a_packet)
{
	struct kit_rig *rig;
	int i;

	memory_watch_libevent();
	rig = kit_rig_new(_i);
	for (i = 0; i < 2; i++) {
		rig->log[i].forgetful = 1;
		kit_enable(rig, i, EV_READ);
	}
	pass_all(rig, 64);
	memory.calls = 0;
	memory.watching = 1;
	pass_all(rig, 1024);
	memory.watching = 0;
	ck_assert_int_eq(memory.calls, 0);
	kit_check_counts(rig, 0, 2 * (64 + 1024));
	/* They were counted at all. */
	memory.watching = 1;
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	kit_ok(kit_write(rig, 0, 0, 60000));
	memory.watching = 0;
	ck_assert_int_gt(memory.calls, 0);
	kit_rig_free(rig);
}
END_TEST

/* Nor when all of it is refused. */
START_TEST(test_none_for_a_refused_packet)
{
	struct kit_rig *rig;
	int i;

	memory_watch_libevent();
	rig = kit_rig_new(_i);
	packetevent_setwatermark(rig->pev[0], 0, 100);
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	kit_ok(kit_write(rig, 0, 0, 100));
	memory.watching = 1;
	for (i = 0; i < 100; i++)
		kit_fails(kit_write(rig, 0, 0, 100), ENOBUFS);
	memory.watching = 0;
	ck_assert_int_eq(memory.calls, 0);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_no_alloc");
	kit_case("none", 0);
	kit_setups(test_none_for_a_packet, KIT_FDS);
	kit_kinds(test_none_for_a_refused_packet, KIT_ALL);
	return kit_run();
}
