/*
 * Questions, priorities, and callbacks that are not there.
 */
#include "config.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"

START_TEST(test_at_birth)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int end, which;

	for (end = 0; end < 2; end++) {
		ck_assert_int_eq(packetevent_get_enabled(rig->pev[end]),
		    EV_WRITE);
		ck_assert_ptr_eq(packetevent_get_base(rig->pev[end]),
		    rig->base);
		for (which = 0; which <= PEV_COUNT_READ_REFUSED; which++)
			ck_assert_uint_eq(kit_count(rig, end,
			    (enum packetevent_count)which), 0);
	}
	kit_settle(rig->base);
	ck_assert_int_eq(rig->log[0].n_writecbs + rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_enabled)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct packetevent *pev = rig->pev[0];

	kit_ok(packetevent_enable(pev, EV_READ));
	ck_assert_int_eq(packetevent_get_enabled(pev), EV_READ | EV_WRITE);
	kit_ok(packetevent_enable(pev, EV_READ));
	kit_ok(packetevent_disable(pev, EV_WRITE));
	ck_assert_int_eq(packetevent_get_enabled(pev), EV_READ);
	kit_ok(packetevent_disable(pev, EV_READ | EV_WRITE));
	kit_ok(packetevent_disable(pev, EV_READ | EV_WRITE));
	ck_assert_int_eq(packetevent_get_enabled(pev), 0);
	kit_ok(packetevent_enable(pev, EV_READ | EV_WRITE));
	ck_assert_int_eq(packetevent_get_enabled(pev), EV_READ | EV_WRITE);
	kit_ok(packetevent_enable(pev, 0));
	kit_ok(packetevent_disable(pev, 0));
	ck_assert_int_eq(packetevent_get_enabled(pev), EV_READ | EV_WRITE);
	kit_traffic(rig, 20);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_descriptor)
{
	struct kit_rig *rig = kit_rig_new(_i);
	evutil_socket_t fd = packetevent_getfd(rig->pev[0]);

	if (rig->kind == KIT_PAIR || rig->kind == KIT_STREAM_PAIR)
		ck_assert_int_eq(fd, -1);
	else if (rig->tun != NULL)
		ck_assert_int_eq(fd, evtun_get_fd(rig->tun));
	else if (rig->bev[0] != NULL)
		ck_assert_int_eq(fd, bufferevent_getfd(rig->bev[0]));
	else
		ck_assert_int_ge(fd, 0);
	kit_rig_free(rig);
}
END_TEST

/* "With no read callback, packets are read and dropped." */
START_TEST(test_no_read_callback)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	packetevent_setcb(rig->pev[0], NULL, NULL, NULL, NULL);
	kit_enable(rig, 0, EV_READ);
	for (i = 0; i < 5; i++)
		kit_ok(kit_write(rig, 1, i, 100));
	kit_settle(rig->base);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_PACKETS), 5);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_BYTES), 500);
	packetevent_setcb(rig->pev[0], kit_readcb, NULL, NULL, &rig->log[0]);
	kit_ok(kit_write(rig, 1, 9, 100));
	kit_until_packets(rig, 0, 1);
	kit_check_packet(rig, 0, 0, 9, 100);
	kit_rig_free(rig);
}
END_TEST

static int
both_timed_out(void *arg)
{
	struct kit_rig *rig = arg;

	return ((packetevent_get_enabled(rig->pev[0]) |
	    packetevent_get_enabled(rig->pev[1])) & EV_READ) == 0;
}

static int
both_have_read(void *arg)
{
	return kit_count(arg, 0, PEV_COUNT_READ_PACKETS) == 1 &&
	    kit_count(arg, 1, PEV_COUNT_READ_PACKETS) == 1;
}

START_TEST(test_no_callbacks_at_all)
{
	static const struct timeval tv = {0, 1000};
	struct kit_rig *rig = kit_rig_new(_i);
	int end;

	for (end = 0; end < 2; end++) {
		packetevent_setcb(rig->pev[end], NULL, NULL, NULL, NULL);
		kit_ok(packetevent_disable(rig->pev[end], EV_WRITE));
		kit_ok(kit_write(rig, end, 0, 100));
		kit_enable(rig, end, EV_READ | EV_WRITE);
	}
	kit_until(rig->base, both_have_read, rig, "a packet at each end");
	for (end = 0; end < 2; end++)
		kit_ok(packetevent_set_timeouts(rig->pev[end], &tv, &tv));
	kit_until(rig->base, both_timed_out, rig, "the timeouts");
	kit_rig_free(rig);
}
END_TEST

/* Callbacks and their argument are those of the moment of the call. */
START_TEST(test_replaced_before_the_loop)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct kit_log other = {0};

	kit_enable(rig, 0, EV_READ);
	kit_ok(kit_write(rig, 1, 0, 100));
	packetevent_setcb(rig->pev[0], kit_readcb, kit_writecb, kit_eventcb,
	    &other);
	kit_settle(rig->base);
	ck_assert_uint_eq(rig->log[0].n_packets, 0);
	ck_assert_uint_eq(other.n_packets, 1);
	kit_log_clear(&other);
	kit_rig_free(rig);
}
END_TEST

