/*
 * What links say of interfaces of all kinds, beside what ip(8) says; how they
 * are found; and what becomes of them when the interface changes.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if_arp.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"

/* ---- what they say ---- */

static const int kinds[] = {
	IFF_TUN | IFF_NO_PI,
	IFF_TAP | IFF_NO_PI,
	IFF_TUN,
	IFF_TAP | IFF_VNET_HDR | IFF_NO_PI,
	IFF_TUN | IFF_MULTI_QUEUE,
	IFF_TAP | IFF_MULTI_QUEUE | IFF_VNET_HDR
};
#define N_KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

START_TEST(test_device)
{
	struct evtun_link *link;
	int tap = !!(kinds[_i] & IFF_TAP), fd;

	kit_netns();
	fd = look_open("vpn0", kinds[_i]);
	link = link_look("vpn0", -1);
	ck_assert_int_eq(evtun_link_get_kind(link),
	    tap ? EVTUN_LINK_TAP : EVTUN_LINK_TUN);
	ck_assert_int_eq(evtun_link_get_type(link),
	    tap ? ARPHRD_ETHER : ARPHRD_NONE);
	/* Of one that has no more than one, Linux does not tell. */
	ck_assert_uint_eq(evtun_link_get_queues(link),
	    !!(kinds[_i] & IFF_MULTI_QUEUE));
	link_check(link);
	ip_do("link set vpn0 up mtu 1400 txqueuelen 77 group 42");
	link_check(link);
	ck_assert_int_eq(evtun_link_get_mtu(link), 1400);
	ck_assert_int_eq(evtun_link_get_txqueuelen(link), 77);
	ck_assert_int_eq(evtun_link_get_group(link), 42);
	ip_do("link set vpn0 down alias two\\ words");
	ip_do("link set vpn0 promisc on addrgenmode none multicast off");
	ip_do("link property add dev vpn0 altname a altname "
	    "one-that-is-longer-than-a-name altname b0");
	link_check(link);
	ck_assert_str_eq(evtun_link_get_alias(link), "two words");
	ck_assert_str_eq(evtun_link_get_altname(link, 0), "a");
	ck_assert_str_eq(evtun_link_get_altname(link, 2), "b0");
	ck_assert_ptr_null(evtun_link_get_altname(link, 3));
	ck_assert_ptr_null(evtun_link_get_altname(link, (size_t)-1));
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	link_check(link);
	close(fd);
	link_check(link);
	ck_assert_uint_eq(evtun_link_get_queues(link), 0);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_carrier)
{
	struct evtun_link *link;
	int fd;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	link = link_look("vpn0", -1);
	ip_do("link set vpn0 up");
	link_check(link);
	ck_assert_int_eq(evtun_link_get_flags(link), EVTUN_LINK_UP |
	    EVTUN_LINK_RUNNING | EVTUN_LINK_CARRIER | EVTUN_LINK_NO_ARP |
	    EVTUN_LINK_POINT_TO_POINT | EVTUN_LINK_MULTICAST);
	ip_do("link set vpn0 carrier off");
	link_check(link);
	ck_assert_int_eq(evtun_link_get_flags(link), EVTUN_LINK_UP |
	    EVTUN_LINK_NO_ARP | EVTUN_LINK_POINT_TO_POINT |
	    EVTUN_LINK_MULTICAST);
	evtun_link_free(link);
	close(fd);
}
END_TEST

START_TEST(test_queues)
{
	const int flags = IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE;
	struct evtun_link *link;
	struct ifreq ifr;
	int fd[3], i;

	kit_netns();
	for (i = 0; i < 3; i++)
		fd[i] = look_open("vpn0", flags);
	link = link_look("vpn0", -1);
	link_check(link);
	ck_assert_uint_eq(evtun_link_get_queues(link), 3);
	ck_assert_uint_eq(evtun_link_get_detached_queues(link), 0);
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = IFF_DETACH_QUEUE;
	ck_assert_int_eq(ioctl(fd[1], TUNSETQUEUE, &ifr), 0);
	link_check(link);
	ck_assert_uint_eq(evtun_link_get_queues(link), 2);
	ck_assert_uint_eq(evtun_link_get_detached_queues(link), 1);
	evtun_link_free(link);
	for (i = 0; i < 3; i++)
		close(fd[i]);
}
END_TEST

START_TEST(test_owner)
{
	struct evtun_link *link;
	int fd;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	ck_assert_int_eq(ioctl(fd, TUNSETOWNER, 41231UL), 0);
	link = link_look("vpn0", -1);
	link_check(link);
	ck_assert_int_eq(evtun_link_get_owner(link), 41231);
	ck_assert_int_eq(evtun_link_get_owner_group(link), -1);
	ck_assert_int_eq(ioctl(fd, TUNSETGROUP, 4294967294UL), 0);
	ck_assert_int_eq(evtun_link_get_owner_group(link), -1);
	kit_ok(evtun_link_update(link));
	ck_assert_int_eq(evtun_link_get_owner(link), 41231);
	ck_assert_int_eq(evtun_link_get_owner_group(link), 4294967294L);
	evtun_link_free(link);
	close(fd);
}
END_TEST

