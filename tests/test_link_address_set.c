/*
 * The addresses of an interface as a set: those that stay are never removed,
 * new ones come first, and what fails changes nothing.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address_look.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#define NAME "vpn0"
#define N(list) (sizeof(list) / sizeof((list)[0]))

/* A TUN and a TAP device, down and up. */
static struct evtun_link *
start(int i)
{
	kit_netns();
	kit_ipv6(1);
	return address_start(NAME, i / 2 ? EVTUN_OPT_TAP : 0, i % 2);
}

static void
set(struct evtun_link *link, const struct evtun_link_address *list, size_t n)
{
	ck_assert_msg(evtun_link_set_addresses(link, list, n) == 0, "%s",
	    evtun_get_error());
}

static const char *const before[] = {
	"10.9.0.1/24 brd +", "10.9.0.2/24 brd +", "10.9.0.3/24 brd +",
	"10.9.1.1/24", "10.9.2.1 peer 10.9.2.2/32 scope nowhere",
	"fd00::1/64 nodad",
	"fd00::2/64 nodad", "fd00::3 peer fd00::4 nodad"
};

static void
add_before(void)
{
	size_t i;

	for (i = 0; i < N(before); i++)
		ip_do("addr add %s dev " NAME, before[i]);
}

static void
write_promote(int value)
{
	FILE *f = fopen("/proc/sys/net/ipv4/conf/" NAME
	    "/promote_secondaries", "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "%d\n", value);
	ck_assert_int_eq(fclose(f), 0);
}

static int
read_promote(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/conf/" NAME
	    "/promote_secondaries", "r");
	int value = -1;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &value), 1);
	fclose(f);
	return value;
}

#define has(addr, len, other) ck_assert_msg(look_has_address(NAME, addr, len, \
	other), "%s has no %s/%d", NAME, addr, (int)(len))

/* A primary address goes, and one that depended on it stays. */
START_TEST(test_set)
{
	static const struct evtun_link_address after[] = {
		{ .addr = "10.9.0.9/24" }, { .addr = "10.9.0.2/24" },
		{ .addr = "10.9.2.1/32", .peer = "10.9.2.2" },
		{ .addr = "fd00::9/64", .flags = EVTUN_ADDRESS_NO_DAD },
		{ .addr = "fd00::2/64" },
		{ .addr = "fd00::3/128", .peer = "fd00::4" }
	};
	/* The kernel says that it has made one primary. */
	static const char *const changes[] = {
		"+10.9.0.9/24", "-fd00::1/64", "-10.9.0.3/24", "-10.9.1.1/24",
		"-10.9.0.1/24", "+10.9.0.2/24", NULL
	};
	static const char *const none[] = { NULL };
	struct evtun_link *link = start(_i % 4);
	int watch;

	write_promote(_i / 4);
	add_before();
	watch = address_watch();
	set(link, after, N(after));
	address_changes_are(watch, changes);
	ck_assert_int_eq(read_promote(), _i / 4);
	ck_assert_int_eq(look_count_addresses(NAME), (int)N(after));
	has("10.9.0.2", 24, "10.9.0.255");
	has("10.9.0.9", 24, "10.9.0.255");
	has("10.9.2.1", 32, "10.9.2.2");
	has("fd00::9", 64, NULL);
	has("fd00::2", 64, NULL);
	has("fd00::3", 128, "fd00::4");
	/* And again: there is nothing to do. */
	set(link, after, N(after));
	address_changes_are(watch, none);
	close(watch);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_none)
{
	struct evtun_link *link = start(_i);

	add_before();
	ip_do("addr add fe80::1/64 dev " NAME " nodad");
	set(link, NULL, 0);
	ck_assert_int_eq(look_count_addresses(NAME), 0);
	ip_must_say("\"local\":\"fe80::1\"", "addr show dev " NAME);
	set(link, NULL, 0);
	evtun_link_free(link);
}
END_TEST

/* Of those local to the link, the one that is named is set, no other goes. */
START_TEST(test_link_local)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "fe80::2/64", .flags = EVTUN_ADDRESS_NO_DAD },
		{ .addr = "10.9.0.1/24", .scope = EVTUN_SCOPE_LINK }
	};
	struct evtun_link *link = start(_i);

	ip_do("addr add fe80::1/64 dev " NAME " nodad");
	ip_do("addr add 10.9.0.7/24 scope link dev " NAME);
	set(link, list, N(list));
	ip_must_say("\"local\":\"fe80::1\"", "addr show dev " NAME);
	ip_must_say("\"local\":\"fe80::2\"", "addr show dev " NAME);
	ip_must_say("\"local\":\"10.9.0.1\"", "addr show dev " NAME);
	ip_must_not_say("\"local\":\"10.9.0.7\"", "addr show dev " NAME);
	evtun_link_free(link);
}
END_TEST

