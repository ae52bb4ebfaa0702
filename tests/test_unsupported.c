/*
 * A system without a backend: lib/tun/unsupported.c in place of linux.c.
 * Arguments are checked as ever; all that would need the system is ENOTSUP.
 */
#include "config.h"

#include <string.h>

#include "kit.h"
#include "tun/system-internal.h"
#include "tun/tun-internal.h"

static void
check_null(struct evtun *tun, int err)
{
	ck_assert_ptr_null(tun);
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
START_TEST(test_every_function)
{
	struct evtun tun = { .fd = -1, .options = EVTUN_OPT_MULTIQUEUE |
	    EVTUN_OPT_TAP, .max = EVTUN_MAX_FRAME };
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
	return kit_run();
}
