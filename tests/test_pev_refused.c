/*
 * The kernel refuses joined frames: their packets leave singly, in order, and
 * what it never takes is no longer tried.
 */
#include "config.h"

#include <sys/utsname.h>

#include <stdlib.h>

#include "kit.h"
#include "refusals.h"
#include "segments.h"
#include "writing.h"

static const unsigned char types[] = {
	VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, 5, 5
};

/* ---- one sort ---- */

/* Frames of this sort are refused. */
static unsigned char refused_type;

static int
judge_type(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)len;
	return hdr->gso_type == refused_type ? EINVAL : 0;
}

/* Three times; the other sorts are joined all the time. */
static void
refuse_sort(struct writing *w, enum segments_sort sort)
{
	enum segments_sort other = (enum segments_sort)
	    ((sort + 2) % SEGMENTS_N_SORTS);
	unsigned i;

	refused_type = types[sort];
	refusals_begin(w, judge_type);
	for (i = 1; i <= REFUSALS_MAX + 3; i++) {
		refusals_judge(judge_type);
		writing_send(w, sort, 0, 10, 200);
		ck_assert_uint_eq(refusals.single, 10);
		ck_assert_uint_eq(refusals.joined, i <= REFUSALS_MAX);
		ck_assert_uint_eq(writing_unjoined(w), i < REFUSALS_MAX ? i :
		    REFUSALS_MAX);
		writing_send(w, other, 1, 10, 200);
		ck_assert_uint_eq(refusals.single, 10);
	}
	/* It never will be. */
	refusals_judge(NULL);
	writing_send(w, sort, 0, 10, 200);
	ck_assert_uint_eq(refusals.joined, 0);
	writing_check_written(w, w->offered.n);
}

START_TEST(test_switched_off)
{
	struct writing *w;
	int sort;

	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		w = writing_begin(_i);
		refuse_sort(w, (enum segments_sort)sort);
		writing_end(w);
	}
}
END_TEST

/* All of them: single writes are as good as ever. */
START_TEST(test_all_switched_off)
{
	struct writing *w = writing_begin(_i);
	int i, sort;

	refusals_begin(w, refusals_joined);
	for (i = 0; i < REFUSALS_MAX; i++)
		for (sort = 0; sort < SEGMENTS_N_SORTS; sort++)
			writing_send(w, (enum segments_sort)sort,
			    (unsigned)sort, 10, 100);
	/* Those of UDP are one sort. */
	ck_assert_uint_eq(writing_unjoined(w), 3 * REFUSALS_MAX);
	refusals_judge(refusals_joined);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++)
		writing_send(w, (enum segments_sort)sort, (unsigned)sort, 150,
		    100);
	ck_assert_uint_eq(refusals.joined, 0);
	ck_assert_uint_eq(writing_unjoined(w), 3 * REFUSALS_MAX);
	writing_check_written(w, w->offered.n);
	writing_end(w);
}
END_TEST

START_TEST(test_success_in_between)
{
	struct writing *w = writing_begin(_i);
	unsigned i;

	refused_type = VIRTIO_NET_HDR_GSO_TCPV4;
	refusals_begin(w, NULL);
	for (i = 0; i < 12; i++) {
		refusals_judge(i % REFUSALS_MAX == 2 ? NULL : judge_type);
		writing_send(w, SEGMENTS_TCP4, 0, 10, 100);
		ck_assert_uint_eq(refusals.joined, 1);
	}
	ck_assert_uint_eq(writing_unjoined(w), 8);
	writing_check_written(w, w->offered.n);
	writing_end(w);
}
END_TEST

/* ---- more datagrams than a kernel may take ---- */

static int
judge_datagrams(const struct virtio_net_hdr *hdr, size_t len)
{
	return hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    (len - hdr->hdr_len) / hdr->gso_size > 64 ? EINVAL : 0;
}

static void
need_large_frames(void)
{
	struct utsname system;
	unsigned long major, minor;
	char *end;

	ck_assert_int_eq(uname(&system), 0);
	major = strtoul(system.release, &end, 10);
	minor = strtoul(end + 1, NULL, 10);
	if (major < 6 || (major == 6 && minor < 9))
		kit_skip("Linux %s takes no more than 64 datagrams",
		    system.release);
}

START_TEST(test_datagrams)
{
	struct writing *w;
	int i;

	need_large_frames();
	w = writing_begin(_i);
	refusals_begin(w, judge_datagrams);
	writing_send(w, SEGMENTS_UDP4, 0, 128, 100);
	ck_assert_uint_eq(refusals.refused, 1);
	ck_assert_uint_eq(refusals.single, 128);
	ck_assert_uint_eq(writing_unjoined(w), 1);
	for (i = 0; i < 5; i++) {
		refusals_judge(judge_datagrams);
		writing_send(w, i % 2 ? SEGMENTS_UDP6 : SEGMENTS_UDP4,
		    (unsigned)(i % 2), 128, 100);
		ck_assert_uint_eq(refusals.joined, 2);
		ck_assert_uint_eq(refusals.single + refusals.refused, 0);
	}
	ck_assert_uint_eq(writing_unjoined(w), 1);
	writing_check_written(w, w->offered.n);
	writing_end(w);
}
END_TEST

