/*
 * Devices without offload: runs of packets are read ahead, and whatever is
 * done then, each of them comes once, and in order.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "device_rig.h"
#include "kit.h"
#include "rings.h"
#include "tun/tun-internal.h"
#include "tun_look.h"

/* Full batches, fewer than the queue of a device holds. */
#define RUN (6 * 64)
/* So many that all that a batch leaves behind has been read ahead. */
#define FEW 24

/* ---- packets ---- */

/* Mostly small ones; some as large as they come. */
static size_t
size_of(unsigned index)
{
	if (index % 50 == 49)
		return EVTUN_MAX_PACKET - index / 50 % 3;
	return 20 + index * 7919u % (index % 5 == 0 ? 1500 : 200);
}

/* Runs of twelve, in turn small and as large as they come, which are more than
 * a batch holds. */
static size_t
size_in_turn(unsigned index)
{
	return index / 12 % 2 ? EVTUN_MAX_PACKET : 100 + index % 7;
}

static void
flood(struct kit_rig *rig, unsigned from, unsigned n,
    size_t (*size)(unsigned))
{
	unsigned i;

	for (i = from; i < from + n; i++)
		kit_ok(kit_write(rig, 1, i, size(i)));
}

/* Packets from..from+n-1, and no others, are in the log of an end. */
static void
check_log(struct kit_rig *rig, int end, unsigned from, unsigned n,
    size_t (*size)(unsigned))
{
	unsigned i;

	for (i = 0; i < n; i++)
		kit_check_packet(rig, end, i, from + i, size(from + i));
	ck_assert_uint_eq(rig->log[end].n_packets, n);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_DROPPED), 0);
}

static size_t
size_small(unsigned index)
{
	return 60 + index % 40;
}

/* Long runs of small packets, of which most are read ahead. */
static void
read_runs(struct kit_rig *rig)
{
	int i;

	packetevent_setcb(rig->pev[0], kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	for (i = 0; i < 2; i++) {
		kit_log_clear(&rig->log[0]);
		flood(rig, 0, RUN, size_small);
		kit_until_packets(rig, 0, RUN);
		check_log(rig, 0, 0, RUN, size_small);
	}
	kit_log_clear(&rig->log[0]);
}

/* So that the next ones will be as well. */
static void
warm_up(struct kit_rig *rig)
{
	read_runs(rig);
	ck_assert_int_eq(rings_count(), rings_exist(rig));
}

/* A rig whose device is not freed with its packetevent. */
static struct kit_rig *
separate_rig(int setup)
{
	struct kit_rig *rig = device_rig_begin(setup);
	int i, options = kit_options(setup) & ~PEV_OPT_CLOSE_ON_FREE;

	rig->base = kit_base_new(setup);
	rig->tun = kit_tun_new(rig->kind, "ahead0", kit_tun_options(setup));
	snprintf(rig->name, sizeof(rig->name), "ahead0");
	rig->pev[0] = packetevent_tun_new(rig->base, rig->tun, options);
	rig->pev[1] = packetevent_fd_new(rig->base,
	    kit_packet_socket("ahead0"), kit_options(setup));
	for (i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(rig->pev[i]);
		packetevent_setcb(rig->pev[i], kit_readcb, kit_writecb,
		    kit_eventcb, &rig->log[i]);
	}
	return rig;
}

static void
separate_free(struct kit_rig *rig)
{
	if (rig->pev[0] != NULL)
		packetevent_free(rig->pev[0]);
	rig->pev[0] = NULL;
	evtun_free(rig->tun);
	ck_assert_uint_eq(look_index("ahead0"), 0);
	kit_rig_free(rig);
}

/* ---- reading ---- */

START_TEST(test_batches)
{
	static const int max[] = { 64, 3, 1, 1024, 8, 9 };
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i, from = 0;

	warm_up(rig);
	for (i = 0; i < 2 * sizeof(max) / sizeof(max[0]); i++, from += RUN) {
		kit_ok(packetevent_set_max_batch(rig->pev[0], max[i % 6]));
		flood(rig, from, RUN, size_of);
		kit_until_packets(rig, 0, RUN);
		check_log(rig, 0, from, RUN, size_of);
		ck_assert_int_le(rig->log[0].max_batch, max[i % 6]);
		ck_assert_uint_lt(rig->log[0].max_bytes, 192 * 1024);
		kit_log_clear(&rig->log[0]);
	}
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_PACKETS),
	    from + 2 * RUN);
	kit_rig_free(rig);
}
END_TEST

/* What was left of a run that was read ahead, at most. */
static int most_waiting;

static void
pausing_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	struct kit_rig *rig = ctx;
	int waiting = evtun_get_waiting_(rig->tun);

	if (waiting > most_waiting)
		most_waiting = waiting;
	kit_readcb(pev, pkts, n_pkts, &rig->log[0]);
	kit_ok(packetevent_disable(pev, EV_READ));
}

