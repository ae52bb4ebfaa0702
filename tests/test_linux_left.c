/*
 * What the last user of a persistent interface has left, filters and choices
 * of queues, is not for the next: but for one who takes over a descriptor, or
 * comes to others.
 */
#include "config.h"

#include <linux/filter.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "kit.h"
#include "programs.h"
#include "tun_look.h"

static struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };

static void
leave_addresses(struct evtun *tun)
{
	static const ev_uint8_t addr[1][6] = {{ 2, 0, 0, 0, 0, 9 }};

	kit_ok(evtun_linux_set_rx_addresses(tun, addr, 1, 0));
}

static void
leave_program(struct evtun *tun)
{
	int prog = program_return(0);

	kit_ok(evtun_linux_set_filter_ebpf(tun, prog));
	close(prog);
}

static void
leave_filter(struct evtun *tun)
{
	kit_ok(evtun_linux_set_filter(tun, nothing, 1));
}

typedef void leave_fn(struct evtun *tun);
static leave_fn *const leave[] = { leave_addresses, leave_program,
    leave_filter };
#define N_LEAVE 3

/* The interface is up with its user, and a socket knows it. */
static void
reopen(struct arrivals *a, int options)
{
	close(a->sock);
	kit_link_up(a->name, 0);
	a->tun = look_new(a->name, EVTUN_OPT_TAP | options);
	kit_link_up(a->name, 1);
	a->sock = kit_packet_socket(a->name);
}

START_TEST(test_left)
{
	int options = _i < N_LEAVE ? 0 : EVTUN_OPT_MULTIQUEUE;
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, options | EVTUN_OPT_PERSIST);
	leave[_i % N_LEAVE](a.tun);
	arrivals_send(&a, 1);
	arrivals_check_none(a.tun);
	evtun_free(a.tun);
	reopen(&a, options);
	arrivals_send(&a, 2);
	arrivals_check(&a, a.tun, 2);
	kit_ok(evtun_set_persist(a.tun, 0));
	arrivals_end(&a);
}
END_TEST

/* One more queue changes nothing for those who have set it. */
START_TEST(test_shared)
{
	struct evtun *queue, *another;
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PERSIST);
	leave[_i](a.tun);
	queue = arrivals_queue(&a);
	another = look_new("vpn0", EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE);
	kit_ok(evtun_linux_set_attached(queue, 0));
	kit_ok(evtun_linux_set_attached(another, 0));
	arrivals_send(&a, 1);
	ck_assert_int_eq(arrivals_dropped(&a), 1);
	arrivals_check_none(a.tun);
	evtun_free(queue);
	evtun_free(another);
	kit_ok(evtun_set_persist(a.tun, 0));
	arrivals_end(&a);
}
END_TEST

/* Whoever takes over a descriptor takes it as it is. */
START_TEST(test_adopted)
{
	struct arrivals a;

	arrivals_begin(&a, KIT_TAP, EVTUN_OPT_PERSIST);
	leave[_i](a.tun);
	a.tun = evtun_new_fd(evtun_release(a.tun), EVTUN_OPT_TAP);
	ck_assert_msg(a.tun != NULL, "%s", evtun_get_error());
	arrivals_send(&a, 1);
	ck_assert_int_eq(arrivals_dropped(&a), 1);
	arrivals_check_none(a.tun);
	kit_ok(evtun_set_persist(a.tun, 0));
	arrivals_end(&a);
}
END_TEST

START_TEST(test_steering)
{
	struct evtun *queue;
	struct arrivals a;
	int i, n = 0, prog;
	unsigned char data[ARRIVALS_SIZE];

	arrivals_begin(&a, KIT_TUN, EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PERSIST);
	prog = program_return(1);
	kit_ok(evtun_linux_set_steering(a.tun, prog));
	close(prog);
	evtun_free(a.tun);
	close(a.sock);
	kit_link_up("vpn0", 0);
	a.tun = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	queue = arrivals_queue(&a);
	kit_link_up("vpn0", 1);
	a.sock = kit_packet_socket("vpn0");
	for (i = 0; i < 256; i++)
		arrivals_send(&a, (unsigned)i);
	while (evtun_read(a.tun, data, sizeof(data)) > 0)
		n++;
	/* The program would have chosen the other one for all. */
	ck_assert_int_gt(n, 0);
	evtun_free(queue);
	kit_ok(evtun_set_persist(a.tun, 0));
	arrivals_end(&a);
}
END_TEST

int
main(void)
{
	kit_suite("linux_left");
	kit_case("left", KIT_NEEDS_TUN);
	kit_loop(test_left, 0, 2 * N_LEAVE);
	kit_loop(test_shared, 0, N_LEAVE);
	kit_loop(test_adopted, 0, N_LEAVE);
	kit_test(test_steering);
	return kit_run();
}