START_TEST(test_other_kind)
{
	struct evtun_link *link;

	kit_netns();
	link = link_look("lo", -1);
	link_check(link);
	ck_assert_int_eq(evtun_link_get_kind(link), EVTUN_LINK_OTHER);
	ck_assert_int_eq(evtun_link_get_type(link), ARPHRD_LOOPBACK);
	ck_assert_uint_eq(evtun_link_get_index(link), 1);
	ck_assert_uint_eq(evtun_link_get_queues(link), 0);
	evtun_link_free(link);
	evtun_link_free(NULL);
}
END_TEST

/* No more than there is room for. */
START_TEST(test_hwaddr)
{
	static const unsigned char mac[6] = { 2, 3, 5, 7, 11, 13 };
	struct evtun_link *link;
	unsigned char got[8] = { 0 };
	int fd;

	kit_netns();
	fd = look_open("vpn0", IFF_TAP | IFF_NO_PI);
	ip_do("link set vpn0 address 02:03:05:07:0b:0d");
	link = link_look("vpn0", -1);
	ck_assert_uint_eq(evtun_link_get_hwaddr(link, NULL, 0), 6);
	ck_assert_uint_eq(evtun_link_get_hwaddr(link, got, 4), 6);
	ck_assert_mem_eq(got, mac, 4);
	ck_assert_uint_eq(got[4], 0);
	ck_assert_uint_eq(evtun_link_get_hwaddr(link, got, 8), 6);
	ck_assert_mem_eq(got, mac, 6);
	ck_assert_uint_eq(got[6], 0);
	evtun_link_free(link);
	close(fd);
}
END_TEST

START_TEST(test_counts)
{
	unsigned char packet[1500] = { 0 };
	struct evtun_link *link;
	struct evtun *tun;
	int i;

	kit_netns();
	tun = look_new("vpn0", 0);
	link = link_look("vpn0", -1);
	packet[0] = 0x45;
	kit_fails(evtun_write(tun, packet, 20), ENETDOWN);
	ip_do("link set vpn0 up txqueuelen 4");
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	for (i = 0; i < 3; i++)
		kit_ok(evtun_write(tun, packet, 100));
	for (i = 0; i < 7; i++)
		link_send_one();
	for (i = 0; evtun_read(tun, packet, sizeof(packet)) > 0; i++)
		;
	link_check(link);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_IN_PACKETS),
	    3);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_IN_BYTES), 300);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_IN_DROPPED),
	    1);
	ck_assert_int_ge(i, 1);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_OUT_PACKETS),
	    i);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_OUT_BYTES),
	    29 * i);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_OUT_DROPPED),
	    7 - i);
	ck_assert_int_lt(i, 7);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_N_COUNTS), 0);
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

/* ---- how they are found ---- */

START_TEST(test_find)
{
	static const char other[] = "another.name-that_is-longer-than-15";
	struct evtun_link *link;
	int fd, fds;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	ip_do("link property add dev vpn0 altname %s altname a", other);
	fds = kit_count_fds();
	link = link_look(other, -1);
	ck_assert_str_eq(evtun_link_get_name(link), "vpn0");
	evtun_link_free(link);
	link = link_look("a", -1);
	ck_assert_str_eq(evtun_link_get_name(link), "vpn0");
	evtun_link_free(link);
	link = evtun_link_new_index(look_index("vpn0"), -1);
	ck_assert_ptr_nonnull(link);
	ck_assert_str_eq(evtun_link_get_name(link), "vpn0");
	link_check(link);
	evtun_link_free(link);
	ck_assert_int_eq(kit_count_fds(), fds);
	close(fd);
}
END_TEST

