/*
 * Datagram sockets take and give many packets in one system call, and every
 * packet is what it was, in its turn.
 */
#include "config.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "datagram_rig.h"

static int
is_open(int loop)
{
	return SORT_OF(loop) == OPEN4 || SORT_OF(loop) == OPEN6;
}

/* ---- reading ---- */

START_TEST(test_runs_are_read_together)
{
	struct ends ends;
	unsigned round;

	ends_open(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (round = 0; round < 6; round++) {
		peer_send(&ends, 0, SOME, 700);
		check_read(&ends, SOME, 700);
	}
	/* All of a run but the first ones in one call. */
	ck_assert_int_le(datagram_wrap.receives, 6 * 4);
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_READ_PACKETS),
	    6 * SOME);
	ends_close(&ends);
}
END_TEST

/* A lone packet costs the call that finds it and, at most, one that finds
 * nothing. */
START_TEST(test_lone_packets)
{
	struct ends ends;
	unsigned i;

	ends_open(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 20; i++) {
		peer_send(&ends, 0, 1, 100);
		check_read(&ends, 1, 100);
	}
	ck_assert_int_le(datagram_wrap.receives, 2 * 20);
	ends_close(&ends);
}
END_TEST

/* Large ones, by turns with small ones: many more than fit in a batch. */
START_TEST(test_all_sizes)
{
	static const size_t sizes[] = {1, 2, 1472, 9000, 9217, 30000, 65507};
	struct ends ends;
	unsigned i, round;

	ends_open(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 7; i++) {
			peer_send(&ends, 0, sizes[i] > 9000 ? 2 : 8, sizes[i]);
			check_read(&ends, sizes[i] > 9000 ? 2 : 8, sizes[i]);
		}
	}
	ends_close(&ends);
}
END_TEST

/* A run of small ones, and large ones where small ones were expected: the
 * bytes that a batch may have are exceeded, and some packets wait. */
START_TEST(test_more_than_a_batch_holds)
{
	struct ends ends;
	int room = 2000000;
	size_t size = 65507;

	ends_open_sockets(&ends, _i);
	setsockopt(ends.peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (setsockopt(ends.fd, SOL_SOCKET, SO_RCVBUFFORCE, &room,
	    sizeof(room)) < 0 || setsockopt(ends.peer, SOL_SOCKET,
	    SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		kit_skip("buffers cannot be made large enough");
	ends_add(&ends, 0);
	kit_enable(&ends.rig, 0, EV_READ);
	peer_send(&ends, 0, SOME, 100);
	check_read(&ends, SOME, 100);
	peer_send(&ends, 0, SOME, size);
	datagram_wrap.receives = 0;
	while (ends.rig.log[0].n_batches < 1)
		event_base_loop(ends.rig.base, EVLOOP_ONCE);
	/* All were received then; and they are only had when wanted. */
	ck_assert_int_le(datagram_wrap.receives, 2);
	ck_assert_uint_lt(ends.rig.log[0].n_packets, SOME);
	kit_ok(packetevent_disable(ends.rig.pev[0], EV_READ));
	kit_check_idle(ends.rig.base);
	ck_assert_int_eq(ends.rig.log[0].n_batches, 1);
	kit_enable(&ends.rig, 0, EV_READ);
	check_read(&ends, SOME, size);
	ends_close(&ends);
}
END_TEST

START_TEST(test_cut_and_empty)
{
	static unsigned char large[80000];
	struct ends ends;

	ends_open(&ends, _i);
	peer_send(&ends, 0, 4, 300);
	ck_assert_int_eq((int)send(ends.peer, large, sizeof(large), 0),
	    (int)sizeof(large));
	peer_send(&ends, 4, 1, 300);
	if (SORT_OF(_i) == DGRAM)
		ck_assert_int_eq((int)send(ends.peer, large, 0, 0), 0);
	peer_send(&ends, 5, 2, 300);
	kit_enable(&ends.rig, 0, EV_READ);
	check_read(&ends, 7, 300);
	ck_assert_int_le(datagram_wrap.receives, 5);
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_READ_DROPPED), 1);
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_READ_PACKETS), 7);
	ends_close(&ends);
}
END_TEST

