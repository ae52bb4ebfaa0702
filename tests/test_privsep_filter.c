/*
 * The list of the sample privsep: what is on it works, and whoever does
 * anything else is killed.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../samples/privsep.h"
#include "kit.h"

/* A sanitizer has _exit() do more. */
static void
leave(int status)
{
	syscall(SYS_exit_group, status);
}

/* Run fn under the filter; how it ended, as waitpid() says it. */
static int
run(void (*fn)(int), int arg)
{
	const char *preload = getenv("LD_PRELOAD");
	int status;
	pid_t pid;

	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		kit_skip("valgrind makes calls of its own");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0 ||
		    filter_install() != 0)
			_exit(errno == EINVAL || errno == ENOTSUP ? 77 : 1);
		fn(arg);
		leave(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		kit_skip("no seccomp, or no list for this machine");
	return status;
}

/* ---- what is allowed ---- */

static int pipe_fd[2], epoll_fd;

static void
require(int cond)
{
	if (!cond)
		leave(2);
}

static void
move_packets(int arg)
{
	char in[8], out[8] = "packets";
	struct iovec vec = { out, sizeof(out) };
	struct epoll_event ev = { .events = EPOLLIN };

	(void)arg;
	require(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pipe_fd[0], &ev) == 0);
	require(write(pipe_fd[1], out, sizeof(out)) == sizeof(out));
	require(epoll_wait(epoll_fd, &ev, 1, 0) == 1);
	require(read(pipe_fd[0], in, sizeof(in)) == sizeof(in));
	require(memcmp(in, out, sizeof(in)) == 0);
	require(writev(pipe_fd[1], &vec, 1) == sizeof(out));
	vec.iov_base = in;
	require(readv(pipe_fd[0], &vec, 1) == sizeof(in));
	require(close(pipe_fd[1]) == 0);
}

static void
use_memory(int arg)
{
	size_t size = (size_t)1 << 22;
	char *p = malloc(size), *q;

	(void)arg;
	require(p != NULL);
	memset(p, 1, size);
	q = realloc(p, 2 * size);
	require(q != NULL && q[size - 1] == 1);
	free(q);
	q = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	require(q != MAP_FAILED && madvise(q, size, MADV_DONTNEED) == 0);
	require(munmap(q, size) == 0);
}

START_TEST(test_allowed)
{
	int status;

	ck_assert_int_eq(pipe2(pipe_fd, O_CLOEXEC), 0);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	status = run(_i ? use_memory : move_packets, 0);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "status %x", (unsigned)status);
}
END_TEST

/* ---- what is not ---- */

/* Each of them would succeed, or fail for its arguments. */
static const int forbidden[] = {
	SYS_socket, SYS_openat, SYS_ioctl, SYS_execve, SYS_execveat,
	SYS_clone, SYS_kill, SYS_tgkill, SYS_ptrace, SYS_prctl, SYS_seccomp,
	SYS_setresuid, SYS_unshare, SYS_setns, SYS_mount, SYS_bpf, SYS_dup,
	SYS_fcntl, SYS_sendmsg, SYS_recvmsg, SYS_connect, SYS_bind,
	SYS_unlinkat, SYS_mprotect, SYS_io_uring_setup, SYS_pidfd_getfd,
	SYS_process_vm_readv, SYS_memfd_create, SYS_getuid,
#ifdef SYS_open
	SYS_open, SYS_fork, SYS_vfork,
#endif
	0x40000000 | SYS_read	/* x32 */
};
#define N_FORBIDDEN ((int)(sizeof(forbidden) / sizeof(forbidden[0])))

static void
call(int number)
{
	syscall(number, -1L, 0L, 0L, 0L, 0L, 0L);
}

START_TEST(test_forbidden)
{
	int status = run(call, forbidden[_i]);

	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
	    "call %d: status %x", forbidden[_i], (unsigned)status);
}
END_TEST

#ifdef __x86_64__
/* A call of 32-bit programs: number 3 is read(), and close() of ours, both of
 * which are on the list. */
static void
call_as_i386(int number)
{
	__asm__ volatile ("int $0x80" : "+a"(number) : : "memory", "r8",
	    "r9", "r10", "r11");
}

START_TEST(test_other_architecture)
{
	int status = run(call_as_i386, 3);

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		kit_skip("this kernel has no 32-bit calls");
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
	    "status %x", (unsigned)status);
}
END_TEST
#endif

int
main(void)
{
	kit_suite("privsep_filter");
	kit_case("list", 0);
	kit_loop(test_allowed, 0, 2);
	kit_loop(test_forbidden, 0, N_FORBIDDEN);
#ifdef __x86_64__
	kit_test(test_other_architecture);
#endif
	return kit_run();
}
