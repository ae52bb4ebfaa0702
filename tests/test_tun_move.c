/*
 * Devices that move to another network namespace.
 */
#include "config.h"

#include <sys/stat.h>
#include <arpa/inet.h>
#include <net/if.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "ip_json.h"
#include "kit.h"
#include "netns_rig.h"
#include "tun_look.h"

START_TEST(test_move)
{
	struct evtun *tun;
	int fds;

	netns_two();
	fds = kit_count_fds();
	tun = look_new("vpn0", 0);
	kit_ok(evtun_set_up(tun, 1));
	kit_ok(evtun_move(tun, netns_other, _i ? "vpn7" : NULL));
	netns_check_home();
	ck_assert(!netns_is_there(netns_home, "vpn0"));
	ck_assert(netns_is_there(netns_other, _i ? "vpn7" : "vpn0"));
	ck_assert_str_eq(evtun_get_name(tun), _i ? "vpn7" : "vpn0");
	ck_assert_int_eq(evtun_get_up(tun), 0);
	kit_ok(evtun_set_mtu(tun, 1400));
	netns_check_there(evtun_get_name(tun), "\"mtu\":1400", 1);
	kit_ok(evtun_set_up(tun, 1));
	netns_check_packets(tun, netns_other, evtun_get_name(tun));
	ck_assert_int_eq(kit_count_fds(), fds + 2);
	/* It is there: a success. */
	kit_ok(evtun_move(tun, netns_other, NULL));
	ck_assert_int_eq(evtun_get_mtu(tun), 1400);
	/* And back. */
	kit_ok(evtun_move(tun, -1, "vpn8"));
	ck_assert(netns_is_there(netns_home, "vpn8"));
	kit_ok(evtun_set_mtu(tun, 1410));
	ck_assert_int_eq(look_mtu("vpn8"), 1410);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	evtun_free(tun);
	ck_assert(!netns_is_there(netns_home, "vpn8"));
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* Made there, brought here. */
START_TEST(test_fetch)
{
	struct evtun *tun;

	netns_two();
	tun = netns_new_there("vpn0", 0);
	kit_ok(evtun_move(tun, netns_home, NULL));
	ck_assert(!netns_is_there(netns_other, "vpn0"));
	kit_ok(evtun_set_mtu(tun, 1410));
	ck_assert_int_eq(look_mtu("vpn0"), 1410);
	evtun_free(tun);
}
END_TEST

START_TEST(test_move_refused)
{
	struct evtun *tun, *there;
	int fds, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	netns_two();
	there = netns_new_there("vpn0", 0);
	tun = look_new("vpn0", 0);
	fds = kit_count_fds();
	kit_fails(evtun_move(tun, netns_other, NULL), EEXIST);
	kit_fails(evtun_move(tun, netns_other, "a/b"), EINVAL);
	kit_fails(evtun_move(tun, -7, NULL), EINVAL);
	kit_fails(evtun_move(tun, 9999, NULL), EINVAL);
	kit_fails(evtun_move(tun, null, NULL), EINVAL);
	ck_assert_int_eq(kit_count_fds(), fds);
	/* It is where it was, and so are the calls. */
	kit_ok(evtun_set_mtu(tun, 1400));
	ck_assert_int_eq(look_mtu("vpn0"), 1400);
	netns_check_there("vpn0", "\"mtu\":1500", 1);
	evtun_free(tun);
	kit_fails(evtun_move(there, 9999, NULL), EINVAL);
	evtun_free(there);
}
END_TEST

static void
move_without_privilege(void *arg)
{
	look_become(65534, 65534);
	kit_fails(evtun_move(arg, netns_other, NULL), EPERM);
}

START_TEST(test_move_no_privilege)
{
	struct evtun *tun;

	netns_two();
	tun = look_new("vpn0", 0);
	look_in_child(move_without_privilege, tun);
	ck_assert(netns_is_there(netns_home, "vpn0"));
	evtun_free(tun);
}
END_TEST

START_TEST(test_move_gone)
{
	struct evtun *tun;

	netns_two();
	tun = look_new("vpn0", 0);
	kit_link_delete("vpn0");
	kit_fails(evtun_move(tun, netns_other, NULL), ENXIO);
	evtun_free(tun);
}
END_TEST

/* The index is taken there. */
START_TEST(test_move_index)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun, *taken;

	netns_two();
	kit_ok(evtun_config_set_index(cfg, 7077));
	tun = evtun_new_config("vpn0", 0, cfg);
	kit_ok(evtun_config_set_netns(cfg, netns_other));
	taken = evtun_new_config("vpn1", 0, cfg);
	ck_assert_ptr_nonnull(tun);
	ck_assert_ptr_nonnull(taken);
	kit_ok(evtun_move(tun, netns_other, NULL));
	ck_assert_uint_ne(evtun_get_index(tun), 7077);
	look_enter(netns_other);
	ck_assert_uint_eq(evtun_get_index(tun), look_index("vpn0"));
	look_enter(netns_home);
	kit_ok(evtun_set_mtu(tun, 1400));
	netns_check_there("vpn0", "\"mtu\":1400", 1);
	evtun_config_free(cfg);
	evtun_free(tun);
	evtun_free(taken);
}
END_TEST

/* The other queues of an interface follow, each by itself. */
START_TEST(test_move_queues)
{
	struct evtun *tun, *queue;

	netns_two();
	tun = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	queue = evtun_new_queue(tun);
	ck_assert_ptr_nonnull(queue);
	kit_ok(evtun_move(tun, netns_other, NULL));
	kit_fails(evtun_set_mtu(queue, 1400), ENODEV);
	kit_ok(evtun_move(queue, netns_other, NULL));
	kit_ok(evtun_set_mtu(queue, 1400));
	netns_check_there("vpn0", "\"mtu\":1400", 1);
	evtun_free(queue);
	queue = evtun_new_queue(tun);
	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	ck_assert(!netns_is_there(netns_home, "vpn0"));
	evtun_free(queue);
	evtun_free(tun);
}
END_TEST

/* By somebody else: an interface of that name is not taken for it. */
START_TEST(test_moved_away)
{
	struct evtun *tun, *namesake;

	netns_two();
	tun = netns_new_there("vpn0", 0);
	look_enter(netns_other);
	look_move("vpn0", netns_home);
	namesake = look_new("vpn0", 0);
	look_enter(netns_home);
	kit_fails(evtun_set_mtu(tun, 1400), ENODEV);
	look_text("another network namespace");
	kit_fails(evtun_get_up(tun), ENODEV);
	ck_assert_int_eq(look_mtu("vpn0"), 1500);
	netns_check_there("vpn0", "\"mtu\":1500", 1);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	/* Told so, it acts here. */
	kit_ok(evtun_move(tun, -1, NULL));
	kit_ok(evtun_set_mtu(tun, 1400));
	ck_assert_int_eq(look_mtu("vpn0"), 1400);
	evtun_free(tun);
	evtun_free(namesake);
}
END_TEST

int
main(void)
{
	kit_suite("tun_move");
	kit_case("moved", KIT_NEEDS_TUN);
	kit_loop(test_move, 0, 2);
	kit_test(test_fetch);
	kit_test(test_move_refused);
	kit_test(test_move_gone);
	kit_test(test_move_index);
	kit_test(test_move_queues);
	kit_test(test_moved_away);
	kit_case("moved_by_whom", KIT_NEEDS_TUN_ROOT);
	kit_test(test_move_no_privilege);
	return kit_run();
}
