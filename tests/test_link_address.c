/*
 * The addresses of an interface, one by one: what evtun/link.h tells of them,
 * adds and removes, beside what ip(8) says.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address_look.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#define NAME "vpn0"

static const int kinds[] = { 0, EVTUN_OPT_TAP };

/* A TUN and a TAP device, down and up. */
static struct evtun_link *
start(int i)
{
	kit_netns();
	kit_ipv6(1);
	return address_start(NAME, kinds[i / 2], i % 2);
}

static void
add(struct evtun_link *link, struct evtun_link_address addr)
{
	ck_assert_msg(evtun_link_add_address(link, &addr) == 0, "%s: %s",
	    addr.addr, evtun_get_error());
}
#define ADD(link, ...) \
	add(link, (struct evtun_link_address){ __VA_ARGS__ })

static void
del(struct evtun_link *link, const char *addr, const char *peer)
{
	struct evtun_link_address which = { .addr = addr, .peer = peer };

	ck_assert_msg(evtun_link_del_address(link, &which) == 0, "%s: %s",
	    addr, evtun_get_error());
}

/* What ip says, from this address on up to the next one. */
static char *
ip_of(const char *local)
{
	char *text = ip_json("addr show dev %s", NAME), *part, *end;
	char key[64];

	snprintf(key, sizeof(key), "\"local\":\"%s\"", local);
	part = strstr(text, key);
	ck_assert_msg(part != NULL, "no %s: %s", local, text);
	if ((end = strchr(part, '}')) != NULL)
		*end = '\0';
	memmove(text, part, strlen(part) + 1);
	return text;
}

static void
ip_has(const char *local, const char *words)
{
	char *text = ip_of(local);

	ck_assert_msg(strstr(text, words) != NULL, "no %s: %s", words, text);
	free(text);
}

static void
ip_has_not(const char *local, const char *words)
{
	char *text = ip_of(local);

	ck_assert_msg(strstr(text, words) == NULL, "%s: %s", words, text);
	free(text);
}

#define count_is(n) ck_assert_int_eq(look_count_addresses(NAME), n)

/* The one that the library tells of; the list is kept in *list. */
static const struct evtun_link_address *
told(struct evtun_link *link, const char *addr,
    struct evtun_link_address **list)
{
	int i, n = evtun_link_get_addresses(link, list);

	ck_assert_msg(n >= 0, "%s", evtun_get_error());
	for (i = 0; i < n; i++)
		if (strcmp((*list)[i].addr, addr) == 0)
			return &(*list)[i];
	ck_abort_msg("%s is not told", addr);
}

#define TELLS(link, which, condition) do { \
	struct evtun_link_address *list_; \
	const struct evtun_link_address *a = told(link, which, &list_); \
	ck_assert_msg(condition, "%s: not so: %s", which, #condition); \
	evtun_link_free_list(list_); \
} while (0)

