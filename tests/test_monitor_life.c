/*
 * How a monitor is made, where it watches, and how it ends.
 */
#include "config.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "ip_json.h"
#include "kit.h"
#include "monitor_rig.h"
#include "tun_look.h"

/* ---- made, or refused ---- */

static void
refuse(struct event_base *base, int netns, unsigned index, int options,
    evtun_monitor_cb cb, int err, const char *words)
{
	struct evtun_monitor *mon;

	mon = evtun_monitor_new(base, netns, index, options, cb, NULL);
	ck_assert_ptr_null(mon);
	ck_assert_int_eq(errno, err);
	look_text(words);
}

/* Before it finds out that there is no such descriptor. */
START_TEST(test_bad_input)
{
	struct rig *rig = rig_base_new();
	int fds = kit_count_fds();

	refuse(NULL, 999, 1, 0, rig_cb, EINVAL, "an event base");
	refuse(rig->base, 999, 1, 0, NULL, EINVAL, "a callback");
	refuse(rig->base, 999, 1, 1 << 2, rig_cb, EINVAL, "option");
	refuse(rig->base, 999, 1, -1, rig_cb, EINVAL, "option");
	refuse(rig->base, 999, INT_MAX + 1u, 0, rig_cb, EINVAL, "index");
	refuse(rig->base, 999, UINT_MAX, 0, rig_cb, EINVAL, "index");
	refuse(rig->base, -2, 1, 0, rig_cb, EINVAL, "namespace");
	refuse(rig->base, INT_MIN, 1, 0, rig_cb, EINVAL, "namespace");
	evtun_monitor_free(NULL);
	ck_assert_int_eq(kit_count_fds(), fds);
	rig_free(rig);
}
END_TEST

START_TEST(test_no_such)
{
	struct rig *rig;
	unsigned lo;
	int fds;

	kit_netns();
	rig = rig_base_new();
	lo = look_index("lo");
	fds = kit_count_fds();
	refuse(rig->base, -1, 12345, 0, rig_cb, ENXIO, "no interface");
	refuse(rig->base, -1, INT_MAX, 0, rig_cb, ENXIO, "no interface");
	refuse(rig->base, -1, lo, EVTUN_MONITOR_TUN_ONLY, rig_cb, ENXIO,
	    "the kind");
	/* Descriptors that are none, and of something else. */
	refuse(rig->base, 999, 0, 0, rig_cb, EINVAL, "no network namespace");
	refuse(rig->base, 0, 0, 0, rig_cb, EINVAL, "watch interfaces");
	ck_assert_int_eq(kit_count_fds(), fds);
	rig_free(rig);
}
END_TEST

static void
watch_as_nobody(void *arg)
{
	struct rig *rig;

	look_become(65534, 65534);
	rig = rig_base_new();
	refuse(rig->base, *(int *)arg, 0, 0, rig_cb, EPERM, "CAP_SYS_ADMIN");
	rig_free(rig);
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_expect(rig, "new lo", "mtu lo 65536", "up lo 1", "carrier lo 1",
	    "added lo 127.0.0.1/8", NULL);
	rig_free(rig);
}

START_TEST(test_privilege)
{
	int elsewhere;

	kit_netns();
	elsewhere = look_netns();
	kit_netns();
	look_in_child(watch_as_nobody, &elsewhere);
	close(elsewhere);
}
END_TEST

START_TEST(test_priority)
{
	struct rig *rig = rig_base_new();

	kit_netns();
	ck_assert_int_eq(event_base_priority_init(rig->base, 3), 0);
	rig->mon = evtun_monitor_new(rig->base, -1, 0, 0, rig_cb, rig);
	ck_assert_ptr_nonnull(rig->mon);
	kit_ok(evtun_monitor_priority_set(rig->mon, 0));
	kit_ok(evtun_monitor_priority_set(rig->mon, 2));
	kit_fails(evtun_monitor_priority_set(rig->mon, 3), EINVAL);
	kit_fails(evtun_monitor_priority_set(rig->mon, -1), EINVAL);
	ip_do("link set lo mtu 1400");
	rig_expect(rig, "mtu lo 1400", NULL);
	rig_free(rig);
}
END_TEST

