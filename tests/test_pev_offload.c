/*
 * Devices with EVTUN_OPT_OFFLOAD: what the kernel has joined, or not
 * finished, is read as ordinary packets, byte for byte and in order.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "offload_stage.h"
#include "segments.h"

/* ---- every packet, byte for byte ---- */

static void
run_mixture(int setup, int batch)
{
	struct stage s;

	stage_begin(&s, setup);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], batch));
	/* Some before it is enabled, some after. */
	stage_send_some(&s, 20);
	kit_enable(s.rig, 0, EV_READ);
	stage_check_all(&s);
	kit_check_idle(s.rig->base);
	stage_send_some(&s, 3 * STAGE_N_SIZES * SEGMENTS_N_SORTS);
	stage_check_all(&s);
	ck_assert_int_le(s.log->max_batch, batch);
	ck_assert_uint_lt(s.log->max_bytes, 192 * 1024);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}

START_TEST(test_mixture)
{
	run_mixture(_i, 64);
}
END_TEST

START_TEST(test_mixture_by_three)
{
	run_mixture(_i, 3);
}
END_TEST

START_TEST(test_mixture_singly)
{
	run_mixture(_i, 1);
}
END_TEST

static size_t
max_len(const struct stage *s)
{
	return s->rig->kind == KIT_TAP ? EVTUN_MAX_FRAME : EVTUN_MAX_PACKET;
}

/* With a size of segments above its payload, a packet can be longer than any
 * may be, whatever the MTU. */
static void
send_long(struct stage *s, size_t len)
{
	static struct segments_frame frame;
	struct segments_form form;

	stage_make_form(&form, s->rig->kind, 0);
	form.payload = len - (form.ethernet ? 54 : 40);
	form.gso_size = 0;
	segments_make(&frame, &form);
	frame.offload.gso_type = EVTUN_OFFLOAD_TCP4;
	frame.offload.gso_size = 65534;
	segments_send(s->fd, &frame);
	frame.offload.gso_type = EVTUN_OFFLOAD_NONE;
	if (len <= max_len(s))
		segments_list_split(&s->list, &frame);
}

/* It is lost, alone. */
START_TEST(test_too_long)
{
	size_t i, lost = 0;
	struct stage s;

	stage_begin(&s, _i);
	kit_enable(s.rig, 0, EV_READ);
	for (i = EVTUN_MAX_PACKET - 10; i <= EVTUN_MAX_FRAME + 12; i += 3) {
		send_long(&s, i);
		lost += i > max_len(&s);
		stage_send_some(&s, 1);
	}
	kit_until_packets(s.rig, 0, s.list.n);
	kit_settle(s.rig->base);
	segments_list_compare(&s.list, s.log);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(kit_count(s.rig, 0, PEV_COUNT_READ_DROPPED), lost);
	stage_end(&s);
}
END_TEST

/* ---- somebody else reads on ---- */

static void
free_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	packetevent_free(pev);
	s->rig->pev[0] = NULL;
	/* The batch is still there. */
	kit_readcb(NULL, pkts, n_pkts, s->log);
}

static int
is_freed(void *arg)
{
	return ((struct stage *)arg)->rig->pev[0] == NULL;
}

static void
free_inside(struct stage *s)
{
	packetevent_setcb(s->rig->pev[0], free_cb, NULL, NULL, s);
	kit_ok(packetevent_set_max_batch(s->rig->pev[0], 3));
	kit_enable(s->rig, 0, EV_READ);
	kit_until(s->rig->base, is_freed, s, "the callback");
	if (s->rig->threadsafe)
		kit_settle(s->rig->base);
}

START_TEST(test_next_packetevent)
{
	struct stage s;
	int i;

	stage_begin_open(&s, _i);
	stage_send_some(&s, 2);
	stage_send_large(&s, 17);
	stage_send_some(&s, 5);
	for (i = 0; i < 4; i++) {
		free_inside(&s);
		stage_reader(&s);
	}
	kit_enable(s.rig, 0, EV_READ);
	kit_until_packets(s.rig, 0, s.list.n);
	kit_settle(s.rig->base);
	segments_list_compare(&s.list, s.log);
	kit_check_idle(s.rig->base);
	stage_end_open(&s);
}
END_TEST

