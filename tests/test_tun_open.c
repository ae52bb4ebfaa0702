/*
 * Opening a device: its name, its kind, its options, and who may not.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

static void
check_name(struct evtun *tun, const char *name)
{
	ck_assert_str_eq(evtun_get_name(tun), name);
	ck_assert_uint_ne(look_index(name), 0);
	ck_assert_uint_eq(evtun_get_index(tun), look_index(name));
}

/* ---- arguments: no device is needed ---- */

static const char *const bad_names[] = {
	"abcdefghijklmnop", "abcdefghijklmn%d", "%d", "vpn%d%d", "vpn%dx",
	"vpn%", "vpn%s", "vpn%%", "vpn%i", "%", ".", "..", "-x", "_x", ".x",
	"a b", "a/b", "a:b", " ", "a\n", "\ta", "a\x01", "a\x7f",
	"\xc3\xa9t\xc3\xa9", "a*", "a$b", "a'b", "a\"b", "a;b", "a@b", "a\\",
	"a very long name, much longer than what any kernel would take"
};
#define N_BAD_NAMES ((int)(sizeof(bad_names) / sizeof(bad_names[0])))

START_TEST(test_bad_name)
{
	look_refused(evtun_new(bad_names[_i], 0), EINVAL);
	look_text("name");
}
END_TEST

START_TEST(test_unknown_options)
{
	int bit;

	for (bit = 7; bit < 31; bit++) {
		look_refused(evtun_new(NULL, 1 << bit), EINVAL);
		look_text("options");
		look_refused(evtun_new_fd(0, 1 << bit), EINVAL);
	}
	look_refused(evtun_new(NULL, -1), EINVAL);
}
END_TEST

START_TEST(test_version)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", EVTUN_VERSION_NUMBER >> 24,
	    EVTUN_VERSION_NUMBER >> 16 & 0xff,
	    EVTUN_VERSION_NUMBER >> 8 & 0xff);
	ck_assert_str_eq(evtun_get_version(), text);
	ck_assert_str_eq(PACKAGE_VERSION, text);
	evtun_free(NULL);
}
END_TEST

/* ---- names ---- */

static const char *const good_names[] = {
	"t", "0", "vpn-1.2_x", "abcdefghijklmno", "A", "tun99", "9.9"
};
#define N_GOOD_NAMES ((int)(sizeof(good_names) / sizeof(good_names[0])))

START_TEST(test_good_name)
{
	int options[] = { 0, EVTUN_OPT_TAP };
	struct evtun *tun;
	size_t i;

	kit_netns();
	for (i = 0; i < 2; i++) {
		tun = look_new(good_names[_i], options[i]);
		check_name(tun, good_names[_i]);
		evtun_free(tun);
		ck_assert_uint_eq(look_index(good_names[_i]), 0);
	}
}
END_TEST

START_TEST(test_pattern)
{
	struct evtun *a, *b, *c, *d;

	kit_netns();
	a = look_new("vpn%d", 0);
	check_name(a, "vpn0");
	b = look_new("vpn%d", EVTUN_OPT_TAP);
	check_name(b, "vpn1");
	c = look_new("vpn%d", EVTUN_OPT_MULTIQUEUE);
	check_name(c, "vpn2");
	evtun_free(b);
	b = look_new("vpn%d", 0);
	check_name(b, "vpn1");
	/* As long as a pattern can be. */
	d = look_new("abcdefghijklm%d", 0);
	check_name(d, "abcdefghijklm0");
	evtun_free(a);
	evtun_free(b);
	evtun_free(c);
	evtun_free(d);
}
END_TEST

START_TEST(test_system_chooses)
{
	struct evtun *a, *b, *c;

	kit_netns();
	a = look_new(NULL, 0);
	check_name(a, "tun0");
	b = look_new("", 0);
	check_name(b, "tun1");
	c = look_new("", EVTUN_OPT_TAP);
	check_name(c, "tap0");
	evtun_free(a);
	evtun_free(b);
	evtun_free(c);
}
END_TEST

START_TEST(test_kernel_refuses_name)
{
	static const char *const names[] = { "all", "default" };
	size_t i;

	kit_netns();
	for (i = 0; i < 2; i++) {
		look_refused(evtun_new(names[i], 0), EINVAL);
		look_text(names[i]);
		look_text("refuses the name");
	}
}
END_TEST

/* ---- kinds and options ---- */

