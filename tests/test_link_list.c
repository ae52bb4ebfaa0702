/*
 * All TUN and TAP devices, of one network namespace and of all.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <net/if.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/link.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#define N_MANY 100
/* Descriptors, when there are few. */
#define N_FEW 40

static int
list(int netns, struct evtun_link ***links)
{
	int n = evtun_link_list(netns, links);

	ck_assert_msg(n >= 0, "evtun_link_list: %s", evtun_get_error());
	ck_assert_ptr_nonnull(*links);
	return n;
}

/* That ip says the same of it. */
static void
check_link(const struct evtun_link *link)
{
	const char *name = evtun_link_get_name(link);
	int flags = evtun_link_get_flags(link);
	char words[256];

	snprintf(words, sizeof(words), "\"ifindex\":%u,\"ifname\":\"%s\"",
	    evtun_link_get_index(link), name);
	ip_must_say(words, "link show dev %s", name);
	snprintf(words, sizeof(words), "\"mtu\":%d,",
	    evtun_link_get_mtu(link));
	ip_must_say(words, "link show dev %s", name);
	snprintf(words, sizeof(words), "\"info_kind\":\"tun\",\"info_data\":"
	    "{\"type\":\"%s\",\"pi\":%s,\"vnet_hdr\":%s,\"multi_queue\":%s,",
	    evtun_link_get_kind(link) == EVTUN_LINK_TAP ? "tap" : "tun",
	    flags & EVTUN_LINK_PACKET_INFO ? "true" : "false",
	    flags & EVTUN_LINK_OFFLOAD ? "true" : "false",
	    flags & EVTUN_LINK_MULTIQUEUE ? "true" : "false");
	ip_must_say(words, "link show dev %s", name);
	ck_assert_int_eq(!!(flags & EVTUN_LINK_PERSIST),
	    ip_says("\"persist\":true", "link show dev %s", name));
	ck_assert_int_eq(!!(flags & EVTUN_LINK_UP),
	    ip_says("\"UP\"", "link show dev %s", name));
	snprintf(words, sizeof(words), "\"txqlen\":%ld,",
	    evtun_link_get_txqueuelen(link));
	ip_must_say(words, "link show dev %s", name);
}

START_TEST(test_none)
{
	struct evtun_link **links;
	int n;

	kit_netns();
	/* lo is another kind. */
	ck_assert_int_eq(list(-1, &links), 0);
	evtun_link_free_all(links, 0);
	evtun_link_free_all(NULL, 0);
	n = list(EVTUN_ALL_NETNS, &links);
	evtun_link_free_all(links, n);
}
END_TEST

START_TEST(test_all_kinds)
{
	struct evtun_link **links;
	struct evtun *tun, *tap;
	int i, fds = kit_count_fds();

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_OFFLOAD);
	tap = look_new("tap0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE |
	    EVTUN_OPT_PACKET_INFO);
	kit_ok(evtun_set_mtu(tun, 1400));
	kit_ok(evtun_set_up(tun, 1));
	look_make_persistent("nobody", IFF_TUN | IFF_NO_PI);
	ip_do("link set dev tap0 txqueuelen 77 alias test");
	ip_do("link property add dev vpn0 altname a-name-that-is-longer");
	/* Of other kinds, if there are any here. */
	(void)ip_can("link add dummy0 type dummy");
	(void)ip_can("link add v0 type veth peer name v1");
	ck_assert_int_eq(list(-1, &links), 3);
	ck_assert_str_eq(evtun_link_get_name(links[0]), "vpn0");
	ck_assert_str_eq(evtun_link_get_name(links[1]), "tap0");
	ck_assert_str_eq(evtun_link_get_name(links[2]), "nobody");
	for (i = 0; i < 3; i++)
		check_link(links[i]);
	ck_assert_str_eq(evtun_link_get_altname(links[0], 0),
	    "a-name-that-is-longer");
	ck_assert_ptr_null(evtun_link_get_altname(links[1], 0));
	ck_assert_str_eq(evtun_link_get_alias(links[1]), "test");
	ck_assert_uint_eq(evtun_link_get_queues(links[1]), 1);
	/* They are links as any others. */
	kit_ok(evtun_link_update(links[1]));
	evtun_link_free_all(links, 3);
	evtun_free(tun);
	evtun_free(tap);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* A device that somebody may open: -1 for anybody. */
static int
open_owned(const char *name, int flags, long owner, long group)
{
	int fd = look_open(name, flags);

	if (owner >= 0)
		ck_assert_int_eq(ioctl(fd, TUNSETOWNER, owner), 0);
	if (group >= 0)
		ck_assert_int_eq(ioctl(fd, TUNSETGROUP, group), 0);
	return fd;
}

