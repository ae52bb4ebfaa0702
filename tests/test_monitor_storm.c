/*
 * A monitor in a storm: ten thousand changes made by another process, seen as
 * they come, or only when it is over and most of them are lost.  What was told
 * adds up, step by step, to what is in the end; the model fails the test where
 * a change is told twice, or after a newer one.
 */
#include "config.h"

#include <string.h>

#include "ip_json.h"
#include "kit.h"
#include "monitor_rig.h"
#include "monitor_storm.h"

#define CHANGES 10000

static struct rig *
stage(int options)
{
	struct rig *rig;

	kit_netns();
	storm_prepare();
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING | options);
	rig->model.mtu_grows = 1;
	rig_agree(rig);
	return rig;
}

static void
check_overruns(const struct rig *rig, ev_uint64_t min)
{
	ck_assert_uint_eq(evtun_monitor_get_overruns(rig->mon),
	    rig->n_overruns);
	ck_assert_uint_ge(rig->n_overruns, min);
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

/* Run the loop for as long as it blows. */
static void
sit_out(struct rig *rig, unsigned seed)
{
	struct storming storming;
	struct event *ev;
	int is_over = 0;

	storm_begin(&storming, CHANGES, seed);
	ev = event_new(rig->base, storming.fd, EV_READ, set_flag, &is_over);
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	kit_until(rig->base, is_set, &is_over, "the end of the storm");
	event_free(ev);
	storm_end(&storming);
}

/* Run nothing. */
static void
sleep_through(unsigned n, unsigned seed)
{
	struct storming storming;

	storm_begin(&storming, n, seed);
	storm_end(&storming);
}

START_TEST(test_while_it_blows)
{
	struct rig *rig = stage(_i ? EVTUN_MONITOR_TUN_ONLY : 0);

	rig_forget(rig);
	sit_out(rig, (unsigned)_i + 1);
	rig_agree(rig);
	check_overruns(rig, 0);
	/* Most of it was seen, if nothing was lost: far more than what
	 * differs between the beginning and the end. */
	if (rig->n_overruns == 0)
		ck_assert_uint_gt(rig->n_lines, CHANGES / 2);
	rig_free(rig);
}
END_TEST

START_TEST(test_when_it_is_over)
{
	struct rig *rig = stage(_i ? EVTUN_MONITOR_TUN_ONLY : 0);

	rig_forget(rig);
	sleep_through(CHANGES, (unsigned)_i + 3);
	rig_agree(rig);
	check_overruns(rig, 1);
	ck_assert_str_eq(rig->lines[0], "overrun");
	/* And then it watches as ever. */
	rig_forget(rig);
	ip_do("tuntap add dev last mode tun");
	rig_agree(rig);
	ck_assert(rig_has(rig, "new last"));
	check_overruns(rig, 1);
	rig_free(rig);
}
END_TEST

/* With room for a few changes some are lost all the time, also while it makes
 * up for those lost before. */
START_TEST(test_little_room)
{
	struct rig *rig = stage(0);

	rig_forget(rig);
	rig_set_room(RIG_NARROW << _i);
	sit_out(rig, 7);
	rig_agree(rig);
	check_overruns(rig, 1);
	rig_free(rig);
}
END_TEST

/* Freed at the overrun, and at any of the differences after it. */
START_TEST(test_freed)
{
	struct rig *rig = stage(0);
	int fds = kit_count_fds();

	rig_forget(rig);
	rig->free_at = (size_t)_i * 7 + 1;
	sleep_through(CHANGES / 4, 5);
	rig_run(rig, rig->free_at);
	ck_assert_str_eq(rig->lines[0], "overrun");
	ck_assert_uint_eq(rig->n_lines, rig->free_at);
	ck_assert_int_eq(kit_count_fds(), fds - 1);
	rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("monitor_storm");
	kit_case("ten_thousand_changes", KIT_NEEDS_TUN);
	kit_loop(test_while_it_blows, 0, 2);
	kit_loop(test_when_it_is_over, 0, 2);
	kit_loop(test_little_room, 0, 2);
	kit_case("freed", KIT_NEEDS_TUN);
	kit_loop(test_freed, 0, 5);
	return kit_run();
}