START_TEST(test_plain)
{
	struct evtun_link *link = start(_i);
	struct evtun_link_address *list;

	ck_assert_int_eq(evtun_link_get_addresses(link, &list), 0);
	evtun_link_free_list(list);
	evtun_link_free_list(NULL);
	ADD(link, .addr = "10.9.0.1/24");
	ADD(link, .addr = "10.9.0.2/24");
	ADD(link, .addr = "fd00::1/64", .flags = EVTUN_ADDRESS_NO_DAD);
	ip_has("10.9.0.1", "\"prefixlen\":24,\"broadcast\":\"10.9.0.255\","
	    "\"scope\":\"global\"");
	ip_has_not("10.9.0.1", "secondary");
	ip_has("10.9.0.2", "\"secondary\":true");
	ip_has("fd00::1", "\"prefixlen\":64,\"scope\":\"global\"");
	ip_has("fd00::1", "\"nodad\":true");
	TELLS(link, "10.9.0.1/24", a->peer == NULL && a->scope == 0 &&
	    strcmp(a->broadcast, "10.9.0.255") == 0 && a->metric == 0 &&
	    a->flags == EVTUN_ADDRESS_PERMANENT && a->valid == 0 &&
	    a->preferred == 0);
	TELLS(link, "10.9.0.2/24", a->flags == (EVTUN_ADDRESS_PERMANENT |
	    EVTUN_ADDRESS_SECONDARY));
	TELLS(link, "fd00::1/64", a->flags == (EVTUN_ADDRESS_PERMANENT |
	    EVTUN_ADDRESS_NO_DAD) && a->broadcast == NULL && a->valid == 0);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_broadcast)
{
	struct evtun_link *link = start(_i);

	ADD(link, .addr = "10.9.0.1/24", .broadcast = "10.9.0.77");
	ADD(link, .addr = "10.9.1.1/24", .broadcast = "");
	ADD(link, .addr = "10.9.2.1/31");
	ADD(link, .addr = "10.9.3.1/32", .broadcast = "255.255.255.255");
	ADD(link, .addr = "10.9.4.1/32", .peer = "10.9.4.2");
	ADD(link, .addr = "10.9.5.1/32", .peer = "10.9.5.2",
	    .broadcast = "10.9.5.3");
	ip_has("10.9.0.1", "\"broadcast\":\"10.9.0.77\"");
	ip_has_not("10.9.1.1", "broadcast");
	ip_has_not("10.9.2.1", "broadcast");
	ip_has("10.9.3.1", "\"broadcast\":\"255.255.255.255\"");
	ip_has_not("10.9.4.1", "broadcast");
	ip_has("10.9.4.1", "\"address\":\"10.9.4.2\"");
	ip_has("10.9.5.1", "\"broadcast\":\"10.9.5.3\"");
	TELLS(link, "10.9.0.1/24", strcmp(a->broadcast, "10.9.0.77") == 0);
	TELLS(link, "10.9.1.1/24", a->broadcast == NULL && a->peer == NULL);
	TELLS(link, "10.9.4.1/32", strcmp(a->peer, "10.9.4.2") == 0 &&
	    a->broadcast == NULL);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_details)
{
	struct evtun_link *link = start(_i);

	ADD(link, .addr = "10.9.0.1/24", .scope = EVTUN_SCOPE_LINK,
	    .metric = 77, .flags = EVTUN_ADDRESS_NO_PREFIX_ROUTE);
	ADD(link, .addr = "10.9.1.1/24", .scope = EVTUN_SCOPE_HOST);
	ADD(link, .addr = "fd00::1/64", .metric = 4294967295U,
	    .flags = EVTUN_ADDRESS_HOME | EVTUN_ADDRESS_NO_DAD);
	ADD(link, .addr = "fd01::1/64", .peer = "fd01::2",
	    .flags = EVTUN_ADDRESS_NO_PREFIX_ROUTE);
	ADD(link, .addr = "fe80::99/64", .scope = EVTUN_SCOPE_LINK);
	ip_has("10.9.0.1", "\"metric\":77");
	ip_has("10.9.0.1", "\"scope\":\"link\"");
	ip_has("10.9.0.1", "\"noprefixroute\":true");
	ip_has("10.9.1.1", "\"scope\":\"host\"");
	ip_has("fd00::1", "\"metric\":4294967295");
	ip_has("fd00::1", "\"nodad\":true,\"home\":true");
	ip_has("fd01::1", "\"address\":\"fd01::2\"");
	ip_has("fd01::1", "\"noprefixroute\":true");
	ip_has_not("fd01::1", "nodad");
	ip_has("fe80::99", "\"scope\":\"link\"");
	TELLS(link, "10.9.0.1/24", a->scope == EVTUN_SCOPE_LINK &&
	    a->metric == 77 && a->flags == (EVTUN_ADDRESS_PERMANENT |
	    EVTUN_ADDRESS_NO_PREFIX_ROUTE));
	TELLS(link, "10.9.1.1/24", a->scope == EVTUN_SCOPE_HOST);
	TELLS(link, "fd00::1/64", a->metric == 4294967295U &&
	    a->flags == (EVTUN_ADDRESS_PERMANENT | EVTUN_ADDRESS_HOME |
	    EVTUN_ADDRESS_NO_DAD));
	TELLS(link, "fd01::1/64", strcmp(a->peer, "fd01::2") == 0);
	TELLS(link, "fe80::99/64", a->scope == EVTUN_SCOPE_LINK);
	evtun_link_free(link);
}
END_TEST

