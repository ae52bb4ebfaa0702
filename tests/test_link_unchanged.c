/*
 * What failed has changed nothing: everything that link.h can change.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "unchanged.h"

static int
set_name(void)
{
	return evtun_link_set_name(stage.link, "other");
}

static int
set_alias(void)
{
	return evtun_link_set_alias(stage.link, "words");
}

static int
unset_alias(void)
{
	return evtun_link_set_alias(stage.link, NULL);
}

static int
add_altname(void)
{
	return evtun_link_add_altname(stage.link, "other");
}

static int
del_altname(void)
{
	return evtun_link_del_altname(stage.link, "before-other");
}

static int
set_mtu(void)
{
	return evtun_link_set_mtu(stage.link, 1300);
}

static int
set_small_mtu(void)
{
	return evtun_link_set_mtu(stage.link, 600);
}

static int
set_down(void)
{
	return evtun_link_set_up(stage.link, 0);
}

static const ev_uint8_t mac[6] = { 2, 3, 5, 7, 11, 13 };

static int
set_hwaddr(void)
{
	return evtun_link_set_hwaddr(stage.link, mac);
}

static int
set_txqueuelen(void)
{
	return evtun_link_set_txqueuelen(stage.link, 88);
}

static int
set_group(void)
{
	return evtun_link_set_group(stage.link, 42);
}

static int
set_carrier(void)
{
	return evtun_link_set_carrier(stage.link, 0);
}

static int
set_flags(void)
{
	return evtun_link_set_flags(stage.link, EVTUN_LINK_PROMISCUOUS |
	    EVTUN_LINK_NO_ARP, EVTUN_LINK_PROMISCUOUS | EVTUN_LINK_NO_ARP |
	    EVTUN_LINK_MULTICAST);
}

static int
set_addrgen(void)
{
	return evtun_link_set_addrgen(stage.link, EVTUN_ADDRGEN_RANDOM);
}

static int
move(void)
{
	return evtun_link_move(stage.link, stage.to, NULL);
}

static int
move_renamed(void)
{
	return evtun_link_move(stage.link, stage.there, "other");
}

static int
delete(void)
{
	return evtun_link_delete(stage.link);
}

static int
add_address(void)
{
	struct evtun_link_address addr = { .addr = "10.9.0.1/24",
	    .broadcast = "10.9.0.77", .metric = 9 };

	return evtun_link_add_address(stage.link, &addr);
}

static int
add_address6(void)
{
	struct evtun_link_address addr = { .addr = "fd00:9::1/64",
	    .flags = EVTUN_ADDRESS_NO_DAD };

	return evtun_link_add_address(stage.link, &addr);
}

/* The first of its network: the others would go with it. */
static int
del_address(void)
{
	struct evtun_link_address addr = { .addr = "10.1.0.1/24" };

	return evtun_link_del_address(stage.link, &addr);
}

/* Two new ones, and one too many: 10.4.0.1/16.  More than one that goes may
 * come back at the end: test_link_address_faults.c has those. */
static int
set_addresses(void)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "10.9.0.1/24" }, { .addr = "10.1.0.1/24" },
		{ .addr = "10.1.0.2/24" }, { .addr = "10.1.0.3/24" },
		{ .addr = "10.3.0.1/32", .peer = "10.3.0.9" },
		{ .addr = "fd00:9::1/64", .flags = EVTUN_ADDRESS_NO_DAD },
		{ .addr = "fd00:1::1/64" }, { .addr = "fd00:1::2/64" },
		{ .addr = "fd00:3::1/128", .peer = "fd00:3::9" }
	};

	return evtun_link_set_addresses(stage.link, list,
	    sizeof(list) / sizeof(list[0]));
}

static int
add_route(void)
{
	struct evtun_link_route route = { .to = "10.90.0.0/16",
	    .via = "10.1.0.9", .source = "10.1.0.2", .mtu = 1200 };

	return evtun_link_add_route(stage.link, &route);
}

static int
add_route6(void)
{
	struct evtun_link_route route = { .to = "fd90::/64",
	    .via = "fd00:1::9", .table = 100 };

	return evtun_link_add_route(stage.link, &route);
}

static int
replace_route(void)
{
	struct evtun_link_route route = { .to = "10.50.0.0/16",
	    .via = "10.1.0.5", .metric = 7 };

	return evtun_link_replace_route(stage.link, &route);
}

