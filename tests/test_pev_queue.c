/*
 * The queue has an end: what waits, and what is refused.
 */
#include "config.h"

#include <string.h>

#include "kit.h"

/* Refuse, for a full queue: counted as that, and as dropped. */
static void
check_refused(struct kit_rig *rig, unsigned index, size_t size)
{
	ev_uint64_t full = kit_count(rig, 0, PEV_COUNT_WRITE_FULL);
	ev_uint64_t dropped = kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED);

	kit_fails(kit_write(rig, 0, index, size), ENOBUFS);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL), full + 1);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED),
	    dropped + 1);
}

START_TEST(test_disabled_means_queued)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_enable(rig, 1, EV_READ);
	kit_queue_some(rig, 5, 100);
	kit_check_queued(rig, 5, 500);
	kit_settle(rig->base);
	kit_check_queued(rig, 5, 500);
	ck_assert_uint_eq(rig->log[1].n_packets, 0);
	ck_assert_int_eq(rig->log[0].n_writecbs, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 5, 100);
	kit_check_queued(rig, 0, 0);
	ck_assert_int_eq(rig->log[0].n_writecbs, 1);
	kit_check_counts(rig, 0, 5);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_BYTES), 500);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_high_watermark_binds)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	packetevent_setwatermark(rig->pev[0], 0, 1000);
	kit_queue_some(rig, 4, 300);
	kit_check_queued(rig, 4, 1200);
	for (i = 0; i < 3; i++)
		check_refused(rig, 4, 300);
	kit_check_queued(rig, 4, 1200);
	kit_check_counts(rig, 0, 7);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 4, 300);
	/* There is room again. */
	kit_log_clear(&rig->log[1]);
	kit_queue_some(rig, 1, 300);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 1, 300);
	kit_check_counts(rig, 0, 8);
	kit_rig_free(rig);
}
END_TEST

/* One byte below the mark takes the largest packet, at the mark none. */
START_TEST(test_one_packet_more)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t largest = kit_max_size(rig->kind);

	packetevent_setwatermark(rig->pev[0], 0, 1000);
	kit_queue_some(rig, 1, 999);
	kit_ok(kit_write(rig, 0, 1, largest));
	kit_check_queued(rig, 2, 999 + largest);
	check_refused(rig, 2, kit_min_size(rig->kind));
	kit_rig_free(rig);
	rig = kit_rig_new(_i);
	packetevent_setwatermark(rig->pev[0], 0, 1000);
	kit_queue_some(rig, 1, 1000);
	check_refused(rig, 1, kit_min_size(rig->kind));
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_default_mark)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t size = 64 * 1024 - 100;

	kit_queue_some(rig, 5, size);
	check_refused(rig, 5, size);
	kit_check_queued(rig, 5, 5 * size);
	kit_rig_free(rig);
}
END_TEST

/* A lower mark refuses more, and drops nothing that is queued. */
START_TEST(test_lowered_while_full)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_queue_some(rig, 5, 500);
	packetevent_setwatermark(rig->pev[0], 0, 100);
	kit_check_queued(rig, 5, 2500);
	check_refused(rig, 5, 500);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 5, 500);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_no_queue_at_all)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int i;

	packetevent_setwatermark(rig->pev[0], 0, 0);
	for (i = 0; i < 3; i++)
		kit_ok(kit_write(rig, 0, (unsigned)i, 100));
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	check_refused(rig, 3, 100);
	kit_check_queued(rig, 0, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 3, 100);
	kit_check_counts(rig, 0, 4);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_one_at_a_time)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int i;

	packetevent_setwatermark(rig->pev[0], 0, 0);
	for (i = 0; i < 3; i++) {
		kit_ok(kit_write(rig, 0, (unsigned)i, 100));
		check_refused(rig, 9, 100);
		kit_enable(rig, 1, EV_READ);
		kit_until_packets(rig, 1, (size_t)i + 1);
		kit_settle(rig->base);
		kit_ok(packetevent_disable(rig->pev[1], EV_READ));
	}
	kit_read_some(rig, 3, 100);
	kit_check_counts(rig, 0, 6);
	kit_rig_free(rig);
}
END_TEST

/* ---- batches ---- */

#define N_BATCH 10

static void
make_batch(struct kit_rig *rig, struct evbuffer_iovec *pkts,
    unsigned char (*data)[300])
{
	unsigned i;

	for (i = 0; i < N_BATCH; i++) {
		kit_fill(rig->kind, data[i], i, sizeof(data[i]));
		pkts[i].iov_base = data[i];
		pkts[i].iov_len = sizeof(data[i]);
	}
}

