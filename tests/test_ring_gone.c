/*
 * Rings without which one has to do: devices and processes that go away,
 * systems that forbid it, and kernels that do half of it.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ring_line.h"
#include "tun_look.h"

/* ---- devices ---- */

static void
check_both_ways(unsigned index)
{
	struct evbuffer_iovec pkt;
	unsigned char data[100];
	int err = -1;

	put_one(index, 100);
	ck_assert_int_eq(evtun_ring_read_(line.in, 3), 3);
	take_one(index, 100);
	take_none();
	kit_fill(line.kind, data, index, sizeof(data));
	pkt.iov_base = data;
	pkt.iov_len = sizeof(data);
	ck_assert_int_eq(evtun_ring_write_(line.out, &pkt, 1, &err), 1);
	ck_assert_int_eq(err, 0);
	expect(index, 100);
	expect_none();
}

static void
check_writes(int err)
{
	struct evbuffer_iovec *pkts = make_packets(5, size_of);
	int i, errs[5] = { 0 };

	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 5, errs), 5);
	for (i = 0; i < 5; i++)
		ck_assert_int_eq(errs[i], err);
	free_packets(pkts, 5);
}

START_TEST(test_down)
{
	line_open(line_kinds[_i]);
	check_both_ways(1);
	put_one(2, 100);
	kit_link_up("ring0", 0);
	/* It tells the packet socket; that is no packet. */
	recv(line.sock, line.data, 1, 0);
	check_writes(EIO);
	expect_none();
	ck_assert_int_eq(evtun_ring_read_(line.in, 3), 3);
	take_one(2, 100);
	take_none();
	kit_link_up("ring0", 1);
	check_both_ways(3);
	line_close();
}
END_TEST

START_TEST(test_deleted)
{
	line_open(line_kinds[_i]);
	put_one(1, 100);
	kit_link_delete("ring0");
	check_writes(EBADFD);
	ck_assert_int_eq(evtun_ring_read_(line.in, 3), 3);
	kit_fails((int)evtun_ring_take_(line.in, line.data, 1), EBADFD);
	ck_assert_ptr_null(evtun_ring_new_(line.fd, 0));
	ck_assert_ptr_null(evtun_ring_new_(line.fd, 1));
	line_close();
}
END_TEST

/* A ring keeps no device alive, and is of no more use without. */
START_TEST(test_closed)
{
	struct evbuffer_iovec *pkts;
	int errs[5];

	line_open(line_kinds[_i]);
	check_both_ways(1);
	pkts = make_packets(5, size_of);
	evtun_free(line.tun);
	ck_assert_uint_eq(look_index("ring0"), 0);
	ck_assert_int_eq(evtun_ring_read_(line.in, 5), -1);
	take_none();
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 5, errs), -1);
	/* Nor afterwards. */
	line.tun = kit_tun_new(line.kind, "ring0", 0);
	ck_assert_int_eq(evtun_ring_read_(line.in, 5), -1);
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 5, errs), -1);
	free_packets(pkts, 5);
	line_close();
}
END_TEST

/* ... nor when the process is killed: the next one must have its name. */
START_TEST(test_killed)
{
	int ready[2], status;
	char byte;
	pid_t pid;

	kit_netns();
	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		line.kind = KIT_TUN;
		line.tun = kit_tun_new(KIT_TUN, "ring0", 0);
		line.fd = evtun_get_fd(line.tun);
		line.sock = kit_packet_socket("ring0");
		line.in = evtun_ring_new_(line.fd, 0);
		line.out = evtun_ring_new_(line.fd, 1);
		if (line.in != NULL)
			check_both_ways(1);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_uint_ne(look_index("ring0"), 0);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_uint_eq(look_index("ring0"), 0);
	close(ready[0]);
}
END_TEST

/* ---- processes ---- */