START_TEST(test_fresh)
{
	int options = _i ? EVTUN_OPT_TAP : 0;
	struct evtun *tun;
	unsigned char mac[6];
	int fds = kit_count_fds();

	kit_netns();
	tun = look_new("vpn0", options);
	ck_assert_int_eq(look_type("vpn0", mac),
	    _i ? ARPHRD_ETHER : ARPHRD_NONE);
	ck_assert_int_eq(look_up("vpn0"), 0);
	ck_assert_int_eq(look_count_addresses("vpn0"), 0);
	ck_assert_int_eq(evtun_get_options(tun), options);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	ck_assert(fcntl(evtun_get_fd(tun), F_GETFL) & O_NONBLOCK);
	evtun_free(tun);
	ck_assert_int_eq(kit_count_fds(), fds);
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

/* Every bit is in effect as asked. */
START_TEST(test_options)
{
	struct evtun *tun;
	struct look_tun look;
	int options;

	kit_netns();
	for (options = 0; options < 1 << 7; options++) {
		tun = look_new("vpn0", options);
		ck_assert_int_eq(evtun_get_options(tun), options);
		look_tun("vpn0", &look);
		ck_assert_int_eq(look.type,
		    options & EVTUN_OPT_TAP ? IFF_TAP : IFF_TUN);
		ck_assert_int_eq(look.packet_info,
		    (options & EVTUN_OPT_PACKET_INFO) != 0);
		ck_assert_int_eq(look.vnet_hdr,
		    (options & EVTUN_OPT_OFFLOAD) != 0);
		ck_assert_int_eq(look.persist,
		    (options & EVTUN_OPT_PERSIST) != 0);
		ck_assert_int_eq(look.multi_queue,
		    (options & EVTUN_OPT_MULTIQUEUE) != 0);
		kit_ok(evtun_set_persist(tun, 0));
		evtun_free(tun);
		ck_assert_uint_eq(look_index("vpn0"), 0);
	}
}
END_TEST

static const int kinds[] = { IFF_TUN, IFF_TAP };

START_TEST(test_other_kind)
{
	static const char *const words[] = {
		"it is a TUN device", "it is a TAP device"
	};
	int wrong = _i ? 0 : EVTUN_OPT_TAP;
	struct evtun *tun;

	kit_netns();
	look_make_persistent("vpn0", kinds[_i] | IFF_NO_PI);
	look_refused(evtun_new("vpn0", wrong), EINVAL);
	look_text("open vpn0");
	look_text(words[_i]);
	tun = look_new("vpn0", _i ? EVTUN_OPT_TAP : 0);
	kit_ok(evtun_set_persist(tun, 0));
	evtun_free(tun);
}
END_TEST

START_TEST(test_no_device)
{
	kit_netns();
	look_refused(evtun_new("lo", 0), EINVAL);
	look_text("no TUN or TAP device");
	look_refused(evtun_new("lo", EVTUN_OPT_EXCLUSIVE), EBUSY);
}
END_TEST

START_TEST(test_queues_differ)
{
	kit_netns();
	look_make_persistent("one", IFF_TUN | IFF_NO_PI);
	look_make_persistent("many", IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE);
	look_refused(evtun_new("one", EVTUN_OPT_MULTIQUEUE), EINVAL);
	look_text("without EVTUN_OPT_MULTIQUEUE");
	look_refused(evtun_new("many", 0), EINVAL);
	look_text("with EVTUN_OPT_MULTIQUEUE");
}
END_TEST

START_TEST(test_exclusive)
{
	struct evtun *tun;

	kit_netns();
	look_make_persistent("there", IFF_TUN | IFF_NO_PI);
	look_refused(evtun_new("there", EVTUN_OPT_EXCLUSIVE), EBUSY);
	look_text("EVTUN_OPT_EXCLUSIVE makes new interfaces only");
	tun = look_new("there", 0);
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_PERSIST);
	evtun_free(tun);
	tun = look_new("new", EVTUN_OPT_EXCLUSIVE);
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_EXCLUSIVE);
	evtun_free(tun);
}
END_TEST

/* ---- across exec ---- */

static void
exec_test(void *arg)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *(int *)arg);
	execl("/bin/sh", "sh", "-c", "test -e \"$0\"", path, (char *)NULL);
	_exit(99);
}

static void
exec_test_not(void *arg)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *(int *)arg);
	execl("/bin/sh", "sh", "-c", "! test -e \"$0\"", path, (char *)NULL);
	_exit(99);
}

START_TEST(test_exec)
{
	int options = _i ? EVTUN_OPT_INHERIT : 0, fd;
	struct evtun *tun;

	kit_netns();
	tun = look_new(NULL, options);
	fd = evtun_get_fd(tun);
	ck_assert_int_eq(fcntl(fd, F_GETFD), _i ? 0 : FD_CLOEXEC);
	look_in_child(_i ? exec_test : exec_test_not, &fd);
	ck_assert_int_eq(evtun_get_options(tun), options);
	evtun_free(tun);
}
END_TEST

