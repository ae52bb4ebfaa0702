/*
 * A system without a backend: lib/tun/unsupported.c in place of linux.c.
 * Arguments are checked as ever; all that would need the system is ENOTSUP.
 */
#include "config.h"

#include <sys/socket.h>

#include <string.h>

#include <event2/event.h>

#include "evtun/config.h"
#include "evtun/link.h"
#include "evtun/linux.h"
#include "evtun/monitor.h"
#include "evtun/pass.h"
#include "kit.h"
#include "tun/link-internal.h"
#include "tun/system-internal.h"
#include "tun/tun-internal.h"

static void
see_nothing(struct evtun_monitor *mon, const struct evtun_change *change,
    void *arg)
{
	(void)mon;
	(void)change;
	(void)arg;
	ck_abort();
}

static void
check_null(const void *made, int err)
{
	ck_assert_ptr_null(made);
	ck_assert_int_eq(errno, err);
}

START_TEST(test_new)
{
	check_null(evtun_new(NULL, 0), ENOTSUP);
	ck_assert_ptr_nonnull(strstr(evtun_get_error(), "this system"));
	check_null(evtun_new("vpn%d", EVTUN_OPT_TAP), ENOTSUP);
	check_null(evtun_new("no/name", 0), EINVAL);
	check_null(evtun_new(NULL, 1 << 20), EINVAL);
	check_null(evtun_new_fd(0, 0), ENOTSUP);
	check_null(evtun_new_fd(0, EVTUN_OPT_EXCLUSIVE), EINVAL);
	evtun_free(NULL);
	ck_assert_str_eq(evtun_get_version(), PACKAGE_VERSION);
}
END_TEST

/* No program has such a device: this asks every function all the same. */
/* evtun/link.h: nothing is found, so that there is no link to try. */
START_TEST(test_links)
{
	struct evtun tun = { .fd = -1, .netns = -1 };
	struct evtun_link **links;

	check_null(evtun_link_new("lo", -1), ENOTSUP);
	check_null(evtun_link_new_index(1, -1), ENOTSUP);
	check_null(evtun_link_new_tun(&tun), ENOTSUP);
	check_null(evtun_link_new("", -1), EINVAL);
	kit_fails(evtun_link_list(-1, &links), ENOTSUP);
	kit_fails(evtun_link_list(EVTUN_ALL_NETNS, &links), ENOTSUP);
	ck_assert_ptr_null(links);
	kit_fails(evtun_netns_open(NULL), ENOTSUP);
	kit_fails(evtun_netns_open_pid(1), ENOTSUP);
}
END_TEST

/* A link that something else has made. */
START_TEST(test_link_functions)
{
	struct evtun_link link = { .netns = -1, .facts.index = 1,
	    .facts.mtu = 1500, .facts.hwaddr_len = 6 };
	static const struct evtun_link_address addr =
	    { .addr = "10.9.0.1/24" };
	static const struct evtun_link_route route = { .to = "10.0.0.0/8" };
	static const ev_uint8_t mac[6] = { 2 };
	struct evtun_link_address *addresses;
	struct evtun_link_route *routes;
	struct evtun_holder *holders;

	kit_fails(evtun_link_update(&link), ENOTSUP);
	kit_fails(evtun_link_set_name(&link, "name0"), ENOTSUP);
	kit_fails(evtun_link_set_alias(&link, "alias"), ENOTSUP);
	kit_fails(evtun_link_add_altname(&link, "name1"), ENOTSUP);
	kit_fails(evtun_link_del_altname(&link, "name1"), ENOTSUP);
	kit_fails(evtun_link_set_mtu(&link, 1400), ENOTSUP);
	kit_fails(evtun_link_set_up(&link, 1), ENOTSUP);
	kit_fails(evtun_link_set_hwaddr(&link, mac), ENOTSUP);
	kit_fails(evtun_link_set_txqueuelen(&link, 100), ENOTSUP);
	kit_fails(evtun_link_set_group(&link, 7), ENOTSUP);
	kit_fails(evtun_link_set_carrier(&link, 1), ENOTSUP);
	kit_fails(evtun_link_set_addrgen(&link, EVTUN_ADDRGEN_NONE), ENOTSUP);
	kit_fails(evtun_link_delete(&link), ENOTSUP);
	kit_fails(evtun_link_get_addresses(&link, &addresses), ENOTSUP);
	kit_fails(evtun_link_add_address(&link, &addr), ENOTSUP);
	kit_fails(evtun_link_del_address(&link, &addr), ENOTSUP);
	kit_fails(evtun_link_set_addresses(&link, &addr, 1), ENOTSUP);
	kit_fails(evtun_link_get_routes(&link, &routes), ENOTSUP);
	kit_fails(evtun_link_add_route(&link, &route), ENOTSUP);
	kit_fails(evtun_link_replace_route(&link, &route), ENOTSUP);
	kit_fails(evtun_link_del_route(&link, &route), ENOTSUP);
	kit_fails(evtun_link_get_holders(&link, &holders), ENOTSUP);
}
END_TEST