static unsigned char buf[KIT_TOO_LARGE];

/* All that is there now. */
static void
read_rest(struct stage *s)
{
	size_t i = s->log->n_packets;
	int n;

	while ((n = evtun_read(s->rig->tun, buf, sizeof(buf))) > 0)
		segments_list_check(&s->list, i++, buf, (size_t)n);
	kit_check(n == 0, "read: %s", evtun_get_error());
	ck_assert_uint_eq(i, s->list.n);
}

START_TEST(test_evtun_read_next)
{
	struct stage s;

	stage_begin_open(&s, _i);
	stage_send_large(&s, 17);
	stage_send_some(&s, 30);
	free_inside(&s);
	ck_assert_uint_eq(s.log->n_packets, 3);
	read_rest(&s);
	evtun_free(s.rig->tun);
	stage_end(&s);
}
END_TEST

/* ---- room ---- */

static unsigned char
mark(int i, int where)
{
	return (unsigned char)(1 + i * 3 + where);
}

static void
check_bytes(const unsigned char *p, size_t n, unsigned char c)
{
	size_t i;

	for (i = 0; i < n; i++)
		kit_check(p[i] == c, "byte %zu of %zu is %d, not %d", i, n,
		    p[i], c);
}

static void
check_place(struct stage *s, const struct evbuffer_iovec *pkt)
{
	size_t ip = s->rig->kind == KIT_TAP ? 14 : 0;

	if (s->head % 4 == 0)
		ck_assert_uint_eq(((uintptr_t)pkt->iov_base + ip) % 4, 0);
}

/* Write into all of the room first, and then look at it and the packets. */
static void
room_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;
	unsigned char *p;
	int i;

	(void)pev;
	for (i = 0; i < n_pkts; i++) {
		p = pkts[i].iov_base;
		memset(p - s->head, mark(i, 0), s->head);
		memset(p + pkts[i].iov_len, mark(i, 1), s->tail);
	}
	for (i = 0; i < n_pkts; i++) {
		p = pkts[i].iov_base;
		segments_list_check(&s->list, s->got++, p, pkts[i].iov_len);
		memset(p, mark(i, 2), pkts[i].iov_len);
		check_place(s, &pkts[i]);
	}
	for (i = 0; i < n_pkts; i++) {
		p = pkts[i].iov_base;
		check_bytes(p - s->head, s->head, mark(i, 0));
		check_bytes(p, pkts[i].iov_len, mark(i, 2));
		check_bytes(p + pkts[i].iov_len, s->tail, mark(i, 1));
	}
}

static int
has_all(void *arg)
{
	struct stage *s = arg;

	return s->got >= s->list.n;
}

START_TEST(test_room)
{
	static const size_t rooms[][2] = { { 0, 0 }, { 4, 16 }, { 8, 0 },
	    { 5, 3 }, { 24, 24 }, { 28, 1 }, { 4096, 4096 } };
	struct stage s;
	size_t i;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], room_cb, NULL, NULL, &s);
	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		s.head = rooms[i][0];
		s.tail = rooms[i][1];
		kit_ok(packetevent_set_room(s.rig->pev[0], s.head, s.tail));
		kit_enable(s.rig, 0, EV_READ);
		stage_send_some(&s, 4 * STAGE_N_SIZES);
		kit_until(s.rig->base, has_all, &s, "all packets");
		kit_ok(packetevent_disable(s.rig->pev[0], EV_READ));
	}
	ck_assert_uint_eq(s.got, s.list.n);
	stage_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_offload");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("packets", 0);
	kit_setups(test_mixture, KIT_DEVICES);
	kit_setups(test_mixture_by_three, KIT_DEVICES);
	kit_setups(test_mixture_singly, KIT_DEVICES);
	kit_setups(test_room, KIT_DEVICES);
	kit_setups(test_too_long, KIT_DEVICES);
	kit_case("next", 0);
	kit_setups(test_next_packetevent, KIT_DEVICES);
	kit_setups(test_evtun_read_next, KIT_DEVICES);
	return kit_run();
}
