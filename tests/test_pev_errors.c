/*
 * Errors of one packet cost that packet only, and are no events.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"

static void
check_no_event(struct kit_rig *rig)
{
	/* One that is not read has to be looked after now and then. */
	if (rig->tun != NULL)
		kit_enable(rig, 0, EV_READ);
	kit_check_idle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	ck_assert_int_eq(rig->log[1].n_events, 0);
}

/* ---- refused beforehand ---- */

START_TEST(test_empty_and_too_large)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct evbuffer_iovec vec[3];
	unsigned char data[100];
	int end;

	memset(vec, 0, sizeof(vec));
	kit_fill(rig->kind, data, 0, sizeof(data));
	for (end = 0; end < 2; end++) {
		kit_fails(packetevent_write(rig->pev[end], data, 0),
		    EMSGSIZE);
		kit_fails(packetevent_write(rig->pev[end], NULL, 0),
		    EMSGSIZE);
		kit_fails(packetevent_write_iovec(rig->pev[end], vec, 3),
		    EMSGSIZE);
		kit_fails(packetevent_write_iovec(rig->pev[end], vec, 0),
		    EMSGSIZE);
		kit_fails(kit_write(rig, end, 0, KIT_TOO_LARGE), EMSGSIZE);
		ck_assert_ptr_nonnull(strstr(evtun_get_error(), "too long"));
		kit_check_counts(rig, end, 5);
		ck_assert_uint_eq(kit_count(rig, end, PEV_COUNT_WRITE_FULL),
		    0);
	}
	check_no_event(rig);
	kit_traffic(rig, 3);
	kit_rig_free(rig);
}
END_TEST

/* Pieces whose sum is too large, or too large to be counted. */
START_TEST(test_sums_that_overflow)
{
	static const size_t sizes[][2] = {
		{SIZE_MAX, 1}, {SIZE_MAX, 2}, {SIZE_MAX, 61},
		{SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1}, {1, SIZE_MAX},
		{(size_t)1 << 31, 1}, {SIZE_MAX - 100, 60}
	};
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned char data[64];
	struct evbuffer_iovec vec[2] = {{data, 0}, {data, 0}};
	size_t i;

	kit_fill(rig->kind, data, 0, sizeof(data));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		vec[0].iov_len = sizes[i][0];
		vec[1].iov_len = sizes[i][1];
		kit_fails(packetevent_write_iovec(rig->pev[0], vec, 2),
		    EMSGSIZE);
		kit_fails(packetevent_write(rig->pev[0], data, sizes[i][0] > 1
		    ? sizes[i][0] : sizes[i][1]), EMSGSIZE);
	}
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 0);
	kit_traffic(rig, 3);
	kit_rig_free(rig);
}
END_TEST

/* The largest one goes, one byte more does not. */
START_TEST(test_the_limit_of_length)
{
	static unsigned char data[EVTUN_MAX_FRAME + 2];
	struct kit_rig *rig = kit_rig_new(_i);
	size_t max = rig->kind == KIT_TUN || rig->kind == KIT_STREAM16 ||
	    rig->kind == KIT_STREAM_PAIR ? EVTUN_MAX_PACKET : EVTUN_MAX_FRAME;

	kit_fill(rig->kind, data, 0, sizeof(data));
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	kit_ok(packetevent_write(rig->pev[0], data, max));
	kit_fails(packetevent_write(rig->pev[0], data, max + 1), EMSGSIZE);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_nibbles)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned char data[40] = {0};
	int nibble, queued;

	for (queued = 0; queued < 2; queued++) {
		for (nibble = 0; nibble < 16; nibble++) {
			data[0] = (unsigned char)(nibble << 4 | 5);
			if (nibble == 4 || nibble == 6)
				kit_ok(packetevent_write(rig->pev[0], data,
				    sizeof(data)));
			else
				kit_fails(packetevent_write(rig->pev[0], data,
				    sizeof(data)), EINVAL);
		}
		kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	}
	kit_check_counts(rig, 0, 32);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), 28);
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, 4);
	check_no_event(rig);
	kit_rig_free(rig);
}
END_TEST

