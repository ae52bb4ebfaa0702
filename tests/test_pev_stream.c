/*
 * A length before every packet, over a stream: cut anywhere, wrong in every
 * way, and as it is written.
 */
#include "config.h"

#include <string.h>

#include <event2/bufferevent.h>

#include "kit.h"
#include "kit_half.h"

/* ---- reading ---- */

START_TEST(test_cut_at_every_byte)
{
	unsigned char data[2048];
	struct kit_half half;
	size_t at, n;

	kit_half_open(&half, _i);
	kit_enable(&half.rig, 0, EV_READ);
	n = kit_encode_all(&half, data);
	for (at = 0; at <= n; at += at < 400 ? 1 : 97) {
		kit_put_bytes(&half, data, at);
		kit_settle(half.rig.base);
		kit_put_bytes(&half, data + at, n - at);
		kit_check_all(&half);
	}
	kit_half_close(&half);
}
END_TEST

START_TEST(test_byte_by_byte)
{
	unsigned char data[2048];
	struct kit_half half;
	size_t i, n;

	kit_half_open(&half, _i);
	kit_enable(&half.rig, 0, EV_READ);
	n = kit_encode_all(&half, data);
	for (i = 0; i < n; i++) {
		kit_put_bytes(&half, data + i, 1);
		event_base_loop(half.rig.base, EVLOOP_NONBLOCK);
	}
	kit_check_all(&half);
	kit_half_close(&half);
}
END_TEST

/* Paused at every byte, and read on. */
START_TEST(test_paused_at_every_byte)
{
	unsigned char data[2048];
	struct kit_half half;
	size_t at, n;

	kit_half_open(&half, _i);
	n = kit_encode_all(&half, data);
	for (at = 0; at <= n; at += at < 40 ? 1 : 97) {
		kit_enable(&half.rig, 0, EV_READ);
		kit_put_bytes(&half, data, at);
		kit_settle(half.rig.base);
		kit_ok(packetevent_disable(half.rig.pev[0], EV_READ));
		kit_put_bytes(&half, data + at, n - at);
		kit_settle(half.rig.base);
		ck_assert_uint_lt(half.rig.log[0].n_packets,
		    at == n ? KIT_N_SIZES + 1 : KIT_N_SIZES);
		kit_enable(&half.rig, 0, EV_READ);
		kit_check_all(&half);
		kit_ok(packetevent_disable(half.rig.pev[0], EV_READ));
	}
	kit_half_close(&half);
}
END_TEST

START_TEST(test_the_largest)
{
	static unsigned char data[2 * (EVTUN_MAX_PACKET + 4)];
	struct kit_half half;
	size_t n, at, part;

	kit_half_open(&half, _i);
	kit_enable(&half.rig, 0, EV_READ);
	n = kit_encode(&half, data, 65535, 0, 65535);
	n += kit_encode(&half, data + n, 65535, 1, 65535);
	for (at = 0; at < n; at += part) {
		part = n - at < 5000 ? n - at : 5000;
		kit_put_bytes(&half, data + at, part);
		kit_settle(half.rig.base);
	}
	kit_until_packets(&half.rig, 0, 2);
	kit_check_packet(&half.rig, 0, 0, 0, 65535);
	kit_check_packet(&half.rig, 0, 1, 1, 65535);
	kit_half_close(&half);
}
END_TEST

/* ---- wrong lengths ---- */

#define READ_ERROR (PEV_EVENT_READING | PEV_EVENT_ERROR)

static const size_t wrong32[] = {
	0, EVTUN_MAX_FRAME + 1, 0x00020000, 0x7fffffff, 0x80000000, 0xffffffff,
	0x05000000	/* in the wrong byte order */
};

/* A good packet, the wrong length, and what looks like a good one. */
static void
send_wrong(struct kit_half *half, size_t len, size_t cut)
{
	unsigned char data[200];
	size_t n;

	kit_enable(&half->rig, 0, EV_READ);
	n = kit_encode(half, data, 20, 0, 20);
	n += kit_encode(half, data + n, len, 0, 0);
	n += kit_encode(half, data + n, 30, 1, 30);
	kit_put_bytes(half, data, cut);
	kit_settle(half->rig.base);
	kit_put_bytes(half, data + cut, n - cut);
	kit_until_events(&half->rig, 0, 1);
}

static void
check_wrong(struct kit_half *half)
{
	struct kit_log *log = &half->rig.log[0];

	ck_assert_int_eq(log->n_events, 1);
	ck_assert_int_eq(log->events[0].what, READ_ERROR);
	ck_assert_int_eq(log->events[0].err, EBADMSG);
	ck_assert_ptr_nonnull(strstr(log->events[0].text, "length"));
	ck_assert_uint_eq(log->n_packets, 1);
	kit_check_packet(&half->rig, 0, 0, 0, 20);
	/* It cannot be read on, but written to. */
	ck_assert_int_eq(packetevent_get_enabled(half->rig.pev[0]), EV_WRITE);
	kit_fails(packetevent_enable(half->rig.pev[0], EV_READ), EBADMSG);
	kit_ok(kit_write(&half->rig, 0, 0, 10));
}

