/*
 * What a monitor tells of interfaces: each change once, in order, with the new
 * value, and nothing else.  What it should be is asked of ip(8).
 */
#include "config.h"

#include <net/if_arp.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "evtun/linux.h"
#include "ip_json.h"
#include "kit.h"
#include "monitor_rig.h"
#include "tun_look.h"

/* A namespace with a device that nobody has open, and a monitor.  No
 * other program uses the name: one that looks for the holders of a device has
 * all of that name open for a moment, in whatever namespace they are. */
static struct rig *
stage(int options)
{
	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	return rig_new(-1, 0, options);
}

START_TEST(test_each)
{
	struct rig *rig = stage(0);

	ip_do("link set w0 up");
	ip_must_say("\"NOARP\",\"UP\"", "link show dev w0");
	rig_expect(rig, "up w0 1", NULL);
	ip_do("link set w0 mtu 1400");
	ip_must_say("\"mtu\":1400", "link show dev w0");
	rig_expect(rig, "mtu w0 1400", NULL);
	ip_do("link set w0 name w1");
	ip_must_say("\"ifname\":\"w1\"", "link show dev w1");
	rig_expect(rig, "name w1 w0", NULL);
	ip_do("addr add 10.9.0.1/24 dev w1");
	ip_must_say("\"local\":\"10.9.0.1\",\"prefixlen\":24",
	    "addr show dev w1");
	rig_expect(rig, "added w1 10.9.0.1/24", NULL);
	ip_do("addr del 10.9.0.1/24 dev w1");
	ip_must_not_say("10.9.0.1", "addr show dev w1");
	rig_expect(rig, "removed w1 10.9.0.1/24", NULL);
	ip_do("link set w1 down");
	ip_must_not_say("\"NOARP\",\"UP\"", "link show dev w1");
	rig_expect(rig, "up w1 0", NULL);
	ip_do("link del w1");
	ck_assert(!ip_can("link show dev w1"));
	rig_expect(rig, "gone w1", NULL);
	ip_do("tuntap add dev w2 mode tap");
	ip_must_say("\"mtu\":1500", "link show dev w2");
	rig_expect(rig, "new w2", "mtu w2 1500", NULL);
	rig_free(rig);
}
END_TEST

/* None of them is seen before all have been made. */
START_TEST(test_order)
{
	struct rig *rig = stage(0);

	ip_do("link set w0 up");
	ip_do("link set w0 mtu 1400");
	ip_do("addr add 10.9.0.1/24 dev w0");
	ip_do("link set w0 name w1");
	ip_do("link set w1 down");
	ip_do("addr add 10.9.0.2/24 dev w1");
	ip_do("link set w1 mtu 1300");
	ip_do("addr del 10.9.0.2/24 dev w1");
	ip_do("link set w1 up mtu 1400");
	ip_do("link del w1");
	rig_expect(rig, "up w0 1", "mtu w0 1400", "added w0 10.9.0.1/24",
	    "name w1 w0", "up w1 0", "added w1 10.9.0.2/24", "mtu w1 1300",
	    "removed w1 10.9.0.2/24", "mtu w1 1400", "up w1 1", "up w1 0",
	    "removed w1 10.9.0.1/24", "gone w1", NULL);
	kit_check_idle(rig->base);
	ck_assert_uint_eq(evtun_monitor_get_overruns(rig->mon), 0);
	rig_free(rig);
}
END_TEST

START_TEST(test_nothing)
{
	struct rig *rig = stage(0);

	ip_do("addr add 10.9.0.1/24 dev w0");
	rig_expect(rig, "added w0 10.9.0.1/24", NULL);
	ip_do("link set w0 alias words");
	ip_do("link set w0 txqueuelen 700");
	ip_do("link set w0 group 7");
	ip_do("link set w0 promisc on");
	ip_do("link set w0 mtu 1500 name w0 down");
	ip_do("link property add dev w0 altname another");
	ip_do("addr change 10.9.0.1/24 dev w0 valid_lft 1000 "
	    "preferred_lft 1000");
	ip_do("route add 10.10.0.0/24 via 127.0.0.1 dev lo");
	ip_must_say("\"txqlen\":700", "link show dev w0");
	rig_expect(rig, NULL);
	rig_free(rig);
}
END_TEST

