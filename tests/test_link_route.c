/*
 * The routes through an interface: what evtun/link.h tells, adds, replaces and
 * removes, beside what ip(8) says.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "route_look.h"
#include "tun_look.h"

static const int kinds[] = { 0, EVTUN_OPT_TAP };
#define N_KINDS 2

#define says(words, ...) ip_must_say(words, __VA_ARGS__)

START_TEST(test_plain)
{
	struct evtun_link *link = route_start(kinds[_i]);

	/* What comes with the addresses. */
	ck_assert_int_eq(route_told_count(link), 2);
	TELLS(link, "10.9.0.0/24", 0, r->via == NULL && r->protocol == 2 &&
	    strcmp(r->source, "10.9.0.1") == 0 && r->table == 254 &&
	    r->scope == EVTUN_SCOPE_LINK && r->mtu == 0);
	TELLS(link, "fd00::/64", 256, r->via == NULL && r->source == NULL &&
	    r->protocol == 2 && r->table == 254 && r->scope == 0);
	ADD(link, .to = "10.0.0.0/8");
	ADD(link, .to = "0.0.0.0/0", .via = "10.9.0.2");
	ADD(link, .to = "fd00:1::/32");
	ADD(link, .to = "::/0", .via = "fd00::2");
	says("\"dev\":\"vpn0\",\"table\":\"main\",\"protocol\":\"static\","
	    "\"scope\":\"link\"", "route show table all 10.0.0.0/8");
	says("\"gateway\":\"10.9.0.2\",\"dev\":\"vpn0\",\"table\":\"main\","
	    "\"protocol\":\"static\",\"scope\":\"global\"",
	    "route show table all default");
	says("\"dev\":\"vpn0\",\"table\":\"main\",\"protocol\":\"static\","
	    "\"scope\":\"global\",\"metric\":1024",
	    "-6 route show table all fd00:1::/32");
	says("\"gateway\":\"fd00::2\",\"dev\":\"vpn0\"",
	    "-6 route show table all default");
	ck_assert_int_eq(route_told_count(link), 6);
	TELLS(link, "10.0.0.0/8", 0, r->via == NULL && r->source == NULL &&
	    r->scope == EVTUN_SCOPE_LINK && r->protocol == 4);
	TELLS(link, "0.0.0.0/0", 0, strcmp(r->via, "10.9.0.2") == 0 &&
	    r->scope == 0);
	TELLS(link, "fd00:1::/32", 1024, r->via == NULL && r->table == 254);
	TELLS(link, "::/0", 1024, strcmp(r->via, "fd00::2") == 0);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_details)
{
	struct evtun_link *link = route_start(kinds[_i]);

	ADD(link, .to = "10.1.0.0/16", .via = "10.9.0.2",
	    .source = "10.9.1.1", .metric = 7, .table = 100000, .mtu = 1300,
	    .protocol = 99);
	ADD(link, .to = "10.2.0.0/16", .metric = 4294967295U, .table = 77,
	    .scope = EVTUN_SCOPE_HOST, .mtu = 65520, .protocol = 255);
	ADD(link, .to = "fd02::/64", .via = "fd00::2", .source = "fd00::1",
	    .metric = 7, .table = 100000, .mtu = 1300, .protocol = 99);
	ADD(link, .to = "fd03::1/128", .metric = 4294967295U, .table = 77);
	says("\"gateway\":\"10.9.0.2\",\"protocol\":\"99\",\"scope\":\"0\","
	    "\"prefsrc\":\"10.9.1.1\",\"metric\":7,",
	    "-N route show table 100000 dev vpn0");
	says("\"metrics\":[{\"mtu\":1300}]",
	    "-N route show table 100000 dev vpn0");
	says("\"scope\":\"254\",\"metric\":4294967295,",
	    "-N route show table 77 dev vpn0");
	says("\"gateway\":\"fd00::2\",\"protocol\":\"99\",\"scope\":\"0\","
	    "\"prefsrc\":\"fd00::1\",\"metric\":7,",
	    "-6 -N route show table 100000 dev vpn0");
	says("\"metrics\":[{\"mtu\":1300}]",
	    "-6 -N route show table 100000 dev vpn0");
	TELLS(link, "10.1.0.0/16", 7, r->table == 100000 && r->mtu == 1300 &&
	    r->protocol == 99 && strcmp(r->source, "10.9.1.1") == 0 &&
	    strcmp(r->via, "10.9.0.2") == 0);
	TELLS(link, "10.2.0.0/16", 4294967295U, r->table == 77 &&
	    r->scope == EVTUN_SCOPE_HOST && r->mtu == 65520 &&
	    r->protocol == 255 && r->source == NULL);
	TELLS(link, "fd02::/64", 7, r->table == 100000 && r->mtu == 1300 &&
	    r->protocol == 99 && strcmp(r->source, "fd00::1") == 0 &&
	    strcmp(r->via, "fd00::2") == 0);
	TELLS(link, "fd03::1/128", 4294967295U, r->table == 77);
	evtun_link_free(link);
}
END_TEST

