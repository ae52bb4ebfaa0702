/*
 * Settings of interfaces while system calls fail, one after the other, and
 * while others change what is being changed.
 */
#include "config.h"

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"
#include "tun_wrap.h"

static struct evtun_link *subject;
static int here, there;

/* ---- what is done while they fail ---- */

static int
set_name(void)
{
	return evtun_link_set_name(subject, "other");
}

static int
set_alias(void)
{
	return evtun_link_set_alias(subject, "words");
}

static int
add_altname(void)
{
	return evtun_link_add_altname(subject, "other");
}

static int
del_altname(void)
{
	return evtun_link_del_altname(subject, "alt");
}

static int
set_mtu(void)
{
	return evtun_link_set_mtu(subject, 1400);
}

static int
set_up(void)
{
	return evtun_link_set_up(subject, 1);
}

static int
set_hwaddr(void)
{
	static const unsigned char mac[6] = { 2, 3, 5, 7, 11, 13 };

	return evtun_link_set_hwaddr(subject, mac);
}

static int
set_txqueuelen(void)
{
	return evtun_link_set_txqueuelen(subject, 77);
}

static int
set_group(void)
{
	return evtun_link_set_group(subject, 42);
}

static int
set_carrier(void)
{
	return evtun_link_set_carrier(subject, 0);
}

static int
set_flags(void)
{
	return evtun_link_set_flags(subject, EVTUN_LINK_PROMISCUOUS,
	    EVTUN_LINK_PROMISCUOUS);
}

static int
set_addrgen(void)
{
	return evtun_link_get_addrgen(subject) == -1 ? 0 :
	    evtun_link_set_addrgen(subject, EVTUN_ADDRGEN_NONE);
}

static int
move(void)
{
	return evtun_link_move(subject, there, NULL);
}

static int
move_renamed(void)
{
	return evtun_link_move(subject, there, "other");
}

static int
delete(void)
{
	return evtun_link_delete(subject);
}

static int
look_up_name(void)
{
	struct evtun_link *found = evtun_link_new("vpn0", there);
	int err = errno;

	evtun_link_free(found);
	errno = err;
	return err == ENXIO ? 0 : -1;
}

static int
get_netns(void)
{
	int fd = evtun_link_get_netns(subject);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : 0;
}

static int (*const scenarios[])(void) = {
	set_name, set_alias, add_altname, del_altname, set_mtu, set_up,
	set_hwaddr, set_txqueuelen, set_group, set_carrier, set_flags,
	set_addrgen, move, move_renamed, delete, look_up_name, get_netns
};
#define N_SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

/* All interfaces of both namespaces. */
static char *
remember(void)
{
	char *text[2], *both;

	look_enter(there);
	text[1] = ip_json("link");
	look_enter(here);
	text[0] = ip_json("link");
	both = malloc(strlen(text[0]) + strlen(text[1]) + 1);
	ck_assert_ptr_nonnull(both);
	strcpy(both, text[0]);
	strcat(both, text[1]);
	free(text[0]);
	free(text[1]);
	return both;
}

static int
begin(void)
{
	static const unsigned char mac[6] = { 6, 1, 2, 3, 4, 5 };
	int fd;

	kit_netns();
	there = look_netns();
	kit_netns();
	here = look_netns();
	fd = look_open("vpn0", IFF_TAP | IFF_NO_PI);
	subject = link_look("vpn0", -1);
	kit_ok(evtun_link_set_hwaddr(subject, mac));
	kit_ok(evtun_link_add_altname(subject, "alt"));
	return fd;
}

static void
end(int fd)
{
	evtun_link_free(subject);
	close(fd);
	close(here);
	close(there);
}

/* What there is before, and after when nothing fails. */
static char *before, *goal;

static void
find_goal(int (*run)(void))
{
	int fd = begin();

	before = remember();
	kit_ok(run());
	goal = remember();
	end(fd);
}

/* The link is right about where its interface is, if that is anywhere. */
static void
check_link(int (*run)(void))
{
	int netns;

	if (run == delete)
		return;
	netns = evtun_link_get_netns(subject);
	ck_assert_int_ge(netns, 0);
	look_enter(netns);
	link_check(subject);
	look_enter(here);
	close(netns);
}

