/*
 * The kernel refuses large frames: they are split, and whatever stops that
 * goes on exactly where it was.
 */
#include "config.h"

#include <unistd.h>

#include "kit.h"
#include "refusals.h"
#include "segments.h"
#include "writing.h"

#define SEGMENTS 20
#define SEGMENT 500

static int
judge_all(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)hdr;
	(void)len;
	return refusals.err;
}

/* Offer a frame of SEGMENTS packets: the result of the write. */
static int
write_large(struct writing *w, enum segments_sort sort, unsigned flow)
{
	static struct segments_frame frame;

	writing_large(w, sort, flow, SEGMENTS * SEGMENT, SEGMENT, &frame);
	return packetevent_write_large(w->rig->pev[0], frame.data, frame.len,
	    &frame.offload);
}

/* ---- as it is ---- */

START_TEST(test_taken)
{
	struct writing *w = writing_begin(_i);
	int sort;

	refusals_begin(w, NULL);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		kit_ok(write_large(w, (enum segments_sort)sort, 0));
		writing_await(w, w->got + SEGMENTS);
		ck_assert_uint_eq(w->largest, SEGMENTS);
	}
	ck_assert_uint_eq(refusals.joined, SEGMENTS_N_SORTS);
	ck_assert_uint_eq(refusals.single, 0);
	writing_check_written(w, SEGMENTS_N_SORTS);
	writing_end(w);
}
END_TEST

/* It waits whole, and is written whole. */
START_TEST(test_waits)
{
	struct writing *w = writing_begin(_i);

	refusals.err = EAGAIN;
	refusals_begin(w, judge_all);
	kit_ok(write_large(w, SEGMENTS_TCP4, 0));
	kit_ok(write_large(w, SEGMENTS_UDP6, 1));
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_QUEUED_PACKETS), 2);
	kit_check_counts(w->rig, 0, 2);
	refusals_judge(NULL);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
	writing_await(w, 2 * SEGMENTS);
	ck_assert_uint_eq(w->frames, 2);
	writing_check_written(w, 2);
	writing_end(w);
}
END_TEST

/* ---- split ---- */

START_TEST(test_split)
{
	struct writing *w;
	unsigned i, sort;

	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		w = writing_begin(_i);
		refusals_begin(w, refusals_joined);
		for (i = 1; i <= REFUSALS_MAX + 2; i++) {
			refusals_judge(refusals_joined);
			kit_ok(write_large(w, (enum segments_sort)sort, 0));
			writing_await(w, w->got + SEGMENTS);
			ck_assert_uint_eq(refusals.single, SEGMENTS);
			ck_assert_uint_eq(refusals.joined,
			    i <= REFUSALS_MAX);
			ck_assert_uint_eq(kit_count(w->rig, 0,
			    PEV_COUNT_WRITE_UNJOINED), i < REFUSALS_MAX ? i :
			    REFUSALS_MAX);
		}
		ck_assert_uint_eq(w->largest, 1);
		writing_check_written(w, REFUSALS_MAX + 2);
		writing_end(w);
	}
}
END_TEST

/* There is no memory for a frame, but for what is in it: nothing is lost, and
 * that says nothing of the next. */
START_TEST(test_no_memory)
{
	static const int errors[] = { ENOBUFS, ENOMEM };
	struct writing *w = writing_begin(_i);
	unsigned i, n = (REFUSALS_MAX + 1) * SEGMENTS_N_SORTS;

	refusals_begin(w, NULL);
	for (i = 0; i < n + SEGMENTS_N_SORTS; i++) {
		refusals.err = errors[i / SEGMENTS_N_SORTS % 2];
		refusals_judge(i < n ? refusals_joined_for_now : NULL);
		kit_ok(write_large(w,
		    (enum segments_sort)(i % SEGMENTS_N_SORTS),
		    i % SEGMENTS_N_SORTS));
		writing_await(w, w->got + SEGMENTS);
		ck_assert_uint_eq(refusals.joined, 1);
		ck_assert_uint_eq(refusals.single, i < n ? SEGMENTS : 0);
	}
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_UNJOINED), 0);
	writing_check_written(w, n + SEGMENTS_N_SORTS);
	writing_end(w);
}
END_TEST

