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

#define REFUSALS_MAX 3

static const unsigned char types[] = {
	VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6, 5, 5
};

/* ---- what is refused ---- */

static unsigned char refused_type;
static int refused_err;
static unsigned accept_first;

/* Frames of one sort. */
static int
judge_type(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)len;
	return hdr->gso_type == refused_type ? EINVAL : 0;
}

/* All that are joined. */
static int
judge_joined(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)len;
	return hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE ? refused_err : 0;
}

/* All, after so many. */
static int
judge_later(const struct virtio_net_hdr *hdr, size_t len)
{
	(void)hdr;
	(void)len;
	if (accept_first > 0) {
		accept_first--;
		return 0;
	}
	return refused_err;
}

/* What is joined at once, and single ones after so many. */
static int
judge_joined_and_later(const struct virtio_net_hdr *hdr, size_t len)
{
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return EINVAL;
	return judge_later(hdr, len);
}

/* ---- counting ---- */

static ev_uint64_t
unjoined(struct writing *w)
{
	return kit_count(w->rig, 0, PEV_COUNT_WRITE_UNJOINED);
}

/* Write n packets of a flow, which must be taken and come. */
static void
send_some(struct writing *w, enum segments_sort sort, unsigned flow,
    unsigned n, size_t payload)
{
	size_t from = w->offered.n;

	writing_stream(w, sort, flow, n, payload);
	ck_assert_int_eq(writing_batch(w, from, n), (int)n);
	writing_await(w, w->got + n);
}

/* Everything was written. */
static void
check_all_written(struct writing *w)
{
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITTEN_PACKETS),
	    w->offered.n);
	kit_check_counts(w->rig, 0, w->offered.n);
	kit_check_queued(w->rig, 0, 0);
	ck_assert_int_eq(w->rig->log[0].n_events, 0);
}

/* ---- one sort ---- */

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
		send_some(w, sort, 0, 10, 200);
		ck_assert_uint_eq(refusals.single, 10);
		ck_assert_uint_eq(refusals.joined, i <= REFUSALS_MAX);
		ck_assert_uint_eq(unjoined(w), i < REFUSALS_MAX ? i :
		    REFUSALS_MAX);
		send_some(w, other, 1, 10, 200);
		ck_assert_uint_eq(refusals.single, 10);
	}
	/* It never will be. */
	refusals_judge(NULL);
	send_some(w, sort, 0, 10, 200);
	ck_assert_uint_eq(refusals.joined, 0);
	check_all_written(w);
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

	refused_err = EINVAL;
	refusals_begin(w, judge_joined);
	for (i = 0; i < REFUSALS_MAX; i++)
		for (sort = 0; sort < SEGMENTS_N_SORTS; sort++)
			send_some(w, (enum segments_sort)sort,
			    (unsigned)sort, 10, 100);
	/* Those of UDP are one sort. */
	ck_assert_uint_eq(unjoined(w), 3 * REFUSALS_MAX);
	refusals_judge(judge_joined);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++)
		send_some(w, (enum segments_sort)sort, (unsigned)sort, 150,
		    100);
	ck_assert_uint_eq(refusals.joined, 0);
	ck_assert_uint_eq(unjoined(w), 3 * REFUSALS_MAX);
	check_all_written(w);
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
		send_some(w, SEGMENTS_TCP4, 0, 10, 100);
		ck_assert_uint_eq(refusals.joined, 1);
	}
	ck_assert_uint_eq(unjoined(w), 8);
	check_all_written(w);
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
	send_some(w, SEGMENTS_UDP4, 0, 128, 100);
	ck_assert_uint_eq(refusals.refused, 1);
	ck_assert_uint_eq(refusals.single, 128);
	ck_assert_uint_eq(unjoined(w), 1);
	for (i = 0; i < 5; i++) {
		refusals_judge(judge_datagrams);
		send_some(w, i % 2 ? SEGMENTS_UDP6 : SEGMENTS_UDP4,
		    (unsigned)(i % 2), 128, 100);
		ck_assert_uint_eq(refusals.joined, 2);
		ck_assert_uint_eq(refusals.single + refusals.refused, 0);
	}
	ck_assert_uint_eq(unjoined(w), 1);
	check_all_written(w);
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
		refused_err = errors[i % 2];
		refusals_judge(judge_joined);
		send_some(w, SEGMENTS_TCP4, 0, 10, 100);
		ck_assert_uint_eq(refusals.joined, 1);
		ck_assert_uint_eq(refusals.single, 10);
	}
	ck_assert_uint_eq(unjoined(w), 0);
	refusals_judge(NULL);
	send_some(w, SEGMENTS_TCP4, 0, 10, 100);
	ck_assert_uint_eq(refusals.joined, 1);
	ck_assert_uint_eq(refusals.single, 0);
	check_all_written(w);
	writing_end(w);
}
END_TEST

/* Flush, which must send n packets, and what is queued comes. */
static void
flush_rest(struct writing *w, size_t n)
{
	refusals_judge(NULL);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
	writing_await(w, w->got + n);
	check_all_written(w);
}

