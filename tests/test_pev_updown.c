/*
 * The interface goes down and comes up: what cannot be sent at once is
 * dropped or waits, and nothing is an error.
 */
#include "config.h"

#include <string.h>

#include "kit.h"

/* ---- the interface ---- */

/* The other side reads: its socket reports, once, that the interface went
 * down, and must have told that before it can send again. */
static struct kit_rig *
rig_new(int setup)
{
	struct kit_rig *rig = kit_rig_new(setup);

	kit_enable(rig, 1, EV_READ);
	return rig;
}

static void
set_up(struct kit_rig *rig, int up)
{
	kit_link_up(rig->name, up);
	kit_settle(rig->base);
}

static void
rig_free(struct kit_rig *rig)
{
	ck_assert_int_eq(rig->log[0].n_events, 0);
	ck_assert_int_eq(rig->log[1].n_events, 0);
	kit_rig_free(rig);
}

/*
 * Fail if the loop is busy.  What looks after a device while it is not being
 * read may run, and libevent's clock lags by milliseconds, in which a loop
 * with a timer that is due spins: so hundreds of wakeups are right, and a loop
 * that spins all the time has ten thousand.
 */
#define CALM_WAKEUPS 1000

static void
set_flag(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(int *)arg = 1;
}

static void
check_calm(struct event_base *base)
{
	static const struct timeval interval = {0, 100 * 1000};
	unsigned long n;
	int over = 0;

	kit_settle(base);
	n = kit_count_waits();
	ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, set_flag,
	    &over, &interval), 0);
	while (!over)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	n = kit_count_waits() - n;
	ck_assert_msg(n <= CALM_WAKEUPS, "%lu wakeups", n);
}

/* ---- what was being done ---- */

enum state { CREATED, READING, PAUSED, N_STATES };

static void
enter(struct kit_rig *rig, enum state state)
{
	if (state == CREATED)
		return;
	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	if (state == PAUSED)
		kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	kit_settle(rig->base);
}

/* ---- written while it is down ---- */

static void
write_down(int setup, enum state state)
{
	struct kit_rig *rig = rig_new(setup);
	short enabled;
	unsigned i;

	enter(rig, state);
	enabled = packetevent_get_enabled(rig->pev[0]);
	set_up(rig, 0);
	for (i = 0; i < 3; i++) {
		kit_fails(kit_write(rig, 0, i, 100), ENETDOWN);
		ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED),
		    i + 1);
	}
	kit_check_counts(rig, 0, 3);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL), 0);
	check_calm(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	ck_assert_int_eq(rig->log[0].n_writecbs, 0);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), enabled);
	set_up(rig, 1);
	ck_assert_uint_eq(rig->log[1].n_packets, 0);
	kit_traffic(rig, 20);
	kit_check_counts(rig, 0, 23);
	rig_free(rig);
}

START_TEST(test_written_while_down)
{
	write_down(_i, CREATED);
}
END_TEST

START_TEST(test_written_while_down_and_reading)
{
	write_down(_i, READING);
}
END_TEST

START_TEST(test_written_while_down_and_paused)
{
	write_down(_i, PAUSED);
}
END_TEST

/* A device that has never been up is alive, too. */
START_TEST(test_not_up_yet)
{
	struct kit_rig *rig = rig_new(_i);
	struct packetevent *pev;
	struct evtun *tun;
	unsigned char data[100];

	tun = evtun_new("kit%d", rig->kind == KIT_TAP ? EVTUN_OPT_TAP : 0);
	ck_assert_ptr_nonnull(tun);
	pev = packetevent_tun_new(rig->base, tun, kit_options(_i));
	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[0]);
	kit_ok(packetevent_enable(pev, EV_READ));
	kit_fill(rig->kind, data, 0, sizeof(data));
	kit_fails(packetevent_write(pev, data, sizeof(data)), ENETDOWN);
	check_calm(rig->base);
	kit_link_up(evtun_get_name(tun), 1);
	kit_ok(packetevent_write(pev, data, sizeof(data)));
	packetevent_free(pev);
	kit_settle(rig->base);
	rig_free(rig);
}
END_TEST

