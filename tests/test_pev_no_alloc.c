/*
 * A packet that is sent or read directly, or refused, needs no memory at all:
 * neither the library nor libevent allocates anything for it.
 */
#include "config.h"

#include <unistd.h>

#include "kit.h"
#include "memory.h"
#include "rings.h"
#include "segments.h"

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

/* ---- many at once ---- */

#define MANY 64

/* By io_uring, sendmmsg() and recvmmsg(), UDP_SEGMENT and UDP_GRO. */
static void
pass_together(struct kit_rig *rig, int from, unsigned n)
{
	static unsigned char data[MANY][100];
	struct evbuffer_iovec vec[MANY];
	struct kit_log *log = &rig->log[!from];
	unsigned i;

	for (i = 0; i < n; i++) {
		kit_fill(rig->kind, data[i], i, sizeof(data[i]));
		vec[i].iov_base = data[i];
		vec[i].iov_len = sizeof(data[i]);
	}
	log->n_packets = 0;
	ck_assert_int_eq(packetevent_write_batch(rig->pev[from], vec, (int)n),
	    (int)n);
	while (log->n_packets < n)
		kit_check(event_base_loop(rig->base, EVLOOP_ONCE) == 0,
		    "the loop has ended");
}

START_TEST(test_none_for_many)
{
	struct kit_rig *rig;
	unsigned n;
	int i;

	memory_watch_libevent();
	rig = kit_rig_new(_i);
	/* More does not fit in the queue of an AF_UNIX socket. */
	n = KIT_BIT(rig->kind) & KIT_UNIX ? 10 : MANY;
	for (i = 0; i < 2; i++) {
		rig->log[i].forgetful = 1;
		kit_enable(rig, i, EV_READ);
	}
	for (i = 0; i < 8; i++)
		pass_together(rig, i % 2, n);
	if (KIT_BIT(rig->kind) & KIT_DEVICES)
		ck_assert_int_eq(rings_count(), 2 * rings_exist(rig));
	memory.watching = 1;
	for (i = 0; i < 32; i++)
		pass_together(rig, i % 2, n);
	memory.watching = 0;
	ck_assert_int_eq(memory.calls, 0);
	kit_check_counts(rig, 0, 20 * n);
	kit_rig_free(rig);
}
END_TEST

/* ---- large frames ---- */

#define SEGMENTS 20
#define SEGMENT 500

/* One of each sort, and the packets in one of TCP. */
static struct segments_frame frames[SEGMENTS_N_SORTS];
static struct segments_frame packets[SEGMENTS];

static void
make_frames(int ethernet)
{
	struct segments_form form = { .ethernet = ethernet };
	unsigned i;

	for (i = 0; i < SEGMENTS; i++) {
		form.payload = SEGMENT;
		form.id = i;
		form.seq = i * SEGMENT;
		segments_make_complete(&packets[i], &form);
	}
	form.id = form.seq = 0;
	form.payload = SEGMENTS * SEGMENT;
	form.gso_size = SEGMENT;
	for (i = 0; i < SEGMENTS_N_SORTS; i++) {
		form.sort = (enum segments_sort)i;
		segments_make(&frames[i], &form);
	}
}

/* A device with offload, and what sends to it, and receives. */
struct side {
	struct kit_rig *rig;
	int ethernet;
	evutil_socket_t fd;
};

static void
side_open(struct side *side, int setup)
{
	side->rig = kit_rig_new(setup);
	side->ethernet = side->rig->kind == KIT_TAP;
	side->fd = segments_socket(side->rig->name);
	side->rig->log[0].forgetful = 1;
}

static void
side_close(struct side *side)
{
	close(side->fd);
	kit_rig_free(side->rig);
}

/* Until so many have been read; then receive n frames from another one. */
static void
send_all(struct side *side, size_t wanted, struct side *to, unsigned n)
{
	static struct segments_frame frame;
	ev_uint64_t from = kit_count(side->rig, 0, PEV_COUNT_READ_PACKETS);
	unsigned i;

	for (i = 0; i < SEGMENTS_N_SORTS; i++)
		segments_send(side->fd, &frames[i]);
	while (kit_count(side->rig, 0, PEV_COUNT_READ_PACKETS) < from +
	    wanted)
		kit_check(event_base_loop(side->rig->base, EVLOOP_ONCE) == 0,
		    "the loop has ended");
	for (i = 0; i < n; i++)
		segments_await(to->fd, to->ethernet, &frame);
}