/* What an interface cannot have both of is removed first; the rest is not. */
START_TEST(test_other_prefix)
{
	static const struct evtun_link_address after[] = {
		{ .addr = "10.9.0.1/24" }, { .addr = "10.9.0.2/24" },
		{ .addr = "10.9.0.3/25" },
		{ .addr = "10.9.1.1/24", .peer = "10.9.1.9" },
		{ .addr = "fd00::1/48", .flags = EVTUN_ADDRESS_NO_DAD },
		{ .addr = "fd00::2/64", .peer = "fd00::22",
		    .flags = EVTUN_ADDRESS_NO_DAD }
	};
	static const char *const changes[] = {
		"+10.9.0.3/25", "-10.9.1.1/24", "+10.9.1.1/24", "-fd00::1/64",
		"-fd00::2/64", "-fd00::3/128", "-10.9.0.3/24", "-10.9.2.1/32",
		NULL
	};
	struct evtun_link *link = start(_i);
	int watch;

	add_before();
	watch = address_watch();
	set(link, after, N(after));
	address_changes_are(watch, changes);
	ck_assert_int_eq(look_count_addresses(NAME), (int)N(after));
	has("10.9.0.3", 25, "10.9.0.127");
	has("10.9.1.1", 24, "10.9.1.9");
	has("fd00::1", 48, NULL);
	has("fd00::2", 64, "fd00::22");
	close(watch);
	evtun_link_free(link);
}
END_TEST

/* A list that was told can be given back. */
START_TEST(test_given_back)
{
	struct evtun_link *link = start(_i);
	struct evtun_link_address *list;
	char *lines;
	int n;

	add_before();
	lines = address_lines(NAME);
	n = evtun_link_get_addresses(link, &list);
	ck_assert_int_eq(n, (int)N(before));
	set(link, list, (size_t)n);
	address_must_be(NAME, lines);
	/* On another one as well. */
	evtun_link_free(link);
	kit_link_delete(NAME);
	link = address_start(NAME, 0, _i % 2);
	set(link, list, (size_t)n);
	ck_assert_int_eq(look_count_addresses(NAME), n);
	evtun_link_free_list(list);
	evtun_link_free(link);
}
END_TEST

static const struct evtun_link_address twice[][3] = {
	{ { .addr = "10.9.0.1/24" }, { .addr = "10.9.0.2/24" },
	    { .addr = "10.9.0.1/24" } },
	{ { .addr = "fd00::1/64" }, { .addr = "fd00::1/64" },
	    { .addr = "fd00::2/64" } },
	{ { .addr = "fd00::1/64" }, { .addr = "fd00:0::1/48" },
	    { .addr = "fd00::2/64" } },
	{ { .addr = "fd00::1/64" }, { .addr = "fd00::2/64" },
	    { .addr = "fd00::1/64", .peer = "fd00::3" } },
	{ { .addr = "10.9.0.1/24", .peer = "10.9.1.1" },
	    { .addr = "10.9.0.2/24" },
	    { .addr = "10.9.0.1/24", .peer = "10.9.1.2" } },
	{ { .addr = "10.9.0.1/32", .peer = "10.9.0.1" },
	    { .addr = "10.9.0.2/24" }, { .addr = "10.9.0.1/32" } }
};

START_TEST(test_twice)
{
	struct evtun_link *link = start(1);
	char *lines;

	add_before();
	lines = address_lines(NAME);
	kit_fails(evtun_link_set_addresses(link, twice[_i], 3), EINVAL);
	look_text("two of them");
	address_must_be(NAME, lines);
	evtun_link_free(link);
}
END_TEST

