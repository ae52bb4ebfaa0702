/*
 * Settings of interfaces: what is set arrives, as ip(8) sees it; what is
 * refused changes nothing.
 */
#include "config.h"

#include <net/if_arp.h>

#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "evtun/linux.h"
#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"

static const int kinds[] = { IFF_TUN | IFF_NO_PI, IFF_TAP | IFF_NO_PI };
static const unsigned char mac1[6] = { 0x02, 0xab, 0, 0x80, 0xff, 1 };
static const unsigned char mac2[6] = { 0x06, 1, 2, 3, 4, 5 };
static const unsigned char group_mac[6] = { 0x03, 1, 2, 3, 4, 5 };
static const unsigned char zero_mac[6];

/* An interface, and what it was at first. */
struct stage {
	struct evtun_link *link;
	int fd;
};

static void
begin(struct stage *s, int flags)
{
	kit_netns();
	s->fd = look_open("vpn0", flags);
	s->link = link_look("vpn0", -1);
}

static void
end(struct stage *s)
{
	link_check(s->link);
	evtun_link_free(s->link);
	close(s->fd);
}

/* Fail unless a call is refused with this errno and these words, and the
 * interface is as before. */
#define check_refused(call, err, words) do { \
	char *before_ = link_remember("vpn0"); \
	kit_fails(call, err); \
	look_text(words); \
	link_check_same("vpn0", before_); \
} while (0)

/* ---- numbers ---- */

START_TEST(test_mtu)
{
	int top = _i ? 65521 : 65535;
	int good[] = { 1400, 68, top, 1500, 1500 };
	int bad[] = { 67, 65536, 1, 0, -1, 1 << 30 };
	struct stage s;
	char words[32];
	size_t i;

	begin(&s, kinds[_i]);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		kit_ok(evtun_link_set_mtu(s.link, good[i]));
		ck_assert_int_eq(evtun_link_get_mtu(s.link), good[i]);
		snprintf(words, sizeof(words), "\"mtu\":%d,", good[i]);
		ip_must_say(words, "link show dev vpn0");
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_refused(evtun_link_set_mtu(s.link, bad[i]), EINVAL,
		    "set the MTU");
	if (_i == 1)
		check_refused(evtun_link_set_mtu(s.link, 65522), EINVAL,
		    "TAP");
	end(&s);
}
END_TEST

START_TEST(test_up)
{
	static const int ups[] = { 0, 1, 1, 0, 0, 42, 0, -1 };
	struct stage s;
	size_t i;

	begin(&s, kinds[_i]);
	for (i = 0; i < sizeof(ups) / sizeof(ups[0]); i++) {
		kit_ok(evtun_link_set_up(s.link, ups[i]));
		ck_assert_int_eq(evtun_link_get_flags(s.link) & EVTUN_LINK_UP,
		    ups[i] ? EVTUN_LINK_UP : 0);
		ck_assert_int_eq(ip_says("\"UP\"", "link show dev vpn0"),
		    ups[i] != 0);
	}
	end(&s);
}
END_TEST

START_TEST(test_txqueuelen)
{
	static const long good[] = { 1, 0, 100000, 500, 500 };
	static const long bad[] = { -1, 0x80000000L, 0x100000000L + 7 };
	struct stage s;
	char words[32];
	size_t i;

	begin(&s, kinds[_i]);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		kit_ok(evtun_link_set_txqueuelen(s.link, good[i]));
		ck_assert_int_eq(evtun_link_get_txqueuelen(s.link), good[i]);
		snprintf(words, sizeof(words), "\"txqlen\":%ld,", good[i]);
		if (good[i] != 0)
			ip_must_say(words, "link show dev vpn0");
		else
			ip_must_not_say("txqlen", "link show dev vpn0");
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_refused(evtun_link_set_txqueuelen(s.link, bad[i]),
		    EINVAL, "length of the queue");
	check_refused(evtun_link_set_txqueuelen(s.link, 0x7fffffff), ENOMEM,
	    "no room");
	end(&s);
}
END_TEST