/* Those of others, and those that lead nowhere, are not told. */
START_TEST(test_not_ours)
{
	struct evtun_link *link = route_start(kinds[_i]);

	ip_do("route add 10.3.0.0/16 dev vpn1");
	ip_do("-6 route add fd03::/64 dev vpn1");
	ip_do("route add blackhole 10.4.0.0/16");
	ip_do("-6 route add unreachable fd04::/64");
	ip_do("route add local 10.5.0.0/16 dev vpn0 table 77");
	/* For some sources only. */
	ip_do("-6 route add fd05::/64 from fd06::/64 dev vpn0");
	ck_assert_int_eq(route_told_count(link), 2);
	DEL(link, .to = "fd05::/64");
	ck_assert_int_eq(route_count("fd05::/64"), 1);
	evtun_link_free(link);
}
END_TEST

/* Of the kernel's "any" there is only one meaning: that it is removed. */
START_TEST(test_odd)
{
	struct evtun_link *link = route_start(kinds[_i]);

	ip_do("route add 10.1.0.0/16 dev vpn0 proto 0");
	ip_do("-6 route add fd02::/64 dev vpn0 proto 0");
	ip_do("route add 10.2.0.0/16 dev vpn0 scope global");
	ip_do("route add 10.3.0.0/16 dev vpn0 tos 8");
	ip_do("route add 10.4.0.0/16 via 10.8.0.1 dev vpn0 onlink");
	ck_assert_int_eq(route_told_count(link), 7);
	DEL(link, .to = "10.1.0.0/16");
	DEL(link, .to = "fd02::/64");
	DEL(link, .to = "10.2.0.0/16");
	DEL(link, .to = "10.3.0.0/16");
	DEL(link, .to = "10.4.0.0/16", .via = "10.8.0.1");
	ck_assert_int_eq(route_told_count(link), 2);
	ck_assert_int_eq(route_count("10.1.0.0") + route_count("fd02::") +
	    route_count("10.2.0.0") + route_count("10.3.0.0") +
	    route_count("10.4.0.0"), 0);
	evtun_link_free(link);
}
END_TEST

