/*
 * Batches: as many packets as asked for, below 192 KiB, and then others have
 * their turn.
 */
#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "kit.h"

#define BATCH_BYTES (192 * 1024)

/* Have n packets wait for end 0, in its kernel or in the queue of end 1. */
static void
fill(struct kit_rig *rig, unsigned n, size_t size)
{
	unsigned i;

	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 1, i, size));
}

static void
read_all(struct kit_rig *rig, unsigned n, size_t size)
{
	unsigned i;

	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 0, n);
	for (i = 0; i < n; i++)
		kit_check_packet(rig, 0, i, i, size);
}

/* With packets waiting, the batches are as large as they may be: but of a
 * stream bufferevents read 4 KiB at a time, and AF_UNIX datagrams wait by
 * the ten. */
static void
check_batches(struct kit_rig *rig, int max)
{
	struct kit_log *log = &rig->log[0];

	ck_assert_int_le(log->max_batch, max);
	if (!(KIT_BIT(rig->kind) & (KIT_STREAMS | KIT_BIT(KIT_DGRAM))))
		ck_assert_int_eq(log->max_batch, max);
}

static void
run_batches(int setup, int asked, int max, unsigned n)
{
	struct kit_rig *rig = kit_rig_new(setup);

	kit_ok(packetevent_set_max_batch(rig->pev[0], asked));
	fill(rig, n, 50);
	read_all(rig, n, 50);
	check_batches(rig, max);
	kit_rig_free(rig);
}

START_TEST(test_one)
{
	run_batches(_i, 1, 1, 20);
}
END_TEST

START_TEST(test_three)
{
	run_batches(_i, 3, 3, 20);
}
END_TEST

START_TEST(test_zero_is_the_default)
{
	run_batches(_i, 0, 64, 200);
}
END_TEST

START_TEST(test_default)
{
	struct kit_rig *rig = kit_rig_new(_i);

	fill(rig, 200, 50);
	read_all(rig, 200, 50);
	check_batches(rig, 64);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_most)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_ok(packetevent_set_max_batch(rig->pev[0], 1024));
	/* Bounded by what waits in the kernel, on most kinds. */
	fill(rig, 200, 50);
	read_all(rig, 200, 50);
	ck_assert_int_le(rig->log[0].max_batch, 1024);
	if (rig->kind == KIT_PAIR || rig->kind == KIT_TUN)
		ck_assert_int_eq(rig->log[0].max_batch, 200);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_bounds)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_fails(packetevent_set_max_batch(rig->pev[1], -1), EINVAL);
	kit_fails(packetevent_set_max_batch(rig->pev[1], 1025), EINVAL);
	kit_ok(packetevent_set_max_batch(rig->pev[1], 0));
	kit_ok(packetevent_set_max_batch(rig->pev[1], 1));
	kit_ok(packetevent_set_max_batch(rig->pev[1], 1024));
	/* What was refused has changed nothing. */
	kit_ok(packetevent_set_max_batch(rig->pev[0], 3));
	kit_fails(packetevent_set_max_batch(rig->pev[0], 1025), EINVAL);
	fill(rig, 20, 50);
	read_all(rig, 20, 50);
	check_batches(rig, 3);
	kit_rig_free(rig);
}
END_TEST

/* "In a read callback it holds from the next batch." */
static void
shrink_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct kit_log *log = ctx;

	if (log->n_batches > 0)
		ck_assert_int_le(n, 3);
	kit_readcb(pev, pkts, n, log);
	kit_ok(packetevent_set_max_batch(pev, 3));
}

START_TEST(test_change_in_the_callback)
{
	struct kit_rig *rig = kit_rig_new(_i);

	packetevent_setcb(rig->pev[0], shrink_cb, NULL, NULL, &rig->log[0]);
	fill(rig, 30, 50);
	read_all(rig, 30, 50);
	kit_rig_free(rig);
}
END_TEST

/* Large packets, with room around them: fewer bytes than 192 KiB at once. */
static void
run_bytes(int setup, size_t room, size_t size, unsigned n)
{
	struct kit_rig *rig = kit_rig_new(setup);

	ck_assert_uint_le(size, kit_max_size(rig->kind));
	packetevent_setwatermark(rig->pev[1], 0, 8 * 1024 * 1024);
	kit_ok(packetevent_set_room(rig->pev[0], room, room));
	kit_ok(packetevent_set_max_batch(rig->pev[0], 1024));
	fill(rig, n, size);
	read_all(rig, n, size);
	ck_assert_uint_lt(rig->log[0].max_bytes, BATCH_BYTES);
	kit_rig_free(rig);
}

START_TEST(test_bytes)
{
	run_bytes(_i, 0, 65507, 12);
}
END_TEST

START_TEST(test_bytes_of_many)
{
	run_bytes(_i, 0, 1500, 300);
}
END_TEST

START_TEST(test_bytes_with_room)
{
	run_bytes(_i, 4096, 65507, 12);
}
END_TEST

START_TEST(test_bytes_of_many_with_room)
{
	run_bytes(_i, 4096, 100, 100);
}
END_TEST

/* Room counts, too: sizes that fill a batch to the brim, so that the last
 * packet or its room would just not fit. */