START_TEST(test_not_found)
{
	char name[129];
	int fds;

	kit_netns();
	fds = kit_count_fds();
	memset(name, 'a', 128);
	name[128] = '\0';
	link_refused(evtun_link_new(name, -1), EINVAL);
	name[127] = '\0';
	link_refused(evtun_link_new(name, -1), ENXIO);
	link_refused(evtun_link_new("vpn0", -1), ENXIO);
	look_text("no such interface");
	link_refused(evtun_link_new_index(77, -1), ENXIO);
	link_refused(evtun_link_new(NULL, -1), EINVAL);
	link_refused(evtun_link_new("", -1), EINVAL);
	look_text("name");
	link_refused(evtun_link_new_index(0, -1), EINVAL);
	link_refused(evtun_link_new_index(0x80000000u, -1), EINVAL);
	look_text("index");
	link_refused(evtun_link_new("lo", -2), EINVAL);
	link_refused(evtun_link_new_index(1, -2), EINVAL);
	look_text("namespace");
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* ---- and lost ---- */

START_TEST(test_renamed)
{
	struct evtun_link *link;
	int fd, decoy;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	link = link_look("vpn0", -1);
	look_rename("vpn0", "other");
	decoy = look_open("vpn0", IFF_TAP | IFF_NO_PI);
	ck_assert_str_eq(evtun_link_get_name(link), "vpn0");
	link_check(link);
	ck_assert_str_eq(evtun_link_get_name(link), "other");
	kit_ok(evtun_link_set_mtu(link, 1400));
	ip_must_say("\"mtu\":1400,", "link show dev other");
	ip_must_say("\"mtu\":1500,", "link show dev vpn0");
	evtun_link_free(link);
	close(fd);
	close(decoy);
}
END_TEST

START_TEST(test_gone)
{
	struct evtun_link *link;
	int fd;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	link = link_look("vpn0", -1);
	ip_do("link set vpn0 mtu 1400");
	kit_ok(evtun_link_update(link));
	close(fd);
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	kit_fails(evtun_link_update(link), ENXIO);
	look_text("no such interface");
	/* What was told is there still. */
	ck_assert_str_eq(evtun_link_get_name(link), "vpn0");
	ck_assert_int_eq(evtun_link_get_mtu(link), 1400);
	kit_fails(evtun_link_set_mtu(link, 1300), ENXIO);
	ip_must_say("\"mtu\":1500,", "link show dev vpn0");
	evtun_link_free(link);
	close(fd);
}
END_TEST

START_TEST(test_moved)
{
	struct evtun_link *link;
	int there, fd;

	kit_netns();
	there = look_netns();
	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	link = link_look("vpn0", -1);
	look_move("vpn0", there);
	kit_fails(evtun_link_update(link), ENXIO);
	kit_fails(evtun_link_set_mtu(link, 1400), ENXIO);
	evtun_link_free(link);
	close(fd);
	close(there);
}
END_TEST

/* The caller leaves for where another interface has that name and index. */
START_TEST(test_caller_moved)
{
	struct evtun_link *link;
	int home, fd, decoy, netns;

	kit_netns();
	home = look_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	link = link_look("vpn0", -1);
	kit_netns();
	decoy = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	ck_assert_uint_eq(look_index("vpn0"), evtun_link_get_index(link));
	kit_fails(evtun_link_update(link), ENXIO);
	kit_fails(evtun_link_set_mtu(link, 1400), ENXIO);
	kit_fails(evtun_link_get_netns(link), ENXIO);
	ip_must_say("\"mtu\":1500,", "link show dev vpn0");
	look_enter(home);
	kit_ok(evtun_link_set_mtu(link, 1400));
	link_check(link);
	netns = evtun_link_get_netns(link);
	ck_assert_int_ge(netns, 0);
	close(netns);
	evtun_link_free(link);
	close(fd);
	close(decoy);
	close(home);
}
END_TEST

/* ---- of a device ---- */

START_TEST(test_of_device)
{
	struct evtun_link *link;
	struct evtun *tun;
	int there;

	kit_netns();
	there = look_netns();
	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	link = evtun_link_new_tun(tun);
	ck_assert_msg(link != NULL, "%s", evtun_get_error());
	link_check(link);
	ck_assert_uint_eq(evtun_link_get_index(link), look_index("vpn0"));
	evtun_link_free(link);
	look_rename("vpn0", "other");
	link = evtun_link_new_tun(tun);
	ck_assert_msg(link != NULL, "%s", evtun_get_error());
	ck_assert_str_eq(evtun_link_get_name(link), "other");
	evtun_link_free(link);
	look_move("other", there);
	link_refused(evtun_link_new_tun(tun), ENODEV);
	look_text("another network namespace");
	look_enter(there);
	kit_link_delete("other");
	link_refused(evtun_link_new_tun(tun), ENXIO);
	look_text("gone");
	evtun_free(tun);
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("link_get");
	kit_case("what", KIT_NEEDS_TUN);
	kit_loop(test_device, 0, N_KINDS);
	kit_test(test_carrier);
	kit_test(test_queues);
	kit_test(test_other_kind);
	kit_test(test_hwaddr);
	kit_test(test_counts);
	kit_case("owner", KIT_NEEDS_TUN_ROOT);
	kit_test(test_owner);
	kit_case("which", KIT_NEEDS_TUN);
	kit_test(test_find);
	kit_test(test_not_found);
	kit_test(test_renamed);
	kit_test(test_gone);
	kit_test(test_moved);
	kit_test(test_caller_moved);
	kit_test(test_of_device);
	return kit_run();
}
