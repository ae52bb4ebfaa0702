/*
 * Large frames are passed on between devices as they are; and split on the
 * way to what takes none.
 */
#include "config.h"

#include <string.h>

#include "kit.h"
#include "large_stage.h"
#include "segments.h"

/* Before every packet, in one test. */
#define ROOM 8

/* ---- handed through ---- */

START_TEST(test_forward)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setcb(s.pev, packetevent_forward, NULL, NULL, s.to);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	large_send(&s, LARGE_N_FRAMES);
	kit_until(s.rig->base, large_is_written, &s, "all frames");
	large_check_arrived(&s, &s.sent);
	ck_assert_uint_eq(packetevent_get_count(s.pev,
	    PEV_COUNT_READ_PACKETS), LARGE_N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), LARGE_N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
	/* The other one is not read, and looked after without epoll. */
	if (KIT_BACKEND_OF(_i) == KIT_EPOLL)
		kit_check_idle(s.rig->base);
	large_end(&s);
}
END_TEST

/* They wait whole, in order, while the other one is not enabled. */
START_TEST(test_forward_queued)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setwatermark(s.to, 0, 1 << 22);
	kit_ok(packetevent_disable(s.to, EV_WRITE));
	packetevent_setcb(s.pev, packetevent_forward, NULL, NULL, s.to);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	large_send(&s, LARGE_N_FRAMES);
	kit_settle(s.rig->base);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_QUEUED_PACKETS), LARGE_N_FRAMES);
	kit_ok(packetevent_enable(s.to, EV_WRITE));
	ck_assert_int_eq(packetevent_flush(s.to), 0);
	large_check_arrived(&s, &s.sent);
	large_end(&s);
}
END_TEST

/* What a device would take for a packet. */
static void
take_room(struct evbuffer_iovec *pkt)
{
	pkt->iov_base = (char *)pkt->iov_base - ROOM;
	pkt->iov_len += ROOM;
	memset(pkt->iov_base, 0x45, ROOM);
}

/* Frames 0, 4, ... are left out, and 2, 6, ... changed: one byte is cut off
 * or, if they are described, the room before them is taken in as well. */
static void
some_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct evtun_offload offload;
	struct large_stage *s = ctx;
	int i, n = 0;

	for (i = 0; i < n_pkts; i++, s->n++) {
		if (s->n % 4 == 0)
			continue;
		kit_ok(packetevent_get_offload(pev, i, &offload));
		pkts[n] = pkts[i];
		if (s->n % 8 == 2 && offload.flags != 0)
			take_room(&pkts[n]);
		else if (s->n % 4 == 2)
			pkts[n].iov_len--;
		n++;
	}
	packetevent_forward(pev, pkts, n, s->to);
}

/* An ordinary packet is written as it has become. */
START_TEST(test_forward_some)
{
	struct large_frames wanted = { { NULL }, 0 };
	struct segments_frame *f;
	struct large_stage s;
	size_t i, dropped = 0;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setcb(s.pev, some_cb, NULL, NULL, &s);
	kit_ok(packetevent_set_room(s.pev, ROOM, 0));
	kit_ok(packetevent_set_large(s.pev, 1));
	large_send(&s, LARGE_N_FRAMES);
	for (i = 0; i < LARGE_N_FRAMES; i++) {
		f = s.sent.frame[i];
		if (i % 4 == 0)
			continue;
		if (i % 4 == 2 && f->offload.flags != 0) {
			dropped++;
			continue;
		}
		f->len -= i % 4 == 2;
		large_frames_add(&wanted, f);
	}
	s.n = 0;
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_settle(s.rig->base);
	large_check_arrived(&s, &wanted);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), dropped);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), wanted.n);
	large_frames_cut(&wanted, 0);
	large_end(&s);
}
END_TEST

/* The last one first, and the first one twice. */
static void
reverse_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct evbuffer_iovec reversed[65];
	struct large_stage *s = ctx;
	size_t first = s->got.n;
	int i;

	for (i = 0; i < n_pkts; i++)
		reversed[i] = pkts[n_pkts - 1 - i];
	reversed[n_pkts] = pkts[0];
	packetevent_forward(pev, reversed, n_pkts + 1, s->to);
	for (i = n_pkts - 1; i >= 0; i--)
		large_frames_add(&s->got, s->sent.frame[s->n + (unsigned)i]);
	large_frames_add(&s->got, s->got.frame[first + (size_t)n_pkts - 1]);
	s->n += (unsigned)n_pkts;
}

