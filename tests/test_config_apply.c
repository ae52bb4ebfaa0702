/*
 * A config that holds: on a new interface, on one that exists, in another
 * namespace, and without privileges where there is nothing to do.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if.h>

#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_rig.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

static void
begin(void)
{
	kit_netns();
	kit_ipv6(1);
}

START_TEST(test_new)
{
	struct evtun_config *cfg;
	struct evtun *tun;
	int i;

	begin();
	cfg = rig_config(_i);
	/* Any number of times. */
	for (i = 0; i < 2; i++) {
		tun = evtun_new_config("vpn0", _i ? EVTUN_OPT_TAP : 0, cfg);
		ck_assert_msg(tun != NULL, "%s", evtun_get_error());
		rig_check_config("vpn0", _i);
		ip_must_say("\"persist\":false", "link show dev vpn0");
		kit_ok(evtun_configure(tun, cfg));
		rig_check_config("vpn0", _i);
		evtun_free(tun);
		ck_assert_uint_eq(look_index("vpn0"), 0);
	}
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_other_netns)
{
	struct evtun_config *cfg;
	struct evtun *tun;
	int home, other;

	begin();
	home = look_netns();
	begin();
	other = look_netns();
	look_enter(home);
	cfg = rig_config(1);
	kit_ok(evtun_config_set_netns(cfg, other));
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_uint_eq(look_index("vpn0"), 0);
	look_enter(other);
	rig_check_config("vpn0", 1);
	look_enter(home);
	evtun_free(tun);
	evtun_config_free(cfg);
	close(home);
	close(other);
}
END_TEST

/* What is not asked for stays. */
START_TEST(test_existing)
{
	static const char *const kept[] = { "\"10.1.0.1\"", "\"10.1.0.2\"",
	    "\"10.1.0.3\"", "\"10.3.0.1\"", "\"10.4.0.1\"", "\"fd00:1::1\"",
	    "\"fd00:1::2\"", "\"fd00:3::1\"" };
	struct evtun_config *cfg;
	struct evtun *tun;
	size_t i;

	begin();
	rig_prepare("vpn0", 1, _i);
	cfg = rig_config(1);
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	rig_check_config("vpn0", 1);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		ip_must_say(kept[i], "address show dev vpn0");
	ip_must_say("\"before-other\"", "link show dev vpn0");
	ip_must_say("\"persist\":true", "link show dev vpn0");
	if (_i)
		ip_must_say("\"10.50.0.0/16\"", "route show dev vpn0");
	evtun_config_free(cfg);
	evtun_free(tun);
}
END_TEST