START_TEST(test_batch_while_down)
{
	struct kit_rig *rig = rig_new(_i);
	unsigned char data[3][100];
	struct evbuffer_iovec pkts[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		kit_fill(rig->kind, data[i], i, sizeof(data[i]));
		pkts[i].iov_base = data[i];
		pkts[i].iov_len = sizeof(data[i]);
	}
	set_up(rig, 0);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, 3), 0);
	ck_assert_int_eq(errno, ENETDOWN);
	kit_check_counts(rig, 0, 3);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL), 0);
	set_up(rig, 1);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, 3), 3);
	kit_until_packets(rig, 1, 3);
	for (i = 0; i < 3; i++)
		kit_check_packet(rig, 1, i, i, sizeof(data[i]));
	rig_free(rig);
}
END_TEST

/* What came before it went down can be read while it is. */
START_TEST(test_read_while_down)
{
	struct kit_rig *rig = rig_new(_i);
	unsigned i;

	for (i = 0; i < 3; i++)
		kit_ok(kit_write(rig, 1, i, 100));
	set_up(rig, 0);
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, 3);
	for (i = 0; i < 3; i++)
		kit_check_packet(rig, 0, i, i, 100);
	check_calm(rig->base);
	set_up(rig, 1);
	kit_log_clear(&rig->log[0]);
	kit_traffic(rig, 20);
	rig_free(rig);
}
END_TEST

/* ---- queued when it went down ---- */

static void
queue_some(struct kit_rig *rig, unsigned n)
{
	unsigned i;

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 0, i, 100));
}

static void
check_waiting(struct kit_rig *rig, unsigned n)
{
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), n);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_BYTES), n * 100);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS), 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), 0);
	ck_assert_int_eq(rig->log[0].n_writecbs, 0);
}

static void
check_sent(struct kit_rig *rig, unsigned n)
{
	unsigned i;

	kit_until_packets(rig, 1, n);
	kit_until_writecbs(rig, 0, 1);
	check_calm(rig->base);
	ck_assert_uint_eq(rig->log[1].n_packets, n);
	for (i = 0; i < n; i++)
		kit_check_packet(rig, 1, i, i, 100);
	ck_assert_int_eq(rig->log[0].n_writecbs, 1);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS), n);
	kit_check_counts(rig, 0, n);
	kit_traffic(rig, 20);
	rig_free(rig);
}

/* More than one turn of the loop may send, and one that comes last. */
#define N_QUEUED 150

static void
queue_down(int setup, enum state state)
{
	struct kit_rig *rig = rig_new(setup);

	enter(rig, state);
	queue_some(rig, N_QUEUED);
	set_up(rig, 0);
	kit_enable(rig, 0, EV_WRITE);
	check_calm(rig->base);
	check_waiting(rig, N_QUEUED);
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), N_QUEUED);
	kit_ok(kit_write(rig, 0, N_QUEUED, 100));
	check_calm(rig->base);
	check_waiting(rig, N_QUEUED + 1);
	set_up(rig, 1);
	check_sent(rig, N_QUEUED + 1);
}

START_TEST(test_queued)
{
	queue_down(_i, CREATED);
}
END_TEST

START_TEST(test_queued_and_reading)
{
	queue_down(_i, READING);
}
END_TEST

START_TEST(test_queued_and_paused)
{
	queue_down(_i, PAUSED);
}
END_TEST

