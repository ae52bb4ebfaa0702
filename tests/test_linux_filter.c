/*
 * A classic BPF program before a TAP device: which frames pass, and which
 * queues have it.
 */
#include "config.h"

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "kit.h"
#include "tun_look.h"

/* A byte of a frame that is another for every index, and what passes. */
#define BYTE 50
#define LIMIT 128

static struct sock_filter by_content[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, BYTE),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, LIMIT, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffff),
	BPF_STMT(BPF_RET | BPF_K, 0)
};
static struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
static struct sock_filter half[] = { BPF_STMT(BPF_RET | BPF_K, 50) };
static struct sock_filter no_program[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, BYTE)
};

/* With offload and without. */
static const int options[] = { 0, EVTUN_OPT_OFFLOAD };
#define N_OPTIONS 2

static void
check_passes(struct arrivals *a, unsigned index)
{
	arrivals_send(a, index);
	arrivals_check(a, a->tun, index);
	arrivals_check_none(a->tun);
}

START_TEST(test_some)
{
	unsigned char data[ARRIVALS_SIZE];
	struct arrivals a;
	long dropped = 0;
	unsigned i;

	arrivals_begin(&a, KIT_TAP, options[_i]);
	kit_ok(evtun_linux_set_filter(a.tun, by_content, 4));
	for (i = 0; i < 100; i++) {
		kit_fill(KIT_TAP, data, i, sizeof(data));
		arrivals_send(&a, i);
		if (data[BYTE] >= LIMIT)
			arrivals_check(&a, a.tun, i);
		else
			dropped++;
	}
	arrivals_check_none(a.tun);
	ck_assert_int_gt(dropped, 0);
	ck_assert_int_lt(dropped, 100);
	ck_assert_int_eq(arrivals_dropped(&a), dropped);
	arrivals_end(&a);
}
END_TEST

/* One after the other, and none in the end. */
START_TEST(test_replaced)
{
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, options[_i]);
	kit_ok(evtun_linux_set_filter(a.tun, NULL, 0));
	check_passes(&a, 1);
	kit_ok(evtun_linux_set_filter(a.tun, nothing, 1));
	arrivals_send(&a, 2);
	kit_ok(evtun_linux_set_filter(a.tun, half, 1));
	arrivals_send(&a, 3);
	arrivals_check_cut(&a, a.tun, 3, 50);
	arrivals_check_none(a.tun);
	kit_ok(evtun_linux_set_filter(a.tun, NULL, 0));
	check_passes(&a, 4);
	kit_ok(evtun_linux_set_filter(a.tun, NULL, 0));
	check_passes(&a, 5);
	ck_assert_int_eq(arrivals_dropped(&a), 1);
	arrivals_end(&a);
}
END_TEST

/* n instructions, the last of which returns 50. */
static struct sock_filter *
make_long(unsigned n, unsigned short code)
{
	struct sock_filter *insns = calloc(n, sizeof(*insns));
	unsigned i;

	ck_assert_ptr_nonnull(insns);
	for (i = 0; i < n; i++)
		insns[i].code = code;
	insns[n - 1] = half[0];
	return insns;
}

/* How many bytes a program may have in the kernel, where 8 of an instruction
 * become more. */
static long
get_room(void)
{
	FILE *f = fopen("/proc/sys/net/core/optmem_max", "re");
	char text[32] = "";

	if (f != NULL) {
		ck_assert_ptr_nonnull(fgets(text, sizeof(text), f));
		fclose(f);
	}
	return strtol(text, NULL, 10);
}

/* The longest there is, whose memory is needed for the call alone. */
START_TEST(test_longest)
{
	unsigned n = get_room() < 65536 ? 1024 : 4096;
	struct sock_filter *insns = make_long(n, BPF_LD | BPF_IMM);
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, 0);
	kit_ok(evtun_linux_set_filter(a.tun, insns, n));
	memset(insns, 0xff, n * sizeof(*insns));
	free(insns);
	arrivals_send(&a, 1);
	arrivals_check_cut(&a, a.tun, 1, 50);
	arrivals_end(&a);
}
END_TEST

/* ---- refused ---- */

static void
check_arguments(struct evtun *tun)
{
	kit_fails(evtun_linux_set_filter(tun, NULL, 1), EINVAL);
	look_text("1 to 4096");
	kit_fails(evtun_linux_set_filter(tun, half, 0), EINVAL);
	kit_fails(evtun_linux_set_filter(tun, half, 4097), EINVAL);
	kit_fails(evtun_linux_set_filter(tun, half, 65537), EINVAL);
	kit_fails(evtun_linux_set_filter(tun, half, ~0u), EINVAL);
}

/* What is in force stays so. */
START_TEST(test_refused)
{
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, options[_i]);
	kit_ok(evtun_linux_set_filter(a.tun, half, 1));
	check_arguments(a.tun);
	kit_fails(evtun_linux_set_filter(a.tun, no_program, 1), EINVAL);
	look_text("refuses the program");
	arrivals_send(&a, 1);
	arrivals_check_cut(&a, a.tun, 1, 50);
	kit_link_delete("vpn0");
	/* Before the kernel is asked. */
	check_arguments(a.tun);
	kit_fails(evtun_linux_set_filter(a.tun, half, 1), ENXIO);
	look_text("gone");
	kit_fails(evtun_linux_set_filter(a.tun, NULL, 0), ENXIO);
	arrivals_end(&a);
}
END_TEST

