/*
 * eBPF programs that choose the queue of a packet, and that drop or cut it.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "arrivals.h"
#include "evtun/linux.h"
#include "ip_json.h"
#include "kit.h"
#include "programs.h"
#include "tun_look.h"

#define N_QUEUES 3

/* After the Ethernet header, a byte that is another for every index. */
#define BYTE 50

struct stage {
	struct arrivals a;
	struct evtun *queue[N_QUEUES];
};

/* Kinds of devices, with offload and without. */
#define N_SORTS 4

static void
begin(struct stage *s, int sort)
{
	int i;

	arrivals_begin(&s->a, sort & 1 ? KIT_TAP : KIT_TUN,
	    EVTUN_OPT_MULTIQUEUE | (sort & 2 ? EVTUN_OPT_OFFLOAD : 0));
	s->queue[0] = s->a.tun;
	for (i = 1; i < N_QUEUES; i++)
		s->queue[i] = arrivals_queue(&s->a);
}

static void
end(struct stage *s)
{
	int i;

	for (i = 1; i < N_QUEUES; i++)
		evtun_free(s->queue[i]);
	arrivals_end(&s->a);
}

/* Set by any queue, a program needs no descriptor afterwards. */
static void
steer(struct stage *s, int by, int prog)
{
	kit_ok(evtun_linux_set_steering(s->queue[by], prog));
	close(prog);
}

static void
filter(struct stage *s, int by, int prog)
{
	kit_ok(evtun_linux_set_filter_ebpf(s->queue[by], prog));
	close(prog);
}

static void
check_goes_to(struct stage *s, unsigned index, unsigned queue)
{
	unsigned i;

	arrivals_send(&s->a, index);
	arrivals_check(&s->a, s->queue[queue], index);
	for (i = 0; i < N_QUEUES; i++)
		arrivals_check_none(s->queue[i]);
}

/* ---- steering ---- */

START_TEST(test_constant)
{
	struct stage s;
	int i;

	begin(&s, _i);
	/* Modulo the number of queues. */
	for (i = 0; i < 3 * N_QUEUES; i++) {
		steer(&s, i % 2, program_return(i));
		check_goes_to(&s, (unsigned)i, (unsigned)i % N_QUEUES);
		check_goes_to(&s, (unsigned)i + 1, (unsigned)i % N_QUEUES);
	}
	/* Of those that are in use. */
	steer(&s, 0, program_return(2));
	kit_ok(evtun_linux_set_attached(s.queue[2], 0));
	check_goes_to(&s, 1, 0);
	end(&s);
}
END_TEST

START_TEST(test_by_content)
{
	unsigned char data[ARRIVALS_SIZE];
	unsigned i, seen = 0;
	struct stage s;

	begin(&s, _i);
	steer(&s, 0, program_byte(BYTE));
	for (i = 0; i < 32; i++) {
		kit_fill(s.a.kind, data, i, sizeof(data));
		check_goes_to(&s, i, data[BYTE] % N_QUEUES);
		seen |= 1u << data[BYTE] % N_QUEUES;
	}
	ck_assert_uint_eq(seen, (1u << N_QUEUES) - 1);
	end(&s);
}
END_TEST

/* The last one takes the number of one that leaves. */
START_TEST(test_numbers)
{
	struct stage s;

	begin(&s, _i);
	kit_ok(evtun_linux_set_attached(s.queue[0], 0));
	steer(&s, 1, program_return(0));
	check_goes_to(&s, 1, 2);
	steer(&s, 1, program_return(1));
	check_goes_to(&s, 2, 1);
	kit_ok(evtun_linux_set_attached(s.queue[0], 1));
	steer(&s, 1, program_return(2));
	check_goes_to(&s, 3, 0);
	evtun_free(s.queue[2]);
	s.queue[2] = s.queue[1];
	steer(&s, 1, program_return(0));
	check_goes_to(&s, 4, 0);
	steer(&s, 1, program_return(1));
	check_goes_to(&s, 5, 1);
	s.queue[2] = NULL;
	end(&s);
}
END_TEST

/* Read everything that is there, and return how many that were. */
static int
drain(struct evtun *tun)
{
	unsigned char data[2 * ARRIVALS_SIZE];
	int n, count = 0;

	while ((n = evtun_read(tun, data, sizeof(data))) > 0)
		count++;
	ck_assert_int_eq(n, 0);
	return count;
}

/* Go back to the kernel's choice, by flows: other addresses are others. */
START_TEST(test_steering_off)
{
	int i, n, used = 0, total = 0;
	struct stage s;

	begin(&s, 0);
	steer(&s, 0, program_return(1));
	kit_ok(evtun_linux_set_steering(s.queue[2], -1));
	/* Without one it is a success as well. */
	kit_ok(evtun_linux_set_steering(s.queue[0], -1));
	for (i = 0; i < 256; i++)
		arrivals_send(&s.a, (unsigned)i);
	for (i = 0; i < N_QUEUES; i++) {
		n = drain(s.queue[i]);
		used += n > 0;
		total += n;
	}
	ck_assert_int_eq(total, 256);
	ck_assert_int_gt(used, 1);
	end(&s);
}
END_TEST

