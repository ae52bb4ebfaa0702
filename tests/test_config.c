/*
 * An evtun_config by itself: what it takes, and what it refuses before the
 * system is asked for anything.
 */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "kit.h"
#include "tun_look.h"

static struct evtun_config *cfg;

static void
make(void)
{
	cfg = evtun_config_new();
	ck_assert_ptr_nonnull(cfg);
}

/* A call that refuses its argument, and says so. */
#define refuses(call) do { \
	kit_fails(call, EINVAL); \
	ck_assert_str_ne(evtun_get_error(), "no error"); \
} while (0)

START_TEST(test_empty)
{
	make();
	evtun_config_free(cfg);
	evtun_config_free(NULL);
}
END_TEST

START_TEST(test_numbers)
{
	static const int sizes[] = { -1, 1, 9, 11, 14, 16, 22, 25, INT_MAX };
	size_t i;

	make();
	refuses(evtun_config_set_index(cfg, 0));
	refuses(evtun_config_set_index(cfg, 0x80000000U));
	refuses(evtun_config_set_index(cfg, UINT_MAX));
	kit_ok(evtun_config_set_index(cfg, 1));
	kit_ok(evtun_config_set_index(cfg, 0x7fffffff));
	refuses(evtun_config_set_napi(cfg, (enum evtun_napi)3));
	refuses(evtun_config_set_napi(cfg, (enum evtun_napi)-1));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		refuses(evtun_config_set_header(cfg, sizes[i],
		    EVTUN_ORDER_NATIVE));
	refuses(evtun_config_set_header(cfg, 10, (enum evtun_byte_order)3));
	refuses(evtun_config_set_header(cfg, 10, (enum evtun_byte_order)-1));
	refuses(evtun_config_set_sndbuf(cfg, 4607));
	refuses(evtun_config_set_sndbuf(cfg, 0));
	refuses(evtun_config_set_sndbuf(cfg, INT_MIN));
	refuses(evtun_config_set_owner(cfg, -2, -1));
	refuses(evtun_config_set_owner(cfg, -1, -2));
	refuses(evtun_config_set_owner(cfg, 0xffffffffL, 0));
	refuses(evtun_config_set_owner(cfg, LONG_MIN, 0));
	refuses(evtun_config_set_mtu(cfg, 67));
	refuses(evtun_config_set_mtu(cfg, 65536));
	refuses(evtun_config_set_mtu(cfg, 0));
	refuses(evtun_config_set_mtu(cfg, -1));
	refuses(evtun_config_set_txqueuelen(cfg, -1));
	refuses(evtun_config_set_txqueuelen(cfg, 0x80000000L));
	refuses(evtun_config_set_group(cfg, -1));
	refuses(evtun_config_set_group(cfg, 0x80000000L));
	refuses(evtun_config_set_addrgen(cfg, (enum evtun_addrgen)4));
	refuses(evtun_config_set_addrgen(cfg, (enum evtun_addrgen)-1));
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_strings)
{
	static const ev_uint8_t zero[6], group[6] = { 1, 0, 0, 0, 0, 1 };
	char longest[258];

	make();
	memset(longest, 'a', sizeof(longest));
	longest[257] = '\0';
	refuses(evtun_config_set_alias(cfg, longest));
	longest[256] = '\0';
	refuses(evtun_config_set_alias(cfg, longest));
	longest[255] = '\0';
	kit_ok(evtun_config_set_alias(cfg, longest));
	refuses(evtun_config_set_alias(cfg, "a\nb"));
	refuses(evtun_config_set_alias(cfg, "\xff"));
	kit_ok(evtun_config_set_alias(cfg, NULL));
	longest[128] = '\0';
	refuses(evtun_config_add_altname(cfg, longest));
	longest[127] = '\0';
	kit_ok(evtun_config_add_altname(cfg, longest));
	refuses(evtun_config_add_altname(cfg, ""));
	refuses(evtun_config_add_altname(cfg, "a/b"));
	refuses(evtun_config_add_altname(cfg, "a b"));
	refuses(evtun_config_set_hwaddr(cfg, zero));
	refuses(evtun_config_set_hwaddr(cfg, group));
	evtun_config_free(cfg);
}
END_TEST

