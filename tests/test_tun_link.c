/*
 * The interface of a device: what is set arrives there, what is there comes
 * back, and nobody else's interface is touched.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <net/if_arp.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

static const int kinds[] = { 0, EVTUN_OPT_TAP };
static const unsigned char mac1[6] = { 0x02, 0xab, 0, 0x80, 0xff, 1 };
static const unsigned char mac2[6] = { 0x06, 1, 2, 3, 4, 5 };

/* ---- one interface ---- */

START_TEST(test_mtu)
{
	int top = _i ? 65521 : 65535;
	int good[] = { 1400, 68, top, 1500, 1500 };
	int bad[] = { 67, top + 1, 1, 0, -1, 1 << 30 };
	struct evtun *tun;
	size_t i;

	kit_netns();
	tun = look_new("vpn0", kinds[_i]);
	ck_assert_int_eq(evtun_get_mtu(tun), look_mtu("vpn0"));
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		kit_ok(evtun_set_mtu(tun, good[i]));
		ck_assert_int_eq(look_mtu("vpn0"), good[i]);
		ck_assert_int_eq(evtun_get_mtu(tun), good[i]);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		kit_fails(evtun_set_mtu(tun, bad[i]), EINVAL);
		look_text("set the MTU");
		ck_assert_int_eq(look_mtu("vpn0"), 1500);
	}
	evtun_free(tun);
}
END_TEST

START_TEST(test_up)
{
	static const int ups[] = { 0, 1, 1, 0, 0, 42, 0 };
	struct evtun *tun;
	size_t i;

	kit_netns();
	tun = look_new("vpn0", kinds[_i]);
	for (i = 0; i < sizeof(ups) / sizeof(ups[0]); i++) {
		kit_ok(evtun_set_up(tun, ups[i]));
		ck_assert_int_eq(look_up("vpn0"), ups[i] != 0);
		ck_assert_int_eq(evtun_get_up(tun), ups[i] != 0);
	}
	kit_link_up("vpn0", 1);
	ck_assert_int_eq(evtun_get_up(tun), 1);
	evtun_free(tun);
}
END_TEST

START_TEST(test_hwaddr)
{
	static const unsigned char group[6] = { 0x01, 0, 0x5e, 0, 0, 1 };
	static const unsigned char zero[6], all[6] = { 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff };
	unsigned char is[6], got[6];
	struct evtun *tun;
	int up;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	for (up = 0; up < 2; up++) {
		const unsigned char *mac = up ? mac1 : mac2;

		kit_ok(evtun_set_up(tun, up));
		kit_ok(evtun_get_hwaddr(tun, got));
		ck_assert_int_eq(look_type("vpn0", is), ARPHRD_ETHER);
		ck_assert_mem_eq(got, is, 6);
		kit_ok(evtun_set_hwaddr(tun, mac));
		look_type("vpn0", is);
		ck_assert_mem_eq(is, mac, 6);
		kit_ok(evtun_set_hwaddr(tun, mac));
		kit_ok(evtun_get_hwaddr(tun, got));
		ck_assert_mem_eq(got, mac, 6);
		kit_fails(evtun_set_hwaddr(tun, group), EINVAL);
		kit_fails(evtun_set_hwaddr(tun, zero), EINVAL);
		kit_fails(evtun_set_hwaddr(tun, all), EINVAL);
		look_type("vpn0", is);
		ck_assert_mem_eq(is, mac, 6);
	}
	evtun_free(tun);
}
END_TEST

START_TEST(test_no_hwaddr)
{
	unsigned char got[6];
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	kit_fails(evtun_get_hwaddr(tun, got), ENOTSUP);
	look_text("only a TAP device has one");
	kit_fails(evtun_set_hwaddr(tun, mac1), ENOTSUP);
	evtun_free(tun);
}
END_TEST

/* ---- which interface ---- */

/* That every call works, and on that interface. */
static void
check_own(struct evtun *tun, const char *name)
{
	unsigned char mac[6];

	ck_assert_str_eq(evtun_get_name(tun), name);
	ck_assert_uint_eq(evtun_get_index(tun), look_index(name));
	kit_ok(evtun_set_mtu(tun, 1400));
	ck_assert_int_eq(look_mtu(name), 1400);
	kit_ok(evtun_set_up(tun, 1));
	ck_assert_int_eq(look_up(name), 1);
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	ck_assert(look_has_address(name, "10.9.0.1", 24, "10.9.0.255"));
	kit_ok(evtun_del_address(tun, "10.9.0.1/24", NULL));
	kit_ok(evtun_set_hwaddr(tun, mac1));
	kit_ok(evtun_get_hwaddr(tun, mac));
	ck_assert_mem_eq(mac, mac1, 6);
	look_type(name, mac);
	ck_assert_mem_eq(mac, mac1, 6);
	kit_ok(evtun_set_up(tun, 0));
	kit_ok(evtun_set_mtu(tun, 1500));
	kit_ok(evtun_set_hwaddr(tun, mac2));
}