/* The same one is a success, another is not, and neither changes a thing. */
START_TEST(test_again)
{
	static const struct evtun_link_route same[] = {
		{ .to = "10.0.0.0/8", .via = "10.9.0.2" },
		{ .to = "10.0.0.0/8", .metric = 5, .source = "10.9.0.1" },
		{ .to = "fd02::/64", .via = "fd00::2" },
		{ .to = "fd02::/64", .metric = 5, .mtu = 1280 }
	}, other[] = {
		{ .to = "10.0.0.0/8" },
		{ .to = "10.0.0.0/8", .via = "10.9.0.3" },
		{ .to = "10.0.0.0/8", .via = "10.9.0.2", .mtu = 1300 },
		{ .to = "10.0.0.0/8", .via = "10.9.0.2", .protocol = 99 },
		{ .to = "10.0.0.0/8", .metric = 5 },
		{ .to = "fd02::/64" },
		{ .to = "fd02::/64", .via = "fd00::3" },
		{ .to = "fd02::/64", .metric = 5 },
		{ .to = "10.3.0.0/16" }, { .to = "fd03::/64" }
	};
	struct evtun_link *link = route_start(kinds[_i]);
	char *lines;
	size_t i;

	ip_do("route add 10.3.0.0/16 dev vpn1");
	ip_do("-6 route add fd03::/64 dev vpn1");
	for (i = 0; i < 4; i++)
		route_add(link, same[i]);
	lines = route_lines();
	for (i = 0; i < 4; i++)
		route_add(link, same[i]);
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		kit_fails(evtun_link_add_route(link, &other[i]), EEXIST);
		look_text("evtun_link_replace_route()");
	}
	route_must_be(lines);
	evtun_link_free(link);
}
END_TEST

/* What is there, whatever it is, gives way without a moment between. */
START_TEST(test_replace)
{
	static const struct {
		const char *there, *prefix;
		const char *via;
	} t[] = {
		{ "-4 %s dev vpn0", "10.1.0.0/16", NULL },
		{ "-4 %s dev vpn0", "10.1.0.0/16", "10.9.0.3" },
		{ "-4 %s via 10.9.0.2", "10.1.0.0/16", NULL },
		{ "-4 %s via 10.9.0.2", "10.1.0.0/16", "10.9.0.3" },
		{ "-4 %s dev vpn1", "10.1.0.0/16", NULL },
		{ "-4 %s via 10.9.1.2", "10.1.0.0/16", "10.9.0.3" },
		{ "-4 %s dev vpn1", "0.0.0.0/0", "10.9.0.3" },
		{ "-6 %s dev vpn0", "fd02::/64", NULL },
		{ "-6 %s dev vpn0", "fd02::/64", "fd00::3" },
		{ "-6 %s via fd00::2", "fd02::/64", NULL },
		{ "-6 %s via fd00::2", "fd02::/64", "fd00::3" },
		{ "-6 %s dev vpn1", "fd02::/64", NULL },
		{ "-6 %s dev vpn1", "fd02::/64", "fd00::3" },
		{ "-6 %s via fd01::2", "fd02::/64", NULL },
		{ "-6 %s via fd01::2", "fd02::/64", "fd00::3" },
		{ "-6 %s via fd01::2", "::/0", NULL }
	};
	struct evtun_link *link = route_start(kinds[_i]);
	struct evtun_link_route route;
	char there[128];
	size_t i;
	int watch = route_watch(), n = route_count("");

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		memcpy(there, t[i].there, 3);
		snprintf(there + 3, sizeof(there) - 3, "route add %s%s",
		    t[i].prefix, t[i].there + 5);
		ip_do("%s", there);
		route = (struct evtun_link_route){ .to = t[i].prefix,
		    .via = t[i].via };
		route_replace(link, route);
		ck_assert_msg(route_removed(watch) == 0, "%s", there);
		ck_assert_int_eq(route_told_count(link), 3);
		ck_assert_int_eq(route_count(""), n + 1);
		TELLS(link, t[i].prefix, t[i].there[1] == '6' ? 1024 : 0,
		    t[i].via == NULL ? r->via == NULL :
		    strcmp(r->via, t[i].via) == 0);
		/* And in its own place. */
		route.mtu = 1400;
		route_replace(link, route);
		ck_assert_msg(route_removed(watch) == 0, "%s", there);
		ck_assert_int_eq(route_count(" mtu 1400"), 1);
		route_replace(link, route);
		ck_assert_int_eq(route_count(""), n + 1);
		route_del(link, route);
		ck_assert_int_eq(route_count(""), n);
		ck_assert_int_eq(route_removed(watch), 1);
	}
	close(watch);
	evtun_link_free(link);
}
END_TEST

