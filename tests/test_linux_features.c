/*
 * What the kernel offers, and what it offers a device: as it says itself, and
 * as it takes it.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "evtun/linux.h"
#include "kit.h"
#include "tun_look.h"

/* For headers older than the kernel. */
#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

/* ---- of the kernel ---- */

static const struct {
	int feature;
	unsigned flags;
} features[] = {
	{ EVTUN_LINUX_TUN, IFF_TUN },
	{ EVTUN_LINUX_TAP, IFF_TAP },
	{ EVTUN_LINUX_MULTIQUEUE, IFF_MULTI_QUEUE },
	{ EVTUN_LINUX_NAPI, IFF_NAPI },
	{ EVTUN_LINUX_NAPI_FRAGS, IFF_NAPI_FRAGS },
	{ EVTUN_LINUX_NO_CARRIER, IFF_NO_CARRIER },
	{ EVTUN_LINUX_HEADER, IFF_VNET_HDR }
};
#define N_FEATURES 7

START_TEST(test_features)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int i, got, fds, expected = 0;
	unsigned flags;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(fd, TUNGETFEATURES, &flags), 0);
	close(fd);
	for (i = 0; i < N_FEATURES; i++)
		if (flags & features[i].flags)
			expected |= features[i].feature;
	fds = kit_count_fds();
	got = evtun_linux_get_features();
	ck_assert_int_eq(got, expected);
	ck_assert_int_eq(kit_count_fds(), fds);
	ck_assert_int_ne(got & EVTUN_LINUX_TUN, 0);
	ck_assert_int_ne(got & EVTUN_LINUX_TAP, 0);
}
END_TEST

START_TEST(test_features_refused)
{
	struct rlimit old, none;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	kit_fails(evtun_linux_get_features(), EMFILE);
	look_text("open /dev/net/tun");
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
}
END_TEST

/* ---- of a device ---- */

/* What is asked of the kernel together with it. */
static const struct {
	int feature;
	unsigned long with, mask;
} offloads[] = {
	{ EVTUN_LINUX_TCP4, TUN_F_CSUM, TUN_F_TSO4 },
	{ EVTUN_LINUX_TCP6, TUN_F_CSUM, TUN_F_TSO6 },
	{ EVTUN_LINUX_ECN, TUN_F_CSUM | TUN_F_TSO4, TUN_F_TSO_ECN },
	{ EVTUN_LINUX_UDP, TUN_F_CSUM, TUN_F_USO4 | TUN_F_USO6 },
	{ EVTUN_LINUX_TUNNEL, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6 |
	    TUN_F_TSO4 | TUN_F_TSO6, TUN_F_UDP_TUNNEL_GSO },
	{ EVTUN_LINUX_TUNNEL_CSUM, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6 |
	    TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_UDP_TUNNEL_GSO,
	    TUN_F_UDP_TUNNEL_GSO_CSUM }
};
#define N_OFFLOADS 6

/* The descriptor of a device of the same sort takes it. */
static int
takes(int fd, int i)
{
	int size = 24;

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	return ioctl(fd, TUNSETOFFLOAD, offloads[i].with | offloads[i].mask)
	    == 0;
}

static int
get_expected(int options)
{
	int fd = look_open("other0", IFF_NO_PI | IFF_VNET_HDR |
	    (options & EVTUN_OPT_TAP ? IFF_TAP : IFF_TUN));
	int i, big, expected = 0;

	for (i = 0; i < N_OFFLOADS; i++)
		if (takes(fd, i))
			expected |= offloads[i].feature;
	if (ioctl(fd, TUNGETVNETBE, &big) == 0)
		expected |= EVTUN_LINUX_BIG_ENDIAN;
	close(fd);
	return expected;
}

static const int options[] = { 0, EVTUN_OPT_TAP, EVTUN_OPT_MULTIQUEUE,
    EVTUN_OPT_TAP | EVTUN_OPT_PACKET_INFO };
#define N_OPTIONS 4

START_TEST(test_offload)
{
	struct evtun *tun;
	int fds, got, expected;

	kit_netns();
	expected = get_expected(options[_i]);
	tun = look_new("vpn0", options[_i] | EVTUN_OPT_OFFLOAD);
	fds = kit_count_fds();
	got = evtun_linux_get_offload(tun);
	ck_assert_msg(got >= 0, "%s", evtun_get_error());
	ck_assert_int_eq(got, expected);
	ck_assert_int_ne(got & EVTUN_LINUX_TCP4, 0);
	ck_assert_int_eq(kit_count_fds(), fds);
	/* Also under another name. */
	look_rename("vpn0", "tun-other");
	ck_assert_int_eq(evtun_linux_get_offload(tun), expected);
	kit_link_delete("tun-other");
	kit_fails(evtun_linux_get_offload(tun), ENXIO);
	look_text("gone");
	evtun_free(tun);
}
END_TEST

START_TEST(test_no_offload)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", options[_i]);
	ck_assert_int_eq(evtun_linux_get_offload(tun), 0);
	ck_assert_int_eq(evtun_linux_get_header(tun), 0);
	evtun_free(tun);
}
END_TEST

/* What others have set is not what there is. */
START_TEST(test_offload_adopted)
{
	struct evtun *tun;
	int fd, expected;

	kit_netns();
	expected = get_expected(0);
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, 0UL), 0);
	tun = evtun_new_fd(fd, 0);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(evtun_linux_get_offload(tun), expected);
	evtun_free(tun);
}
END_TEST

/* An interface of the same name here is another one. */
START_TEST(test_offload_elsewhere)
{
	struct evtun *tun;
	int home, other;

	kit_netns();
	home = look_netns();
	tun = look_new("vpn0", EVTUN_OPT_OFFLOAD);
	kit_netns();
	other = look_netns();
	look_enter(home);
	look_move("vpn0", other);
	kit_fails(evtun_linux_get_offload(tun), ENODEV);
	close(home);
	close(other);
	evtun_free(tun);
}
END_TEST

/* One that the library has moved is asked where it is. */
START_TEST(test_offload_moved)
{
	struct evtun *tun;
	int home, other, expected;

	kit_netns();
	home = look_netns();
	expected = get_expected(0);
	tun = look_new("vpn0", EVTUN_OPT_OFFLOAD);
	kit_netns();
	other = look_netns();
	look_enter(home);
	kit_ok(evtun_move(tun, other, NULL));
	ck_assert_int_eq(evtun_linux_get_offload(tun), expected);
	close(home);
	close(other);
	evtun_free(tun);
}
END_TEST

START_TEST(test_header)
{
	static const int sizes[] = { 10, 12, 20, 24 };
	struct evtun *tun;
	int fd, size;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	size = sizes[_i];
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	tun = evtun_new_fd(fd, 0);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(evtun_linux_get_header(tun), size);
	evtun_free(tun);
	tun = look_new("vpn1", options[_i] | EVTUN_OPT_OFFLOAD);
	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(evtun_linux_get_header(tun), size);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("linux_features");
	kit_case("kernel", KIT_NEEDS_TUN);
	kit_test(test_features);
	kit_test(test_features_refused);
	kit_case("device", KIT_NEEDS_TUN);
	kit_loop(test_offload, 0, N_OPTIONS);
	kit_loop(test_no_offload, 0, N_OPTIONS);
	kit_test(test_offload_adopted);
	kit_test(test_offload_elsewhere);
	kit_test(test_offload_moved);
	kit_loop(test_header, 0, 4);
	return kit_run();
}
