/*
 * What a device is told of EVTUN_OPT_OFFLOAD: as much as the kernel takes,
 * whatever somebody else has left.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_rig.h"
#include "kit.h"
#include "segments.h"
#include "tun_look.h"

/* For headers older than the kernel. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

#define TSO (TUN_F_TSO4 | TUN_F_TSO6)
#define ECN TUN_F_TSO_ECN
#define USO (TUN_F_USO4 | TUN_F_USO6)
#define TUNNEL (TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM)
#define ALL ((unsigned long)(TUN_F_CSUM | TSO | ECN | USO | TUNNEL))
#define HEADER 10
#define HEADER_TUNNEL 24

/* ---- a kernel that refuses ---- */

static unsigned long refused_bits;
static int refused_err;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	if (request == TUNSETOFFLOAD && arg & refused_bits) {
		errno = refused_err;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}

static void
refuse(unsigned long bits, int err)
{
	refused_bits = bits;
	refused_err = err;
}

/* ---- what the kernel says ---- */

/* What stands for each bit in `ethtool -k`; USO4 and USO6 are one. */
static const struct feature {
	unsigned long bit;
	const char *name;
} features[] = {
	{ TUN_F_CSUM, "tx-checksum-ip-generic" },
	{ TUN_F_TSO4, "tx-tcp-segmentation" },
	{ TUN_F_TSO6, "tx-tcp6-segmentation" },
	{ TUN_F_TSO_ECN, "tx-tcp-ecn-segmentation" },
	{ USO, "tx-udp-segmentation" },
	{ TUN_F_UDP_TUNNEL_GSO, "tx-udp_tnl-segmentation" },
	{ TUN_F_UDP_TUNNEL_GSO_CSUM, "tx-udp_tnl-csum-segmentation" }
};
#define N_FEATURES (sizeof(features) / sizeof(features[0]))
#define NAMES_MAX 256

static void
ask(const char *name, void *what)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;

	ck_assert_int_ge(fd, 0);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = what;
	ck_assert_msg(ioctl(fd, SIOCETHTOOL, &ifr) == 0, "ethtool: %s",
	    strerror(errno));
	close(fd);
}

/* Their names, in the order of their bits. */
static struct ethtool_gstrings *
get_names(const char *name)
{
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) +
	    NAMES_MAX * ETH_GSTRING_LEN);
	struct ethtool_sset_info *set = calloc(1, sizeof(*set) +
	    sizeof(set->data[0]));

	ck_assert(names != NULL && set != NULL);
	set->cmd = ETHTOOL_GSSET_INFO;
	set->sset_mask = 1ULL << ETH_SS_FEATURES;
	ask(name, set);
	ck_assert_uint_le(set->data[0], NAMES_MAX);
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = set->data[0];
	free(set);
	ask(name, names);
	return names;
}

static unsigned long
bit_of(const char *name)
{
	size_t i;

	for (i = 0; i < N_FEATURES; i++)
		if (strcmp(features[i].name, name) == 0)
			return features[i].bit;
	return 0;
}

/* The TUN_F_* that are in effect. */
static unsigned long
get_mask(const char *name)
{
	struct ethtool_gstrings *names = get_names(name);
	struct ethtool_gfeatures *get = calloc(1, sizeof(*get) +
	    NAMES_MAX / 32 * sizeof(get->features[0]));
	unsigned long mask = 0;
	unsigned i;

	ck_assert_ptr_nonnull(get);
	get->cmd = ETHTOOL_GFEATURES;
	get->size = (names->len + 31) / 32;
	ask(name, get);
	for (i = 0; i < names->len; i++)
		if (get->features[i / 32].active >> i % 32 & 1)
			mask |= bit_of((const char *)names->data +
			    (size_t)i * ETH_GSTRING_LEN);
	free(names);
	free(get);
	return mask;
}

static int
get_int(int fd, unsigned long request)
{
	int value = 0;

	ck_assert_msg(ioctl(fd, request, &value) == 0, "%s",
	    strerror(errno));
	return value;
}