/* With none to replace it is added; those of other metrics and tables stay. */
START_TEST(test_replace_none)
{
	struct evtun_link *link = route_start(kinds[_i]);
	int n = route_count("");

	ip_do("route add 10.1.0.0/16 dev vpn1 metric 5");
	ip_do("route add 10.1.0.0/16 dev vpn1 table 77");
	ip_do("-6 route add fd02::/64 dev vpn1 metric 5");
	ip_do("-6 route add fd02::/64 dev vpn1 table 77");
	REPLACE(link, .to = "10.1.0.0/16");
	REPLACE(link, .to = "fd02::/64");
	REPLACE(link, .to = "10.1.0.0/16", .metric = 9, .table = 77);
	REPLACE(link, .to = "fd02::/64", .metric = 9, .table = 77);
	ck_assert_int_eq(route_count(""), n + 8);
	ck_assert_int_eq(route_told_count(link), 6);
	evtun_link_free(link);
}
END_TEST

/* Only what was asked for goes, though the kernel takes 0 for anything. */
START_TEST(test_del)
{
	struct evtun_link *link = route_start(kinds[_i]);
	char *lines;

	ip_do("route add 10.1.0.0/16 dev vpn0 metric 5");
	ip_do("route add 10.1.0.0/16 via 10.9.0.2 dev vpn0 table 77");
	ip_do("route add 10.1.0.0/16 dev vpn1");
	ip_do("route add 10.1.0.0/24 dev vpn0");
	ip_do("-6 route add fd02::/64 dev vpn0 metric 5");
	ip_do("-6 route add fd02::/64 via fd00::2 dev vpn0 table 77");
	ip_do("-6 route add fd02::/64 dev vpn1");
	ip_do("-6 route add fd02::/80 dev vpn0");
	lines = route_lines();
	DEL(link, .to = "10.1.0.0/16");
	DEL(link, .to = "10.1.0.0/16", .metric = 6);
	DEL(link, .to = "10.1.0.0/16", .via = "10.9.0.3", .table = 77);
	DEL(link, .to = "10.1.0.0/16", .table = 78);
	DEL(link, .to = "10.1.0.0/16", .metric = 5, .via = "10.9.0.3");
	DEL(link, .to = "fd02::/64");
	DEL(link, .to = "fd02::/64", .metric = 6);
	DEL(link, .to = "fd02::/64", .via = "fd00::3", .table = 77);
	DEL(link, .to = "fd02::/64", .table = 78);
	DEL(link, .to = "0.0.0.0/0");
	DEL(link, .to = "::/0");
	route_must_be(lines);
	DEL(link, .to = "10.1.0.0/16", .metric = 5);
	DEL(link, .to = "10.1.0.0/16", .table = 77, .via = "10.9.0.2");
	DEL(link, .to = "fd02::/64", .metric = 5);
	DEL(link, .to = "fd02::/64", .table = 77);
	ck_assert_int_eq(route_told_count(link), 4);
	ck_assert_int_eq(route_count("dev vpn1"), 4);
	DEL(link, .to = "10.1.0.0/24");
	DEL(link, .to = "fd02::/80");
	ck_assert_int_eq(route_told_count(link), 2);
	evtun_link_free(link);
}
END_TEST

/* Of several next hops, those through the interface are told. */
START_TEST(test_hops)
{
	struct evtun_link *link = route_start(kinds[_i]);
	struct evtun_link_route route = { .to = "10.1.0.0/16" };
	char *lines;

	ip_do("route add 10.1.0.0/16 nexthop via 10.9.0.2 nexthop dev vpn1 "
	    "nexthop via 10.9.0.3");
	ip_do("-6 route add fd02::/64 nexthop via fd00::2 "
	    "nexthop via fd01::2");
	lines = route_lines();
	ck_assert_int_eq(route_told_count(link), 5);
	TELLS(link, "fd02::/64", 1024, strcmp(r->via, "fd00::2") == 0);
	TELLS(link, "10.1.0.0/16", 0, strcmp(r->via, "10.9.0.2") == 0);
	kit_fails(evtun_link_add_route(link, &route), EEXIST);
	route.via = "10.9.0.2";
	kit_fails(evtun_link_add_route(link, &route), EEXIST);
	DEL(link, .to = "10.1.0.0/16", .via = "10.9.0.4");
	DEL(link, .to = "fd02::/64", .via = "fd00::3");
	route_must_be(lines);
	REPLACE(link, .to = "10.1.0.0/16");
	ck_assert_int_eq(route_told_count(link), 4);
	evtun_link_free(link);
}
END_TEST

