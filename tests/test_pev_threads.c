/*
 * Threads: writers beside the loop, loops beside one another, and a
 * packetevent that is freed while others use it.
 */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/thread.h>

#include "kit.h"

#define N_PACKETS 2000
/* On their way at once: what every kind holds without losing it. */
#define WINDOW 30

/* Let the others go on. */
static void
pause_a_little(void)
{
	static const struct timespec ts = {0, 50000};

	nanosleep(&ts, NULL);
}

static pthread_t
spawn(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

static size_t
get_size(unsigned i)
{
	return 20 + i * 37 % 1400;
}

/* ---- writers in threads of their own ---- */

/* Packets from one end, written by a thread, to the other. */
struct lane {
	struct packetevent *from;
	enum kit_kind kind;
	atomic_uint got;
};

static void *
write_lane(void *arg)
{
	struct lane *lane = arg;
	unsigned char data[1500];
	unsigned i = 0;

	while (i < N_PACKETS) {
		if (i - atomic_load(&lane->got) < WINDOW) {
			kit_fill(lane->kind, data, i, get_size(i));
			if (packetevent_write(lane->from, data,
			    get_size(i)) == 0) {
				i++;
				continue;
			}
			kit_check(errno == ENOBUFS, "write: %s",
			    evtun_get_error());
		}
		pause_a_little();
	}
	return NULL;
}

static void
lane_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct lane *lane = ctx;
	unsigned index = atomic_load(&lane->got);
	int i;

	(void)pev;
	for (i = 0; i < n; i++, index++) {
		kit_check(pkts[i].iov_len == get_size(index),
		    "packet %u has %zu bytes", index, pkts[i].iov_len);
		kit_check(kit_matches(lane->kind, pkts[i].iov_base, index,
		    pkts[i].iov_len), "packet %u has other bytes", index);
	}
	atomic_store(&lane->got, index);
}

static int
lanes_done(void *arg)
{
	struct lane *lane = arg;

	return atomic_load(&lane[0].got) == N_PACKETS &&
	    atomic_load(&lane[1].got) == N_PACKETS;
}

static void
start_lane(struct lane *lane, struct packetevent *from,
    struct packetevent *to, enum kit_kind kind)
{
	lane->from = from;
	lane->kind = kind;
	atomic_init(&lane->got, 0);
	packetevent_setcb(to, lane_readcb, NULL, NULL, lane);
	kit_ok(packetevent_enable(to, EV_READ));
}

START_TEST(test_writers_both_ways)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct lane lane[2];
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		start_lane(&lane[i], rig->pev[i], rig->pev[!i], rig->kind);
	for (i = 0; i < 2; i++)
		thread[i] = spawn(write_lane, &lane[i]);
	kit_until(rig->base, lanes_done, lane, "all packets");
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	kit_rig_free(rig);
}
END_TEST

/* ---- two loops ---- */

struct loop {
	struct event_base *base;
	pthread_t thread;
};

static void *
run_loop(void *arg)
{
	struct loop *loop = arg;

	event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void
loop_start(struct loop *loop, int setup)
{
	loop->base = kit_base_new(setup);
	loop->thread = spawn(run_loop, loop);
}

static void
loop_stop(struct loop *loop)
{
	event_base_loopexit(loop->base, NULL);
	pthread_join(loop->thread, NULL);
}

static struct packetevent *
end_new(struct event_base *base, int setup, evutil_socket_t fd)
{
	enum kit_kind kind = KIT_KIND_OF(setup);
	struct bufferevent *bev;

	if (!(KIT_BIT(kind) & KIT_STREAMS))
		return packetevent_fd_new(base, fd, kit_options(setup));
	bev = bufferevent_socket_new(base, fd,
	    BEV_OPT_CLOSE_ON_FREE | BEV_OPT_THREADSAFE);
	ck_assert_ptr_nonnull(bev);
	return packetevent_stream_new(bev, kind == KIT_STREAM16 ?
	    PEV_FRAMING_LEN16 : PEV_FRAMING_LEN32, kit_options(setup));
}

static void
ends_new(struct packetevent *pev[2], struct event_base *a,
    struct event_base *b, int setup)
{
	enum kit_kind kind = KIT_KIND_OF(setup);
	evutil_socket_t fd[2];
	int i;

	if (KIT_BIT(kind) & KIT_STREAMS)
		ck_assert_int_eq(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0,
		    fd), 0);
	else
		kit_sockets(kind, fd);
	for (i = 0; i < 2; i++)
		evutil_make_socket_nonblocking(fd[i]);
	pev[0] = end_new(a, setup, fd[0]);
	pev[1] = end_new(b, setup, fd[1]);
	ck_assert_ptr_nonnull(pev[0]);
	ck_assert_ptr_nonnull(pev[1]);
}

