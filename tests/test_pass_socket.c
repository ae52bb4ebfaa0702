/*
 * The sockets that devices are sent over: those that are none, those that do
 * not wait, those that end.
 */
#include "config.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pass_rig.h"
#include "tun_look.h"

/* ---- what is no such socket ---- */

static int
open_other(int i)
{
	int fd[2];

	switch (i) {
	case 0:
		return -1;
	case 1:
		return 1000000;
	case 2:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 3:
		ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
		close(fd[0]);
		return fd[1];
	case 4:
		return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	default:
		return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	}
}
#define N_OTHER 6

START_TEST(test_no_socket)
{
	struct evtun *tun;
	int sock = open_other(_i), fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	fds = kit_count_fds();
	kit_fails(evtun_send_device(tun, sock), EINVAL);
	look_text("it takes a Unix socket");
	look_refused(evtun_receive_device(sock, 0), EINVAL);
	look_text("it takes a Unix socket");
	ck_assert_int_eq(kit_count_fds(), fds);
	/* The argument is looked at before the device is. */
	kit_link_delete("vpn0");
	kit_fails(evtun_send_device(tun, sock), EINVAL);
	evtun_free(tun);
	close(sock);
}
END_TEST

START_TEST(test_not_connected)
{
	int sock = socket(AF_UNIX, pass_types[_i] | SOCK_CLOEXEC, 0);
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	kit_fails(evtun_send_device(tun, sock), ENOTCONN);
	look_text("not connected");
	evtun_free(tun);
	close(sock);
}
END_TEST

/* A bad option takes no message. */
START_TEST(test_options)
{
	struct evtun *tun, *received;
	int sock[2];

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_sockets(pass_types[_i], sock);
	kit_ok(evtun_send_device(tun, sock[0]));
	look_refused(evtun_receive_device(sock[1], EVTUN_OPT_TAP), EINVAL);
	look_refused(evtun_receive_device(sock[1], 1 << 20), EINVAL);
	look_text("as they were sent");
	received = pass_receive(sock[1], 0);
	evtun_free(received);
	evtun_free(tun);
}
END_TEST

/* ---- the end ---- */

/* No signal comes of it either: SIGPIPE would end this. */
START_TEST(test_receiver_has_gone)
{
	int sock[2], type = pass_types[_i], fds;
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_sockets(type, sock);
	close(sock[1]);
	fds = kit_count_fds();
	kit_fails(evtun_send_device(tun, sock[0]),
	    type == SOCK_DGRAM ? ECONNREFUSED : EPIPE);
	look_text("the receiver has closed the socket");
	ck_assert_int_eq(kit_count_fds(), fds);
	kit_ok(evtun_set_up(tun, 1));
	pass_check_traffic(tun, "vpn0");
	evtun_free(tun);
}
END_TEST

/* Those that do not wait are told as well. */
START_TEST(test_sender_has_gone)
{
	int sock[2];

	pass_sockets(_i % 2 ? SOCK_STREAM : SOCK_SEQPACKET, sock);
	if (_i >= 2)
		pass_nonblocking(sock[1]);
	close(sock[0]);
	look_refused(evtun_receive_device(sock[1], 0), ECONNRESET);
	look_text("the sender has closed the socket");
	close(sock[1]);
}
END_TEST

/* ---- without waiting ---- */

START_TEST(test_nothing_yet)
{
	struct evtun *tun, *received;
	int sock[2];

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_sockets(pass_types[_i], sock);
	pass_nonblocking(sock[1]);
	look_refused(evtun_receive_device(sock[1], 0), EAGAIN);
	kit_ok(evtun_send_device(tun, sock[0]));
	received = pass_receive(sock[1], 0);
	look_refused(evtun_receive_device(sock[1], 0), EAGAIN);
	evtun_free(received);
	evtun_free(tun);
}
END_TEST

/* Fill the socket; return how many messages it took. */
static int
fill(int sock)
{
	char bytes[PASS_LENGTH] = { 0 };
	int n = 0;

	while (send(sock, bytes, sizeof(bytes), 0) > 0)
		n++;
	ck_assert_int_eq(errno, EAGAIN);
	return n;
}

/* Nothing was sent: what comes out is what was put in. */
START_TEST(test_no_room)
{
	int sock[2], n, fds;
	char bytes[PASS_LENGTH + 1], none[PASS_LENGTH] = { 0 };
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_sockets(pass_types[_i], sock);
	pass_nonblocking(sock[0]);
	n = fill(sock[0]);
	fds = kit_count_fds();
	kit_fails(evtun_send_device(tun, sock[0]), EAGAIN);
	ck_assert_int_eq(kit_count_fds(), fds);
	for (; n > 0; n--) {
		ck_assert_int_eq(recv(sock[1], bytes, PASS_LENGTH, 0),
		    PASS_LENGTH);
		ck_assert_mem_eq(bytes, none, PASS_LENGTH);
	}
	ck_assert_int_eq(recv(sock[1], bytes, 1, MSG_DONTWAIT), -1);
	kit_ok(evtun_send_device(tun, sock[0]));
	evtun_free(pass_receive(sock[1], 0));
	evtun_free(tun);
}
END_TEST