/* ---- a filter ---- */

START_TEST(test_filter)
{
	struct stage s;

	begin(&s, _i);
	steer(&s, 0, program_return(1));
	filter(&s, 0, program_return(0));
	arrivals_send(&s.a, 1);
	arrivals_send(&s.a, 2);
	ck_assert_int_eq(arrivals_dropped(&s.a), 2);
	filter(&s, 1, program_return(40));
	arrivals_send(&s.a, 3);
	arrivals_check_cut(&s.a, s.queue[1], 3, 40);
	/* All of it, or more. */
	filter(&s, 0, program_return(ARRIVALS_SIZE));
	check_goes_to(&s, 4, 1);
	filter(&s, 0, program_return(-1));
	check_goes_to(&s, 5, 1);
	filter(&s, 0, program_return(0));
	kit_ok(evtun_linux_set_filter_ebpf(s.queue[2], -1));
	kit_ok(evtun_linux_set_filter_ebpf(s.queue[0], -1));
	check_goes_to(&s, 6, 1);
	ck_assert_int_eq(arrivals_dropped(&s.a), 2);
	end(&s);
}
END_TEST

START_TEST(test_filter_by_content)
{
	unsigned char data[ARRIVALS_SIZE];
	struct arrivals a;
	long dropped = 0;
	unsigned i;
	int prog;

	arrivals_begin(&a, _i & 1 ? KIT_TAP : KIT_TUN,
	    _i & 2 ? EVTUN_OPT_OFFLOAD : 0);
	prog = program_byte(BYTE);
	kit_ok(evtun_linux_set_filter_ebpf(a.tun, prog));
	close(prog);
	for (i = 0; i < 256; i++) {
		kit_fill(a.kind, data, i, sizeof(data));
		arrivals_send(&a, i);
		if (data[BYTE] == 0)
			dropped++;
		/* With less, a frame has no header. */
		else if (data[BYTE] >= 14)
			arrivals_check_cut(&a, a.tun, i,
			    data[BYTE] < ARRIVALS_SIZE ? data[BYTE] :
			    ARRIVALS_SIZE);
		else
			drain(a.tun);
	}
	ck_assert_int_gt(dropped, 0);
	ck_assert_int_eq(arrivals_dropped(&a), dropped);
	arrivals_check_none(a.tun);
	arrivals_end(&a);
}
END_TEST

/* ---- refused ---- */

typedef int set_fn(struct evtun *tun, int prog);
static set_fn *const sets[] = { evtun_linux_set_steering,
    evtun_linux_set_filter_ebpf };

static void
check_refused(struct evtun *tun, set_fn *set, int fd)
{
	kit_fails(set(tun, fd), EINVAL);
	look_text("BPF_PROG_TYPE_SOCKET_FILTER");
}

static void
check_no_programs(struct evtun *tun, set_fn *set)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	check_refused(tun, set, fd);
	close(fd);
	check_refused(tun, set, fd);
	check_refused(tun, set, -2);
	check_refused(tun, set, evtun_get_fd(tun));
}

START_TEST(test_no_program)
{
	struct arrivals a;

	arrivals_begin(&a, KIT_TUN, 0);
	check_no_programs(a.tun, sets[_i]);
	arrivals_send(&a, 1);
	arrivals_check(&a, a.tun, 1);
	kit_link_delete("vpn0");
	/* Before the kernel is asked. */
	check_refused(a.tun, sets[_i], -2);
	kit_fails(sets[_i](a.tun, -1), ENXIO);
	look_text("gone");
	arrivals_end(&a);
}
END_TEST

/* What is in force stays so. */
START_TEST(test_refused)
{
	struct stage s;
	int xdp;

	begin(&s, 0);
	steer(&s, 0, program_return(1));
	filter(&s, 0, program_return(40));
	xdp = program_xdp();
	check_refused(s.a.tun, sets[_i], xdp);
	close(xdp);
	check_no_programs(s.a.tun, sets[_i]);
	arrivals_send(&s.a, 3);
	arrivals_check_cut(&s.a, s.queue[1], 3, 40);
	end(&s);
}
END_TEST

START_TEST(test_gone)
{
	struct arrivals a;
	int prog;

	arrivals_begin(&a, KIT_TUN, 0);
	prog = program_return(1);
	kit_link_delete("vpn0");
	kit_fails(sets[_i](a.tun, prog), ENXIO);
	look_text("gone");
	close(prog);
	arrivals_end(&a);
}
END_TEST

int
main(void)
{
	kit_suite("linux_program");
	kit_case("steering", KIT_NEEDS_TUN);
	kit_loop(test_constant, 0, N_SORTS);
	kit_loop(test_by_content, 0, N_SORTS);
	kit_loop(test_numbers, 0, N_SORTS);
	kit_test(test_steering_off);
	kit_case("filter", KIT_NEEDS_TUN);
	kit_loop(test_filter, 0, N_SORTS);
	kit_loop(test_filter_by_content, 0, N_SORTS);
	kit_case("refused", KIT_NEEDS_TUN);
	kit_loop(test_no_program, 0, 2);
	kit_loop(test_refused, 0, 2);
	kit_loop(test_gone, 0, 2);
	return kit_run();
}
