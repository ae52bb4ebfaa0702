/*
 * What whoever has the descriptor may set: carrier, type and send buffer.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <limits.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#define NOBODY 65534

static const enum kit_kind kinds[] = { KIT_TUN, KIT_TAP };

/* ---- carrier ---- */

/* The kernel may take a moment until it tells. */
static void
until_carrier(int on)
{
	int i = 0, said;

	do {
		said = ip_says("\"NO-CARRIER\"", "link show dev vpn0");
		ck_assert_msg(i++ < 3000 * kit_patience(), on ?
		    "ip says NO-CARRIER" : "ip says nothing of NO-CARRIER");
		poll(NULL, 0, said == on ? 10 : 0);
	} while (said == on);
}

START_TEST(test_carrier)
{
	struct evtun *tun;

	kit_netns();
	tun = kit_tun_new(kinds[_i], "vpn0", 0);
	until_carrier(1);
	kit_ok(evtun_linux_set_carrier(tun, 0));
	until_carrier(0);
	kit_ok(evtun_linux_set_carrier(tun, 0));
	until_carrier(0);
	kit_ok(evtun_linux_set_carrier(tun, 256));
	until_carrier(1);
	kit_ok(evtun_linux_set_carrier(tun, 1));
	until_carrier(1);
	kit_link_delete("vpn0");
	kit_fails(evtun_linux_set_carrier(tun, 1), ENXIO);
	look_text("gone");
	kit_fails(evtun_linux_set_carrier(tun, 0), ENXIO);
	evtun_free(tun);
}
END_TEST

/* Without a queue in use there is nothing to plug in. */
START_TEST(test_carrier_without_queues)
{
	struct evtun *tun;

	kit_netns();
	tun = kit_tun_new(KIT_TUN, "vpn0", EVTUN_OPT_MULTIQUEUE);
	kit_ok(evtun_linux_set_carrier(tun, 0));
	kit_ok(evtun_linux_set_attached(tun, 0));
	kit_fails(evtun_linux_set_carrier(tun, 1), EBUSY);
	look_text("out of use");
	until_carrier(0);
	kit_ok(evtun_linux_set_attached(tun, 1));
	kit_ok(evtun_linux_set_carrier(tun, 1));
	until_carrier(1);
	evtun_free(tun);
}
END_TEST

/* It is on for whoever comes next. */
START_TEST(test_carrier_left)
{
	struct evtun *tun;

	kit_netns();
	tun = kit_tun_new(KIT_TUN, "vpn0", EVTUN_OPT_PERSIST);
	kit_ok(evtun_linux_set_carrier(tun, 0));
	until_carrier(0);
	evtun_free(tun);
	until_carrier(0);
	tun = look_new("vpn0", 0);
	until_carrier(1);
	kit_ok(evtun_set_persist(tun, 0));
	evtun_free(tun);
}
END_TEST

/* ---- the type ---- */

START_TEST(test_type)
{
	const char *before = kinds[_i] == KIT_TAP ? "\"link_type\":\"ether\"" :
	    "\"link_type\":\"none\"";
	int type = kinds[_i] == KIT_TAP ? ARPHRD_ETHER : ARPHRD_NONE;
	struct evtun *tun;

	kit_netns();
	tun = kit_tun_new(kinds[_i], "vpn0", 0);
	kit_fails(evtun_linux_set_type(tun, ARPHRD_PPP), EBUSY);
	look_text("evtun_set_up");
	ip_must_say(before, "link show dev vpn0");
	/* It is that already. */
	kit_ok(evtun_linux_set_type(tun, type));
	kit_ok(evtun_set_up(tun, 0));
	kit_ok(evtun_linux_set_type(tun, ARPHRD_PPP));
	ip_must_say("\"link_type\":\"ppp\"", "link show dev vpn0");
	kit_ok(evtun_linux_set_type(tun, ARPHRD_SLIP));
	ip_must_say("\"link_type\":\"slip\"", "link show dev vpn0");
	kit_ok(evtun_linux_set_type(tun, 65535));
	ip_must_say("\"link_type\":\"void\"", "link show dev vpn0");
	kit_ok(evtun_set_up(tun, 1));
	kit_ok(evtun_linux_set_type(tun, 65535));
	kit_fails(evtun_linux_set_type(tun, type), EBUSY);
	evtun_free(tun);
}
END_TEST