/* That no call works, for that reason. */
static void
check_refused(struct evtun *tun, int err)
{
	unsigned char mac[6];

	ck_assert_uint_eq(evtun_get_index(tun), 0);
	ck_assert_int_eq(errno, err);
	kit_fails(evtun_get_mtu(tun), err);
	kit_fails(evtun_set_mtu(tun, 1400), err);
	kit_fails(evtun_get_up(tun), err);
	kit_fails(evtun_set_up(tun, 1), err);
	kit_fails(evtun_get_hwaddr(tun, mac), err);
	kit_fails(evtun_set_hwaddr(tun, mac1), err);
	kit_fails(evtun_add_address(tun, "10.9.0.1/24", NULL), err);
	kit_fails(evtun_del_address(tun, "10.9.0.1/24", NULL), err);
	kit_fails(evtun_set_owner(tun, 1, 1), err);
	kit_fails(evtun_set_persist(tun, 1), err);
	kit_fails(evtun_set_persist(tun, 0), err);
	if (evtun_get_options(tun) & EVTUN_OPT_MULTIQUEUE)
		look_refused(evtun_new_queue(tun), err);
}

/* An interface of that name that is not the one: nothing may happen to it. */
struct decoy {
	int fd;
	unsigned char mac[6];
};

static void
make_decoy(struct decoy *decoy, const char *name)
{
	decoy->fd = look_open(name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE);
	look_type(name, decoy->mac);
}

static void
check_decoy(struct decoy *decoy, const char *name)
{
	struct look_tun look;
	unsigned char mac[6];

	ck_assert_int_eq(look_mtu(name), 1500);
	ck_assert_int_eq(look_up(name), 0);
	ck_assert_int_eq(look_count_addresses(name), 0);
	look_type(name, mac);
	ck_assert_mem_eq(mac, decoy->mac, 6);
	look_tun(name, &look);
	ck_assert_int_eq(look.persist, 0);
	ck_assert_int_eq(look.owner, -1);
	ck_assert_int_eq(look.queues, 1);
	close(decoy->fd);
}

START_TEST(test_renamed)
{
	struct decoy decoy;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	check_own(tun, "vpn0");
	look_rename("vpn0", "other");
	check_own(tun, "other");
	/* Somebody else takes the name. */
	make_decoy(&decoy, "vpn0");
	check_own(tun, "other");
	check_decoy(&decoy, "vpn0");
	evtun_free(tun);
	ck_assert_uint_eq(look_index("other"), 0);
}
END_TEST

START_TEST(test_gone)
{
	struct decoy decoy;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE);
	kit_link_delete("vpn0");
	check_refused(tun, ENXIO);
	look_text("gone");
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	make_decoy(&decoy, "vpn0");
	check_refused(tun, ENXIO);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	check_decoy(&decoy, "vpn0");
	evtun_free(tun);
}
END_TEST

/* The interface leaves for another network namespace, and comes back. */
START_TEST(test_moved)
{
	int here, there;
	struct decoy decoy;
	struct evtun *tun;

	kit_netns();
	there = look_netns();
	kit_netns();
	here = look_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE);
	kit_ok(evtun_set_hwaddr(tun, mac2));
	look_move("vpn0", there);
	check_refused(tun, ENODEV);
	look_text("another network namespace");
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	make_decoy(&decoy, "vpn0");
	check_refused(tun, ENODEV);
	check_decoy(&decoy, "vpn0");
	look_enter(there);
	check_own(tun, "vpn0");
	look_move("vpn0", here);
	look_enter(here);
	check_own(tun, "vpn0");
	evtun_free(tun);
	close(here);
	close(there);
}
END_TEST

/* The caller leaves, and the interface stays. */
START_TEST(test_caller_moved)
{
	struct decoy decoy;
	struct evtun *tun;
	int home;

	kit_netns();
	home = look_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE);
	kit_netns();
	check_refused(tun, ENODEV);
	make_decoy(&decoy, "vpn0");
	check_refused(tun, ENODEV);
	check_decoy(&decoy, "vpn0");
	look_enter(home);
	ck_assert_int_eq(look_mtu("vpn0"), 1500);
	ck_assert_int_eq(look_up("vpn0"), 0);
	check_own(tun, "vpn0");
	evtun_free(tun);
	close(home);
}
END_TEST

static void
refused_without_proc(void *tun)
{
	look_become(65534, 65534);
	check_refused(tun, ENODEV);
	look_text("/proc");
}

