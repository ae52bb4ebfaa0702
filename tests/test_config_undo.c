/*
 * What fails in the middle leaves nothing behind: a new interface is gone, and
 * one that existed is as it was, as far as ip(8) can see.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>

#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_rig.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

/* ---- what fails, one thing after the other ---- */

static void
fail_altname(struct evtun_config *cfg)
{
	kit_ok(evtun_config_add_altname(cfg, "taken"));
}

/* Too large for TAP. */
static void
fail_mtu(struct evtun_config *cfg)
{
	kit_ok(evtun_config_set_mtu(cfg, 65535));
}

/* The broadcast address of the loopback's is not the matter: its own is. */
static void
fail_address(struct evtun_config *cfg)
{
	kit_ok(evtun_config_add_address(cfg, "fd00:2::1/48", NULL));
}

static void
fail_via(struct evtun_config *cfg)
{
	struct evtun_link_route route = { .to = "10.71.0.0/16",
	    .via = "192.0.2.7" };

	kit_ok(evtun_config_add_route(cfg, &route));
}

static void
fail_source(struct evtun_config *cfg)
{
	struct evtun_link_route route = { .to = "10.71.0.0/16",
	    .source = "192.0.2.7" };

	kit_ok(evtun_config_add_route(cfg, &route));
}

static const struct {
	void (*add)(struct evtun_config *cfg);
	int err;
	const char *words;
} failures[] = {
	{ fail_altname, EEXIST, "" },
	{ fail_mtu, EINVAL, "set the MTU" },
	{ fail_address, EEXIST, "add the address" },
	{ fail_via, ENETUNREACH, "route" },
	{ fail_source, EINVAL, "route" }
};
#define N_FAILURES ((int)(sizeof(failures) / sizeof(failures[0])))

static struct evtun_config *
bad_config(int i)
{
	struct evtun_config *cfg = rig_config(1);

	failures[i].add(cfg);
	return cfg;
}

/* Somebody else has the name. */
static struct evtun *
take_name(void)
{
	struct evtun *other = look_new("other", 0);

	ip_do("link property add dev other altname taken");
	return other;
}

static void
check_failure(int i, const char *name)
{
	char words[64];

	snprintf(words, sizeof(words), "configure %s: ", name);
	ck_assert_ptr_eq(strstr(evtun_get_error(), words), evtun_get_error());
	look_text(failures[i].words);
	look_text(strerror(failures[i].err));
	ck_assert_ptr_null(strstr(evtun_get_error(), "undone"));
}

/* ---- a new interface ---- */