/* The kernel has no room for it. */
START_TEST(test_too_long)
{
	struct sock_filter *insns = make_long(4096, BPF_LD | BPF_W | BPF_ABS);
	struct arrivals a;

	if (get_room() > 131072)
		kit_skip("net.core.optmem_max has been raised");
	arrivals_begin(&a, KIT_TAP, 0);
	kit_ok(evtun_linux_set_filter(a.tun, half, 1));
	kit_fails(evtun_linux_set_filter(a.tun, insns, 4096), ENOMEM);
	look_text("optmem_max");
	free(insns);
	arrivals_send(&a, 1);
	arrivals_check_cut(&a, a.tun, 1, 50);
	arrivals_end(&a);
}
END_TEST

START_TEST(test_tun)
{
	struct arrivals a;

	arrivals_begin(&a, KIT_TUN, 0);
	kit_fails(evtun_linux_set_filter(a.tun, nothing, 1), ENOTSUP);
	look_text("TAP");
	kit_fails(evtun_linux_set_filter(a.tun, NULL, 0), ENOTSUP);
	check_passes(&a, 1);
	arrivals_end(&a);
}
END_TEST

/* ---- queues ---- */

/* Have this queue get what comes. */
static void
use(struct evtun *queue[3], int which)
{
	int i;

	kit_ok(evtun_linux_set_attached(queue[which], 1));
	for (i = 0; i < 3; i++)
		kit_ok(evtun_linux_set_attached(queue[i], i == which));
}

/* Those in use when it is set, until it is set anew; also if they are out of
 * use in between. */
START_TEST(test_queues)
{
	struct evtun *queue[3];
	struct arrivals a;
	int i, round;

	arrivals_begin(&a, KIT_TAP, EVTUN_OPT_MULTIQUEUE |
	    (_i & 1 ? EVTUN_OPT_PACKET_INFO : 0) |
	    (_i & 2 ? EVTUN_OPT_OFFLOAD : 0));
	queue[0] = a.tun;
	queue[1] = arrivals_queue(&a);
	kit_ok(evtun_linux_set_filter(queue[1], nothing, 1));
	queue[2] = arrivals_queue(&a);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 2; i++) {
			use(queue, i);
			arrivals_send(&a, 1);
			ck_assert_int_eq(arrivals_dropped(&a),
			    2 * round + i + 1);
			arrivals_check_none(queue[i]);
		}
	}
	use(queue, 2);
	arrivals_send(&a, 1);
	ck_assert_int_eq(arrivals_dropped(&a), 4);
	for (i = 0; i < 3; i++)
		kit_ok(evtun_linux_set_attached(queue[i], 1));
	kit_ok(evtun_linux_set_filter(queue[1], NULL, 0));
	for (i = 0; i < 3; i++) {
		use(queue, i);
		arrivals_send(&a, 1);
		ck_assert_int_eq(arrivals_dropped(&a), 4);
	}
	evtun_free(queue[1]);
	evtun_free(queue[2]);
	arrivals_end(&a);
}
END_TEST

/* With packet information before the frame. */
static void
check_passes_with_info(struct arrivals *a)
{
	static const unsigned char info[4] = { 0, 0, 0x88, 0xb5 };
	unsigned char data[4 + ARRIVALS_SIZE + 1];

	arrivals_send(a, 1);
	ck_assert_int_eq(evtun_read(a->tun, data, sizeof(data)),
	    4 + ARRIVALS_SIZE);
	ck_assert_mem_eq(data, info, sizeof(info));
	ck_assert(kit_matches(KIT_TAP, data + 4, 1, ARRIVALS_SIZE));
}

/* It is not for whoever comes next, and not in his way. */
START_TEST(test_reopened)
{
	static const int opts[] = { 0, EVTUN_OPT_PACKET_INFO,
	    EVTUN_OPT_OFFLOAD };
	struct arrivals a;
	int i;

	arrivals_begin(&a, KIT_TAP, EVTUN_OPT_PERSIST);
	for (i = 0; i < 3; i++) {
		kit_ok(evtun_linux_set_filter(a.tun, half, 1));
		evtun_free(a.tun);
		close(a.sock);
		kit_link_up("vpn0", 0);
		a.tun = look_new("vpn0", EVTUN_OPT_TAP | opts[i]);
		kit_link_up("vpn0", 1);
		a.sock = kit_packet_socket("vpn0");
		if (opts[i] == EVTUN_OPT_PACKET_INFO)
			check_passes_with_info(&a);
		else
			check_passes(&a, 1);
	}
	kit_ok(evtun_set_persist(a.tun, 0));
	arrivals_end(&a);
}
END_TEST

int
main(void)
{
	kit_suite("linux_filter");
	kit_case("frames", KIT_NEEDS_TUN);
	kit_loop(test_some, 0, N_OPTIONS);
	kit_loop(test_replaced, 0, N_OPTIONS);
	kit_test(test_longest);
	kit_case("refused", KIT_NEEDS_TUN);
	kit_loop(test_refused, 0, N_OPTIONS);
	kit_test(test_too_long);
	kit_test(test_tun);
	kit_case("queues", KIT_NEEDS_TUN);
	kit_loop(test_queues, 0, 4);
	kit_test(test_reopened);
	return kit_run();
}