/* Three flows, packet by packet, of 10 packets. */
static void
offer_three(struct writing *w)
{
	unsigned i;

	for (i = 0; i < 10; i++) {
		writing_stream(w, SEGMENTS_TCP4, 0, 1, 100);
		writing_stream(w, SEGMENTS_UDP4, 1, 1, 100);
		writing_stream(w, SEGMENTS_TCP6, 2, 1, 100);
	}
}

/* After the first, or none, of three frames. */
START_TEST(test_joined_waits)
{
	struct writing *w;
	unsigned n;

	for (n = 0; n < 3; n++) {
		w = writing_begin(_i);
		offer_three(w);
		refused_err = EAGAIN;
		accept_first = n;
		refusals_begin(w, judge_later);
		ck_assert_int_eq(writing_batch(w, 0, 30), 30);
		/* What follows is not tried. */
		ck_assert_uint_eq(refusals.joined, n + 1);
		ck_assert_uint_eq(unjoined(w), 0);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_QUEUED_PACKETS), 30 - n * 10);
		writing_await(w, n * 10);
		/* What comes later waits as well. */
		offer_three(w);
		ck_assert_int_eq(writing_batch(w, 30, 30), 30);
		ck_assert_uint_eq(refusals.joined, n + 1);
		flush_rest(w, 60 - n * 10);
		writing_end(w);
	}
}
END_TEST

/* From the queue: packets leave it that are not the oldest. */
START_TEST(test_joined_waits_in_queue)
{
	struct writing *w = writing_begin(_i);
	unsigned n;

	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	offer_three(w);
	offer_three(w);
	writing_singly(w, 0, 60);
	kit_enable(w->rig, 0, EV_WRITE);
	refusals_begin(w, judge_later);
	refused_err = EAGAIN;
	for (n = 0; n < 2; n++) {
		accept_first = 1;
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]),
		    (int)(40 - n * 20));
		writing_await(w, 20 + n * 20);
		kit_check_counts(w->rig, 0, 60);
	}
	flush_rest(w, 20);
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
		offer_three(w);
		refused_err = EAGAIN;
		accept_first = n;
		refusals_begin(w, judge_joined_and_later);
		ck_assert_int_eq(writing_batch(w, 0, 30), 30);
		ck_assert_uint_eq(refusals.single, n + 1);
		ck_assert_uint_eq(unjoined(w), 1);
		writing_await(w, n);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_QUEUED_PACKETS), 30 - n);
		/* Once more, from the queue. */
		accept_first = 2;
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]),
		    (int)(28 - n));
		writing_await(w, n + 2);
		flush_rest(w, 28 - n);
		writing_end(w);
	}
}
END_TEST

/* ---- down, and gone ---- */

/* After a frame of three. */
START_TEST(test_down_in_between)
{
	struct writing *w = writing_begin(_i);

	offer_three(w);
	refused_err = EIO;
	accept_first = 1;
	refusals_begin(w, judge_later);
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
	send_some(w, SEGMENTS_TCP4, 0, 10, 100);
	ck_assert_uint_eq(refusals.joined, 1);
	writing_end(w);
}
END_TEST

/* What is queued waits for it to come up. */
START_TEST(test_down_with_a_queue)
{
	struct writing *w = writing_begin(_i);

	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	offer_three(w);
	writing_singly(w, 0, 30);
	kit_enable(w->rig, 0, EV_WRITE);
	refused_err = EIO;
	accept_first = 1;
	refusals_begin(w, judge_later);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 20);
	writing_await(w, 10);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 0);
	flush_rest(w, 20);
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

	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	offer_three(w);
	writing_singly(w, from, 30);
	kit_enable(w->rig, 0, EV_WRITE);
	down_at = at;
	refusals_judge(judge);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]),
	    (int)(31 - at));
	writing_await(w, w->got + at - 1);
	flush_rest(w, 31 - at);
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
	ck_assert_uint_ge(unjoined(w), N_MOMENTS);
	writing_end(w);
}
END_TEST

/* ... or because it is no longer tried. */
START_TEST(test_switched_off_and_down)
{
	struct writing *w = writing_begin(_i);
	unsigned i;

	refused_err = EINVAL;
	refusals_begin(w, judge_joined);
	for (i = 0; i < REFUSALS_MAX * SEGMENTS_N_SORTS; i++)
		send_some(w, (enum segments_sort)(i % SEGMENTS_N_SORTS),
		    i % SEGMENTS_N_SORTS, 10, 100);
	for (i = 0; i < N_MOMENTS; i++) {
		flush_while_down(w, moments[i], judge_down_once);
		ck_assert_uint_eq(refusals.joined, 0);
	}
	writing_end(w);
}
END_TEST

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
		offer_three(w);
		refused_err = EBADFD;
		accept_first = n;
		refusals_begin(w, judge_later);
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

	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	offer_three(w);
	writing_singly(w, 0, 30);
	kit_enable(w->rig, 0, EV_WRITE);
	refused_err = EBADFD;
	accept_first = 1;
	refusals_begin(w, judge_later);
	kit_fails(packetevent_flush(w->rig->pev[0]), ENXIO);
	check_gone(w, 10);
	writing_end(w);
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
