/*
 * Datagram sockets that serve many peers: where packets come from and go to.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

#define N_PEERS 3

/* A packetevent over a socket that is not connected, and its peers. */
struct server {
	struct kit_rig rig;	/* only what the kit needs: end 0 */
	struct sockaddr_storage addr;
	socklen_t addrlen;
	evutil_socket_t peer[N_PEERS];
	struct sockaddr_storage peer_addr[N_PEERS];
	socklen_t peer_addrlen[N_PEERS];
};

/* A socket bound to an address of the system's choice, and that address. */
static evutil_socket_t
bound_socket(int family, struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = (sa_family_t)family;
	*len = family == AF_INET ? sizeof(*sin) : sizeof(*sin6);
	if (family == AF_UNIX)	/* an abstract one */
		*len = sizeof(sa_family_t);
	else if (family == AF_INET)
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		sin6->sin6_addr = in6addr_loopback;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)addr, *len), 0);
	*len = sizeof(*addr);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)addr, len), 0);
	return fd;
}

static void
server_open(struct server *server, int setup, int family)
{
	evutil_socket_t fd;
	int i;

	memset(server, 0, sizeof(*server));
	server->rig.kind = KIT_UDP;
	server->rig.base = kit_base_new(setup);
	fd = bound_socket(family, &server->addr, &server->addrlen);
	server->rig.pev[0] = packetevent_fd_new(server->rig.base, fd,
	    kit_options(setup));
	ck_assert_ptr_nonnull(server->rig.pev[0]);
	packetevent_setcb(server->rig.pev[0], kit_readcb, kit_writecb,
	    kit_eventcb, &server->rig.log[0]);
	for (i = 0; i < N_PEERS; i++)
		server->peer[i] = bound_socket(family, &server->peer_addr[i],
		    &server->peer_addrlen[i]);
}

static void
server_close(struct server *server)
{
	int i;

	packetevent_free(server->rig.pev[0]);
	event_base_free(server->rig.base);
	for (i = 0; i < N_PEERS; i++)
		close(server->peer[i]);
	kit_log_clear(&server->rig.log[0]);
}

static void
peer_send(struct server *server, int i, unsigned index, size_t size)
{
	unsigned char data[2000];

	kit_fill(KIT_UDP, data, index, size);
	ck_assert_int_eq((int)sendto(server->peer[i], data, size, 0,
	    (struct sockaddr *)&server->addr, server->addrlen), (int)size);
}

/* Fail unless peer i has exactly this packet waiting. */
static void
peer_check(struct server *server, int i, unsigned index, size_t size)
{
	unsigned char data[2000];
	ssize_t n = recv(server->peer[i], data, sizeof(data), 0);

	ck_assert_int_eq((int)n, (int)size);
	ck_assert(kit_matches(KIT_UDP, data, index, size));
}

static void
peer_check_nothing(struct server *server, int i)
{
	unsigned char data[1];

	ck_assert_int_eq((int)recv(server->peer[i], data, sizeof(data), 0),
	    -1);
	ck_assert_int_eq(errno, EAGAIN);
}

static int
family_of(int loop)
{
	static const int families[] = {AF_INET, AF_UNIX, AF_INET6};

	return families[loop % 3];
}

/* _i is three times a set-up of KIT_UDP, and a family. */
static void
open_loop(struct server *server, int loop)
{
	if (family_of(loop) == AF_INET6) {
		if (access("/proc/sys/net/ipv6", F_OK) < 0)
			kit_skip("no IPv6 here");
		kit_netns();
		kit_ipv6(1);
	}
	server_open(server, loop / 3, family_of(loop));
}

/* ---- sources ---- */

struct answers {
	struct server *server;
	int n;
};

/* Each packet has the size 100 + the number of its peer. */
static void
check_source(struct server *server, struct packetevent *pev, int i,
    size_t size)
{
	struct sockaddr_storage addr;
	int peer = (int)size - 100, len = sizeof(addr);

	memset(&addr, 0xff, sizeof(addr));
	kit_ok(packetevent_get_source(pev, i, (struct sockaddr *)&addr,
	    &len));
	kit_check(len == (int)server->peer_addrlen[peer], "%d bytes", len);
	kit_check(memcmp(&addr, &server->peer_addr[peer], (size_t)len) == 0,
	    "packet %d has another source", i);
}

static void
answer_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct answers *answers = ctx;
	struct sockaddr_storage addr;
	int i, len;

	for (i = 0; i < n; i++) {
		check_source(answers->server, pev, i, pkts[i].iov_len);
		len = sizeof(addr);
		kit_ok(packetevent_get_source(pev, i,
		    (struct sockaddr *)&addr, &len));
		kit_ok(packetevent_write_to(pev, (struct sockaddr *)&addr,
		    len, pkts[i].iov_base, pkts[i].iov_len));
	}
	answers->n += n;
}

