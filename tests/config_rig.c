#include "config.h"

#include <net/if.h>

#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_rig.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#define PEER "address add fd00:3::1 peer fd00:3::9/128 dev %s nodad"

/* Commands of ip(8) for an interface, %s. */
static const char *const prepared[] = {
	"link set dev %s alias before",
	"link property add dev %s altname before-other",
	"link property add dev %s altname before-third",
	"link set dev %s mtu 1400",
	"link set dev %s txqueuelen 77",
	"link set dev %s group 5",
	"link set dev %s addrgenmode none",
	"address add 10.1.0.1/24 brd 10.1.0.77 dev %s label %s:a",
	"address add 10.1.0.2/24 dev %s",
	"address add 10.3.0.1 peer 10.3.0.9/32 dev %s",
	"address add 10.1.0.3/24 dev %s",
	"address add 10.4.0.1/16 dev %s metric 12 scope link",
	"address add fd00:1::1/64 dev %s nodad",
	"address add fd00:1::2/64 dev %s nodad",
	PEER
};
/* The same, for one that is up. */
static const char *const routes[] = {
	/* Only now the kernel has a route to its peer, and soon. */
	"address del fd00:3::1 peer fd00:3::9/128 dev %s",
	PEER,
	"route add 10.50.0.0/16 via 10.1.0.9 metric 7 dev %s",
	"route add 10.50.0.0/16 via 10.1.0.8 metric 8 dev %s",
	"route add 10.60.0.0/16 dev %s src 10.1.0.2 mtu 1300 advmss 1200",
	"route add 10.61.0.0/16 via 192.0.2.1 onlink dev %s table 100",
	"route add 10.62.0.0/16 via 10.50.0.1 onlink dev %s proto 77",
	"route add fd50::/64 via fd00:1::9 dev %s metric 5",
	"route add fd51::/64 dev %s table 101 proto 78 mtu 1290",
	"route add local 10.77.0.0/16 dev %s table local",
	"route add local fd77::/64 dev %s table local proto 79"
};

static void
run(const char *const *list, size_t n, const char *name)
{
	char command[200], *end;
	const char *p;
	size_t i;

	for (i = 0; i < n; i++) {
		end = command;
		for (p = list[i]; *p != '\0'; p++)
			if (strncmp(p, "%s", 2) == 0) {
				end = stpcpy(end, name);
				p++;
			} else {
				*end++ = *p;
			}
		*end = '\0';
		ip_do("%s", command);
	}
}

static void
wait_for(const char *words, const char *name)
{
	int tries = (int)(500 * kit_patience());

	while (!ip_says(words, "-6 route show table all dev %s", name)) {
		ck_assert_msg(tries-- > 0, "%s: no %s", name, words);
		poll(NULL, 0, 10);
	}
}