/* But these an interface can have. */
START_TEST(test_not_twice)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "10.9.0.1/24" }, { .addr = "10.9.0.1/32" },
		{ .addr = "10.9.0.1/24", .peer = "10.9.1.1" },
		{ .addr = "10.9.0.1/32", .peer = "10.9.0.2" },
		{ .addr = "10.9.0.1/32", .peer = "10.9.0.3" }
	};
	struct evtun_link *link = start(_i);

	set(link, list, N(list));
	ck_assert_int_eq(look_count_addresses(NAME), (int)N(list));
	set(link, list, N(list));
	set(link, list + 1, N(list) - 1);
	ck_assert_int_eq(look_count_addresses(NAME), (int)N(list) - 1);
	evtun_link_free(link);
}
END_TEST

/* The last of them the kernel refuses: that all others were good is undone. */
START_TEST(test_undone)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "fd00::9/64" }, { .addr = "10.8.0.1/24" },
		{ .addr = "10.9.0.9/24" }, { .addr = "fd00::1/48" },
		{ .addr = "10.8.0.2/24", .scope = EVTUN_SCOPE_LINK }
	};
	struct evtun_link *link = start(_i);
	char *lines;

	add_before();
	lines = address_lines(NAME);
	kit_fails(evtun_link_set_addresses(link, list, N(list)), EINVAL);
	look_text("scope");
	address_must_be(NAME, lines);
	evtun_link_free(link);
}
END_TEST

START_TEST(test_undone_ipv6)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "10.9.0.9/24" }, { .addr = "fd00::9/64" }
	};
	struct evtun_link *link = start(_i);
	char *lines;

	ip_do("link set dev " NAME " mtu 1200");
	ip_do("addr add 10.9.0.1/24 dev " NAME);
	lines = address_lines(NAME);
	kit_fails(evtun_link_set_addresses(link, list, N(list)), EINVAL);
	look_text("1280");
	address_must_be(NAME, lines);
	evtun_link_free(link);
}
END_TEST

/* ---- many ---- */

#define MANY 2000
struct many {
	char text[MANY][32];
	struct evtun_link_address list[MANY];
};

/* From this number on; half of them are of IPv6. */
static void
make_many(struct many *many, int from)
{
	int i, n;

	for (i = 0; i < MANY; i++) {
		n = from + i / 2;
		snprintf(many->text[i], sizeof(many->text[i]),
		    i % 2 ? "fd00::%x/64" : "10.%d.%d.1/24",
		    i % 2 ? n + 1 : n / 256, n % 256);
		many->list[i] = (struct evtun_link_address){
		    .addr = many->text[i],
		    .flags = i % 2 ? EVTUN_ADDRESS_NO_DAD : 0 };
	}
}

static int
compare_texts(const void *a, const void *b)
{
	const struct evtun_link_address *left = a, *right = b;

	return strcmp(left->addr, right->addr);
}

static void
check_many(struct evtun_link *link, struct many *many)
{
	struct evtun_link_address *list;
	int i;

	ck_assert_int_eq(look_count_addresses(NAME), MANY);
	ck_assert_int_eq(evtun_link_get_addresses(link, &list), MANY);
	qsort(list, MANY, sizeof(*list), compare_texts);
	qsort(many->list, MANY, sizeof(*many->list), compare_texts);
	for (i = 0; i < MANY; i++)
		kit_check(strcmp(list[i].addr, many->list[i].addr) == 0,
		    "%s instead of %s", list[i].addr, many->list[i].addr);
	evtun_link_free_list(list);
}

START_TEST(test_many)
{
	struct many *many = calloc(1, sizeof(*many));
	struct evtun_link *link = start(_i);

	ck_assert_ptr_nonnull(many);
	make_many(many, 0);
	set(link, many->list, MANY);
	check_many(link, many);
	/* Half of them stay. */
	make_many(many, MANY / 4);
	set(link, many->list, MANY);
	check_many(link, many);
	free(many);
	evtun_link_free(link);
}
END_TEST

int
main(void)
{
	kit_suite("link_address_set");
	kit_case("sets", KIT_NEEDS_TUN);
	kit_loop(test_set, 0, 8);
	kit_loop(test_none, 0, 4);
	kit_loop(test_link_local, 0, 4);
	kit_loop(test_other_prefix, 0, 4);
	kit_loop(test_given_back, 0, 4);
	kit_loop(test_not_twice, 0, 4);
	kit_case("refused", KIT_NEEDS_TUN);
	kit_loop(test_twice, 0, (int)N(twice));
	kit_loop(test_undone, 0, 4);
	kit_loop(test_undone_ipv6, 0, 4);
	kit_case("many", KIT_NEEDS_TUN);
	kit_loop(test_many, 0, 2);
	return kit_run();
}
