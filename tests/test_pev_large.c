/*
 * Large frames are read as they are, with their description, by those that
 * ask for it.
 */
#include "config.h"

#include <string.h>

#include "kit.h"
#include "large_stage.h"
#include "segments.h"

/* ---- reading ---- */

/* Keep every frame with its description. */
static void
keep_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	static struct segments_frame frame;
	struct large_stage *s = ctx;
	int i;

	for (i = 0; i < n_pkts; i++) {
		kit_ok(packetevent_get_offload(pev, i, &frame.offload));
		frame.ethernet = s->ethernet;
		frame.len = pkts[i].iov_len;
		memcpy(frame.data, pkts[i].iov_base, frame.len);
		large_frames_add(&s->got, &frame);
	}
	kit_fails(packetevent_get_offload(pev, -1, &frame.offload), EINVAL);
	kit_fails(packetevent_get_offload(pev, n_pkts, &frame.offload),
	    EINVAL);
	kit_fails(packetevent_set_large(pev, 0), EBUSY);
}

static int
has_all(void *arg)
{
	struct large_stage *s = arg;

	return s->got.n >= s->sent.n;
}

static void
compare_kept(struct large_stage *s)
{
	size_t i;

	for (i = 0; i < s->got.n; i++)
		segments_same(s->got.frame[i], s->sent.frame[i]);
}

static void
check_kept(struct large_stage *s)
{
	kit_until(s->rig->base, has_all, s, "all frames");
	kit_settle(s->rig->base);
	ck_assert_uint_eq(s->got.n, s->sent.n);
	compare_kept(s);
	ck_assert_uint_eq(packetevent_get_count(s->pev,
	    PEV_COUNT_READ_PACKETS), s->sent.n);
}

START_TEST(test_read)
{
	struct evtun_offload offload;
	struct large_stage s;

	large_begin(&s, _i);
	packetevent_setcb(s.pev, keep_cb, NULL, NULL, &s);
	kit_ok(packetevent_set_room(s.pev, _i % 5 * 8, 16));
	kit_ok(packetevent_set_large(s.pev, 1));
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_fails(packetevent_set_large(s.pev, 1), EBUSY);
	kit_fails(packetevent_get_offload(s.pev, 0, &offload), EINVAL);
	large_send(&s, LARGE_N_FRAMES);
	check_kept(&s);
	kit_check_idle(s.rig->base);
	large_end(&s);
}
END_TEST

/* Without having asked for it, there are ordinary packets alone. */
static void
zero_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	static const struct evtun_offload none;
	struct evtun_offload offload;
	int i;

	for (i = 0; i < n_pkts; i++) {
		memset(&offload, 0xff, sizeof(offload));
		kit_ok(packetevent_get_offload(pev, i, &offload));
		kit_check(memcmp(&offload, &none, sizeof(none)) == 0,
		    "packet %d has a description", i);
	}
	kit_fails(packetevent_get_offload(pev, n_pkts, &offload), EINVAL);
	kit_readcb(pev, pkts, n_pkts, ctx);
}

START_TEST(test_read_split)
{
	struct large_stage s;

	large_begin(&s, _i);
	packetevent_setcb(s.pev, zero_cb, NULL, NULL, &s.rig->log[0]);
	kit_ok(packetevent_set_large(s.pev, 1));
	kit_ok(packetevent_set_large(s.pev, 0));
	kit_ok(packetevent_enable(s.pev, EV_READ));
	large_send(&s, LARGE_N_FRAMES);
	kit_until_packets(s.rig, 0, s.list.n);
	segments_list_compare(&s.list, &s.rig->log[0]);
	large_end(&s);
}
END_TEST

/* ---- asked for while segments wait ---- */

static void
pause_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
}

static void
add_ordinary(struct large_frames *frames, const struct kit_packet *packet,
    int ethernet)
{
	static struct segments_frame frame;

	memset(&frame.offload, 0, sizeof(frame.offload));
	frame.ethernet = ethernet;
	frame.len = packet->len;
	memcpy(frame.data, packet->data, packet->len);
	large_frames_add(frames, &frame);
}

/* The rest of the frame comes as the packets that it has become. */
START_TEST(test_asked_late)
{
	struct large_stage s;
	size_t i, n;

	large_begin(&s, _i);
	packetevent_setcb(s.pev, pause_cb, NULL, NULL, &s.rig->log[0]);
	kit_ok(packetevent_set_max_batch(s.pev, 1));
	large_send(&s, 1);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_until_packets(s.rig, 0, 1);
	segments_list_check(&s.list, 0, s.rig->log[0].packets[0].data,
	    s.rig->log[0].packets[0].len);
	n = s.list.n;
	large_frames_cut(&s.sent, 0);
	for (i = 1; i < n; i++)
		add_ordinary(&s.sent, &s.list.packets[i], s.ethernet);
	large_send(&s, 8);
	kit_ok(packetevent_set_large(s.pev, 1));
	packetevent_setcb(s.pev, keep_cb, NULL, NULL, &s);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_until(s.rig->base, has_all, &s, "all frames");
	compare_kept(&s);
	large_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_large");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("read", 0);
	kit_setups(test_read, KIT_DEVICES);
	kit_setups(test_read_split, KIT_DEVICES);
	kit_setups(test_asked_late, KIT_DEVICES);
	return kit_run();
}