/* In a chroot there need be no /proc: then it takes a privilege to know. */
START_TEST(test_no_proc)
{
	struct decoy decoy;
	struct evtun *tun;
	int home;

	kit_netns();
	home = look_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		kit_skip("cannot hide /proc: %s", strerror(errno));
	check_own(tun, "vpn0");
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	make_decoy(&decoy, "vpn0");
	check_refused(tun, ENODEV);
	check_decoy(&decoy, "vpn0");
	look_enter(home);
	look_in_child(refused_without_proc, tun);
	evtun_free(tun);
	close(home);
	/* Sanitizers look there at the end. */
	ck_assert_int_eq(umount2("/proc", MNT_DETACH), 0);
}
END_TEST

/* ---- without privileges ---- */

static void
use_unprivileged(void *arg)
{
	unsigned char mac[6];
	struct evtun *tun;

	(void)arg;
	look_become(65534, 65534);
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_PERSIST);
	ck_assert_uint_eq(evtun_get_index(tun), look_index("vpn0"));
	ck_assert_int_eq(evtun_get_mtu(tun), 1400);
	ck_assert_int_eq(evtun_get_up(tun), 1);
	/* What is so already. */
	kit_ok(evtun_set_mtu(tun, 1400));
	kit_ok(evtun_set_up(tun, 1));
	kit_ok(evtun_get_hwaddr(tun, mac));
	kit_ok(evtun_set_hwaddr(tun, mac));
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	kit_ok(evtun_add_address(tun, "10.9.1.1/32", "10.9.1.2"));
	kit_ok(evtun_del_address(tun, "10.9.0.2/24", NULL));
	kit_ok(evtun_set_owner(tun, 65534, -1));
	kit_ok(evtun_set_persist(tun, 1));
	/* And what is not. */
	kit_fails(evtun_set_mtu(tun, 1401), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_set_up(tun, 0), EPERM);
	kit_fails(evtun_add_address(tun, "10.9.0.2/24", NULL), EPERM);
	look_text("CAP_NET_ADMIN");
	kit_fails(evtun_del_address(tun, "10.9.0.1/24", NULL), EPERM);
	evtun_free(tun);
}

START_TEST(test_prepared)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_PERSIST);
	kit_ok(evtun_set_owner(tun, 65534, -1));
	kit_ok(evtun_set_mtu(tun, 1400));
	kit_ok(evtun_set_up(tun, 1));
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	kit_ok(evtun_add_address(tun, "10.9.1.1/32", "10.9.1.2"));
	evtun_free(tun);
	look_in_child(use_unprivileged, NULL);
	ck_assert_int_eq(look_mtu("vpn0"), 1400);
	ck_assert_int_eq(look_up("vpn0"), 1);
	ck_assert_int_eq(look_count_addresses("vpn0"), 2);
}
END_TEST

static void
stay_unprivileged(int wait)
{
	struct evtun *tun;
	char byte;

	look_become(65534, 65534);
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE);
	ck_assert_int_eq(evtun_get_mtu(tun), 1500);
	ck_assert_int_eq(write(wait, "", 1), 1);
	ck_assert_int_eq(read(wait, &byte, 1), 1);
	check_refused(tun, ENODEV);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	evtun_free(tun);
}

/* Move the interface away from under it, and put another one there. */
static void
move_away(int wait)
{
	struct decoy decoy;
	int here = look_netns(), there;
	char byte;

	kit_netns();
	there = look_netns();
	look_enter(here);
	ck_assert_int_eq(read(wait, &byte, 1), 1);
	look_move("vpn0", there);
	make_decoy(&decoy, "vpn0");
	ck_assert_int_eq(write(wait, "", 1), 1);
	/* Until the other one has finished. */
	ck_assert_int_eq(read(wait, &byte, 1), 0);
	check_decoy(&decoy, "vpn0");
}

START_TEST(test_moved_unprivileged)
{
	struct evtun *tun;
	int wait[2], status;
	pid_t pid;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE |
	    EVTUN_OPT_PERSIST);
	kit_ok(evtun_set_owner(tun, 65534, -1));
	evtun_free(tun);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, wait), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(wait[0]);
		stay_unprivileged(wait[1]);
		_exit(0);
	}
	close(wait[1]);
	move_away(wait[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

int
main(void)
{
	kit_suite("tun_link");
	kit_case("settings", KIT_NEEDS_TUN);
	kit_loop(test_mtu, 0, 2);
	kit_loop(test_up, 0, 2);
	kit_test(test_hwaddr);
	kit_test(test_no_hwaddr);
	kit_case("which", KIT_NEEDS_TUN);
	kit_test(test_renamed);
	kit_test(test_gone);
	kit_test(test_moved);
	kit_test(test_caller_moved);
	kit_case("privileges", KIT_NEEDS_TUN_ROOT);
	kit_test(test_no_proc);
	kit_test(test_prepared);
	kit_test(test_moved_unprivileged);
	return kit_run();
}
