/*
 * Devices that change hands while system calls fail: what fails says so and
 * leaves nothing behind, and no message is sent in half without a word.
 */
#include "config.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pass_rig.h"
#include "tun_look.h"
#include "tun_wrap.h"

/* ---- a stream that takes messages in pieces ---- */

static struct {
	int armed;
	size_t piece;
	int n_pieces;		/* and then there is no room */
} stream;

ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct msghdr part = *msg;
	struct iovec iov = *msg->msg_iov;

	if (!stream.armed)
		return __real_sendmsg(fd, msg, flags);
	if (stream.n_pieces-- == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (iov.iov_len > stream.piece)
		iov.iov_len = stream.piece;
	part.msg_iov = &iov;
	return __real_sendmsg(fd, &part, flags);
}

static int
send_in_pieces(struct evtun *tun, int sock, size_t piece, int n_pieces)
{
	int r;

	stream.armed = 1;
	stream.piece = piece;
	stream.n_pieces = n_pieces;
	r = evtun_send_device(tun, sock);
	stream.armed = 0;
	return r;
}

START_TEST(test_pieces)
{
	struct evtun *tun, *received;
	int sock[2], fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	kit_ok(evtun_set_up(tun, 1));
	pass_sockets(SOCK_STREAM, sock);
	if (_i % 2)
		pass_nonblocking(sock[1]);
	fds = kit_count_fds();
	kit_ok(send_in_pieces(tun, sock[0], _i / 2 ? 7 : 31, 100));
	received = pass_receive(sock[1], 0);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	pass_check_traffic(received, "vpn0");
	evtun_free(received);
	evtun_free(tun);
}
END_TEST

/* The first piece has the descriptor, and a receiver closes it. */
START_TEST(test_first_piece)
{
	struct evtun *tun;
	int sock[2], fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_sockets(SOCK_STREAM, sock);
	fds = kit_count_fds();
	kit_fails(send_in_pieces(tun, sock[0], 7, 0), EAGAIN);
	kit_fails(send_in_pieces(tun, sock[0], 7, 1), EMSGSIZE);
	look_text("a part of the message was sent");
	close(sock[0]);
	look_refused(evtun_receive_device(sock[1], 0), EBADMSG);
	ck_assert_int_eq(kit_count_fds(), fds - 1);
	evtun_free(tun);
}
END_TEST

/* ---- one call after the other fails ---- */

static const int errors[] = { EIO, ENOMEM, EPERM, EBADFD };
#define N_ERRORS 4
/* More than any of this takes. */
#define MAX_CALLS 100

static void
arm(int fail_at, int err)
{
	memset(&tun_wrap, 0, sizeof(tun_wrap));
	tun_wrap.fail_at = fail_at;
	tun_wrap.err = err;
	tun_wrap.armed = 1;
}

/* Whether the call that was to fail has been made. */
static int
disarm(void)
{
	tun_wrap.armed = 0;
	return tun_wrap.calls >= tun_wrap.fail_at;
}

START_TEST(test_sending)
{
	int options = EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST, sock[2], r;
	int calls, fds, failed, err;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", options);
	kit_ok(evtun_set_up(tun, 1));
	pass_sockets(SOCK_SEQPACKET, sock);
	fds = kit_count_fds();
	for (calls = 1; calls < MAX_CALLS; calls++) {
		arm(calls, errors[_i]);
		r = evtun_send_device(tun, sock[0]);
		err = errno;
		failed = disarm();
		if (r < 0)
			kit_check(failed && err == (errors[_i] == EBADFD ?
			    ENXIO : errors[_i]), "call %d: %s", calls,
			    evtun_get_error());
		else
			evtun_free(pass_receive(sock[1], 0));
		kit_check(kit_count_fds() == fds, "call %d: %d descriptors",
		    calls, kit_count_fds() - fds);
		if (!failed)
			break;
	}
	ck_assert_int_gt(calls, 3);
	pass_check_traffic(tun, "vpn0");
	evtun_free(tun);
}
END_TEST

START_TEST(test_receiving)
{
	int sock[2], calls, fds, failed, good = 0;
	struct evtun *tun, *received;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_OFFLOAD);
	kit_ok(evtun_set_up(tun, 1));
	pass_sockets(SOCK_STREAM, sock);
	fds = kit_count_fds();
	for (calls = 1; calls < MAX_CALLS; calls++) {
		kit_ok(evtun_send_device(tun, sock[0]));
		arm(calls, errors[_i]);
		received = evtun_receive_device(sock[1], 0);
		failed = disarm();
		kit_check(failed || received != NULL, "%s",
		    evtun_get_error());
		if (received != NULL)
			pass_check_traffic(received, "vpn0");
		evtun_free(received);
		good += received != NULL;
		kit_check(kit_count_fds() == fds, "call %d: %d descriptors",
		    calls, kit_count_fds() - fds);
		/* It may have been the first of all, and the message waits. */
		pass_sockets(SOCK_STREAM, sock);
		fds = kit_count_fds();
		if (!failed)
			break;
	}
	ck_assert_int_gt(calls, 5);
	ck_assert_int_ge(good, 1);
	evtun_free(tun);
}
END_TEST

/* Two devices: both are adopted, or none is, and both stay open. */
START_TEST(test_listening)
{
	int saved[2] = { -1, -1 }, i, n = 0, calls, failed;
	struct evtun **tuns;
	char pid[16];

	kit_netns();
	for (i = 0; i < 2; i++)
		saved[i] = fcntl(look_open(i ? "vpn1" : "vpn0",
		    IFF_TUN | IFF_NO_PI), F_DUPFD_CLOEXEC, 20);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	for (calls = 1; calls < MAX_CALLS; calls++) {
		for (i = 0; i < 2; i++)
			ck_assert_int_eq(dup2(saved[i], 3 + i), 3 + i);
		arm(calls, errors[_i]);
		n = evtun_listen_devices(NULL, 0, &tuns);
		failed = disarm();
		kit_check(n < 0 || tuns != NULL, "no array");
		for (i = 0; i < n; i++)
			evtun_free(tuns[i]);
		free(n < 0 ? NULL : tuns);
		/* A device that cannot be asked is passed over. */
		kit_check(n >= 0 || (tuns == NULL && fcntl(3, F_GETFD) >= 0 &&
		    fcntl(4, F_GETFD) >= 0), "one is closed");
		if (!failed)
			break;
	}
	ck_assert_int_gt(calls, 5);
	ck_assert_int_eq(n, 2);
}
END_TEST

int
main(void)
{
	kit_suite("pass_faults");
	kit_case("pieces", KIT_NEEDS_TUN);
	kit_loop(test_pieces, 0, 4);
	kit_test(test_first_piece);
	kit_case("calls", KIT_NEEDS_TUN);
	kit_loop(test_sending, 0, N_ERRORS);
	kit_loop(test_receiving, 0, N_ERRORS);
	kit_loop(test_listening, 0, N_ERRORS);
	return kit_run();
}