/* A route for the prefix there is, with its metric, or is not. */
START_TEST(test_prefix_route)
{
	struct evtun_link *link = start(_i * 2 + 1);

	ADD(link, .addr = "10.9.0.1/24", .metric = 77);
	ADD(link, .addr = "10.9.1.1/24",
	    .flags = EVTUN_ADDRESS_NO_PREFIX_ROUTE);
	ADD(link, .addr = "fd00::1/64", .metric = 78,
	    .flags = EVTUN_ADDRESS_NO_DAD);
	ADD(link, .addr = "fd01::1/64",
	    .flags = EVTUN_ADDRESS_NO_PREFIX_ROUTE);
	ip_must_say("\"metric\":77", "route show 10.9.0.0/24 dev " NAME);
	ip_must_not_say("dst", "route show 10.9.1.0/24 dev " NAME);
	ip_must_say("\"metric\":78", "-6 route show fd00::/64 dev " NAME);
	ip_must_not_say("dst", "-6 route show fd01::/64 dev " NAME);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_lifetimes)
{
	struct evtun_link *link = start(_i);

	ADD(link, .addr = "10.9.0.1/24", .valid = 5000, .preferred = 3000);
	ADD(link, .addr = "fd00::1/64", .valid = 5000, .preferred = 5000);
	ADD(link, .addr = "fd00::2/64", .valid = 5000);
	ADD(link, .addr = "fd00::3/64", .preferred = 3000);
	ip_has("10.9.0.1", "\"dynamic\":true");
	ip_has("fd00::1", "\"dynamic\":true");
	ip_has("fd00::3", "\"valid_life_time\":4294967295");
	ip_has_not("fd00::3", "\"preferred_life_time\":4294967295");
	TELLS(link, "10.9.0.1/24", a->valid <= 5000 && a->valid > 4000 &&
	    a->preferred <= 3000 && a->preferred > 2000 &&
	    !(a->flags & EVTUN_ADDRESS_PERMANENT));
	TELLS(link, "fd00::1/64", a->valid <= 5000 && a->valid > 4000 &&
	    a->preferred <= 5000 && a->preferred > 4000 &&
	    !(a->flags & EVTUN_ADDRESS_PERMANENT));
	TELLS(link, "fd00::2/64", a->valid > 4000 && a->preferred > 4000 &&
	    a->preferred <= 5000);
	TELLS(link, "fd00::3/64", a->valid == 0 && a->preferred > 2000 &&
	    a->preferred <= 3000);
	ip_do("addr change fd00::3/64 dev " NAME " preferred_lft 0");
	TELLS(link, "fd00::3/64", a->preferred == 0 &&
	    (a->flags & EVTUN_ADDRESS_DEPRECATED));
	evtun_link_free(link);
}
END_TEST

/* Two on one link that have the same address. */
START_TEST(test_tentative)
{
	struct evtun_link *link = start(2);

	/* Nothing is asked while it is down. */
	ADD(link, .addr = "fd00::1/64");
	ADD(link, .addr = "fd00::2/64", .flags = EVTUN_ADDRESS_NO_DAD);
	ip_has("fd00::1", "\"tentative\":true");
	TELLS(link, "fd00::1/64", a->flags & EVTUN_ADDRESS_TENTATIVE);
	ip_has_not("fd00::2", "tentative");
	TELLS(link, "fd00::2/64", !(a->flags & EVTUN_ADDRESS_TENTATIVE));
	evtun_link_free(link);
}
END_TEST