/* The first byte decides, even if it comes in a piece of its own. */
START_TEST(test_nibble_behind_empty_pieces)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned char good[1] = {0x45}, bad[1] = {0x55}, rest[30] = {0x45};
	struct evbuffer_iovec vec[4] = {
		{NULL, 0}, {bad, 1}, {NULL, 0}, {rest, sizeof(rest)}
	};

	kit_fails(packetevent_write_iovec(rig->pev[0], vec, 4), EINVAL);
	vec[1].iov_base = good;
	kit_ok(packetevent_write_iovec(rig->pev[0], vec, 4));
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, 1);
	ck_assert_uint_eq(rig->log[1].packets[0].len, 31);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_less_than_an_ethernet_header)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned char data[14] = {2};
	size_t i;

	for (i = 1; i < 14; i++)
		kit_fails(packetevent_write(rig->pev[0], data, i), EINVAL);
	kit_ok(packetevent_write(rig->pev[0], data, 14));
	kit_check_counts(rig, 0, 14);
	check_no_event(rig);
	kit_rig_free(rig);
}
END_TEST

/* ---- refused by what lies underneath ---- */

/* A size that the library takes, and the socket at this end does not. */
static size_t
bad_size(struct kit_rig *rig)
{
	int small = 4096;

	if (rig->kind == KIT_UDP)
		return kit_max_size(KIT_UDP) + 1;
	if (rig->tun != NULL) {
		kit_ok(evtun_set_mtu(rig->tun, 1500));
		return 1600;
	}
	ck_assert_int_eq(setsockopt(packetevent_getfd(rig->pev[1]),
	    SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	return 60000;
}

START_TEST(test_one_bad_between_good_ones)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t size = bad_size(rig);

	kit_enable(rig, 0, EV_READ);
	kit_ok(kit_write(rig, 1, 0, 100));
	kit_fails(kit_write(rig, 1, 1, size), EMSGSIZE);
	kit_ok(kit_write(rig, 1, 2, 100));
	kit_until_packets(rig, 0, 2);
	kit_check_packet(rig, 0, 0, 0, 100);
	kit_check_packet(rig, 0, 1, 2, 100);
	kit_check_counts(rig, 1, 3);
	ck_assert_uint_eq(kit_count(rig, 1, PEV_COUNT_WRITE_DROPPED), 1);
	ck_assert_uint_eq(kit_count(rig, 1, PEV_COUNT_WRITE_FULL), 0);
	check_no_event(rig);
	kit_rig_free(rig);
}
END_TEST

/* One, then two, then all of the queue are bad. */
START_TEST(test_bad_ones_in_the_queue)
{
	static const int good[] = {1, 0, 1, 0, 0, 1, 1, 0};
	unsigned i, n = sizeof(good) / sizeof(good[0]), got = 0;
	struct kit_rig *rig = kit_rig_new(_i);
	size_t size = bad_size(rig);

	kit_enable(rig, 0, EV_READ);
	kit_ok(packetevent_disable(rig->pev[1], EV_WRITE));
	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 1, i, good[i] ? 100 : size));
	kit_enable(rig, 1, EV_WRITE);
	kit_until_writecbs(rig, 1, 1);
	kit_until_packets(rig, 0, 4);
	for (i = 0; i < n; i++)
		if (good[i])
			kit_check_packet(rig, 0, got++, i, 100);
	kit_check_counts(rig, 1, n);
	ck_assert_uint_eq(kit_count(rig, 1, PEV_COUNT_WRITE_DROPPED), 4);
	ck_assert_uint_eq(kit_count(rig, 1, PEV_COUNT_QUEUED_BYTES), 0);
	check_no_event(rig);
	kit_rig_free(rig);
}
END_TEST

