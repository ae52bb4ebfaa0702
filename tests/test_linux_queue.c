/*
 * Queues that are taken out of use and back in: who gets the packets, and what
 * a device does meanwhile.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/filter.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

/* Kinds of devices, with offload and without. */
#define N_SORTS 4

static void
begin(struct arrivals *a, int sort)
{
	arrivals_begin(a, sort & 1 ? KIT_TAP : KIT_TUN, EVTUN_OPT_MULTIQUEUE |
	    (sort & 2 ? EVTUN_OPT_OFFLOAD : 0));
}

/* As ip says it. */
static void
check_queues(int in_use, int out_of_use)
{
	char words[64];

	snprintf(words, sizeof(words), "\"numqueues\":%d,\"numdisabled\":%d,",
	    in_use, out_of_use);
	ip_must_say(words, "link show dev vpn0");
}

START_TEST(test_in_turn)
{
	struct evtun *queue[2];
	struct arrivals a;
	unsigned i;

	begin(&a, _i);
	queue[0] = a.tun;
	queue[1] = arrivals_queue(&a);
	check_queues(2, 0);
	for (i = 0; i < 6; i++) {
		kit_ok(evtun_linux_set_attached(queue[i % 2], 0));
		if (i == 0)
			check_queues(1, 1);
		ck_assert_int_eq(evtun_linux_get_attached(queue[i % 2]), 0);
		ck_assert_int_eq(evtun_linux_get_attached(queue[1 - i % 2]),
		    1);
		arrivals_send(&a, i);
		arrivals_check(&a, queue[1 - i % 2], i);
		arrivals_check_none(queue[i % 2]);
		kit_ok(evtun_linux_set_attached(queue[i % 2], 1));
		ck_assert_int_eq(evtun_linux_get_attached(queue[i % 2]), 1);
	}
	check_queues(2, 0);
	ck_assert_int_eq(arrivals_dropped(&a), 0);
	evtun_free(queue[1]);
	arrivals_end(&a);
}
END_TEST

/* What holds already is a success. */
START_TEST(test_twice)
{
	struct arrivals a;

	begin(&a, _i);
	kit_ok(evtun_linux_set_attached(a.tun, 1));
	check_queues(1, 0);
	kit_ok(evtun_linux_set_attached(a.tun, 0));
	kit_ok(evtun_linux_set_attached(a.tun, 0));
	check_queues(0, 1);
	kit_ok(evtun_linux_set_attached(a.tun, 7));
	kit_ok(evtun_linux_set_attached(a.tun, 1));
	check_queues(1, 0);
	arrivals_send(&a, 3);
	arrivals_check(&a, a.tun, 3);
	arrivals_end(&a);
}
END_TEST