/* Everything that this kernel takes, and what it puts before packets then. */
static unsigned long
get_best(int *size)
{
	static const unsigned long masks[] = { ALL, ALL & ~TUNNEL,
		ALL & ~(TUNNEL | USO) };
	int fd = look_open("probe0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	size_t i;

	for (i = 0; i < 3; i++) {
		*size = i == 0 ? HEADER_TUNNEL : HEADER;
		ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, size), 0);
		if (ioctl(fd, TUNSETOFFLOAD, masks[i]) == 0)
			break;
	}
	close(fd);
	ck_assert_uint_lt(i, 3);
	return masks[i];
}

/* ---- packets ---- */

/* Large frames of every sort come as the packets that are in them, and so do
 * unfinished ones. */
static void
check_reading(struct kit_rig *rig)
{
	struct segments_list list = { NULL, 0 };
	struct segments_form form;
	int fd = segments_socket(rig->name);
	unsigned sort, i;

	kit_log_clear(&rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++)
		for (i = 0; i < 2; i++) {
			memset(&form, 0, sizeof(form));
			form.sort = (enum segments_sort)sort;
			form.ethernet = rig->kind == KIT_TAP;
			form.flow = i;
			form.id = 7;
			form.seq = 1000;
			form.payload = i ? 10000 : 400;
			form.gso_size = 500;
			segments_flood(fd, &form, &list);
		}
	kit_until_packets(rig, 0, list.n);
	kit_settle(rig->base);
	segments_list_compare(&list, &rig->log[0]);
	segments_list_clear(&list);
	close(fd);
	kit_log_clear(&rig->log[0]);
}

/* That is in effect, and packets pass. */
static void
check_device(struct kit_rig *rig, unsigned long mask, int size)
{
	int fd = packetevent_getfd(rig->pev[0]);

	ck_assert_uint_eq(get_mask(rig->name), mask);
	ck_assert_int_eq(get_int(fd, TUNGETVNETHDRSZ), size);
	ck_assert_int_eq(get_int(fd, TUNGETVNETLE), 0);
	check_reading(rig);
	kit_log_clear(&rig->log[1]);
	kit_traffic(rig, 100);
}

static int
has_offload(struct kit_rig *rig)
{
	return (evtun_get_options(rig->tun) & EVTUN_OPT_OFFLOAD) != 0;
}

/* ---- the ladder ---- */

/* What is refused, and what is taken then. */
static const struct rung {
	unsigned long refused, mask;
} rungs[] = {
	{ TUNNEL, TUN_F_CSUM | TSO | ECN | USO },
	{ TUN_F_UDP_TUNNEL_GSO_CSUM, TUN_F_CSUM | TSO | ECN | USO },
	{ TUNNEL | ECN, TUN_F_CSUM | TSO | USO },
	{ ECN, TUN_F_CSUM | TSO | USO },
	{ TUNNEL | USO, TUN_F_CSUM | TSO | ECN },
	{ USO, TUN_F_CSUM | TSO | ECN },
	{ TUNNEL | USO | ECN, TUN_F_CSUM | TSO },
	{ TUNNEL | USO | ECN | TUN_F_TSO6, TUN_F_CSUM | TUN_F_TSO4 },
	{ TUN_F_TSO6, TUN_F_CSUM | TUN_F_TSO4 },
	{ TUN_F_TSO4, TUN_F_CSUM },
	{ ALL & ~(unsigned long)TUN_F_CSUM, TUN_F_CSUM },
	{ ALL, 0 }
};
#define N_RUNGS ((int)(sizeof(rungs) / sizeof(rungs[0])))

START_TEST(test_all)
{
	struct kit_rig *rig = device_rig_begin(_i);
	unsigned long mask;
	int size;

	mask = get_best(&size);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	ck_assert(has_offload(rig));
	check_device(rig, mask, size);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_none)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, kit_tun_new(rig->kind, "off0", 0));
	ck_assert(!has_offload(rig));
	check_device(rig, 0, HEADER);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_rungs)
{
	const struct rung *rung = &rungs[_i % N_RUNGS];
	struct kit_rig *rig = device_rig_begin(KIT_SETUP(
	    _i < N_RUNGS ? KIT_TUN : KIT_TAP, 0, KIT_EPOLL));
	int size;

	if (get_best(&size) == (ALL & ~(TUNNEL | USO)) && rung->mask & USO)
		kit_skip("this kernel has less itself");
	refuse(rung->refused, EINVAL);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	refuse(0, 0);
	ck_assert(has_offload(rig));
	check_device(rig, rung->mask, HEADER);
	kit_rig_free(rig);
}
END_TEST