START_TEST(test_carrier)
{
	struct rig *rig;
	struct evtun *tun;

	kit_netns();
	tun = look_new("w0", 0);
	rig = rig_new(-1, 0, 0);
	ip_do("link set w0 up");
	ip_must_say("LOWER_UP", "link show dev w0");
	rig_expect(rig, "up w0 1", "carrier w0 1", NULL);
	ip_do("link set w0 carrier off");
	rig_expect(rig, "carrier w0 0", NULL);
	ip_must_not_say("LOWER_UP", "link show dev w0");
	ip_do("link set w0 carrier on");
	rig_expect(rig, "carrier w0 1", NULL);
	ip_must_say("LOWER_UP", "link show dev w0");
	ip_do("link set w0 down");
	rig_expect(rig, "up w0 0", "carrier w0 0", NULL);
	evtun_free(tun);
	rig_expect(rig, "gone w0", NULL);
	rig_free(rig);
}
END_TEST

START_TEST(test_addresses_go_first)
{
	struct rig *rig;

	kit_netns();
	kit_ipv6(1);
	ip_do("tuntap add dev w0 mode tun");
	ip_do("link set w0 up addrgenmode none");
	ip_do("addr add 10.9.0.1/24 dev w0");
	ip_do("addr add fd00::1/64 dev w0 nodad");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	ip_do("link del w0");
	rig_run(rig, 4);
	ck_assert(rig_has(rig, "removed w0 10.9.0.1/24"));
	ck_assert(rig_has(rig, "removed w0 fd00::1/64"));
	ck_assert_str_eq(rig->lines[rig->n_lines - 1], "gone w0");
	ck_assert_uint_eq(rig->n_lines, 4);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* The kernel tells of a new one, and again once nobody else has it. */
START_TEST(test_tentative)
{
	struct rig *rig;

	kit_netns();
	kit_ipv6(1);
	ip_do("link add br0 type bridge");
	ip_do("link set br0 addrgenmode none");
	ip_do("tuntap add dev w0 mode tap");
	ip_do("link set w0 addrgenmode none master br0");
	ip_do("link set w0 up");
	ip_do("link set br0 up");
	rig = rig_new(-1, 0, 0);
	ip_do("addr add fd00::1/64 dev lo");
	ip_do("addr add fd00::2/64 dev br0 nodad");
	ip_do("addr add fd00::2/64 dev lo");
	rig_expect(rig, "added lo fd00::1/64", "added br0 fd00::2/64",
	    "added lo fd00::2/64", NULL);
	/* Now without the sign that it is not in use: two messages more. */
	ip_do("addr change fd00::2/64 dev br0 nodad home");
	ip_do("addr change fd00::2/64 dev br0 nodad");
	rig_expect(rig, NULL);
	/* It goes with IPv6 itself, below 1280. */
	ip_do("link set br0 mtu 1279");
	rig_run(rig, 2);
	ck_assert(rig_has(rig, "mtu br0 1279"));
	ck_assert(rig_has(rig, "removed br0 fd00::2/64"));
	ip_must_not_say("fd00::2", "addr show dev br0");
	rig_free(rig);
}
END_TEST

/* Of the type of hardware nothing is told, though the kernel sends it. */
START_TEST(test_type_of_hardware)
{
	struct rig *rig;
	struct evtun *tap;

	kit_netns();
	tap = look_new("w0", EVTUN_OPT_TAP);
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	kit_ok(evtun_linux_set_type(tap, ARPHRD_LOCALTLK));
	ip_must_not_say("\"link_type\":\"ether\"", "link show dev w0");
	rig_expect(rig, NULL);
	rig_free(rig);
	evtun_free(tap);
}
END_TEST

static int
is_not_tentative(void *arg)
{
	(void)arg;
	return !ip_says("tentative", "addr show dev w0");
}

START_TEST(test_duplicate_detection)
{
	struct rig *rig;
	struct evtun *tap;

	kit_netns();
	kit_ipv6(1);
	tap = look_new("w0", EVTUN_OPT_TAP);
	ip_do("link set w0 addrgenmode none");
	ip_do("link set w0 up");
	rig = rig_new(-1, 0, 0);
	ip_do("addr add fd00::1/64 dev w0");
	ip_must_say("tentative", "addr show dev w0");
	rig_expect(rig, "added w0 fd00::1/64", NULL);
	/* It takes the kernel a second or two. */
	while (!is_not_tentative(NULL))
		usleep(50000);
	rig_expect(rig, NULL);
	rig_free(rig);
	evtun_free(tap);
}
END_TEST

START_TEST(test_peers)
{
	struct rig *rig = stage(EVTUN_MONITOR_EXISTING);

	rig_agree(rig);
	rig_forget(rig);
	ip_do("addr add 10.9.0.1 peer 10.9.0.2/32 dev w0");
	ip_do("addr add 10.9.0.1 peer 10.9.0.3/32 dev w0");
	ip_do("addr add 10.9.0.1/24 dev w0");
	rig_expect(rig, "added w0 10.9.0.1/32 10.9.0.2",
	    "added w0 10.9.0.1/32 10.9.0.3", "added w0 10.9.0.1/24", NULL);
	rig_agree(rig);
	ip_do("addr del 10.9.0.1 peer 10.9.0.3/32 dev w0");
	rig_expect(rig, "removed w0 10.9.0.1/32 10.9.0.3", NULL);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* An IPv6 address keeps its place when it gets another peer. */
START_TEST(test_peer_changes)
{
	struct rig *rig;

	kit_netns();
	kit_ipv6(1);
	ip_do("tuntap add dev w0 mode tun");
	ip_do("link set w0 up addrgenmode none");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	ip_do("addr add fd00::1 peer fd00::2/128 dev w0 nodad");
	rig_expect(rig, "added w0 fd00::1/128 fd00::2", NULL);
	ip_do("addr replace fd00::1 peer fd00::3/128 dev w0 nodad");
	ip_must_say("\"address\":\"fd00::3\"", "addr show dev w0");
	rig_expect(rig, "removed w0 fd00::1/128 fd00::2",
	    "added w0 fd00::1/128 fd00::3", NULL);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* A bridge says that its port is there, and is gone, in the same words. */
START_TEST(test_bridge_port)
{
	struct rig *rig;

	kit_netns();
	ip_do("tuntap add dev w0 mode tap");
	ip_do("link add br0 type bridge");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	rig_agree(rig);
	rig_forget(rig);
	ip_do("link set w0 master br0");
	ip_must_say("\"master\":\"br0\"", "link show dev w0");
	ip_do("link set w0 nomaster");
	ip_must_not_say("\"master\"", "link show dev w0");
	rig_expect(rig, NULL);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

START_TEST(test_one_index)
{
	struct rig *rig;
	int i;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	ip_do("addr add 10.9.0.1/24 dev w0");
	ip_do("tuntap add dev w1 mode tun");
	rig = rig_new(-1, look_index("w0"), EVTUN_MONITOR_EXISTING);
	rig_expect(rig, "new w0", "mtu w0 1500", "added w0 10.9.0.1/24", NULL);
	for (i = 0; i < 2; i++) {
		ip_do("link set w%d mtu 1400", i);
		ip_do("addr add 10.9.0.2/24 dev w%d", i);
		ip_do("link set w%d name s%d", i, i);
	}
	rig_expect(rig, "mtu w0 1400", "added w0 10.9.0.2/24", "name s0 w0",
	    NULL);
	ip_do("link del s1");
	ip_do("link del s0");
	rig_expect(rig, "removed s0 10.9.0.1/24", "removed s0 10.9.0.2/24",
	    "gone s0", NULL);
	rig_free(rig);
}
END_TEST

START_TEST(test_tun_only)
{
	struct rig *rig;

	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	ip_do("tuntap add dev w1 mode tap");
	ip_do("link add br0 type bridge");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING | EVTUN_MONITOR_TUN_ONLY);
	rig_expect(rig, "new w0", "mtu w0 1500", "new w1", "mtu w1 1500",
	    NULL);
	ip_do("link set br0 mtu 1400");
	ip_do("addr add 10.9.0.1/24 dev br0");
	ip_do("addr add 10.9.0.2/24 dev lo");
	ip_do("link add br1 type bridge");
	ip_do("link del br1");
	ip_do("link set w1 mtu 1400");
	ip_do("tuntap add dev w2 mode tun");
	rig_expect(rig, "mtu w1 1400", "new w2", "mtu w2 1500", NULL);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

START_TEST(test_existing)
{
	struct rig *rig;
	struct evtun *tun;

	kit_netns();
	tun = look_new("w0", 0);
	ip_do("link set w0 mtu 1400");
	ip_do("link set w0 up");
	ip_do("addr add 10.9.0.1 peer 10.9.0.2/32 dev w0");
	ip_do("addr add 10.9.0.3/24 dev w0");
	ip_do("tuntap add dev w1 mode tun");
	rig = rig_new(-1, 0, EVTUN_MONITOR_EXISTING);
	/* What happens before the loop has told of it comes afterwards. */
	ip_do("link del w1");
	rig_expect(rig, "new lo", "mtu lo 65536", "up lo 1", "carrier lo 1",
	    "added lo 127.0.0.1/8", "new w0", "mtu w0 1400", "up w0 1",
	    "carrier w0 1", "added w0 10.9.0.1/32 10.9.0.2",
	    "added w0 10.9.0.3/24", "new w1", "mtu w1 1500", "gone w1", NULL);
	rig_agree(rig);
	rig_free(rig);
	evtun_free(tun);
}
END_TEST

START_TEST(test_device)
{
	struct rig *rig;
	struct evtun *tun, *other;

	kit_netns();
	tun = look_new("w0", 0);
	other = look_new("w1", 0);
	rig = rig_base_new();
	rig->mon = evtun_monitor_new_tun(rig->base, tun, 0, rig_cb, rig);
	ck_assert_msg(rig->mon != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_mtu(other, 1300));
	kit_ok(evtun_set_mtu(tun, 1400));
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	rig_expect(rig, "mtu w0 1400", "added w0 10.9.0.1/24", NULL);
	kit_link_delete("w0");
	rig_expect(rig, "removed w0 10.9.0.1/24", "gone w0", NULL);
	ck_assert_ptr_null(evtun_monitor_new_tun(rig->base, tun, 0, rig_cb,
	    rig));
	ck_assert_int_eq(errno, ENXIO);
	rig_free(rig);
	evtun_free(tun);
	evtun_free(other);
}
END_TEST

int
main(void)
{
	kit_suite("monitor");
	kit_case("changes", KIT_NEEDS_TUN);
	kit_test(test_each);
	kit_test(test_order);
	kit_test(test_nothing);
	kit_test(test_carrier);
	kit_test(test_addresses_go_first);
	kit_test(test_tentative);
	kit_test(test_duplicate_detection);
	kit_test(test_peers);
	kit_test(test_peer_changes);
	kit_test(test_bridge_port);
	kit_test(test_type_of_hardware);
	kit_case("which", KIT_NEEDS_TUN);
	kit_test(test_one_index);
	kit_test(test_tun_only);
	kit_test(test_existing);
	kit_test(test_device);
	return kit_run();
}