static const char *const names[] = { "vpn0", "vpn1", "vpn2", "vpn3" };

/* That ip says so of a device: a user and a group, or not. */
static void
check_ids(const char *name, const long ids[2])
{
	static const char *const keys[] = { "user", "group" };
	char *text = ip_json("link show dev %s", name), words[64];
	const char *data = strstr(text, "\"info_data\":{");
	int i;

	/* Before it there is the group of interfaces. */
	ck_assert_ptr_nonnull(data);
	for (i = 0; i < 2; i++) {
		if (ids[i] < 0)
			snprintf(words, sizeof(words), "\"%s\":", keys[i]);
		else
			snprintf(words, sizeof(words), "\"%s\":%ld", keys[i],
			    ids[i]);
		ck_assert_msg(!strstr(data, words) == (ids[i] < 0),
		    "%s: %s", words, text);
	}
	free(text);
}

/* Each has its own, or none: in the namespace at hand, or in another one. */
START_TEST(test_owners)
{
	static const long ids[][2] = {
		{ 41231, 41232 }, { -1, -1 }, { 41233, -1 }, { -1, 41234 }
	};
	struct evtun_link **links;
	int fds[4], i, netns;

	kit_netns();
	for (i = 0; i < 4; i++)
		fds[i] = open_owned(names[i], i & 1 ? IFF_TAP : IFF_TUN,
		    ids[i][0], ids[i][1]);
	netns = look_netns();
	for (i = 0; i < 4; i++)
		check_ids(names[i], ids[i]);
	if (_i)
		kit_netns();
	ck_assert_int_eq(list(_i ? netns : -1, &links), 4);
	for (i = 0; i < 4; i++) {
		ck_assert_str_eq(evtun_link_get_name(links[i]), names[i]);
		ck_assert_int_eq(evtun_link_get_owner(links[i]), ids[i][0]);
		ck_assert_int_eq(evtun_link_get_owner_group(links[i]),
		    ids[i][1]);
		close(fds[i]);
	}
	evtun_link_free_all(links, 4);
	close(netns);
}
END_TEST

/* More than the kernel has room for by itself. */
START_TEST(test_many_names)
{
	struct evtun_link **links;
	char name[128];
	int i;

	kit_netns();
	look_make_persistent("vpn0", IFF_TUN);
	look_make_persistent("vpn1", IFF_TUN);
	memset(name, 'n', 120);
	name[120] = '\0';
	for (i = 0; i < 60; i++)
		ip_do("link property add dev vpn0 altname %s%d", name, i);
	ck_assert_int_eq(list(-1, &links), 2);
	ck_assert_ptr_nonnull(evtun_link_get_altname(links[0], 59));
	ck_assert_ptr_null(evtun_link_get_altname(links[0], 60));
	ck_assert_str_eq(evtun_link_get_name(links[1]), "vpn1");
	evtun_link_free_all(links, 2);
}
END_TEST

/* ---- another namespace ---- */

static void
limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* As many as there are: they have one descriptor among them. */
START_TEST(test_many_elsewhere)
{
	struct evtun_link **links;
	char name[16];
	int i, there, fds;

	kit_netns();
	for (i = 0; i < N_MANY; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		look_make_persistent(name, i & 1 ? IFF_TAP : IFF_TUN);
	}
	there = look_netns();
	kit_netns();
	fds = kit_count_fds();
	limit_descriptors(N_FEW);
	ck_assert_int_eq(list(there, &links), N_MANY);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	for (i = 0; i < N_MANY; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		ck_assert_str_eq(evtun_link_get_name(links[i]), name);
		ck_assert_int_eq(evtun_link_get_kind(links[i]),
		    i & 1 ? EVTUN_LINK_TAP : EVTUN_LINK_TUN);
	}
	/* Whichever is freed first, the others go on. */
	evtun_link_free(links[0]);
	evtun_link_free(links[50]);
	links[0] = links[50] = NULL;
	close(there);
	kit_ok(evtun_link_update(links[1]));
	kit_ok(evtun_link_update(links[N_MANY - 1]));
	/* Also one that comes here. */
	kit_ok(evtun_link_move(links[1], -1, NULL));
	check_link(links[1]);
	kit_ok(evtun_link_update(links[2]));
	evtun_link_free_all(links, N_MANY);
	ck_assert_int_eq(kit_count_fds(), fds - 1);
}
END_TEST

/* ---- all namespaces ---- */

/* Whether the link is in the namespace of that descriptor. */
static int
is_in(const struct evtun_link *link, int netns)
{
	int fd = evtun_link_get_netns(link);
	struct stat a, b;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &a), 0);
	ck_assert_int_eq(fstat(netns, &b), 0);
	close(fd);
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* How many there are in that namespace; those of others are none of ours. */
static int
count_in(struct evtun_link **links, int n, int netns, const char *name)
{
	int i, found = 0;

	for (i = 0; i < n; i++) {
		if (!is_in(links[i], netns))
			continue;
		ck_assert_str_eq(evtun_link_get_name(links[i]), name);
		found++;
	}
	return found;
}