/* Reading is paused, and resumed, while packets wait. */
START_TEST(test_paused_while_it_waits)
{
	struct kit_rig *rig = rig_new(_i);

	enter(rig, READING);
	queue_some(rig, 5);
	set_up(rig, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_settle(rig->base);
	kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	kit_settle(rig->base);
	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	check_calm(rig->base);
	check_waiting(rig, 5);
	set_up(rig, 1);
	check_sent(rig, 5);
}
END_TEST

/* It comes up, and goes down before the loop has looked. */
START_TEST(test_up_for_a_moment)
{
	struct kit_rig *rig = rig_new(_i);

	queue_some(rig, 5);
	set_up(rig, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_settle(rig->base);
	kit_link_up(rig->name, 1);
	kit_link_up(rig->name, 0);
	check_calm(rig->base);
	check_waiting(rig, 5);
	set_up(rig, 1);
	check_sent(rig, 5);
}
END_TEST

/* None leaves: that is what the write timeout is for. */
START_TEST(test_timeout)
{
	static const struct timeval soon = {0, 1000};
	struct kit_rig *rig = rig_new(_i);

	kit_ok(packetevent_set_timeouts(rig->pev[0], NULL, &soon));
	queue_some(rig, 5);
	set_up(rig, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_until_events(rig, 0, 1);
	ck_assert_int_eq(rig->log[0].events[0].what,
	    PEV_EVENT_WRITING | PEV_EVENT_TIMEOUT);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), 0);
	check_calm(rig->base);
	check_waiting(rig, 5);
	set_up(rig, 1);
	check_waiting(rig, 5);
	ck_assert_int_eq(rig->log[0].n_events, 1);
	rig->log[0].n_events = 0;
	kit_ok(packetevent_set_timeouts(rig->pev[0], NULL, NULL));
	kit_enable(rig, 0, EV_WRITE);
	check_sent(rig, 5);
}
END_TEST

/* ---- up and down, and up and down ---- */

#define N_FLAPS 100
#define MAX_OFFERED (N_FLAPS * 4)

/* What an end wrote, and what was taken of it: all of that arrives. */
struct sender {
	struct kit_rig *rig;
	int end;
	unsigned offered, taken;
	unsigned index[MAX_OFFERED];
};

static size_t
size_of(unsigned index)
{
	return 20 + index * 7919 % 1400;
}

static void
offer(struct sender *sender)
{
	unsigned i = sender->offered++;

	ck_assert_uint_lt(i, MAX_OFFERED);
	if (kit_write(sender->rig, sender->end, i, size_of(i)) == 0)
		sender->index[sender->taken++] = i;
	else
		ck_assert_int_eq(errno, ENETDOWN);
}

/* Down, with something to send, and sometimes with a queue. */
static void
flap(struct kit_rig *rig, struct sender *sender, int i)
{
	offer(&sender[0]);
	offer(&sender[1]);
	kit_link_up(rig->name, 0);
	if (i % 3 == 0)
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
	if (i % 4 == 0)
		kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	offer(&sender[0]);
	offer(&sender[1]);
	kit_enable(rig, 0, EV_WRITE);
	if (i % 2 == 0)
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
	kit_link_up(rig->name, 1);
	offer(&sender[0]);
	if (i % 5 == 0)
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

static void
check_sender(struct sender *sender)
{
	struct kit_rig *rig = sender->rig;
	unsigned i;

	kit_until_packets(rig, !sender->end, sender->taken);
	kit_settle(rig->base);
	ck_assert_uint_eq(rig->log[!sender->end].n_packets, sender->taken);
	for (i = 0; i < sender->taken; i++)
		kit_check_packet(rig, !sender->end, i, sender->index[i],
		    size_of(sender->index[i]));
	kit_check_counts(rig, sender->end, sender->offered);
	ck_assert_uint_eq(kit_count(rig, sender->end,
	    PEV_COUNT_WRITTEN_PACKETS), sender->taken);
	ck_assert_uint_eq(kit_count(rig, sender->end,
	    PEV_COUNT_QUEUED_PACKETS), 0);
}

START_TEST(test_flaps)
{
	static struct sender sender[2];
	struct kit_rig *rig = rig_new(_i);
	int i;

	for (i = 0; i < 2; i++) {
		memset(&sender[i], 0, sizeof(sender[i]));
		sender[i].rig = rig;
		sender[i].end = i;
	}
	kit_enable(rig, 0, EV_READ);
	for (i = 0; i < N_FLAPS; i++)
		flap(rig, sender, i);
	check_sender(&sender[0]);
	check_sender(&sender[1]);
	/* Both sorts of fate were met. */
	ck_assert_uint_ge(sender[0].taken, N_FLAPS);
	ck_assert_uint_lt(sender[0].taken, sender[0].offered);
	check_calm(rig->base);
	rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_updown");
	kit_case("written", KIT_NEEDS_TUN);
	kit_setups(test_written_while_down, KIT_DEVICES);
	kit_setups(test_written_while_down_and_reading, KIT_DEVICES);
	kit_setups(test_written_while_down_and_paused, KIT_DEVICES);
	kit_setups(test_batch_while_down, KIT_DEVICES);
	kit_setups(test_not_up_yet, KIT_DEVICES);
	kit_case("read", KIT_NEEDS_TUN);
	kit_setups(test_read_while_down, KIT_DEVICES);
	kit_case("queued", KIT_NEEDS_TUN);
	kit_setups(test_queued, KIT_DEVICES);
	kit_setups(test_queued_and_reading, KIT_DEVICES);
	kit_setups(test_queued_and_paused, KIT_DEVICES);
	kit_setups(test_paused_while_it_waits, KIT_DEVICES);
	kit_setups(test_up_for_a_moment, KIT_DEVICES);
	kit_setups(test_timeout, KIT_DEVICES);
	kit_case("flaps", KIT_NEEDS_TUN);
	kit_setups(test_flaps, KIT_DEVICES);
	return kit_run();
}