/* ---- of the moment ---- */

/* There is no memory for a frame, but for smaller ones: that says nothing of
 * the next. */
START_TEST(test_no_memory)
{
	static const int errors[] = { ENOBUFS, ENOMEM };
	struct writing *w = writing_begin(_i);
	unsigned i;

	refusals_begin(w, NULL);
	for (i = 0; i < 10; i++) {
		refusals.err = errors[i % 2];
		refusals_judge(refusals_joined_for_now);
		writing_send(w, SEGMENTS_TCP4, 0, 10, 100);
		ck_assert_uint_eq(refusals.joined, 1);
		ck_assert_uint_eq(refusals.single, 10);
	}
	ck_assert_uint_eq(writing_unjoined(w), 0);
	refusals_judge(NULL);
	writing_send(w, SEGMENTS_TCP4, 0, 10, 100);
	ck_assert_uint_eq(refusals.joined, 1);
	ck_assert_uint_eq(refusals.single, 0);
	writing_check_written(w, w->offered.n);
	writing_end(w);
}
END_TEST

/* After the first, or none, of three frames. */
START_TEST(test_joined_waits)
{
	struct writing *w;
	unsigned n;

	for (n = 0; n < 3; n++) {
		w = writing_begin(_i);
		writing_three(w);
		refusals.err = EAGAIN;
		refusals.accept = n;
		refusals_begin(w, refusals_later);
		ck_assert_int_eq(writing_batch(w, 0, 30), 30);
		/* What follows is not tried. */
		ck_assert_uint_eq(refusals.joined, n + 1);
		ck_assert_uint_eq(writing_unjoined(w), 0);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_QUEUED_PACKETS), 30 - n * 10);
		writing_await(w, n * 10);
		/* What comes later waits as well. */
		writing_three(w);
		ck_assert_int_eq(writing_batch(w, 30, 30), 30);
		ck_assert_uint_eq(refusals.joined, n + 1);
		refusals_flush_rest(w, 60 - n * 10);
		writing_end(w);
	}
}
END_TEST

/* From the queue: packets leave it that are not the oldest. */
START_TEST(test_joined_waits_in_queue)
{
	struct writing *w = writing_begin(_i);
	unsigned n;

	writing_three(w);
	writing_three(w);
	writing_queue(w, 0, 60);
	refusals_begin(w, refusals_later);
	refusals.err = EAGAIN;
	for (n = 0; n < 2; n++) {
		refusals.accept = 1;
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]),
		    (int)(40 - n * 20));
		writing_await(w, 20 + n * 20);
		kit_check_counts(w->rig, 0, 60);
	}
	refusals_flush_rest(w, 20);
	writing_end(w);
}
END_TEST

/* Refused, and then no room for one of the packets. */
START_TEST(test_single_waits)
{
	struct writing *w;
	unsigned n;

	for (n = 0; n < 12; n += 3) {
		w = writing_begin(_i);
		writing_three(w);
		refusals.err = EAGAIN;
		refusals.accept = n;
		refusals_begin(w, refusals_joined_and_later);
		ck_assert_int_eq(writing_batch(w, 0, 30), 30);
		ck_assert_uint_eq(refusals.single, n + 1);
		ck_assert_uint_eq(writing_unjoined(w), 1);
		writing_await(w, n);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_QUEUED_PACKETS), 30 - n);
		/* Once more, from the queue. */
		refusals.accept = 2;
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]),
		    (int)(28 - n));
		writing_await(w, n + 2);
		refusals_flush_rest(w, 28 - n);
		writing_end(w);
	}
}
END_TEST

int
main(void)
{
	kit_suite("pev_refused");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("sorts", 0);
	kit_kinds(test_switched_off, KIT_DEVICES);
	kit_kinds(test_all_switched_off, KIT_DEVICES);
	kit_kinds(test_success_in_between, KIT_DEVICES);
	kit_kinds(test_datagrams, KIT_DEVICES);
	kit_case("of_the_moment", 0);
	kit_kinds(test_no_memory, KIT_DEVICES);
	kit_kinds(test_joined_waits, KIT_DEVICES);
	kit_kinds(test_joined_waits_in_queue, KIT_DEVICES);
	kit_kinds(test_single_waits, KIT_DEVICES);
	return kit_run();
}
