/*
 * Network namespaces: how they are opened, and links in one that the caller
 * is not in.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"

/* A descriptor is for that namespace, and closed on exec; close it. */
static void
check_netns(int fd, int wanted)
{
	struct stat st[2];

	ck_assert_msg(fd >= 0, "%s", evtun_get_error());
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &st[0]), 0);
	ck_assert_int_eq(fstat(wanted, &st[1]), 0);
	ck_assert_uint_eq(st[0].st_ino, st[1].st_ino);
	ck_assert_uint_eq(st[0].st_dev, st[1].st_dev);
	close(fd);
}

/* Names are kept in a directory of all. */
static void
hide_names(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) < 0)
		kit_skip("cannot hide /run: %s", strerror(errno));
	if (!ip_can("netns add one"))
		kit_skip("cannot name a namespace");
}

START_TEST(test_named)
{
	int here, there;

	kit_netns();
	here = look_netns();
	hide_names();
	there = open("/run/netns/one", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(there, 0);
	check_netns(evtun_netns_open("one"), there);
	check_netns(evtun_netns_open("/run/netns/one"), there);
	kit_fails(evtun_netns_open("two"), ENOENT);
	look_text("there is none");
	ip_do("netns del one");
	kit_fails(evtun_netns_open("one"), ENOENT);
	check_netns(look_netns(), here);
	close(here);
	close(there);
}
END_TEST

START_TEST(test_own)
{
	int here;

	kit_netns();
	here = look_netns();
	check_netns(evtun_netns_open(NULL), here);
	check_netns(evtun_netns_open("/proc/self/ns/net"), here);
	check_netns(evtun_netns_open_pid((long)getpid()), here);
	close(here);
}
END_TEST

/* A process that waits in a namespace of its own. */
static pid_t
start_other(int ready[2], int wait[2])
{
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(wait, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(wait[1]);
		kit_netns();
		ck_assert_int_eq(write(ready[1], "", 1), 1);
		_exit(read(wait[0], &byte, 1) != 0);
	}
	close(wait[0]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	return pid;
}

START_TEST(test_process)
{
	int here, fd, status, ready[2], wait[2];
	char path[64];
	pid_t pid;

	kit_netns();
	here = look_netns();
	pid = start_other(ready, wait);
	snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	check_netns(evtun_netns_open_pid((long)pid), fd);
	check_netns(evtun_netns_open(path), fd);
	close(wait[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	kit_fails(evtun_netns_open_pid((long)pid), ENOENT);
	check_netns(look_netns(), here);
	close(fd);
	close(here);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

START_TEST(test_none)
{
	static const char *const no_namespaces[] = {
		"/dev/null", "/", "/proc/self/ns/mnt", "./", "/proc/self/ns/",
		"..", "."
	};
	char longer[400];
	size_t i;
	int fds;

	kit_netns();
	hide_names();
	fds = kit_count_fds();
	for (i = 0; i < sizeof(no_namespaces) / sizeof(*no_namespaces); i++) {
		kit_fails(evtun_netns_open(no_namespaces[i]), EINVAL);
		look_text("no network namespace");
	}
	kit_fails(evtun_netns_open(""), EINVAL);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	kit_fails(evtun_netns_open(longer), EINVAL);
	kit_fails(evtun_netns_open("/nowhere/at/all"), ENOENT);
	kit_fails(evtun_netns_open("/dev/null/x"), ENOENT);
	kit_fails(evtun_netns_open_pid(0), EINVAL);
	look_text("above 0");
	kit_fails(evtun_netns_open_pid(-1), EINVAL);
	kit_fails(evtun_netns_open_pid(0x7fffffffffffffffL), ENOENT);
	/* Nothing that waits for somebody to write. */
	ck_assert_int_eq(mkfifo("/run/fifo", 0600), 0);
	kit_fails(evtun_netns_open("/run/fifo"), EINVAL);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

static void
open_strange(void *pid)
{
	look_become(65534, 65534);
	kit_fails(evtun_netns_open_pid(*(long *)pid), EACCES);
	look_text("CAP_SYS_PTRACE");
}

START_TEST(test_not_ours)
{
	long pid = (long)getpid();

	look_in_child(open_strange, &pid);
}
END_TEST

/* ---- links elsewhere ---- */

START_TEST(test_link)
{
	int there, fd, decoy, fds;
	struct evtun_link *link;

	kit_netns();
	fd = look_open("vpn0", IFF_TAP | IFF_NO_PI);
	ip_do("link set vpn0 alias there");
	ip_do("link property add dev vpn0 altname another-name-for-it");
	there = look_netns();
	kit_netns();
	decoy = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	ip_do("link set vpn0 alias here");
	fds = kit_count_fds();
	link = _i ? link_look("another-name-for-it", there) :
	    link_look("vpn0", there);
	ck_assert_str_eq(evtun_link_get_alias(link), "there");
	kit_ok(evtun_link_set_mtu(link, 1400));
	kit_ok(evtun_link_set_up(link, 1));
	kit_ok(evtun_link_set_name(link, "other"));
	check_netns(evtun_link_get_netns(link), there);
	ip_must_say("\"mtu\":1500,", "link show dev vpn0");
	ip_must_not_say("\"UP\"", "link show dev vpn0");
	ck_assert_int_eq(ip_can("link show dev other"), 0);
	look_enter(there);
	/* It needs the caller's no more. */
	close(decoy);
	close(there);
	link_check(link);
	ip_must_say("\"mtu\":1400,", "link show dev other");
	ip_must_say("\"UP\"", "link show dev other");
	evtun_link_free(link);
	ck_assert_int_eq(kit_count_fds(), fds - 2);
	close(fd);
}
END_TEST

START_TEST(test_not_there)
{
	int there, fd, null, fds;

	kit_netns();
	there = look_netns();
	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fds = kit_count_fds();
	link_refused(evtun_link_new("vpn0", there), ENXIO);
	link_refused(evtun_link_new_index(77, there), ENXIO);
	link_refused(evtun_link_new("vpn0", null), EINVAL);
	look_text("no network namespace");
	link_refused(evtun_link_new_index(1, null), EINVAL);
	link_refused(evtun_link_new("vpn0", 1000), EINVAL);
	look_text("not open");
	ck_assert_int_eq(kit_count_fds(), fds);
	close(fd);
	close(there);
	close(null);
}
END_TEST

static int
count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* No thread of the caller's ever leaves, and none is left over. */
START_TEST(test_threads)
{
	char before[64], after[64];
	struct evtun_link *link;
	int there, i, threads = count_threads();
	ssize_t n;

	kit_netns();
	there = look_netns();
	kit_netns();
	n = readlink("/proc/thread-self/ns/net", before, sizeof(before));
	ck_assert_int_gt(n, 0);
	for (i = 0; i < 100; i++) {
		link = link_look("lo", there);
		kit_ok(evtun_link_update(link));
		evtun_link_free(link);
	}
	ck_assert_int_eq(readlink("/proc/thread-self/ns/net", after,
	    sizeof(after)), n);
	ck_assert_mem_eq(before, after, (size_t)n);
	/* The kernel may need a moment to bury them; a sanitizer has one of
	 * its own by now. */
	while (count_threads() > threads + 1)
		sched_yield();
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("link_netns");
	kit_case("open", KIT_NEEDS_NETNS);
	kit_test(test_own);
	kit_test(test_named);
	kit_test(test_process);
	kit_test(test_none);
	kit_case("another_user", KIT_NEEDS_ROOT);
	kit_test(test_not_ours);
	kit_case("elsewhere", KIT_NEEDS_TUN);
	kit_loop(test_link, 0, 2);
	kit_test(test_not_there);
	kit_test(test_threads);
	return kit_run();
}
