/*
 * Packets of one flow leave a device with EVTUN_OPT_OFFLOAD together, and the
 * other side sees every one of them as it was.
 */
#include "config.h"

#include <pthread.h>
#include <string.h>

#include "kit.h"
#include "segments.h"
#include "writing.h"

#define TCP_ACK 0x10
#define TCP_RST 0x04
#define ICMP 1
/* Checksums, from the end of the header. */
#define TCP_CHECKSUM 4
#define UDP_CHECKSUM 2

static const char *const sort_names[] = { "TCP4", "TCP6", "UDP4", "UDP6" };

/* That n packets came in fewer frames, which all of them were joined to. */
static void
check_joined(struct writing *w, size_t n, size_t max_frames)
{
	writing_await(w, n);
	kit_check(w->frames <= max_frames, "%zu packets in %zu frames", n,
	    w->frames);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_UNJOINED), 0);
}

static ev_uint64_t
count_bytes(const struct writing *w)
{
	ev_uint64_t sum = 0;
	size_t i;

	for (i = 0; i < w->offered.n; i++)
		sum += w->is_lost[i] ? 0 : w->offered.packets[i].len;
	return sum;
}

/* ---- one flow, and many ---- */

START_TEST(test_one_flow)
{
	struct writing *w;
	int sort;

	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		w = writing_begin(_i);
		writing_stream(w, (enum segments_sort)sort, 0, 100, 300);
		writing_stream(w, (enum segments_sort)sort, 0, 1, 20);
		ck_assert_msg(writing_batch(w, 0, 101) == 101, "%s",
		    sort_names[sort]);
		check_joined(w, 101, 2);
		ck_assert_uint_ge(w->largest, 64);
		kit_check_counts(w->rig, 0, 101);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_WRITTEN_PACKETS), 101);
		ck_assert_uint_eq(kit_count(w->rig, 0,
		    PEV_COUNT_WRITTEN_BYTES), count_bytes(w));
		writing_end(w);
	}
}
END_TEST

/* More bytes than a frame can have. */
START_TEST(test_large_packets)
{
	struct writing *w;
	int sort;

	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		w = writing_begin(_i);
		writing_stream(w, (enum segments_sort)sort, 0, 60, 1400);
		ck_assert_int_eq(writing_batch(w, 0, 60), 60);
		check_joined(w, 60, 2);
		ck_assert_uint_ge(w->largest, 40);
		writing_end(w);
	}
}
END_TEST

START_TEST(test_interleaved)
{
	struct writing *w = writing_begin(_i);
	unsigned i, flow;

	for (i = 0; i < 15; i++)
		for (flow = 0; flow < WRITING_FLOWS; flow++)
			writing_stream(w, (enum segments_sort)(flow %
			    SEGMENTS_N_SORTS), flow, 1 + flow % 2, 100);
	ck_assert_int_eq(writing_batch(w, 0, w->offered.n),
	    (int)w->offered.n);
	/* In two portions, as they are more than 128. */
	check_joined(w, w->offered.n, WRITING_FLOWS * 2);
	writing_end(w);
}
END_TEST

START_TEST(test_many)
{
	struct writing *w;
	int sort;

	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		w = writing_begin(_i);
		writing_stream(w, (enum segments_sort)sort, 0, 500, 100);
		ck_assert_int_eq(writing_batch(w, 0, 500), 500);
		check_joined(w, 500, 9);
		kit_check_counts(w->rig, 0, 500);
		writing_end(w);
	}
}
END_TEST

/* ---- what must not be joined ---- */

/* The next packet of the flow, but for these flags, or with another byte so
 * many bytes before the payload. */
static void
add_form(struct writing *w, enum segments_sort sort, size_t payload,
    unsigned flags, size_t spoilt)
{
	static struct segments_frame frame;
	struct segments_form form;

	writing_form(w, sort, 0, payload, &form);
	form.flags = flags;
	segments_make_complete(&frame, &form);
	if (spoilt)
		frame.data[frame.len - payload - spoilt] ^= 0x55;
	writing_add(w, 0, frame.data, frame.len);
	w->id[0]++;
	w->seq[0] += (ev_uint32_t)payload;
}

