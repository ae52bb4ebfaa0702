#include "config.h"

#include <sys/syscall.h>

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "programs.h"

#define SET(to, value) { BPF_ALU64 | BPF_MOV | BPF_K, (to), 0, 0, (value) }
#define COPY(to, from) { BPF_ALU64 | BPF_MOV | BPF_X, (to), (from), 0, 0 }
#define LOAD_BYTE(offset) { BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, (offset) }
#define EXIT { BPF_JMP | BPF_EXIT, 0, 0, 0, 0 }

static int
load(enum bpf_prog_type type, const struct bpf_insn *insns, unsigned n)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (uintptr_t)insns;
	attr.insn_cnt = n;
	attr.license = (uintptr_t)"BSD";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0 && (errno == EPERM || errno == ENOSYS))
		kit_skip("no privilege to load a program: bpf(2): %s",
		    strerror(errno));
	ck_assert_msg(fd >= 0, "bpf(2): %s", strerror(errno));
	return fd;
}

int
program_return(int value)
{
	const struct bpf_insn insns[] = { SET(BPF_REG_0, value), EXIT };

	return load(BPF_PROG_TYPE_SOCKET_FILTER, insns, 2);
}

/* The instruction that loads it takes the packet from register 6. */
int
program_byte(int offset)
{
	const struct bpf_insn insns[] = { COPY(BPF_REG_6, BPF_REG_1),
	    LOAD_BYTE(offset), EXIT };

	return load(BPF_PROG_TYPE_SOCKET_FILTER, insns, 3);
}

int
program_xdp(void)
{
	const struct bpf_insn insns[] = { SET(BPF_REG_0, XDP_PASS), EXIT };

	return load(BPF_PROG_TYPE_XDP, insns, 2);
}