/* Read one batch of those in turn. */
static void
read_batch(struct kit_rig *rig)
{
	size_t before = rig->log[0].n_packets;

	packetevent_setcb(rig->pev[0], pausing_readcb, NULL, NULL, rig);
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, before + 1);
	kit_settle(rig->base);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), EV_WRITE);
}

/* The same, of small and large ones in turn, so that some are left. */
static void
leave_some(struct kit_rig *rig, unsigned n)
{
	most_waiting = 0;
	warm_up(rig);
	kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	flood(rig, 0, n, size_in_turn);
	while (most_waiting == 0 && rig->log[0].n_packets < n / 2)
		read_batch(rig);
	ck_assert_msg(!rings_exist(rig) == !most_waiting,
	    "%d packets were read ahead", most_waiting);
}

START_TEST(test_paused_in_callback)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t before;
	int batches = 0;

	leave_some(rig, 120);
	while (rig->log[0].n_packets < 120) {
		before = rig->log[0].n_packets;
		kit_settle(rig->base);
		ck_assert_uint_eq(rig->log[0].n_packets, before);
		read_batch(rig);
		batches++;
	}
	ck_assert_int_gt(batches, 10);
	check_log(rig, 0, 0, 120, size_in_turn);
	kit_rig_free(rig);
}
END_TEST

static void
freeing_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	struct kit_rig *rig = ctx;
	int i;

	packetevent_free(pev);
	rig->pev[0] = NULL;
	for (i = 0; i < n_pkts; i++)
		kit_check(kit_matches(rig->kind, pkts[i].iov_base,
		    (unsigned)rig->log[0].n_packets + (unsigned)i,
		    pkts[i].iov_len), "packet %d has other bytes", i);
	event_base_loopbreak(rig->base);
}

/* In the callback: the interface is gone, and every descriptor. */
START_TEST(test_freed)
{
	struct kit_rig *rig = kit_rig_new(_i);

	leave_some(rig, 120);
	packetevent_setcb(rig->pev[0], freeing_readcb, NULL, NULL, rig);
	kit_enable(rig, 0, EV_READ);
	event_base_dispatch(rig->base);
	ck_assert_ptr_null(rig->pev[0]);
	/* With threads, in the next turn. */
	if (rig->threadsafe)
		kit_settle(rig->base);
	ck_assert_uint_eq(look_index(rig->name), 0);
	ck_assert_int_eq(rings_count(), 0);
	kit_rig_free(rig);
}
END_TEST

/* Nothing of them is left in the kernel, if they are read ahead at all. */
static void
leave_few(struct kit_rig *rig)
{
	struct pollfd pfd = { evtun_get_fd(rig->tun), POLLIN, 0 };

	leave_some(rig, FEW);
	ck_assert_uint_lt(rig->log[0].n_packets, FEW);
	ck_assert_int_eq(poll(&pfd, 1, 0), !rings_exist(rig));
}

/* What was read ahead comes when reading is enabled, ... */
START_TEST(test_enabled)
{
	struct kit_rig *rig = kit_rig_new(_i);

	leave_few(rig);
	packetevent_setcb(rig->pev[0], kit_readcb, NULL, kit_eventcb,
	    &rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, FEW);
	check_log(rig, 0, 0, FEW, size_in_turn);
	kit_rig_free(rig);
}
END_TEST

/* ... is there for the next packetevent, ... */
START_TEST(test_another_packetevent)
{
	struct kit_rig *rig = separate_rig(_i);

	leave_few(rig);
	packetevent_free(rig->pev[0]);
	kit_settle(rig->base);
	rig->pev[0] = packetevent_tun_new(rig->base, rig->tun,
	    kit_options(_i) & ~PEV_OPT_CLOSE_ON_FREE);
	ck_assert_ptr_nonnull(rig->pev[0]);
	packetevent_setcb(rig->pev[0], kit_readcb, NULL, kit_eventcb,
	    &rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, FEW);
	check_log(rig, 0, 0, FEW, size_in_turn);
	separate_free(rig);
}
END_TEST

/* ... and for evtun_read(). */
START_TEST(test_no_packetevent)
{
	static unsigned char data[KIT_TOO_LARGE];
	struct kit_rig *rig = separate_rig(_i);
	unsigned i;
	int n;

	leave_some(rig, 120);
	packetevent_free(rig->pev[0]);
	rig->pev[0] = NULL;
	for (i = (unsigned)rig->log[0].n_packets; i < 120; i++) {
		n = evtun_read(rig->tun, data, sizeof(data));
		ck_assert_msg(n == (int)size_in_turn(i), "packet %u: %d", i,
		    n);
		kit_check(kit_matches(rig->kind, data, i, (size_t)n),
		    "packet %u has other bytes", i);
	}
	ck_assert_int_eq(evtun_read(rig->tun, data, sizeof(data)), 0);
	separate_free(rig);
}
END_TEST

