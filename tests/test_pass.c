/*
 * Devices that are sent to another process: what arrives is what was sent.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device_features.h"
#include "ip_json.h"
#include "pass_rig.h"
#include "tun_look.h"

static const int options_of[] = {
	0, EVTUN_OPT_TAP, EVTUN_OPT_MULTIQUEUE, EVTUN_OPT_PACKET_INFO,
	EVTUN_OPT_OFFLOAD, EVTUN_OPT_TAP | EVTUN_OPT_OFFLOAD,
	EVTUN_OPT_TAP | EVTUN_OPT_PACKET_INFO | EVTUN_OPT_OFFLOAD,
	EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST
};
#define N_OPTIONS ((int)(sizeof(options_of) / sizeof(options_of[0])))

/* A device that is up, with an MTU that no default is. */
static struct evtun *
make(int options)
{
	struct evtun *tun = look_new("vpn0", options);

	kit_ok(evtun_set_mtu(tun, 1300));
	kit_ok(evtun_set_up(tun, 1));
	return tun;
}

/* ---- what arrives ---- */

static void
check_told(struct evtun *tun)
{
	char *text = ip_json("link show dev vpn0"), index[64], mtu[32];

	snprintf(index, sizeof(index), "\"ifindex\":%u,\"ifname\":\"%s\"",
	    evtun_get_sent_index(tun), evtun_get_name(tun));
	snprintf(mtu, sizeof(mtu), "\"mtu\":%d,", evtun_get_sent_mtu(tun));
	ck_assert_msg(strstr(text, index) != NULL &&
	    strstr(text, mtu) != NULL, "%s, %s: %s", index, mtu, text);
	ck_assert_int_eq(evtun_get_sent_mtu(tun), 1300);
	free(text);
}

static void
check_same(struct evtun *tun, int options)
{
	ck_assert_int_eq(evtun_get_options(tun), options);
	ck_assert_int_eq(fcntl(evtun_get_fd(tun), F_GETFD),
	    options & EVTUN_OPT_INHERIT ? 0 : FD_CLOEXEC);
	pass_check_traffic(tun, "vpn0");
}

/* Each kind over each sort of socket. */
START_TEST(test_as_it_was)
{
	int options = options_of[_i / PASS_N_TYPES];
	int inherit = _i & 1 ? EVTUN_OPT_INHERIT : 0, fds;
	struct evtun *sent, *tun;

	kit_netns();
	fds = kit_count_fds();
	sent = make(options);
	ck_assert_int_eq(evtun_get_sent_mtu(sent), 0);
	ck_assert_uint_eq(evtun_get_sent_index(sent), 0);
	tun = pass_on(sent, pass_types[_i % PASS_N_TYPES], inherit);
	ck_assert_int_ne(evtun_get_fd(tun), evtun_get_fd(sent));
	check_told(tun);
	check_same(tun, evtun_get_options(sent) | inherit);
	evtun_free(sent);
	check_same(tun, evtun_get_options(tun));
	evtun_free(tun);
	if (options & EVTUN_OPT_PERSIST)
		ck_assert_uint_ne(look_index("vpn0"), 0);
	else
		pass_until_gone("vpn0");
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* It is sent on by one that has no way to ask. */
START_TEST(test_twice)
{
	struct evtun *first, *second, *third;

	kit_netns();
	first = make(0);
	second = pass_on(first, SOCK_STREAM, 0);
	evtun_free(first);
	kit_netns();
	third = pass_on(second, SOCK_STREAM, 0);
	evtun_free(second);
	ck_assert_int_eq(evtun_get_sent_mtu(third), 1300);
	ck_assert_uint_ne(evtun_get_sent_index(third), 0);
	ck_assert_str_eq(evtun_get_name(third), "vpn0");
	evtun_free(third);
}
END_TEST

/* The queue is of its own, and the device stays one of several. */
START_TEST(test_queue)
{
	struct evtun *first, *second, *received;

	kit_netns();
	first = make(EVTUN_OPT_MULTIQUEUE);
	second = evtun_new_queue(first);
	ck_assert_msg(second != NULL, "%s", evtun_get_error());
	received = pass_on(second, SOCK_DGRAM, 0);
	evtun_free(second);
	ip_must_say("\"numqueues\":2", "link show dev vpn0");
	evtun_free(first);
	pass_check_traffic(received, "vpn0");
	evtun_free(received);
}
END_TEST

/* Many before any is taken, each of them whole. */
START_TEST(test_many)
{
	int sock[2], i, fds, type = pass_types[_i];
	struct evtun *tun;
	char name[16];

	kit_netns();
	fds = kit_count_fds();
	pass_sockets(type, sock);
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "vpn%d", i);
		tun = look_new(name, i & 1 ? EVTUN_OPT_TAP : 0);
		kit_ok(evtun_send_device(tun, sock[0]));
		evtun_free(tun);
	}
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "vpn%d", i);
		tun = pass_receive(sock[1], 0);
		ck_assert_str_eq(evtun_get_name(tun), name);
		ck_assert_int_eq(evtun_get_options(tun),
		    i & 1 ? EVTUN_OPT_TAP : 0);
		evtun_free(tun);
	}
	close(sock[0]);
	close(sock[1]);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* Who asks for credentials gets them as well, and no device less. */