/* What is so already keeps its details; what is in the way is said. */
START_TEST(test_again)
{
	struct evtun_link *link = start(_i);
	struct evtun_link_address other = { .addr = "fd00::1/48" };

	ADD(link, .addr = "10.9.0.1/24", .metric = 5);
	ADD(link, .addr = "fd00::1/64", .flags = EVTUN_ADDRESS_NO_DAD);
	ADD(link, .addr = "fd00::1/64", .metric = 9);
	kit_fails(evtun_link_add_address(link, &other), EEXIST);
	look_text("another prefix length or peer");
	other = (struct evtun_link_address){ .addr = "fd00::1/64",
	    .peer = "fd00::2" };
	kit_fails(evtun_link_add_address(link, &other), EEXIST);
	ADD(link, .addr = "10.9.0.1/24", .broadcast = "10.9.0.9");
	ip_has("10.9.0.1", "\"metric\":5");
	ip_has("10.9.0.1", "\"broadcast\":\"10.9.0.255\"");
	ip_has_not("fd00::1", "metric");
	count_is(2);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_del)
{
	struct evtun_link *link = start(_i);

	ADD(link, .addr = "10.9.0.1/24");
	ADD(link, .addr = "10.9.0.2/24");
	ADD(link, .addr = "10.9.1.1/32", .peer = "10.9.1.2");
	ADD(link, .addr = "10.9.1.1/32", .peer = "10.9.1.3");
	ADD(link, .addr = "fd00::1/64");
	ADD(link, .addr = "fd00::2/64", .peer = "fd00::3");
	count_is(6);
	/* None of these. */
	del(link, "10.9.0.1/25", NULL);
	del(link, "10.9.0.1/24", "10.9.0.7");
	del(link, "fd00::2/64", "fd00::4");
	count_is(6);
	del(link, "10.9.0.1/24", NULL);
	ip_has("10.9.0.2", "\"prefixlen\":24");
	del(link, "10.9.1.1/32", "10.9.1.3");
	count_is(4);
	ip_has("10.9.1.1", "\"address\":\"10.9.1.2\"");
	del(link, "fd00::2/64", NULL);
	del(link, "fd00::1/64", NULL);
	del(link, "10.9.1.1/32", NULL);
	del(link, "10.9.1.1/32", NULL);
	count_is(1);
	del(link, "10.9.0.2/24", NULL);
	count_is(0);
	evtun_link_free(link);
}
END_TEST

/* In a namespace that the caller is not in. */
START_TEST(test_elsewhere)
{
	struct evtun_link_address addr = { .addr = "10.9.0.1/24" };
	struct evtun_link_address *list;
	struct evtun_link *link;
	int here, there;

	kit_netns();
	here = look_netns();
	kit_netns();
	there = look_netns();
	ip_do("tuntap add mode tun name " NAME);
	look_enter(here);
	link = evtun_link_new(NAME, there);
	kit_check(link != NULL, "%s", evtun_get_error());
	kit_ok(evtun_link_add_address(link, &addr));
	ck_assert_int_eq(evtun_link_get_addresses(link, &list), 1);
	ck_assert_str_eq(list[0].addr, "10.9.0.1/24");
	evtun_link_free_list(list);
	addr.addr = "10.9.0.2/24";
	kit_ok(evtun_link_set_addresses(link, &addr, 1));
	evtun_link_free(link);
	look_enter(there);
	ip_has("10.9.0.2", "\"broadcast\":\"10.9.0.255\"");
	count_is(1);
	close(here);
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("link_address");
	kit_case("details", KIT_NEEDS_TUN);
	kit_loop(test_plain, 0, 4);
	kit_loop(test_broadcast, 0, 4);
	kit_loop(test_details, 0, 4);
	kit_loop(test_prefix_route, 0, 2);
	kit_loop(test_lifetimes, 0, 4);
	kit_test(test_tentative);
	kit_case("changes", KIT_NEEDS_TUN);
	kit_loop(test_again, 0, 4);
	kit_loop(test_del, 0, 4);
	kit_case("elsewhere", KIT_NEEDS_TUN);
	kit_test(test_elsewhere);
	return kit_run();
}