/* The IPv4 header of a good packet, with another protocol or as a fragment;
 * no sum of IPv4 is right then. */
static void
add_changed(struct writing *w, enum segments_sort sort, unsigned protocol,
    unsigned fragment)
{
	static struct segments_frame frame;
	struct segments_form form;
	unsigned char *ip;

	writing_form(w, sort, 0, 77, &form);
	segments_make_complete(&frame, &form);
	ip = frame.data + (w->ethernet ? 14 : 0);
	if (protocol)
		ip[9] = (unsigned char)protocol;
	ip[7] = (unsigned char)fragment;
	writing_add(w, 0, frame.data, frame.len);
	w->id[0]++;
	w->seq[0] += 77;
}

/* Three of a flow, which leave together, before and behind each of them. */
START_TEST(test_between_tcp)
{
	struct writing *w = writing_begin(_i);

	writing_stream(w, SEGMENTS_TCP4, 0, 3, 200);
	add_form(w, SEGMENTS_TCP4, 0, TCP_ACK, 0);
	writing_stream(w, SEGMENTS_TCP4, 0, 3, 200);
	add_form(w, SEGMENTS_TCP4, 0, TCP_RST, 0);
	writing_stream(w, SEGMENTS_TCP4, 0, 3, 200);
	add_form(w, SEGMENTS_TCP4, 200, 0, TCP_CHECKSUM);
	writing_stream(w, SEGMENTS_TCP4, 0, 3, 200);
	add_changed(w, SEGMENTS_TCP4, 0, 4);
	writing_stream(w, SEGMENTS_TCP4, 0, 3, 200);
	add_changed(w, SEGMENTS_TCP4, ICMP, 0);
	writing_stream(w, SEGMENTS_TCP4, 0, 3, 200);
	ck_assert_int_eq(writing_batch(w, 0, w->offered.n), 23);
	check_joined(w, 23, 11);
	ck_assert_uint_eq(w->frames, 11);
	writing_end(w);
}
END_TEST

START_TEST(test_between_udp)
{
	struct writing *w = writing_begin(_i);

	writing_stream(w, SEGMENTS_UDP4, 0, 3, 200);
	add_form(w, SEGMENTS_UDP4, 0, 0, 0);
	writing_stream(w, SEGMENTS_UDP4, 0, 3, 200);
	add_form(w, SEGMENTS_UDP4, 200, 0, UDP_CHECKSUM);
	writing_stream(w, SEGMENTS_UDP4, 0, 3, 200);
	add_changed(w, SEGMENTS_UDP4, 0, 4);
	writing_stream(w, SEGMENTS_UDP4, 0, 3, 200);
	add_changed(w, SEGMENTS_UDP4, ICMP, 0);
	writing_stream(w, SEGMENTS_UDP4, 0, 3, 200);
	/* A larger one, and a smaller one, which ends a frame. */
	writing_stream(w, SEGMENTS_UDP4, 0, 1, 201);
	writing_stream(w, SEGMENTS_UDP4, 0, 1, 100);
	writing_stream(w, SEGMENTS_UDP4, 0, 3, 200);
	ck_assert_int_eq(writing_batch(w, 0, w->offered.n), 24);
	check_joined(w, 24, 11);
	ck_assert_uint_eq(w->frames, 11);
	writing_end(w);
}
END_TEST

/* ---- the queue ---- */

static void
queue_all(struct writing *w)
{
	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	writing_singly(w, 0, w->offered.n);
	kit_check_queued(w->rig, w->offered.n, count_bytes(w));
	writing_await(w, 0);
}

