/*
 * The interface is deleted under a packetevent: that is told once, whatever
 * the packetevent was doing, and nothing wakes up from then on.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/timerfd.h>

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "deletion.h"
#include "kit.h"
#include "tun_look.h"

/* ---- what it was doing ---- */

static void
send_some(const char *ifname, enum kit_kind kind, unsigned n)
{
	unsigned char data[100];
	evutil_socket_t fd = kit_packet_socket(ifname);
	unsigned i;

	for (i = 0; i < n; i++) {
		kit_fill(kind, data, i, sizeof(data));
		ck_assert_int_eq(send(fd, data, sizeof(data), 0),
		    sizeof(data));
	}
	close(fd);
}

typedef void state_fn(struct packetevent *pev, const char *ifname,
    enum kit_kind kind);

static void
only_created(struct packetevent *pev, const char *ifname, enum kit_kind kind)
{
	(void)pev;
	(void)ifname;
	(void)kind;
}

static void
doing_nothing(struct packetevent *pev, const char *ifname, enum kit_kind kind)
{
	(void)ifname;
	(void)kind;
	kit_ok(packetevent_disable(pev, EV_READ | EV_WRITE));
}

static void
reading(struct packetevent *pev, const char *ifname, enum kit_kind kind)
{
	(void)ifname;
	(void)kind;
	kit_ok(packetevent_enable(pev, EV_READ));
}

static void
only_reading(struct packetevent *pev, const char *ifname, enum kit_kind kind)
{
	(void)ifname;
	(void)kind;
	kit_ok(packetevent_enable(pev, EV_READ));
	kit_ok(packetevent_disable(pev, EV_WRITE));
}

static void
paused(struct packetevent *pev, const char *ifname, enum kit_kind kind)
{
	(void)ifname;
	(void)kind;
	deletion_pause(pev);
}

/* With packets that nobody reads. */
static void
paused_with_packets(struct packetevent *pev, const char *ifname,
    enum kit_kind kind)
{
	paused(pev, ifname, kind);
	send_some(ifname, kind, 3);
	kit_settle(packetevent_get_base(pev));
	send_some(ifname, kind, 3);
}

/* ---- one device ---- */

static void
delete_in(int setup, state_fn *state)
{
	struct kit_rig *rig = deletion_rig(setup);

	state(rig->pev[0], rig->name, rig->kind);
	kit_settle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_link_delete(rig->name);
	deletion_check(rig, 0, 0);
	kit_check_dead(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 1);
	kit_rig_free(rig);
}

START_TEST(test_reading)
{
	delete_in(_i, reading);
}
END_TEST

START_TEST(test_only_reading)
{
	delete_in(_i, only_reading);
}
END_TEST

START_TEST(test_paused)
{
	delete_in(_i, paused);
}
END_TEST

START_TEST(test_paused_with_packets)
{
	delete_in(_i, paused_with_packets);
}
END_TEST

/* Writing is enabled from the start: this is "only writing" too. */
START_TEST(test_only_created)
{
	delete_in(_i, only_created);
}
END_TEST

START_TEST(test_doing_nothing)
{
	delete_in(_i, doing_nothing);
}
END_TEST

/* ---- many devices, one for each state ---- */

static state_fn *const states[] = {
	only_created, doing_nothing, reading, only_reading, paused,
	paused_with_packets
};
#define N_STATES ((int)(sizeof(states) / sizeof(states[0])))

struct crowd {
	int setup, fds_before;
	struct event_base *base;
	struct packetevent *pev[N_STATES];
	char name[N_STATES][16];
	struct kit_log log[N_STATES];
};

static void
crowd_init(struct crowd *crowd, int setup)
{
	struct evtun *tun;
	int i;

	memset(crowd, 0, sizeof(*crowd));
	kit_netns();
	crowd->setup = setup;
	crowd->fds_before = kit_count_fds();
	crowd->base = kit_base_new(setup);
	for (i = 0; i < N_STATES; i++) {
		tun = kit_tun_new(KIT_KIND_OF(setup), "kit%d", 0);
		memcpy(crowd->name[i], evtun_get_name(tun),
		    strlen(evtun_get_name(tun)));
		crowd->pev[i] = packetevent_tun_new(crowd->base, tun,
		    kit_options(setup));
		ck_assert_ptr_nonnull(crowd->pev[i]);
		packetevent_setcb(crowd->pev[i], kit_readcb, kit_writecb,
		    kit_eventcb, &crowd->log[i]);
		states[i](crowd->pev[i], crowd->name[i], KIT_KIND_OF(setup));
	}
	kit_settle(crowd->base);
}