/* A message that comes in two pieces, the descriptor in either, waits in the
 * socket until all of it is there. */
START_TEST(test_two_pieces)
{
	int first = _i / 2 * 29 + 1, early = _i % 2, sock[2], fds;
	struct pass_message msg;
	struct evtun *tun, *received;

	kit_netns();
	tun = look_new("vpn0", 0);
	kit_ok(evtun_set_up(tun, 1));
	pass_capture(tun, &msg);
	pass_sockets(SOCK_STREAM, sock);
	pass_nonblocking(sock[1]);
	fds = kit_count_fds();
	pass_put(sock[0], msg.bytes, (size_t)first, &msg.fd, early);
	look_refused(evtun_receive_device(sock[1], 0), EAGAIN);
	look_refused(evtun_receive_device(sock[1], 0), EAGAIN);
	ck_assert_int_eq(kit_count_fds(), fds);
	pass_put(sock[0], msg.bytes + first, (size_t)(PASS_LENGTH - first),
	    &msg.fd, !early);
	received = pass_receive(sock[1], 0);
	ck_assert_int_eq(kit_count_fds(), fds + 1);
	pass_check_traffic(received, "vpn0");
	evtun_free(received);
	evtun_free(tun);
}
END_TEST

/* The rest of it will never come. */
START_TEST(test_one_piece)
{
	struct pass_message msg;
	struct evtun *tun;
	int sock[2], fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_capture(tun, &msg);
	pass_sockets(SOCK_STREAM, sock);
	if (_i)
		pass_nonblocking(sock[1]);
	pass_put(sock[0], msg.bytes, 20, &msg.fd, 1);
	close(sock[0]);
	fds = kit_count_fds();
	look_refused(evtun_receive_device(sock[1], 0), EBADMSG);
	ck_assert_int_eq(kit_count_fds(), fds);
	look_refused(evtun_receive_device(sock[1], 0), ECONNRESET);
	evtun_free(tun);
}
END_TEST

/* ---- waiting ---- */

static atomic_int *n_signals;

static void
count_signal(int number)
{
	(void)number;
	atomic_fetch_add(n_signals, 1);
}

static int
is_asleep(pid_t pid)
{
	char path[32], line[512], *s;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	s = fgets(line, sizeof(line), f);
	fclose(f);
	s = s != NULL ? strrchr(line, ')') : NULL;
	return s != NULL && s[2] == 'S';
}

static void
until_asleep(pid_t pid)
{
	while (!is_asleep(pid))
		usleep(1000);
}

/* Interrupt the parent where it waits, three times, then send what it waits
 * for. */
static void
interrupt(int sock, const struct pass_message *msg, struct evtun *tun)
{
	pid_t parent = getppid();
	int i;

	for (i = 1; i <= 3; i++) {
		until_asleep(parent);
		kill(parent, SIGUSR1);
		while (atomic_load(n_signals) < i)
			usleep(1000);
	}
	until_asleep(parent);
	pass_put_message(sock, msg);
	evtun_free(tun);
	_exit(0);
}

START_TEST(test_interrupted)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct pass_message msg;
	struct evtun *tun, *received;
	int sock[2], status;
	pid_t pid;

	kit_netns();
	tun = look_new("vpn0", 0);
	pass_capture(tun, &msg);
	pass_sockets(pass_types[_i], sock);
	n_signals = mmap(NULL, sizeof(*n_signals), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(n_signals != MAP_FAILED);
	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		interrupt(sock[0], &msg, tun);
	received = pass_receive(sock[1], 0);
	ck_assert_int_eq(atomic_load(n_signals), 3);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	evtun_free(received);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("pass_socket");
	kit_case("others", KIT_NEEDS_TUN);
	kit_loop(test_no_socket, 0, N_OTHER);
	kit_loop(test_not_connected, 0, PASS_N_TYPES);
	kit_loop(test_options, 0, PASS_N_TYPES);
	kit_case("ends", KIT_NEEDS_TUN);
	kit_loop(test_receiver_has_gone, 0, PASS_N_TYPES);
	kit_loop(test_sender_has_gone, 0, 4);
	kit_case("nonblocking", KIT_NEEDS_TUN);
	kit_loop(test_nothing_yet, 0, PASS_N_TYPES);
	kit_loop(test_no_room, 0, PASS_N_TYPES);
	kit_loop(test_two_pieces, 0, 6);
	kit_loop(test_one_piece, 0, 2);
	kit_case("blocking", KIT_NEEDS_TUN);
	kit_loop(test_interrupted, 0, PASS_N_TYPES);
	return kit_run();
}