START_TEST(test_flush)
{
	struct writing *w;
	int sort;

	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++) {
		w = writing_begin(_i);
		writing_stream(w, (enum segments_sort)sort, 0, 150, 300);
		queue_all(w);
		kit_enable(w->rig, 0, EV_WRITE);
		ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
		check_joined(w, 150, 4);
		kit_check_queued(w->rig, 0, 0);
		kit_check_counts(w->rig, 0, 150);
		writing_end(w);
	}
}
END_TEST

static int
is_written(void *arg)
{
	struct writing *w = arg;

	return kit_count(w->rig, 0, PEV_COUNT_WRITTEN_PACKETS) ==
	    w->offered.n;
}

/* max_batch, which is 64, in a turn. */
START_TEST(test_loop)
{
	struct writing *w = writing_begin(_i);

	writing_stream(w, SEGMENTS_TCP4, 0, 100, 300);
	writing_stream(w, SEGMENTS_UDP6, 1, 50, 300);
	queue_all(w);
	kit_enable(w->rig, 0, EV_WRITE);
	kit_until(w->rig->base, is_written, w, "all are written");
	check_joined(w, 150, 6);
	kit_until_writecbs(w->rig, 0, 1);
	kit_check_counts(w->rig, 0, 150);
	writing_end(w);
}
END_TEST

/* ---- down ---- */

START_TEST(test_down)
{
	struct writing *w = writing_begin(_i);

	writing_stream(w, SEGMENTS_TCP6, 0, 60, 300);
	writing_stream(w, SEGMENTS_UDP4, 1, 40, 300);
	queue_all(w);
	writing_link(w, 0);
	kit_enable(w->rig, 0, EV_WRITE);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 100);
	writing_stream(w, SEGMENTS_TCP6, 0, 20, 300);
	ck_assert_int_eq(writing_batch(w, 100, 20), 20);
	kit_settle(w->rig->base);
	kit_check_queued(w->rig, 120, count_bytes(w));
	writing_link(w, 1);
	kit_until(w->rig->base, is_written, w, "all are written");
	check_joined(w, 120, 8);
	kit_check_counts(w->rig, 0, 120);
	ck_assert_int_eq(w->rig->log[0].n_events, 0);
	writing_end(w);
}
END_TEST

/* With nothing queued they are lost, as a single one is. */
START_TEST(test_down_and_empty)
{
	struct writing *w = writing_begin(_i);

	writing_link(w, 0);
	writing_stream(w, SEGMENTS_TCP4, 0, 100, 300);
	writing_stream(w, SEGMENTS_UDP4, 1, 100, 300);
	writing_lose(w, 0, 200);
	errno = 0;
	ck_assert_int_eq(writing_batch(w, 0, 200), 0);
	ck_assert_int_eq(errno, ENETDOWN);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 200);
	kit_check_counts(w->rig, 0, 200);
	writing_link(w, 1);
	writing_stream(w, SEGMENTS_TCP4, 0, 50, 300);
	ck_assert_int_eq(writing_batch(w, 200, 50), 50);
	check_joined(w, 50, 1);
	kit_check_counts(w->rig, 0, 250);
	writing_end(w);
}
END_TEST

/* ---- what is lost in between ---- */

START_TEST(test_full_queue)
{
	struct writing *w = writing_begin(_i);
	size_t size, taken = 30;

	writing_stream(w, SEGMENTS_UDP6, 0, 200, 300);
	size = w->offered.packets[0].len;
	packetevent_setwatermark(w->rig->pev[0], 0, (taken - 1) * size + 1);
	kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
	errno = 0;
	ck_assert_int_eq(writing_batch(w, 0, 200), (int)taken);
	ck_assert_int_eq(errno, ENOBUFS);
	kit_check_queued(w->rig, taken, taken * size);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_FULL),
	    200 - taken);
	kit_check_counts(w->rig, 0, 200);
	writing_lose(w, taken, 200 - taken);
	kit_enable(w->rig, 0, EV_WRITE);
	ck_assert_int_eq(packetevent_flush(w->rig->pev[0]), 0);
	check_joined(w, taken, 1);
	kit_check_counts(w->rig, 0, 200);
	writing_end(w);
}
END_TEST