/* An empty packet on a seqpacket socket, and its end, which looks the same:
 * after what came before, and before what came later. */
START_TEST(test_end)
{
	struct ends ends;

	ends_open(&ends, _i);
	peer_send(&ends, 0, 4, 300);
	ck_assert_int_eq((int)send(ends.peer, NULL, 0, 0), 0);
	peer_send(&ends, 4, 4, 300);
	shutdown(ends.peer, SHUT_WR);
	kit_enable(&ends.rig, 0, EV_READ);
	kit_until_events(&ends.rig, 0, 1);
	ck_assert_uint_eq(ends.rig.log[0].n_packets, 4);
	kit_check_idle(ends.rig.base);
	kit_enable(&ends.rig, 0, EV_READ);
	kit_until_events(&ends.rig, 0, 2);
	kit_check_idle(ends.rig.base);
	ck_assert_int_eq(ends.rig.log[0].n_events, 2);
	ck_assert_int_eq(ends.rig.log[0].events[1].what,
	    PEV_EVENT_READING | PEV_EVENT_EOF);
	ends.rig.log[0].n_events = 0;
	check_read(&ends, 8, 300);
	ends_close(&ends);
}
END_TEST

START_TEST(test_stopped_inside)
{
	struct ends ends;
	int i;

	ends_open(&ends, _i);
	ends_stop_reading(&ends, 3);
	peer_send(&ends, 0, SOME, 700);
	for (i = 0; i < 4; i++) {
		kit_enable(&ends.rig, 0, EV_READ);
		kit_until_packets(&ends.rig, 0, i < 3 ? 3 * (size_t)(i + 1) :
		    SOME);
		kit_check_idle(ends.rig.base);
		ck_assert_int_eq(ends.rig.log[0].n_batches, i + 1);
	}
	ck_assert_int_eq(ends.rig.log[0].max_batch, 3);
	check_read(&ends, SOME, 700);
	ends_close(&ends);
}
END_TEST

/* ---- sources ---- */

#define N_PEERS 3

struct crowd {
	struct ends ends;
	evutil_socket_t peer[N_PEERS];
	struct sockaddr_storage addr[N_PEERS];
	socklen_t addrlen[N_PEERS];
	int n;
};

/* Packet i is of peer i * i % N_PEERS, as it says itself. */
static void
crowd_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct crowd *crowd = ctx;
	struct sockaddr_storage addr;
	unsigned char *p;
	int i, peer, len;

	for (i = 0; i < n; i++, crowd->n++) {
		p = pkts[i].iov_base;
		peer = crowd->n * crowd->n % N_PEERS;
		kit_check(pkts[i].iov_len == 2 && p[0] == crowd->n &&
		    p[1] == peer, "packet %d is another", crowd->n);
		len = sizeof(addr);
		kit_ok(packetevent_get_source(pev, i,
		    (struct sockaddr *)&addr, &len));
		kit_check(len == (int)crowd->addrlen[peer] &&
		    memcmp(&addr, &crowd->addr[peer], (size_t)len) == 0,
		    "packet %d has another source", crowd->n);
	}
}

static void
crowd_open(struct crowd *crowd, int loop)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int i;

	memset(crowd, 0, sizeof(*crowd));
	ends_open(&crowd->ends, loop);
	ck_assert_int_eq(getsockname(crowd->ends.fd, (struct sockaddr *)&addr,
	    &len), 0);
	for (i = 0; i < N_PEERS; i++) {
		crowd->peer[i] = socket(addr.ss_family, SOCK_DGRAM, 0);
		ck_assert_int_ge(crowd->peer[i], 0);
		connect_to(crowd->peer[i], &addr);
		crowd->addrlen[i] = sizeof(crowd->addr[i]);
		ck_assert_int_eq(getsockname(crowd->peer[i],
		    (struct sockaddr *)&crowd->addr[i], &crowd->addrlen[i]),
		    0);
	}
	packetevent_setcb(crowd->ends.rig.pev[0], crowd_cb, NULL, kit_eventcb,
	    crowd);
}