START_TEST(test_exact)
{
	struct evtun_config *cfg;
	struct evtun *tun;

	begin();
	rig_prepare("vpn0", 1, 1);
	cfg = rig_config(1);
	/* Of another length than the one that is there. */
	kit_ok(evtun_config_add_address(cfg, "fd00:1::1/48", NULL));
	kit_ok(evtun_config_set_exact_addresses(cfg, 1));
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	rig_check_config("vpn0", 1);
	ip_must_not_say("10.1.0.", "address show dev vpn0");
	ip_must_not_say("10.3.0.", "address show dev vpn0");
	ip_must_not_say("fd00:3:", "address show dev vpn0");
	ip_must_say("\"fd00:1::1\",\"prefixlen\":48", "address show dev vpn0");
	evtun_free(tun);
	evtun_config_free(cfg);
	/* None at all. */
	cfg = evtun_config_new();
	kit_ok(evtun_config_set_exact_addresses(cfg, 1));
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(look_count_addresses("vpn0"), 0);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_small_mtu)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun;

	begin();
	kit_ok(evtun_config_set_mtu(cfg, 576));
	kit_ok(evtun_config_add_address(cfg, "10.9.0.1/24", NULL));
	kit_ok(evtun_config_set_up(cfg, 1));
	tun = evtun_new_config("vpn0", 0, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ip_must_say("\"mtu\":576", "link show dev vpn0");
	ip_must_say("\"10.9.0.1\"", "address show dev vpn0");
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* With the MTU comes IPv6, for what needs it. */
START_TEST(test_larger_mtu)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun;

	begin();
	look_make_persistent("vpn0", IFF_TUN | IFF_NO_PI);
	ip_do("link set dev vpn0 mtu 1000");
	ip_must_not_say("addr_gen_mode", "link show dev vpn0");
	kit_ok(evtun_config_set_addrgen(cfg, EVTUN_ADDRGEN_NONE));
	kit_ok(evtun_config_add_address(cfg, "fd00::1/64", NULL));
	kit_ok(evtun_config_set_up(cfg, 1));
	kit_ok(evtun_config_set_mtu(cfg, 1400));
	tun = evtun_new_config("vpn0", 0, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ip_must_say("\"mtu\":1400", "link show dev vpn0");
	ip_must_say("\"inet6_addr_gen_mode\":\"none\"",
	    "link show dev vpn0");
	ip_must_say("\"fd00::1\"", "address show dev vpn0");
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* A route whose source is an address that changes its prefix length, or
 * that goes. */
static const struct {
	const char *had, *addr, *to, *source, *show;
	int err;
} sources[] = {
	{ "10.1.0.1/24", "10.1.0.1/16", "10.70.0.0/16", "10.1.0.1",
	    "route show", 0 },
	{ "10.1.0.1/24", "10.1.0.2/24", "10.70.0.0/16", "10.1.0.2",
	    "route show", 0 },
	{ "10.1.0.1/24", "10.2.0.1/24", "10.70.0.0/16", "10.1.0.1",
	    "route show", EINVAL },
	{ "fd01::1/64 nodad", "fd01::1/48", "fd70::/64", "fd01::1",
	    "-6 route show", 0 },
	{ "fd01::1/64 nodad", "fd02::1/64", "fd70::/64", "fd01::1",
	    "-6 route show", EINVAL }
};
#define N_SOURCES ((int)(sizeof(sources) / sizeof(sources[0])))

START_TEST(test_exact_source)
{
	struct evtun_link_route route = { .to = sources[_i].to,
	    .source = sources[_i].source };
	struct evtun_link_address addr = { .addr = sources[_i].addr };
	struct evtun_config *cfg = evtun_config_new();
	char *before, *after, words[100];
	struct evtun *tun;

	begin();
	tun = look_new("vpn0", 0);
	ip_do("link set dev vpn0 up addrgenmode none");
	ip_do("address add %s dev vpn0", sources[_i].had);
	before = ip_json("address show dev vpn0");
	if (strchr(addr.addr, ':') != NULL)
		addr.flags = EVTUN_ADDRESS_NO_DAD;
	kit_ok(evtun_config_add_link_address(cfg, &addr));
	kit_ok(evtun_config_set_exact_addresses(cfg, 1));
	kit_ok(evtun_config_add_route(cfg, &route));
	if (sources[_i].err != 0) {
		kit_fails(evtun_configure(tun, cfg), sources[_i].err);
		after = ip_json("address show dev vpn0");
		ck_assert_str_eq(before, after);
		free(after);
	} else {
		kit_ok(evtun_configure(tun, cfg));
		snprintf(words, sizeof(words), "\"prefsrc\":\"%s\"",
		    sources[_i].source);
		ip_must_say(words, "%s %s dev vpn0", sources[_i].show,
		    sources[_i].to);
	}
	free(before);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_down)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun;

	begin();
	rig_prepare("vpn0", 1, 1);
	kit_ok(evtun_config_set_up(cfg, 0));
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ip_must_not_say("\"UP\"", "link show dev vpn0");
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* The group alone: it is there before the interface stays. */
START_TEST(test_owner)
{
	struct evtun_config *cfg = evtun_config_new();
	struct look_tun look;
	struct evtun *tun;
	int sndbuf = 0;

	begin();
	kit_ok(evtun_config_set_owner(cfg, -1, 0));
	kit_ok(evtun_config_set_sndbuf(cfg, 12345));
	tun = evtun_new_config("vpn0", EVTUN_OPT_PERSIST, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert(evtun_get_options(tun) & EVTUN_OPT_PERSIST);
	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETSNDBUF, &sndbuf), 0);
	ck_assert_int_eq(sndbuf, 12345);
	look_tun("vpn0", &look);
	ck_assert_int_eq(look.owner, -1);
	ck_assert_int_eq(look.group, 0);
	ck_assert_int_eq(look.persist, 1);
	evtun_free(tun);
	ck_assert_uint_ne(look_index("vpn0"), 0);
	evtun_config_free(cfg);
}
END_TEST

/* Any interface: here, of a device that another process might have. */
START_TEST(test_link)
{
	struct evtun_config *cfg;
	struct evtun_link *link;
	int fd;

	begin();
	fd = look_open("vpn0", IFF_TAP | IFF_NO_PI);
	link = evtun_link_new("vpn0", -1);
	ck_assert_ptr_nonnull(link);
	cfg = rig_config(1);
	kit_ok(evtun_link_configure(link, cfg));
	rig_check_config("vpn0", 1);
	evtun_config_free(cfg);
	evtun_link_free(link);
	close(fd);
}
END_TEST

/* ---- without privileges ---- */

static void
open_prepared(void *arg)
{
	struct evtun_config *cfg = arg;
	struct evtun *tun;

	look_become(65534, 65534);
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_PERSIST, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	rig_check_config("vpn0", 1);
	kit_ok(evtun_configure(tun, cfg));
	/* One thing more than there is. */
	kit_ok(evtun_config_add_altname(cfg, "one-more"));
	kit_fails(evtun_configure(tun, cfg), EPERM);
	rig_check_config("vpn0", 1);
	evtun_free(tun);
}

START_TEST(test_prepared)
{
	struct evtun_config *cfg;
	struct evtun *tun;

	begin();
	cfg = rig_config(1);
	kit_ok(evtun_config_set_owner(cfg, 65534, -1));
	kit_ok(evtun_config_set_sndbuf(cfg, 10000));
	if (_i)
		kit_ok(evtun_config_set_exact_addresses(cfg, 1));
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_PERSIST, cfg);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	evtun_free(tun);
	look_in_child(open_prepared, cfg);
	ip_must_not_say("one-more", "link show dev vpn0");
	evtun_config_free(cfg);
}
END_TEST

int
main(void)
{
	kit_suite("config_apply");
	kit_case("new", KIT_NEEDS_TUN);
	kit_loop(test_new, 0, 2);
	kit_test(test_other_netns);
	kit_test(test_owner);
	kit_test(test_small_mtu);
	kit_case("existing", KIT_NEEDS_TUN);
	kit_loop(test_existing, 0, 2);
	kit_test(test_exact);
	kit_loop(test_exact_source, 0, N_SOURCES);
	kit_test(test_larger_mtu);
	kit_test(test_down);
	kit_test(test_link);
	kit_case("without_privilege", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_prepared, 0, 2);
	return kit_run();
}