/* evtun/config.h, evtun/pass.h, evtun/monitor.h */
START_TEST(test_configurations)
{
	struct evtun tun = { .fd = -1, .netns = -1 };
	struct evtun_link link = { .netns = -1, .facts.index = 1 };
	struct evtun_config *cfg = evtun_config_new();
	struct event_base *base = event_base_new();
	int pair[2];

	ck_assert_ptr_nonnull(cfg);
	kit_ok(evtun_config_set_mtu(cfg, 1400));
	check_null(evtun_new_config("", 0, cfg), ENOTSUP);
	kit_fails(evtun_configure(&tun, cfg), ENOTSUP);
	kit_fails(evtun_move(&tun, -1, NULL), ENOTSUP);
	kit_fails(evtun_link_configure(&link, cfg), ENOTSUP);
	evtun_config_free(cfg);
	check_null(evtun_monitor_new(base, -1, 0, 0, see_nothing, NULL),
	    ENOTSUP);
	event_base_free(base);
	ck_assert_int_eq(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	kit_fails(evtun_send_device(&tun, pair[0]), ENOTSUP);
	check_null(evtun_receive_device(pair[0], EVTUN_OPT_TAP), EINVAL);
	evutil_closesocket(pair[0]);
	evutil_closesocket(pair[1]);
}
END_TEST

/* evtun/linux.h */
START_TEST(test_linux_functions)
{
	struct evtun tun = { .fd = -1, .netns = -1 };

	kit_fails(evtun_linux_get_features(), ENOTSUP);
	kit_fails(evtun_linux_get_offload(&tun), ENOTSUP);
	kit_fails(evtun_linux_get_header(&tun), ENOTSUP);
	kit_fails(evtun_linux_set_attached(&tun, 1), ENOTSUP);
	kit_fails(evtun_linux_get_attached(&tun), ENOTSUP);
	kit_fails(evtun_linux_set_steering(&tun, -1), ENOTSUP);
	kit_fails(evtun_linux_set_filter_ebpf(&tun, -1), ENOTSUP);
	kit_fails(evtun_linux_set_filter(&tun, NULL, 0), ENOTSUP);
	kit_fails(evtun_linux_set_rx_addresses(&tun, NULL, 0, 0), ENOTSUP);
	kit_fails(evtun_linux_set_carrier(&tun, 1), ENOTSUP);
	kit_fails(evtun_linux_set_type(&tun, 1), ENOTSUP);
	kit_fails(evtun_linux_set_sndbuf(&tun, 10000), ENOTSUP);
	kit_fails(evtun_linux_get_sndbuf(&tun), ENOTSUP);
}
END_TEST

START_TEST(test_every_function)
{
	struct evtun tun = { .fd = -1, .netns = -1,
	    .options = EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_TAP,
	    .max = EVTUN_MAX_FRAME };
	unsigned char frame[14] = { 0 }, mac[6] = { 2 };
	struct evbuffer_iovec vec = { frame, sizeof(frame) };

	check_null(evtun_new_queue(&tun), ENOTSUP);
	kit_fails(evtun_release(&tun), ENOTSUP);
	ck_assert_str_eq(evtun_get_name(&tun), "");
	ck_assert_uint_eq(evtun_get_index(&tun), 0);
	ck_assert_int_eq(errno, ENOTSUP);
	ck_assert_int_eq(evtun_get_fd(&tun), -1);
	ck_assert_int_eq(evtun_get_options(&tun), tun.options);
	kit_fails(evtun_read(&tun, frame, sizeof(frame)), ENOTSUP);
	kit_fails(evtun_write(&tun, frame, sizeof(frame)), ENOTSUP);
	kit_fails(evtun_get_mtu(&tun), ENOTSUP);
	kit_fails(evtun_set_mtu(&tun, 1400), ENOTSUP);
	kit_fails(evtun_get_up(&tun), ENOTSUP);
	kit_fails(evtun_set_up(&tun, 1), ENOTSUP);
	kit_fails(evtun_get_hwaddr(&tun, mac), ENOTSUP);
	kit_fails(evtun_set_hwaddr(&tun, mac), ENOTSUP);
	kit_fails(evtun_add_address(&tun, "10.9.0.1/24", NULL), ENOTSUP);
	kit_fails(evtun_del_address(&tun, "10.9.0.1/24", NULL), ENOTSUP);
	kit_fails(evtun_add_address(&tun, "10.9.0.1", NULL), EINVAL);
	kit_fails(evtun_set_owner(&tun, 0, 0), ENOTSUP);
	kit_fails(evtun_set_persist(&tun, 1), ENOTSUP);
	ck_assert_int_eq(evtun_recv_(&tun, frame, sizeof(frame)), -1);
	ck_assert_int_eq(evtun_send_(&tun, &vec, 1), ENOTSUP);
	ck_assert_int_eq(evtun_probe_(&tun), ENXIO);
}
END_TEST

int
main(void)
{
	kit_suite("unsupported");
	kit_case("no_backend", 0);
	kit_test(test_new);
	kit_test(test_every_function);
	kit_test(test_links);
	kit_test(test_link_functions);
	kit_test(test_configurations);
	kit_test(test_linux_functions);
	return kit_run();
}