/* The other process has the same rings, and must leave them alone. */
static void
use_in_child(void *arg)
{
	struct evbuffer_iovec *pkts = make_packets(5, size_of);
	int errs[5];

	(void)arg;
	take_none();
	ck_assert_int_eq(evtun_ring_read_(line.in, 5), -1);
	take_none();
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 5, errs), -1);
	evtun_ring_free_(line.in);
	evtun_ring_free_(line.out);
	free_packets(pkts, 5);
	/* One of its own is another matter. */
	line.in = evtun_ring_new_(line.fd, 0);
	ck_assert_ptr_nonnull(line.in);
	ck_assert_int_eq(evtun_ring_read_(line.in, 5), 5);
	take_one(7, 100);
	take_none();
	evtun_ring_free_(line.in);
	ck_assert_int_eq(kit_count_fds(), line.fds_before + 2);
}

START_TEST(test_fork)
{
	line_open(line_kinds[_i]);
	check_both_ways(1);
	put_one(7, 100);
	look_in_child(use_in_child, NULL);
	expect_none();
	check_both_ways(2);
	/* With packets to take, which are the parent's. */
	put_one(3, 100);
	put_one(4, 100);
	ck_assert_int_eq(evtun_ring_read_(line.in, 2), 2);
	take_one(3, 100);
	put_one(7, 100);
	look_in_child(use_in_child, NULL);
	take_one(4, 100);
	take_none();
	check_both_ways(5);
	line_close();
}
END_TEST

/* One that goes on living does not keep the device alive, but by its own
 * descriptor. */
START_TEST(test_fork_and_close)
{
	int end[2], status;
	char byte;
	pid_t pid;

	line_open(KIT_TUN);
	check_both_ways(1);
	ck_assert_int_eq(pipe(end), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(end[1]);
		close(line.fd);
		_exit(read(end[0], &byte, 1) != 0);
	}
	close(end[0]);
	check_both_ways(2);
	evtun_ring_free_(line.in);
	evtun_ring_free_(line.out);
	line.in = line.out = NULL;
	/* Wait until it has closed its own: nobody can be told, so ask. */
	evtun_free(line.tun);
	while (look_index("ring0") != 0)
		sched_yield();
	close(end[1]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	line.tun = NULL;
	line_close();
}
END_TEST

/* ---- systems that forbid it ---- */

/* From now on, for this process, that system call fails. */
static void
forbid(int call, int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
	};
	struct sock_fprog prog = { 4, filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		kit_skip("no filter of system calls: %s", strerror(errno));
}

static void
check_no_ring(void)
{
	int fds = kit_count_fds();

	errno = 0;
	ck_assert_int_eq(evtun_set_mtu(line.tun, 1), -1);
	ck_assert_ptr_null(evtun_ring_new_(line.fd, 0));
	ck_assert_ptr_null(evtun_ring_new_(line.fd, 1));
	/* Silently: the last error is another. */
	look_text("MTU");
	ck_assert_int_eq(kit_count_fds(), fds);
}

START_TEST(test_forbidden)
{
	static const int rules[][2] = {
		{ SYS_io_uring_setup, EPERM }, { SYS_io_uring_setup, ENOSYS },
		{ SYS_io_uring_setup, ENOMEM },
		{ SYS_io_uring_register, EPERM },
		{ SYS_io_uring_enter, EPERM }, { SYS_io_uring_enter, ENOSYS }
	};

	line_open(KIT_TUN);
	forbid(rules[_i][0], rules[_i][1]);
	check_no_ring();
	line_close();
}
END_TEST

/* What was in the queue is there for plain calls. */
START_TEST(test_forbidden_later)
{
	struct evbuffer_iovec *pkts;
	int errs[5];

	line_open(KIT_TUN);
	check_both_ways(1);
	put_one(2, 100);
	pkts = make_packets(5, size_of);
	forbid(SYS_io_uring_enter, EPERM);
	ck_assert_int_eq(evtun_ring_read_(line.in, 5), -1);
	take_none();
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 5, errs), -1);
	expect_none();
	read_plain(2, 100);
	free_packets(pkts, 5);
	line_close();
}
END_TEST