static void
crowd_check_events(struct crowd *crowd, int n)
{
	int i;

	for (i = 0; i < N_STATES; i++)
		ck_assert_msg(crowd->log[i].n_events == n,
		    "in state %d: %d events", i, crowd->log[i].n_events);
}

static int
crowd_is_gone(void *arg)
{
	struct crowd *crowd = arg;
	int i;

	for (i = 0; i < N_STATES; i++)
		if (crowd->log[i].n_events == 0)
			return 0;
	return 1;
}

static void
crowd_end(struct crowd *crowd)
{
	int i;

	kit_until(crowd->base, crowd_is_gone, crowd, "an event of each");
	kit_check_dead(crowd->base);
	crowd_check_events(crowd, 1);
	for (i = 0; i < N_STATES; i++) {
		deletion_check_event(&crowd->log[i].events[0]);
		ck_assert_int_eq(packetevent_get_enabled(crowd->pev[i]), 0);
		kit_log_clear(&crowd->log[i]);
		packetevent_free(crowd->pev[i]);
	}
	event_base_free(crowd->base);
	ck_assert_int_eq(kit_count_fds(), crowd->fds_before);
}

START_TEST(test_down)
{
	struct crowd crowd;
	int i;

	crowd_init(&crowd, _i);
	for (i = 0; i < N_STATES; i++)
		kit_link_up(crowd.name[i], 0);
	kit_settle(crowd.base);
	crowd_check_events(&crowd, 0);
	for (i = 0; i < N_STATES; i++)
		kit_link_delete(crowd.name[i]);
	crowd_end(&crowd);
}
END_TEST

/* Down from the start, too. */
START_TEST(test_down_before)
{
	struct crowd crowd;
	int i;

	crowd_init(&crowd, _i);
	for (i = 0; i < N_STATES; i++) {
		kit_link_up(crowd.name[i], 0);
		kit_ok(packetevent_disable(crowd.pev[i], EV_READ | EV_WRITE));
		kit_settle(crowd.base);
		if (i % 2)
			kit_ok(packetevent_enable(crowd.pev[i],
			    i % 3 ? EV_READ : EV_WRITE));
	}
	kit_settle(crowd.base);
	for (i = 0; i < N_STATES; i++)
		kit_link_delete(crowd.name[i]);
	crowd_end(&crowd);
}
END_TEST

static int
make_netns(void)
{
	int away, home = look_netns();

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	away = look_netns();
	look_enter(home);
	close(home);
	return away;
}

/* Elsewhere it lives on; it dies with the namespace. */
START_TEST(test_namespace_dies)
{
	static const unsigned char packet[20] = {0x45};
	struct crowd crowd;
	int i, away;

	crowd_init(&crowd, _i);
	away = make_netns();
	for (i = 0; i < N_STATES; i++)
		look_move(crowd.name[i], away);
	kit_settle(crowd.base);
	crowd_check_events(&crowd, 0);
	/* It is down there. */
	kit_fails(packetevent_write(crowd.pev[0], packet, sizeof(packet)),
	    ENETDOWN);
	crowd_check_events(&crowd, 0);
	close(away);
	crowd_end(&crowd);
}
END_TEST

/* ---- around it ---- */

static void
delete_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	kit_link_delete(((struct kit_rig *)arg)->name);
}

static void
break_eventcb(struct packetevent *pev, short what, void *ctx)
{
	struct kit_rig *rig = ctx;

	kit_eventcb(pev, what, &rig->log[0]);
	event_base_loopbreak(rig->base);
}

/* The loop goes on for a device that does nothing: it is watched. */
START_TEST(test_dispatch_goes_on)
{
	static const struct timeval soon = {0, 10 * 1000};
	struct kit_rig *rig = deletion_rig(_i);

	kit_ok(packetevent_disable(rig->pev[0], EV_READ | EV_WRITE));
	packetevent_setcb(rig->pev[0], NULL, NULL, break_eventcb, rig);
	event_base_once(rig->base, -1, EV_TIMEOUT, delete_cb, rig, &soon);
	ck_assert_int_eq(event_base_dispatch(rig->base), 0);
	deletion_check(rig, 0, 0);
	kit_rig_free(rig);
}
END_TEST

