/*
 * Who has a device open: this process and others, here and elsewhere.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <net/if.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "evtun/link.h"
#include "kit.h"
#include "tun_look.h"

/* ---- another process ---- */

struct holder {
	const char *device;	/* that it opens, or NULL */
	int netns;		/* where it goes before, or -1 */
	int leaves;		/* it goes to a new namespace afterwards */
	const char *command;
	pid_t pid;
	int hold;
};

static void
hold_it(const struct holder *h, int ready, int end)
{
	char byte;

	if (h->netns >= 0)
		look_enter(h->netns);
	if (h->device != NULL)
		look_open(h->device, IFF_TUN | IFF_NO_PI);
	if (h->leaves && unshare(CLONE_NEWNET) < 0)
		_exit(1);
	if (h->command != NULL)
		prctl(PR_SET_NAME, h->command);
	if (write(ready, "", 1) != 1)
		_exit(1);
	_exit(read(end, &byte, 1) == 0 ? 0 : 1);
}

static void
start(struct holder *h)
{
	int end[2], ready[2];
	char byte;

	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	h->pid = fork();
	ck_assert_int_ge(h->pid, 0);
	if (h->pid == 0) {
		close(end[1]);
		hold_it(h, ready[1], end[0]);
	}
	close(end[0]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	h->hold = end[1];
}

static void
stop(struct holder *h)
{
	int status;

	close(h->hold);
	ck_assert_int_eq(waitpid(h->pid, &status, 0), h->pid);
	ck_assert_int_eq(status, 0);
}

/* ---- what is found ---- */

static struct evtun_link *
look_at(const char *name, int netns)
{
	struct evtun_link *link = evtun_link_new(name, netns);

	ck_assert_msg(link != NULL, "evtun_link_new: %s", evtun_get_error());
	return link;
}

static int
get_holders(const struct evtun_link *link, struct evtun_holder **list)
{
	int fds = kit_count_fds(), n = evtun_link_get_holders(link, list);

	ck_assert_msg(n >= 0, "evtun_link_get_holders: %s",
	    evtun_get_error());
	ck_assert_ptr_nonnull(*list);
	ck_assert_int_eq(kit_count_fds(), fds);
	return n;
}

/* How many descriptors. */
static int
count(const char *name, int netns)
{
	struct evtun_link *link = look_at(name, netns);
	struct evtun_holder *list;
	int n = get_holders(link, &list);

	evtun_link_free_list(list);
	evtun_link_free(link);
	return n;
}

/* That this one alone has it. */
static void
check_only(const char *name, int netns, long pid, const char *command)
{
	struct evtun_link *link = look_at(name, netns);
	struct evtun_holder *list;

	ck_assert_int_eq(get_holders(link, &list), 1);
	ck_assert_int_eq(list[0].pid, pid);
	ck_assert_str_eq(list[0].command, command);
	evtun_link_free_list(list);
	evtun_link_free(link);
}

START_TEST(test_nobody)
{
	kit_netns();
	kit_own_proc();
	look_make_persistent("vpn0", IFF_TUN | IFF_NO_PI);
	ck_assert_int_eq(count("vpn0", -1), 0);
	/* It is no device. */
	ck_assert_int_eq(count("lo", -1), 0);
}
END_TEST

START_TEST(test_us)
{
	struct evtun *a, *b;
	struct evtun_link *link;
	struct evtun_holder *list;
	int copy;

	kit_netns();
	kit_own_proc();
	prctl(PR_SET_NAME, "ours");
	a = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	check_only("vpn0", -1, (long)getpid(), "ours");
	b = evtun_new_queue(a);
	ck_assert_ptr_nonnull(b);
	copy = fcntl(evtun_get_fd(a), F_DUPFD_CLOEXEC, 200);
	link = look_at("vpn0", -1);
	ck_assert_int_eq(get_holders(link, &list), 3);
	ck_assert_int_eq(list[0].fd, evtun_get_fd(a));
	ck_assert_int_eq(list[1].fd, evtun_get_fd(b));
	ck_assert_int_eq(list[2].fd, copy);
	evtun_link_free_list(list);
	/* The name that it had is nobody's now, or another one's. */
	look_rename("vpn0", "other");
	ck_assert_int_eq(get_holders(link, &list), 3);
	evtun_link_free_list(list);
	evtun_link_free(link);
	close(copy);
	evtun_free(b);
	evtun_free(a);
}
END_TEST

START_TEST(test_another)
{
	struct holder h = { "vpn0", -1, 0, "odd\n\001\"\\name", 0, 0 };

	kit_netns();
	kit_own_proc();
	start(&h);
	check_only("vpn0", -1, (long)h.pid, "odd????name");
	stop(&h);
	h.command = "has 15 bytes-_.";
	start(&h);
	check_only("vpn0", -1, (long)h.pid, "has 15 bytes-_.");
	stop(&h);
}
END_TEST

START_TEST(test_heirs)
{
	struct holder h = { NULL, -1, 0, NULL, 0, 0 };
	struct evtun *tun;

	kit_netns();
	kit_own_proc();
	tun = look_new("vpn0", 0);
	start(&h);
	ck_assert_int_eq(count("vpn0", -1), 2);
	evtun_free(tun);
	ck_assert_int_eq(count("vpn0", -1), 1);
	stop(&h);
}
END_TEST

/* Names are of one namespace alone. */
START_TEST(test_same_name_elsewhere)
{
	struct holder mine = { "vpn0", -1, 0, "mine", 0, 0 };
	struct holder theirs = { "vpn0", -1, 0, "theirs", 0, 0 };
	int there;

	kit_netns();
	kit_own_proc();
	there = look_netns();
	start(&theirs);
	kit_netns();
	start(&mine);
	check_only("vpn0", -1, (long)mine.pid, "mine");
	check_only("vpn0", there, (long)theirs.pid, "theirs");
	stop(&mine);
	stop(&theirs);
	close(there);
}
END_TEST

/* A process that is in another namespace than what it holds. */
START_TEST(test_holder_elsewhere)
{
	struct holder h = { "vpn0", -1, 1, "gone", 0, 0 };
	struct evtun *tun;
	int there;

	kit_netns();
	kit_own_proc();
	start(&h);
	if (count("vpn0", -1) == 0)
		kit_skip("this system lets nobody look at descriptors");
	check_only("vpn0", -1, (long)h.pid, "gone");
	stop(&h);
	/* And we ourselves. */
	prctl(PR_SET_NAME, "ours");
	tun = look_new("vpn0", 0);
	there = look_netns();
	kit_netns();
	check_only("vpn0", there, (long)getpid(), "ours");
	evtun_free(tun);
	close(there);
}
END_TEST

/* Others' processes are not seen, but the device is. */
START_TEST(test_ordinary_user)
{
	struct holder h = { "vpn0", -1, 0, NULL, 0, 0 };

	kit_netns();
	kit_own_proc();
	start(&h);
	ck_assert_int_eq(count("vpn0", -1), 1);
	look_become(65534, 65534);
	ck_assert_int_eq(count("vpn0", -1), 0);
	stop(&h);
}
END_TEST

START_TEST(test_gone)
{
	struct evtun_holder *list = (struct evtun_holder *)&list;
	struct evtun_link *link;
	struct evtun *tun;

	kit_netns();
	kit_own_proc();
	tun = look_new("vpn0", 0);
	link = look_at("vpn0", -1);
	kit_link_delete("vpn0");
	kit_fails(evtun_link_get_holders(link, &list), ENXIO);
	ck_assert_ptr_null(list);
	look_text("gone");
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

/* Of a device there, and not of one of the same name here. */
START_TEST(test_busy_elsewhere)
{
	struct holder mine = { "vpn0", -1, 0, "mine", 0, 0 };
	struct holder theirs = { "vpn0", -1, 0, "theirs", 0, 0 };
	struct evtun_config *cfg = evtun_config_new();
	int there;

	kit_netns();
	kit_own_proc();
	there = look_netns();
	start(&theirs);
	kit_netns();
	start(&mine);
	ck_assert_ptr_nonnull(cfg);
	kit_ok(evtun_config_set_netns(cfg, there));
	look_refused(evtun_new_config("vpn0", 0, cfg), EBUSY);
	look_text("(theirs)");
	evtun_config_free(cfg);
	stop(&mine);
	stop(&theirs);
	close(there);
}
END_TEST

/* The link is of the namespace that the thread was in when it was made. */
START_TEST(test_left_behind)
{
	struct evtun_holder *list;
	struct evtun_link *link;
	struct evtun *here, *there;

	kit_netns();
	kit_own_proc();
	here = look_new("vpn0", 0);
	link = look_at("vpn0", -1);
	kit_netns();
	there = look_new("vpn0", 0);
	ck_assert_uint_eq(look_index("vpn0"), evtun_link_get_index(link));
	kit_fails(evtun_link_get_holders(link, &list), ENXIO);
	ck_assert_ptr_null(list);
	evtun_link_free(link);
	evtun_free(here);
	evtun_free(there);
}
END_TEST

/* To have no room to look is not to have found nobody. */
START_TEST(test_few_descriptors)
{
	struct evtun_holder *list;
	struct evtun_link *link;
	struct rlimit limit;
	struct evtun *tun;
	int n;

	kit_netns();
	kit_own_proc();
	tun = look_new("vpn0", 0);
	link = look_at("vpn0", -1);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (limit.rlim_cur = 3; ; limit.rlim_cur++) {
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		n = evtun_link_get_holders(link, &list);
		if (n >= 0)
			break;
		ck_assert_int_eq(errno, EMFILE);
		ck_assert_ptr_null(list);
	}
	ck_assert_int_gt(limit.rlim_cur, 3);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(list[0].fd, evtun_get_fd(tun));
	evtun_link_free_list(list);
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("link_holders");
	kit_case("here", KIT_NEEDS_TUN);
	kit_test(test_nobody);
	kit_test(test_us);
	kit_test(test_another);
	kit_test(test_heirs);
	kit_test(test_gone);
	kit_test(test_few_descriptors);
	kit_case("elsewhere", KIT_NEEDS_TUN);
	kit_test(test_same_name_elsewhere);
	kit_test(test_holder_elsewhere);
	kit_test(test_busy_elsewhere);
	kit_test(test_left_behind);
	kit_case("ordinary_user", KIT_NEEDS_TUN_ROOT);
	kit_test(test_ordinary_user);
	return kit_run();
}