#define ROOM 4096

static void
check_brim_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	size_t bytes = 0;
	int i;

	for (i = 0; i < n; i++)
		bytes += pkts[i].iov_len + ROOM;
	kit_check(bytes < BATCH_BYTES, "%zu bytes in %d packets", bytes, n);
	kit_readcb(pev, pkts, n, ctx);
}

START_TEST(test_bytes_to_the_brim)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t size[3], less;
	unsigned i, n = 0;

	size[0] = 65000;
	size[2] = kit_max_size(rig->kind);
	packetevent_setwatermark(rig->pev[1], 0, 8 * 1024 * 1024);
	packetevent_setcb(rig->pev[0], check_brim_cb, NULL, NULL,
	    &rig->log[0]);
	kit_ok(packetevent_set_room(rig->pev[0], 0, ROOM));
	for (less = 0; less < 12000; less += 500) {
		size[1] = 64000 - less;
		kit_ok(packetevent_disable(rig->pev[0], EV_READ));
		for (i = 0; i < 3; i++)
			kit_ok(kit_write(rig, 1, n + i, size[i]));
		kit_enable(rig, 0, EV_READ);
		kit_until_packets(rig, 0, n + 3);
		for (i = 0; i < 3; i++, n++)
			kit_check_packet(rig, 0, n, n, size[i]);
	}
	kit_rig_free(rig);
}
END_TEST

/* Something else that is ready is served between two batches. */
struct other {
	struct kit_log *log;
	size_t packets_before;
	int served;
};

static void
other_cb(evutil_socket_t fd, short what, void *arg)
{
	struct other *other = arg;
	char c;

	(void)what;
	ck_assert_int_eq((int)read(fd, &c, 1), 1);
	other->packets_before = other->log->n_packets;
	other->served = 1;
}

static int
is_served(void *arg)
{
	return ((struct other *)arg)->served;
}

START_TEST(test_others_have_their_turn)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct other other = {&rig->log[0], 0, 0};
	struct event *ev;
	int fd[2];

	ck_assert_int_eq(pipe2(fd, O_NONBLOCK), 0);
	kit_ok(packetevent_set_max_batch(rig->pev[0], 2));
	fill(rig, 100, 50);
	kit_enable(rig, 0, EV_READ);
	ev = event_new(rig->base, fd[0], EV_READ, other_cb, &other);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	ck_assert_int_eq((int)write(fd[1], "x", 1), 1);
	kit_until(rig->base, is_served, &other, "the other event");
	/* A turn or two, of two packets each. */
	ck_assert_uint_le(other.packets_before, 8);
	kit_until_packets(rig, 0, 100);
	event_free(ev);
	close(fd[0]);
	close(fd[1]);
	kit_rig_free(rig);
}
END_TEST

/* Two ends that send everything back for ever do not stop the loop. */
#define ENOUGH_ECHOES 10000

static void
echo_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct kit_log *log = ctx;

	log->n_packets += (size_t)n;
	kit_check(log->n_packets < ENOUGH_ECHOES, "nobody else has a turn");
	packetevent_write_batch(pev, pkts, n);
}

START_TEST(test_echoes_leave_turns)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct other other = {&rig->log[0], 0, 0};
	struct event *ev;
	int end, fd[2];

	rig->log[0].forgetful = rig->log[1].forgetful = 1;
	ck_assert_int_eq(pipe2(fd, O_NONBLOCK), 0);
	ev = event_new(rig->base, fd[0], EV_READ, other_cb, &other);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	for (end = 0; end < 2; end++) {
		packetevent_setcb(rig->pev[end], echo_cb, NULL, NULL,
		    &rig->log[end]);
		kit_enable(rig, end, EV_READ);
		kit_ok(kit_write(rig, end, 0, 50));
	}
	ck_assert_int_eq((int)write(fd[1], "x", 1), 1);
	kit_until(rig->base, is_served, &other, "the other event");
	event_free(ev);
	close(fd[0]);
	close(fd[1]);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_batch");
	kit_case("packets", 0);
	kit_setups(test_one, KIT_ALL);
	kit_setups(test_three, KIT_ALL);
	kit_setups(test_zero_is_the_default, KIT_ALL);
	kit_setups(test_default, KIT_ALL);
	kit_setups(test_most, KIT_ALL);
	kit_setups(test_bounds, KIT_ALL);
	kit_setups(test_change_in_the_callback, KIT_ALL);
	kit_case("bytes", 0);
	kit_setups(test_bytes, KIT_ALL & ~KIT_BIT(KIT_UDP));
	kit_setups(test_bytes_of_many, KIT_ALL & ~KIT_BIT(KIT_UDP));
	kit_setups(test_bytes_with_room, KIT_ALL & ~KIT_BIT(KIT_UDP));
	kit_setups(test_bytes_of_many_with_room, KIT_ALL);
	kit_setups(test_bytes_to_the_brim, KIT_ALL & ~KIT_BIT(KIT_UDP));
	kit_case("turns", 0);
	kit_setups(test_others_have_their_turn, KIT_ALL);
	kit_setups(test_echoes_leave_turns, KIT_ALL);
	return kit_run();
}
