/*
 * Adopting a descriptor in a sandbox: no system calls but those that the
 * header names, and believing the options where even those are refused.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

/* The number of the system call decides: allow, or do that. */
#define RULE(nr, action) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, (action))
#define ALLOW(name) RULE(__NR_ ## name, SECCOMP_RET_ALLOW)

/* What 32-bit systems have in their place. */
#ifndef __NR_mmap
#define __NR_mmap __NR_mmap2
#endif
#ifndef __NR_fcntl64
#define __NR_fcntl64 __NR_fcntl
#endif

static void
install(struct sock_filter *filter, size_t n)
{
	struct sock_fprog prog = { (unsigned short)n, filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		kit_skip("no seccomp filters: %s", strerror(errno));
}

/* Memory is had from the system, and the test has to end, with a sanitizer
 * too.  The rest kills. */
static void
allow_little(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		ALLOW(fcntl),
		ALLOW(fcntl64),
		ALLOW(ioctl),
		ALLOW(brk),
		ALLOW(mmap),
		ALLOW(munmap),
		ALLOW(madvise),
		ALLOW(mprotect),
		ALLOW(futex),
		ALLOW(sched_yield),
		ALLOW(sigaltstack),
		ALLOW(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};

	install(filter, sizeof(filter) / sizeof(filter[0]));
}

static void
adopt_with_little(void *arg)
{
	int fd = *(int *)arg;

	allow_little();
	_exit(evtun_new_fd(fd, 0) == NULL);
}

START_TEST(test_system_calls)
{
	const char *preload = getenv("LD_PRELOAD");
	int fd;

	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		kit_skip("valgrind makes system calls of its own");
	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI | (_i ? IFF_VNET_HDR : 0));
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	look_in_child(adopt_with_little, &fd);
	close(fd);
}
END_TEST

static const unsigned errors[] = { EPERM, EACCES, ENOSYS };

static void
refuse_ioctl(unsigned err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		RULE(__NR_ioctl, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install(filter, sizeof(filter) / sizeof(filter[0]));
}

START_TEST(test_believed)
{
	int options = EVTUN_OPT_TAP | EVTUN_OPT_PERSIST |
	    EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_INHERIT;
	unsigned char out[200], in[300];
	struct pollfd pfd = { -1, POLLIN, 0 };
	struct evtun *tun;
	int sock;

	kit_netns();
	tun = kit_tun_new(KIT_TAP, "vpn0", EVTUN_OPT_MULTIQUEUE);
	sock = kit_packet_socket("vpn0");
	pfd.fd = evtun_release(tun);
	refuse_ioctl(errors[_i]);
	tun = evtun_new_fd(pfd.fd, options | EVTUN_OPT_OFFLOAD);
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(evtun_get_options(tun), options);
	ck_assert_str_eq(evtun_get_name(tun), "");
	ck_assert_int_eq(fcntl(pfd.fd, F_GETFD), 0);
	kit_fails(evtun_get_mtu(tun), ENODEV);
	look_text("does not tell which interface it is");
	kit_fails(evtun_set_up(tun, 0), ENODEV);
	look_refused(evtun_new_queue(tun), ENODEV);
	kit_fill(KIT_TAP, out, 1, sizeof(out));
	ck_assert_int_eq(send(sock, out, sizeof(out), 0), sizeof(out));
	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	ck_assert_int_eq(evtun_read(tun, in, sizeof(in)), sizeof(out));
	ck_assert_mem_eq(in, out, sizeof(out));
	kit_ok(evtun_write(tun, out, sizeof(out)));
	pfd.fd = sock;
	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	ck_assert_int_eq(recv(sock, in, sizeof(in), 0), sizeof(out));
	ck_assert_mem_eq(in, out, sizeof(out));
	evtun_free(tun);
	close(sock);
}
END_TEST

int
main(void)
{
	kit_suite("tun_filter");
	kit_case("sandbox", KIT_NEEDS_TUN);
	kit_loop(test_system_calls, 0, 2);
	kit_loop(test_believed, 0, 3);
	return kit_run();
}