static void
check_types(struct evtun *tun)
{
	kit_fails(evtun_linux_set_type(tun, -1), EINVAL);
	look_text("65535");
	kit_fails(evtun_linux_set_type(tun, 65536), EINVAL);
	kit_fails(evtun_linux_set_type(tun, 65536 + ARPHRD_PPP), EINVAL);
	kit_fails(evtun_linux_set_type(tun, INT_MIN), EINVAL);
	kit_fails(evtun_linux_set_type(tun, INT_MAX), EINVAL);
}

START_TEST(test_type_refused)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	check_types(tun);
	ip_must_say("\"link_type\":\"none\"", "link show dev vpn0");
	kit_link_delete("vpn0");
	/* Before the kernel is asked. */
	check_types(tun);
	kit_fails(evtun_linux_set_type(tun, ARPHRD_PPP), ENXIO);
	look_text("gone");
	evtun_free(tun);
}
END_TEST

/* ---- the send buffer: ip does not tell ---- */

static int
get_sndbuf(struct evtun *tun)
{
	int bytes;

	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETSNDBUF, &bytes), 0);
	return bytes;
}

START_TEST(test_sndbuf)
{
	static const int sizes[] = { 4608, 4609, 1000000, INT_MAX };
	struct evtun *tun;
	int i;

	kit_netns();
	tun = look_new("vpn0", 0);
	ck_assert_int_eq(evtun_linux_get_sndbuf(tun), INT_MAX);
	for (i = 0; i < 4; i++) {
		kit_ok(evtun_linux_set_sndbuf(tun, sizes[i]));
		ck_assert_int_eq(get_sndbuf(tun), sizes[i]);
		ck_assert_int_eq(evtun_linux_get_sndbuf(tun), sizes[i]);
	}
	evtun_free(tun);
}
END_TEST

static void
check_sndbufs(struct evtun *tun)
{
	kit_fails(evtun_linux_set_sndbuf(tun, 4607), EINVAL);
	look_text("4608");
	kit_fails(evtun_linux_set_sndbuf(tun, 1), EINVAL);
	kit_fails(evtun_linux_set_sndbuf(tun, 0), EINVAL);
	kit_fails(evtun_linux_set_sndbuf(tun, -1), EINVAL);
	kit_fails(evtun_linux_set_sndbuf(tun, INT_MIN), EINVAL);
}

START_TEST(test_sndbuf_refused)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	kit_ok(evtun_linux_set_sndbuf(tun, 10000));
	check_sndbufs(tun);
	ck_assert_int_eq(get_sndbuf(tun), 10000);
	kit_link_delete("vpn0");
	/* Before the kernel is asked. */
	check_sndbufs(tun);
	kit_fails(evtun_linux_set_sndbuf(tun, 10000), ENXIO);
	look_text("gone");
	kit_fails(evtun_linux_get_sndbuf(tun), ENXIO);
	evtun_free(tun);
}
END_TEST

/* ---- without privilege ---- */

static void
set_all(void *arg)
{
	static const ev_uint8_t addr[1][6] = {{ 2, 0, 0, 0, 0, 9 }};
	struct evtun *tun = arg;

	look_become(NOBODY, NOBODY);
	kit_fails(evtun_set_mtu(tun, 1400), EPERM);
	kit_ok(evtun_linux_set_carrier(tun, 0));
	kit_ok(evtun_linux_set_type(tun, ARPHRD_PPP));
	kit_ok(evtun_linux_set_sndbuf(tun, 10000));
	kit_ok(evtun_linux_set_rx_addresses(tun, addr, 1, 0));
	kit_ok(evtun_linux_set_filter_ebpf(tun, -1));
	kit_ok(evtun_linux_set_attached(tun, 0));
}

START_TEST(test_unprivileged)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE);
	look_in_child(set_all, tun);
	ip_must_say("\"link_type\":\"ppp\"", "link show dev vpn0");
	ip_must_say("\"numdisabled\":1", "link show dev vpn0");
	ck_assert_int_eq(get_sndbuf(tun), 10000);
	kit_link_up("vpn0", 1);
	until_carrier(0);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("linux_descriptor");
	kit_case("carrier", KIT_NEEDS_TUN);
	kit_loop(test_carrier, 0, 2);
	kit_test(test_carrier_without_queues);
	kit_test(test_carrier_left);
	kit_case("type", KIT_NEEDS_TUN);
	kit_loop(test_type, 0, 2);
	kit_test(test_type_refused);
	kit_case("sndbuf", KIT_NEEDS_TUN);
	kit_test(test_sndbuf);
	kit_test(test_sndbuf_refused);
	kit_case("unprivileged", KIT_NEEDS_TUN_ROOT);
	kit_test(test_unprivileged);
	return kit_run();
}