/* ---- who has it, and who may ---- */

/* Start a process that has a device, and tell its id. */
static pid_t
start_holder(const char *name, int *release)
{
	int ready[2], done[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(done), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(ready[0]);
		close(done[1]);
		look_open(name, IFF_TUN | IFF_NO_PI);
		ck_assert_int_eq(write(ready[1], "", 1), 1);
		_exit(read(done[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ready[1]);
	close(done[0]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*release = done[1];
	return pid;
}

static void
stop_holder(pid_t pid, int release)
{
	int status;

	close(release);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(test_held_by_another)
{
	char words[64];
	int release, release_other;
	pid_t pid, other;

	kit_netns();
	/* One of that name elsewhere is not the one. */
	other = start_holder("vpn0", &release_other);
	kit_netns();
	pid = start_holder("vpn0", &release);
	look_refused(evtun_new("vpn0", 0), EBUSY);
	snprintf(words, sizeof(words), "held by process %ld (", (long)pid);
	look_text(words);
	look_text("open vpn0");
	look_refused(evtun_new("vpn0", EVTUN_OPT_EXCLUSIVE), EBUSY);
	look_text(words);
	stop_holder(pid, release);
	evtun_free(look_new("vpn0", 0));
	stop_holder(other, release_other);
}
END_TEST

START_TEST(test_held_by_us)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	look_refused(evtun_new("vpn0", 0), EBUSY);
	look_text("held by this process itself");
	check_name(tun, "vpn0");
	evtun_free(tun);
}
END_TEST

static void
open_unprivileged(void *name)
{
	look_become(65534, 65534);
	look_refused(evtun_new(name, 0), EPERM);
	look_text("CAP_NET_ADMIN");
	if (strcmp(name, "new") == 0)
		look_text("open new: Operation not permitted: creating");
	else
		look_text("open owned, which belongs to user 4321");
}

START_TEST(test_no_privilege)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("owned", EVTUN_OPT_PERSIST);
	kit_ok(evtun_set_owner(tun, 4321, -1));
	evtun_free(tun);
	look_in_child(open_unprivileged, (void *)"new");
	ck_assert_uint_eq(look_index("new"), 0);
	look_in_child(open_unprivileged, (void *)"owned");
}
END_TEST

/* Put something else in the place of the device node. */
static void
hide_node(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev/net", "tmpfs", 0, NULL) < 0)
		kit_skip("cannot hide /dev/net: %s", strerror(errno));
}

START_TEST(test_no_node)
{
	kit_netns();
	hide_node();
	look_refused(evtun_new(NULL, 0), ENOENT);
	look_text("open /dev/net/tun: No such file or directory");
	look_text("modprobe tun");
}
END_TEST

/* A node that leads to no driver: no such number was ever given. */
START_TEST(test_no_driver)
{
	kit_netns();
	hide_node();
	if (mknod("/dev/net/tun", S_IFCHR | 0600, makedev(10, 254)) < 0)
		kit_skip("cannot make a device node: %s", strerror(errno));
	ck_assert_ptr_null(evtun_new(NULL, 0));
	ck_assert(errno == ENODEV || errno == ENXIO);
	look_text("modprobe tun");
}
END_TEST

int
main(void)
{
	kit_suite("tun_open");
	kit_case("arguments", 0);
	kit_loop(test_bad_name, 0, N_BAD_NAMES);
	kit_test(test_unknown_options);
	kit_test(test_version);
	kit_case("names", KIT_NEEDS_TUN);
	kit_loop(test_good_name, 0, N_GOOD_NAMES);
	kit_test(test_pattern);
	kit_test(test_system_chooses);
	kit_test(test_kernel_refuses_name);
	kit_case("options", KIT_NEEDS_TUN);
	kit_loop(test_fresh, 0, 2);
	kit_test(test_options);
	kit_loop(test_other_kind, 0, 2);
	kit_test(test_no_device);
	kit_test(test_queues_differ);
	kit_test(test_exclusive);
	kit_loop(test_exec, 0, 2);
	kit_case("users", KIT_NEEDS_TUN);
	kit_test(test_held_by_another);
	kit_test(test_held_by_us);
	kit_case("privileges", KIT_NEEDS_TUN_ROOT);
	kit_test(test_no_privilege);
	kit_test(test_no_node);
	kit_test(test_no_driver);
	return kit_run();
}
