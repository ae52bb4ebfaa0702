/*
 * What goes over connected UDP sockets is joined by us, and split by the
 * kernel, or the other way round: every packet is what it was, in its turn.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datagram_rig.h"

/* Headers may be older than the kernel. */
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static int
get_gro(evutil_socket_t fd)
{
	socklen_t len = sizeof(int);
	int on = -1;

	getsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, &len);
	return on;
}

static void
set_gro(evutil_socket_t fd, int on)
{
	ck_assert_int_eq(setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on,
	    sizeof(on)), 0);
}

/* ---- there and back ---- */

START_TEST(test_runs)
{
	static const struct {
		size_t size;
		int joined;	/* messages that hold MANY, but for one */
	} cases[] = {{1, 1}, {64, 1}, {1000, 1}, {1400, 2}, {3000, 3}};
	struct ends ends;
	int i;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 5; i++) {
		memset(&datagram_wrap, 0, sizeof(datagram_wrap));
		ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY,
		    cases[i].size), MANY);
		ck_assert_int_eq(datagram_wrap.sends, 1);
		ck_assert_int_eq(datagram_wrap.sent_joined,
		    cases[i].joined);
		check_read(&ends, MANY, cases[i].size);
		ck_assert_int_eq(datagram_wrap.received_joined,
		    cases[i].joined);
		ck_assert_int_le(datagram_wrap.receives,
		    cases[i].joined + 2);
	}
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_READ_PACKETS),
	    5 * MANY);
	ck_assert_uint_eq(count_unjoined(&ends), 0);
	ends_close(&ends);
}
END_TEST

/* The queue's flush joins as well. */
START_TEST(test_queue)
{
	struct ends ends;
	unsigned i;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	kit_ok(packetevent_disable(ends.rig.pev[1], EV_WRITE));
	for (i = 0; i < MANY; i++)
		kit_ok(kit_write(&ends.rig, 1, i, 900));
	ck_assert_int_eq(datagram_wrap.sends, 0);
	kit_enable(&ends.rig, 1, EV_WRITE);
	check_read(&ends, MANY, 900);
	/* The queue may lie in several pieces. */
	ck_assert_int_ge(datagram_wrap.sent_joined, 1);
	ck_assert_int_le(datagram_wrap.sends, 2);
	ck_assert_int_eq(datagram_wrap.received_joined,
	    datagram_wrap.sent_joined);
	kit_check_counts(&ends.rig, 1, MANY);
	ends_close(&ends);
}
END_TEST

/* Runs of all lengths, with shorter and longer packets between them. */
static size_t
get_mixed_size(unsigned index)
{
	static const size_t sizes[] = {
		1000, 1000, 1000, 999, 1000, 1001, 1001, 1, 1, 2, 1400, 1400,
		1400, 1400, 30, 5000, 5000, 4999, 4999, 4998, 60, 60, 60, 61
	};
	unsigned row = index / 24;

	return index % 24 < row % 24 ? sizes[row % 24] : sizes[index % 24];
}

static size_t
get_any_size(unsigned index)
{
	unsigned x = (index / 3) * 2654435761u;

	/* Now and then the largest there is. */
	if (index % 97 == 5)
		return 65507;
	return x % 7 == 0 ? 1 + x / 7 % 9000 : 1 + x / 7 % 1500;
}

static void
check_mixture(struct ends *ends, unsigned start, unsigned n,
    size_t (*get_size)(unsigned))
{
	unsigned i;

	kit_until_packets(&ends->rig, 0, n);
	for (i = 0; i < n; i++)
		kit_check_packet(&ends->rig, 0, i, start + i,
		    get_size(start + i));
	kit_log_clear(&ends->rig.log[0]);
}

/* So many fit in the receiver's buffer. */
#define FEW 24

static void
send_mixture(struct ends *ends, size_t (*get_size)(unsigned))
{
	const char *many = getenv("DATAGRAM_PACKETS");
	unsigned i, n = many != NULL ? (unsigned)strtoul(many, NULL, 10) :
	    50 * FEW;

	for (i = 0; i + FEW <= n; i += FEW) {
		ck_assert_int_eq(write_sizes(ends->rig.pev[1], i, FEW,
		    get_size), FEW);
		check_mixture(ends, i, FEW, get_size);
	}
	kit_settle(ends->rig.base);
	ck_assert_uint_eq(ends->rig.log[0].n_packets, 0);
	ck_assert_int_gt(datagram_wrap.sent_joined, 20);
	ck_assert_int_gt(datagram_wrap.received_joined, 20);
	ck_assert_uint_eq(count_unjoined(ends), 0);
}