/* Return whether there was a call with that number. */
static int
try_failure(int (*run)(void), int fail_at, int err)
{
	int r, has_moved, fd = begin(), fds = kit_count_fds();
	char *after;

	memset(&tun_wrap, 0, sizeof(tun_wrap));
	tun_wrap.fail_at = fail_at;
	tun_wrap.err = err;
	tun_wrap.armed = 1;
	r = run();
	tun_wrap.armed = 0;
	after = remember();
	/* Where the answer is lost, it is done all the same. */
	ck_assert_msg(strcmp(after, goal) == 0 ||
	    (r < 0 && strcmp(after, before) == 0),
	    "call %d: %d, and there is\n%s\nwas\n%s\nshould be\n%s",
	    fail_at, r, after, before, goal);
	/* The link holds its new namespace. */
	has_moved = r == 0 && (run == move || run == move_renamed);
	ck_assert_int_eq(kit_count_fds(), fds + has_moved);
	if (r == 0 || strcmp(after, before) == 0)
		check_link(run);
	free(after);
	end(fd);
	return tun_wrap.calls >= fail_at;
}

START_TEST(test_failures)
{
	int (*run)(void) = scenarios[_i];
	int n;

	find_goal(run);
	for (n = 1; try_failure(run, n, EMFILE); n++)
		ck_assert_int_lt(n, 100);
	ck_assert_int_gt(n, run == get_netns ? 1 : 3);
	/* As if the new name were taken. */
	if (run == move_renamed)
		for (n = 1; try_failure(run, n, EEXIST); n++)
			;
	free(before);
	free(goal);
}
END_TEST

/* ---- others are at work ---- */

static int rival = -1;

/* Somebody takes the name, between the look and the move. */
static void
take_name(int type)
{
	if (type != RTM_NEWLINK || rival >= 0)
		return;
	look_enter(there);
	rival = look_open("other", IFF_TUN | IFF_NO_PI);
	look_enter(here);
}

START_TEST(test_name_taken)
{
	int fd = begin(), third;

	/* On the way, the index changes. */
	look_enter(there);
	third = look_open("third", IFF_TUN | IFF_NO_PI);
	look_enter(here);
	memset(&tun_wrap, 0, sizeof(tun_wrap));
	tun_wrap.before_send = take_name;
	tun_wrap.armed = 1;
	kit_fails(evtun_link_move(subject, there, "other"), EEXIST);
	tun_wrap.armed = 0;
	look_text("name");
	ck_assert_int_ge(rival, 0);
	link_check(subject);
	ck_assert_str_eq(evtun_link_get_name(subject), "vpn0");
	look_enter(there);
	ck_assert_uint_eq(look_index("vpn0"), 0);
	ip_must_say("\"type\":\"tun\"", "link show dev other");
	look_enter(here);
	close(rival);
	close(third);
	end(fd);
}
END_TEST

static int victim;

/* It goes after it was looked at. */
static void
delete_first(int type)
{
	(void)type;
	if (type != RTM_GETLINK && victim >= 0) {
		close(victim);
		victim = -1;
	}
}

START_TEST(test_gone_meanwhile)
{
	int (*run)(void) = scenarios[_i];
	int fds;

	victim = begin();
	fds = kit_count_fds();
	memset(&tun_wrap, 0, sizeof(tun_wrap));
	tun_wrap.before_send = delete_first;
	tun_wrap.armed = 1;
	kit_fails(run(), ENXIO);
	tun_wrap.armed = 0;
	ck_assert_int_eq(victim, -1);
	look_text("gone");
	ck_assert_int_eq(kit_count_fds(), fds - 1);
	evtun_link_free(subject);
	close(here);
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("link_faults");
	kit_case("failures", KIT_NEEDS_TUN);
	kit_loop(test_failures, 0, N_SCENARIOS);
	kit_case("others", KIT_NEEDS_TUN);
	kit_test(test_name_taken);
	kit_loop(test_gone_meanwhile, 0, N_SCENARIOS - 2);
	return kit_run();
}
