/*
 * Routes that an interface cannot have, or not now; test_link_route.c has the
 * others.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "address_look.h"
#include "ip_json.h"
#include "kit.h"
#include "route_look.h"
#include "tun_look.h"

static const int kinds[] = { 0, EVTUN_OPT_TAP };
#define N_KINDS 2

static const struct evtun_link_route bad[] = {
	{ .to = NULL },
	{ .to = "" },
	{ .to = "default" },
	{ .to = "10.0.0.0" },
	{ .to = "10.0.0.0/33" },
	{ .to = "10.0.0.0/" },
	{ .to = "10.0.0.0/-1" },
	{ .to = "10.1.0.0/8" },
	{ .to = "10.9.0.1/31" },
	{ .to = "0.0.0.1/0" },
	{ .to = "fd00::/129" },
	{ .to = "fd00::1/64" },
	{ .to = "8000::/0" },
	{ .to = "10.0.0.0/8", .via = "ff02::1" },
	{ .to = "10.0.0.0/8", .via = "fd00:1" },
	{ .to = "fd00::/8", .via = "10.9.0.2" },
	{ .to = "10.0.0.0/8", .via = "10.9.0.2/24" },
	{ .to = "10.0.0.0/8", .via = "" },
	{ .to = "10.0.0.0/8", .via = "0.0.0.0" },
	{ .to = "10.0.0.0/8", .via = "224.0.0.1" },
	{ .to = "10.0.0.0/8", .source = "fd00::1" },
	{ .to = "10.0.0.0/8", .source = "here" },
	{ .to = "fd00::/8", .source = "::" },
	{ .to = "fd00::/8", .source = "10.9.0.1" },
	{ .to = "10.0.0.0/8", .table = 255 },
	{ .to = "10.0.0.0/8", .mtu = 67 },
	{ .to = "10.0.0.0/8", .mtu = 65521 },
	{ .to = "fd00::/8", .mtu = 1279 },
	{ .to = "10.0.0.0/8", .scope = -1 },
	{ .to = "10.0.0.0/8", .scope = 255 },
	{ .to = "fd00::/8", .scope = EVTUN_SCOPE_LINK },
	{ .to = "10.0.0.0/8", .protocol = -1 },
	{ .to = "10.0.0.0/8", .protocol = 256 },
	{ .to = "10.0.0.0/8", .reserved = { 0, 1 } }
};
#define N_BAD ((int)(sizeof(bad) / sizeof(bad[0])))

static void
check_bad(struct evtun_link *link, const struct evtun_link_route *route)
{
	kit_fails(evtun_link_add_route(link, route), EINVAL);
	look_text(": Invalid argument: ");
	kit_fails(evtun_link_replace_route(link, route), EINVAL);
	look_text(": Invalid argument: ");
	kit_fails(evtun_link_del_route(link, route), EINVAL);
	look_text(": Invalid argument: ");
}

/* Nothing is asked of the system: the interface need not be there. */
START_TEST(test_bad)
{
	struct evtun_link *link = route_start(0);
	char *lines = route_lines();

	check_bad(link, &bad[_i]);
	check_bad(link, NULL);
	route_must_be(lines);
	kit_link_delete("vpn0");
	check_bad(link, &bad[_i]);
	evtun_link_free(link);
}
END_TEST

static const struct {
	struct evtun_link_route route;
	int err;
	const char *words;
} refused[] = {
	{ { .to = "10.1.0.0/16", .via = "10.8.0.1" }, ENETUNREACH,
	    "router cannot be reached" },
	{ { .to = "10.1.0.0/16", .via = "10.9.1.2" }, ENETUNREACH,
	    "router cannot be reached" },
	{ { .to = "fd02::/64", .via = "fd08::1" }, EHOSTUNREACH,
	    "router cannot be reached" },
	{ { .to = "10.1.0.0/16", .source = "10.8.0.1" }, EINVAL,
	    "address of this host" },
	{ { .to = "10.1.0.0/16", .via = "10.9.0.2", .source = "10.9.0.2" },
	    EINVAL, "address of this host" },
	{ { .to = "fd02::/64", .source = "fd08::1" }, EINVAL,
	    "address of this host" },
	{ { .to = "10.1.0.0/16", .via = "10.9.0.255" }, EINVAL,
	    "another host" },
	{ { .to = "fd02::/64", .via = "fd00::1" }, EINVAL, "another host" }
};
#define N_REFUSED ((int)(sizeof(refused) / sizeof(refused[0])))

/* By the kernel, and put into words. */
START_TEST(test_refused)
{
	struct evtun_link *link = route_start(kinds[_i / N_REFUSED]);
	const struct evtun_link_route *route = &refused[_i % N_REFUSED].route;
	char *lines = route_lines();
	int i, r;

	for (i = 0; i < 2; i++) {
		r = i == 0 ? evtun_link_add_route(link, route) :
		    evtun_link_replace_route(link, route);
		kit_fails(r, refused[_i % N_REFUSED].err);
		look_text(refused[_i % N_REFUSED].words);
	}
	kit_ok(evtun_link_del_route(link, route));
	route_must_be(lines);
	evtun_link_free(link);
}
END_TEST

static const struct evtun_link_route good[] = {
	{ .to = "10.1.0.0/16" },
	{ .to = "10.1.0.0/16", .via = "10.9.0.2" },
	{ .to = "fd02::/64" },
	{ .to = "fd02::/64", .via = "fd00::2" }
};
#define N_GOOD 4