/* The first carrier adds a route, which stays when it goes. */
static void
give_carrier(const char *name, int is_tap)
{
	int fd = look_open(name, (is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);

	wait_for("ff00::/8", name);
	close(fd);
	wait_for("linkdown", name);
}

void
rig_prepare(const char *name, int is_tap, int is_up)
{
	look_make_persistent(name, (is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI);
	/* Once it has been up it has another queueing discipline. */
	kit_link_up(name, 1);
	kit_link_up(name, 0);
	run(prepared, sizeof(prepared) / sizeof(prepared[0]), name);
	/* The kernel makes these routes a little later. */
	wait_for("\"local\",\"dst\":\"fd00:1::1\"", name);
	wait_for("\"local\",\"dst\":\"fd00:1::2\"", name);
	wait_for("\"local\",\"dst\":\"fd00:3::1\"", name);
	if (!is_up)
		return;
	kit_link_up(name, 1);
	give_carrier(name, is_tap);
	run(routes, sizeof(routes) / sizeof(routes[0]), name);
	wait_for("\"local\",\"dst\":\"fd00:3::1\"", name);
	wait_for("\"fd00:3::9\"", name);
}

void
rig_await_carrier(const char *name)
{
	int tries = (int)(500 * kit_patience());

	while (ip_says("linkdown", "route show table all dev %s", name) ||
	    ip_says("linkdown", "-6 route show table all dev %s", name)) {
		ck_assert_msg(tries-- > 0, "%s has no carrier", name);
		poll(NULL, 0, 10);
	}
}

void
rig_look(const char *name, struct rig_state *state)
{
	state->text[0] = ip_json("link show dev %s", name);
	state->text[1] = ip_json("address show dev %s", name);
	state->text[2] = ip_json("route show table all dev %s", name);
	state->text[3] = ip_json("-6 route show table all dev %s", name);
}

void
rig_forget(struct rig_state *state)
{
	size_t i;

	for (i = 0; i < sizeof(state->text) / sizeof(state->text[0]); i++)
		free(state->text[i]);
}

/* The first text that differs, or -1. */
static int
compare(const struct rig_state *a, const struct rig_state *b)
{
	size_t i;

	for (i = 0; i < sizeof(a->text) / sizeof(a->text[0]); i++)
		if (strcmp(a->text[i], b->text[i]) != 0)
			return (int)i;
	return -1;
}

/* A little before they part; Check has room for some thousand bytes. */
static void
show(const char *name, const char *was, const char *is)
{
	size_t n = 0;

	while (was[n] == is[n])
		n++;
	n = n > 300 ? n - 300 : 0;
	ck_abort_msg("%s was ...\n%.1000s\nand is ...\n%.1000s", name,
	    was + n, is + n);
}

void
rig_check_same(const char *name, const struct rig_state *before)
{
	int i, differs, tries = (int)(500 * kit_patience());
	struct rig_state now;

	for (i = 0; ; i++) {
		rig_look(name, &now);
		differs = compare(before, &now);
		if (differs < 0)
			break;
		if (i >= tries)
			show(name, before->text[differs], now.text[differs]);
		rig_forget(&now);
		poll(NULL, 0, 10);
	}
	rig_forget(&now);
}

struct evtun_config *
rig_config(int is_tap)
{
	static const ev_uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct evtun_link_address addr = { .addr = "10.2.0.2/24",
	    .broadcast = "10.2.0.99" };
	struct evtun_link_route route = { .to = "10.70.0.0/16",
	    .via = "10.2.0.9", .metric = 3 };
	struct evtun_link_route route6 = { .to = "fd70::/64", .metric = 4 };
	struct evtun_config *cfg = evtun_config_new();

	ck_assert_ptr_nonnull(cfg);
	kit_ok(evtun_config_set_alias(cfg, "after"));
	kit_ok(evtun_config_add_altname(cfg, "after-other"));
	kit_ok(evtun_config_add_altname(cfg, "after-third"));
	kit_ok(evtun_config_set_mtu(cfg, 1450));
	if (is_tap)
		kit_ok(evtun_config_set_hwaddr(cfg, mac));
	kit_ok(evtun_config_set_txqueuelen(cfg, 88));
	kit_ok(evtun_config_set_group(cfg, 6));
	kit_ok(evtun_config_set_addrgen(cfg, EVTUN_ADDRGEN_RANDOM));
	kit_ok(evtun_config_add_address(cfg, "10.2.0.1/24", NULL));
	kit_ok(evtun_config_add_link_address(cfg, &addr));
	kit_ok(evtun_config_add_address(cfg, "10.5.0.1/32", "10.5.0.9"));
	kit_ok(evtun_config_add_address(cfg, "fd00:2::1/64", NULL));
	kit_ok(evtun_config_set_up(cfg, 1));
	kit_ok(evtun_config_add_route(cfg, &route));
	kit_ok(evtun_config_add_route(cfg, &route6));
	return cfg;
}

void
rig_check_config(const char *name, int is_tap)
{
	ip_must_say("\"ifalias\":\"after\"", "link show dev %s", name);
	ip_must_say("\"after-other\"", "link show dev %s", name);
	ip_must_say("\"after-third\"", "link show dev %s", name);
	ip_must_say("\"mtu\":1450", "link show dev %s", name);
	if (is_tap)
		ip_must_say("02:00:00:00:00:09", "link show dev %s", name);
	ip_must_say("\"txqlen\":88", "link show dev %s", name);
	ip_must_say("\"group\":\"6\"", "link show dev %s", name);
	ip_must_say("\"inet6_addr_gen_mode\":\"random\"",
	    "link show dev %s", name);
	ip_must_say("\"local\":\"10.2.0.1\",\"prefixlen\":24",
	    "address show dev %s", name);
	ip_must_say("\"broadcast\":\"10.2.0.99\"", "address show dev %s",
	    name);
	ip_must_say("\"local\":\"10.5.0.1\",\"address\":\"10.5.0.9\"",
	    "address show dev %s", name);
	ip_must_say("\"local\":\"fd00:2::1\",\"prefixlen\":64",
	    "address show dev %s", name);
	ip_must_say("\"UP\"", "link show dev %s", name);
	ip_must_say("\"dst\":\"10.70.0.0/16\",\"gateway\":\"10.2.0.9\"",
	    "route show dev %s", name);
	ip_must_say("\"dst\":\"fd70::/64\"", "-6 route show dev %s", name);
}