/* ---- namespaces ---- */

/* Two of them: a descriptor for the one that was left. */
static int
two_namespaces(void)
{
	int other;

	kit_netns();
	other = look_netns();
	kit_netns();
	return other;
}

START_TEST(test_elsewhere)
{
	int there = two_namespaces(), here = look_netns(), lent = dup(there);
	struct rig *rig = rig_new(lent, 0, EVTUN_MONITOR_EXISTING);

	close(lent);
	rig_expect(rig, "new lo", "mtu lo 65536", "up lo 1", "carrier lo 1",
	    "added lo 127.0.0.1/8", NULL);
	ip_do("tuntap add dev w0 mode tun");
	ip_do("link set lo mtu 1400");
	rig_expect(rig, NULL);
	look_enter(there);
	ip_do("tuntap add dev w1 mode tun");
	ip_do("addr add 10.9.0.1/24 dev w1");
	rig_expect(rig, "new w1", "mtu w1 1500", "added w1 10.9.0.1/24",
	    NULL);
	rig_agree(rig);
	look_enter(here);
	rig_free(rig);
	close(here);
	close(there);
}
END_TEST

START_TEST(test_moved)
{
	int there = two_namespaces(), here = look_netns();
	struct rig *rig = rig_new(-1, 0, 0), *other = rig_new(there, 0, 0);
	char line[64];

	ip_do("tuntap add dev w0 mode tun");
	ip_do("addr add 10.9.0.1/24 dev w0");
	rig_expect(rig, "new w0", "mtu w0 1500", "added w0 10.9.0.1/24",
	    NULL);
	look_move("w0", there);
	ck_assert(!ip_can("link show dev w0"));
	look_enter(there);
	snprintf(line, sizeof(line), "moved w0 %u", look_index("w0"));
	rig_expect(rig, "removed w0 10.9.0.1/24", line, NULL);
	rig_expect(other, "new w0", "mtu w0 1500", NULL);
	/* And back, while it is up. */
	ip_do("link set w0 mtu 1400 up");
	rig_expect(other, "mtu w0 1400", "up w0 1", NULL);
	look_move("w0", here);
	look_enter(here);
	ip_must_say("\"mtu\":1400", "link show dev w0");
	rig_expect(rig, "new w0", "mtu w0 1400", NULL);
	snprintf(line, sizeof(line), "moved w0 %u", look_index("w0"));
	rig_expect(other, "up w0 0", line, NULL);
	rig_free(rig);
	rig_free(other);
	close(there);
	close(here);
}
END_TEST

/* Whether the descriptor of a device says that it is gone. */
static int
is_gone(void *arg)
{
	struct pollfd pfd = { *(int *)arg, 0, 0 };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR);
}

/* A namespace that nobody else has any more is there as long as a monitor
 * watches it; with it, a device goes that was moved there. */
START_TEST(test_nobody_else)
{
	int there = two_namespaces(), fd;
	struct evtun *tun = look_new("w0", 0);
	struct rig *rig;

	fd = evtun_get_fd(tun);
	look_move("w0", there);
	rig = rig_new(there, 0, EVTUN_MONITOR_EXISTING);
	close(there);
	rig_run(rig, 7);
	ck_assert(rig_has(rig, "new w0"));
	rig_forget(rig);
	kit_check_idle(rig->base);
	ck_assert(!is_gone(&fd));
	ck_assert_uint_eq(rig->n_lines, 0);
	rig_free(rig);
	/* Only when it is freed; the kernel takes its time. */
	while (!is_gone(&fd))
		usleep(10000);
	evtun_free(tun);
}
END_TEST

/* ---- another of the index ---- */

static struct evtun *
new_of_index(const char *name, unsigned index, int options)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun;

	ck_assert_ptr_nonnull(cfg);
	kit_ok(evtun_config_set_index(cfg, index));
	tun = evtun_new_config(name, options, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	evtun_config_free(cfg);
	ck_assert_uint_eq(look_index(name), index);
	return tun;
}

