/*
 * Interfaces that stay: who owns them, and what the last user left behind.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>

#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

#define NOBODY 65534

static void
check_owner(const char *name, long owner, long group)
{
	struct look_tun look;

	look_tun(name, &look);
	ck_assert_int_eq(look.owner, owner);
	ck_assert_int_eq(look.group, group);
}

static int
is_persistent(const char *name)
{
	struct look_tun look;

	look_tun(name, &look);
	return look.persist;
}

/* A persistent interface that somebody else has made; -1 is nobody. */
static void
make_owned(const char *name, long owner, long group)
{
	int fd = look_open(name, IFF_TUN | IFF_NO_PI);

	if (owner != -1)
		ck_assert_int_eq(ioctl(fd, TUNSETOWNER, owner), 0);
	if (group != -1)
		ck_assert_int_eq(ioctl(fd, TUNSETGROUP, group), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
}

/* ---- staying ---- */

START_TEST(test_stays)
{
	struct evtun *tun;
	unsigned index;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_PERSIST);
	index = evtun_get_index(tun);
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_PERSIST);
	evtun_free(tun);
	ck_assert_uint_eq(look_index("vpn0"), index);
	/* It is so, whether it was asked for or not. */
	tun = look_new("vpn0", 0);
	ck_assert_uint_eq(evtun_get_index(tun), index);
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_PERSIST);
	evtun_free(tun);
	tun = look_new("vpn0", 0);
	kit_ok(evtun_set_persist(tun, 0));
	kit_ok(evtun_set_persist(tun, 0));
	ck_assert_int_eq(evtun_get_options(tun), 0);
	ck_assert_int_eq(is_persistent("vpn0"), 0);
	ck_assert_uint_eq(look_index("vpn0"), index);
	evtun_free(tun);
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

START_TEST(test_set_persist)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	ck_assert_int_eq(is_persistent("vpn0"), 0);
	kit_ok(evtun_set_persist(tun, 1));
	kit_ok(evtun_set_persist(tun, 1));
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_PERSIST);
	ck_assert_int_eq(is_persistent("vpn0"), 1);
	check_owner("vpn0", geteuid(), -1);
	evtun_free(tun);
	ck_assert_uint_ne(look_index("vpn0"), 0);
}
END_TEST

/* Queues share it. */
START_TEST(test_queues_agree)
{
	struct evtun *a, *b;

	kit_netns();
	a = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	b = evtun_new_queue(a);
	ck_assert_ptr_nonnull(b);
	kit_ok(evtun_set_persist(a, 1));
	ck_assert(evtun_get_options(b) & EVTUN_OPT_PERSIST);
	kit_ok(evtun_set_persist(b, 0));
	ck_assert(!(evtun_get_options(a) & EVTUN_OPT_PERSIST));
	evtun_free(a);
	ck_assert_uint_ne(look_index("vpn0"), 0);
	evtun_free(b);
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

/* ---- owners ---- */

START_TEST(test_default_owner)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_PERSIST);
	check_owner("vpn0", geteuid(), -1);
	evtun_free(tun);
	/* What somebody else left unowned stays so, unless we make it
	 * persistent: then it is ours. */
	make_owned("free", -1, -1);
	tun = look_new("free", 0);
	check_owner("free", -1, -1);
	evtun_free(tun);
	tun = look_new("free", EVTUN_OPT_PERSIST);
	check_owner("free", geteuid(), -1);
	evtun_free(tun);
}
END_TEST

static const long owners[][2] = { { 1234, -1 }, { -1, 2345 }, { 1234, 2345 } };

START_TEST(test_owner_kept)
{
	struct evtun *tun;

	kit_netns();
	make_owned("vpn0", owners[_i][0], owners[_i][1]);
	tun = look_new("vpn0", EVTUN_OPT_PERSIST);
	check_owner("vpn0", owners[_i][0], owners[_i][1]);
	kit_ok(evtun_set_persist(tun, 0));
	kit_ok(evtun_set_persist(tun, 1));
	check_owner("vpn0", owners[_i][0], owners[_i][1]);
	evtun_free(tun);
	/* Set before it is persistent, they are kept as well. */
	tun = look_new("vpn1", 0);
	kit_ok(evtun_set_owner(tun, owners[_i][0], owners[_i][1]));
	kit_ok(evtun_set_persist(tun, 1));
	check_owner("vpn1", owners[_i][0], owners[_i][1]);
	evtun_free(tun);
}
END_TEST

START_TEST(test_set_owner)
{
	struct evtun *tun;
	long huge = sizeof(long) > 4 ? (long)((1ULL << 32) + 5) : -2;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_PERSIST);
	kit_ok(evtun_set_owner(tun, -1, -1));
	check_owner("vpn0", geteuid(), -1);
	kit_ok(evtun_set_owner(tun, -1, 2345));
	check_owner("vpn0", geteuid(), 2345);
	kit_ok(evtun_set_owner(tun, 1234, -1));
	check_owner("vpn0", 1234, 2345);
	kit_ok(evtun_set_owner(tun, 1234, 2345));
	kit_ok(evtun_set_owner(tun, 0, 0));
	check_owner("vpn0", 0, 0);
	kit_fails(evtun_set_owner(tun, -2, -1), EINVAL);
	kit_fails(evtun_set_owner(tun, -1, -2), EINVAL);
	kit_fails(evtun_set_owner(tun, huge, -1), EINVAL);
	kit_fails(evtun_set_owner(tun, 1234, huge), EINVAL);
	look_text("set the owner");
	if (sizeof(long) > 4)
		kit_fails(evtun_set_owner(tun, (long)0xffffffffUL, -1),
		    EINVAL);
	check_owner("vpn0", 0, 0);
	evtun_free(tun);
}
END_TEST

