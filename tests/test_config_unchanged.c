/*
 * What failed has changed nothing: configurations, what is new because of
 * one, and the calls of tun.h that change an interface.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "unchanged.h"

static const ev_uint8_t mac[6] = { 2, 3, 5, 7, 11, 13 };

static int
configure_tun(void)
{
	return evtun_configure(stage.tun, stage.cfg);
}

static int
move_tun(void)
{
	return evtun_move(stage.tun, stage.to, "other");
}

static int
tun_set_mtu(void)
{
	return evtun_set_mtu(stage.tun, 1300);
}

static int
tun_set_down(void)
{
	return evtun_set_up(stage.tun, 0);
}

static int
tun_set_hwaddr(void)
{
	return evtun_set_hwaddr(stage.tun, mac);
}

static int
tun_add_address(void)
{
	return evtun_add_address(stage.tun, "10.9.0.1/24", NULL);
}

static int
tun_del_address(void)
{
	return evtun_del_address(stage.tun, "10.1.0.1/24", NULL);
}

static int
tun_set_owner(void)
{
	return evtun_set_owner(stage.tun, 0, -1);
}

static int
tun_set_no_persist(void)
{
	return evtun_set_persist(stage.tun, 0);
}

static int
new_tun(void)
{
	stage.second = evtun_new_config("new0", EVTUN_OPT_OFFLOAD,
	    stage.new_cfg);
	return stage.second != NULL ? 0 : -1;
}

static int
new_persistent(void)
{
	stage.second = evtun_new_config("new0", EVTUN_OPT_TAP |
	    EVTUN_OPT_PERSIST | EVTUN_OPT_MULTIQUEUE, stage.new_cfg);
	return stage.second != NULL ? 0 : -1;
}

static const struct scenario scenarios[] = {
	{ configure_tun, IP_SAYS_HERE, "\"gateway\":\"10.9.0.9\"", "route" },
	{ move_tun, IP_SAYS_THERE, "\"ifname\":\"other\"", "link" },
	{ tun_set_mtu, IP_SAYS_HERE, "\"mtu\":1300", "link" },
	{ tun_set_down, IP_SAYS_NOWHERE, "\"UP\"", "link show dev vpn0" },
	{ tun_set_hwaddr, IP_SAYS_HERE, "\"02:03:05:07:0b:0d\"", "link" },
	{ tun_add_address, IP_SAYS_HERE, "\"local\":\"10.9.0.1\"", "address" },
	{ tun_del_address, IP_SAYS_NOWHERE, "\"10.1.0.1\"", "address" },
	{ tun_set_owner, IP_SAYS_HERE, "\"user\":", "link" },
	{ tun_set_no_persist, IP_SAYS_HERE, "\"persist\":false", "link" },
	{ new_tun, IP_SAYS_HERE, "\"10.9.0.9\",\"dev\":\"new0\"", "route" },
	{ new_persistent, IP_SAYS_HERE, "\"10.9.0.9\",\"dev\":\"new0\"",
	    "route" }
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
	kit_suite("config_unchanged");
	kit_case("unchanged", KIT_NEEDS_TUN);
	kit_loop(test_unchanged, 0, 2 * N_SCENARIOS);
	return kit_run();
}