static int
has_answered(void *arg)
{
	return ((struct answers *)arg)->n >= 3 * N_PEERS;
}

START_TEST(test_answers)
{
	struct server server;
	struct answers answers = {&server, 0};
	unsigned round;
	int i;

	open_loop(&server, _i);
	packetevent_setcb(server.rig.pev[0], answer_cb, NULL, kit_eventcb,
	    &answers);
	for (round = 0; round < 3; round++)
		for (i = 0; i < N_PEERS; i++)
			peer_send(&server, i, round, (size_t)(100 + i));
	kit_enable(&server.rig, 0, EV_READ);
	kit_until(server.rig.base, has_answered, &answers, "all answers");
	kit_settle(server.rig.base);
	for (round = 0; round < 3; round++)
		for (i = 0; i < N_PEERS; i++)
			peer_check(&server, i, round, (size_t)(100 + i));
	for (i = 0; i < N_PEERS; i++)
		peer_check_nothing(&server, i);
	server_close(&server);
}
END_TEST

/* "The queue keeps the address." */
START_TEST(test_queue_keeps_the_address)
{
	struct server server;
	unsigned char data[100];
	unsigned round;
	int i;

	open_loop(&server, _i);
	kit_ok(packetevent_disable(server.rig.pev[0], EV_WRITE));
	for (round = 0; round < 3; round++)
		for (i = 0; i < N_PEERS; i++) {
			kit_fill(KIT_UDP, data, round, 50 + (size_t)i);
			kit_ok(packetevent_write_to(server.rig.pev[0],
			    (struct sockaddr *)&server.peer_addr[i],
			    (int)server.peer_addrlen[i], data,
			    50 + (size_t)i));
		}
	/* The addresses are no part of the packets. */
	ck_assert_uint_eq(kit_count(&server.rig, 0, PEV_COUNT_QUEUED_BYTES),
	    3 * (50 + 51 + 52));
	kit_enable(&server.rig, 0, EV_WRITE);
	kit_until_writecbs(&server.rig, 0, 1);
	for (round = 0; round < 3; round++)
		for (i = 0; i < N_PEERS; i++)
			peer_check(&server, i, round, 50 + (size_t)i);
	for (i = 0; i < N_PEERS; i++)
		peer_check_nothing(&server, i);
	server_close(&server);
}
END_TEST

/* Where there is no source to ask for, or no room for it. */
static void
misuse_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct answers *answers = ctx;
	struct sockaddr_storage addr, whole;
	int len = sizeof(addr);

	(void)pkts;
	kit_fails(packetevent_get_source(pev, n, (struct sockaddr *)&addr,
	    &len), EINVAL);
	kit_fails(packetevent_get_source(pev, -1, (struct sockaddr *)&addr,
	    &len), EINVAL);
	len = sizeof(whole);
	kit_ok(packetevent_get_source(pev, 0, (struct sockaddr *)&whole,
	    &len));
	/* Cut to what there is room for, and told how long it is. */
	memset(&addr, 0xee, sizeof(addr));
	len = 2;
	kit_ok(packetevent_get_source(pev, 0, (struct sockaddr *)&addr,
	    &len));
	ck_assert_int_eq(len, (int)answers->server->peer_addrlen[0]);
	ck_assert_mem_eq(&addr, &whole, 2);
	ck_assert_int_eq(((unsigned char *)&addr)[2], 0xee);
	answers->n = 3 * N_PEERS;
}

START_TEST(test_no_source)
{
	struct server server;
	struct answers answers = {&server, 0};
	struct sockaddr_storage addr;
	int len = sizeof(addr);

	open_loop(&server, _i);
	packetevent_setcb(server.rig.pev[0], misuse_cb, NULL, NULL, &answers);
	kit_fails(packetevent_get_source(server.rig.pev[0], 0,
	    (struct sockaddr *)&addr, &len), EINVAL);
	kit_enable(&server.rig, 0, EV_READ);
	peer_send(&server, 0, 0, 100);
	kit_until(server.rig.base, has_answered, &answers, "the packet");
	/* The batch is over. */
	len = sizeof(addr);
	kit_fails(packetevent_get_source(server.rig.pev[0], 0,
	    (struct sockaddr *)&addr, &len), EINVAL);
	server_close(&server);
}
END_TEST

