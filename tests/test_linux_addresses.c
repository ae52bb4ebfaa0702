/*
 * The Ethernet addresses that a TAP device accepts.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "kit.h"
#include "tun_look.h"

static const ev_uint8_t mine[6] = { 2, 0, 0, 0, 0, 9 };
static const ev_uint8_t other[6] = { 2, 0, 0, 0, 0, 10 };
static const ev_uint8_t broadcast[6] = { 255, 255, 255, 255, 255, 255 };
static const ev_uint8_t group[6] = { 1, 0, 0x5e, 0, 0, 1 };
static const ev_uint8_t other_group[6] = { 1, 0, 0x5e, 0, 0, 2 };

static const int options[] = { 0, EVTUN_OPT_OFFLOAD };
#define N_OPTIONS 2

/* A device that accepts what is to come. */
static void
begin(struct arrivals *a, int i)
{
	arrivals_begin(a, KIT_TAP, options[i]);
}

static void
check_passes(struct arrivals *a, const ev_uint8_t to[6])
{
	arrivals_send_to(a, to, to[5]);
	arrivals_check_to(a, to, to[5]);
	arrivals_check_none(a->tun);
}

/* It is counted. */
static void
check_dropped(struct arrivals *a, const ev_uint8_t to[6])
{
	long before = arrivals_dropped(a);

	arrivals_send_to(a, to, to[5]);
	ck_assert_int_eq(arrivals_dropped(a), before + 1);
	arrivals_check_none(a->tun);
}

static void
check_all_pass(struct arrivals *a)
{
	check_passes(a, mine);
	check_passes(a, other);
	check_passes(a, broadcast);
	check_passes(a, group);
	check_passes(a, other_group);
}

static void
set(struct arrivals *a, const ev_uint8_t (*addrs)[6], size_t n, int flags)
{
	kit_ok(evtun_linux_set_rx_addresses(a->tun, addrs, n, flags));
}

START_TEST(test_exact)
{
	ev_uint8_t addrs[3][6];
	struct arrivals a;

	begin(&a, _i);
	memcpy(addrs[0], group, 6);
	memcpy(addrs[1], mine, 6);
	memcpy(addrs[2], broadcast, 6);
	check_all_pass(&a);
	set(&a, addrs, 2, 0);
	check_passes(&a, mine);
	check_dropped(&a, other);
	check_dropped(&a, broadcast);
	check_passes(&a, group);
	check_dropped(&a, other_group);
	set(&a, addrs + 1, 2, 0);
	check_passes(&a, broadcast);
	check_dropped(&a, group);
	set(&a, addrs + 1, 1, 0);
	check_passes(&a, mine);
	check_dropped(&a, broadcast);
	set(&a, NULL, 0, 0);
	check_all_pass(&a);
	arrivals_end(&a);
}
END_TEST

START_TEST(test_all_multicast)
{
	ev_uint8_t addrs[1][6];
	struct arrivals a;

	begin(&a, _i);
	memcpy(addrs[0], mine, 6);
	set(&a, addrs, 1, EVTUN_LINUX_ALL_MULTICAST);
	check_passes(&a, mine);
	check_passes(&a, group);
	check_passes(&a, other_group);
	check_passes(&a, broadcast);
	check_dropped(&a, other);
	set(&a, addrs, 1, 0);
	check_dropped(&a, group);
	arrivals_end(&a);
}
END_TEST

/* More than are compared exactly.  Those of hosts are, wherever they stand;
 * of the groups that are not, some others pass, but not all. */
START_TEST(test_many)
{
	ev_uint8_t addrs[20][6], to[6];
	struct arrivals a;
	unsigned i;
	long before;

	begin(&a, _i);
	for (i = 0; i < 20; i++) {
		memcpy(addrs[i], i < 12 ? group : mine, 6);
		addrs[i][5] = (ev_uint8_t)(100 + i);
	}
	set(&a, (const ev_uint8_t (*)[6])addrs, 20, 0);
	for (i = 0; i < 20; i++)
		check_passes(&a, addrs[i]);
	check_dropped(&a, other);
	check_dropped(&a, mine);
	before = arrivals_dropped(&a);
	memcpy(to, group, 6);
	for (i = 0; i < 64; i++) {
		to[4] = (ev_uint8_t)(i + 1);
		arrivals_send_to(&a, to, i);
	}
	ck_assert_int_gt(arrivals_dropped(&a), before);
	arrivals_end(&a);
}
END_TEST

