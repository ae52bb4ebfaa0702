/*
 * Addresses that an interface cannot have, or not now; test_link_address.c
 * has the others.
 */
#include "config.h"

#include <string.h>

#include "address_look.h"
#include "kit.h"
#include "tun_look.h"

#define NAME "vpn0"

/* A TUN and a TAP device, down and up. */
static struct evtun_link *
start(int i)
{
	kit_netns();
	kit_ipv6(1);
	return address_start(NAME, i / 2 ? EVTUN_OPT_TAP : 0, i % 2);
}

static void
add(struct evtun_link *link, struct evtun_link_address addr)
{
	ck_assert_msg(evtun_link_add_address(link, &addr) == 0, "%s: %s",
	    addr.addr, evtun_get_error());
}
#define ADD(link, ...) \
	add(link, (struct evtun_link_address){ __VA_ARGS__ })

#define count_is(n) ck_assert_int_eq(look_count_addresses(NAME), n)

/* What it does not look at must be good all the same. */
static const struct evtun_link_address bad[] = {
	{ .addr = NULL },
	{ .addr = "" },
	{ .addr = "10.9.0.1" },
	{ .addr = "10.9.0.1/33" },
	{ .addr = "10.9.0.1/-1" },
	{ .addr = "fd00::1/129" },
	{ .addr = "224.0.0.1/24" },
	{ .addr = "ff02::1/64" },
	{ .addr = "::/64" },
	{ .addr = "10.9.0.1/24", .peer = "fd00::1" },
	{ .addr = "fd00::1/64", .peer = "10.9.0.1" },
	{ .addr = "10.9.0.1/24", .peer = "10.9.0.2/24" },
	{ .addr = "10.9.0.1/24", .peer = "" },
	{ .addr = "10.9.0.1/24", .broadcast = "fd00::1" },
	{ .addr = "10.9.0.1/24", .broadcast = "10.9.0" },
	{ .addr = "10.9.0.1/24", .broadcast = "10.9.0.255/24" },
	{ .addr = "10.9.0.1/24", .broadcast = "0.0.0.0" },
	{ .addr = "fd00::1/64", .broadcast = "10.9.0.255" },
	{ .addr = "fd00::1/64", .broadcast = "fd00::ff" },
	{ .addr = "10.9.0.1/24", .scope = -1 },
	{ .addr = "10.9.0.1/24", .scope = 256 },
	{ .addr = "fd00::1/64", .scope = EVTUN_SCOPE_LINK },
	{ .addr = "fe80::1/64", .scope = EVTUN_SCOPE_HOST },
	{ .addr = "10.9.0.1/24", .flags = -1 },
	{ .addr = "10.9.0.1/24", .flags = 1 << 8 },
	{ .addr = "10.9.0.1/24", .flags = EVTUN_ADDRESS_NO_DAD },
	{ .addr = "10.9.0.1/24", .flags = EVTUN_ADDRESS_HOME },
	{ .addr = "10.9.0.1/24", .valid = 10, .preferred = 11 },
	{ .addr = "10.9.0.1/24", .reserved = { 0, 0, 0, 1 } },
	{ .addr = "10.9.0.1/24", .reserved = { 1 } }
};
#define N_BAD ((int)(sizeof(bad) / sizeof(bad[0])))

