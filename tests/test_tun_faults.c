/*
 * Every system call of lib/tun is made to fail, one after the other, with
 * several errors: no descriptor and no interface may be left behind, and a
 * persistent interface must have an owner at every moment.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"
#include "tun_wrap.h"

/* ---- what is done while they fail ---- */

static struct evtun *tun;	/* what a scenario works on */
static int given = -1;		/* a descriptor to adopt */
static int given_flags, given_fd_flags;

static int
make(const char *name, int options)
{
	tun = evtun_new(name, options);
	return tun != NULL ? 0 : -1;
}

static int
run_new(void)
{
	return make("vpn0", 0);
}

static int
run_new_pattern(void)
{
	return make("vpn%d", EVTUN_OPT_TAP | EVTUN_OPT_EXCLUSIVE);
}

static int
run_new_persist(void)
{
	return make("vpn0", EVTUN_OPT_PERSIST);
}

static int
run_new_queues(void)
{
	return make("vpn0", EVTUN_OPT_PERSIST | EVTUN_OPT_MULTIQUEUE);
}

static void
set_up_unowned(void)
{
	look_make_persistent("vpn0", IFF_TUN | IFF_NO_PI);
}

static void
set_up_given(void)
{
	given = look_open("vpn0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	ck_assert_int_eq(fcntl(given, F_SETFD, 0), 0);
	ck_assert_int_eq(fcntl(given, F_SETFL, O_RDWR), 0);
	given_flags = fcntl(given, F_GETFL);
	given_fd_flags = fcntl(given, F_GETFD);
}

static int
run_adopt(void)
{
	tun = evtun_new_fd(given, 0);
	return tun != NULL ? 0 : -1;
}

static void
set_up_device(void)
{
	ck_assert_int_eq(make("vpn0", EVTUN_OPT_TAP), 0);
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	kit_ok(evtun_add_address(tun, "10.9.0.2/24", NULL));
}

static void
set_up_queue(void)
{
	ck_assert_int_eq(make("vpn0", EVTUN_OPT_MULTIQUEUE), 0);
}

static int
run_queue(void)
{
	struct evtun *queue = evtun_new_queue(tun);

	evtun_free(queue);
	return queue != NULL ? 0 : -1;
}

static int
run_add_address(void)
{
	return evtun_add_address(tun, "10.9.0.3/24", NULL);
}

static int
run_add_address6(void)
{
	return evtun_add_address(tun, "fd00::1/64", NULL);
}

/* With others that depend on it. */
static int
run_del_address(void)
{
	return evtun_del_address(tun, "10.9.0.1/24", NULL);
}

static int
run_mtu(void)
{
	return evtun_set_mtu(tun, 1400) < 0 || evtun_get_mtu(tun) < 0 ? -1 : 0;
}

static int
run_up(void)
{
	return evtun_set_up(tun, 1) < 0 || evtun_get_up(tun) < 0 ? -1 : 0;
}

static int
run_hwaddr(void)
{
	unsigned char mac[6] = { 2, 0, 0, 0, 0, 1 };

	return evtun_set_hwaddr(tun, mac) < 0 ||
	    evtun_get_hwaddr(tun, mac) < 0 ? -1 : 0;
}

static int
run_owner(void)
{
	return evtun_set_owner(tun, 0, 0);
}

static int
run_persist(void)
{
	return evtun_set_persist(tun, 1);
}

static int
run_no_persist(void)
{
	return evtun_set_persist(tun, 0);
}

static int
run_index(void)
{
	return evtun_get_index(tun) != 0 ? 0 : -1;
}

static void
set_up_nothing(void)
{
}

static void
set_up_persistent(void)
{
	set_up_device();
	kit_ok(evtun_set_persist(tun, 1));
}

static const struct scenario {
	void (*set_up)(void);
	int (*run)(void);
} scenarios[] = {
	{ set_up_nothing, run_new },
	{ set_up_nothing, run_new_pattern },
	{ set_up_nothing, run_new_persist },
	{ set_up_nothing, run_new_queues },
	{ set_up_unowned, run_new },
	{ set_up_unowned, run_new_persist },
	{ set_up_given, run_adopt },
	{ set_up_queue, run_queue },
	{ set_up_device, run_add_address },
	{ set_up_device, run_add_address6 },
	{ set_up_device, run_del_address },
	{ set_up_device, run_mtu },
	{ set_up_device, run_up },
	{ set_up_device, run_hwaddr },
	{ set_up_device, run_owner },
	{ set_up_device, run_persist },
	{ set_up_device, run_index },
	{ set_up_persistent, run_no_persist },
};
#define N_SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

static const int errors[] = { EPERM, EMFILE, EBADFD };
#define N_ERRORS ((int)(sizeof(errors) / sizeof(errors[0])))

/* ---- what must be so afterwards ---- */

/* Somebody else's unowned interface may stay so; ours never is. */
static void
check_owned(const struct scenario *s, int result)
{
	struct look_tun look;

	if (look_index("vpn0") == 0)
		return;
	look_tun("vpn0", &look);
	ck_assert(!look.persist || look.owner != -1 || look.group != -1 ||
	    (s->set_up == set_up_unowned &&
	    (result < 0 || s->run != run_new_persist)));
}

static void
check_given(int result)
{
	if (given < 0)
		return;
	ck_assert_int_ge(fcntl(given, F_GETFD), 0);
	if (result < 0) {
		ck_assert_int_eq(fcntl(given, F_GETFL), given_flags);
		ck_assert_int_eq(fcntl(given, F_GETFD), given_fd_flags);
		close(given);
	}
	given = -1;
}

static void
check_nothing_left(const struct scenario *s)
{
	int made_before = s->set_up == set_up_unowned;

	evtun_free(tun);
	tun = NULL;
	if (look_index("vpn0") == 0) {
		ck_assert_int_eq(made_before, 0);
		return;
	}
	/* Persistent: asked for, or there before. */
	ck_assert(made_before || s->run == run_new_persist ||
	    s->run == run_new_queues || s->run == run_persist ||
	    s->run == run_no_persist);
	kit_link_delete("vpn0");
}

/* Return 0 once fewer than fail_at calls were made. */
static int
run_once(const struct scenario *s, int fail_at)
{
	int fds = kit_count_fds(), result, err, hit;

	s->set_up();
	tun_wrap.calls = 0;
	tun_wrap.fail_at = fail_at;
	tun_wrap.armed = 1;
	result = s->run();
	err = errno;
	tun_wrap.armed = 0;
	hit = tun_wrap.calls >= fail_at;
	if (!hit)
		ck_assert_msg(result == 0, "%s", evtun_get_error());
	if (result < 0) {
		ck_assert_int_ne(err, 0);
		ck_assert_str_ne(evtun_get_error(), "no error");
		if (s->set_up == set_up_nothing)
			ck_assert_uint_eq(look_index("vpn0"), 0);
	}
	check_owned(s, result);
	check_given(result);
	check_nothing_left(s);
	ck_assert_int_eq(kit_count_fds(), fds);
	return hit;
}

START_TEST(test_faults)
{
	const struct scenario *s = &scenarios[_i / N_ERRORS];
	int k;

	kit_netns();
	kit_ipv6(1);
	tun_wrap.err = errors[_i % N_ERRORS];
	for (k = 1; run_once(s, k); k++)
		continue;
	/* The plainest of them has memory, a node and three ioctls. */
	ck_assert_int_gt(k, 3);
}
END_TEST

/* What succeeds is unharmed: a device is of use without netlink. */
START_TEST(test_without_netlink)
{
	int k;

	kit_netns();
	tun_wrap.err = EPERM;
	for (k = 1; k < 100; k++) {
		tun_wrap.calls = 0;
		tun_wrap.fail_at = k;
		tun_wrap.armed = 1;
		tun = evtun_new("vpn0", 0);
		tun_wrap.armed = 0;
		if (tun_wrap.calls < k)
			break;
		if (tun != NULL) {
			ck_assert_str_eq(evtun_get_name(tun), "vpn0");
			ck_assert_uint_eq(evtun_get_index(tun),
			    look_index("vpn0"));
			kit_ok(evtun_set_up(tun, 1));
			kit_ok(evtun_write(tun, "E", 1));
		}
		evtun_free(tun);
	}
	ck_assert_int_lt(k, 100);
	ck_assert_ptr_nonnull(tun);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("tun_faults");
	kit_case("each_call", KIT_NEEDS_TUN);
	kit_loop(test_faults, 0, N_SCENARIOS * N_ERRORS);
	kit_test(test_without_netlink);
	return kit_run();
}