/* Each end in a loop of its own, and a writer beside each. */
START_TEST(test_two_loops)
{
	struct loop loop[2];
	struct packetevent *pev[2];
	struct lane lane[2];
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		loop_start(&loop[i], _i);
	ends_new(pev, loop[0].base, loop[1].base, _i);
	for (i = 0; i < 2; i++)
		start_lane(&lane[i], pev[i], pev[!i], KIT_KIND_OF(_i));
	for (i = 0; i < 2; i++)
		thread[i] = spawn(write_lane, &lane[i]);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	while (!lanes_done(lane))
		pause_a_little();
	for (i = 0; i < 2; i++)
		packetevent_free(pev[i]);
	for (i = 0; i < 2; i++) {
		loop_stop(&loop[i]);
		event_base_free(loop[i].base);
	}
}
END_TEST

/* Two loops that forward to one another: A's thread writes to B while B's
 * writes to A.
 *
 *	outer[0] == inner[0] -> inner[1] == outer[1], and back
 */
START_TEST(test_loops_that_forward_to_one_another)
{
	struct loop loop[2];
	struct packetevent *left[2], *right[2];
	struct lane lane[2];
	pthread_t thread[2];
	int i;

	for (i = 0; i < 2; i++)
		loop_start(&loop[i], _i);
	ends_new(left, loop[1].base, loop[0].base, _i);
	ends_new(right, loop[1].base, loop[0].base, _i);
	/* left[1] is in loop 0, right[0] is in loop 1. */
	packetevent_setcb(left[1], packetevent_forward, NULL, NULL, right[0]);
	packetevent_setcb(right[0], packetevent_forward, NULL, NULL, left[1]);
	start_lane(&lane[0], left[0], right[1], KIT_KIND_OF(_i));
	start_lane(&lane[1], right[1], left[0], KIT_KIND_OF(_i));
	kit_ok(packetevent_enable(left[1], EV_READ));
	kit_ok(packetevent_enable(right[0], EV_READ));
	for (i = 0; i < 2; i++)
		thread[i] = spawn(write_lane, &lane[i]);
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	while (!lanes_done(lane))
		pause_a_little();
	for (i = 0; i < 2; i++)
		loop_stop(&loop[i]);
	for (i = 0; i < 2; i++) {
		packetevent_free(left[i]);
		packetevent_free(right[i]);
	}
	for (i = 0; i < 2; i++)
		event_base_free(loop[i].base);
}
END_TEST

/* ---- freed, or shaken, while packets pass ---- */

#define N_ROUNDS 25

struct shaken {
	struct kit_rig *rig;
	struct packetevent *victim;
	atomic_int done;
	atomic_uint n;		/* packets that have gone round */
};

/* Send every packet back. */
static void
return_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct shaken *shaken = ctx;

	atomic_fetch_add(&shaken->n, (unsigned)n);
	packetevent_write_batch(pev, pkts, n);
}

static void
ignore_writecb(struct packetevent *pev, void *ctx)
{
	(void)pev;
	(void)ctx;
}

static void
ignore_eventcb(struct packetevent *pev, short what, void *ctx)
{
	(void)pev;
	(void)what;
	(void)ctx;
}

static int
is_done(void *arg)
{
	return atomic_load(&((struct shaken *)arg)->done);
}

/* Wake the loop, so that it looks. */
static void
nothing_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void
finish(struct shaken *shaken)
{
	atomic_store(&shaken->done, 1);
	event_base_once(shaken->rig->base, -1, EV_TIMEOUT, nothing_cb, NULL,
	    NULL);
}