/* Nothing is asked of the system: the interface need not be there. */
START_TEST(test_bad)
{
	struct evtun_link_address list[3] = { { .addr = "10.8.0.1/24" },
	    { .addr = "fd08::1/64" } };
	struct evtun_link *link = start(1);
	char *before;

	ADD(link, .addr = "10.9.0.9/24");
	before = address_lines(NAME);
	list[2] = bad[_i];
	kit_fails(evtun_link_add_address(link, &bad[_i]), EINVAL);
	look_text(": Invalid argument: ");
	kit_fails(evtun_link_set_addresses(link, list, 3), EINVAL);
	look_text(": Invalid argument: ");
	address_must_be(NAME, before);
	kit_link_delete(NAME);
	kit_fails(evtun_link_add_address(link, &bad[_i]), EINVAL);
	kit_fails(evtun_link_set_addresses(link, list, 3), EINVAL);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_bad_del)
{
	struct evtun_link *link = start(1);
	struct evtun_link_address which = { .addr = "10.9.0.1" };

	kit_fails(evtun_link_del_address(link, NULL), EINVAL);
	kit_fails(evtun_link_add_address(link, NULL), EINVAL);
	kit_fails(evtun_link_set_addresses(link, NULL, 1), EINVAL);
	/* What a failed evtun_link_get_addresses() returns. */
	kit_fails(evtun_link_set_addresses(link, &which, (size_t)-1),
	    EINVAL);
	kit_link_delete(NAME);
	kit_fails(evtun_link_del_address(link, &which), EINVAL);
	which = (struct evtun_link_address){ .addr = "10.9.0.1/24",
	    .peer = "nobody" };
	kit_fails(evtun_link_del_address(link, &which), EINVAL);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_gone)
{
	struct evtun_link *link = start(_i);
	struct evtun_link_address addr = { .addr = "10.9.0.1/24" };
	struct evtun_link_address *list = &addr;
	struct evtun_link *other;

	kit_link_delete(NAME);
	/* Another one of that name is another one. */
	other = address_start(NAME, 0, 1);
	ADD(other, .addr = "10.9.0.1/24");
	kit_fails(evtun_link_get_addresses(link, &list), ENXIO);
	ck_assert_ptr_null(list);
	kit_fails(evtun_link_add_address(link, &addr), ENXIO);
	kit_fails(evtun_link_del_address(link, &addr), ENXIO);
	kit_fails(evtun_link_set_addresses(link, NULL, 0), ENXIO);
	count_is(1);
	evtun_link_free(other);
	evtun_link_free(link);
}
END_TEST

/* Without privilege, what is so already is a success. */
static void
as_nobody(void *arg)
{
	struct evtun_link *link = arg;
	struct evtun_link_address *list;
	struct evtun_link_address have[] = { { .addr = "10.9.0.1/24" },
	    { .addr = "fd00::1/64" } }, more = { .addr = "10.9.0.2/24" };

	look_become(65534, 65534);
	ck_assert_int_ge(evtun_link_get_addresses(link, &list), 2);
	evtun_link_free_list(list);
	kit_ok(evtun_link_add_address(link, &have[0]));
	kit_ok(evtun_link_add_address(link, &have[1]));
	kit_ok(evtun_link_del_address(link, &more));
	kit_ok(evtun_link_set_addresses(link, have, 2));
	kit_fails(evtun_link_add_address(link, &more), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_link_del_address(link, &have[0]), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_link_set_addresses(link, have, 1), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_link_set_addresses(link, &more, 1), EPERM);
	look_text("CAP_NET_ADMIN");
}

START_TEST(test_nobody)
{
	struct evtun_link *link = start(_i);
	char *before;

	ADD(link, .addr = "10.9.0.1/24");
	ADD(link, .addr = "fd00::1/64", .flags = EVTUN_ADDRESS_NO_DAD);
	before = address_lines(NAME);
	look_in_child(as_nobody, link);
	address_must_be(NAME, before);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_no_ipv6)
{
	struct evtun_link *link = start(_i);
	struct evtun_link_address addr = { .addr = "fd00::1/64" };

	kit_ipv6(0);
	kit_fails(evtun_link_add_address(link, &addr), EACCES);
	look_text("disable_ipv6");
	kit_ok(evtun_link_del_address(link, &addr));
	ADD(link, .addr = "10.9.0.1/24");
	count_is(1);
	evtun_link_free(link);
}
END_TEST

/* In one network, the kernel wants one scope. */
START_TEST(test_other_scope)
{
	struct evtun_link *link = start(_i);
	struct evtun_link_address addr = { .addr = "10.9.0.2/24" };

	ADD(link, .addr = "10.9.0.1/24", .scope = EVTUN_SCOPE_LINK);
	kit_fails(evtun_link_add_address(link, &addr), EINVAL);
	look_text("scope");
	count_is(1);
	evtun_link_free(link);
}
END_TEST

int
main(void)
{
	kit_suite("link_address_refused");
	kit_case("no_address", KIT_NEEDS_TUN);
	kit_loop(test_bad, 0, N_BAD);
	kit_test(test_bad_del);
	kit_case("not_now", KIT_NEEDS_TUN);
	kit_loop(test_no_ipv6, 0, 4);
	kit_loop(test_other_scope, 0, 4);
	kit_loop(test_gone, 0, 4);
	kit_case("unprivileged", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_nobody, 0, 4);
	return kit_run();
}
