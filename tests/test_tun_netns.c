/*
 * Devices in another network namespace than the caller.
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


static const int kinds[] = { 0, EVTUN_OPT_TAP, EVTUN_OPT_OFFLOAD,
	EVTUN_OPT_MULTIQUEUE, EVTUN_OPT_TAP | EVTUN_OPT_OFFLOAD };
#define N_KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

START_TEST(test_new)
{
	struct evtun *tun, *mine;
	int fds;

	netns_two();
	fds = kit_count_fds();
	mine = look_new("vpn0", 0);
	tun = netns_new_there("vpn0", kinds[_i]);
	ck_assert_int_eq(kit_count_fds(), fds + 3);
	ck_assert(netns_is_there(netns_other, "vpn0"));
	ck_assert_int_eq(evtun_get_options(tun), kinds[_i]);
	look_enter(netns_other);
	ck_assert_uint_eq(evtun_get_index(tun), look_index("vpn0"));
	look_enter(netns_home);
	evtun_free(tun);
	ck_assert(!netns_is_there(netns_other, "vpn0"));
	ck_assert(netns_is_there(netns_home, "vpn0"));
	evtun_free(mine);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

START_TEST(test_pattern)
{
	struct evtun *mine, *a, *b;

	netns_two();
	mine = look_new("vpn%d", 0);
	a = netns_new_there("vpn%d", 0);
	b = netns_new_there("vpn%d", 0);
	ck_assert_str_eq(evtun_get_name(mine), "vpn0");
	ck_assert_str_eq(evtun_get_name(a), "vpn0");
	ck_assert_str_eq(evtun_get_name(b), "vpn1");
	evtun_free(mine);
	evtun_free(a);
	evtun_free(b);
}
END_TEST

/* Every call for the device; one of the same name at home is not touched. */
START_TEST(test_calls)
{
	static const ev_uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };
	ev_uint8_t got[6];
	struct evtun *tun, *mine;
	struct look_tun look;
	char *before, *after;

	netns_two();
	mine = look_new("vpn0", EVTUN_OPT_TAP);
	before = ip_json("address show dev vpn0");
	tun = netns_new_there("vpn0", EVTUN_OPT_TAP);
	kit_ok(evtun_set_mtu(tun, 1400));
	kit_ok(evtun_set_hwaddr(tun, mac));
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	kit_ok(evtun_add_address(tun, "10.9.0.2/24", NULL));
	kit_ok(evtun_del_address(tun, "10.9.0.2/24", NULL));
	kit_ok(evtun_set_up(tun, 1));
	kit_ok(evtun_set_owner(tun, 0, -1));
	kit_ok(evtun_set_persist(tun, 1));
	ck_assert_int_eq(evtun_get_mtu(tun), 1400);
	ck_assert_int_eq(evtun_get_up(tun), 1);
	kit_ok(evtun_get_hwaddr(tun, got));
	ck_assert_int_eq(memcmp(got, mac, sizeof(mac)), 0);
	netns_check_there("vpn0", "\"mtu\":1400", 1);
	netns_check_there("vpn0", "02:00:00:00:00:07", 1);
	netns_check_there("vpn0",
	    "\"local\":\"10.9.0.1\",\"prefixlen\":24", 1);
	netns_check_there("vpn0", "\"10.9.0.2\"", 0);
	netns_check_there("vpn0", "\"UP\"", 1);
	look_enter(netns_other);
	look_tun("vpn0", &look);
	look_enter(netns_home);
	ck_assert_int_eq(look.owner, 0);
	ck_assert_int_eq(look.persist, 1);
	kit_ok(evtun_set_persist(tun, 0));
	netns_check_home();
	after = ip_json("address show dev vpn0");
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	evtun_free(tun);
	evtun_free(mine);
}
END_TEST

