/*
 * The device goes down, or is gone, while frames are written, some of them
 * joined and some refused: what waits is not overtaken, and what is lost is
 * counted.
 */
#include "config.h"

#include "kit.h"
#include "refusals.h"
#include "segments.h"
#include "writing.h"

/* ---- down ---- */

/* After a frame of three. */
START_TEST(test_down_in_between)
{
	struct writing *w = writing_begin(_i);

	writing_three(w);
	refusals.err = EIO;
	refusals.accept = 1;
	refusals_begin(w, refusals_later);
	ck_assert_int_eq(writing_batch(w, 0, 30), 10);
	ck_assert_int_eq(errno, ENETDOWN);
	ck_assert_uint_eq(refusals.joined, 2);
	writing_await(w, 10);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 20);
	kit_check_counts(w->rig, 0, 30);
	kit_settle(w->rig->base);
	ck_assert_int_eq(w->rig->log[0].n_events, 0);
	/* Then nothing remains of it. */
	writing_lose(w, 0, 30);
	refusals_judge(NULL);
	writing_send(w, SEGMENTS_TCP4, 0, 10, 100);
	ck_assert_uint_eq(refusals.joined, 1);
	writing_end(w);
}
END_TEST

/* What is queued waits for it to come up. */
START_TEST(test_down_with_a_queue)
{
	struct writing *w = writing_begin(_i);

	writing_three(w);
	writing_queue(w, 0, 30);
	refusals.err = EIO;
	refusals.accept = 1;
	refusals_begin(w, refusals_later);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 20);
	writing_await(w, 10);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 0);
	refusals_flush_rest(w, 20);
	writing_end(w);
}
END_TEST

/* ---- down for a moment ---- */

/* The write that finds it down, while those behind it would not. */
static unsigned down_at;

static int
judge_down_once(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)hdr;
	(void)len;
	return down_at > 0 && --down_at == 0 ? EIO : 0;
}

static int
judge_joined_and_down_once(const struct virtio_net_hdr *hdr, size_t len)
{
	return hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE ? EINVAL :
	    judge_down_once(hdr, len);
}

/* Flush three flows from the queue: what waits is not overtaken. */
static void
flush_while_down(struct writing *w, unsigned at,
    int (*judge)(const struct virtio_net_hdr *hdr, size_t len))
{
	size_t from = w->offered.n;

	writing_three(w);
	writing_queue(w, from, 30);
	down_at = at;
	refusals_judge(judge);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]),
	    (int)(31 - at));
	writing_await(w, w->got + at - 1);
	refusals_flush_rest(w, 31 - at);
}

static const unsigned moments[] = { 1, 4, 10, 11, 25, 30 };
#define N_MOMENTS (sizeof(moments) / sizeof(moments[0]))

START_TEST(test_down_for_a_moment)
{
	struct writing *w = writing_begin(_i);
	size_t i;

	refusals_begin(w, NULL);
	for (i = 0; i < N_MOMENTS; i++)
		flush_while_down(w, moments[i], judge_down_once);
	writing_end(w);
}
END_TEST

/* The same with packets that cannot leave joined: because that was refused
 * just now, ... */
START_TEST(test_refused_and_down)
{
	struct writing *w = writing_begin(_i);
	size_t i;

	refusals_begin(w, NULL);
	for (i = 0; i < N_MOMENTS; i++)
		flush_while_down(w, moments[i], judge_joined_and_down_once);
	ck_assert_uint_ge(writing_unjoined(w), N_MOMENTS);
	writing_end(w);
}
END_TEST

/* ... or because it is no longer tried. */
START_TEST(test_switched_off_and_down)
{
	struct writing *w = writing_begin(_i);
	unsigned i;

	refusals_begin(w, refusals_joined);
	for (i = 0; i < REFUSALS_MAX * SEGMENTS_N_SORTS; i++)
		writing_send(w, (enum segments_sort)(i % SEGMENTS_N_SORTS),
		    i % SEGMENTS_N_SORTS, 10, 100);
	for (i = 0; i < N_MOMENTS; i++) {
		flush_while_down(w, moments[i], judge_down_once);
		ck_assert_uint_eq(refusals.joined, 0);
	}
	writing_end(w);
}
END_TEST

/* ---- gone ---- */

static void
check_gone(struct writing *w, size_t came)
{
	writing_await(w, came);
	refusals_judge(NULL);
	kit_until_events(w->rig, 0, 1);
	kit_settle(w->rig->base);
	ck_assert_int_eq(w->rig->log[0].n_events, 1);
	ck_assert_int_eq(w->rig->log[0].events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_ERROR);
	ck_assert_int_eq(w->rig->log[0].events[0].err, ENXIO);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITTEN_PACKETS),
	    came);
	kit_check_queued(w->rig, 0, 0);
	kit_check_counts(w->rig, 0, 30);
	kit_fails(packetevent_write(w->rig->pev[0],
	    w->offered.packets[0].data, w->offered.packets[0].len), ENXIO);
	kit_check_counts(w->rig, 0, 31);
}

START_TEST(test_gone_in_between)
{
	struct writing *w;
	unsigned n;

	for (n = 0; n < 3; n++) {
		w = writing_begin(_i);
		writing_three(w);
		refusals.err = EBADFD;
		refusals.accept = n;
		refusals_begin(w, refusals_later);
		ck_assert_int_eq(writing_batch(w, 0, 30), (int)n * 10);
		ck_assert_int_eq(errno, ENXIO);
		check_gone(w, n * 10);
		writing_end(w);
	}
}
END_TEST

START_TEST(test_gone_with_a_queue)
{
	struct writing *w = writing_begin(_i);

	writing_three(w);
	writing_queue(w, 0, 30);
	refusals.err = EBADFD;
	refusals.accept = 1;
	refusals_begin(w, refusals_later);
	kit_fails(packetevent_flush(w->rig->pev[0]), ENXIO);
	check_gone(w, 10);
	writing_end(w);
}
END_TEST

int
main(void)
{
	kit_suite("pev_refused_down");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("down", 0);
	kit_kinds(test_down_in_between, KIT_DEVICES);
	kit_kinds(test_down_with_a_queue, KIT_DEVICES);
	kit_kinds(test_refused_and_down, KIT_DEVICES);
	kit_kinds(test_switched_off_and_down, KIT_DEVICES);
	kit_ways = 1u << KIT_NO_RING;
	kit_kinds(test_down_for_a_moment, KIT_DEVICES);
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("gone", 0);
	kit_kinds(test_gone_in_between, KIT_DEVICES);
	kit_kinds(test_gone_with_a_queue, KIT_DEVICES);
	return kit_run();
}
