/*
 * Every system call and every allocation behind addresses is made to fail,
 * one after the other: what failed has changed nothing, and leaves nothing
 * behind.
 */
#include "config.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "address_look.h"
#include "ip_json.h"
#include "kit.h"
#include "realloc_wrap.h"
#include "tun_look.h"
#include "tun_wrap.h"

#define NAME "vpn0"

static const char *const before[] = {
	"10.9.0.1/24 brd +", "10.9.0.2/24 brd + metric 5",
	"10.9.0.3/24 brd 10.9.0.7", "10.9.1.1/24 scope link label " NAME ":x",
	"10.9.2.1 peer 10.9.2.2/32 noprefixroute", "fd00::1/64 nodad home",
	"fd00::2/64 nodad", "fd00::3 peer fd00::4 nodad",
	"fd00::5/64 preferred_lft 0 nodad"
};

static struct evtun_link *
start(void)
{
	struct evtun_link *link = address_start(NAME, EVTUN_OPT_TAP, 1);
	size_t i;

	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		ip_do("addr add %s dev " NAME, before[i]);
	return link;
}

static int
run_get(struct evtun_link *link)
{
	struct evtun_link_address *list;
	int n = evtun_link_get_addresses(link, &list);

	evtun_link_free_list(list);
	return n;
}

static int
run_add(struct evtun_link *link)
{
	struct evtun_link_address addr = { .addr = "10.9.0.4/24" };

	return evtun_link_add_address(link, &addr);
}

static int
run_add_again(struct evtun_link *link)
{
	struct evtun_link_address addr = { .addr = "fd00::2/64" };

	return evtun_link_add_address(link, &addr);
}

static int
run_del(struct evtun_link *link)
{
	struct evtun_link_address addr = { .addr = "10.9.2.1/32" };

	return evtun_link_del_address(link, &addr);
}

/* Some are added, some removed, and two are exchanged for others. */
static int
run_set(struct evtun_link *link)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "10.8.0.1/24" }, { .addr = "10.9.0.9/24" },
		{ .addr = "10.9.0.2/24" }, { .addr = "fd00::9/64",
		.flags = EVTUN_ADDRESS_NO_DAD }, { .addr = "fd00::1/48",
		.flags = EVTUN_ADDRESS_NO_DAD }, { .addr = "fd00::2/64" },
		{ .addr = "10.9.1.1/24", .peer = "10.9.1.2" }
	};

	return evtun_link_set_addresses(link, list,
	    sizeof(list) / sizeof(list[0]));
}

static int (*const runs[])(struct evtun_link *) = {
	run_get, run_add, run_add_again, run_del, run_set
};
#define N_RUNS ((int)(sizeof(runs) / sizeof(runs[0])))

enum fault { FAULT_CALL, FAULT_MEMORY, N_FAULTS };

static void
arm(enum fault fault, int fail_at)
{
	tun_wrap.calls = realloc_wrap.calls = 0;
	tun_wrap.err = ENOBUFS;
	if (fault == FAULT_CALL)
		tun_wrap.fail_at = fail_at;
	else
		realloc_wrap.fail_at = fail_at;
	tun_wrap.armed = realloc_wrap.armed = 1;
}

static int
disarm(enum fault fault)
{
	tun_wrap.armed = realloc_wrap.armed = 0;
	tun_wrap.fail_at = realloc_wrap.fail_at = 0;
	return fault == FAULT_CALL ? tun_wrap.calls : realloc_wrap.calls;
}

/* Run with that call failing: whether there was one.  lines is what there is
 * to be on success; or NULL, and becomes that. */
static int
run_once(int (*run)(struct evtun_link *), enum fault fault, int fail_at,
    char **lines)
{
	struct evtun_link *link = start();
	char *had = address_lines(NAME);
	int fds = kit_count_fds(), r, err, calls;

	arm(fault, fail_at);
	r = run(link);
	err = errno;
	calls = disarm(fault);
	ck_assert_int_eq(kit_count_fds(), fds);
	if (r >= 0) {
		if (*lines == NULL)
			*lines = address_lines(NAME);
		address_must_be(NAME, strdup(*lines));
		free(had);
	} else {
		ck_assert_int_le(fail_at, calls);
		/* calloc() is one of the calls. */
		ck_assert_msg(err == ENOMEM || (err == ENOBUFS &&
		    fault == FAULT_CALL), "call %d: %s", fail_at,
		    evtun_get_error());
		address_must_be(NAME, had);
	}
	kit_link_delete(NAME);
	evtun_link_free(link);
	return fail_at <= calls;
}

START_TEST(test_faults)
{
	enum fault fault = _i % N_FAULTS;
	char *lines = NULL;
	int n;

	kit_netns();
	kit_ipv6(1);
	run_once(runs[_i / N_FAULTS], fault, 0, &lines);
	ck_assert_ptr_nonnull(lines);
	n = 1;
	while (run_once(runs[_i / N_FAULTS], fault, n, &lines))
		n++;
	/* There was something that failed. */
	ck_assert_int_gt(n, 2);
	free(lines);
}
END_TEST

/* ---- changes between the parts of a dump ---- */

static int interruptions;

static void
interrupt(struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type == RTM_NEWADDR && interruptions > 0) {
		interruptions--;
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	}
}

START_TEST(test_interrupted)
{
	struct evtun_link *link;
	struct evtun_link_address *list;
	int n;

	kit_netns();
	kit_ipv6(1);
	link = start();
	n = evtun_link_get_addresses(link, &list);
	ck_assert_int_eq(n, (int)(sizeof(before) / sizeof(before[0])));
	evtun_link_free_list(list);
	tun_wrap.after_receive = interrupt;
	tun_wrap.armed = 1;
	interruptions = 5;
	ck_assert_int_eq(evtun_link_get_addresses(link, &list), n);
	ck_assert_int_eq(interruptions, 0);
	evtun_link_free_list(list);
	interruptions = 1000;
	kit_fails(evtun_link_get_addresses(link, &list), EAGAIN);
	look_text("try again");
	ck_assert_ptr_null(list);
	ck_assert_int_ne(interruptions, 0);
	evtun_link_free(link);
}
END_TEST

/* ---- the order of changes ---- */

static char order[64];

static void
note_type(int type)
{
	size_t n = strlen(order);

	if (type == RTM_NEWADDR || type == RTM_DELADDR)
		order[n] = type == RTM_NEWADDR ? '+' : '-';
	ck_assert_uint_lt(n + 1, sizeof(order));
}

START_TEST(test_order)
{
	static const struct evtun_link_address list[] = {
		{ .addr = "fd00::9/64" }, { .addr = "10.9.0.9/24" },
		{ .addr = "fd00::2/64" }, { .addr = "10.9.0.3/24" }
	};
	struct evtun_link *link;

	kit_netns();
	kit_ipv6(1);
	link = start();
	tun_wrap.before_send = note_type;
	tun_wrap.armed = 1;
	kit_ok(evtun_link_set_addresses(link, list, 4));
	tun_wrap.armed = 0;
	ck_assert_str_eq(order, "++-------");
	evtun_link_free(link);
}
END_TEST

int
main(void)
{
	kit_suite("link_address_faults");
	kit_case("faults", KIT_NEEDS_TUN);
	kit_loop(test_faults, 0, N_RUNS * N_FAULTS);
	kit_case("between", KIT_NEEDS_TUN);
	kit_test(test_interrupted);
	kit_case("order", KIT_NEEDS_TUN);
	kit_test(test_order);
	return kit_run();
}
