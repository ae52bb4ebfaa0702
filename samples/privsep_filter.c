/*
 * The system calls that moving packets takes: seccomp(2).  What is not on the
 * list kills the process; a caller that got an error instead would have a
 * second try.
 *
 * ioctl() is not on it: whoever may do that with the descriptor of a device
 * may change its hardware address, owner, filters and more.
 */
#include "privsep.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#else
#define ARCH 0
#endif

static const unsigned allowed[] = {
	/* packets */
	SYS_read, SYS_readv, SYS_write, SYS_writev,
	/* libevent; which of them it takes depends on its version */
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
	SYS_epoll_pwait, SYS_epoll_ctl,
	/* the time, where it takes a call */
	SYS_clock_gettime, SYS_gettimeofday,
	/* memory, and locks around it */
	SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex,
	/* the end: evtun_free() asks which process it is */
	SYS_getpid, SYS_close, SYS_exit_group,
	/* signals */
	SYS_rt_sigreturn, SYS_restart_syscall
};
#define N_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

static struct sock_filter
instruction(unsigned code, unsigned k, size_t if_so, size_t if_not)
{
	struct sock_filter f;

	f.code = (unsigned short)code;
	f.k = k;
	f.jt = (unsigned char)if_so;
	f.jf = (unsigned char)if_not;
	return f;
}

#define LOAD(member) instruction(BPF_LD | BPF_W | BPF_ABS, \
	offsetof(struct seccomp_data, member), 0, 0)
#define IF_EQUAL(k, if_so, if_not) \
	instruction(BPF_JMP | BPF_JEQ | BPF_K, k, if_so, if_not)
#define RETURN(k) instruction(BPF_RET | BPF_K, k, 0, 0)

int
filter_install(void)
{
	struct sock_filter list[N_ALLOWED + 5], *p = list;
	struct sock_fprog prog;
	size_t i;

	if (ARCH == 0) {
		errno = ENOTSUP;
		return -1;
	}
	/* The numbers are those of one architecture. */
	*p++ = LOAD(arch);
	*p++ = IF_EQUAL(ARCH, 0, N_ALLOWED + 1);
	*p++ = LOAD(nr);
	for (i = 0; i < N_ALLOWED; i++)
		*p++ = IF_EQUAL(allowed[i], N_ALLOWED - i, 0);
	*p++ = RETURN(SECCOMP_RET_KILL_PROCESS);
	*p++ = RETURN(SECCOMP_RET_ALLOW);
	memset(&prog, 0, sizeof(prog));
	prog.len = (unsigned short)(p - list);
	prog.filter = list;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0L, 0L);
}