static void
no_source_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct sockaddr_storage addr;
	int len = sizeof(addr);

	kit_fails(packetevent_get_source(pev, 0, (struct sockaddr *)&addr,
	    &len), EINVAL);
	kit_readcb(pev, pkts, n, ctx);
}

START_TEST(test_only_datagrams_have_addresses)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct sockaddr_in sin;
	unsigned char data[20];

	kit_fill(rig->kind, data, 0, sizeof(data));
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	kit_fails(packetevent_write_to(rig->pev[0], (struct sockaddr *)&sin,
	    sizeof(sin), data, sizeof(data)), EINVAL);
	packetevent_setcb(rig->pev[0], no_source_cb, NULL, NULL,
	    &rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	kit_ok(kit_write(rig, 1, 0, 100));
	kit_until_packets(rig, 0, 1);
	kit_rig_free(rig);
}
END_TEST

/* ---- addresses that are none ---- */

START_TEST(test_no_address)
{
	struct server server;
	struct packetevent *pev;
	unsigned char data[20] = {0};
	struct sockaddr *addr = (struct sockaddr *)&server.peer_addr[0];

	open_loop(&server, _i);
	pev = server.rig.pev[0];
	kit_enable(&server.rig, 0, EV_READ);
	/* Nowhere to send it to: an error of the packet. */
	ck_assert_int_eq(packetevent_write(pev, data, sizeof(data)), -1);
	kit_fails(packetevent_write_to(pev, addr, 0, data, sizeof(data)),
	    EINVAL);
	kit_fails(packetevent_write_to(pev, addr, -1, data, sizeof(data)),
	    EINVAL);
	kit_fails(packetevent_write_to(pev, addr, 100000, data,
	    sizeof(data)), EINVAL);
	kit_check_idle(server.rig.base);
	ck_assert_int_eq(server.rig.log[0].n_events, 0);
	kit_ok(packetevent_write_to(pev, addr,
	    (int)server.peer_addrlen[0], data, sizeof(data)));
	server_close(&server);
}
END_TEST

/* ---- empty datagrams ---- */

START_TEST(test_empty_datagrams)
{
	struct server server;
	int i;

	open_loop(&server, _i);
	kit_enable(&server.rig, 0, EV_READ);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq((int)sendto(server.peer[0], NULL, 0, 0,
		    (struct sockaddr *)&server.addr, server.addrlen), 0);
		peer_send(&server, 0, (unsigned)i, 100);
		if (i % 2)
			kit_settle(server.rig.base);
	}
	kit_until_packets(&server.rig, 0, 4);
	kit_settle(server.rig.base);
	ck_assert_uint_eq(server.rig.log[0].n_packets, 4);
	for (i = 0; i < 4; i++)
		kit_check_packet(&server.rig, 0, (size_t)i, (unsigned)i, 100);
	ck_assert_int_eq(server.rig.log[0].n_events, 0);
	ck_assert_uint_eq(kit_count(&server.rig, 0, PEV_COUNT_READ_PACKETS),
	    4);
	ck_assert_int_eq(packetevent_get_enabled(server.rig.pev[0]),
	    EV_READ | EV_WRITE);
	server_close(&server);
}
END_TEST

/* ---- too large to be read whole ---- */

START_TEST(test_larger_than_a_packet)
{
	struct kit_rig *rig = kit_rig_new(_i);
	static unsigned char data[80000];
	int fd = packetevent_getfd(rig->pev[1]);

	kit_enable(rig, 0, EV_READ);
	ck_assert_int_eq((int)send(fd, data, sizeof(data), 0), sizeof(data));
	kit_ok(kit_write(rig, 1, 0, 100));
	kit_until_packets(rig, 0, 1);
	kit_check_packet(rig, 0, 0, 0, 100);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_DROPPED), 1);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_PACKETS), 1);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	int first = 3 * KIT_SETUP(KIT_UDP, 0, 0);
	int end = 3 * KIT_SETUP(KIT_UDP + 1, 0, 0);

	kit_suite("pev_datagram");
	kit_case("addresses", KIT_NEEDS_NETNS);
	kit_loop(test_answers, first, end);
	kit_loop(test_queue_keeps_the_address, first, end);
	kit_loop(test_no_source, first, end);
	kit_loop(test_no_address, first, end);
	kit_loop(test_empty_datagrams, first, end);
	kit_case("kinds", 0);
	kit_setups(test_only_datagrams_have_addresses,
	    KIT_MEMORY | KIT_BIT(KIT_SEQPACKET) | KIT_BIT(KIT_TUN));
	kit_setups(test_larger_than_a_packet, KIT_UNIX);
	return kit_run();
}