/* Packets of a flow, joined; and a large frame as it is. */
static void
write_large(struct side *side)
{
	static struct segments_frame frame;
	struct evbuffer_iovec vec[SEGMENTS];
	unsigned i;

	for (i = 0; i < SEGMENTS; i++) {
		vec[i].iov_base = packets[i].data;
		vec[i].iov_len = packets[i].len;
	}
	ck_assert_int_eq(packetevent_write_batch(side->rig->pev[0], vec,
	    SEGMENTS), SEGMENTS);
	segments_await(side->fd, side->ethernet, &frame);
	segments_same(&frame, &frames[SEGMENTS_TCP4]);
	for (i = 0; i < SEGMENTS_N_SORTS; i++) {
		kit_ok(packetevent_write_large(side->rig->pev[0],
		    frames[i].data, frames[i].len, &frames[i].offload));
		segments_await(side->fd, side->ethernet, &frame);
		segments_same(&frame, &frames[i]);
	}
}

/* The second takes large frames from the third, and the last one, which has no
 * offload, from the fourth. */
#define N_SIDES 5
static void
pass_large(struct side *sides)
{
	write_large(&sides[0]);
	send_all(&sides[0], SEGMENTS_N_SORTS * SEGMENTS, NULL, 0);
	send_all(&sides[2], SEGMENTS_N_SORTS, &sides[1], SEGMENTS_N_SORTS);
	send_all(&sides[3], SEGMENTS_N_SORTS * SEGMENTS, &sides[4],
	    SEGMENTS_N_SORTS * SEGMENTS);
}

START_TEST(test_none_for_large)
{
	struct side sides[N_SIDES];
	int i;

	memory_watch_libevent();
	make_frames(KIT_KIND_OF(_i) == KIT_TAP);
	for (i = 0; i < N_SIDES; i++)
		side_open(&sides[i], i == 4 ? _i % KIT_N_SETUPS : _i);
	packetevent_setcb(sides[2].rig->pev[0], packetevent_forward, NULL,
	    NULL, sides[1].rig->pev[0]);
	packetevent_setcb(sides[3].rig->pev[0], packetevent_forward, NULL,
	    NULL, sides[4].rig->pev[0]);
	kit_enable(sides[0].rig, 0, EV_READ);
	kit_enable(sides[2].rig, 0, EV_READ);
	kit_enable(sides[3].rig, 0, EV_READ);
	pass_large(sides);
	memory.watching = 1;
	for (i = 0; i < 10; i++)
		pass_large(sides);
	memory.watching = 0;
	ck_assert_int_eq(memory.calls, 0);
	for (i = N_SIDES - 1; i >= 0; i--)
		side_close(&sides[i]);
}
END_TEST

/* Asked for, and written to what cannot take them. */
START_TEST(test_none_for_dissolved)
{
	struct side sides[2];
	int i;

	memory_watch_libevent();
	make_frames(KIT_KIND_OF(_i) == KIT_TAP);
	side_open(&sides[0], _i);
	side_open(&sides[1], _i % KIT_N_SETUPS);
	kit_ok(packetevent_set_large(sides[0].rig->pev[0], 1));
	packetevent_setcb(sides[0].rig->pev[0], packetevent_forward, NULL,
	    NULL, sides[1].rig->pev[0]);
	kit_enable(sides[0].rig, 0, EV_READ);
	for (i = 0; i < 10; i++) {
		memory.watching = i > 0;
		send_all(&sides[0], SEGMENTS_N_SORTS, &sides[1],
		    SEGMENTS_N_SORTS * SEGMENTS);
	}
	memory.watching = 0;
	ck_assert_int_eq(memory.calls, 0);
	for (i = 1; i >= 0; i--)
		side_close(&sides[i]);
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
	kit_setups(test_none_for_many, KIT_FDS);
	kit_kinds(test_none_for_a_refused_packet, KIT_ALL);
	kit_case("large", 0);
	kit_ways = 1u << KIT_OFFLOAD;
	kit_kinds(test_none_for_large, KIT_DEVICES);
	kit_kinds(test_none_for_dissolved, KIT_DEVICES);
	return kit_run();
}