START_TEST(test_mixture)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	send_mixture(&ends, get_mixed_size);
	send_mixture(&ends, get_any_size);
	ends_close(&ends);
}
END_TEST

/* Through small batches, with room around each packet. */
START_TEST(test_room_and_small_batches)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	kit_ok(packetevent_set_max_batch(ends.rig.pev[0], 3));
	kit_ok(packetevent_set_room(ends.rig.pev[0], 4096, 4095));
	kit_enable(&ends.rig, 0, EV_READ);
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 1000), MANY);
	kit_until_packets(&ends.rig, 0, MANY);
	ck_assert_int_eq(ends.rig.log[0].max_batch, 3);
	ck_assert_int_eq(ends.rig.log[0].n_batches, 22);
	check_read(&ends, MANY, 1000);
	kit_ok(packetevent_set_max_batch(ends.rig.pev[0], 1024));
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 1000), MANY);
	kit_until_packets(&ends.rig, 0, MANY);
	/* With room for each of them they do not fit in one. */
	ck_assert_int_gt(ends.rig.log[0].n_batches, 1);
	check_read(&ends, MANY, 1000);
	ends_close(&ends);
}
END_TEST

/* A message is not spread over two batches, so that it can be joined again. */
START_TEST(test_message_in_one_batch)
{
	struct ends ends;
	int i;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(write_many(ends.rig.pev[1],
		    40 * (unsigned)i, 40, 600), 40);
	kit_until_packets(&ends.rig, 0, 3 * 40);
	ck_assert_int_eq(ends.rig.log[0].n_batches, 3);
	ck_assert_int_eq(ends.rig.log[0].max_batch, 40);
	check_read(&ends, 3 * 40, 600);
	/* Nor is one that is larger than the last one was. */
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, 10, 600), 10);
	ck_assert_int_eq(write_many(ends.rig.pev[1], 10, 60, 600), 60);
	kit_until_packets(&ends.rig, 0, 70);
	ck_assert_int_eq(ends.rig.log[0].n_batches, 2);
	ck_assert_int_eq(ends.rig.log[0].max_batch, 60);
	check_read(&ends, 70, 600);
	ends_close(&ends);
}
END_TEST

/* ---- stopped and freed in the middle of a message ---- */

START_TEST(test_stopped_inside)
{
	struct ends ends;
	size_t got = 0;

	ends_open_both(&ends, _i);
	ends_stop_reading(&ends, 10);
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 1000), MANY);
	while (got < MANY) {
		kit_enable(&ends.rig, 0, EV_READ);
		got = got + 10 < MANY ? got + 10 : MANY;
		kit_until_packets(&ends.rig, 0, got);
		kit_check_idle(ends.rig.base);
		ck_assert_uint_eq(ends.rig.log[0].n_packets, got);
	}
	check_read(&ends, MANY, 1000);
	ck_assert_int_eq(datagram_wrap.received_joined, 1);
	ends_close(&ends);
}
END_TEST

static void
free_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n, void *ctx)
{
	kit_readcb(pev, pkts, n, ctx);
	packetevent_free(pev);
	/* Valid until this returns. */
	kit_check(kit_matches(KIT_UDP, pkts[n - 1].iov_base,
	    (unsigned)n - 1, 1000), "freed with the packetevent");
}

START_TEST(test_freed_inside)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	packetevent_setcb(ends.rig.pev[0], free_cb, NULL, kit_eventcb,
	    &ends.rig.log[0]);
	kit_ok(packetevent_set_max_batch(ends.rig.pev[0], 10));
	kit_enable(&ends.rig, 0, EV_READ);
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 1000), MANY);
	kit_until_packets(&ends.rig, 0, 10);
	kit_settle(ends.rig.base);
	ck_assert_int_eq(ends.rig.log[0].n_batches, 1);
	ends.rig.pev[0] = NULL;
	ends_close(&ends);
}
END_TEST

/* ---- the socket's own setting ---- */