/* It goes on with others of the index: one of each kind, and all. */
START_TEST(test_others_of_the_index)
{
	struct rig *rig;
	struct evtun *tun;
	unsigned index;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	index = look_index("w0");
	rig = rig_new(-1, index, _i ? EVTUN_MONITOR_TUN_ONLY : 0);
	ip_do("link del w0");
	rig_expect(rig, "gone w0", NULL);
	ip_do("link add w1 type bridge");
	ip_do("link add w2 index %u type bridge", index);
	ip_do("addr add 10.9.0.1/24 dev w2");
	ip_do("link del w2");
	if (_i)
		rig_expect(rig, NULL);
	else
		rig_expect(rig, "new w2", "mtu w2 1500",
		    "added w2 10.9.0.1/24", "removed w2 10.9.0.1/24",
		    "gone w2", NULL);
	tun = new_of_index("w3", index, EVTUN_OPT_TAP);
	ip_do("link set w3 mtu 1400");
	rig_expect(rig, "new w3", "mtu w3 1500", "mtu w3 1400", NULL);
	evtun_free(tun);
	rig_expect(rig, "gone w3", NULL);
	rig_free(rig);
}
END_TEST

/* While changes are lost, one takes the place of another, and has its name and
 * its index. */
START_TEST(test_another_unseen)
{
	struct rig *rig;
	struct evtun *tap = NULL;
	unsigned index;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	ip_do("addr add 10.9.0.1/24 dev w0");
	ip_do("tuntap add dev w1 mode tun");
	index = look_index("w0");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	rig_set_room(RIG_NARROW);
	rig_batch(100, "link set w1 mtu 1%d%03d");
	ip_do("link del w0");
	if (_i)
		tap = new_of_index("w0", index, EVTUN_OPT_TAP);
	else
		ip_do("link add w0 index %u type bridge", index);
	rig_agree(rig);
	ck_assert_uint_eq(rig->n_overruns, 1);
	ck_assert(rig_has(rig, "removed w0 10.9.0.1/24"));
	ck_assert(rig_has(rig, "gone w0"));
	ck_assert(rig_has(rig, "new w0"));
	rig_free(rig);
	evtun_free(tap);
}
END_TEST

/* ---- the loop ---- */

#define MANY 600
/* More than in one turn, and far less than there are. */
#define TURN 300

/* A device that has many addresses, and a monitor that has told of it. */
static struct rig *
watch_many(void)
{
	struct rig *rig;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	rig_batch(MANY, "addr add 10.%d.%d.1/24 dev w0");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	return rig;
}

/* Another event has its turn between changes, however many wait: of many that
 * come, */