START_TEST(test_packets)
{
	struct evtun *tun;

	netns_two();
	tun = netns_new_there("vpn0", _i ? EVTUN_OPT_OFFLOAD : 0);
	kit_ok(evtun_set_up(tun, 1));
	netns_check_packets(tun, netns_other, "vpn0");
	evtun_free(tun);
}
END_TEST

START_TEST(test_queue)
{
	struct evtun *tun, *queue;
	struct look_tun look;
	int fds;

	netns_two();
	fds = kit_count_fds();
	tun = netns_new_there("vpn0", EVTUN_OPT_MULTIQUEUE);
	queue = evtun_new_queue(tun);
	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	netns_check_home();
	ck_assert(!netns_is_there(netns_home, "vpn0"));
	look_enter(netns_other);
	look_tun("vpn0", &look);
	look_enter(netns_home);
	ck_assert_int_eq(look.queues, 2);
	kit_ok(evtun_set_mtu(queue, 1300));
	netns_check_there("vpn0", "\"mtu\":1300", 1);
	evtun_free(tun);
	kit_ok(evtun_set_mtu(queue, 1310));
	netns_check_there("vpn0", "\"mtu\":1310", 1);
	evtun_free(queue);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

START_TEST(test_release)
{
	struct evtun *tun;
	int fds, fd;

	netns_two();
	fds = kit_count_fds();
	tun = netns_new_there("vpn0", 0);
	fd = evtun_release(tun);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	close(fd);
	ck_assert(!netns_is_there(netns_other, "vpn0"));
}
END_TEST

/* The name is somebody's there; here, it is free. */
START_TEST(test_taken)
{
	struct evtun *tun;
	int fds;

	netns_two();
	fds = kit_count_fds();
	tun = netns_new_there("vpn0", 0);
	look_refused(netns_try_there("vpn0", 0), EBUSY);
	look_text("open vpn0");
	look_refused(netns_try_there("vpn0", EVTUN_OPT_TAP), EINVAL);
	look_refused(netns_try_there("vpn0", EVTUN_OPT_EXCLUSIVE), EBUSY);
	evtun_free(tun);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

static void
open_without_privilege(void *arg)
{
	(void)arg;
	look_become(65534, 65534);
	look_refused(netns_try_there("vpn0", 0), EPERM);
	look_text("CAP_SYS_ADMIN");
}

START_TEST(test_no_privilege)
{
	netns_two();
	look_in_child(open_without_privilege, NULL);
	ck_assert(!netns_is_there(netns_other, "vpn0"));
	ck_assert(!netns_is_there(netns_home, "vpn0"));
}
END_TEST

START_TEST(test_no_namespace)
{
	struct evtun_config *cfg = evtun_config_new();
	int fds, fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	netns_two();
	fds = kit_count_fds();
	kit_fails(evtun_config_set_netns(cfg, -3), EINVAL);
	kit_fails(evtun_config_set_netns(cfg, 9999), EINVAL);
	look_text("namespace");
	kit_ok(evtun_config_set_netns(cfg, fd));
	look_refused(evtun_new_config("vpn0", 0, cfg), EINVAL);
	look_text("no network namespace");
	ck_assert(!netns_is_there(netns_home, "vpn0"));
	/* Back to that of the caller. */
	kit_ok(evtun_config_set_netns(cfg, -1));
	ck_assert_int_eq(kit_count_fds(), fds);
	evtun_free(evtun_new_config("vpn0", 0, cfg));
	evtun_config_free(cfg);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

int
main(void)
{
	kit_suite("tun_netns");
	kit_case("opened_there", KIT_NEEDS_TUN);
	kit_loop(test_new, 0, N_KINDS);
	kit_test(test_pattern);
	kit_test(test_calls);
	kit_loop(test_packets, 0, 2);
	kit_test(test_queue);
	kit_test(test_release);
	kit_test(test_taken);
	kit_test(test_no_namespace);
	kit_case("opened_there_by_whom", KIT_NEEDS_TUN_ROOT);
	kit_test(test_no_privilege);
	return kit_run();
}