START_TEST(test_only_while_it_lives)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	ck_assert_int_eq(get_gro(ends.fd), 1);
	ck_assert_int_eq(get_gro(ends.peer), 1);
	packetevent_free(ends.rig.pev[1]);
	ends.rig.pev[1] = NULL;
	ck_assert_int_eq(get_gro(ends.peer), 0);
	ck_assert_int_eq(get_gro(ends.fd), 1);
	ck_assert_int_eq(write_many(ends.rig.pev[0], 0, MANY, 500), MANY);
	ck_assert_int_eq(datagram_wrap.sent_joined, 1);
	peer_check(&ends, 0, MANY, 500);
	peer_check_nothing(&ends);
	ends_close(&ends);
}
END_TEST

/* The application's own choice stays. */
START_TEST(test_on_already)
{
	struct ends ends;

	ends_open_sockets(&ends, _i);
	set_gro(ends.fd, 1);
	ends_add(&ends, 0);
	ends_add(&ends, 1);
	kit_enable(&ends.rig, 0, EV_READ);
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 500), MANY);
	check_read(&ends, MANY, 500);
	ck_assert_int_eq(datagram_wrap.received_joined, 1);
	packetevent_free(ends.rig.pev[0]);
	ends.rig.pev[0] = NULL;
	ck_assert_int_eq(get_gro(ends.fd), 1);
	ends_close(&ends);
}
END_TEST

/* A socket that is not connected is left alone, and others are. */
START_TEST(test_left_alone)
{
	struct ends ends;

	ends_open(&ends, _i);
	ck_assert_int_le(get_gro(ends.fd), 0);
	ends_close(&ends);
}
END_TEST

/* It was closed, and another socket has its number now. */
START_TEST(test_another_socket)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	ck_assert_int_eq(dup2(ends.fd, ends.peer), ends.peer);
	packetevent_free(ends.rig.pev[1]);
	ends.rig.pev[1] = NULL;
	ck_assert_int_eq(get_gro(ends.fd), 1);
	ends_close(&ends);
}
END_TEST

/* Every packet of a message has its source. */
static void
source_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct sockaddr_storage addr, wanted;
	socklen_t wanted_len = sizeof(wanted);
	int i, len;

	ck_assert_int_eq(getpeername(packetevent_getfd(pev),
	    (struct sockaddr *)&wanted, &wanted_len), 0);
	for (i = 0; i < n; i++) {
		len = sizeof(addr);
		kit_ok(packetevent_get_source(pev, i,
		    (struct sockaddr *)&addr, &len));
		kit_check(len == (int)wanted_len &&
		    memcmp(&addr, &wanted, wanted_len) == 0,
		    "packet %d has another source", i);
	}
	kit_readcb(pev, pkts, n, ctx);
}

START_TEST(test_sources)
{
	struct ends ends;
	int i;

	ends_open_both(&ends, _i);
	packetevent_setcb(ends.rig.pev[0], source_cb, NULL, kit_eventcb,
	    &ends.rig.log[0]);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 800),
		    MANY);
		check_read(&ends, MANY, 800);
	}
	ck_assert_int_eq(datagram_wrap.received_joined, 2);
	ends_close(&ends);
}
END_TEST

int
main(void)
{
	kit_suite("pev_datagram_join");
	kit_case("joined", KIT_NEEDS_NETNS);
	kit_loop(test_runs, 0, 2 * OPEN4);
	kit_loop(test_queue, 0, 2 * OPEN4);
	kit_loop(test_mixture, 0, 2 * OPEN4);
	kit_loop(test_room_and_small_batches, 0, 2 * OPEN4);
	kit_loop(test_message_in_one_batch, 0, 2 * OPEN4);
	kit_loop(test_sources, 0, 2 * OPEN4);
	kit_case("lifetime", KIT_NEEDS_NETNS);
	kit_loop(test_stopped_inside, 0, 2 * OPEN4);
	kit_loop(test_freed_inside, 0, 2 * OPEN4);
	kit_loop(test_only_while_it_lives, 0, 2 * OPEN4);
	kit_loop(test_on_already, 0, 2 * DGRAM);
	kit_loop(test_left_alone, 2 * OPEN4, 2 * N_SORTS);
	kit_loop(test_another_socket, 0, 2 * OPEN4);
	return kit_run();
}
