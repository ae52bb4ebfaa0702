/*
 * Every system call and every allocation behind routes is made to fail, one
 * after the other: what failed has changed nothing, and leaves nothing behind.
 */
#include "config.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "ip_json.h"
#include "kit.h"
#include "realloc_wrap.h"
#include "route_look.h"
#include "tun_look.h"
#include "tun_wrap.h"

static int
run_get(struct evtun_link *link)
{
	struct evtun_link_route *list;
	int n = evtun_link_get_routes(link, &list);

	evtun_link_free_list(list);
	return n;
}

static const struct evtun_link_route
    new = { .to = "10.1.0.0/16", .via = "10.9.0.2", .mtu = 1300 },
    old = { .to = "fd02::/64", .via = "fd00::2" },
    other = { .to = "fd02::/64" };

static int
run_add(struct evtun_link *link)
{
	return evtun_link_add_route(link, &new);
}

static int
run_add_again(struct evtun_link *link)
{
	return evtun_link_add_route(link, &old);
}

static int
run_replace(struct evtun_link *link)
{
	return evtun_link_replace_route(link, &other);
}

static int
run_del(struct evtun_link *link)
{
	return evtun_link_del_route(link, &other);
}

static int (*const runs[])(struct evtun_link *) = {
	run_get, run_add, run_add_again, run_replace, run_del
};
#define N_RUNS ((int)(sizeof(runs) / sizeof(runs[0])))

enum fault { FAULT_CALL, FAULT_MEMORY, N_FAULTS };

static int
run_armed(int (*run)(struct evtun_link *), struct evtun_link *link,
    enum fault fault, int fail_at, int *calls)
{
	int r, err;

	tun_wrap.calls = realloc_wrap.calls = 0;
	tun_wrap.err = ENOBUFS;
	tun_wrap.fail_at = fault == FAULT_CALL ? fail_at : 0;
	realloc_wrap.fail_at = fault == FAULT_MEMORY ? fail_at : 0;
	tun_wrap.armed = realloc_wrap.armed = 1;
	r = run(link);
	err = errno;
	tun_wrap.armed = realloc_wrap.armed = 0;
	*calls = fault == FAULT_CALL ? tun_wrap.calls : realloc_wrap.calls;
	errno = err;
	return r;
}

/* Run with that call failing: whether there was one.  lines is what there is
 * to be on success; or NULL, and becomes that. */
static int
run_once(int (*run)(struct evtun_link *), enum fault fault, int fail_at,
    char **lines)
{
	struct evtun_link *link = route_start(EVTUN_OPT_TAP);
	int fds, r, err, calls;
	char *had;

	ip_do("-6 route add fd02::/64 via fd00::2 dev vpn0 proto static");
	had = route_lines();
	fds = kit_count_fds();
	r = run_armed(run, link, fault, fail_at, &calls);
	err = errno;
	ck_assert_int_eq(kit_count_fds(), fds);
	if (r >= 0) {
		if (*lines == NULL)
			*lines = route_lines();
		route_must_be(strdup(*lines));
		free(had);
	} else {
		/* calloc() is one of the calls. */
		ck_assert_msg(err == ENOMEM || (err == ENOBUFS &&
		    fault == FAULT_CALL), "call %d: %s", fail_at,
		    evtun_get_error());
		ck_assert_int_le(fail_at, calls);
		route_must_be(had);
	}
	evtun_link_free(link);
	return fail_at <= calls;
}

START_TEST(test_faults)
{
	enum fault fault = _i % N_FAULTS;
	char *lines = NULL;
	int n = 1;

	run_once(runs[_i / N_FAULTS], fault, 0, &lines);
	ck_assert_ptr_nonnull(lines);
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
	if (nlh->nlmsg_type == RTM_NEWROUTE && interruptions > 0) {
		interruptions--;
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	}
}

START_TEST(test_interrupted)
{
	struct evtun_link *link = route_start(0);
	struct evtun_link_route *list;

	tun_wrap.after_receive = interrupt;
	tun_wrap.armed = 1;
	interruptions = 5;
	ck_assert_int_eq(evtun_link_get_routes(link, &list), 2);
	ck_assert_int_eq(interruptions, 0);
	evtun_link_free_list(list);
	interruptions = 1000;
	kit_fails(evtun_link_get_routes(link, &list), EAGAIN);
	look_text("try again");
	ck_assert_ptr_null(list);
	kit_fails(evtun_link_del_route(link, &old), EAGAIN);
	ck_assert_int_ne(interruptions, 0);
	evtun_link_free(link);
}
END_TEST

int
main(void)
{
	kit_suite("link_route_faults");
	kit_case("faults", KIT_NEEDS_TUN);
	kit_loop(test_faults, 0, N_RUNS * N_FAULTS);
	kit_case("between", KIT_NEEDS_TUN);
	kit_test(test_interrupted);
	return kit_run();
}
