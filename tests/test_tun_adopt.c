/*
 * Devices of descriptors that somebody else has opened, and descriptors that
 * somebody else goes on with.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

static const int kinds[] = { IFF_TUN, IFF_TAP };
static const int options_of[] = { 0, EVTUN_OPT_TAP };
static const enum kit_kind kit_kinds_of[] = { KIT_TUN, KIT_TAP };

static struct evtun *
adopt(int fd, int options)
{
	struct evtun *tun = evtun_new_fd(fd, options);

	ck_assert_msg(tun != NULL, "evtun_new_fd: %s", evtun_get_error());
	ck_assert_int_eq(evtun_get_fd(tun), fd);
	return tun;
}

/* Blocking, and open across exec: as it comes from a careless parent. */
static void
make_careless(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL,
	    fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

static void
check_careless(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
	ck_assert(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
}

/* One packet each way, through the packet socket. */
static void
check_traffic(struct evtun *tun, int sock, enum kit_kind kind)
{
	struct pollfd pfd = { evtun_get_fd(tun), POLLIN, 0 };
	unsigned char out[700], in[1000];

	kit_fill(kind, out, 1, sizeof(out));
	ck_assert_int_eq(send(sock, out, sizeof(out), 0), sizeof(out));
	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	ck_assert_int_eq(evtun_read(tun, in, sizeof(in)), sizeof(out));
	ck_assert_mem_eq(in, out, sizeof(out));
	kit_fill(kind, out, 2, sizeof(out));
	kit_ok(evtun_write(tun, out, sizeof(out)));
	pfd.fd = sock;
	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	ck_assert_int_eq(recv(sock, in, sizeof(in), 0), sizeof(out));
	ck_assert_mem_eq(in, out, sizeof(out));
}

/* ---- devices ---- */

START_TEST(test_as_it_is)
{
	int kind = _i % 2, queues = _i / 2 % 2, persist = _i / 4 % 2;
	int inherit = _i / 8 % 2 ? EVTUN_OPT_INHERIT : 0;
	int fd, sock, options;
	struct evtun *tun;

	kit_netns();
	fd = look_open("vpn0", kinds[kind] | IFF_NO_PI |
	    (queues ? IFF_MULTI_QUEUE : 0));
	if (persist)
		ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	if (inherit)
		ck_assert_int_eq(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
	else
		make_careless(fd);
	/* Wishes for what cannot be changed are none. */
	options = options_of[kind] | inherit;
	tun = adopt(fd, options | EVTUN_OPT_OFFLOAD |
	    (persist ? 0 : EVTUN_OPT_PERSIST) |
	    (queues ? 0 : EVTUN_OPT_MULTIQUEUE));
	ck_assert_int_eq(evtun_get_options(tun), options |
	    (persist ? EVTUN_OPT_PERSIST : 0) |
	    (queues ? EVTUN_OPT_MULTIQUEUE : 0));
	ck_assert_int_eq(fcntl(fd, F_GETFD), inherit ? 0 : FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	ck_assert_uint_eq(evtun_get_index(tun), look_index("vpn0"));
	kit_ok(evtun_set_mtu(tun, 1400));
	ck_assert_int_eq(look_mtu("vpn0"), 1400);
	kit_ok(evtun_set_up(tun, 1));
	sock = kit_packet_socket("vpn0");
	check_traffic(tun, sock, kit_kinds_of[kind]);
	close(sock);
	evtun_free(tun);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_int_eq(look_index("vpn0") != 0, persist);
}
END_TEST

/* The packet information has to be believed. */
START_TEST(test_info)
{
	struct look_tun look;
	struct evtun *tun;

	kit_netns();
	tun = adopt(look_open("vpn0", kinds[_i]),
	    options_of[_i] | EVTUN_OPT_PACKET_INFO);
	look_tun("vpn0", &look);
	ck_assert_int_eq(look.packet_info, 1);
	ck_assert_int_eq(evtun_get_options(tun),
	    options_of[_i] | EVTUN_OPT_PACKET_INFO);
	evtun_free(tun);
}
END_TEST

START_TEST(test_other_kind)
{
	int fd;

	kit_netns();
	fd = look_open("vpn0", kinds[_i] | IFF_NO_PI);
	make_careless(fd);
	look_refused(evtun_new_fd(fd, options_of[!_i]), EINVAL);
	look_text(_i ? "it is a TAP device" : "it is a TUN device");
	check_careless(fd);
	look_refused(evtun_new_fd(fd, options_of[_i] | EVTUN_OPT_EXCLUSIVE),
	    EINVAL);
	check_careless(fd);
	ck_assert_uint_ne(look_index("vpn0"), 0);
	evtun_free(adopt(fd, options_of[_i]));
}
END_TEST

START_TEST(test_queue_of_adopted)
{
	struct evtun *a, *b;

	kit_netns();
	a = adopt(look_open("vpn0", IFF_TUN | IFF_MULTI_QUEUE),
	    EVTUN_OPT_PACKET_INFO);
	b = evtun_new_queue(a);
	ck_assert_msg(b != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(evtun_get_options(b), evtun_get_options(a));
	ck_assert_str_eq(evtun_get_name(b), "vpn0");
	evtun_free(a);
	kit_ok(evtun_set_up(b, 1));
	evtun_free(b);
}
END_TEST

/* ---- what is no device ---- */

static int
open_other(int i)
{
	int fd[2], flags = O_RDWR | O_CLOEXEC;

	switch (i) {
	case 0:
		ck_assert_int_eq(pipe(fd), 0);
		close(fd[1]);
		return fd[0];
	case 1:
		return socket(AF_INET, SOCK_DGRAM, 0);
	case 2:
		return socket(AF_UNIX, SOCK_SEQPACKET, 0);
	case 3:
		return open("/dev/null", flags);
	case 4:
		return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	case 5:
		return epoll_create1(0);
	case 6:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	default:
		return open("/", O_PATH | O_CLOEXEC);
	}
}
#define N_OTHER 8

START_TEST(test_no_device)
{
	int fd = open_other(_i), fds, flags, fd_flags;

	ck_assert_int_ge(fd, 0);
	fds = kit_count_fds();
	flags = fcntl(fd, F_GETFL);
	fd_flags = fcntl(fd, F_GETFD);
	look_refused(evtun_new_fd(fd, 0), EINVAL);
	look_text("no TUN or TAP device");
	ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
	ck_assert_int_eq(fcntl(fd, F_GETFD), fd_flags);
	ck_assert_int_eq(kit_count_fds(), fds);
	close(fd);
}
END_TEST

START_TEST(test_no_descriptor)
{
	look_refused(evtun_new_fd(-1, 0), EINVAL);
	look_refused(evtun_new_fd(1000000, 0), EINVAL);
	look_text("adopt a descriptor");
}
END_TEST

START_TEST(test_not_attached)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	make_careless(fd);
	look_refused(evtun_new_fd(fd, 0), EINVAL);
	check_careless(fd);
	close(fd);
	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	kit_link_delete("vpn0");
	look_refused(evtun_new_fd(fd, 0), EINVAL);
	close(fd);
}
END_TEST

/* ---- release ---- */

START_TEST(test_release)
{
	struct evtun *tun;
	int fd;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	kit_ok(evtun_set_up(tun, 1));
	fd = evtun_get_fd(tun);
	ck_assert_int_eq(evtun_release(tun), fd);
	ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
	ck_assert_int_eq(look_try_open("vpn0", IFF_TAP | IFF_NO_PI), -1);
	ck_assert_int_eq(errno, EBUSY);
	ck_assert_int_eq(look_up("vpn0"), 1);
	evtun_free(adopt(fd, EVTUN_OPT_TAP));
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

/* ---- from another process ---- */

static void
send_fd(int sock, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	memset(&control, 0, sizeof(control));
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	ck_assert_int_eq(sendmsg(sock, &msg, 0), 1);
}

static int
receive_fd(int sock)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg;
	int fd;

	ck_assert_int_eq(recvmsg(sock, &msg, 0), 1);
	cmsg = CMSG_FIRSTHDR(&msg);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_type, SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

struct parent {
	int sock[2];
	int kind;
	int packets;
};

/* Make a device, send it and the other side of it, and end. */
static void
send_device(void *arg)
{
	struct parent *parent = arg;
	struct evtun *tun = kit_tun_new(kit_kinds_of[parent->kind], "vpn0", 0);
	int sock = kit_packet_socket("vpn0");

	send_fd(parent->sock[1], sock);
	send_fd(parent->sock[1], evtun_get_fd(tun));
	close(evtun_release(tun));
}

static struct evtun *
receive_device(struct parent *parent, int kind)
{
	parent->kind = kind;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, parent->sock), 0);
	look_in_child(send_device, parent);
	parent->packets = receive_fd(parent->sock[0]);
	return adopt(receive_fd(parent->sock[0]), options_of[kind]);
}

START_TEST(test_other_process)
{
	struct parent parent;
	struct evtun *tun;

	kit_netns();
	tun = receive_device(&parent, _i);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	ck_assert_int_eq(evtun_get_up(tun), 1);
	kit_ok(evtun_set_mtu(tun, 1400));
	check_traffic(tun, parent.packets, kit_kinds_of[_i]);
	evtun_free(tun);
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

/* Fail if anything but the packets is in reach. */
static void
check_out_of_reach(struct evtun *tun, const char *why)
{
	unsigned char mac[6] = { 2 };

	ck_assert_uint_eq(evtun_get_index(tun), 0);
	ck_assert_int_eq(errno, ENODEV);
	look_text(why);
	kit_fails(evtun_get_mtu(tun), ENODEV);
	kit_fails(evtun_set_mtu(tun, 1400), ENODEV);
	kit_fails(evtun_get_up(tun), ENODEV);
	kit_fails(evtun_set_up(tun, 0), ENODEV);
	kit_fails(evtun_add_address(tun, "10.9.0.1/24", NULL), ENODEV);
	kit_fails(evtun_del_address(tun, "10.9.0.1/24", NULL), ENODEV);
	kit_fails(evtun_set_owner(tun, 1, 1), ENODEV);
	kit_fails(evtun_set_persist(tun, 1), ENODEV);
	if (evtun_get_options(tun) & EVTUN_OPT_TAP) {
		kit_fails(evtun_get_hwaddr(tun, mac), ENODEV);
		kit_fails(evtun_set_hwaddr(tun, mac), ENODEV);
	}
	look_text(why);
}

START_TEST(test_other_namespace)
{
	struct parent parent;
	struct evtun *tun;
	int home, decoy;

	kit_netns();
	home = look_netns();
	tun = receive_device(&parent, _i);
	kit_netns();
	decoy = look_open("vpn0", kinds[_i] | IFF_NO_PI);
	check_out_of_reach(tun, "another network namespace");
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	check_traffic(tun, parent.packets, kit_kinds_of[_i]);
	ck_assert_int_eq(look_mtu("vpn0"), 1500);
	ck_assert_int_eq(look_up("vpn0"), 0);
	close(decoy);
	check_out_of_reach(tun, "another network namespace");
	look_enter(home);
	kit_ok(evtun_set_mtu(tun, 1400));
	ck_assert_int_eq(look_mtu("vpn0"), 1400);
	evtun_free(tun);
}
END_TEST

START_TEST(test_unprivileged)
{
	struct parent parent;
	struct evtun *tun;

	kit_netns();
	tun = receive_device(&parent, _i);
	look_become(65534, 65534);
	check_out_of_reach(tun, "CAP_NET_ADMIN");
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	check_traffic(tun, parent.packets, kit_kinds_of[_i]);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("tun_adopt");
	kit_case("devices", KIT_NEEDS_TUN);
	kit_loop(test_as_it_is, 0, 16);
	kit_loop(test_info, 0, 2);
	kit_loop(test_other_kind, 0, 2);
	kit_test(test_queue_of_adopted);
	kit_test(test_release);
	kit_test(test_not_attached);
	kit_case("others", 0);
	kit_loop(test_no_device, 0, N_OTHER);
	kit_test(test_no_descriptor);
	kit_case("processes", KIT_NEEDS_TUN);
	kit_loop(test_other_process, 0, 2);
	kit_loop(test_other_namespace, 0, 2);
	kit_case("privileges", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_unprivileged, 0, 2);
	return kit_run();
}