START_TEST(test_batch)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct evbuffer_iovec pkts[N_BATCH];
	unsigned char data[N_BATCH][300];

	make_batch(rig, pkts, data);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, 0), 0);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, N_BATCH),
	    N_BATCH);
	kit_read_some(rig, N_BATCH, 300);
	kit_check_counts(rig, 0, N_BATCH);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_refused_are_the_last_of_a_batch)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct evbuffer_iovec pkts[N_BATCH];
	unsigned char data[N_BATCH][300];

	make_batch(rig, pkts, data);
	packetevent_setwatermark(rig->pev[0], 0, 1000);
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	/* So that a small one would fit, if it were tried. */
	pkts[N_BATCH - 1].iov_len = kit_min_size(rig->kind);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, N_BATCH),
	    4);
	ck_assert_int_eq(errno, ENOBUFS);
	kit_check_queued(rig, 4, 1200);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL),
	    N_BATCH - 4);
	kit_check_counts(rig, 0, N_BATCH);
	kit_enable(rig, 0, EV_WRITE);
	kit_read_some(rig, 4, 300);
	kit_rig_free(rig);
}
END_TEST

/* One that can never be sent does not end a batch. */
START_TEST(test_bad_ones_in_a_batch)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct evbuffer_iovec pkts[N_BATCH];
	unsigned char data[N_BATCH][300];

	make_batch(rig, pkts, data);
	pkts[3].iov_len = 0;
	pkts[7].iov_len = 0;
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, N_BATCH),
	    N_BATCH - 2);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, N_BATCH - 2);
	kit_check_packet(rig, 1, 2, 2, 300);
	kit_check_packet(rig, 1, 3, 4, 300);
	kit_check_packet(rig, 1, 6, 8, 300);
	kit_check_counts(rig, 0, N_BATCH);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL), 0);
	kit_rig_free(rig);
}
END_TEST

/* ---- nothing is ever unaccounted for ---- */

struct chaos {
	struct kit_rig *rig;
	unsigned state;
	ev_uint64_t offered, accepted, bytes;
};

static unsigned
draw(struct chaos *chaos, unsigned n)
{
	chaos->state = chaos->state * 1103515245 + 12345;
	return (chaos->state >> 16) % n;
}

static void
step(struct chaos *chaos)
{
	struct kit_rig *rig = chaos->rig;
	size_t size = kit_min_size(rig->kind) + draw(chaos, 400);

	switch (draw(chaos, 12)) {
	case 0:
		kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
		break;
	case 1:
		kit_enable(rig, 0, EV_WRITE);
		break;
	case 2:
		kit_ok(packetevent_disable(rig->pev[1], EV_READ));
		break;
	case 3:
	case 4:
		kit_enable(rig, 1, EV_READ);
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
		break;
	case 5:
		packetevent_setwatermark(rig->pev[0], draw(chaos, 800),
		    draw(chaos, 5) * 500);
		break;
	case 6:
		ck_assert_int_ge(packetevent_flush(rig->pev[0]), 0);
		break;
	default:
		chaos->offered++;
		if (kit_write(rig, 0, (unsigned)chaos->accepted, size) == 0) {
			chaos->accepted++;
			chaos->bytes += size;
		} else {
			ck_assert_int_eq(errno, ENOBUFS);
		}
	}
}

START_TEST(test_counters_reconcile)
{
	struct chaos chaos = {kit_rig_new(_i), 1, 0, 0, 0};
	struct kit_rig *rig = chaos.rig;
	int i;

	for (i = 0; i < 1500; i++) {
		step(&chaos);
		kit_check_counts(rig, 0, chaos.offered);
		ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL),
		    chaos.offered - chaos.accepted);
		ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_BYTES) +
		    kit_count(rig, 0, PEV_COUNT_QUEUED_BYTES), chaos.bytes);
	}
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, chaos.accepted);
	ck_assert_uint_gt(chaos.accepted, 100);
	ck_assert_uint_gt(chaos.offered, chaos.accepted);
	for (i = 0; i < (int)chaos.accepted; i++)
		kit_check_packet(rig, 1, (size_t)i, (unsigned)i,
		    rig->log[1].packets[i].len);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 0);
	ck_assert_uint_eq(kit_count(rig, 1, PEV_COUNT_READ_BYTES),
	    chaos.bytes);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_queue");
	kit_case("limits", 0);
	kit_setups(test_disabled_means_queued, KIT_ALL);
	kit_setups(test_high_watermark_binds, KIT_ALL);
	kit_setups(test_one_packet_more, KIT_ALL);
	kit_setups(test_default_mark, KIT_ALL);
	kit_setups(test_lowered_while_full, KIT_ALL);
	kit_setups(test_no_queue_at_all, KIT_FDS);
	kit_setups(test_one_at_a_time, KIT_MEMORY);
	kit_case("batch", 0);
	kit_setups(test_batch, KIT_ALL);
	kit_setups(test_refused_are_the_last_of_a_batch, KIT_ALL);
	kit_setups(test_bad_ones_in_a_batch, KIT_ALL);
	kit_case("counters", 0);
	kit_setups(test_counters_reconcile, KIT_ALL);
	return kit_run();
}