START_TEST(test_forward_reversed)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setcb(s.pev, reverse_cb, NULL, NULL, &s);
	kit_ok(packetevent_set_large(s.pev, 1));
	large_send(&s, LARGE_N_FRAMES);
	s.n = 0;
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_settle(s.rig->base);
	ck_assert_uint_eq(s.n, LARGE_N_FRAMES);
	large_check_arrived(&s, &s.got);
	large_end(&s);
}
END_TEST

/* ---- to what takes none ---- */

static int large_mode;

/* By itself, and as a part of a callback that has asked for large ones. */
static void
part_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	packetevent_forward(pev, pkts, n_pkts, ctx);
}

static void
start_forward(struct large_stage *s, struct packetevent *to)
{
	if (large_mode)
		kit_ok(packetevent_set_large(s->pev, 1));
	packetevent_setwatermark(to, 0, 1 << 22);
	packetevent_setcb(s->pev, large_mode ? part_cb : packetevent_forward,
	    NULL, NULL, to);
	kit_ok(packetevent_enable(s->pev, EV_READ));
}

static void
forward_to_plain(int setup, int large)
{
	struct large_stage s;

	large_mode = large;
	large_begin(&s, setup);
	large_add_device(&s, 0);
	start_forward(&s, s.to);
	large_send(&s, LARGE_N_FRAMES);
	kit_settle(s.rig->base);
	large_check_split(&s);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), s.list.n);
	large_end(&s);
}

START_TEST(test_forward_to_plain)
{
	forward_to_plain(_i, 0);
}
END_TEST

START_TEST(test_forward_large_to_plain)
{
	forward_to_plain(_i, 1);
}
END_TEST

static void
forward_to(int setup, enum kit_kind kind, int large)
{
	struct packetevent *end[2];
	struct kit_log *log;
	struct large_stage s;

	large_mode = large;
	large_begin(&s, setup);
	log = &s.rig->log[1];
	large_make_ends(&s, kind, end);
	packetevent_setcb(end[1], kit_readcb, NULL, NULL, log);
	kit_ok(packetevent_enable(end[1], EV_READ));
	start_forward(&s, end[0]);
	large_send(&s, 12);
	kit_until_packets(s.rig, 1, s.list.n);
	segments_list_compare(&s.list, log);
	ck_assert_uint_eq(packetevent_get_count(end[0],
	    PEV_COUNT_WRITTEN_PACKETS), s.list.n);
	packetevent_free(s.rig->pev[0]);
	s.rig->pev[0] = NULL;
	packetevent_free(end[0]);
	packetevent_free(end[1]);
	kit_settle(s.rig->base);
	large_end(&s);
}

START_TEST(test_forward_to_datagram)
{
	forward_to(_i, KIT_SEQPACKET, 0);
	forward_to(_i, KIT_SEQPACKET, 1);
}
END_TEST

START_TEST(test_forward_to_pair)
{
	forward_to(_i, KIT_PAIR, 0);
	forward_to(_i, KIT_PAIR, 1);
}
END_TEST

START_TEST(test_forward_to_stream)
{
	forward_to(_i, KIT_STREAM16, 0);
	forward_to(_i, KIT_STREAM16, 1);
}
END_TEST

int
main(void)
{
	kit_suite("pev_large_forwarded");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("forward", 0);
	kit_setups(test_forward, KIT_DEVICES);
	kit_setups(test_forward_queued, KIT_DEVICES);
	kit_setups(test_forward_some, KIT_DEVICES);
	kit_setups(test_forward_reversed, KIT_DEVICES);
	kit_setups(test_forward_to_plain, KIT_DEVICES);
	kit_setups(test_forward_large_to_plain, KIT_DEVICES);
	kit_setups(test_forward_to_datagram, KIT_DEVICES);
	kit_setups(test_forward_to_pair, KIT_DEVICES);
	kit_setups(test_forward_to_stream, KIT_DEVICES);
	return kit_run();
}