/* Another interface takes the name: it is somebody else's. */
START_TEST(test_same_name_again)
{
	struct kit_rig *rig = deletion_rig(_i);
	struct evtun *tun;
	char byte;

	kit_link_delete(rig->name);
	tun = kit_tun_new(rig->kind, rig->name, EVTUN_OPT_EXCLUSIVE);
	deletion_check(rig, 0, 0);
	ck_assert_int_eq(evtun_read(tun, &byte, 1), 0);
	packetevent_free(rig->pev[0]);
	rig->pev[0] = NULL;
	ck_assert_int_eq(evtun_get_up(tun), 1);
	evtun_free(tun);
	kit_rig_free(rig);
}
END_TEST

static int
have_events(void *arg)
{
	struct kit_log *log = arg;

	return log[0].n_events > 0 && log[1].n_events > 0;
}

START_TEST(test_every_queue)
{
	struct kit_rig *rig;
	struct packetevent *pev[2];
	struct kit_log log[2];
	struct evtun *tun[2];
	int i;

	rig = deletion_rig(_i);
	memset(log, 0, sizeof(log));
	tun[0] = kit_tun_new(rig->kind, "mq%d", EVTUN_OPT_MULTIQUEUE);
	tun[1] = evtun_new_queue(tun[0]);
	ck_assert_ptr_nonnull(tun[1]);
	for (i = 0; i < 2; i++) {
		pev[i] = packetevent_tun_new(rig->base, tun[i],
		    kit_options(_i));
		ck_assert_ptr_nonnull(pev[i]);
		packetevent_setcb(pev[i], NULL, NULL, kit_eventcb, &log[i]);
	}
	kit_ok(packetevent_enable(pev[1], EV_READ));
	kit_settle(rig->base);
	kit_link_delete(evtun_get_name(tun[0]));
	kit_link_delete(rig->name);
	kit_until(rig->base, have_events, log, "an event for each queue");
	deletion_check(rig, 0, 0);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(log[i].n_events, 1);
		deletion_check_event(&log[i].events[0]);
		packetevent_free(pev[i]);
	}
	kit_rig_free(rig);
}
END_TEST

/* ---- how soon ---- */

static void
too_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(int *)arg = 1;
}

/* Not a measurement: both would be late together.  Whatever comes of a tenth
 * of a second comes no sooner than the event. */
static void
check_soon(int setup, state_fn *state)
{
	static const struct itimerspec tenth = {{0, 0}, {0, 100 * 1000000}};
	struct kit_rig *rig = deletion_rig(setup);
	int late = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC |
	    TFD_NONBLOCK);
	struct event *ev = event_new(rig->base, fd, EV_READ, too_late, &late);

	state(rig->pev[0], rig->name, rig->kind);
	kit_settle(rig->base);
	kit_link_delete(rig->name);
	ck_assert_int_eq(timerfd_settime(fd, 0, &tenth, NULL), 0);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	while (rig->log[0].n_events == 0 && !late)
		ck_assert_int_eq(event_base_loop(rig->base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(rig->log[0].n_events, 1);
	deletion_check_event(&rig->log[0].events[0]);
	event_free(ev);
	close(fd);
	kit_rig_free(rig);
}

START_TEST(test_soon_created)
{
	check_soon(_i, only_created);
}
END_TEST

START_TEST(test_soon_reading)
{
	check_soon(_i, reading);
}
END_TEST

START_TEST(test_soon_paused)
{
	check_soon(_i, paused);
}
END_TEST

int
main(void)
{
	kit_suite("pev_deleted");
	kit_case("states", KIT_NEEDS_TUN);
	kit_setups(test_reading, KIT_DEVICES);
	kit_setups(test_only_reading, KIT_DEVICES);
	kit_setups(test_paused, KIT_DEVICES);
	kit_setups(test_paused_with_packets, KIT_DEVICES);
	kit_setups(test_only_created, KIT_DEVICES);
	kit_setups(test_doing_nothing, KIT_DEVICES);
	kit_setups(test_down, KIT_DEVICES);
	kit_setups(test_down_before, KIT_BIT(KIT_TUN));
	kit_setups(test_namespace_dies, KIT_BIT(KIT_TUN));
	kit_case("around_it", KIT_NEEDS_TUN);
	kit_setups(test_dispatch_goes_on, KIT_BIT(KIT_TUN));
	kit_setups(test_same_name_again, KIT_BIT(KIT_TUN));
	kit_setups(test_every_queue, KIT_DEVICES);
	kit_case("soon", KIT_NEEDS_TUN);
	kit_setups(test_soon_created, KIT_BIT(KIT_TUN));
	kit_setups(test_soon_reading, KIT_BIT(KIT_TUN));
	kit_setups(test_soon_paused, KIT_BIT(KIT_TUN));
	return kit_run();
}