static const char *const bad_addresses[] = {
	"", "10.9.0.1", "10.9.0.1/", "10.9.0.1/33", "10.9.0.1/-1", "a/24",
	"10.9.0/24", "fd00::1", "fd00::1/129", "fe80::1%eth0/64", "::/64",
	"0.0.0.0/8", "224.0.0.1/4", "ff02::1/64", " 10.9.0.1/24"
};
#define N_BAD ((int)(sizeof(bad_addresses) / sizeof(bad_addresses[0])))

START_TEST(test_bad_address)
{
	struct evtun_link_address addr = { .addr = bad_addresses[_i] };

	make();
	refuses(evtun_config_add_address(cfg, bad_addresses[_i], NULL));
	refuses(evtun_config_add_link_address(cfg, &addr));
	addr.addr = "10.9.0.1/24";
	addr.peer = "fd00::1";
	refuses(evtun_config_add_link_address(cfg, &addr));
	addr.peer = NULL;
	addr.broadcast = "broad";
	refuses(evtun_config_add_link_address(cfg, &addr));
	addr.broadcast = NULL;
	addr.flags = 1 << 20;
	refuses(evtun_config_add_link_address(cfg, &addr));
	addr.flags = 0;
	addr.scope = 256;
	refuses(evtun_config_add_link_address(cfg, &addr));
	addr.scope = 0;
	addr.reserved[3] = 1;
	refuses(evtun_config_add_link_address(cfg, &addr));
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_bad_route)
{
	struct evtun_link_route route;

	make();
	memset(&route, 0, sizeof(route));
	route.to = "10.0.0.1/8";
	refuses(evtun_config_add_route(cfg, &route));
	route.to = "10.0.0.0";
	refuses(evtun_config_add_route(cfg, &route));
	route.to = "10.0.0.0/8";
	route.via = "fd00::x";
	refuses(evtun_config_add_route(cfg, &route));
	route.via = NULL;
	route.source = "fd00::1";
	refuses(evtun_config_add_route(cfg, &route));
	route.source = NULL;
	route.reserved[0] = 1;
	refuses(evtun_config_add_route(cfg, &route));
	evtun_config_free(cfg);
}
END_TEST

/* What is copied needs not live on. */
START_TEST(test_copies)
{
	char *text = strdup("10.9.0.1/24");
	struct evtun_link_route route = { .to = text };

	make();
	kit_ok(evtun_config_add_address(cfg, text, NULL));
	memcpy(text, "10.9.0.0", 8);
	kit_ok(evtun_config_add_route(cfg, &route));
	kit_ok(evtun_config_set_alias(cfg, text));
	kit_ok(evtun_config_add_altname(cfg, "other"));
	memset(text, 'x', strlen(text));
	free(text);
	kit_ok(evtun_config_set_alias(cfg, "again"));
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_netns)
{
	int fds = kit_count_fds();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	make();
	refuses(evtun_config_set_netns(cfg, -2));
	refuses(evtun_config_set_netns(cfg, 9999));
	kit_ok(evtun_config_set_netns(cfg, fd));
	kit_ok(evtun_config_set_netns(cfg, fd));
	close(fd);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	kit_ok(evtun_config_set_netns(cfg, -1));
	ck_assert_int_eq(kit_count_fds(), fds);
	evtun_config_free(cfg);
}
END_TEST

/* ---- what does not go together: no device is opened for it ---- */

