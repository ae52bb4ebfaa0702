/*
 * Every call of a transaction made to fail, one after the other: either all of
 * it holds in the end, or the interface is as it was.
 */
#include "config.h"

#include <net/if.h>

#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_rig.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"
#include "tun_wrap.h"

/* More calls than any transaction here makes. */
#define MANY 2000

/* Each call takes a while, as it is ip(8) that is asked: one of some, unless
 * CONFIG_FAULTS is set. */
static int
get_stride(void)
{
	return getenv("CONFIG_FAULTS") != NULL ? 1 : 11;
}

static void
arm(int fail_at, int err)
{
	memset(&tun_wrap, 0, sizeof(tun_wrap));
	tun_wrap.fail_at = fail_at;
	tun_wrap.err = err;
	tun_wrap.armed = 1;
}

/* Whether a call was made to fail. */
static int
disarm(void)
{
	tun_wrap.armed = 0;
	return tun_wrap.calls >= tun_wrap.fail_at;
}

static const int errors[] = { ENOMEM, EPERM };

START_TEST(test_new)
{
	struct evtun_config *cfg;
	struct evtun *tun;
	int i, fds, failed = 0, stride = get_stride();

	kit_netns();
	kit_ipv6(1);
	cfg = rig_config(0);
	fds = kit_count_fds();
	for (i = 1; ; i += stride) {
		ck_assert_int_lt(i, MANY);
		arm(i, errors[_i]);
		tun = evtun_new_config("vpn0", EVTUN_OPT_PERSIST, cfg);
		if (!disarm())
			break;
		if (tun != NULL) {
			/* It could do without. */
			rig_check_config("vpn0", 0);
			kit_ok(evtun_set_persist(tun, 0));
			evtun_free(tun);
		} else {
			failed++;
			ck_assert_str_ne(evtun_get_error(), "no error");
		}
		ck_assert_msg(look_index("vpn0") == 0, "call %d: %s", i,
		    evtun_get_error());
		ck_assert_int_eq(kit_count_fds(), fds);
	}
	ck_assert_ptr_nonnull(tun);
	ck_assert_int_gt(failed, 100 / stride);
	rig_check_config("vpn0", 0);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* The interface is put back to what it is at first, by hand. */
static void
prepare(struct evtun **tun, struct rig_state *before)
{
	rig_prepare("vpn0", 1, 1);
	*tun = look_new("vpn0", EVTUN_OPT_TAP);
	rig_await_carrier("vpn0");
	rig_look("vpn0", before);
}

static void
finish(struct evtun *tun, struct rig_state *before)
{
	rig_forget(before);
	evtun_free(tun);
	kit_link_delete("vpn0");
}

/* The first owner stays: then the words say so, and it begins anew. */
static void
check_failed(int call, struct evtun **tun, struct rig_state *before)
{
	if (strstr(evtun_get_error(), "undone: the owner") != NULL) {
		ip_must_say("\"user\":", "link show dev vpn0");
		finish(*tun, before);
		prepare(tun, before);
		return;
	}
	ck_assert_msg(strstr(evtun_get_error(), "undone") == NULL,
	    "call %d: %s", call, evtun_get_error());
	rig_check_same("vpn0", before);
}

static void
all_of_it(struct evtun_config **cfg)
{
	*cfg = rig_config(1);
	kit_ok(evtun_config_set_exact_addresses(*cfg, 1));
	kit_ok(evtun_config_set_sndbuf(*cfg, 20000));
}

static void
check_all_of_it(void)
{
	rig_check_config("vpn0", 1);
	ip_must_not_say("10.1.0.", "address show dev vpn0");
}

/* IPv6 goes, and with it addresses, routes and how addresses are made. */
static void
small_mtu(struct evtun_config **cfg)
{
	*cfg = evtun_config_new();
	kit_ok(evtun_config_set_mtu(*cfg, 600));
	kit_ok(evtun_config_set_owner(*cfg, 0, 0));
}

static void
check_small_mtu(void)
{
	ip_must_say("\"mtu\":600", "link show dev vpn0");
}

/* Routes go, and all of IPv6. */
static void
down(struct evtun_config **cfg)
{
	*cfg = evtun_config_new();
	kit_ok(evtun_config_set_up(*cfg, 0));
	kit_ok(evtun_config_set_owner(*cfg, 0, 0));
}

static void
check_down(void)
{
	ip_must_not_say("\"UP\"", "link show dev vpn0");
}

static const struct {
	void (*make)(struct evtun_config **cfg);
	void (*check)(void);
	int least;
} changes[] = {
	{ all_of_it, check_all_of_it, 100 },
	{ small_mtu, check_small_mtu, 30 },
	{ down, check_down, 30 }
};
#define N_CHANGES ((int)(sizeof(changes) / sizeof(changes[0])))

START_TEST(test_existing)
{
	int c = _i / 2, stride = get_stride(), i, fds, r, failed = 0;
	struct evtun_config *cfg;
	struct rig_state before;
	struct evtun *tun;

	kit_netns();
	kit_ipv6(1);
	changes[c].make(&cfg);
	prepare(&tun, &before);
	fds = kit_count_fds();
	for (i = 1 + _i; ; i += stride) {
		ck_assert_int_lt(i, MANY);
		arm(i, errors[_i % 2]);
		r = evtun_configure(tun, cfg);
		if (!disarm())
			break;
		if (r < 0) {
			failed++;
			check_failed(i, &tun, &before);
		} else {
			changes[c].check();
			finish(tun, &before);
			prepare(&tun, &before);
		}
		ck_assert_int_eq(kit_count_fds(), fds);
	}
	kit_ok(r);
	ck_assert_int_gt(failed, changes[c].least / stride);
	changes[c].check();
	finish(tun, &before);
	evtun_config_free(cfg);
}
END_TEST

/* The interface is deleted in the middle: nothing can be undone then, and
 * nothing needs to be. */
static int sends_left;

static void
delete_it(int type)
{
	(void)type;
	if (--sends_left == 0 && look_index("vpn0") != 0)
		kit_link_delete("vpn0");
}

START_TEST(test_deleted)
{
	struct evtun_config *cfg;
	struct evtun *tun;
	int fds, i, r, done = 0;

	kit_netns();
	kit_ipv6(1);
	cfg = rig_config(0);
	fds = kit_count_fds();
	for (i = 1; !done; i++) {
		ck_assert_int_lt(i, MANY);
		tun = look_new("vpn0", 0);
		sends_left = i;
		arm(0, 0);
		tun_wrap.before_send = delete_it;
		r = evtun_configure(tun, cfg);
		(void)disarm();
		done = r == 0;
		if (!done)
			ck_assert_msg(errno == ENXIO || errno == ENODEV ||
			    errno == EBADFD, "message %d: errno %d: %s", i,
			    errno, evtun_get_error());
		evtun_free(tun);
		ck_assert_int_eq(kit_count_fds(), fds);
	}
	ck_assert_int_gt(i, 20);
	evtun_config_free(cfg);
}
END_TEST

int
main(void)
{
	kit_suite("config_faults");
	kit_case("new", KIT_NEEDS_TUN);
	kit_loop(test_new, 0, 2);
	kit_case("existing", KIT_NEEDS_TUN);
	kit_loop(test_existing, 0, 2 * N_CHANGES);
	kit_test(test_deleted);
	return kit_run();
}