START_TEST(test_down)
{
	struct evtun_link *link = route_start(kinds[_i]);
	char *lines;
	int i;

	ip_do("link set dev vpn0 down");
	lines = route_lines();
	for (i = 0; i < N_GOOD; i++) {
		kit_fails(evtun_link_add_route(link, &good[i]), ENETDOWN);
		look_text("is down");
		kit_fails(evtun_link_replace_route(link, &good[i]), ENETDOWN);
		look_text("is down");
		kit_ok(evtun_link_del_route(link, &good[i]));
	}
	route_must_be(lines);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_gone)
{
	struct evtun_link *link = route_start(kinds[_i]), *other;
	struct evtun_link_route *list;
	int i;

	kit_link_delete("vpn0");
	other = address_start("vpn0", 0, 1);
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	kit_fails(evtun_link_get_routes(link, &list), ENXIO);
	ck_assert_ptr_null(list);
	for (i = 0; i < N_GOOD; i++) {
		kit_fails(evtun_link_add_route(link, &good[i]), ENXIO);
		kit_fails(evtun_link_replace_route(link, &good[i]), ENXIO);
		kit_fails(evtun_link_del_route(link, &good[i]), ENXIO);
	}
	evtun_link_free(other);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_no_ipv6)
{
	struct evtun_link *link = route_start(kinds[_i]);

	kit_ipv6(0);
	kit_fails(evtun_link_add_route(link, &good[2]), EACCES);
	look_text("disable_ipv6");
	kit_ok(evtun_link_del_route(link, &good[2]));
	kit_ok(evtun_link_add_route(link, &good[1]));
	evtun_link_free(link);
}
END_TEST

START_TEST(test_small)
{
	struct evtun_link *link = route_start(kinds[_i]);
	char *lines;
	int i;

	ip_do("link set dev vpn0 mtu 1279");
	lines = route_lines();
	for (i = 2; i < N_GOOD; i++) {
		kit_fails(evtun_link_add_route(link, &good[i]), EINVAL);
		look_text("1280");
		kit_fails(evtun_link_replace_route(link, &good[i]), EINVAL);
		look_text("1280");
		kit_ok(evtun_link_del_route(link, &good[i]));
	}
	route_must_be(lines);
	kit_ok(evtun_link_add_route(link, &good[1]));
	evtun_link_free(link);
}
END_TEST

/* Without privilege, what is so already is a success. */
static void
as_nobody(void *arg)
{
	static const struct evtun_link_route none = { .to = "10.2.0.0/16" },
	    other = { .to = "10.1.0.0/16", .via = "10.9.0.3" };
	struct evtun_link *link = arg;
	struct evtun_link_route *list;

	look_become(65534, 65534);
	ck_assert_int_eq(evtun_link_get_routes(link, &list), 4);
	evtun_link_free_list(list);
	kit_ok(evtun_link_add_route(link, &good[1]));
	kit_ok(evtun_link_add_route(link, &good[3]));
	kit_ok(evtun_link_replace_route(link, &good[1]));
	kit_ok(evtun_link_replace_route(link, &good[3]));
	kit_ok(evtun_link_del_route(link, &none));
	kit_ok(evtun_link_del_route(link, &other));
	kit_fails(evtun_link_add_route(link, &none), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_link_replace_route(link, &other), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_link_del_route(link, &good[1]), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_link_del_route(link, &good[3]), EPERM);
	look_text("CAP_NET_ADMIN");
}

START_TEST(test_nobody)
{
	struct evtun_link *link = route_start(kinds[_i]);
	char *lines;

	kit_ok(evtun_link_add_route(link, &good[1]));
	kit_ok(evtun_link_add_route(link, &good[3]));
	lines = route_lines();
	look_in_child(as_nobody, link);
	route_must_be(lines);
	evtun_link_free(link);
}
END_TEST

/* In a namespace that the caller is not in. */
START_TEST(test_elsewhere)
{
	struct evtun_link *link;
	struct evtun_link_route *list;
	char *lines;
	int here, there;

	kit_netns();
	here = look_netns();
	lines = route_lines();
	evtun_link_free(route_start(kinds[_i]));
	there = look_netns();
	look_enter(here);
	link = evtun_link_new("vpn0", there);
	kit_check(link != NULL, "%s", evtun_get_error());
	kit_ok(evtun_link_add_route(link, &good[1]));
	kit_ok(evtun_link_replace_route(link, &good[0]));
	kit_ok(evtun_link_add_route(link, &good[3]));
	kit_ok(evtun_link_del_route(link, &good[3]));
	ck_assert_int_eq(evtun_link_get_routes(link, &list), 3);
	evtun_link_free_list(list);
	evtun_link_free(link);
	route_must_be(lines);
	look_enter(there);
	ck_assert_int_eq(route_count("10.1.0.0/16 dev vpn0"), 1);
	ck_assert_int_eq(route_count("fd02::/64"), 0);
	close(here);
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("link_route_refused");
	kit_case("no_route", KIT_NEEDS_TUN);
	kit_loop(test_bad, 0, N_BAD);
	kit_case("not_now", KIT_NEEDS_TUN);
	kit_loop(test_refused, 0, N_REFUSED * N_KINDS);
	kit_loop(test_down, 0, N_KINDS);
	kit_loop(test_small, 0, N_KINDS);
	kit_loop(test_gone, 0, N_KINDS);
	kit_loop(test_no_ipv6, 0, N_KINDS);
	kit_case("elsewhere", KIT_NEEDS_TUN);
	kit_loop(test_elsewhere, 0, N_KINDS);
	kit_case("unprivileged", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_nobody, 0, N_KINDS);
	return kit_run();
}