/* ---- who may open it ---- */

struct visitor {
	const char *name;
	int options;
	unsigned uid, gid;
	int err;
};

static void
visit(void *arg)
{
	struct visitor *v = arg;
	struct evtun *tun;

	look_become(v->uid, v->gid);
	tun = evtun_new(v->name, v->options);
	ck_assert_msg((tun != NULL ? 0 : errno) == v->err,
	    "user %u, group %u: %s", v->uid, v->gid, evtun_get_error());
	evtun_free(tun);
}

static void
check_visit(const char *name, unsigned uid, unsigned gid, int err)
{
	struct visitor v = { name, 0, uid, gid, err };

	look_in_child(visit, &v);
}

START_TEST(test_visitors)
{
	kit_netns();
	evtun_free(look_new("ours", EVTUN_OPT_PERSIST));
	make_owned("user", NOBODY, -1);
	make_owned("group", -1, 2345);
	make_owned("both", NOBODY, 2345);
	check_visit("ours", NOBODY, NOBODY, EPERM);
	check_visit("user", NOBODY, NOBODY, 0);
	check_visit("user", 1234, NOBODY, EPERM);
	check_visit("group", NOBODY, 2345, 0);
	check_visit("group", NOBODY, NOBODY, EPERM);
	check_visit("both", NOBODY, 2345, 0);
	check_visit("both", NOBODY, NOBODY, EPERM);
	check_visit("both", 1234, 2345, EPERM);
}
END_TEST

/* Anybody may open it, and make it his. */
START_TEST(test_unowned)
{
	struct visitor v = { "vpn0", EVTUN_OPT_PERSIST, NOBODY, NOBODY, 0 };

	kit_netns();
	make_owned("vpn0", -1, -1);
	look_in_child(visit, &v);
	check_owner("vpn0", NOBODY, -1);
	v.uid = 1234;
	v.err = EPERM;
	look_in_child(visit, &v);
	check_owner("vpn0", NOBODY, -1);
}
END_TEST

/* ---- what the last user left ---- */

/* One number for each way to leave an interface. */
#define N_STALE (3 * 3 * 2 * 2 * 2)

static const int stale_sizes[] = { 10, 12, 24 };
static const unsigned long stale_offloads[] = { 0, TUN_F_CSUM,
	TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 };

static void
leave_stale(int i)
{
	int size = stale_sizes[i % 3];
	unsigned long offload = stale_offloads[i / 3 % 3];
	int little = i / 9 % 2;
	int flags = (i / 18 % 2 ? IFF_VNET_HDR : 0) |
	    (i / 36 % 2 ? IFF_NO_PI : 0);
	int fd = look_open("vpn0", IFF_TUN | flags);

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, offload), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &little), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
}

static int
ask_ethtool(const char *name, unsigned cmd)
{
	struct ethtool_value value = { cmd, 99 };
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_data = (void *)&value;
	ck_assert_int_eq(ioctl(fd, SIOCETHTOOL, &ifr), 0);
	close(fd);
	return (int)value.data;
}

static void
check_not_stale(struct evtun *tun, int packet_info)
{
	struct look_tun look;
	int fd = evtun_get_fd(tun), value = 99;

	ck_assert_int_eq(ioctl(fd, TUNGETVNETHDRSZ, &value), 0);
	ck_assert_int_eq(value, 10);
	ck_assert_int_eq(ioctl(fd, TUNGETVNETLE, &value), 0);
	ck_assert_int_eq(value, 0);
	ck_assert_int_eq(ask_ethtool("vpn0", ETHTOOL_GTXCSUM), 0);
	ck_assert_int_eq(ask_ethtool("vpn0", ETHTOOL_GTSO), 0);
	look_tun("vpn0", &look);
	ck_assert_int_eq(look.vnet_hdr, 0);
	ck_assert_int_eq(look.packet_info, packet_info);
}

START_TEST(test_stale)
{
	struct evtun *tun;
	int info;

	kit_netns();
	for (info = 0; info < 2; info++) {
		leave_stale(_i);
		tun = look_new("vpn0", info ? EVTUN_OPT_PACKET_INFO : 0);
		check_not_stale(tun, info);
		kit_ok(evtun_set_persist(tun, 0));
		evtun_free(tun);
	}
}
END_TEST

int
main(void)
{
	kit_suite("tun_persist");
	kit_case("stays", KIT_NEEDS_TUN);
	kit_test(test_stays);
	kit_test(test_set_persist);
	kit_test(test_queues_agree);
	kit_case("owner", KIT_NEEDS_TUN);
	kit_test(test_default_owner);
	/* In a user namespace there are no other users. */
	kit_case("other_owner", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_owner_kept, 0, 3);
	kit_test(test_set_owner);
	kit_test(test_visitors);
	kit_test(test_unowned);
	kit_case("stale", KIT_NEEDS_TUN);
	kit_loop(test_stale, 0, N_STALE);
	return kit_run();
}
