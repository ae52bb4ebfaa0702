/*
 * Receivers that must not ask: seccomp(2) refuses ioctl(), and what the
 * message says is believed.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <endian.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "pass_rig.h"
#include "tun_look.h"

static const int errors[] = { EPERM, EACCES, ENOSYS };
#define N_ERRORS 3

/* Refuse ioctl() with that, but for one descriptor (-1: none). */
static void
refuse_ioctl(int err, int but)
{
	struct sock_filter list[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, args) +
		    (BYTE_ORDER == BIG_ENDIAN ? 4 : 0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)but, 1, 0),
		BPF_STMT(BPF_RET | BPF_K,
		    SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
	};
	struct sock_fprog prog = { sizeof(list) / sizeof(list[0]), list };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		kit_skip("no seccomp: %s", strerror(errno));
}

START_TEST(test_believed)
{
	static const int options_of[] = {
		0, EVTUN_OPT_TAP, EVTUN_OPT_PACKET_INFO,
		EVTUN_OPT_MULTIQUEUE, EVTUN_OPT_OFFLOAD,
		EVTUN_OPT_OFFLOAD | EVTUN_OPT_TAP
	};
	int options, packets, sock[2], fds;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", options_of[_i / N_ERRORS]);
	kit_ok(evtun_set_mtu(tun, 1300));
	kit_ok(evtun_set_up(tun, 1));
	options = evtun_get_options(tun);
	packets = kit_packet_socket("vpn0");
	pass_sockets(SOCK_STREAM, sock);
	kit_ok(evtun_send_device(tun, sock[0]));
	evtun_free(tun);
	refuse_ioctl(errors[_i % N_ERRORS], -1);
	fds = kit_count_fds();
	tun = pass_receive(sock[1], 0);
	ck_assert_int_eq(evtun_get_options(tun), options);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	ck_assert_int_eq(evtun_get_sent_mtu(tun), 1300);
	pass_check_packets(tun, packets);
	evtun_free(tun);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* Numbers in the other byte order, by hand: the header is believed, too. */
START_TEST(test_believed_swapped)
{
	struct pass_message msg;
	struct evtun *tun;
	int packets, sock[2];

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_OFFLOAD);
	kit_ok(evtun_set_up(tun, 1));
	packets = kit_packet_socket("vpn0");
	pass_capture(tun, &msg);
	evtun_free(tun);
	pass_set(&msg, PASS_SWAPPED, 1);
	pass_sockets(SOCK_DGRAM, sock);
	pass_put_message(sock[0], &msg);
	refuse_ioctl(EPERM, -1);
	tun = pass_receive(sock[1], 0);
	pass_check_packets(tun, packets);
	evtun_free(tun);
}
END_TEST

/* Where other descriptors may be asked, it is no filter that refuses this one:
 * a security module it may be, if the descriptor could be a device. */
START_TEST(test_one_alone)
{
	struct pass_message msg;
	struct evtun *tun;
	int other, sock[2], fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_capture(tun, &msg);
	pass_sockets(SOCK_STREAM, sock);
	other = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	fds = kit_count_fds();
	refuse_ioctl(errors[_i], sock[1]);
	pass_put(sock[0], msg.bytes, PASS_LENGTH, &other, 1);
	look_refused(evtun_receive_device(sock[1], 0), EBADMSG);
	look_text("no TUN or TAP device");
	ck_assert_int_eq(kit_count_fds(), fds);
	pass_put_message(sock[0], &msg);
	evtun_free(pass_receive(sock[1], 0));
	evtun_free(tun);
}
END_TEST

/* What may not be asked is believed of /dev/net/tun alone. */
START_TEST(test_other_files)
{
	static const char *const paths[] = {
		"/dev/null", "/dev/zero", "/proc/self/status"
	};
	struct pass_message msg;
	struct evtun *tun;
	int other, sock[2], fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_capture(tun, &msg);
	pass_sockets(SOCK_STREAM, sock);
	other = open(paths[_i / N_ERRORS], O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	fds = kit_count_fds();
	refuse_ioctl(errors[_i % N_ERRORS], -1);
	pass_put(sock[0], msg.bytes, PASS_LENGTH, &other, 1);
	look_refused(evtun_receive_device(sock[1], 0), EBADMSG);
	look_text("no TUN or TAP device");
	ck_assert_int_eq(kit_count_fds(), fds);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("pass_filter");
	kit_case("ioctl", KIT_NEEDS_TUN);
	kit_loop(test_believed, 0, 6 * N_ERRORS);
	kit_test(test_believed_swapped);
	kit_loop(test_one_alone, 0, N_ERRORS);
	kit_loop(test_other_files, 0, 3 * N_ERRORS);
	return kit_run();
}