/* A process in a new namespace with a device. */
static pid_t
start_elsewhere(const char *name, int *netns, int *hold)
{
	int end[2], ready[2];
	char byte, path[64];
	pid_t pid;

	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(end[1]);
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		look_make_persistent(name, IFF_TAP);
		(void)!write(ready[1], "", 1);
		_exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(end[0]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	snprintf(path, sizeof(path), "/proc/%ld/ns/net", (long)pid);
	*netns = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(*netns, 0);
	*hold = end[1];
	return pid;
}

static void
stop(pid_t pid, int hold)
{
	int status;

	close(hold);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

/* A directory of names of our own. */
static void
hide_names(void)
{
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) < 0)
		kit_skip("cannot mount anything: %s", strerror(errno));
}

START_TEST(test_everywhere)
{
	struct evtun_link **links;
	int here, there, named, hold, n, fds;
	pid_t pid;

	kit_netns();
	hide_names();
	ip_do("netns add named");
	ip_do("-n named tuntap add mode tun name called");
	named = open("/run/netns/named", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(named, 0);
	close(open("/run/netns/nothing", O_CREAT | O_CLOEXEC, 0600));
	ck_assert_int_eq(mkfifo("/run/netns/fifo", 0600), 0);
	here = look_netns();
	look_make_persistent("vpn0", IFF_TUN);
	pid = start_elsewhere("vpn1", &there, &hold);
	fds = kit_count_fds();
	n = list(EVTUN_ALL_NETNS, &links);
	/* The caller's own comes first. */
	ck_assert_str_eq(evtun_link_get_name(links[0]), "vpn0");
	ck_assert_int_eq(count_in(links, n, here, "vpn0"), 1);
	ck_assert_int_eq(count_in(links, n, there, "vpn1"), 1);
	ck_assert_int_eq(count_in(links, n, named, "called"), 1);
	evtun_link_free_all(links, n);
	ck_assert_int_eq(kit_count_fds(), fds);
	/* Without a name and a process it cannot be found. */
	stop(pid, hold);
	n = list(EVTUN_ALL_NETNS, &links);
	ck_assert_int_eq(count_in(links, n, there, "vpn1"), 0);
	ck_assert_int_eq(count_in(links, n, named, "called"), 1);
	evtun_link_free_all(links, n);
	ip_do("netns del named");
}
END_TEST

/* ---- without privilege, and what makes no sense ---- */

START_TEST(test_ordinary_user)
{
	struct evtun_link **links;
	int there, hold, n;
	pid_t pid;

	kit_netns();
	look_make_persistent("vpn0", IFF_TUN);
	pid = start_elsewhere("vpn1", &there, &hold);
	look_become(65534, 65534);
	ck_assert_int_eq(list(-1, &links), 1);
	check_link(links[0]);
	evtun_link_free_all(links, 1);
	/* It may not go there, and that is no error here. */
	n = list(EVTUN_ALL_NETNS, &links);
	ck_assert_int_eq(n, 1);
	check_link(links[0]);
	evtun_link_free_all(links, n);
	kit_fails(evtun_link_list(there, &links), EPERM);
	look_text("CAP_SYS_ADMIN");
	ck_assert_ptr_null(links);
	stop(pid, hold);
}
END_TEST

START_TEST(test_refused)
{
	struct evtun_link **links = (struct evtun_link **)&links;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	kit_netns();
	kit_fails(evtun_link_list(-3, &links), EINVAL);
	look_text("list the devices: Invalid argument: a namespace is");
	ck_assert_ptr_null(links);
	kit_fails(evtun_link_list(fd, &links), EINVAL);
	look_text("network namespace");
	close(fd);
	kit_fails(evtun_link_list(fd, &links), EINVAL);
	look_text("network namespace");
}
END_TEST

int
main(void)
{
	kit_suite("link_list");
	kit_case("here", KIT_NEEDS_TUN);
	kit_test(test_none);
	kit_test(test_all_kinds);
	kit_test(test_many_names);
	kit_case("owners", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_owners, 0, 2);
	kit_case("elsewhere", KIT_NEEDS_TUN);
	kit_test(test_many_elsewhere);
	kit_test(test_everywhere);
	kit_case("ordinary_user", KIT_NEEDS_TUN_ROOT);
	kit_test(test_ordinary_user);
	kit_case("refused", KIT_NEEDS_NETNS);
	kit_test(test_refused);
	return kit_run();
}