START_TEST(test_no_descriptors)
{
	struct rlimit old, none;
	int fd, fds;

	line_open(KIT_TUN);
	/* Descriptors below the limit are all in use. */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	fds = kit_count_fds();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_ptr_null(evtun_ring_new_(line.fd, 0));
	ck_assert_ptr_null(evtun_ring_new_(line.fd, 1));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
	line_close();
}
END_TEST

/* What is no device, or does not say at once that there is nothing. */
START_TEST(test_not_a_device)
{
	int fds, end[2];

	ck_assert_int_eq(pipe(end), 0);
	fds = kit_count_fds();
	ck_assert_ptr_null(evtun_ring_new_(-1, 0));
	ck_assert_ptr_null(evtun_ring_new_(-1, 1));
	ck_assert_ptr_null(evtun_ring_new_(end[1], 0));
	ck_assert_ptr_null(evtun_ring_new_(end[1], 1));
	evtun_ring_free_(NULL);
	ck_assert_int_eq(kit_count_fds(), fds);
	close(end[0]);
	close(end[1]);
}
END_TEST

/* ---- a kernel that does half of it ---- */

START_TEST(test_interrupted)
{
	line_open(line_kinds[_i]);
	for (fault.max = 1; fault.max < 6; fault.max++) {
		fault.interrupted = (int)fault.max;
		check_both_ways(fault.max);
	}
	line_close();
}
END_TEST

/* The first _i requests are executed, one of which is for the file. */
START_TEST(test_half_a_read)
{
	unsigned i, n = _i > 0 ? (unsigned)_i - 1 : 0;

	line_open(KIT_TUN);
	for (i = 0; i < 10; i++)
		put_one(i, size_of(i));
	fault.max = (unsigned)_i;
	fault.calls = _i > 0 ? 2 : 1;
	ck_assert_int_eq(evtun_ring_read_(line.in, 8), n > 0 ? (int)n : -1);
	for (i = 0; i < n; i++)
		take_one(i, size_of(i));
	take_none();
	ck_assert_int_eq(evtun_ring_read_(line.in, 8), -1);
	for (; i < 10; i++)
		read_plain(i, size_of(i));
	/* No file is left behind. */
	evtun_free(line.tun);
	ck_assert_uint_eq(look_index("ring0"), 0);
	line.tun = NULL;
	line_close();
}
END_TEST

START_TEST(test_half_a_write)
{
	int i, errs[8], n = _i > 0 ? _i - 1 : 0;
	struct evbuffer_iovec *pkts;

	line_open(KIT_TUN);
	pkts = make_packets(8, size_of);
	fault.max = (unsigned)_i;
	fault.calls = _i > 0 ? 2 : 1;
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 8, errs),
	    n > 0 ? n : -1);
	for (i = 0; i < n; i++) {
		ck_assert_int_eq(errs[i], 0);
		expect((unsigned)i, size_of((unsigned)i));
	}
	expect_none();
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 8, errs), -1);
	expect_none();
	evtun_free(line.tun);
	ck_assert_uint_eq(look_index("ring0"), 0);
	line.tun = NULL;
	free_packets(pkts, 8);
	line_close();
}
END_TEST

int
main(void)
{
	kit_suite("ring_gone");
	kit_case("devices", KIT_NEEDS_TUN);
	kit_loop(test_down, 0, 2);
	kit_loop(test_deleted, 0, 2);
	kit_loop(test_closed, 0, 2);
	kit_test(test_killed);
	kit_case("processes", KIT_NEEDS_TUN);
	kit_loop(test_fork, 0, 2);
	kit_test(test_fork_and_close);
	kit_case("forbidden", KIT_NEEDS_TUN);
	kit_loop(test_forbidden, 0, 6);
	kit_test(test_forbidden_later);
	kit_test(test_no_descriptors);
	kit_test(test_not_a_device);
	kit_case("faults", KIT_NEEDS_TUN);
	kit_loop(test_interrupted, 0, 2);
	kit_loop(test_half_a_read, 0, 10);
	kit_loop(test_half_a_write, 0, 10);
	return kit_run();
}
