/*
 * Addresses of an interface, of both families.  What text is an address:
 * test_address.c.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "tun_look.h"

#define NAME "vpn0"

static const int kinds[] = { 0, EVTUN_OPT_TAP };

/* Every test is run for a TUN and a TAP device, up and down. */
static struct evtun *
start(int i, int ipv6)
{
	struct evtun *tun;

	kit_netns();
	kit_ipv6(ipv6);
	tun = look_new(NAME, kinds[i / 2]);
	kit_ok(evtun_set_up(tun, i % 2));
	return tun;
}

static void
add(struct evtun *tun, const char *addr, const char *peer)
{
	ck_assert_msg(evtun_add_address(tun, addr, peer) == 0, "%s %s: %s",
	    addr, peer ? peer : "", evtun_get_error());
}

static void
del(struct evtun *tun, const char *addr, const char *peer)
{
	ck_assert_msg(evtun_del_address(tun, addr, peer) == 0, "%s %s: %s",
	    addr, peer ? peer : "", evtun_get_error());
}

#define has(addr, len, other) ck_assert_msg(look_has_address(NAME, addr, len, \
	other), "%s has no %s/%d", NAME, addr, (int)(len))
#define has_not(addr, len, other) ck_assert_msg(!look_has_address(NAME, addr, \
	len, other), "%s has %s/%d", NAME, addr, (int)(len))
#define count_is(n) ck_assert_int_eq(look_count_addresses(NAME), n)

/* Whatever it is that holds already is a success, and changes nothing. */
START_TEST(test_add_twice)
{
	static const struct {
		const char *addr, *peer;
	} added[] = {
		{ "10.9.0.1/24", NULL }, { "10.9.0.2/24", NULL },
		{ "10.9.0.1/32", NULL }, { "10.9.1.1/32", "10.9.1.2" },
		{ "10.9.1.1/32", "10.9.1.3" }, { "10.9.1.1/24", "10.9.2.1" },
		{ "fd00::1/64", NULL }, { "fd00::2/64", NULL },
		{ "fd00:1::1/128", "fd00:1::2" }, { "fd00:2::1/128", NULL },
	};
	int n = (int)(sizeof(added) / sizeof(added[0])), i, round;
	struct evtun *tun = start(_i, 1);

	for (round = 1; round <= 2; round++)
		for (i = 0; i < n; i++) {
			add(tun, added[i].addr, added[i].peer);
			count_is(round == 1 ? i + 1 : n);
		}
	has("10.9.0.1", 24, "10.9.0.255");
	has("10.9.0.2", 24, "10.9.0.255");
	has("10.9.0.1", 32, NULL);
	has("10.9.1.1", 32, "10.9.1.2");
	has("10.9.1.1", 32, "10.9.1.3");
	has("10.9.1.1", 24, "10.9.2.1");
	has("fd00::1", 64, NULL);
	has("fd00::2", 64, NULL);
	has("fd00:1::1", 128, "fd00:1::2");
	has("fd00:2::1", 128, NULL);
	for (i = 0; i < n; i++) {
		del(tun, added[i].addr, added[i].peer);
		count_is(n - i - 1);
	}
	for (i = 0; i < n; i++)
		del(tun, added[i].addr, added[i].peer);
	evtun_free(tun);
}
END_TEST

/* RFC 3021: with 31 or 32 bits of prefix there is no broadcast address. */
START_TEST(test_broadcast)
{
	static const struct {
		unsigned len;
		const char *broadcast;
	} t[] = {
		{ 1, "127.255.255.255" }, { 7, "11.255.255.255" },
		{ 8, "10.255.255.255" }, { 9, "10.127.255.255" },
		{ 15, "10.19.255.255" }, { 16, "10.18.255.255" },
		{ 23, "10.18.53.255" }, { 25, "10.18.52.127" },
		{ 29, "10.18.52.87" }, { 30, "10.18.52.87" },
		{ 31, NULL }, { 32, NULL },
	};
	struct evtun *tun = start(_i, 0);
	char addr[32];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		snprintf(addr, sizeof(addr), "10.18.52.86/%u", t[i].len);
		add(tun, addr, NULL);
		has("10.18.52.86", t[i].len, t[i].broadcast);
		del(tun, addr, NULL);
		count_is(0);
	}
	evtun_free(tun);
}
END_TEST

/* A peer that is the address itself is none. */
START_TEST(test_own_peer)
{
	struct evtun *tun = start(_i, 1);

	add(tun, "10.9.0.1/32", NULL);
	add(tun, "10.9.0.1/32", "10.9.0.1");
	count_is(1);
	del(tun, "10.9.0.1/32", "10.9.0.1");
	count_is(0);
	add(tun, "fd00::1/128", "fd00::1");
	add(tun, "fd00::1/128", NULL);
	count_is(1);
	has("fd00::1", 128, NULL);
	evtun_free(tun);
}
END_TEST