/* One that could never be written: empty, too large, or with no header. */
static void
add_bad(struct writing *w, unsigned sort)
{
	static const size_t sizes[] = { 0, KIT_TOO_LARGE, 10 };
	static unsigned char data[KIT_TOO_LARGE];

	memset(data, 0x11, sizeof(data));
	writing_add(w, 1, data, sizes[sort % 3]);
	writing_lose(w, w->offered.n - 1, 1);
}

START_TEST(test_bad_ones)
{
	struct writing *w = writing_begin(_i);
	unsigned i;

	for (i = 0; i < 20; i++) {
		writing_stream(w, SEGMENTS_TCP4, 0, 7, 100);
		add_bad(w, i);
	}
	ck_assert_int_eq(writing_batch(w, 0, 160), 140);
	ck_assert_int_eq(errno, EMSGSIZE);
	check_joined(w, 140, 21);
	ck_assert_uint_eq(kit_count(w->rig, 0, PEV_COUNT_WRITE_DROPPED), 20);
	kit_check_counts(w->rig, 0, 160);
	writing_end(w);
}
END_TEST

/* ---- threads ---- */

/* A writer has a flow of its own: what is offered, from there on. */
struct writer {
	struct writing *w;
	size_t from;
};
#define BATCH 20
#define BATCHES 50

static void *
run_writer(void *arg)
{
	struct writer *writer = arg;
	size_t i, at = writer->from;

	for (i = 0; i < BATCHES; i++, at += BATCH) {
		if (i % 3 == 2)
			writing_singly(writer->w, at, BATCH);
		else
			kit_check(writing_batch(writer->w, at, BATCH) ==
			    BATCH, "%s", evtun_get_error());
	}
	return NULL;
}

START_TEST(test_two_threads)
{
	struct writing *w = writing_begin(_i);
	struct writer writer[2] = { { w, 0 }, { w, BATCHES * BATCH } };
	pthread_t thread[2];
	int i;

	packetevent_setwatermark(w->rig->pev[0], 0, 16 * 1024 * 1024);
	writing_stream(w, SEGMENTS_TCP4, 0, BATCHES * BATCH, 100);
	writing_stream(w, SEGMENTS_UDP6, 1, BATCHES * BATCH, 100);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, run_writer,
		    &writer[i]), 0);
	for (i = 0; i < 20; i++) {
		kit_ok(packetevent_disable(w->rig->pev[0], EV_WRITE));
		kit_enable(w->rig, 0, EV_WRITE);
		ck_assert_int_ge(packetevent_flush(w->rig->pev[0]), 0);
	}
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	kit_until(w->rig->base, is_written, w, "all are written");
	kit_check_counts(w->rig, 0, 2 * BATCHES * BATCH);
	check_joined(w, w->offered.n, w->offered.n - BATCHES * BATCH / 2);
	writing_end(w);
}
END_TEST

int
main(void)
{
	kit_suite("pev_join");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("together", 0);
	kit_kinds(test_one_flow, KIT_DEVICES);
	kit_kinds(test_large_packets, KIT_DEVICES);
	kit_kinds(test_interleaved, KIT_DEVICES);
	kit_kinds(test_many, KIT_DEVICES);
	kit_case("not", 0);
	kit_kinds(test_between_tcp, KIT_DEVICES);
	kit_kinds(test_between_udp, KIT_DEVICES);
	kit_case("queue", 0);
	kit_kinds(test_flush, KIT_DEVICES);
	kit_setups(test_loop, KIT_DEVICES);
	kit_setups(test_down, KIT_DEVICES);
	kit_kinds(test_down_and_empty, KIT_DEVICES);
	kit_case("lost", 0);
	kit_kinds(test_full_queue, KIT_DEVICES);
	kit_kinds(test_bad_ones, KIT_DEVICES);
	kit_case("threads", 0);
	kit_threadsafe(test_two_threads, KIT_DEVICES);
	return kit_run();
}