static int
has_all(void *arg)
{
	return ((struct crowd *)arg)->n >= MANY;
}

START_TEST(test_sources)
{
	struct crowd crowd;
	unsigned char data[2];
	int i;

	crowd_open(&crowd, _i);
	for (i = 0; i < MANY; i++) {
		data[0] = (unsigned char)i;
		data[1] = (unsigned char)(i * i % N_PEERS);
		ck_assert_int_eq((int)send(crowd.peer[data[1]], data, 2, 0),
		    2);
	}
	kit_enable(&crowd.ends.rig, 0, EV_READ);
	kit_until(crowd.ends.rig.base, has_all, &crowd, "all packets");
	ck_assert_int_le(datagram_wrap.receives, 8);
	for (i = 0; i < N_PEERS; i++)
		close(crowd.peer[i]);
	ends_close(&crowd.ends);
}
END_TEST

/* ---- writing ---- */

/* To addresses: what has waited goes in one call, each to its own. */
START_TEST(test_addresses)
{
	struct crowd crowd;
	unsigned char data[2], got[3];
	int i;

	crowd_open(&crowd, _i);
	kit_ok(packetevent_disable(crowd.ends.rig.pev[0], EV_WRITE));
	for (i = 0; i < MANY; i++) {
		data[0] = (unsigned char)i;
		data[1] = (unsigned char)(i * i % N_PEERS);
		kit_ok(packetevent_write_to(crowd.ends.rig.pev[0],
		    (struct sockaddr *)&crowd.addr[data[1]],
		    (int)crowd.addrlen[data[1]], data, sizeof(data)));
	}
	kit_enable(&crowd.ends.rig, 0, EV_WRITE);
	ck_assert_int_eq(packetevent_flush(crowd.ends.rig.pev[0]), 0);
	ck_assert_int_eq(datagram_wrap.sends, 1);
	for (i = 0; i < MANY; i++) {
		ck_assert_int_eq((int)recv(crowd.peer[i * i % N_PEERS], got,
		    sizeof(got), MSG_DONTWAIT), 2);
		ck_assert_int_eq(got[0], i);
	}
	for (i = 0; i < N_PEERS; i++)
		close(crowd.peer[i]);
	ends_close(&crowd.ends);
}
END_TEST

/* The socket takes some of them; the others wait, in order. */
START_TEST(test_full_in_the_middle)
{
	struct ends ends;
	int sent;

	ends_open(&ends, _i);
	if (SORT_OF(_i) < DGRAM) {
		datagram_wrap.limited = 1;
		datagram_wrap.room = 1;
	}
	ck_assert_int_eq(write_many(ends.rig.pev[0], 0, MANY, 2000), MANY);
	sent = (int)kit_count(&ends.rig, 0, PEV_COUNT_WRITTEN_PACKETS);
	ck_assert_int_gt(sent, 1);
	ck_assert_int_lt(sent, MANY);
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_QUEUED_PACKETS),
	    MANY - (unsigned)sent);
	ck_assert_int_le(datagram_wrap.sends, 2);
	datagram_wrap.limited = 0;
	peer_check(&ends, 0, (unsigned)sent, 2000);
	peer_check_nothing(&ends);
	while (sent < MANY) {
		ck_assert_int_ge(packetevent_flush(ends.rig.pev[0]), 0);
		peer_check(&ends, (unsigned)sent, (unsigned)kit_count(
		    &ends.rig, 0, PEV_COUNT_WRITTEN_PACKETS) -
		    (unsigned)sent, 2000);
		sent = (int)kit_count(&ends.rig, 0,
		    PEV_COUNT_WRITTEN_PACKETS);
	}
	peer_check_nothing(&ends);
	kit_check_counts(&ends.rig, 0, MANY);
	ends_close(&ends);
}
END_TEST

static size_t
some_are_too_large(unsigned index)
{
	return index % 4 == 1 ? 65520 : 100 + index;
}