static void
run_wrong(int setup, size_t len, size_t cut, int idle)
{
	struct kit_half half;

	kit_half_open(&half, setup);
	send_wrong(&half, len, cut);
	if (idle)
		kit_check_idle(half.rig.base);
	check_wrong(&half);
	kit_half_close(&half);
}

static void
run_every_wrong(int setup, size_t cut, int idle)
{
	size_t i;

	if (KIT_KIND_OF(setup) == KIT_STREAM16)
		run_wrong(setup, 0, cut, idle);
	else
		for (i = 0; i < sizeof(wrong32) / sizeof(wrong32[0]); i++)
			run_wrong(setup, wrong32[i], cut, idle);
}

START_TEST(test_wrong_length)
{
	run_every_wrong(_i, 0, 1);
}
END_TEST

START_TEST(test_wrong_length_cut_anywhere)
{
	size_t cut;

	for (cut = 0; cut < 30; cut++)
		run_every_wrong(_i, cut, 0);
}
END_TEST

/* ---- writing ---- */

START_TEST(test_bytes_on_the_wire)
{
	struct kit_bytes bytes = {NULL, {0}, 0, 0};
	unsigned char data[2048];
	struct kit_half half;
	unsigned i;

	kit_half_open(&half, _i);
	for (i = 0; i < KIT_N_SIZES; i++)
		kit_ok(kit_write(&half.rig, 0, i, kit_sizes[i]));
	bytes.half = &half;
	bytes.wanted = kit_encode_all(&half, data);
	kit_until(half.rig.base, kit_has_bytes, &bytes, "all bytes");
	kit_settle(half.rig.base);
	ck_assert(kit_has_bytes(&bytes));
	ck_assert_uint_eq(bytes.n, bytes.wanted);
	ck_assert_mem_eq(bytes.data, data, bytes.n);
	kit_half_close(&half);
}
END_TEST

/* "A packet counts as written when bev has it." */
START_TEST(test_written_when_bev_has_it)
{
	struct kit_half half;

	kit_half_open(&half, _i);
	kit_ok(kit_write(&half.rig, 0, 0, 100));
	ck_assert_uint_eq(kit_count(&half.rig, 0, PEV_COUNT_WRITTEN_PACKETS),
	    1);
	ck_assert_uint_eq(kit_count(&half.rig, 0, PEV_COUNT_WRITTEN_BYTES),
	    100);
	ck_assert_uint_eq(kit_count(&half.rig, 0, PEV_COUNT_QUEUED_PACKETS),
	    0);
	kit_half_close(&half);
}
END_TEST

/* "What bev has not sent yet counts as queue": the bound holds with it. */
START_TEST(test_bound_with_a_peer_that_does_not_read)
{
	struct kit_half half;
	struct evbuffer *output;
	unsigned i = 0, turn;
	size_t held;

	kit_half_open(&half, _i);
	output = bufferevent_get_output(half.bev);
	packetevent_setwatermark(half.rig.pev[0], 0, 10000);
	for (turn = 0; turn < 200; turn++) {
		while (kit_write(&half.rig, 0, i, 1000) == 0) {
			i++;
			held = evbuffer_get_length(output) + kit_count(
			    &half.rig, 0, PEV_COUNT_QUEUED_BYTES);
			kit_check(held <= 10000 + 1000 + half.header,
			    "%zu bytes wait", held);
		}
		ck_assert_int_eq(errno, ENOBUFS);
		event_base_loop(half.rig.base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_gt(kit_count(&half.rig, 0, PEV_COUNT_WRITE_FULL), 100);
	kit_check_idle(half.rig.base);
	kit_half_close(&half);
}
END_TEST

int
main(void)
{
	unsigned both = KIT_BIT(KIT_STREAM16) | KIT_BIT(KIT_STREAM32);

	kit_suite("pev_stream");
	kit_case("cut", 0);
	kit_setups(test_cut_at_every_byte, both);
	kit_setups(test_byte_by_byte, both);
	kit_setups(test_paused_at_every_byte, both);
	kit_setups(test_the_largest, both);
	kit_case("wrong_length", 0);
	kit_setups(test_wrong_length, both);
	kit_setups(test_wrong_length_cut_anywhere, both);
	kit_case("writing", 0);
	kit_setups(test_bytes_on_the_wire, both);
	kit_setups(test_written_when_bev_has_it, both);
	kit_setups(test_bound_with_a_peer_that_does_not_read, both);
	return kit_run();
}