START_TEST(test_del_by_peer)
{
	struct evtun *tun = start(_i, 1);

	add(tun, "10.9.1.1/32", "10.9.1.2");
	add(tun, "10.9.1.1/32", "10.9.1.3");
	add(tun, "10.9.1.1/32", "10.9.1.4");
	add(tun, "10.9.1.1/31", NULL);
	add(tun, "fd00::1/128", "fd00::2");
	/* None of these is there. */
	del(tun, "10.9.1.1/32", "10.9.1.5");
	del(tun, "10.9.1.1/30", NULL);
	del(tun, "10.9.1.2/32", NULL);
	del(tun, "fd00::1/128", "fd00::3");
	del(tun, "fd00::1/127", NULL);
	count_is(5);
	del(tun, "10.9.1.1/32", "10.9.1.3");
	count_is(4);
	has_not("10.9.1.1", 32, "10.9.1.3");
	del(tun, "10.9.1.1/32", NULL);
	count_is(2);
	has("10.9.1.1", 31, NULL);
	del(tun, "fd00::1/128", NULL);
	count_is(1);
	evtun_free(tun);
}
END_TEST

/* What another interface has is none of its business. */
START_TEST(test_neighbour)
{
	struct evtun *tun = start(_i, 1), *other = look_new("vpn1", 0);

	kit_ok(evtun_add_address(other, "10.9.0.1/24", NULL));
	kit_ok(evtun_add_address(other, "fd00::1/64", NULL));
	add(tun, "10.9.0.1/24", NULL);
	add(tun, "fd00::1/64", NULL);
	count_is(2);
	del(tun, "10.9.0.1/24", NULL);
	del(tun, "fd00::1/64", NULL);
	del(tun, "10.9.0.1/24", NULL);
	del(tun, "fd00::1/64", NULL);
	count_is(0);
	ck_assert_int_eq(look_count_addresses("vpn1"), 2);
	evtun_free(other);
	evtun_free(tun);
}
END_TEST

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

static void
write_promote(int value)
{
	FILE *f = fopen("/proc/sys/net/ipv4/conf/" NAME
	    "/promote_secondaries", "w");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "%d\n", value);
	ck_assert_int_eq(fclose(f), 0);
}

/* The kernel by itself would remove them all with the first. */
START_TEST(test_del_keeps_others)
{
	struct evtun *tun = start(_i, 0);
	int promote;

	for (promote = 0; promote < 2; promote++) {
		write_promote(promote);
		add(tun, "10.9.0.1/24", NULL);
		add(tun, "10.9.0.2/24", NULL);
		add(tun, "10.9.0.3/24", NULL);
		del(tun, "10.9.0.1/24", NULL);
		count_is(2);
		has("10.9.0.2", 24, "10.9.0.255");
		has("10.9.0.3", 24, "10.9.0.255");
		ck_assert_int_eq(read_promote(), promote);
		del(tun, "10.9.0.3/24", NULL);
		del(tun, "10.9.0.2/24", NULL);
		count_is(0);
		ck_assert_int_eq(read_promote(), promote);
	}
	evtun_free(tun);
}
END_TEST

/* An interface has each IPv6 address once. */
START_TEST(test_in_the_way)
{
	struct evtun *tun = start(_i, 1);

	add(tun, "fd00::1/64", NULL);
	kit_fails(evtun_add_address(tun, "fd00::1/48", NULL), EEXIST);
	look_text("another prefix length or peer");
	kit_fails(evtun_add_address(tun, "fd00::1/64", "fd00::2"), EEXIST);
	count_is(1);
	del(tun, "fd00::1/64", NULL);
	add(tun, "fd00::1/48", NULL);
	has("fd00::1", 48, NULL);
	evtun_free(tun);
}
END_TEST

START_TEST(test_no_ipv6)
{
	struct evtun *tun = start(_i, 0);

	kit_fails(evtun_add_address(tun, "fd00::1/64", NULL), EACCES);
	look_text("disable_ipv6");
	del(tun, "fd00::1/64", NULL);
	add(tun, "10.9.0.1/24", NULL);
	count_is(1);
	evtun_free(tun);
}
END_TEST

START_TEST(test_not_an_address)
{
	struct evtun *tun = start(_i, 1);

	kit_fails(evtun_add_address(tun, NULL, NULL), EINVAL);
	kit_fails(evtun_add_address(tun, "10.9.0.1", NULL), EINVAL);
	look_text("prefix length");
	kit_fails(evtun_del_address(tun, "10.9.0.1/33", NULL), EINVAL);
	kit_fails(evtun_add_address(tun, "10.9.0.1/24", "fd00::1"), EINVAL);
	look_text("peer");
	count_is(0);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("tun_address");
	kit_case("both_families", KIT_NEEDS_TUN);
	kit_loop(test_add_twice, 0, 4);
	kit_loop(test_own_peer, 0, 4);
	kit_loop(test_del_by_peer, 0, 4);
	kit_loop(test_not_an_address, 0, 4);
	kit_loop(test_neighbour, 0, 4);
	kit_case("ipv4", KIT_NEEDS_TUN);
	kit_loop(test_broadcast, 0, 4);
	kit_loop(test_del_keeps_others, 0, 4);
	kit_case("ipv6", KIT_NEEDS_TUN);
	kit_loop(test_in_the_way, 0, 4);
	kit_loop(test_no_ipv6, 0, 4);
	return kit_run();
}
