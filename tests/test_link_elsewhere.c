/*
 * Everything that link.h can set, of an interface in another network
 * namespace.  Where the caller is there is another one of the same name and
 * index, with the same addresses and routes, and it stays as it is.
 */
#include "config.h"

#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "netns_rig.h"
#include "tun_look.h"

/* How the interface is found. */
enum way { BY_NAME, BY_INDEX, BY_DEVICE, N_WAYS };

static struct stage {
	int is_tap;
	struct evtun *tun;		/* there, as vpn0 */
	struct evtun_link *link;
	int namesake, other;		/* here: vpn0, and vpn9 */
	char *here;			/* what ip(8) says of all here */
} stage;

/* ---- what changes ---- */

static const ev_uint8_t mac[6] = { 2, 3, 5, 7, 11, 13 };
static const struct evtun_link_address addr4 = { .addr = "10.9.0.1/24",
    .broadcast = "10.9.0.77", .metric = 9 };
static const struct evtun_link_address addr6 = { .addr = "fd00::1/64",
    .flags = EVTUN_ADDRESS_NO_DAD };
/* One that the namesake has not, and one that it has. */
static const struct evtun_link_address set[] = {
	{ .addr = "10.9.0.3/24" },
	{ .addr = "fd00::2/64", .flags = EVTUN_ADDRESS_NO_DAD }
};
static const struct evtun_link_route route4 = { .to = "10.90.0.0/16",
    .via = "10.9.0.9", .metric = 5 };
static const struct evtun_link_route next4 = { .to = "10.90.0.0/16",
    .via = "10.9.0.8", .metric = 5 };
static const struct evtun_link_route route6 = { .to = "fd90::/64",
    .via = "fd00::9", .metric = 5 };
static const struct evtun_link_route next6 = { .to = "fd90::/64",
    .via = "fd00::8", .metric = 5 };

/* A function that makes a call for the link. */
#define CALL(function, call) \
static int \
function(struct evtun_link *link) \
{ \
	return call; \
}
CALL(set_addrgen, evtun_link_set_addrgen(link, EVTUN_ADDRGEN_NONE))
CALL(set_alias, evtun_link_set_alias(link, "there"))
CALL(unset_alias, evtun_link_set_alias(link, NULL))
CALL(add_altname, evtun_link_add_altname(link, "another-name"))
CALL(del_altname, evtun_link_del_altname(link, "another-name"))
CALL(set_mtu, evtun_link_set_mtu(link, 1400))
CALL(set_txqueuelen, evtun_link_set_txqueuelen(link, 88))
CALL(set_group, evtun_link_set_group(link, 42))
CALL(set_hwaddr, evtun_link_set_hwaddr(link, mac))
CALL(set_up, evtun_link_set_up(link, 1))
CALL(set_down, evtun_link_set_up(link, 0))
CALL(add_address, evtun_link_add_address(link, &addr4))
CALL(add_address6, evtun_link_add_address(link, &addr6))
CALL(add_route, evtun_link_add_route(link, &route4))
CALL(add_route6, evtun_link_add_route(link, &route6))
CALL(replace_route, evtun_link_replace_route(link, &next4))
CALL(replace_route6, evtun_link_replace_route(link, &next6))
CALL(del_route, evtun_link_del_route(link, &next4))
CALL(del_route6, evtun_link_del_route(link, &next6))
CALL(set_addresses, evtun_link_set_addresses(link, set, 2))
CALL(del_address, evtun_link_del_address(link, &set[0]))
CALL(del_address6, evtun_link_del_address(link, &set[1]))
CALL(set_no_carrier, evtun_link_set_carrier(link, 0))
CALL(set_carrier, evtun_link_set_carrier(link, 1))
CALL(set_flags, evtun_link_set_flags(link, EVTUN_LINK_PROMISCUOUS |
    EVTUN_LINK_NO_ARP, EVTUN_LINK_PROMISCUOUS | EVTUN_LINK_NO_ARP |
    EVTUN_LINK_MULTICAST))
CALL(set_name, evtun_link_set_name(link, "vpn9"))
CALL(move, evtun_link_move(link, netns_other, "vpn8"))
CALL(delete, evtun_link_delete(link))