/* Let n more out, of a frame of which some are. */
static void
go_on(struct writing *w, int n, int left)
{
	refusals.accept = (unsigned)n;
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), left);
	writing_await(w, w->got + (size_t)n);
}

/* After any number of segments. */
START_TEST(test_split_waits)
{
	struct writing *w;
	int n;

	for (n = 0; n < SEGMENTS; n += 3) {
		w = writing_begin(_i);
		refusals.err = EAGAIN;
		refusals.accept = (unsigned)n;
		refusals_begin(w, refusals_joined_and_later);
		kit_ok(write_large(w, SEGMENTS_TCP4, 0));
		writing_await(w, (size_t)n);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_QUEUED_PACKETS), 1);
		/* What comes behind it, ordinary and large. */
		writing_stream(w, SEGMENTS_TCP4, 0, 2, 100);
		ck_assert_int_eq(writing_batch(w, SEGMENTS, 2), 2);
		kit_ok(write_large(w, SEGMENTS_TCP4, 0));
		/* The frame is not offered whole again: it has been begun. */
		go_on(w, 0, 4);
		if (n > 0)
			ck_assert_uint_eq(kit_count(w->rig, 0,
			    PEV_COUNT_WRITE_UNJOINED), 1);
		go_on(w, 1, 4);
		kit_check_counts(w->rig, 0, 4);
		refusals_judge(refusals_joined);
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
		writing_await(w, 2 * SEGMENTS + 2);
		writing_check_written(w, 4);
		writing_end(w);
	}
}
END_TEST

/* What has been begun in segments goes on in segments. */
START_TEST(test_not_whole_again)
{
	struct writing *w = writing_begin(_i);

	refusals.err = EAGAIN;
	refusals.accept = 5;
	refusals_begin(w, refusals_joined_and_later);
	kit_ok(write_large(w, SEGMENTS_UDP4, 0));
	refusals_judge(NULL);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
	writing_await(w, SEGMENTS);
	ck_assert_uint_eq(w->largest, 1);
	ck_assert_uint_eq(refusals.joined, 0);
	/* The next one is whole. */
	kit_ok(write_large(w, SEGMENTS_UDP4, 0));
	writing_await(w, 2 * SEGMENTS);
	ck_assert_uint_eq(w->largest, SEGMENTS);
	writing_check_written(w, 2);
	writing_end(w);
}
END_TEST

/* There is no room for the rest: it is lost, and the next one begins at its
 * first segment. */
START_TEST(test_rest_is_lost)
{
	struct writing *w = writing_begin(_i);

	packetevent_setwatermark(w->rig->pev[0], 0, 0);
	refusals.err = EAGAIN;
	refusals.accept = 5;
	refusals_begin(w, refusals_joined_and_later);
	kit_fails(write_large(w, SEGMENTS_TCP6, 0), ENOBUFS);
	writing_lose(w, 5, SEGMENTS - 5);
	writing_await(w, 5);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_FULL), 1);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 1);
	refusals.accept = SEGMENTS;
	kit_ok(write_large(w, SEGMENTS_TCP6, 0));
	writing_await(w, 5 + SEGMENTS);
	kit_check_counts(w->rig, 0, 2);
	writing_end(w);
}
END_TEST

/* So it is with what the end of writing leaves behind, and a queue that is
 * dropped with the packetevent. */
