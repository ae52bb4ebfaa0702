/*
 * EVTUN_OPT_OFFLOAD at a device that others have had, or have as well: they
 * leave what they like, and are left what they have.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <unistd.h>

#include "device_rig.h"
#include "device_features.h"
#include "kit.h"
#include "tun_look.h"

/* ---- what others leave ---- */

static int
type_of(enum kit_kind kind)
{
	return kind == KIT_TAP ? IFF_TAP : IFF_TUN;
}

/* Everything is as it should not be. */
static void
leave_stale(enum kit_kind kind, unsigned long mask)
{
	int fd = look_open("off0", type_of(kind) | IFF_NO_PI | IFF_VNET_HDR);
	int size = HEADER_TUNNEL, one = 1;

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &one), 0);
	/* Not every kernel has it. */
	if (ioctl(fd, TUNSETVNETBE, &one) < 0)
		ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, mask), 0);
	ck_assert_uint_eq(features_get("off0"), mask);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
}

START_TEST(test_stale_and_all)
{
	struct kit_rig *rig = device_rig_begin(_i);
	unsigned long mask;
	int size;

	mask = features_best(&size);
	leave_stale(rig->kind, TUN_F_CSUM);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	features_check(rig, mask, size);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_stale_and_none)
{
	struct kit_rig *rig = device_rig_begin(_i);
	int size;

	leave_stale(rig->kind, features_best(&size));
	device_rig_over(rig, kit_tun_new(rig->kind, "off0", 0));
	features_check(rig, 0, HEADER);
	kit_rig_free(rig);
}
END_TEST

/* And a kernel that can do less than the one before. */
START_TEST(test_stale_and_refused)
{
	struct kit_rig *rig = device_rig_begin(_i);
	int size;

	leave_stale(rig->kind, features_best(&size));
	features_refuse(TUNNEL | USO, EINVAL);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	features_refuse(0, 0);
	features_check(rig, TUN_F_CSUM | TSO | ECN, HEADER);
	kit_rig_free(rig);
}
END_TEST

/* Who comes next may know nothing of it. */
START_TEST(test_left)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("off0", EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST);
	ck_assert_uint_ne(features_get("off0"), 0);
	evtun_free(tun);
	ck_assert_uint_eq(features_get("off0"), 0);
}
END_TEST

static void
free_in_child(void *tun)
{
	evtun_free(tun);
}

/* A child that has no use for it takes nothing from its parent. */
START_TEST(test_left_by_child)
{
	struct kit_rig *rig = device_rig_begin(_i);
	unsigned long mask;
	int size;

	mask = features_best(&size);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST));
	look_in_child(free_in_child, rig->tun);
	features_check(rig, mask, size);
	kit_rig_free(rig);
	ck_assert_uint_eq(features_get("off0"), 0);
}
END_TEST

/* Nor does the header change for one who has a copy of the descriptor. */
START_TEST(test_left_and_copied)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct evtun *first;
	int size, fd;

	features_best(&size);
	first = kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST);
	fd = dup(evtun_get_fd(first));
	ck_assert_int_ge(fd, 0);
	device_rig_over(rig, evtun_new_fd(fd, device_options(rig->kind)));
	evtun_free(first);
	features_check(rig, 0, size);
	kit_rig_free(rig);
}
END_TEST

/* ---- one who is not alone ---- */