START_TEST(test_new)
{
	struct evtun_config *cfg;
	struct evtun *other;
	int fds;

	kit_netns();
	kit_ipv6(1);
	other = take_name();
	fds = kit_count_fds();
	cfg = bad_config(_i);
	look_refused(evtun_new_config("vpn%d", EVTUN_OPT_TAP |
	    EVTUN_OPT_PERSIST, cfg), failures[_i].err);
	check_failure(_i, "vpn0");
	ck_assert_uint_eq(look_index("vpn0"), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
	evtun_config_free(cfg);
	evtun_free(other);
}
END_TEST

/* ---- one that exists ---- */

/* Opened for it, and closed again; up before, or down. */
START_TEST(test_existing)
{
	int i = _i / 2, is_up = _i % 2;
	struct evtun_config *cfg;
	struct rig_state before;
	struct evtun *other;
	int fds;

	kit_netns();
	kit_ipv6(1);
	other = take_name();
	rig_prepare("vpn0", 1, is_up);
	rig_look("vpn0", &before);
	fds = kit_count_fds();
	cfg = bad_config(i);
	look_refused(evtun_new_config("vpn0", EVTUN_OPT_TAP |
	    EVTUN_OPT_PERSIST | EVTUN_OPT_OFFLOAD, cfg), failures[i].err);
	check_failure(i, "vpn0");
	rig_check_same("vpn0", &before);
	ck_assert_int_eq(kit_count_fds(), fds);
	rig_forget(&before);
	evtun_config_free(cfg);
	evtun_free(other);
}
END_TEST

/* Open all the time. */
START_TEST(test_open)
{
	int i = _i / 2, is_up = _i % 2;
	struct evtun_config *cfg;
	struct rig_state before;
	struct evtun *other, *tun;
	struct evtun_link *link;
	int fds;

	kit_netns();
	kit_ipv6(1);
	other = take_name();
	rig_prepare("vpn0", 1, is_up);
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	if (is_up)
		rig_await_carrier("vpn0");
	rig_look("vpn0", &before);
	fds = kit_count_fds();
	cfg = bad_config(i);
	kit_fails(evtun_configure(tun, cfg), failures[i].err);
	check_failure(i, "vpn0");
	rig_check_same("vpn0", &before);
	link = evtun_link_new("vpn0", -1);
	ck_assert_ptr_nonnull(link);
	kit_fails(evtun_link_configure(link, cfg), failures[i].err);
	check_failure(i, "vpn0");
	rig_check_same("vpn0", &before);
	evtun_link_free(link);
	ck_assert_int_eq(kit_count_fds(), fds);
	rig_forget(&before);
	evtun_config_free(cfg);
	evtun_free(other);
	evtun_free(tun);
}
END_TEST

/* In another namespace, where one of that name exists; the one here stays as
 * it is. */
START_TEST(test_other_netns)
{
	int i = _i / 2, is_up = _i % 2, home, there;
	struct rig_state before, before_here;
	struct evtun_config *cfg;
	struct evtun *other;

	kit_netns();
	kit_ipv6(1);
	home = look_netns();
	rig_prepare("vpn0", 1, !is_up);
	rig_look("vpn0", &before_here);
	kit_netns();
	kit_ipv6(1);
	there = look_netns();
	other = take_name();
	rig_prepare("vpn0", 1, is_up);
	rig_look("vpn0", &before);
	look_enter(home);
	cfg = bad_config(i);
	kit_ok(evtun_config_set_netns(cfg, there));
	look_refused(evtun_new_config("vpn0", EVTUN_OPT_TAP |
	    EVTUN_OPT_PERSIST | EVTUN_OPT_OFFLOAD, cfg), failures[i].err);
	check_failure(i, "vpn0");
	rig_check_same("vpn0", &before_here);
	look_enter(there);
	rig_check_same("vpn0", &before);
	rig_forget(&before_here);
	rig_forget(&before);
	evtun_config_free(cfg);
	evtun_free(other);
	close(home);
	close(there);
}
END_TEST

/* All addresses are gone, and with them all routes: those of the local table
 * that are not the kernel's as well. */
START_TEST(test_all_gone)
{
	struct evtun_link_route route = { .to = "10.71.0.0/16",
	    .via = "192.0.2.7" };
	struct evtun_config *cfg = evtun_config_new();
	struct rig_state before;
	struct evtun *tun;

	kit_netns();
	kit_ipv6(1);
	rig_prepare("vpn0", _i, 1);
	tun = look_new("vpn0", _i ? EVTUN_OPT_TAP : 0);
	rig_await_carrier("vpn0");
	rig_look("vpn0", &before);
	ck_assert_ptr_nonnull(strstr(before.text[2], "10.77.0.0/16"));
	ck_assert_ptr_nonnull(strstr(before.text[3], "fd77::/64"));
	kit_ok(evtun_config_set_exact_addresses(cfg, 1));
	kit_ok(evtun_config_add_route(cfg, &route));
	kit_fails(evtun_configure(tun, cfg), ENETUNREACH);
	rig_check_same("vpn0", &before);
	rig_forget(&before);
	evtun_config_free(cfg);
	evtun_free(tun);
}
END_TEST

/* Another one attached with other flags: those before are back. */
START_TEST(test_flags)
{
	static const int flags[] = { IFF_TUN, IFF_TUN | IFF_NO_PI,
	    IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, IFF_TUN | IFF_VNET_HDR,
	    IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE };
	static const int options[] = { 0, EVTUN_OPT_OFFLOAD,
	    EVTUN_OPT_PACKET_INFO };
	int multi = flags[_i] & IFF_MULTI_QUEUE ? EVTUN_OPT_MULTIQUEUE : 0;
	struct evtun_link_route route = { .to = "10.71.0.0/16",
	    .via = "192.0.2.7" };
	struct evtun_config *cfg = evtun_config_new();
	char *before, *after;
	size_t i;

	kit_netns();
	look_make_persistent("vpn0", flags[_i]);
	kit_link_up("vpn0", 1);
	kit_link_up("vpn0", 0);
	before = ip_json("link show dev vpn0");
	kit_ok(evtun_config_set_up(cfg, 1));
	kit_ok(evtun_config_add_route(cfg, &route));
	for (i = 0; i < 3; i++) {
		look_refused(evtun_new_config("vpn0", options[i] | multi,
		    cfg), ENETUNREACH);
		after = ip_json("link show dev vpn0");
		ck_assert_str_eq(before, after);
		free(after);
	}
	free(before);
	evtun_config_free(cfg);
}
END_TEST

/* It was up, and is to be down: routes and addresses of IPv6 come back. */
struct down {
	struct evtun *tun;
	struct evtun_config *cfg;
};

/* Another user namespace, where there is no such user.  (A sanitizer's thread
 * keeps a process in the one it is in.) */
static void
configure_in_vain(void *arg)
{
	struct down *down = arg;

	if (unshare(CLONE_NEWUSER) < 0) {
		ck_assert_int_eq(errno, EINVAL);
		return;
	}
	kit_fails(evtun_configure(down->tun, down->cfg), EINVAL);
	look_text("set the owner");
	ck_assert_ptr_null(strstr(evtun_get_error(), "undone"));
}

START_TEST(test_owner)
{
	static const ev_uint8_t mac[6] = { 2, 0, 0, 0, 0, 9 };
	struct down down = { NULL, evtun_config_new() };
	struct rig_state before;
	int sndbuf = 0;

	kit_netns();
	kit_ipv6(1);
	rig_prepare("vpn0", 1, 0);
	down.tun = look_new("vpn0", EVTUN_OPT_TAP);
	rig_look("vpn0", &before);
	kit_ok(evtun_config_set_hwaddr(down.cfg, mac));
	kit_ok(evtun_config_set_sndbuf(down.cfg, 10000));
	kit_ok(evtun_config_set_owner(down.cfg, 4711, -1));
	look_in_child(configure_in_vain, &down);
	rig_check_same("vpn0", &before);
	ck_assert_int_eq(ioctl(evtun_get_fd(down.tun), TUNGETSNDBUF,
	    &sndbuf), 0);
	ck_assert_int_ne(sndbuf, 10000);
	rig_forget(&before);
	evtun_config_free(down.cfg);
	evtun_free(down.tun);
}
END_TEST

/* What needs no privilege is undone, when the rest does. */
static void
configure_unprivileged(void *arg)
{
	struct down *down = arg;

	look_become(65534, 65534);
	kit_fails(evtun_configure(down->tun, down->cfg), EPERM);
	look_text("CAP_NET_ADMIN");
}

START_TEST(test_no_privilege)
{
	struct down down = { NULL, NULL };
	struct rig_state before;

	kit_netns();
	kit_ipv6(1);
	rig_prepare("vpn0", 1, 0);
	down.tun = look_new("vpn0", EVTUN_OPT_TAP);
	down.cfg = rig_config(1);
	kit_ok(evtun_config_set_sndbuf(down.cfg, 10000));
	rig_look("vpn0", &before);
	look_in_child(configure_unprivileged, &down);
	rig_check_same("vpn0", &before);
	rig_forget(&before);
	evtun_config_free(down.cfg);
	evtun_free(down.tun);
}
END_TEST

/* ---- refused before anything is done ---- */

START_TEST(test_not_for_open_ones)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun_link *link;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	link = evtun_link_new_tun(tun);
	kit_ok(evtun_config_set_index(cfg, 7));
	kit_fails(evtun_configure(tun, cfg), EINVAL);
	kit_fails(evtun_link_configure(link, cfg), EINVAL);
	evtun_config_free(cfg);
	cfg = evtun_config_new();
	kit_ok(evtun_config_set_sndbuf(cfg, 10000));
	kit_ok(evtun_configure(tun, cfg));
	kit_fails(evtun_link_configure(link, cfg), EINVAL);
	look_text("evtun_configure()");
	/* The interface is gone: it is not even looked at. */
	kit_ok(evtun_config_set_no_carrier(cfg, 1));
	kit_link_delete("vpn0");
	kit_fails(evtun_configure(tun, cfg), EINVAL);
	kit_fails(evtun_link_configure(link, cfg), EINVAL);
	kit_ok(evtun_config_set_no_carrier(cfg, 0));
	kit_fails(evtun_configure(tun, cfg), ENXIO);
	kit_fails(evtun_move(tun, -1, "a/b"), EINVAL);
	look_text("name");
	kit_fails(evtun_move(tun, -1, NULL), ENXIO);
	evtun_config_free(cfg);
	cfg = evtun_config_new();
	kit_fails(evtun_link_configure(link, cfg), ENXIO);
	evtun_config_free(cfg);
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("config_undo");
	kit_case("new", KIT_NEEDS_TUN);
	kit_loop(test_new, 0, N_FAILURES);
	kit_case("existing", KIT_NEEDS_TUN);
	kit_loop(test_existing, 0, 2 * N_FAILURES);
	kit_loop(test_open, 0, 2 * N_FAILURES);
	kit_loop(test_other_netns, 0, 2 * N_FAILURES);
	kit_loop(test_all_gone, 0, 2);
	kit_loop(test_flags, 0, 5);
	kit_test(test_not_for_open_ones);
	kit_case("without_privilege", KIT_NEEDS_TUN_ROOT);
	kit_test(test_owner);
	kit_test(test_no_privilege);
	return kit_run();
}