static int
replace_route6(void)
{
	struct evtun_link_route route = { .to = "fd50::/64",
	    .via = "fd00:1::5", .metric = 5 };

	return evtun_link_replace_route(stage.link, &route);
}

static int
del_route(void)
{
	struct evtun_link_route route = { .to = "10.50.0.0/16", .metric = 8 };

	return evtun_link_del_route(stage.link, &route);
}

static int
del_route6(void)
{
	struct evtun_link_route route = { .to = "fd50::/64", .metric = 5 };

	return evtun_link_del_route(stage.link, &route);
}

static int
configure_link(void)
{
	return evtun_link_configure(stage.link, stage.cfg);
}

static const struct scenario scenarios[] = {
	{ set_name, IP_SAYS_HERE, "\"ifname\":\"other\"", "link" },
	{ set_alias, IP_SAYS_HERE, "\"ifalias\":\"words\"", "link" },
	{ unset_alias, IP_SAYS_NOWHERE, "\"ifalias\"", "link" },
	{ add_altname, IP_SAYS_HERE, "\"other\"", "link" },
	{ del_altname, IP_SAYS_NOWHERE, "\"before-other\"", "link" },
	{ set_mtu, IP_SAYS_HERE, "\"mtu\":1300", "link" },
	{ set_small_mtu, IP_SAYS_HERE, "\"mtu\":600", "link" },
	{ set_down, IP_SAYS_NOWHERE, "\"UP\"", "link show dev vpn0" },
	{ set_hwaddr, IP_SAYS_HERE, "\"02:03:05:07:0b:0d\"", "link" },
	{ set_txqueuelen, IP_SAYS_HERE, "\"txqlen\":88", "link" },
	{ set_group, IP_SAYS_HERE, "\"group\":\"42\"", "link" },
	{ set_carrier, IP_SAYS_NOWHERE, "\"LOWER_UP\"",
	    "link show dev vpn0" },
	{ set_flags, IP_SAYS_HERE,
	    "\"BROADCAST\",\"NOARP\",\"PROMISC\",\"UP\"",
	    "link" },
	{ set_addrgen, IP_SAYS_HERE, "\"inet6_addr_gen_mode\":\"random\"",
	    "link show dev vpn0" },
	{ move, IP_SAYS_THERE, "\"ifname\":\"vpn0\"", "link" },
	{ move_renamed, IP_SAYS_THERE, "\"ifname\":\"other\"", "link" },
	{ delete, IP_SAYS_NOWHERE, "\"ifname\":\"vpn0\"", "link" },
	{ add_address, IP_SAYS_HERE, "\"local\":\"10.9.0.1\",\"prefixlen\":24,"
	    "\"metric\":9,\"broadcast\":\"10.9.0.77\"", "address" },
	{ add_address6, IP_SAYS_HERE,
	    "\"local\":\"fd00:9::1\",\"prefixlen\":64",
	    "address" },
	{ del_address, IP_SAYS_NOWHERE, "\"10.1.0.1\"", "address" },
	{ set_addresses, IP_SAYS_NOWHERE, "\"10.4.0.1\"", "address" },
	{ add_route, IP_SAYS_HERE, "\"dst\":\"10.90.0.0/16\",\"gateway\":"
	    "\"10.1.0.9\"", "route" },
	{ add_route6, IP_SAYS_HERE, "\"dst\":\"fd90::/64\",\"gateway\":"
	    "\"fd00:1::9\"", "-6 route show table 100" },
	{ replace_route, IP_SAYS_HERE, "\"dst\":\"10.50.0.0/16\",\"gateway\":"
	    "\"10.1.0.5\"", "route" },
	{ replace_route6, IP_SAYS_HERE, "\"dst\":\"fd50::/64\",\"gateway\":"
	    "\"fd00:1::5\"", "-6 route" },
	{ del_route, IP_SAYS_NOWHERE, "\"10.1.0.8\"", "route" },
	{ del_route6, IP_SAYS_NOWHERE, "\"fd50::/64\"", "-6 route" },
	{ configure_link, IP_SAYS_HERE, "\"gateway\":\"10.9.0.9\"", "route" }
};
#define N_SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

START_TEST(test_unchanged)
{
	unchanged_run(&scenarios[_i / 2], _i % 2);
}
END_TEST

int
main(void)
{
	kit_suite("link_unchanged");
	kit_case("unchanged", KIT_NEEDS_TUN);
	kit_loop(test_unchanged, 0, 2 * N_SCENARIOS);
	return kit_run();
}