/* It takes what is there, and changes nothing. */
static void
check_second(struct kit_rig *rig, struct evtun *tun, unsigned long mask,
    int size, int wanted)
{
	unsigned char data[100];

	ck_assert_ptr_nonnull(tun);
	ck_assert_int_eq((evtun_get_options(tun) & EVTUN_OPT_OFFLOAD) != 0,
	    wanted);
	ck_assert_int_eq(features_offered(rig), wanted);
	ck_assert_uint_eq(features_get("off0"), mask);
	ck_assert_int_eq(features_get_int(evtun_get_fd(tun),
	    TUNGETVNETHDRSZ), size);
	/* Both write as before. */
	kit_enable(rig, 1, EV_READ);
	kit_fill(rig->kind, data, 0, sizeof(data));
	kit_ok(evtun_write(tun, data, sizeof(data)));
	kit_until_packets(rig, 1, 1);
	kit_ok(kit_write(rig, 0, 1, 200));
	kit_until_packets(rig, 1, 2);
	kit_check_packet(rig, 1, 0, 0, sizeof(data));
	kit_check_packet(rig, 1, 1, 1, 200);
	kit_ok(packetevent_disable(rig->pev[1], EV_READ));
	evtun_free(tun);
}

/* The first with or without, and then the second. */
START_TEST(test_second)
{
	enum kit_kind kind = _i & 4 ? KIT_TAP : KIT_TUN;
	struct kit_rig *rig = device_rig_begin(KIT_SETUP(kind, 0, KIT_EPOLL));
	int first = _i & 1, second = _i >> 1 & 1, size;
	int options = EVTUN_OPT_MULTIQUEUE | device_options(kind);
	unsigned long mask = 0;

	/* The header stays as it is, for it is everybody's: no tunnels. */
	if (first)
		mask = features_best(&size) & ~(unsigned long)TUNNEL;
	size = HEADER;
	device_rig_over(rig, kit_tun_new(kind, "off0", options |
	    (first ? EVTUN_OPT_OFFLOAD : 0)));
	check_second(rig, evtun_new("off0", options |
	    (second ? EVTUN_OPT_OFFLOAD : 0)), mask, size, first);
	kit_log_clear(&rig->log[1]);
	check_second(rig, evtun_new_queue(rig->tun), mask, size, first);
	/* They are gone, so that every packet comes to the first. */
	kit_log_clear(&rig->log[1]);
	features_check(rig, mask, size);
	kit_rig_free(rig);
}
END_TEST

/* Sizes of headers, and the order of their bytes. */
static const int sizes[] = { 10, 12, 20, 24 };

START_TEST(test_adopted)
{
	enum kit_kind kind = _i & 8 ? KIT_TAP : KIT_TUN;
	struct kit_rig *rig = device_rig_begin(KIT_SETUP(kind, 0, KIT_EPOLL));
	int size = sizes[_i & 3], little = _i >> 2 & 1;
	unsigned long mask = TUN_F_CSUM | TUN_F_TSO4;
	int fd = look_open("off0", type_of(kind) | IFF_NO_PI | IFF_VNET_HDR);
	struct evtun *tun;

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &little), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, mask), 0);
	tun = evtun_new_fd(fd, device_options(kind));
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_up(tun, 1));
	kit_ok(evtun_set_mtu(tun, kind == KIT_TAP ? 65521 : 65535));
	device_rig_over(rig, tun);
	ck_assert(features_offered(rig));
	features_check_reading(rig);
	kit_traffic(rig, 100);
	ck_assert_uint_eq(features_get("off0"), mask);
	ck_assert_int_eq(features_get_int(fd, TUNGETVNETHDRSZ), size);
	ck_assert_int_eq(features_get_int(fd, TUNGETVNETLE), little);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("tun_offload_others");
	kit_case("stale", KIT_NEEDS_TUN);
	kit_ways = 1u << KIT_PLAIN;
	kit_kinds(test_stale_and_all, KIT_DEVICES);
	kit_kinds(test_stale_and_none, KIT_DEVICES);
	kit_kinds(test_stale_and_refused, KIT_DEVICES);
	kit_test(test_left);
	kit_kinds(test_left_by_child, KIT_DEVICES);
	kit_kinds(test_left_and_copied, KIT_DEVICES);
	kit_case("shared", KIT_NEEDS_TUN);
	kit_loop(test_second, 0, 8);
	kit_loop(test_adopted, 0, 16);
	return kit_run();
}
