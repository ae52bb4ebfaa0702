/*
 * What is an address, and what is not: lib/tun/address.c.
 */
#include "config.h"

#include <sys/socket.h>
#include <arpa/inet.h>

#include <string.h>

#include "kit.h"
#include "tun/system-internal.h"

struct good {
	const char *addr, *peer;
	int family;
	unsigned len;
	const char *host;
};

static const struct good good[] = {
	{ "10.9.0.1/24", NULL, AF_INET, 24, "10.9.0.1" },
	{ "10.9.0.1/0", NULL, AF_INET, 0, "10.9.0.1" },
	{ "10.9.0.1/9", NULL, AF_INET, 9, "10.9.0.1" },
	{ "10.9.0.1/32", NULL, AF_INET, 32, "10.9.0.1" },
	{ "223.255.255.255/31", NULL, AF_INET, 31, "223.255.255.255" },
	{ "127.0.0.1/8", NULL, AF_INET, 8, "127.0.0.1" },
	{ "10.9.0.1/32", "10.9.0.2", AF_INET, 32, "10.9.0.1" },
	{ "10.9.0.1/24", "10.9.0.1", AF_INET, 24, "10.9.0.1" },
	{ "fd00::1/64", NULL, AF_INET6, 64, "fd00::1" },
	{ "fd00::1/0", NULL, AF_INET6, 0, "fd00::1" },
	{ "FD00:0::0:1/128", NULL, AF_INET6, 128, "fd00::1" },
	{ "fe80::1/10", NULL, AF_INET6, 10, "fe80::1" },
	{ "fe80:1111:2222:3333:4444:5555:6666:7777/127", NULL, AF_INET6, 127,
	    "fe80:1111:2222:3333:4444:5555:6666:7777" },
	{ "::ffff:255.255.255.254/96", NULL, AF_INET6, 96,
	    "::ffff:255.255.255.254" },
	{ "fd00::1/128", "fd00::2", AF_INET6, 128, "fd00::1" },
};
#define N_GOOD ((int)(sizeof(good) / sizeof(good[0])))

START_TEST(test_good)
{
	const struct good *g = &good[_i];
	unsigned char host[16] = { 0 }, peer[16] = { 0 };
	struct evtun_address a;

	ck_assert_int_eq(inet_pton(g->family, g->host, host), 1);
	memcpy(peer, host, sizeof(peer));
	if (g->peer != NULL)
		ck_assert_int_eq(inet_pton(g->family, g->peer, peer), 1);
	memset(&a, 0x5a, sizeof(a));
	kit_ok(evtun_parse_address_(&a, g->addr, g->peer));
	ck_assert_int_eq(a.family, g->family);
	ck_assert_uint_eq(a.prefix_len, g->len);
	ck_assert_int_eq(a.has_peer, g->peer != NULL);
	ck_assert_mem_eq(a.addr, host, sizeof(host));
	ck_assert_mem_eq(a.peer, peer, sizeof(peer));
}
END_TEST

static const char *const bad[][2] = {
	{ NULL, NULL },
	{ "", NULL },
	{ "/", NULL },
	{ "/24", NULL },
	/* No length: is it 32, or 8 as in 1981? */
	{ "10.9.0.1", NULL },
	{ "fd00::1", NULL },
	{ "10.9.0.1/", NULL },
	{ "10.9.0.1/33", NULL },
	{ "10.9.0.1/256", NULL },
	{ "10.9.0.1/4294967320", NULL },
	{ "10.9.0.1/0024", NULL },
	{ "10.9.0.1/024", NULL },
	{ "10.9.0.1/00", NULL },
	{ "10.9.0.1/-1", NULL },
	{ "10.9.0.1/+1", NULL },
	{ "10.9.0.1/ 24", NULL },
	{ "10.9.0.1/24 ", NULL },
	{ " 10.9.0.1/24", NULL },
	{ "10.9.0.1 /24", NULL },
	{ "10.9.0.1/24\n", NULL },
	{ "10.9.0.1/2x", NULL },
	{ "10.9.0.1/0x18", NULL },
	{ "10.9.0.1/24/24", NULL },
	{ "10.9.0.1/255.255.255.0", NULL },
	{ "10.9.0/24", NULL },
	{ "10.9.0.1.2/24", NULL },
	{ "10.9.0.256/24", NULL },
	{ "010.9.0.1/24", NULL },
	{ "0x0a.9.0.1/24", NULL },
	{ "localhost/8", NULL },
	{ "fd00::1/129", NULL },
	{ "fd00::1%lo/64", NULL },
	{ "fd00::1::2/64", NULL },
	{ "fd00:::1/64", NULL },
	{ "[fd00::1]/64", NULL },
	{ "::1:2:3:4:5:6:7:8/64", NULL },
	{ "fe80:1111:2222:3333:4444:5555:6666:7777:8888/64", NULL },
	{ "00000000000000000000000000000000000000000000000000000:1/64", NULL },
	/* No host, or many. */
	{ "0.0.0.0/0", NULL },
	{ "224.0.0.1/4", NULL },
	{ "255.255.255.255/32", NULL },
	{ "::/0", NULL },
	{ "ff02::1/128", NULL },
	/* The peer. */
	{ "10.9.0.1/24", "" },
	{ "10.9.0.1/24", "10.9.0.2/24" },
	{ "10.9.0.1/24", "fd00::2" },
	{ "10.9.0.1/24", "10.9.0.256" },
	{ "10.9.0.1/24", "0.0.0.0" },
	{ "10.9.0.1/24", "224.0.0.1" },
	{ "10.9.0.1/24", " 10.9.0.2" },
	{ "fd00::1/64", "10.9.0.2" },
	{ "fd00::1/64", "fd00::2/64" },
	{ "fd00::1/64", "::" },
	{ "fd00::1/64", "ff02::1" },
};
#define N_BAD ((int)(sizeof(bad) / sizeof(bad[0])))

START_TEST(test_bad)
{
	struct evtun_address a;

	kit_fails(evtun_parse_address_(&a, bad[_i][0], bad[_i][1]), EINVAL);
	ck_assert_ptr_nonnull(strstr(evtun_get_error(),
	    bad[_i][1] != NULL ? "parse the peer" : "parse the address"));
}
END_TEST

int
main(void)
{
	kit_suite("address");
	kit_case("good", 0);
	kit_loop(test_good, 0, N_GOOD);
	kit_case("bad", 0);
	kit_loop(test_bad, 0, N_BAD);
	return kit_run();
}