/* And removed, without a moment when the route is not there. */
START_TEST(test_del_hops)
{
	struct evtun_link *link = route_start(kinds[_i]);
	int watch;

	ip_do("link set dev vpn1 carrier off");
	ip_do("route add 10.1.0.0/16 proto 77 src 10.9.1.1 metric 5 mtu 1300 "
	    "nexthop via 10.9.0.2 weight 3 nexthop dev vpn1 weight 7 "
	    "nexthop via 10.9.0.3 weight 2 nexthop via 10.9.0.4 weight 9");
	ip_do("-6 route add fd02::/64 nexthop via fd00::2 "
	    "nexthop via fd01::2");
	watch = route_watch();
	DEL(link, .to = "10.1.0.0/16", .metric = 5, .via = "10.9.0.3");
	says("\"protocol\":\"77\",\"scope\":\"global\",\"prefsrc\":"
	    "\"10.9.1.1\",\"metric\":5,\"flags\":[],\"metrics\":"
	    "[{\"mtu\":1300}],\"nexthops\":[{\"gateway\":\"10.9.0.2\","
	    "\"dev\":\"vpn0\",\"weight\":3,\"flags\":[]},"
	    "{\"dev\":\"vpn1\",\"weight\":7,\"flags\":[\"linkdown\"]},"
	    "{\"gateway\":\"10.9.0.4\",\"dev\":\"vpn0\",\"weight\":9,"
	    "\"flags\":[]}]", "route show 10.1.0.0/16");
	DEL(link, .to = "10.1.0.0/16", .metric = 5);
	ck_assert_int_eq(route_removed(watch), 0);
	says("\"dst\":\"10.1.0.0/16\",\"dev\":\"vpn1\"",
	    "route show 10.1.0.0/16");
	DEL(link, .to = "fd02::/64");
	says("\"gateway\":\"fd01::2\"", "-6 route show fd02::/64");
	ck_assert_int_eq(route_told_count(link), 2);
	ip_do("route add 10.2.0.0/16 nexthop via 10.9.0.2 "
	    "nexthop via 10.9.0.3");
	DEL(link, .to = "10.2.0.0/16");
	ck_assert_int_eq(route_count("10.2.0.0/16"), 0);
	close(watch);
	evtun_link_free(link);
}
END_TEST

/* The hops of a next hop object are others' as well. */
START_TEST(test_hop_object)
{
	struct evtun_link *link = route_start(kinds[_i]);
	struct evtun_link_route route = { .to = "10.1.0.0/16" };
	char *lines;

	ip_do("nexthop add id 1 via 10.9.0.2 dev vpn0");
	ip_do("nexthop add id 2 via 10.9.1.2 dev vpn1");
	ip_do("nexthop add id 3 group 1/2");
	ip_do("route add 10.1.0.0/16 nhid 3");
	ip_do("-6 nexthop add id 4 via fd00::2 dev vpn0");
	ip_do("-6 nexthop add id 5 via fd01::2 dev vpn1");
	ip_do("nexthop add id 6 group 4/5");
	ip_do("-6 route add fd02::/64 nhid 6");
	lines = route_lines();
	ck_assert_int_eq(route_told_count(link), 4);
	kit_fails(evtun_link_del_route(link, &route), ENOTSUP);
	look_text("next hop object");
	route.to = "fd02::/64";
	kit_fails(evtun_link_del_route(link, &route), ENOTSUP);
	look_text("next hop object");
	/* But one that leads nowhere else can go. */
	ip_do("route add 10.2.0.0/16 nhid 1");
	ip_do("-6 route add fd03::/64 nhid 4");
	ck_assert_int_eq(route_told_count(link), 6);
	DEL(link, .to = "10.2.0.0/16", .via = "10.9.0.3");
	ck_assert_int_eq(route_told_count(link), 6);
	DEL(link, .to = "10.2.0.0/16", .via = "10.9.0.2");
	DEL(link, .to = "fd03::/64");
	route_must_be(lines);
	evtun_link_free(link);
}
END_TEST