/* ---- priorities ---- */

struct order {
	int n, packets_at, other_at;
};

static void
order_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct order *order = ctx;

	(void)pev;
	(void)pkts;
	(void)n;
	if (order->packets_at == 0)
		order->packets_at = ++order->n;
}

static void
order_cb(evutil_socket_t fd, short what, void *ctx)
{
	struct order *order = ctx;
	char c;

	(void)what;
	ck_assert_int_eq((int)read(fd, &c, 1), 1);
	order->other_at = ++order->n;
}

static int
both_came(void *ctx)
{
	return ((struct order *)ctx)->n == 2;
}

/* A packet and a byte in a pipe, both there: which one comes first? */
static void
run_order(struct kit_rig *rig, int priority, struct order *order)
{
	struct event *ev;
	evutil_socket_t fd[2];

	ck_assert_int_eq(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	evutil_make_socket_nonblocking(fd[0]);
	ev = event_new(rig->base, fd[0], EV_READ, order_cb, order);
	ck_assert_int_eq(event_priority_set(ev, 1), 0);
	packetevent_setcb(rig->pev[0], order_readcb, NULL, NULL, order);
	kit_ok(packetevent_priority_set(rig->pev[0], priority));
	kit_enable(rig, 0, EV_READ);
	kit_ok(kit_write(rig, 1, 0, 100));
	ck_assert_int_eq(event_add(ev, NULL), 0);
	ck_assert_int_eq((int)write(fd[1], "x", 1), 1);
	kit_until(rig->base, both_came, order, "a packet and a byte");
	event_free(ev);
	evutil_closesocket(fd[0]);
	evutil_closesocket(fd[1]);
}

START_TEST(test_priority)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct order order = {0, 0, 0};

	ck_assert_int_eq(event_base_priority_init(rig->base, 3), 0);
	run_order(rig, 0, &order);
	ck_assert_int_lt(order.packets_at, order.other_at);
	kit_rig_free(rig);
	rig = kit_rig_new(_i);
	ck_assert_int_eq(event_base_priority_init(rig->base, 3), 0);
	memset(&order, 0, sizeof(order));
	run_order(rig, 2, &order);
	ck_assert_int_gt(order.packets_at, order.other_at);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_priority_out_of_range)
{
	struct kit_rig *rig = kit_rig_new(_i);

	ck_assert_int_eq(event_base_priority_init(rig->base, 3), 0);
	ck_assert_int_eq(packetevent_priority_set(rig->pev[0], 3), -1);
	ck_assert_int_eq(packetevent_priority_set(rig->pev[0], -1), -1);
	kit_ok(packetevent_priority_set(rig->pev[0], 2));
	kit_ok(packetevent_priority_set(rig->pev[0], 0));
	kit_traffic(rig, 20);
	kit_rig_free(rig);
}
END_TEST

/* "A stream's is that of its bufferevent." */
START_TEST(test_priority_of_a_stream)
{
	struct kit_rig *rig = kit_rig_new(_i);

	ck_assert_int_eq(event_base_priority_init(rig->base, 3), 0);
	ck_assert_int_eq(packetevent_priority_set(rig->pev[0], 0), -1);
	kit_traffic(rig, 20);
	kit_rig_free(rig);
}
END_TEST

/* Set while it is reading, and queueing, and kept through both. */
START_TEST(test_priority_while_busy)
{
	static const struct timeval tv = {100, 0};
	struct kit_rig *rig = kit_rig_new(_i);
	int i;

	ck_assert_int_eq(event_base_priority_init(rig->base, 3), 0);
	kit_ok(packetevent_set_timeouts(rig->pev[0], &tv, &tv));
	for (i = 0; i < 6; i++) {
		kit_traffic(rig, 10);
		kit_settle(rig->base);
		kit_ok(packetevent_priority_set(rig->pev[0], i % 3));
	}
	kit_traffic(rig, 10);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	unsigned own_events = KIT_ALL & ~KIT_STREAMS;

	kit_suite("pev_settings");
	kit_case("questions", 0);
	kit_setups(test_at_birth, KIT_ALL);
	kit_setups(test_enabled, KIT_ALL);
	kit_setups(test_descriptor, KIT_ALL);
	kit_case("callbacks", 0);
	kit_setups(test_no_read_callback, KIT_ALL);
	kit_setups(test_no_callbacks_at_all, KIT_ALL);
	kit_setups(test_replaced_before_the_loop, KIT_ALL);
	kit_case("priorities", 0);
	kit_setups(test_priority, own_events);
	kit_setups(test_priority_out_of_range, own_events);
	kit_setups(test_priority_while_busy, own_events);
	kit_setups(test_priority_of_a_stream, KIT_STREAMS);
	return kit_run();
}
