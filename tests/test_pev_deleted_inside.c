/*
 * The interface is deleted while a packetevent is at work: between two reads,
 * and inside each of its callbacks, whatever those do then; or there is no
 * callback to tell it to.
 */
#include "config.h"

#include <sys/syscall.h>

#include <string.h>
#include <unistd.h>

#include "deletion.h"
#include "kit.h"

/* ---- packets that were read before ---- */

static struct {
	int fd;
	int left;		/* packets to be read before the end */
	const char *name;
} trap = {-1, 0, NULL};

/* Stands before the C library's own: the device goes between two reads. */
__attribute__((visibility("default"))) ssize_t
read(int fd, void *buf, size_t n)
{
	if (fd == trap.fd && n > 0 && trap.left-- == 0)
		kit_link_delete(trap.name);
	return syscall(SYS_read, fd, buf, n);
}

static struct kit_rig *
device_with_packets(int setup, unsigned n)
{
	struct kit_rig *rig = kit_rig_new(setup);
	unsigned i;

	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 1, i, 100));
	deletion_free_end(rig, 1);
	return rig;
}

static void
check_packets(struct kit_rig *rig, unsigned n)
{
	unsigned i;

	ck_assert_uint_eq(rig->log[0].n_packets, n);
	for (i = 0; i < n; i++)
		kit_check_packet(rig, 0, i, i, 100);
}

START_TEST(test_between_two_reads)
{
	struct kit_rig *rig = device_with_packets(_i, 5);

	kit_enable(rig, 0, EV_READ);
	trap.name = rig->name;
	trap.left = 3;
	trap.fd = packetevent_getfd(rig->pev[0]);
	deletion_check(rig, 0, 0);
	trap.fd = -1;
	check_packets(rig, 3);
	kit_rig_free(rig);
}
END_TEST

static void
free_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct kit_rig *rig = ctx;

	packetevent_free(pev);
	rig->pev[0] = NULL;
	kit_readcb(pev, pkts, n, &rig->log[0]);
}

static int
has_packets(void *arg)
{
	return ((struct kit_rig *)arg)->log[0].n_packets > 0;
}

static void
no_eventcb(struct packetevent *pev, short what, void *ctx)
{
	(void)pev;
	(void)what;
	(void)ctx;
	ck_abort_msg("called after it was freed");
}

START_TEST(test_between_two_reads_and_freed)
{
	struct kit_rig *rig = device_with_packets(_i, 5);

	packetevent_setcb(rig->pev[0], free_readcb, NULL, no_eventcb, rig);
	kit_enable(rig, 0, EV_READ);
	trap.name = rig->name;
	trap.left = 3;
	trap.fd = packetevent_getfd(rig->pev[0]);
	kit_until(rig->base, has_packets, rig, "packets");
	trap.fd = -1;
	kit_check_idle(rig->base);
	check_packets(rig, 3);
	kit_rig_free(rig);
}
END_TEST

/* ---- inside a callback ---- */

enum then { RETURN, WRITE, PAUSE, FREE, N_THEN };

struct killer {
	struct kit_rig *rig;
	enum then then;
	int killed;
	int inside;
};

static void
kill_and(struct killer *killer)
{
	struct kit_rig *rig = killer->rig;
	struct packetevent *pev = rig->pev[0];

	ck_assert_int_eq(killer->killed++, 0);
	kit_link_delete(rig->name);
	killer->inside = 1;
	switch (killer->then) {
	case WRITE:
		kit_fails(kit_write(rig, 0, 0, 100), ENXIO);
		break;
	case PAUSE:
		kit_ok(packetevent_disable(pev, EV_READ | EV_WRITE));
		break;
	case FREE:
		packetevent_free(pev);
		rig->pev[0] = NULL;
		break;
	default:
		break;
	}
	killer->inside = 0;
}

static void
kill_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct killer *killer = ctx;

	kit_readcb(pev, pkts, n, &killer->rig->log[0]);
	kill_and(killer);
}

static void
kill_writecb(struct packetevent *pev, void *ctx)
{
	(void)pev;
	kill_and(ctx);
}

static void
log_eventcb(struct packetevent *pev, short what, void *ctx)
{
	struct killer *killer = ctx;

	ck_assert_int_eq(killer->inside, 0);
	kit_eventcb(pev, what, &killer->rig->log[0]);
}

static void
kill_eventcb(struct packetevent *pev, short what, void *ctx)
{
	struct killer *killer = ctx;

	log_eventcb(pev, what, ctx);
	if (killer->rig->log[0].n_events == 1)
		kill_and(killer);
}

static int
is_killed(void *arg)
{
	return ((struct killer *)arg)->killed;
}

static void
killer_end(struct killer *killer, int n_before, ev_uint64_t offered)
{
	struct kit_rig *rig = killer->rig;

	kit_until(rig->base, is_killed, killer, "the callback");
	if (killer->then != FREE) {
		deletion_check(rig, n_before,
		    offered + (killer->then == WRITE));
	} else {
		kit_check_idle(rig->base);
		ck_assert_int_eq(rig->log[0].n_events, n_before);
	}
	ck_assert_int_eq(killer->killed, 1);
}