/* ---- what a network reports ---- */

static int
get_port(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	return ntohs(sin.sin_port);
}

/* A socket on a port that had one before, connected to its old peer. */
static evutil_socket_t
come_back(int port, int peer)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((ev_uint16_t)port);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	sin.sin_port = htons((ev_uint16_t)peer);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

/* Take end 1 away; with threads it is closed in the next turn. */
static void
lose_peer(struct kit_rig *rig)
{
	packetevent_free(rig->pev[1]);
	rig->pev[1] = NULL;
	event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

static void
find_peer(struct kit_rig *rig, int port)
{
	rig->pev[1] = packetevent_fd_new(rig->base,
	    come_back(port, get_port(packetevent_getfd(rig->pev[0]))),
	    kit_options(rig->setup));
	ck_assert_ptr_nonnull(rig->pev[1]);
	packetevent_setcb(rig->pev[1], kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[1]);
}

/* A namespace of its own, so that nobody else takes the port meanwhile. */
static void
run_refused(int setup, short reading)
{
	struct kit_rig *rig;
	int i, port;

	kit_netns();
	rig = kit_rig_new(setup);
	port = get_port(packetevent_getfd(rig->pev[1]));
	if (reading)
		kit_enable(rig, 0, EV_READ);
	lose_peer(rig);
	for (i = 0; i < 6; i++) {
		if (kit_write(rig, 0, (unsigned)i, 100) < 0)
			ck_assert_int_eq(errno, ECONNREFUSED);
		kit_settle(rig->base);
	}
	kit_check_counts(rig, 0, 6);
	check_no_event(rig);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]),
	    reading | EV_WRITE);
	find_peer(rig, port);
	/* The last refusal may still be waiting to be reported. */
	if (kit_write(rig, 0, 0, 100) < 0)
		kit_ok(kit_write(rig, 0, 0, 100));
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, 1);
	kit_traffic(rig, 5);
	kit_rig_free(rig);
}

START_TEST(test_refused_while_reading)
{
	run_refused(_i, EV_READ);
}
END_TEST

START_TEST(test_refused_while_only_writing)
{
	run_refused(_i, 0);
}
END_TEST

START_TEST(test_refused_in_the_queue)
{
	struct kit_rig *rig;
	unsigned i;

	kit_netns();
	rig = kit_rig_new(_i);
	lose_peer(rig);
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < 6; i++)
		kit_ok(kit_write(rig, 0, i, 100));
	kit_enable(rig, 0, EV_WRITE);
	kit_until_writecbs(rig, 0, 1);
	kit_check_counts(rig, 0, 6);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 0);
	check_no_event(rig);
	kit_rig_free(rig);
}
END_TEST

/* ---- what cannot be made ---- */

static void
check_null(struct packetevent *pev, int err)
{
	int saved = errno;

	ck_assert_ptr_null(pev);
	ck_assert_int_eq(saved, err);
	ck_assert_str_ne(evtun_get_error(), "");
}

static int
is_known(int bit)
{
	return bit < 4 || 1 << bit == PEV_OPT_NO_IO_URING;
}

START_TEST(test_unknown_options)
{
	struct event_base *base = kit_base_new(KIT_SETUP(0, 0, 0));
	struct bufferevent *bev[2];
	struct packetevent *pair[2];
	evutil_socket_t fd[2];
	int bit;

	kit_sockets(KIT_DGRAM, fd);
	ck_assert_int_eq(bufferevent_pair_new(base, 0, bev), 0);
	for (bit = 0; bit < 31; bit++) {
		if (is_known(bit))
			continue;
		kit_fails(packetevent_pair_new(base, 1 << bit, pair), EINVAL);
		check_null(packetevent_fd_new(base, fd[0], 1 << bit), EINVAL);
		check_null(packetevent_stream_new(bev[0], PEV_FRAMING_LEN16,
		    1 << bit), EINVAL);
	}
	close(fd[0]);
	close(fd[1]);
	bufferevent_free(bev[0]);
	bufferevent_free(bev[1]);
	event_base_free(base);
}
END_TEST