/* One after the other; and what ip(8) says there then, or does not. */
static const struct step {
	int (*run)(struct evtun_link *link);
	int does;
	const char *words;
	const char *ask;
} steps[] = {
	{ set_addrgen, 1, "\"inet6_addr_gen_mode\":\"none\"",
	    "link show dev vpn0" },
	{ set_alias, 1, "\"ifalias\":\"there\"", "link show dev vpn0" },
	{ add_altname, 1, "\"altnames\":[\"another-name\"]",
	    "link show dev vpn0" },
	{ set_mtu, 1, "\"mtu\":1400,", "link show dev vpn0" },
	{ set_txqueuelen, 1, "\"txqlen\":88,", "link show dev vpn0" },
	{ set_group, 1, "\"group\":\"42\"", "link show dev vpn0" },
	{ set_hwaddr, 1, "\"address\":\"02:03:05:07:0b:0d\"",
	    "link show dev vpn0" },
	{ set_up, 1, "\"UP\"", "link show dev vpn0" },
	{ add_address, 1, "\"local\":\"10.9.0.1\",\"prefixlen\":24,"
	    "\"metric\":9,\"broadcast\":\"10.9.0.77\"",
	    "address show dev vpn0" },
	{ add_address6, 1, "\"local\":\"fd00::1\",\"prefixlen\":64",
	    "address show dev vpn0" },
	{ add_route, 1, "\"dst\":\"10.90.0.0/16\",\"gateway\":\"10.9.0.9\"",
	    "route show dev vpn0" },
	{ add_route6, 1, "\"dst\":\"fd90::/64\",\"gateway\":\"fd00::9\"",
	    "-6 route show dev vpn0" },
	{ replace_route, 1, "\"dst\":\"10.90.0.0/16\","
	    "\"gateway\":\"10.9.0.8\"", "route show dev vpn0" },
	{ replace_route, 0, "\"10.9.0.9\"", "route show dev vpn0" },
	{ replace_route6, 1, "\"dst\":\"fd90::/64\",\"gateway\":\"fd00::8\"",
	    "-6 route show dev vpn0" },
	{ replace_route6, 0, "\"fd00::9\"", "-6 route show dev vpn0" },
	{ del_route, 0, "\"10.90.0.0/16\"", "route show dev vpn0" },
	{ del_route6, 0, "\"fd90::/64\"", "-6 route show dev vpn0" },
	{ set_addresses, 1, "\"local\":\"10.9.0.3\"",
	    "address show dev vpn0" },
	{ set_addresses, 1, "\"local\":\"fd00::2\"",
	    "address show dev vpn0" },
	{ set_addresses, 0, "\"10.9.0.1\"", "address show dev vpn0" },
	{ set_addresses, 0, "\"fd00::1\"", "address show dev vpn0" },
	{ del_address, 0, "\"10.9.0.3\"", "address show dev vpn0" },
	{ del_address6, 0, "\"fd00::2\"", "address show dev vpn0" },
	{ set_no_carrier, 0, "\"LOWER_UP\"", "link show dev vpn0" },
	{ set_carrier, 1, "\"LOWER_UP\"", "link show dev vpn0" },
	{ set_flags, 1, "\"NOARP\",\"PROMISC\",\"UP\"",
	    "link show dev vpn0" },
	{ set_flags, 0, "\"MULTICAST\"", "link show dev vpn0" },
	{ unset_alias, 0, "\"ifalias\"", "link show dev vpn0" },
	{ del_altname, 0, "\"altnames\"", "link show dev vpn0" },
	{ set_name, 1, "\"ifname\":\"vpn9\"", "link" },
	{ set_name, 0, "\"ifname\":\"vpn0\"", "link" },
	{ set_down, 0, "\"UP\"", "link show dev vpn9" },
	{ move, 1, "\"ifname\":\"vpn8\"", "link" },
	{ delete, 0, "\"ifname\":\"vpn8\"", "link" }
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* ---- here and there ---- */

static char *
all(void)
{
	return ip_json("address && ip -d -j route show table all");
}

/* Fail unless that is so still. */
static void
must_be(const char *before, const char *what)
{
	char *now = all();
	size_t n = 0;

	while (before[n] != '\0' && before[n] == now[n])
		n++;
	/* A little before they part is enough. */
	n = n > 300 ? n - 300 : 0;
	ck_assert_msg(strcmp(now, before) == 0, "%s: there was\n%.1000s\n"
	    "and is\n%.1000s", what, before + n, now + n);
	free(now);
}

static int
has_route(const char *words)
{
	return ip_says(words, "-6 route show table all dev vpn0");
}

/* What the kernel does a little later, and then no more. */
static void
settle(void)
{
	int tries = (int)(500 * kit_patience());

	while (!has_route("\"local\",\"dst\":\"fd00::1\"") ||
	    !has_route("\"local\",\"dst\":\"fd00::2\"") ||
	    !has_route("\"ff00::/8\"") ||
	    ip_says("linkdown", "route show table all") ||
	    ip_says("tentative", "address")) {
		ck_assert_msg(tries-- > 0, "vpn0 does not settle");
		poll(NULL, 0, 10);
	}
}

/* An interface that has what the other one is given or loses. */
static void
fill(void)
{
	ip_do("link set vpn0 addrgenmode none alias here mtu 1300 group 7");
	ip_do("link property add dev vpn0 altname another-name");
	ip_do("link set vpn0 txqueuelen 77 up");
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	ip_do("addr add 10.9.0.2/24 dev vpn0");
	ip_do("addr add fd00::1/64 nodad dev vpn0");
	ip_do("addr add fd00::2/64 nodad dev vpn0");
	ip_do("route add 10.90.0.0/16 via 10.9.0.8 metric 5");
	ip_do("route add fd90::/64 via fd00::8 metric 5 dev vpn0");
	settle();
}

static struct evtun_link *
find(enum way way)
{
	struct evtun_link *link = way == BY_NAME ?
	    evtun_link_new("vpn0", netns_other) : way == BY_INDEX ?
	    evtun_link_new_index(look_index("vpn0"), netns_other) :
	    evtun_link_new_tun(stage.tun);

	ck_assert_msg(link != NULL, "%s", evtun_get_error());
	return link;
}

static void
make_here(void)
{
	const int flags = (stage.is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI;

	stage.namesake = look_open("vpn0", flags);
	stage.other = look_open("vpn9", flags);
	fill();
	stage.here = all();
}

/* i: a kind and a way. */
static void
begin(int i)
{
	unsigned index;

	netns_two();
	kit_ipv6(1);
	look_enter(netns_other);
	kit_ipv6(1);
	look_enter(netns_home);
	stage.is_tap = i % 2;
	stage.tun = netns_new_there("vpn0", stage.is_tap ? EVTUN_OPT_TAP : 0);
	look_enter(netns_other);
	index = look_index("vpn0");
	look_enter(netns_home);
	make_here();
	ck_assert_uint_ne(index, 0);
	ck_assert_uint_eq(look_index("vpn0"), index);
	stage.link = find((enum way)(i / 2));
}

static void
end(void)
{
	must_be(stage.here, "in the end");
	evtun_link_free(stage.link);
	evtun_free(stage.tun);
	close(stage.namesake);
	close(stage.other);
	close(netns_home);
	close(netns_other);
	free(stage.here);
}

/* ---- set ---- */

static void
run(const struct step *s)
{
	int r = s->run(stage.link);

	ck_assert_msg(r == 0, "%s: %s", s->words, evtun_get_error());
	netns_check_home();
	must_be(stage.here, s->words);
	look_enter(netns_other);
	if (s->does)
		ip_must_say(s->words, "%s", s->ask);
	else
		ip_must_not_say(s->words, "%s", s->ask);
	look_enter(netns_home);
}

START_TEST(test_set)
{
	size_t i;

	begin(_i);
	for (i = 0; i < N_STEPS; i++)
		if (steps[i].run != set_hwaddr || stage.is_tap)
			run(&steps[i]);
	end();
}
END_TEST

/* The interface of a link is not there, though one of its name and index is
 * here: nothing is done to that one. */
static void
check_gone(struct evtun_link *link)
{
	struct evtun_link_address *addrs;
	struct evtun_link_route *routes;
	struct evtun_holder *holders;
	char *before = all();
	size_t i;

	kit_fails(evtun_link_update(link), ENXIO);
	kit_fails(evtun_link_get_addresses(link, &addrs), ENXIO);
	kit_fails(evtun_link_get_routes(link, &routes), ENXIO);
	kit_fails(evtun_link_get_holders(link, &holders), ENXIO);
	for (i = 0; i < N_STEPS; i++) {
		ck_assert_msg(steps[i].run(link) == -1, "%s",
		    steps[i].words);
		ck_assert_msg(errno == ENXIO, "%s: errno %d: %s",
		    steps[i].words, errno, evtun_get_error());
		must_be(before, steps[i].words);
	}
	free(before);
}

START_TEST(test_gone)
{
	begin(_i);
	look_enter(netns_other);
	kit_link_delete("vpn0");
	look_enter(netns_home);
	check_gone(stage.link);
	end();
}
END_TEST

/* A link for the namespace that the caller has left. */
START_TEST(test_caller_left)
{
	struct evtun_link *link;

	begin(_i);
	link = link_look("vpn0", -1);
	look_enter(netns_other);
	kit_fails(evtun_link_get_netns(link), ENXIO);
	check_gone(link);
	look_enter(netns_home);
	kit_ok(evtun_link_update(link));
	link_check(link);
	evtun_link_free(link);
	end();
}
END_TEST

/* It comes here: not in the place of its namesake. */
START_TEST(test_move)
{
	char *before;

	begin(_i);
	kit_fails(evtun_link_move(stage.link, -1, NULL), EEXIST);
	must_be(stage.here, "refused");
	netns_check_there("vpn0", "\"ifname\":\"vpn0\"", 1);
	before = link_remember("vpn0");
	kit_ok(evtun_link_move(stage.link, -1, "vpn1"));
	link_check_same("vpn0", before);
	link_check(stage.link);
	ck_assert_uint_eq(evtun_link_get_index(stage.link),
	    look_index("vpn1"));
	ck_assert_int_eq(netns_is_there(netns_other, "vpn0"), 0);
	kit_ok(evtun_link_delete(stage.link));
	end();
}
END_TEST

int
main(void)
{
	kit_suite("link_elsewhere");
	kit_case("set", KIT_NEEDS_TUN);
	kit_loop(test_set, 0, 2 * N_WAYS);
	kit_loop(test_move, 0, 2 * N_WAYS);
	kit_case("not_there", KIT_NEEDS_TUN);
	kit_loop(test_gone, 0, 2 * N_WAYS);
	kit_loop(test_caller_left, 0, 2);
	return kit_run();
}