START_TEST(test_in_read_callback)
{
	struct killer killer;
	int then;

	for (then = 0; then < N_THEN; then++) {
		memset(&killer, 0, sizeof(killer));
		killer.then = then;
		killer.rig = device_with_packets(_i, 5);
		packetevent_set_max_batch(killer.rig->pev[0], 3);
		packetevent_setcb(killer.rig->pev[0], kill_readcb, NULL,
		    log_eventcb, &killer);
		kit_enable(killer.rig, 0, EV_READ);
		killer_end(&killer, 0, 0);
		check_packets(killer.rig, 3);
		kit_rig_free(killer.rig);
	}
}
END_TEST

START_TEST(test_in_write_callback)
{
	struct killer killer;
	int then;

	for (then = 0; then < N_THEN; then++) {
		memset(&killer, 0, sizeof(killer));
		killer.then = then;
		killer.rig = deletion_rig(_i);
		packetevent_setcb(killer.rig->pev[0], NULL, kill_writecb,
		    log_eventcb, &killer);
		deletion_queue(killer.rig, 3);
		kit_enable(killer.rig, 0, EV_WRITE);
		killer_end(&killer, 0, 3);
		kit_rig_free(killer.rig);
	}
}
END_TEST

START_TEST(test_in_event_callback)
{
	static const struct timeval soon = {0, 1000};
	struct killer killer;
	int then;

	for (then = 0; then < N_THEN; then++) {
		memset(&killer, 0, sizeof(killer));
		killer.then = then;
		killer.rig = deletion_rig(_i);
		packetevent_setcb(killer.rig->pev[0], NULL, NULL,
		    kill_eventcb, &killer);
		kit_ok(packetevent_set_timeouts(killer.rig->pev[0], &soon,
		    NULL));
		kit_enable(killer.rig, 0, EV_READ);
		killer_end(&killer, 1, 0);
		ck_assert_int_eq(killer.rig->log[0].events[0].what,
		    PEV_EVENT_READING | PEV_EVENT_TIMEOUT);
		kit_rig_free(killer.rig);
	}
}
END_TEST

/* ---- freed when it is told ---- */

static void
free_eventcb(struct packetevent *pev, short what, void *ctx)
{
	struct kit_rig *rig = ctx;

	kit_eventcb(pev, what, &rig->log[0]);
	packetevent_free(pev);
	rig->pev[0] = NULL;
}

static void
free_when_told(int setup, int paused)
{
	struct kit_rig *rig = deletion_rig(setup);

	packetevent_setcb(rig->pev[0], NULL, NULL, free_eventcb, rig);
	deletion_queue(rig, 3);
	if (paused)
		deletion_pause(rig->pev[0]);
	else
		kit_enable(rig, 0, EV_READ);
	kit_link_delete(rig->name);
	kit_until_events(rig, 0, 1);
	deletion_check_event(&rig->log[0].events[0]);
	kit_check_idle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 1);
	kit_rig_free(rig);
}

START_TEST(test_freed_in_event_callback)
{
	free_when_told(_i, 0);
	free_when_told(_i, 1);
}
END_TEST

/* Nobody is there to be told. */
static int
is_disabled(void *arg)
{
	return packetevent_get_enabled(((struct kit_rig *)arg)->pev[0]) == 0;
}

START_TEST(test_no_callbacks)
{
	struct kit_rig *rig = deletion_rig(_i);

	packetevent_setcb(rig->pev[0], NULL, NULL, NULL, NULL);
	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	kit_link_delete(rig->name);
	kit_until(rig->base, is_disabled, rig, "the end");
	kit_check_idle(rig->base);
	deletion_check_useless(rig, 0);
	kit_rig_free(rig);
}
END_TEST

/* It was noticed, and is freed before its callback has run. */
START_TEST(test_freed_before_it_is_told)
{
	struct kit_rig *rig = deletion_rig(_i);

	packetevent_setcb(rig->pev[0], NULL, NULL, no_eventcb, NULL);
	kit_link_delete(rig->name);
	kit_fails(kit_write(rig, 0, 0, 100), ENXIO);
	deletion_free_end(rig, 0);
	kit_check_idle(rig->base);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_deleted_inside");
	kit_case("callbacks", KIT_NEEDS_TUN);
	kit_setups(test_between_two_reads, KIT_DEVICES);
	kit_setups(test_between_two_reads_and_freed, KIT_BIT(KIT_TUN));
	kit_setups(test_in_read_callback, KIT_BIT(KIT_TUN));
	kit_setups(test_in_write_callback, KIT_BIT(KIT_TUN));
	kit_setups(test_in_event_callback, KIT_BIT(KIT_TUN));
	kit_setups(test_freed_in_event_callback, KIT_BIT(KIT_TUN));
	kit_setups(test_no_callbacks, KIT_BIT(KIT_TUN));
	kit_setups(test_freed_before_it_is_told, KIT_BIT(KIT_TUN));
	return kit_run();
}