START_TEST(test_contradictions)
{
	static const ev_uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct evtun_link_route route = { .to = "10.0.0.0/8" };

	make();
	kit_ok(evtun_config_set_napi(cfg, EVTUN_NAPI_FRAGS));
	look_refused(evtun_new_config("vpn0", 0, cfg), EINVAL);
	look_text("EVTUN_OPT_TAP");
	kit_ok(evtun_config_set_napi(cfg, EVTUN_NAPI_OFF));
	kit_ok(evtun_config_set_header(cfg, 12, EVTUN_ORDER_NATIVE));
	look_refused(evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg), EINVAL);
	look_text("EVTUN_OPT_OFFLOAD");
	kit_ok(evtun_config_set_header(cfg, 0, EVTUN_ORDER_NATIVE));
	kit_ok(evtun_config_set_mtu(cfg, 1279));
	kit_ok(evtun_config_add_address(cfg, "fd00::1/64", NULL));
	look_refused(evtun_new_config("vpn0", 0, cfg), EINVAL);
	look_text("1280");
	kit_ok(evtun_config_set_mtu(cfg, 1280));
	kit_ok(evtun_config_add_address(cfg, "fd00::1/64", NULL));
	kit_ok(evtun_config_set_exact_addresses(cfg, 1));
	look_refused(evtun_new_config("vpn0", 0, cfg), EINVAL);
	kit_ok(evtun_config_set_exact_addresses(cfg, 0));
	kit_ok(evtun_config_add_route(cfg, &route));
	kit_ok(evtun_config_set_up(cfg, 0));
	look_refused(evtun_new_config("vpn0", 0, cfg), EINVAL);
	look_text("down");
	kit_ok(evtun_config_set_up(cfg, 1));
	kit_ok(evtun_config_set_hwaddr(cfg, mac));
	look_refused(evtun_new_config("vpn0", 0, cfg), ENOTSUP);
	evtun_config_free(cfg);
}
END_TEST

/* What would be made, and be gone with IPv6 in the end. */
static void
want_addrgen(void)
{
	kit_ok(evtun_config_set_addrgen(cfg, EVTUN_ADDRGEN_NONE));
}

static void
want_address(void)
{
	kit_ok(evtun_config_add_address(cfg, "fd00::1/64", NULL));
}

static void
want_route(void)
{
	struct evtun_link_route route = { .to = "fd70::/64" };

	kit_ok(evtun_config_add_route(cfg, &route));
}

static void
want_router(void)
{
	struct evtun_link_route route = { .to = "10.70.0.0/16",
	    .via = "fd00::9" };

	kit_ok(evtun_config_add_route(cfg, &route));
}

static void (*const wants_inet6[])(void) = { want_addrgen, want_address,
	want_route, want_router };
#define N_WANTS ((int)(sizeof(wants_inet6) / sizeof(wants_inet6[0])))

START_TEST(test_small_mtu)
{
	struct evtun_link_route route = { .to = "10.0.0.0/8",
	    .via = "10.9.0.2" };

	make();
	kit_ok(evtun_config_set_mtu(cfg, 1279));
	kit_ok(evtun_config_add_address(cfg, "10.9.0.1/24", NULL));
	kit_ok(evtun_config_add_route(cfg, &route));
	/* Not refused for this: the name is looked at later. */
	look_refused(evtun_new_config("a b", 0, cfg), EINVAL);
	ck_assert_ptr_null(strstr(evtun_get_error(), "1280"));
	wants_inet6[_i]();
	look_refused(evtun_new_config("a b", 0, cfg), EINVAL);
	look_text("1280");
	kit_ok(evtun_config_set_mtu(cfg, 1280));
	look_refused(evtun_new_config("a b", 0, cfg), EINVAL);
	ck_assert_ptr_null(strstr(evtun_get_error(), "1280"));
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_name_and_options)
{
	make();
	look_refused(evtun_new_config("a b", 0, cfg), EINVAL);
	look_refused(evtun_new_config("a b", 0, NULL), EINVAL);
	look_refused(evtun_new_config(NULL, 1 << 20, cfg), EINVAL);
	evtun_config_free(cfg);
}
END_TEST

int
main(void)
{
	kit_suite("config");
	kit_case("refused", 0);
	kit_test(test_empty);
	kit_test(test_numbers);
	kit_test(test_strings);
	kit_loop(test_bad_address, 0, N_BAD);
	kit_test(test_bad_route);
	kit_test(test_copies);
	kit_test(test_netns);
	kit_case("contradictions", 0);
	kit_test(test_contradictions);
	kit_loop(test_small_mtu, 0, N_WANTS);
	kit_test(test_name_and_options);
	return kit_run();
}