START_TEST(test_credentials)
{
	int sock[2], on = 1, fds;
	struct evtun *sent, *tun;

	kit_netns();
	sent = make(0);
	fds = kit_count_fds();
	pass_sockets(pass_types[_i], sock);
	ck_assert_int_eq(setsockopt(sock[1], SOL_SOCKET, SO_PASSCRED, &on,
	    sizeof(on)), 0);
	/* SO_PASSPIDFD, of Linux 6.5: a descriptor that is none of ours. */
	(void)setsockopt(sock[1], SOL_SOCKET, 76, &on, sizeof(on));
	kit_ok(evtun_send_device(sent, sock[0]));
	tun = pass_receive(sock[1], 0);
	ck_assert_int_eq(kit_count_fds(), fds + 3);
	pass_check_traffic(tun, "vpn0");
	evtun_free(tun);
	evtun_free(sent);
}
END_TEST

/* ---- offload ---- */

/* Where the interface stays, the last one switches it off, and no earlier. */
START_TEST(test_offload_is_handed_over)
{
	int persist = EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST, size;
	struct evtun *sent, *tun;

	kit_netns();
	sent = make(persist);
	tun = pass_on(sent, SOCK_STREAM, 0);
	evtun_free(sent);
	ck_assert_uint_eq(features_get("vpn0"), features_best(&size));
	ck_assert_int_eq(features_get_int(evtun_get_fd(tun), TUNGETVNETHDRSZ),
	    size);
	pass_check_traffic(tun, "vpn0");
	evtun_free(tun);
	ck_assert_uint_eq(features_get("vpn0"), 0);
}
END_TEST

/* Every header, in either byte order. */
START_TEST(test_headers)
{
	static const int sizes[] = { 10, 12, 20, 24 };
	int size = sizes[_i / 3], on = 1, fd;
	struct evtun *sent, *tun;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	if (_i % 3 == 1)
		ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &on), 0);
	if (_i % 3 == 2 && ioctl(fd, TUNSETVNETBE, &on) < 0)
		kit_skip("this kernel has no headers in big-endian order");
	sent = evtun_new_fd(fd, 0);
	ck_assert_msg(sent != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_up(sent, 1));
	tun = pass_on(sent, SOCK_SEQPACKET, 0);
	evtun_free(sent);
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_OFFLOAD);
	pass_check_traffic(tun, "vpn0");
	evtun_free(tun);
}
END_TEST

/* ---- in other hands ---- */

struct parent {
	int sock[2];
	int options;
	int packets;
};

/* Make a device, send it, and end. */
static void
be_parent(void *arg)
{
	struct parent *parent = arg;
	struct evtun *tun = make(parent->options);
	int packets = kit_packet_socket("vpn0");
	char byte = 0;

	pass_put(parent->sock[1], &byte, 1, &packets, 1);
	kit_ok(evtun_send_device(tun, parent->sock[1]));
	evtun_free(tun);
}

static int
receive_fd(int sock)
{
	char byte, buf[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = buf, .msg_controllen = sizeof(buf) };
	int fd;

	ck_assert_int_eq(recvmsg(sock, &h, MSG_CMSG_CLOEXEC), 1);
	ck_assert_ptr_nonnull(CMSG_FIRSTHDR(&h));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(fd));
	return fd;
}

/* Another user, in another namespace where there is one of that name. */
START_TEST(test_unprivileged)
{
	struct parent parent = { .options = options_of[_i] };
	struct evtun *tun;
	int home, decoy;

	kit_netns();
	home = look_netns();
	pass_sockets(SOCK_STREAM, parent.sock);
	look_in_child(be_parent, &parent);
	parent.packets = receive_fd(parent.sock[0]);
	kit_netns();
	decoy = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	look_become(65534, 65534);
	tun = pass_receive(parent.sock[0], 0);
	ck_assert_int_eq(evtun_get_options(tun) & ~EVTUN_OPT_OFFLOAD,
	    options_of[_i] & ~EVTUN_OPT_OFFLOAD);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	ck_assert_int_eq(evtun_get_sent_mtu(tun), 1300);
	pass_check_packets(tun, parent.packets);
	kit_fails(evtun_set_mtu(tun, 1400), ENODEV);
	ck_assert_int_eq(look_mtu("vpn0"), 1500);
	evtun_free(tun);
	close(decoy);
	close(home);
}
END_TEST

int
main(void)
{
	kit_suite("pass");
	kit_case("devices", KIT_NEEDS_TUN);
	kit_loop(test_as_it_was, 0, N_OPTIONS * PASS_N_TYPES);
	kit_test(test_twice);
	kit_test(test_queue);
	kit_loop(test_many, 0, PASS_N_TYPES);
	kit_loop(test_credentials, 0, PASS_N_TYPES);
	kit_case("offload", KIT_NEEDS_TUN);
	kit_test(test_offload_is_handed_over);
	kit_loop(test_headers, 0, 12);
	kit_case("privileges", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_unprivileged, 0, N_OPTIONS - 1);
	return kit_run();
}