START_TEST(test_gone_in_between)
{
	struct writing *w = writing_begin(_i);

	refusals.err = EBADFD;
	refusals.accept = 5;
	refusals_begin(w, refusals_joined_and_later);
	kit_fails(write_large(w, SEGMENTS_TCP4, 0), ENXIO);
	writing_lose(w, 5, SEGMENTS - 5);
	writing_await(w, 5);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 1);
	kit_check_counts(w->rig, 0, 1);
	refusals_judge(NULL);
	kit_until_events(w->rig, 0, 1);
	ck_assert_int_eq(w->rig->log[0].events[0].err, ENXIO);
	kit_fails(write_large(w, SEGMENTS_TCP4, 0), ENXIO);
	writing_lose(w, SEGMENTS, SEGMENTS);
	kit_check_counts(w->rig, 0, 2);
	writing_end(w);
}
END_TEST

START_TEST(test_gone_with_a_queue)
{
	struct writing *w = writing_begin(_i);

	refusals.err = EAGAIN;
	refusals.accept = 5;
	refusals_begin(w, refusals_joined_and_later);
	kit_ok(write_large(w, SEGMENTS_TCP4, 0));
	kit_ok(write_large(w, SEGMENTS_UDP4, 1));
	refusals.err = EBADFD;
	refusals.accept = 3;
	kit_fails(packetevent_flush(w->rig->pev[0]), ENXIO);
	writing_await(w, 8);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 2);
	kit_check_counts(w->rig, 0, 2);
	refusals_judge(NULL);
	kit_until_events(w->rig, 0, 1);
	kit_settle(w->rig->base);
	ck_assert_int_eq(w->rig->log[0].n_events, 1);
	writing_end(w);
}
END_TEST

/* ---- forwarded ---- */

static int
is_forwarded(void *arg)
{
	struct kit_rig *from = arg;

	return kit_count(from, 0, PEV_COUNT_READ_PACKETS) ==
	    SEGMENTS_N_SORTS;
}

/* A frame of each sort, from another device. */
static void
forward_all(struct writing *w, struct kit_rig *from)
{
	static struct segments_frame frame;
	int sort, fd = segments_socket(from->name);

	packetevent_setcb(from->pev[0], packetevent_forward, NULL, NULL,
	    w->rig->pev[0]);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		writing_large(w, (enum segments_sort)sort, (unsigned)sort,
		    SEGMENTS * SEGMENT, SEGMENT, &frame);
		segments_send(fd, &frame);
	}
	kit_enable(from, 0, EV_READ);
	kit_until(from->base, is_forwarded, from, "all are read");
	close(fd);
}

START_TEST(test_forwarded)
{
	struct writing *w = writing_begin(_i);
	struct kit_rig *from = kit_rig_new(_i);

	refusals_begin(w, refusals_joined);
	forward_all(w, from);
	writing_await(w, SEGMENTS_N_SORTS * SEGMENTS);
	ck_assert_uint_eq(refusals.joined, SEGMENTS_N_SORTS);
	ck_assert_uint_eq(w->largest, 1);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_UNJOINED),
	    SEGMENTS_N_SORTS);
	writing_check_written(w, SEGMENTS_N_SORTS);
	kit_rig_free(from);
	writing_end(w);
}
END_TEST

START_TEST(test_forwarded_waits)
{
	struct writing *w;
	struct kit_rig *from;
	int n;

	/* In the first of them, between them, and in the second. */
	for (n = SEGMENTS - 9; n < 2 * SEGMENTS; n += 9) {
		w = writing_begin(_i);
		from = kit_rig_new(_i);
		refusals.err = EAGAIN;
		refusals.accept = (unsigned)n;
		refusals_begin(w, refusals_joined_and_later);
		forward_all(w, from);
		writing_await(w, (size_t)n);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_QUEUED_PACKETS),
		    SEGMENTS_N_SORTS - (unsigned)n / SEGMENTS);
		kit_check_counts(w->rig, 0, SEGMENTS_N_SORTS);
		refusals_judge(refusals_joined);
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
		writing_await(w, SEGMENTS_N_SORTS * SEGMENTS);
		writing_check_written(w, SEGMENTS_N_SORTS);
		kit_rig_free(from);
		writing_end(w);
	}
}
END_TEST