START_TEST(test_group)
{
	static const long good[] = { 1, 0x7fffffff, 42, 42, 0 };
	static const long bad[] = { -1, 0x80000000L, 0x100000000L + 7 };
	struct stage s;
	char words[32];
	size_t i;

	begin(&s, kinds[_i]);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		kit_ok(evtun_link_set_group(s.link, good[i]));
		ck_assert_int_eq(evtun_link_get_group(s.link), good[i]);
		snprintf(words, sizeof(words), "\"group\":\"%ld\"", good[i]);
		ip_must_say(good[i] ? words : "\"group\":\"default\"",
		    "link show dev vpn0");
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_refused(evtun_link_set_group(s.link, bad[i]), EINVAL,
		    "group of interfaces");
	end(&s);
}
END_TEST

/* Without a queue there is no packet. */
START_TEST(test_no_queue)
{
	unsigned char packet[1500];
	struct evtun_link *link;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	link = link_look("vpn0", -1);
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	kit_ok(evtun_link_set_txqueuelen(link, 0));
	kit_ok(evtun_link_set_up(link, 1));
	link_send_one();
	ck_assert_int_eq(evtun_read(tun, packet, sizeof(packet)), 0);
	link_check(link);
	ck_assert_int_eq(evtun_link_get_count(link, EVTUN_LINK_OUT_DROPPED),
	    1);
	kit_ok(evtun_link_set_txqueuelen(link, 1));
	link_send_one();
	ck_assert_int_eq(evtun_read(tun, packet, sizeof(packet)), 29);
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

/* ---- what it looks like to others ---- */

START_TEST(test_hwaddr)
{
	struct stage s;
	int up;

	begin(&s, kinds[1]);
	for (up = 0; up < 2; up++) {
		kit_ok(evtun_link_set_up(s.link, up));
		kit_ok(evtun_link_set_hwaddr(s.link, mac1));
		ip_must_say("\"address\":\"02:ab:00:80:ff:01\"",
		    "link show dev vpn0");
		kit_ok(evtun_link_set_hwaddr(s.link, mac1));
		kit_ok(evtun_link_set_hwaddr(s.link, mac2));
		ip_must_say("\"address\":\"06:01:02:03:04:05\"",
		    "link show dev vpn0");
		check_refused(evtun_link_set_hwaddr(s.link, group_mac),
		    EINVAL, "group");
		check_refused(evtun_link_set_hwaddr(s.link, zero_mac), EINVAL,
		    "zero");
	}
	end(&s);
}
END_TEST

START_TEST(test_no_hwaddr)
{
	struct evtun_link *lo;
	struct stage s;

	begin(&s, kinds[0]);
	check_refused(evtun_link_set_hwaddr(s.link, mac1), ENOTSUP, "TAP");
	check_refused(evtun_link_set_hwaddr(s.link, zero_mac), EINVAL, "zero");
	lo = link_look("lo", -1);
	kit_fails(evtun_link_set_hwaddr(lo, mac1), ENOTSUP);
	evtun_link_free(lo);
	end(&s);
}
END_TEST

/* The device's own calls, when it is a TAP device for something else. */
START_TEST(test_hwaddr_of_other_type)
{
	unsigned char got[6];
	struct evtun_link *link;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	link = link_look("vpn0", -1);
	kit_ok(evtun_linux_set_type(tun, ARPHRD_NONE));
	kit_fails(evtun_get_hwaddr(tun, got), ENOTSUP);
	kit_fails(evtun_set_hwaddr(tun, mac1), ENOTSUP);
	look_text("type");
	kit_fails(evtun_link_set_hwaddr(link, mac1), ENOTSUP);
	link_check(link);
	ck_assert_uint_eq(evtun_link_get_hwaddr(link, got, 6), 0);
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

START_TEST(test_carrier)
{
	static const int plugged[] = { 1, 0, 0, 7, 0, 1 };
	struct evtun_link *lo;
	struct stage s;
	size_t i;
	int up;

	begin(&s, kinds[_i]);
	for (up = 1; up >= 0; up--) {
		kit_ok(evtun_link_set_up(s.link, up));
		for (i = 0; i < sizeof(plugged) / sizeof(plugged[0]); i++) {
			kit_ok(evtun_link_set_carrier(s.link, plugged[i]));
			ck_assert_int_eq(evtun_link_get_flags(s.link) &
			    EVTUN_LINK_CARRIER,
			    plugged[i] ? EVTUN_LINK_CARRIER : 0);
			ck_assert_int_eq(ip_says("\"LOWER_UP\"",
			    "link show dev vpn0"), up && plugged[i]);
			link_check(s.link);
		}
	}
	lo = link_look("lo", -1);
	kit_fails(evtun_link_set_carrier(lo, 0), ENOTSUP);
	look_text("this kind");
	evtun_link_free(lo);
	end(&s);
}
END_TEST

/* Whoever opens it plugs it in. */
START_TEST(test_carrier_of_persistent)
{
	struct evtun_link *link;
	int fd;

	kit_netns();
	look_make_persistent("vpn0", kinds[0]);
	link = link_look("vpn0", -1);
	ck_assert_int_eq(evtun_link_get_flags(link) & EVTUN_LINK_CARRIER, 0);
	fd = look_open("vpn0", kinds[0]);
	link_check(link);
	ck_assert_int_ne(evtun_link_get_flags(link) & EVTUN_LINK_CARRIER, 0);
	kit_ok(evtun_link_set_carrier(link, 0));
	close(fd);
	fd = look_open("vpn0", kinds[0]);
	link_check(link);
	ck_assert_int_ne(evtun_link_get_flags(link) & EVTUN_LINK_CARRIER, 0);
	close(fd);
	/* Without a queue there is nothing to be plugged in. */
	kit_ok(evtun_link_update(link));
	check_refused(evtun_link_set_carrier(link, 1), EBUSY, "open");
	kit_ok(evtun_link_set_carrier(link, 0));
	evtun_link_free(link);
}
END_TEST

/* ---- flags ---- */

START_TEST(test_flags)
{
	static const struct {
		int flag;
		const char *word;
	} map[] = {
		{ EVTUN_LINK_NO_ARP, "\"NOARP\"" },
		{ EVTUN_LINK_MULTICAST, "\"MULTICAST\"" },
		{ EVTUN_LINK_PROMISCUOUS, "\"PROMISC\"" }
	};
	struct stage s;
	size_t i;
	int on, before;

	begin(&s, kinds[_i]);
	for (i = 0; i < 3; i++)
		for (on = 0; on < 4; on++) {
			before = evtun_link_get_flags(s.link);
			kit_ok(evtun_link_set_flags(s.link, on & 1 ? -1 : 0,
			    map[i].flag));
			ck_assert_int_eq(evtun_link_get_flags(s.link),
			    on & 1 ? before | map[i].flag :
			    before & ~map[i].flag);
			ck_assert_int_eq(ip_says(map[i].word,
			    "link show dev vpn0"), on & 1);
			link_check(s.link);
		}
	kit_ok(evtun_link_set_flags(s.link, EVTUN_LINK_MULTICAST,
	    EVTUN_LINK_MULTICAST | EVTUN_LINK_PROMISCUOUS));
	ip_must_say("\"MULTICAST\"", "link show dev vpn0");
	ip_must_not_say("\"PROMISC\"", "link show dev vpn0");
	kit_ok(evtun_link_set_flags(s.link, -1, 0));
	end(&s);
}
END_TEST

START_TEST(test_other_flags)
{
	struct stage s;
	int bit;

	begin(&s, kinds[0]);
	for (bit = 0; bit < 31; bit++)
		if (!(1 << bit & (EVTUN_LINK_NO_ARP | EVTUN_LINK_MULTICAST |
		    EVTUN_LINK_PROMISCUOUS)))
			kit_fails(evtun_link_set_flags(s.link, 0, 1 << bit |
			    EVTUN_LINK_MULTICAST), EINVAL);
	check_refused(evtun_link_set_flags(s.link, 0, -1), EINVAL, "flags");
	ck_assert_int_ne(evtun_link_get_flags(s.link) & EVTUN_LINK_MULTICAST,
	    0);
	end(&s);
}
END_TEST

/* ---- IPv6 ---- */

START_TEST(test_addrgen)
{
	static const struct {
		enum evtun_addrgen mode;
		const char *words;
	} map[] = {
		{ EVTUN_ADDRGEN_NONE, "\"inet6_addr_gen_mode\":\"none\"" },
		{ EVTUN_ADDRGEN_RANDOM, "\"inet6_addr_gen_mode\":\"random\"" },
		{ EVTUN_ADDRGEN_EUI64, "\"inet6_addr_gen_mode\":\"eui64\"" },
		{ EVTUN_ADDRGEN_NONE, "\"inet6_addr_gen_mode\":\"none\"" }
	};
	struct stage s;
	size_t i;

	begin(&s, kinds[_i]);
	if (evtun_link_get_addrgen(s.link) == -1)
		kit_skip("this kernel has no IPv6");
	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		kit_ok(evtun_link_set_addrgen(s.link, map[i].mode));
		ck_assert_int_eq(evtun_link_get_addrgen(s.link), map[i].mode);
		ip_must_say(map[i].words, "link show dev vpn0");
	}
	kit_ok(evtun_link_set_addrgen(s.link, EVTUN_ADDRGEN_NONE));
	check_refused(evtun_link_set_addrgen(s.link, EVTUN_ADDRGEN_STABLE),
	    EINVAL, "stable_secret");
	check_refused(evtun_link_set_addrgen(s.link, (enum evtun_addrgen)4),
	    EINVAL, "EVTUN_ADDRGEN");
	check_refused(evtun_link_set_addrgen(s.link, (enum evtun_addrgen)-1),
	    EINVAL, "EVTUN_ADDRGEN");
	kit_ok(evtun_link_set_mtu(s.link, 1279));
	ck_assert_int_eq(evtun_link_get_addrgen(s.link), -1);
	check_refused(evtun_link_set_addrgen(s.link, EVTUN_ADDRGEN_NONE),
	    ENOTSUP, "1280");
	kit_ok(evtun_link_set_mtu(s.link, 1280));
	ck_assert_int_eq(evtun_link_get_addrgen(s.link), EVTUN_ADDRGEN_EUI64);
	end(&s);
}
END_TEST

/* With it, nothing but what a program sends is read, and no address is made;
 * a TUN device is given another mode than it has at first. */
START_TEST(test_addrgen_up)
{
	struct stage s;

	begin(&s, kinds[_i]);
	if (evtun_link_get_addrgen(s.link) == -1)
		kit_skip("this kernel has no IPv6");
	kit_ipv6(1);
	kit_ok(evtun_link_set_addrgen(s.link, EVTUN_ADDRGEN_NONE));
	kit_ok(evtun_link_set_up(s.link, 1));
	ck_assert_int_eq(evtun_link_get_addrgen(s.link), EVTUN_ADDRGEN_NONE);
	ip_must_not_say("inet6", "addr show dev vpn0");
	kit_ok(evtun_link_set_up(s.link, 0));
	kit_ok(evtun_link_set_addrgen(s.link, EVTUN_ADDRGEN_EUI64));
	kit_ok(evtun_link_set_up(s.link, 1));
	ck_assert_int_eq(evtun_link_get_addrgen(s.link), _i == 0 ?
	    EVTUN_ADDRGEN_RANDOM : EVTUN_ADDRGEN_EUI64);
	ip_must_say("\"fe80::", "addr show dev vpn0");
	end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("link_set");
	kit_case("numbers", KIT_NEEDS_TUN);
	kit_loop(test_mtu, 0, 2);
	kit_loop(test_up, 0, 2);
	kit_loop(test_txqueuelen, 0, 2);
	kit_loop(test_group, 0, 2);
	kit_test(test_no_queue);
	kit_case("looks", KIT_NEEDS_TUN);
	kit_test(test_hwaddr);
	kit_test(test_no_hwaddr);
	kit_test(test_hwaddr_of_other_type);
	kit_loop(test_carrier, 0, 2);
	kit_test(test_carrier_of_persistent);
	kit_case("flags", KIT_NEEDS_TUN);
	kit_loop(test_flags, 0, 2);
	kit_test(test_other_flags);
	kit_case("ipv6", KIT_NEEDS_TUN);
	kit_loop(test_addrgen, 0, 2);
	kit_loop(test_addrgen_up, 0, 2);
	return kit_run();
}