/* That is no question of what the kernel knows. */
START_TEST(test_error)
{
	static const int errors[] = { EPERM, ENOMEM };
	int fds;

	kit_netns();
	fds = kit_count_fds();
	refuse(ALL, errors[_i]);
	look_refused(evtun_new("off0", EVTUN_OPT_OFFLOAD), errors[_i]);
	look_text("switch offload on");
	ck_assert_uint_eq(look_index("off0"), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

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
	ck_assert_uint_eq(get_mask("off0"), mask);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
}

START_TEST(test_stale_and_all)
{
	struct kit_rig *rig = device_rig_begin(_i);
	unsigned long mask;
	int size;

	mask = get_best(&size);
	leave_stale(rig->kind, TUN_F_CSUM);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	check_device(rig, mask, size);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_stale_and_none)
{
	struct kit_rig *rig = device_rig_begin(_i);
	int size;

	leave_stale(rig->kind, get_best(&size));
	device_rig_over(rig, kit_tun_new(rig->kind, "off0", 0));
	check_device(rig, 0, HEADER);
	kit_rig_free(rig);
}
END_TEST

/* And a kernel that can do less than the one before. */
START_TEST(test_stale_and_refused)
{
	struct kit_rig *rig = device_rig_begin(_i);
	int size;

	leave_stale(rig->kind, get_best(&size));
	refuse(TUNNEL | USO, EINVAL);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	refuse(0, 0);
	check_device(rig, TUN_F_CSUM | TSO | ECN, HEADER);
	kit_rig_free(rig);
}
END_TEST

/* Who comes next may know nothing of it. */
START_TEST(test_left)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("off0", EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST);
	ck_assert_uint_ne(get_mask("off0"), 0);
	evtun_free(tun);
	ck_assert_uint_eq(get_mask("off0"), 0);
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

	mask = get_best(&size);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST));
	look_in_child(free_in_child, rig->tun);
	check_device(rig, mask, size);
	kit_rig_free(rig);
	ck_assert_uint_eq(get_mask("off0"), 0);
}
END_TEST

/* Nor does the header change for one who has a copy of the descriptor. */
START_TEST(test_left_and_copied)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct evtun *first;
	int size, fd;

	get_best(&size);
	first = kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST);
	fd = dup(evtun_get_fd(first));
	ck_assert_int_ge(fd, 0);
	device_rig_over(rig, evtun_new_fd(fd, device_options(rig->kind)));
	evtun_free(first);
	check_device(rig, 0, size);
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
	ck_assert_int_eq(has_offload(rig), wanted);
	ck_assert_uint_eq(get_mask("off0"), mask);
	ck_assert_int_eq(get_int(evtun_get_fd(tun), TUNGETVNETHDRSZ), size);
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
		mask = get_best(&size) & ~(unsigned long)TUNNEL;
	size = HEADER;
	device_rig_over(rig, kit_tun_new(kind, "off0", options |
	    (first ? EVTUN_OPT_OFFLOAD : 0)));
	check_second(rig, evtun_new("off0", options |
	    (second ? EVTUN_OPT_OFFLOAD : 0)), mask, size, first);
	kit_log_clear(&rig->log[1]);
	check_second(rig, evtun_new_queue(rig->tun), mask, size, first);
	/* They are gone, so that every packet comes to the first. */
	kit_log_clear(&rig->log[1]);
	check_device(rig, mask, size);
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
	ck_assert(has_offload(rig));
	check_reading(rig);
	kit_traffic(rig, 100);
	ck_assert_uint_eq(get_mask("off0"), mask);
	ck_assert_int_eq(get_int(fd, TUNGETVNETHDRSZ), size);
	ck_assert_int_eq(get_int(fd, TUNGETVNETLE), little);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("tun_offload");
	kit_case("ladder", KIT_NEEDS_TUN);
	kit_ways = 1u << KIT_PLAIN;
	kit_kinds(test_all, KIT_DEVICES);
	kit_kinds(test_none, KIT_DEVICES);
	kit_loop(test_rungs, 0, 2 * N_RUNGS);
	kit_loop(test_error, 0, 2);
	kit_case("stale", KIT_NEEDS_TUN);
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