/* ---- descriptions that nobody could believe ---- */

static void
spoil(struct evtun_offload *o, unsigned how)
{
	switch (how) {
	case 0:
		o->gso_size = 0;
		break;
	case 1:
		o->csum_start = 0xfff0;
		break;
	case 2:
		o->csum_start--;
		break;
	case 3:
		o->gso_type = EVTUN_OFFLOAD_ECN;
		break;
	case 4:
		o->gso_type ^= EVTUN_OFFLOAD_TCP4 ^ EVTUN_OFFLOAD_TCP6;
		break;
	case 5:
		o->csum_offset = 0xffff;
		break;
	}
}
#define SPOILT 6

/* Whatever becomes of them: the next good one is written as it is. */
START_TEST(test_malformed)
{
	struct writing *w = writing_begin(_i);
	static struct segments_frame frame;
	unsigned i, how;

	refusals.err = EINVAL;
	refusals_begin(w, NULL);
	for (how = 0; how < SPOILT; how++)
		for (i = 0; i < REFUSALS_MAX + 1; i++) {
			refusals_judge(judge_all);
			writing_large(w, SEGMENTS_TCP4, 0,
			    SEGMENTS * SEGMENT, SEGMENT, &frame);
			writing_lose(w, w->offered.n - SEGMENTS, SEGMENTS);
			spoil(&frame.offload, how);
			kit_fails(packetevent_write_large(w->rig->pev[0],
			    frame.data, frame.len, &frame.offload), EINVAL);
			ck_assert_msg(refusals.single == 0,
			    "it was split: %u", how);
		}
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_UNJOINED), 0);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED),
	    SPOILT * (REFUSALS_MAX + 1));
	refusals_judge(NULL);
	kit_ok(write_large(w, SEGMENTS_TCP4, 0));
	writing_await(w, SEGMENTS);
	ck_assert_uint_eq(refusals.joined, 1);
	kit_check_counts(w->rig, 0, SPOILT * (REFUSALS_MAX + 1) + 1);
	writing_end(w);
}
END_TEST

/* A checksum alone is completed here if the kernel does not do it. */
START_TEST(test_checksum_alone)
{
	struct writing *w = writing_begin(_i);
	static struct segments_frame frame, whole;
	struct segments_form form;
	unsigned sort;

	refusals_begin(w, NULL);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		writing_form(w, (enum segments_sort)sort, sort, 333, &form);
		segments_make(&frame, &form);
		segments_make_complete(&whole, &form);
		writing_add(w, sort, whole.data, whole.len);
		kit_ok(packetevent_write_large(w->rig->pev[0], frame.data,
		    frame.len, &frame.offload));
		writing_await(w, sort + 1);
	}
	writing_check_written(w, SEGMENTS_N_SORTS);
	writing_end(w);
}
END_TEST

int
main(void)
{
	kit_suite("pev_refused_large");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("whole", 0);
	kit_kinds(test_taken, KIT_DEVICES);
	kit_kinds(test_waits, KIT_DEVICES);
	kit_case("split", 0);
	kit_kinds(test_split, KIT_DEVICES);
	kit_kinds(test_no_memory, KIT_DEVICES);
	kit_kinds(test_split_waits, KIT_DEVICES);
	kit_kinds(test_not_whole_again, KIT_DEVICES);
	kit_kinds(test_rest_is_lost, KIT_DEVICES);
	kit_kinds(test_gone_in_between, KIT_DEVICES);
	kit_kinds(test_gone_with_a_queue, KIT_DEVICES);
	kit_case("forwarded", 0);
	kit_kinds(test_forwarded, KIT_DEVICES);
	kit_kinds(test_forwarded_waits, KIT_DEVICES);
	kit_case("malformed", 0);
	kit_kinds(test_malformed, KIT_DEVICES);
	kit_kinds(test_checksum_alone, KIT_DEVICES);
	return kit_run();
}
