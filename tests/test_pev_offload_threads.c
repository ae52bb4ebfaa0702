/*
 * Devices with EVTUN_OPT_OFFLOAD that are read in one thread, and used in
 * another.
 */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "offload_stage.h"
#include "segments.h"

/* ---- threads ---- */

#define N_FRAMES 60

struct race {
	struct stage s;
	pthread_t thread;
	atomic_size_t got;
};

static void *
run_loop(void *arg)
{
	struct race *r = arg;

	ck_assert_int_ge(event_base_loop(r->s.rig->base,
	    EVLOOP_NO_EXIT_ON_EMPTY), 0);
	return NULL;
}

static void
race_start(struct race *r)
{
	ck_assert_int_eq(pthread_create(&r->thread, NULL, run_loop, r), 0);
}

static void
race_stop(struct race *r)
{
	ck_assert_int_eq(event_base_loopexit(r->s.rig->base, NULL), 0);
	ck_assert_int_eq(pthread_join(r->thread, NULL), 0);
}

static void
race_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct race *r = ctx;
	size_t got = atomic_load(&r->got);
	int i;

	(void)pev;
	for (i = 0; i < n_pkts; i++)
		segments_list_check(&r->s.list, got++, pkts[i].iov_base,
		    pkts[i].iov_len);
	atomic_store(&r->got, got);
}

/* The list is not touched while others look at it. */
static void
race_prepare(struct race *r, unsigned n)
{
	static struct segments_frame frame;
	struct segments_form form;
	unsigned i;

	for (i = 0; i < n; i++) {
		stage_make_form(&form, r->s.rig->kind, i);
		segments_make(&frame, &form);
		segments_list_split(&r->s.list, &frame);
	}
}

static void
race_send(struct race *r, unsigned i)
{
	static struct segments_frame frame;
	struct segments_form form;

	stage_make_form(&form, r->s.rig->kind, i);
	segments_make(&frame, &form);
	segments_send(r->s.fd, &frame);
}

/* Another thread switches reading off and on. */
START_TEST(test_switched_by_thread)
{
	struct packetevent *pev;
	struct race r;
	unsigned i;

	memset(&r, 0, sizeof(r));
	stage_begin(&r.s, _i);
	race_prepare(&r, N_FRAMES);
	pev = r.s.rig->pev[0];
	packetevent_setcb(pev, race_cb, NULL, NULL, &r);
	kit_ok(packetevent_set_max_batch(pev, 3));
	race_start(&r);
	for (i = 0; i < N_FRAMES; i++) {
		race_send(&r, i);
		kit_ok(packetevent_enable(pev, EV_READ));
		kit_ok(packetevent_set_max_batch(pev, 1 + (int)i % 5));
		kit_ok(packetevent_disable(pev, EV_READ));
	}
	kit_ok(packetevent_enable(pev, EV_READ));
	for (i = 0; i < 20000 && atomic_load(&r.got) < r.s.list.n; i++)
		usleep(1000);
	race_stop(&r);
	ck_assert_uint_eq(atomic_load(&r.got), r.s.list.n);
	stage_end(&r.s);
}
END_TEST

static unsigned char buf[KIT_TOO_LARGE];

/* A batch that was being read when it was freed is lost, but none after it. */
static void
check_rest(struct race *r)
{
	struct segments_list rest = { NULL, 0 };
	size_t i, first;
	int n;

	while ((n = evtun_read(r->s.rig->tun, buf, sizeof(buf))) > 0)
		segments_list_add(&rest, buf, (size_t)n);
	kit_check(n == 0, "read: %s", evtun_get_error());
	first = r->s.list.n - rest.n;
	kit_check(first >= atomic_load(&r->got) &&
	    first <= atomic_load(&r->got) + 2, "%zu called back, %zu read",
	    atomic_load(&r->got), rest.n);
	for (i = 0; i < rest.n; i++)
		segments_list_check(&r->s.list, first + i,
		    rest.packets[i].data, rest.packets[i].len);
	segments_list_clear(&rest);
}

/* Another thread frees it, and reads what is left. */
static void
run_freed(int setup, unsigned frames)
{
	struct race r;
	unsigned i;

	memset(&r, 0, sizeof(r));
	stage_begin_open(&r.s, setup);
	race_prepare(&r, frames);
	packetevent_setcb(r.s.rig->pev[0], race_cb, NULL, NULL, &r);
	kit_ok(packetevent_set_max_batch(r.s.rig->pev[0], 2));
	kit_enable(r.s.rig, 0, EV_READ);
	race_start(&r);
	for (i = 0; i < frames; i++)
		race_send(&r, i);
	packetevent_free(r.s.rig->pev[0]);
	r.s.rig->pev[0] = NULL;
	race_stop(&r);
	kit_settle(r.s.rig->base);
	check_rest(&r);
	evtun_free(r.s.rig->tun);
	stage_end(&r.s);
}

START_TEST(test_freed_by_thread)
{
	unsigned i;

	for (i = 1; i <= 8; i++)
		run_freed(_i, i);
}
END_TEST

/* Frames are read as they are while another thread writes. */
static void
count_large_cb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	struct evtun_offload offload;
	struct race *r = ctx;
	int i;

	(void)pkts;
	for (i = 0; i < n_pkts; i++)
		kit_ok(packetevent_get_offload(pev, i, &offload));
	atomic_fetch_add(&r->got, (size_t)n_pkts);
}

START_TEST(test_large_beside_a_writer)
{
	struct kit_rig *rig;
	struct race r;
	unsigned i;

	memset(&r, 0, sizeof(r));
	stage_begin(&r.s, _i);
	rig = r.s.rig;
	packetevent_setcb(rig->pev[0], count_large_cb, NULL, NULL, &r);
	kit_ok(packetevent_set_large(rig->pev[0], 1));
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	kit_enable(rig, 0, EV_READ);
	race_start(&r);
	for (i = 0; i < N_FRAMES; i++) {
		race_send(&r, i);
		kit_ok(kit_write(rig, 0, i, 100));
	}
	for (i = 0; i < 20000 && atomic_load(&r.got) < N_FRAMES; i++)
		usleep(1000);
	race_stop(&r);
	ck_assert_uint_eq(atomic_load(&r.got), N_FRAMES);
	kit_check_queued(rig, N_FRAMES, N_FRAMES * 100);
	stage_end(&r.s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_offload_threads");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("threads", 0);
	kit_threadsafe(test_switched_by_thread, KIT_DEVICES);
	kit_threadsafe(test_freed_by_thread, KIT_DEVICES);
	kit_threadsafe(test_large_beside_a_writer, KIT_BIT(KIT_TUN));
	return kit_run();
}