/* What the socket refuses is dropped, and counted; what follows goes on. */
START_TEST(test_refused_in_the_middle)
{
	struct ends ends;
	unsigned i;

	ends_open(&ends, _i);
	ck_assert_int_eq(write_sizes(ends.rig.pev[0], 0, 8,
	    some_are_too_large), 6);
	ck_assert_int_eq(errno, EMSGSIZE);
	for (i = 0; i < 8; i++)
		if (i % 4 != 1)
			peer_check(&ends, i, 1, 100 + i);
	peer_check_nothing(&ends);
	kit_check_counts(&ends.rig, 0, 8);
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_WRITE_DROPPED),
	    2);
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_WRITE_UNJOINED),
	    0);
	ends_close(&ends);
}
END_TEST

/* ---- both ---- */

/* A list of allowed system calls that has recvmsg() and sendmsg() alone. */
START_TEST(test_no_calls_for_many)
{
	struct ends ends;
	int round;

	ends_open(&ends, _i);
	datagram_wrap.forbid = _i % 2 ? EPERM : ENOSYS;
	kit_enable(&ends.rig, 0, EV_READ);
	for (round = 0; round < 3; round++) {
		peer_send(&ends, 0, SOME, 700);
		check_read(&ends, SOME, 700);
	}
	if (!is_open(_i)) {
		ck_assert_int_eq(write_many(ends.rig.pev[0], 0, SOME, 500),
		    SOME);
		peer_check(&ends, 0, SOME, 500);
		peer_check_nothing(&ends);
	}
	ck_assert_uint_eq(kit_count(&ends.rig, 0, PEV_COUNT_READ_DROPPED), 0);
	ends_close(&ends);
}
END_TEST

/* The peer is not there, and comes: each refusal costs one packet at most,
 * and raises nothing. */
START_TEST(test_refused_connection)
{
	struct ends ends;
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	unsigned got;

	ends_open(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	ck_assert_int_eq(getsockname(ends.peer, (struct sockaddr *)&addr,
	    &len), 0);
	close(ends.peer);
	for (got = 0; got < 5; got++)
		write_many(ends.rig.pev[0], 0, SOME, 100 + got);
	kit_check_idle(ends.rig.base);
	kit_check_counts(&ends.rig, 0, 5 * SOME);
	ck_assert_uint_gt(kit_count(&ends.rig, 0, PEV_COUNT_WRITE_DROPPED) +
	    kit_count(&ends.rig, 0, PEV_COUNT_READ_DROPPED), 0);
	ends.peer = socket(addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(ends.peer, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(write_many(ends.rig.pev[0], 0, SOME, 300), SOME);
	peer_check(&ends, 0, SOME, 300);
	peer_check_nothing(&ends);
	ck_assert_int_eq(ends.rig.log[0].n_events, 0);
	ends_close(&ends);
}
END_TEST

int
main(void)
{
	kit_suite("pev_datagram_batch");
	kit_case("reading", KIT_NEEDS_NETNS);
	kit_loop(test_runs_are_read_together, 0, 2 * N_SORTS);
	kit_loop(test_lone_packets, 0, 2 * N_SORTS);
	kit_loop(test_all_sizes, 0, 2 * N_SORTS);
	kit_loop(test_stopped_inside, 0, 2 * N_SORTS);
	kit_loop(test_sources, 2 * OPEN4, 2 * DGRAM);
	kit_case("root", KIT_NEEDS_ROOT);
	kit_loop(test_more_than_a_batch_holds, 0, 2 * N_SORTS);
	kit_case("unix", 0);
	kit_loop(test_cut_and_empty, 2 * DGRAM, 2 * N_SORTS);
	kit_loop(test_end, 2 * SEQPACKET, 2 * N_SORTS);
	kit_case("writing", KIT_NEEDS_NETNS);
	kit_loop(test_addresses, 2 * OPEN4, 2 * DGRAM);
	kit_loop(test_full_in_the_middle, 0, 2 * OPEN4);
	kit_loop(test_full_in_the_middle, 2 * DGRAM, 2 * N_SORTS);
	kit_loop(test_refused_in_the_middle, 2 * UDP4, 2 * UDP6);
	kit_case("both", KIT_NEEDS_NETNS);
	kit_loop(test_no_calls_for_many, 0, 2 * N_SORTS);
	kit_loop(test_refused_connection, 0, 2 * OPEN4);
	return kit_run();
}
