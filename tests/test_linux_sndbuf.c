/*
 * A limit of what is written and not yet delivered ends io_uring for writing,
 * which cannot wait: the packets come all the same.
 */
#include "config.h"

#include <limits.h>

#include "evtun/linux.h"
#include "kit.h"
#include "rings.h"

/* Enough of them for a ring. */
#define N_PACKETS 40

/* Queued first, they are written together. */
static void
write_together(struct kit_rig *rig)
{
	unsigned i;

	kit_log_clear(&rig->log[1]);
	kit_queue_some(rig, N_PACKETS, 100);
	kit_enable(rig, 0, EV_WRITE);
	kit_until_packets(rig, 1, N_PACKETS);
	for (i = 0; i < N_PACKETS; i++)
		kit_check_packet(rig, 1, i, i, 100);
}

START_TEST(test_limit)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int rings = rings_count();

	kit_enable(rig, 1, EV_READ);
	write_together(rig);
	ck_assert_int_eq(rings_count(), rings + rings_exist(rig));
	kit_ok(evtun_linux_set_sndbuf(rig->tun, 1000000));
	ck_assert_int_eq(rings_count(), rings);
	write_together(rig);
	ck_assert_int_eq(rings_count(), rings);
	/* Refused, it changes nothing. */
	kit_fails(evtun_linux_set_sndbuf(rig->tun, 0), EINVAL);
	kit_ok(evtun_linux_set_sndbuf(rig->tun, INT_MAX));
	write_together(rig);
	kit_check_counts(rig, 0, 3 * N_PACKETS);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("linux_sndbuf");
	kit_case("rings", KIT_NEEDS_TUN);
	kit_setups(test_limit, KIT_DEVICES);
	return kit_run();
}
