/*
 * Large frames are written with their description, which has to fit; and
 * split for a device that takes none.
 */
#include "config.h"

#include "kit.h"
#include "large_stage.h"
#include "segments.h"

static int
write_frame(struct packetevent *pev, const struct segments_frame *frame)
{
	return packetevent_write_large(pev, frame->data, frame->len,
	    &frame->offload);
}

static void
write_all(struct large_stage *s)
{
	size_t i;

	for (i = 0; i < s->sent.n; i++)
		kit_ok(write_frame(s->to, s->sent.frame[i]));
}

START_TEST(test_write)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	large_make(&s, LARGE_N_FRAMES);
	write_all(&s);
	large_check_arrived(&s, &s.sent);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), LARGE_N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
	large_end(&s);
}
END_TEST

/* The packets in it are written, and it counts as one. */
START_TEST(test_write_to_plain)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, 0);
	large_make(&s, LARGE_N_FRAMES);
	write_all(&s);
	large_check_split(&s);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), LARGE_N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), 0);
	large_end(&s);
}
END_TEST

/* Queued with ordinary packets in between, they leave in order, and whole. */
START_TEST(test_write_queued)
{
	struct segments_frame *f;
	struct large_stage s;
	size_t i, bytes = 0;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setwatermark(s.to, 0, 1 << 22);
	large_make(&s, LARGE_N_FRAMES);
	kit_ok(packetevent_disable(s.to, EV_WRITE));
	for (i = 0; i < s.sent.n; i++) {
		f = s.sent.frame[i];
		if (f->offload.flags)
			kit_ok(write_frame(s.to, f));
		else
			kit_ok(packetevent_write(s.to, f->data, f->len));
		bytes += f->len;
	}
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_QUEUED_PACKETS), LARGE_N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_QUEUED_BYTES), bytes);
	kit_ok(packetevent_enable(s.to, EV_WRITE));
	if (_i % 2)
		ck_assert_int_eq(packetevent_flush(s.to), 0);
	else
		kit_until(s.rig->base, large_is_written, &s, "all frames");
	large_check_arrived(&s, &s.sent);
	large_end(&s);
}
END_TEST

START_TEST(test_write_full)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setwatermark(s.to, 0, 3000);
	large_make(&s, 3);
	kit_ok(packetevent_disable(s.to, EV_WRITE));
	kit_ok(write_frame(s.to, s.sent.frame[0]));
	kit_fails(write_frame(s.to, s.sent.frame[1]), ENOBUFS);
	kit_fails(write_frame(s.to, s.sent.frame[2]), ENOBUFS);
	ck_assert_uint_eq(packetevent_get_count(s.to, PEV_COUNT_WRITE_FULL),
	    2);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), 2);
	kit_ok(packetevent_enable(s.to, EV_WRITE));
	ck_assert_int_eq(packetevent_flush(s.to), 0);
	large_frames_cut(&s.sent, 1);
	large_check_arrived(&s, &s.sent);
	large_end(&s);
}
END_TEST

/* What is wrong with a description. */
static void
spoil(struct evtun_offload *o, unsigned how)
{
	switch (how) {
	case 0:
		o->gso_type = EVTUN_OFFLOAD_TCP6;
		break;
	case 1:
		o->gso_type = 2;
		break;
	case 2:
		o->gso_size = 0;
		break;
	case 3:
		o->csum_start++;
		break;
	case 4:
		o->csum_offset = 6;
		break;
	case 5:
		o->csum_start = 65535;
		break;
	case 6:
		o->gso_type = EVTUN_OFFLOAD_UDP;
		break;
	default:
		o->gso_type = EVTUN_OFFLOAD_TCP4 | EVTUN_OFFLOAD_TUNNEL4;
		break;
	}
}
#define N_SPOILED 8

static void
check_refused(struct large_stage *s)
{
	static struct segments_frame frame;
	struct evtun_offload good;
	unsigned i, counted;

	counted = (unsigned)packetevent_get_count(s->to,
	    PEV_COUNT_WRITE_DROPPED);
	large_make_frame(s, &frame, 0);
	good = frame.offload;
	for (i = 0; i < N_SPOILED; i++) {
		frame.offload = good;
		spoil(&frame.offload, i);
		kit_check(write_frame(s->to, &frame) == -1 &&
		    errno == EINVAL, "description %u: errno %d", i, errno);
	}
	ck_assert_uint_eq(packetevent_get_count(s->to,
	    PEV_COUNT_WRITE_DROPPED), counted + N_SPOILED);
	ck_assert_int_eq(segments_receive(s->to_fd, s->ethernet, &frame), 0);
	ck_assert_uint_eq(packetevent_get_count(s->to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
}

START_TEST(test_write_malformed)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD);
	check_refused(&s);
	/* It has switched nothing off. */
	large_make(&s, LARGE_N_FRAMES);
	kit_ok(write_frame(s.to, s.sent.frame[0]));
	large_frames_cut(&s.sent, 1);
	large_check_arrived(&s, &s.sent);
	large_end(&s);
}
END_TEST

START_TEST(test_write_malformed_to_plain)
{
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, 0);
	check_refused(&s);
	large_end(&s);
}
END_TEST

/* Where packet information stands before packets, there is no place for a
 * description: nothing is written. */
START_TEST(test_write_to_packet_information)
{
	static struct segments_frame frame;
	struct large_stage s;

	large_begin(&s, _i);
	large_add_device(&s, EVTUN_OPT_OFFLOAD | EVTUN_OPT_PACKET_INFO);
	large_make_frame(&s, &frame, 0);
	kit_fails(write_frame(s.to, &frame), ENOTSUP);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), 1);
	ck_assert_int_eq(segments_receive(s.to_fd, s.ethernet, &frame), 0);
	large_end(&s);
}
END_TEST

START_TEST(test_write_elsewhere)
{
	static const enum kit_kind kinds[] = { KIT_PAIR, KIT_DGRAM,
		KIT_STREAM16 };
	static struct segments_frame frame;
	struct packetevent *end[2];
	struct large_stage s;
	int i;

	large_begin(&s, _i);
	large_make_frame(&s, &frame, 0);
	for (i = 0; i < 3; i++) {
		large_make_ends(&s, kinds[i], end);
		kit_fails(write_frame(end[0], &frame), ENOTSUP);
		ck_assert_uint_eq(packetevent_get_count(end[0],
		    PEV_COUNT_WRITE_DROPPED), 1);
		packetevent_free(end[0]);
		packetevent_free(end[1]);
		kit_settle(s.rig->base);
	}
	large_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_large_written");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("write", 0);
	kit_setups(test_write, KIT_DEVICES);
	kit_setups(test_write_to_plain, KIT_DEVICES);
	kit_setups(test_write_queued, KIT_DEVICES);
	kit_setups(test_write_full, KIT_DEVICES);
	kit_setups(test_write_malformed, KIT_DEVICES);
	kit_setups(test_write_malformed_to_plain, KIT_DEVICES);
	kit_setups(test_write_to_packet_information, KIT_DEVICES);
	kit_setups(test_write_elsewhere, KIT_DEVICES);
	return kit_run();
}