/* Those that come are dropped and counted; it can be freed like that. */
START_TEST(test_last)
{
	struct arrivals a;
	unsigned i;

	begin(&a, _i);
	kit_ok(evtun_linux_set_attached(a.tun, 0));
	for (i = 0; i < 5; i++)
		arrivals_send(&a, i);
	ck_assert_int_eq(arrivals_dropped(&a), 5);
	kit_ok(evtun_linux_set_attached(a.tun, 1));
	arrivals_send(&a, 5);
	arrivals_check(&a, a.tun, 5);
	kit_ok(evtun_linux_set_attached(a.tun, 0));
	arrivals_end(&a);
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

/* The header says so: they are lost, and counted nowhere. */
START_TEST(test_waiting_are_lost)
{
	struct arrivals a;
	unsigned i;

	begin(&a, _i);
	for (i = 0; i < 5; i++)
		arrivals_send(&a, i);
	arrivals_check(&a, a.tun, 0);
	kit_ok(evtun_linux_set_attached(a.tun, 0));
	arrivals_check_none(a.tun);
	kit_ok(evtun_linux_set_attached(a.tun, 1));
	arrivals_check_none(a.tun);
	ck_assert_int_eq(arrivals_dropped(&a), 0);
	arrivals_send(&a, 5);
	arrivals_check(&a, a.tun, 5);
	arrivals_end(&a);
}
END_TEST

START_TEST(test_writes)
{
	struct arrivals a;
	struct pollfd pfd = { -1, POLLIN | POLLOUT, 0 };
	unsigned char data[100], got[200];

	begin(&a, _i);
	kit_ok(evtun_linux_set_attached(a.tun, 0));
	pfd.fd = evtun_get_fd(a.tun);
	ck_assert_int_eq(poll(&pfd, 1, 0), 1);
	ck_assert_int_eq(pfd.revents, POLLOUT);
	arrivals_check_none(a.tun);
	kit_fill(a.kind, data, 9, sizeof(data));
	kit_ok(evtun_write(a.tun, data, sizeof(data)));
	pfd.fd = a.sock;
	pfd.events = POLLIN;
	ck_assert_int_eq(poll(&pfd, 1, (int)(30000 * kit_patience())), 1);
	ck_assert_int_eq(recv(a.sock, got, sizeof(got), 0), sizeof(data));
	ck_assert_mem_eq(got, data, sizeof(data));
	arrivals_end(&a);
}
END_TEST

/* ---- refused ---- */

START_TEST(test_one_queue)
{
	struct evtun *tun;

	kit_netns();
	tun = kit_tun_new(KIT_TUN, "vpn0", 0);
	ck_assert_int_eq(evtun_linux_get_attached(tun), 1);
	kit_fails(evtun_linux_set_attached(tun, 0), EINVAL);
	look_text("EVTUN_OPT_MULTIQUEUE");
	kit_fails(evtun_linux_set_attached(tun, 1), EINVAL);
	ck_assert_int_eq(evtun_linux_get_attached(tun), 1);
	/* Before the kernel is asked. */
	kit_link_delete("vpn0");
	kit_fails(evtun_linux_set_attached(tun, 0), EINVAL);
	kit_fails(evtun_linux_get_attached(tun), ENXIO);
	evtun_free(tun);
}
END_TEST

/* In use, or out of use: to either. */
START_TEST(test_gone)
{
	struct arrivals a;

	begin(&a, _i);
	kit_ok(evtun_linux_set_attached(a.tun, _i & 1));
	kit_link_delete("vpn0");
	kit_fails(evtun_linux_set_attached(a.tun, 0), ENXIO);
	look_text("gone");
	kit_fails(evtun_linux_set_attached(a.tun, 1), ENXIO);
	kit_fails(evtun_linux_get_attached(a.tun), ENXIO);
	arrivals_end(&a);
}
END_TEST

/* A program of somebody else's, whose address the kernel has kept: a valid
 * one there, or nothing. */
static void
filter_by_hand(struct evtun *tun, struct sock_filter *insn)
{
	struct sock_fprog prog = { 1, insn };

	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNATTACHFILTER, &prog), 0);
}

START_TEST(test_foreign_filter)
{
	struct sock_filter half = BPF_STMT(BPF_RET | BPF_K, 50);
	struct evtun *other;
	struct arrivals a;
	int round;

	begin(&a, 1 + (_i & 2));
	other = arrivals_queue(&a);
	for (round = 0; round < 2; round++) {
		filter_by_hand(a.tun, &half);
		kit_ok(evtun_linux_set_attached(a.tun, 0));
		/* The kernel's own is refused, and remembered. */
		if (_i & 1)
			half.code = 0xffff;
		kit_ok(evtun_linux_set_attached(a.tun, 1));
		check_queues(2, 0);
		half.code = BPF_RET | BPF_K;
		kit_ok(evtun_linux_set_attached(other, 0));
		arrivals_send(&a, 1);
		arrivals_check_cut(&a, a.tun, 1, 50);
		kit_ok(evtun_linux_set_attached(other, 1));
	}
	evtun_free(other);
	arrivals_end(&a);
}
END_TEST

int
main(void)
{
	kit_suite("linux_queue");
	kit_case("use", KIT_NEEDS_TUN);
	kit_loop(test_in_turn, 0, N_SORTS);
	kit_loop(test_twice, 0, N_SORTS);
	kit_loop(test_last, 0, N_SORTS);
	kit_loop(test_waiting_are_lost, 0, N_SORTS);
	kit_loop(test_writes, 0, N_SORTS);
	kit_loop(test_foreign_filter, 0, N_SORTS);
	kit_case("refused", KIT_NEEDS_TUN);
	kit_test(test_one_queue);
	kit_loop(test_gone, 0, N_SORTS);
	return kit_run();
}
