/*
 * A socket that says it is writable, and takes nothing: the queue of an
 * AF_UNIX receiver that it is not connected to is full.
 */
#include "config.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "kit.h"

#define SIZE 1000

struct sender {
	struct kit_rig rig;	/* only what the kit needs: end 0 */
	evutil_socket_t receiver;
	struct sockaddr_storage addr;
	socklen_t addrlen;
	unsigned sent, got;
};

static void
sender_open(struct sender *sender, int setup)
{
	evutil_socket_t fd[2];
	int i;

	memset(sender, 0, sizeof(*sender));
	sender->rig.kind = KIT_DGRAM;
	sender->rig.base = kit_base_new(setup);
	for (i = 0; i < 2; i++) {
		fd[i] = socket(AF_UNIX,
		    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(fd[i], 0);
	}
	/* Bound to an abstract address of the system's choice. */
	sender->receiver = fd[1];
	sender->addr.ss_family = AF_UNIX;
	ck_assert_int_eq(bind(fd[1], (struct sockaddr *)&sender->addr,
	    sizeof(sa_family_t)), 0);
	sender->addrlen = sizeof(sender->addr);
	ck_assert_int_eq(getsockname(fd[1], (struct sockaddr *)&sender->addr,
	    &sender->addrlen), 0);
	sender->rig.pev[0] = packetevent_fd_new(sender->rig.base, fd[0],
	    kit_options(setup));
	ck_assert_ptr_nonnull(sender->rig.pev[0]);
	packetevent_setcb(sender->rig.pev[0], kit_readcb, kit_writecb,
	    kit_eventcb, &sender->rig.log[0]);
}

static void
sender_close(struct sender *sender)
{
	packetevent_free(sender->rig.pev[0]);
	event_base_free(sender->rig.base);
	close(sender->receiver);
	kit_log_clear(&sender->rig.log[0]);
}

/* Write until three packets wait. */
static void
fill(struct sender *sender)
{
	unsigned char data[SIZE];

	while (kit_count(&sender->rig, 0, PEV_COUNT_QUEUED_PACKETS) < 3) {
		kit_check(sender->sent < 10000, "it is never full");
		kit_fill(KIT_DGRAM, data, sender->sent++, SIZE);
		kit_ok(packetevent_write_to(sender->rig.pev[0],
		    (struct sockaddr *)&sender->addr, (int)sender->addrlen,
		    data, SIZE));
	}
}

static int
drain(void *arg)
{
	struct sender *sender = arg;
	unsigned char data[SIZE + 1];
	ssize_t n;

	while ((n = recv(sender->receiver, data, sizeof(data), 0)) > 0) {
		kit_check(n == SIZE && kit_matches(KIT_DGRAM, data,
		    sender->got, SIZE), "packet %u is another", sender->got);
		sender->got++;
	}
	return sender->got == sender->sent;
}

static void
set_flag(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(int *)arg = 1;
}

static int
is_set(void *arg)
{
	return *(int *)arg;
}

/* Now and then it may try again, but the loop must not spin. */
static void
check_no_busy_loop(struct event_base *base)
{
	static const struct timeval tv = {0, 100000};
	unsigned long before;
	struct event *ev;
	int over = 0;

	ev = event_new(base, -1, 0, set_flag, &over);
	event_add(ev, &tv);
	before = kit_count_waits();
	kit_until(base, is_set, &over, "a timer");
	event_free(ev);
	ck_assert_uint_lt(kit_count_waits() - before, 500);
}

static void
check_nothing_lost(struct sender *sender)
{
	struct kit_rig *rig = &sender->rig;

	kit_until(rig->base, drain, sender, "all packets");
	kit_settle(rig->base);
	kit_check_counts(rig, 0, sender->sent);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS),
	    sender->sent);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_check_idle(rig->base);
}

START_TEST(test_receiver_is_full)
{
	struct sender sender;

	sender_open(&sender, _i);
	fill(&sender);
	check_no_busy_loop(sender.rig.base);
	ck_assert_uint_ge(kit_count(&sender.rig, 0,
	    PEV_COUNT_QUEUED_PACKETS), 1);
	check_nothing_lost(&sender);
	ck_assert_int_eq(sender.rig.log[0].n_writecbs, 1);
	/* And once more, now that it knows. */
	fill(&sender);
	check_nothing_lost(&sender);
	ck_assert_int_eq(sender.rig.log[0].n_writecbs, 2);
	sender_close(&sender);
}
END_TEST

/* Disabled, flushed and enabled while it is stalled. */
START_TEST(test_disabled_while_full)
{
	struct sender sender;
	struct packetevent *pev;

	sender_open(&sender, _i);
	pev = sender.rig.pev[0];
	fill(&sender);
	kit_settle(sender.rig.base);
	kit_ok(packetevent_disable(pev, EV_WRITE));
	kit_check_idle(sender.rig.base);
	ck_assert_int_ge(packetevent_flush(pev), 1);
	kit_ok(packetevent_enable(pev, EV_WRITE));
	ck_assert_int_ge(packetevent_flush(pev), 1);
	check_nothing_lost(&sender);
	sender_close(&sender);
}
END_TEST

/* Reading goes on meanwhile. */
START_TEST(test_reading_while_full)
{
	struct sender sender;
	struct sockaddr_storage addr;
	socklen_t len;
	unsigned char data[100];

	sender_open(&sender, _i);
	len = sizeof(addr);
	memset(&addr, 0, sizeof(addr));
	addr.ss_family = AF_UNIX;
	ck_assert_int_eq(bind(packetevent_getfd(sender.rig.pev[0]),
	    (struct sockaddr *)&addr, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(getsockname(packetevent_getfd(sender.rig.pev[0]),
	    (struct sockaddr *)&addr, &len), 0);
	fill(&sender);
	kit_enable(&sender.rig, 0, EV_READ);
	kit_settle(sender.rig.base);
	kit_fill(KIT_DGRAM, data, 7, sizeof(data));
	ck_assert_int_eq((int)sendto(sender.receiver, data, sizeof(data), 0,
	    (struct sockaddr *)&addr, len), (int)sizeof(data));
	kit_until_packets(&sender.rig, 0, 1);
	kit_check_packet(&sender.rig, 0, 0, 7, sizeof(data));
	check_nothing_lost(&sender);
	sender_close(&sender);
}
END_TEST

int
main(void)
{
	kit_suite("pev_stalled");
	kit_case("stalled", 0);
	kit_setups(test_receiver_is_full, KIT_BIT(KIT_DGRAM));
	kit_setups(test_disabled_while_full, KIT_BIT(KIT_DGRAM));
	kit_setups(test_reading_while_full, KIT_BIT(KIT_DGRAM));
	return kit_run();
}
