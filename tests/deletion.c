#include "config.h"

#include <string.h>

#include "deletion.h"
#include "kit.h"

#define GONE (PEV_EVENT_READING | PEV_EVENT_ERROR)

void
deletion_free_end(struct kit_rig *rig, int end)
{
	packetevent_free(rig->pev[end]);
	rig->pev[end] = NULL;
	/* With threads it is closed in the next turn of the loop. */
	if (rig->threadsafe)
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

struct kit_rig *
deletion_rig(int setup)
{
	struct kit_rig *rig = kit_rig_new(setup);

	deletion_free_end(rig, 1);
	return rig;
}

void
deletion_pause(struct packetevent *pev)
{
	kit_ok(packetevent_enable(pev, EV_READ));
	kit_settle(packetevent_get_base(pev));
	kit_ok(packetevent_disable(pev, EV_READ));
	kit_settle(packetevent_get_base(pev));
}

void
deletion_queue(struct kit_rig *rig, unsigned n)
{
	unsigned i;

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 0, i, 100));
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), n);
}

void
deletion_check_event(const struct kit_event *e)
{
	ck_assert_int_eq(e->what, GONE);
	ck_assert_int_eq(e->err, ENXIO);
	ck_assert_msg(strstr(e->text, strerror(ENXIO)) != NULL,
	    "the text is: %s", e->text);
}

void
deletion_check_useless(struct kit_rig *rig, ev_uint64_t offered)
{
	struct packetevent *pev = rig->pev[0];

	ck_assert_int_eq(packetevent_get_enabled(pev), 0);
	kit_fails(kit_write(rig, 0, 0, 100), ENXIO);
	kit_fails(packetevent_enable(pev, EV_READ), ENXIO);
	kit_fails(packetevent_enable(pev, EV_WRITE), ENXIO);
	kit_fails(packetevent_enable(pev, EV_READ | EV_WRITE), ENXIO);
	kit_fails(packetevent_flush(pev), ENXIO);
	kit_ok(packetevent_disable(pev, EV_READ | EV_WRITE));
	kit_check_counts(rig, 0, offered + 1);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_BYTES), 0);
}

void
deletion_check(struct kit_rig *rig, int n_before, ev_uint64_t offered)
{
	struct kit_log *log = &rig->log[0];

	kit_until_events(rig, 0, n_before + 1);
	deletion_check_event(&log->events[n_before]);
	kit_check_idle(rig->base);
	deletion_check_useless(rig, offered);
	kit_check_idle(rig->base);
	ck_assert_int_eq(log->n_events, n_before + 1);
}