/* From now on io_uring is the end of this process. */
static void
forbid_rings(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_enter, 0,
		    1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
		sizeof(filter) / sizeof(filter[0]), filter
	};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		kit_skip("no seccomp filters: %s", strerror(errno));
}

/* Write a run that is long enough for a ring. */
static void
write_run(struct kit_rig *rig)
{
	static unsigned char data[64][100];
	struct evbuffer_iovec vec[64];
	unsigned i;

	kit_log_clear(&rig->log[1]);
	kit_enable(rig, 1, EV_READ);
	for (i = 0; i < 64; i++) {
		kit_fill(rig->kind, data[i], i, sizeof(data[i]));
		vec[i].iov_base = data[i];
		vec[i].iov_len = sizeof(data[i]);
	}
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], vec, 64), 64);
	kit_until_packets(rig, 1, 64);
	for (i = 0; i < 64; i++)
		kit_check_packet(rig, 1, i, i, sizeof(data[i]));
}

/* A packetevent that is to have no ring does not use those of the one before;
 * what that has read ahead comes all the same. */
START_TEST(test_no_ring_after_one)
{
	struct kit_rig *rig = separate_rig(_i);

	leave_few(rig);
	write_run(rig);
	ck_assert_int_eq(rings_count(), 2 * rings_exist(rig));
	packetevent_free(rig->pev[0]);
	kit_settle(rig->base);
	forbid_rings();
	rig->pev[0] = packetevent_tun_new(rig->base, rig->tun,
	    (kit_options(_i) & ~PEV_OPT_CLOSE_ON_FREE) |
	    PEV_OPT_NO_IO_URING);
	ck_assert_ptr_nonnull(rig->pev[0]);
	packetevent_setcb(rig->pev[0], kit_readcb, NULL, kit_eventcb,
	    &rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, FEW);
	check_log(rig, 0, 0, FEW, size_in_turn);
	read_runs(rig);
	write_run(rig);
	separate_free(rig);
}
END_TEST

/* Deleted, while some are left: there is one event, and nothing comes twice or
 * out of order. */
START_TEST(test_deleted)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned n;

	leave_some(rig, 120);
	n = (unsigned)rig->log[0].n_packets;
	kit_link_delete(rig->name);
	packetevent_setcb(rig->pev[0], kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[0]);
	packetevent_enable(rig->pev[0], EV_READ);
	kit_until_events(rig, 0, 1);
	kit_settle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 1);
	ck_assert_int_eq(rig->log[0].events[0].err, ENXIO);
	ck_assert_uint_ge(rig->log[0].n_packets, n);
	ck_assert_uint_le(rig->log[0].n_packets, n + (unsigned)most_waiting);
	check_log(rig, 0, 0, (unsigned)rig->log[0].n_packets, size_in_turn);
	kit_rig_free(rig);
}
END_TEST

/* In the child: it goes on without a ring, and what was read ahead is the
 * parent's. */
static void
run_child(struct kit_rig *rig)
{
	size_t before = rig->log[0].n_packets;

	if (event_reinit(rig->base) != 0)
		_exit(3);
	packetevent_setcb(rig->pev[0], kit_readcb, NULL, kit_eventcb,
	    &rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	kit_settle(rig->base);
	ck_assert_uint_eq(rig->log[0].n_packets, before);
	read_runs(rig);
	_exit(0);
}

START_TEST(test_fork)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int status;
	pid_t pid;

	leave_few(rig);
	/* In the kernel they would be the child's as well. */
	while (!rings_exist(rig) && rig->log[0].n_packets < FEW)
		read_batch(rig);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run_child(rig);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the child ended with status 0x%x", status);
	while (rig->log[0].n_packets < FEW)
		read_batch(rig);
	check_log(rig, 0, 0, FEW, size_in_turn);
	read_runs(rig);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_ahead");
	kit_ways = 1u << KIT_PLAIN | 1u << KIT_NO_RING;
	kit_case("ahead", 0);
	kit_kinds(test_batches, KIT_DEVICES);
	kit_setups(test_paused_in_callback, KIT_DEVICES);
	kit_setups(test_freed, KIT_DEVICES);
	kit_setups(test_enabled, KIT_DEVICES);
	kit_setups(test_another_packetevent, KIT_DEVICES);
	kit_kinds(test_no_packetevent, KIT_DEVICES);
	kit_kinds(test_no_ring_after_one, KIT_DEVICES);
	kit_setups(test_deleted, KIT_DEVICES);
	kit_kinds(test_fork, KIT_DEVICES);
	return kit_run();
}