static void
start_round(struct shaken *shaken, int setup)
{
	struct kit_rig *rig = kit_rig_new(setup);
	unsigned i;
	int end;

	shaken->rig = rig;
	shaken->victim = rig->pev[1];
	atomic_init(&shaken->done, 0);
	atomic_init(&shaken->n, 0);
	for (end = 0; end < 2; end++) {
		packetevent_setcb(rig->pev[end], return_cb, ignore_writecb,
		    ignore_eventcb, shaken);
		kit_enable(rig, end, EV_READ);
		for (i = 0; i < 4; i++)
			kit_ok(kit_write(rig, end, i, 100));
	}
}

static void *
free_victim(void *arg)
{
	struct shaken *shaken = arg;

	while (atomic_load(&shaken->n) < 50)
		pause_a_little();
	packetevent_free(shaken->victim);
	finish(shaken);
	return NULL;
}

START_TEST(test_freed_in_another_thread)
{
	struct shaken shaken;
	pthread_t thread;
	int i;

	for (i = 0; i < N_ROUNDS; i++) {
		start_round(&shaken, _i);
		thread = spawn(free_victim, &shaken);
		kit_until(shaken.rig->base, is_done, &shaken, "the thread");
		pthread_join(thread, NULL);
		shaken.rig->pev[1] = NULL;
		kit_rig_free(shaken.rig);
	}
}
END_TEST

/* Every function that may be called at any time. */
static void
shake(struct shaken *shaken, struct packetevent *pev, int i)
{
	static const struct timeval tv = {10, 0};
	unsigned char data[100];

	kit_fill(shaken->rig->kind, data, 0, sizeof(data));
	switch (i % 9) {
	case 0:
		packetevent_disable(pev, EV_READ);
		break;
	case 1:
		packetevent_disable(pev, EV_WRITE);
		break;
	case 2:
	case 3:
		packetevent_enable(pev, EV_READ | EV_WRITE);
		break;
	case 4:
		packetevent_setwatermark(pev, (size_t)i % 500, 5000);
		break;
	case 5:
		packetevent_set_timeouts(pev, i % 2 ? &tv : NULL, &tv);
		break;
	case 6:
		packetevent_flush(pev);
		packetevent_set_max_batch(pev, i % 7);
		break;
	case 7:
		packetevent_setcb(pev, return_cb, ignore_writecb,
		    ignore_eventcb, shaken);
		break;
	default:
		packetevent_write(pev, data, sizeof(data));
		packetevent_get_count(pev, PEV_COUNT_QUEUED_BYTES);
		packetevent_get_enabled(pev);
		packetevent_getfd(pev);
		packetevent_get_base(pev);
	}
}

static void *
shake_both(void *arg)
{
	struct shaken *shaken = arg;
	int i;

	for (i = 0; i < 3000; i++)
		shake(shaken, shaken->rig->pev[i / 9 % 2], i);
	finish(shaken);
	return NULL;
}

START_TEST(test_shaken_by_another_thread)
{
	struct shaken shaken;
	pthread_t thread;

	start_round(&shaken, _i);
	thread = spawn(shake_both, &shaken);
	kit_until(shaken.rig->base, is_done, &shaken, "the thread");
	pthread_join(thread, NULL);
	kit_rig_free(shaken.rig);
}
END_TEST

int
main(void)
{
	unsigned loops = KIT_BIT(KIT_STREAM16) | KIT_BIT(KIT_STREAM32) |
	    KIT_SOCKETS;

	kit_suite("pev_threads");
	kit_case("writers", 0);
	kit_threadsafe(test_writers_both_ways, KIT_ALL);
	kit_case("loops", 0);
	kit_threadsafe(test_two_loops, loops);
	/* UDP would lose what the queues do not. */
	kit_threadsafe(test_loops_that_forward_to_one_another, loops);
	kit_case("shaken", 0);
	kit_threadsafe(test_freed_in_another_thread, KIT_ALL);
	kit_threadsafe(test_shaken_by_another_thread, KIT_ALL);
	return kit_run();
}