/* As many as there can be. */
START_TEST(test_most)
{
	ev_uint8_t (*addrs)[6] = calloc(65536, sizeof(*addrs));
	struct arrivals a;
	unsigned i;

	ck_assert_ptr_nonnull(addrs);
	begin(&a, 0);
	for (i = 0; i < 65536; i++) {
		memcpy(addrs[i], group, 6);
		addrs[i][4] = (ev_uint8_t)(i >> 8);
		addrs[i][5] = (ev_uint8_t)i;
	}
	set(&a, (const ev_uint8_t (*)[6])addrs, 65535, 0);
	check_dropped(&a, mine);
	check_passes(&a, addrs[65534]);
	kit_fails(evtun_linux_set_rx_addresses(a.tun,
	    (const ev_uint8_t (*)[6])addrs, 65536, 0), EINVAL);
	kit_fails(evtun_linux_set_rx_addresses(a.tun,
	    (const ev_uint8_t (*)[6])addrs, (size_t)-1, 0), EINVAL);
	check_dropped(&a, mine);
	free(addrs);
	arrivals_end(&a);
}
END_TEST

/* ---- refused ---- */

static void
check_arguments(struct evtun *tun)
{
	ev_uint8_t addrs[9][6];
	const ev_uint8_t (*const_addrs)[6] = (const ev_uint8_t (*)[6])addrs;
	int i;

	for (i = 0; i < 9; i++) {
		memcpy(addrs[i], mine, 6);
		addrs[i][4] = (ev_uint8_t)i;
	}
	/* The kernel would let everything in, and say that all is well. */
	kit_fails(evtun_linux_set_rx_addresses(tun, const_addrs, 9, 0),
	    EINVAL);
	look_text("at most 8");
	kit_fails(evtun_linux_set_rx_addresses(tun, const_addrs, 1, 2),
	    EINVAL);
	look_text("flag");
	kit_fails(evtun_linux_set_rx_addresses(tun, const_addrs, 1, -1),
	    EINVAL);
	kit_fails(evtun_linux_set_rx_addresses(tun, NULL, 1, 0), EINVAL);
	kit_fails(evtun_linux_set_rx_addresses(tun, NULL, 0,
	    EVTUN_LINUX_ALL_MULTICAST), EINVAL);
	memset(addrs[1], 0, 6);
	kit_fails(evtun_linux_set_rx_addresses(tun, const_addrs, 2, 0),
	    EINVAL);
	look_text("zero");
}

START_TEST(test_refused)
{
	ev_uint8_t addrs[1][6];
	struct arrivals a;

	begin(&a, _i);
	memcpy(addrs[0], other, 6);
	set(&a, addrs, 1, 0);
	check_arguments(a.tun);
	check_passes(&a, other);
	check_dropped(&a, mine);
	kit_link_delete("vpn0");
	/* Before the kernel is asked. */
	check_arguments(a.tun);
	kit_fails(evtun_linux_set_rx_addresses(a.tun,
	    (const ev_uint8_t (*)[6])addrs, 1, 0), ENXIO);
	look_text("gone");
	arrivals_end(&a);
}
END_TEST

START_TEST(test_tun)
{
	ev_uint8_t addrs[1][6];
	struct arrivals a;

	arrivals_begin(&a, KIT_TUN, 0);
	memcpy(addrs[0], mine, 6);
	kit_fails(evtun_linux_set_rx_addresses(a.tun,
	    (const ev_uint8_t (*)[6])addrs, 1, 0), ENOTSUP);
	look_text("TAP");
	kit_fails(evtun_linux_set_rx_addresses(a.tun, NULL, 0, 0), ENOTSUP);
	arrivals_end(&a);
}
END_TEST

int
main(void)
{
	kit_suite("linux_addresses");
	kit_case("accepted", KIT_NEEDS_TUN);
	kit_loop(test_exact, 0, N_OPTIONS);
	kit_loop(test_all_multicast, 0, N_OPTIONS);
	kit_loop(test_many, 0, N_OPTIONS);
	kit_test(test_most);
	kit_case("refused", KIT_NEEDS_TUN);
	kit_loop(test_refused, 0, N_OPTIONS);
	kit_test(test_tun);
	return kit_run();
}