START_TEST(test_unknown_options_of_a_device)
{
	struct event_base *base = kit_base_new(KIT_SETUP(0, 0, 0));
	struct evtun *tun;
	int bit;

	kit_netns();
	tun = kit_tun_new(KIT_TUN, "kit%d", 0);
	for (bit = 0; bit < 31; bit++)
		if (!is_known(bit))
			check_null(packetevent_tun_new(base, tun, 1 << bit),
			    EINVAL);
	check_null(packetevent_tun_new(NULL, tun, 0), EINVAL);
	check_null(packetevent_tun_new(base, NULL, 0), EINVAL);
	evtun_free(tun);
	event_base_free(base);
}
END_TEST

/* DEFER_CALLBACKS and UNLOCK_CALLBACKS: it is always so here; and what
 * concerns devices alone. */
START_TEST(test_options_of_bufferevents)
{
	struct event_base *base = kit_base_new(KIT_SETUP(0, 0, 0));
	struct packetevent *pair[2];

	kit_ok(packetevent_pair_new(base, BEV_OPT_DEFER_CALLBACKS |
	    BEV_OPT_UNLOCK_CALLBACKS | BEV_OPT_CLOSE_ON_FREE, pair));
	packetevent_free(pair[0]);
	packetevent_free(pair[1]);
	event_base_free(base);
}
END_TEST

START_TEST(test_not_for_descriptors)
{
	struct event_base *base = kit_base_new(KIT_SETUP(0, 0, 0));
	struct packetevent *pair[2];
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	check_null(packetevent_fd_new(base, fd[0], PEV_OPT_CLOSE_ON_FREE),
	    EINVAL);
	/* It is still open. */
	ck_assert_int_eq((int)write(fd[0], "x", 1), 1);
	check_null(packetevent_fd_new(NULL, fd[0], 0), EINVAL);
	kit_fails(packetevent_pair_new(NULL, 0, pair), EINVAL);
	close(fd[0]);
	close(fd[1]);
	check_null(packetevent_fd_new(base, -1, 0), EBADF);
	check_null(packetevent_fd_new(base, fd[0], 0), EBADF);
	check_null(packetevent_stream_new(NULL, PEV_FRAMING_LEN16, 0),
	    EINVAL);
	event_base_free(base);
}
END_TEST

int
main(void)
{
	kit_suite("pev_errors");
	kit_case("refused", 0);
	kit_setups(test_empty_and_too_large, KIT_ALL);
	kit_setups(test_sums_that_overflow, KIT_ALL);
	kit_setups(test_the_limit_of_length, KIT_ALL);
	kit_setups(test_nibbles, KIT_BIT(KIT_TUN));
	kit_setups(test_nibble_behind_empty_pieces, KIT_BIT(KIT_TUN));
	kit_setups(test_less_than_an_ethernet_header, KIT_BIT(KIT_TAP));
	kit_case("one_bad_packet", 0);
	kit_setups(test_one_bad_between_good_ones, KIT_FDS);
	kit_setups(test_bad_ones_in_the_queue, KIT_FDS);
	kit_case("network", KIT_NEEDS_NETNS);
	kit_setups(test_refused_while_reading, KIT_BIT(KIT_UDP));
	kit_setups(test_refused_while_only_writing, KIT_BIT(KIT_UDP));
	kit_setups(test_refused_in_the_queue, KIT_BIT(KIT_UDP));
	kit_case("birth", 0);
	kit_test(test_unknown_options);
	kit_test(test_options_of_bufferevents);
	kit_test(test_not_for_descriptors);
	kit_case("birth_of_devices", KIT_NEEDS_TUN);
	kit_test(test_unknown_options_of_a_device);
	return kit_run();
}
