/*
 * The interface is deleted under a packetevent that has something to write:
 * the queue is dropped and counted, and a call that finds it out fails, before
 * the loop tells it or beside it, in a thread of its own.
 */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "deletion.h"
#include "kit.h"

/* ---- with something queued ---- */

static void
check_dropped(struct kit_rig *rig, unsigned n)
{
	deletion_check(rig, 0, n);
	/* One more was refused there. */
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), n + 1);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS), 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_FULL), 0);
	kit_rig_free(rig);
}

START_TEST(test_queued)
{
	struct kit_rig *rig = deletion_rig(_i);

	deletion_queue(rig, 5);
	kit_link_delete(rig->name);
	check_dropped(rig, 5);
}
END_TEST

START_TEST(test_queued_while_reading)
{
	struct kit_rig *rig = deletion_rig(_i);

	kit_enable(rig, 0, EV_READ);
	deletion_queue(rig, 5);
	kit_link_delete(rig->name);
	check_dropped(rig, 5);
}
END_TEST

/* The queue waits for the interface, which does not come up again. */
static void
queue_while_down(int setup, short events)
{
	struct kit_rig *rig = deletion_rig(setup);

	kit_enable(rig, 0, events);
	deletion_queue(rig, 70);
	kit_link_up(rig->name, 0);
	kit_enable(rig, 0, EV_WRITE);
	kit_settle(rig->base);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 70);
	kit_link_delete(rig->name);
	check_dropped(rig, 70);
}

START_TEST(test_queued_while_down)
{
	queue_while_down(_i, 0);
}
END_TEST

START_TEST(test_queued_while_down_and_reading)
{
	queue_while_down(_i, EV_READ);
}
END_TEST

/* A device that is gone has no timeouts any more. */
START_TEST(test_queued_with_timeouts)
{
	static const struct timeval later = {0, 60 * 1000};
	struct kit_rig *rig = deletion_rig(_i);

	deletion_queue(rig, 2);
	kit_link_up(rig->name, 0);
	kit_enable(rig, 0, EV_READ | EV_WRITE);
	kit_ok(packetevent_set_timeouts(rig->pev[0], &later, &later));
	kit_link_delete(rig->name);
	kit_until_events(rig, 0, 1);
	kit_check_dead(rig->base);
	check_dropped(rig, 2);
}
END_TEST

/* ---- a call finds it out before the loop does ---- */

START_TEST(test_found_by_writing)
{
	struct kit_rig *rig = deletion_rig(_i);

	kit_link_delete(rig->name);
	kit_fails(kit_write(rig, 0, 0, 100), ENXIO);
	kit_fails(kit_write(rig, 0, 1, 100), ENXIO);
	/* Callbacks come from the loop. */
	ck_assert_int_eq(rig->log[0].n_events, 0);
	deletion_check(rig, 0, 2);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_found_by_a_batch)
{
	struct kit_rig *rig = deletion_rig(_i);
	unsigned char data[3][100];
	struct evbuffer_iovec pkts[3];
	unsigned i;

	for (i = 0; i < 3; i++) {
		kit_fill(rig->kind, data[i], i, sizeof(data[i]));
		pkts[i].iov_base = data[i];
		pkts[i].iov_len = sizeof(data[i]);
	}
	kit_enable(rig, 0, EV_READ);
	kit_link_delete(rig->name);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], pkts, 3), 0);
	ck_assert_int_eq(errno, ENXIO);
	deletion_check(rig, 0, 3);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_found_by_flushing)
{
	struct kit_rig *rig = deletion_rig(_i);

	deletion_queue(rig, 5);
	kit_enable(rig, 0, EV_WRITE);
	kit_link_delete(rig->name);
	kit_fails(packetevent_flush(rig->pev[0]), ENXIO);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	check_dropped(rig, 5);
}
END_TEST

/* Enabling and disabling does not lose sight of it. */
START_TEST(test_changed_after_it)
{
	struct kit_rig *rig = deletion_rig(_i);

	kit_link_delete(rig->name);
	packetevent_enable(rig->pev[0], EV_READ);
	packetevent_disable(rig->pev[0], EV_READ | EV_WRITE);
	packetevent_enable(rig->pev[0], EV_WRITE);
	deletion_check(rig, 0, 0);
	kit_rig_free(rig);
}
END_TEST

/* ---- with another thread ---- */

struct writer {
	struct kit_rig *rig;
	atomic_uint offered;
	int err;
};

static void *
write_until_it_fails(void *arg)
{
	struct writer *writer = arg;
	int result;

	/* An interface that is being deleted is down at first. */
	do {
		result = kit_write(writer->rig, 0, 0, 100);
		writer->err = errno;
		atomic_fetch_add(&writer->offered, 1);
	} while (result == 0 || writer->err == ENETDOWN);
	return NULL;
}

START_TEST(test_under_a_writer)
{
	struct kit_rig *rig = deletion_rig(_i);
	struct writer writer;
	pthread_t thread;

	writer.rig = rig;
	atomic_init(&writer.offered, 0);
	kit_enable(rig, 0, EV_READ);
	ck_assert_int_eq(pthread_create(&thread, NULL, write_until_it_fails,
	    &writer), 0);
	while (atomic_load(&writer.offered) < 50)
		sched_yield();
	kit_link_delete(rig->name);
	kit_until_events(rig, 0, 1);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(writer.err, ENXIO);
	deletion_check(rig, 0, atomic_load(&writer.offered));
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_deleted_writing");
	kit_case("queue", KIT_NEEDS_TUN);
	kit_setups(test_queued, KIT_DEVICES);
	kit_setups(test_queued_while_reading, KIT_BIT(KIT_TUN));
	kit_setups(test_queued_while_down, KIT_DEVICES);
	kit_setups(test_queued_while_down_and_reading, KIT_BIT(KIT_TUN));
	kit_setups(test_queued_with_timeouts, KIT_BIT(KIT_TUN));
	kit_case("found_by_a_call", KIT_NEEDS_TUN);
	kit_setups(test_found_by_writing, KIT_DEVICES);
	kit_setups(test_found_by_a_batch, KIT_BIT(KIT_TUN));
	kit_setups(test_found_by_flushing, KIT_BIT(KIT_TUN));
	kit_setups(test_changed_after_it, KIT_BIT(KIT_TUN));
	kit_case("threads", KIT_NEEDS_TUN);
	kit_loop(test_under_a_writer, KIT_SETUP(KIT_TUN, 1, 0),
	    KIT_SETUP(KIT_TUN, 1, KIT_N_BACKENDS));
	return kit_run();
}