START_TEST(test_turns)
{
	struct rig *rig = watch_many();

	ip_do("addr flush dev w0");
	ck_assert_uint_lt(rig_run_turns(rig, MANY), TURN);
	ck_assert_uint_eq(rig->n_lines, MANY);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* of those that one interface has when the monitor is made, */
START_TEST(test_turns_existing)
{
	struct rig *rig = watch_many(), *other;

	other = rig_new(-1, look_index("w0"), EVTUN_MONITOR_EXISTING);
	ck_assert_uint_lt(rig_run_turns(other, MANY + 2), TURN);
	ck_assert_uint_eq(other->n_lines, MANY + 2);
	ck_assert_str_eq(other->lines[0], "new w0");
	ck_assert_str_eq(other->lines[MANY + 1], "added w0 10.2.99.1/24");
	rig_free(other);
	rig_free(rig);
}
END_TEST

/* and of those that it had when its end was lost: one by one, before it, */
START_TEST(test_turns_gone)
{
	struct rig *rig = watch_many();

	rig_set_room(RIG_NARROW);
	ip_do("link del w0");
	ck_assert_uint_lt(rig_run_turns(rig, MANY + 2), TURN);
	ck_assert_uint_eq(rig->n_overruns, 1);
	ck_assert_uint_eq(rig->n_lines, MANY + 2);
	ck_assert_str_eq(rig->lines[MANY + 1], "gone w0");
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* or when it gets them unseen. */
START_TEST(test_turns_listed)
{
	struct rig *rig;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	rig_set_room(RIG_NARROW);
	rig_batch(MANY, "addr add 10.%d.%d.1/24 dev w0");
	ck_assert_uint_lt(rig_run_turns(rig, MANY + 1), TURN);
	ck_assert_uint_ge(rig->n_overruns, 1);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* Freed between two addresses. */
START_TEST(test_freed_of_many)
{
	struct rig *rig = watch_many();
	int fds = kit_count_fds();

	rig_set_room(RIG_NARROW);
	rig->free_at = 300;
	ip_do("link del w0");
	rig_run(rig, 300);
	ck_assert_ptr_null(rig->mon);
	ck_assert_uint_eq(rig->n_lines, 300);
	ck_assert_int_eq(kit_count_fds(), fds - 1);
	rig_free(rig);
}
END_TEST

/* What the kernel says of an interface with many names fits no ordinary
 * buffer. */
START_TEST(test_large_messages)
{
	struct rig *rig, *other;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	rig_batch(400, "link property add dev w0 altname %0100d%020d");
	ip_do("link set w0 mtu 1400");
	rig_run(rig, 1);
	rig_agree(rig);
	rig_forget(rig);
	ip_do("link set w0 up");
	rig_expect(rig, "up w0 1", NULL);
	/* And for one that is made now. */
	other = rig_new(-1, look_index("w0"), EVTUN_MONITOR_EXISTING);
	rig_expect(other, "new w0", "mtu w0 1400", "up w0 1", NULL);
	rig_free(other);
	other = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(other);
	rig_free(other);
	rig_free(rig);
}
END_TEST

/* Freed in its callback, at each of the changes. */
START_TEST(test_freed)
{
	struct rig *rig;
	int there = two_namespaces(), fds;
	size_t at = (size_t)_i + 1;

	ip_do("tuntap add dev w0 mode tun");
	ip_do("tuntap add dev w1 mode tun");
	ip_do("addr add 10.9.0.9/24 dev w1");
	rig = rig_base_new();
	fds = kit_count_fds();
	rig->mon = evtun_monitor_new(rig->base, -1, 0, EVTUN_MONITOR_EXISTING,
	    rig_cb, rig);
	ck_assert_ptr_nonnull(rig->mon);
	rig->free_at = at;
	ip_do("link set w0 mtu 1400 up");
	ip_do("link set w0 name s0");
	ip_do("addr add 10.9.0.1/24 dev s0");
	ip_do("addr add 10.9.0.2/24 dev s0");
	ip_do("link set lo down");
	look_move("w1", there);
	ip_do("link del s0");
	rig_run(rig, at);
	ck_assert_uint_eq(rig->n_lines, at);
	ck_assert_ptr_null(rig->mon);
	ck_assert_int_eq(kit_count_fds(), fds);
	rig_free(rig);
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("monitor_life");
	kit_case("made", 0);
	kit_test(test_bad_input);
	kit_case("made_in_a_namespace", KIT_NEEDS_NETNS);
	kit_test(test_no_such);
	kit_test(test_priority);
	kit_case("without_privilege", KIT_NEEDS_ROOT);
	kit_test(test_privilege);
	kit_case("namespaces", KIT_NEEDS_TUN);
	kit_test(test_elsewhere);
	kit_test(test_moved);
	kit_test(test_nobody_else);
	kit_case("another_of_the_index", KIT_NEEDS_TUN);
	kit_loop(test_others_of_the_index, 0, 2);
	kit_loop(test_another_unseen, 0, 2);
	kit_case("the_loop", KIT_NEEDS_TUN);
	kit_test(test_turns);
	kit_test(test_turns_existing);
	kit_test(test_turns_gone);
	kit_test(test_turns_listed);
	kit_test(test_freed_of_many);
	kit_test(test_large_messages);
	kit_loop(test_freed, 0, 23);
	return kit_run();
}