/* An IPv4 route may have a router of IPv6. */
START_TEST(test_other_family)
{
	struct evtun_link *link = route_start(kinds[_i]);

	ip_do("route add 10.1.0.0/16 via inet6 fd00::2 dev vpn0 proto static");
	TELLS(link, "10.1.0.0/16", 0, strcmp(r->via, "fd00::2") == 0);
	ADD(link, .to = "10.1.0.0/16", .via = "fd00::2");
	ADD(link, .to = "10.2.0.0/16", .via = "fd00::3");
	says("\"via\":{\"family\":\"inet6\",\"host\":\"fd00::3\"},"
	    "\"dev\":\"vpn0\"", "route show 10.2.0.0/16");
	REPLACE(link, .to = "10.2.0.0/16", .via = "fd00::4");
	says("\"host\":\"fd00::4\"", "route show 10.2.0.0/16");
	DEL(link, .to = "10.2.0.0/16", .via = "fd00::3");
	DEL(link, .to = "10.1.0.0/16");
	ck_assert_int_eq(route_told_count(link), 3);
	DEL(link, .to = "10.2.0.0/16", .via = "fd00::4");
	ck_assert_int_eq(route_told_count(link), 2);
	evtun_link_free(link);
}
END_TEST

#define MANY 1000

START_TEST(test_many)
{
	struct evtun_link *link = route_start(kinds[_i]);
	struct evtun_link_route *list;
	unsigned char seen[2][MANY] = { { 0 } };
	char to[32];
	unsigned a, b;
	int i, n;

	for (i = 0; i < MANY; i++) {
		snprintf(to, sizeof(to), "172.16.%d.%d/32", i / 256, i % 256);
		ADD(link, .to = to);
		snprintf(to, sizeof(to), "fd02:%x::/32", i + 1);
		ADD(link, .to = to, .via = "fd00::2");
	}
	ck_assert_int_eq(route_count("dev vpn0"), MANY * 2 + 2);
	n = evtun_link_get_routes(link, &list);
	ck_assert_int_eq(n, MANY * 2 + 2);
	for (i = 0; i < n; i++) {
		if (sscanf(list[i].to, "172.16.%u.%u/32", &a, &b) == 2)
			seen[0][a * 256 + b]++;
		else if (sscanf(list[i].to, "fd02:%x::/32", &a) == 1)
			seen[1][a - 1]++;
	}
	for (i = 0; i < MANY; i++)
		kit_check(seen[0][i] == 1 && seen[1][i] == 1, "%d", i);
	evtun_link_free_list(list);
	evtun_link_free(link);
}
END_TEST

int
main(void)
{
	kit_suite("link_route");
	kit_case("told", KIT_NEEDS_TUN);
	kit_loop(test_plain, 0, N_KINDS);
	kit_loop(test_details, 0, N_KINDS);
	kit_loop(test_not_ours, 0, N_KINDS);
	kit_loop(test_hops, 0, N_KINDS);
	kit_loop(test_hop_object, 0, N_KINDS);
	kit_loop(test_other_family, 0, N_KINDS);
	kit_case("changes", KIT_NEEDS_TUN);
	kit_loop(test_again, 0, N_KINDS);
	kit_loop(test_replace, 0, N_KINDS);
	kit_loop(test_replace_none, 0, N_KINDS);
	kit_loop(test_del, 0, N_KINDS);
	kit_loop(test_odd, 0, N_KINDS);
	kit_loop(test_del_hops, 0, N_KINDS);
	kit_case("many", KIT_NEEDS_TUN);
	kit_loop(test_many, 0, N_KINDS);
	return kit_run();
}
