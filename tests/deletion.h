#ifndef EVTUN_TESTS_DELETION_H_INCLUDED_
#define EVTUN_TESTS_DELETION_H_INCLUDED_
/*
 * What the tests share in which the interface of a packetevent is deleted.
 */
#include "kit.h"

/* ---- before ---- */

/* A device with nobody at its other side, whose socket would have errors of
 * its own. */
struct kit_rig *deletion_rig(int setup);
/* Free one end of a rig, with its descriptor. */
void deletion_free_end(struct kit_rig *rig, int end);
/* Read for a while, and then no longer. */
void deletion_pause(struct packetevent *pev);
/* Disable writing, and queue n packets. */
void deletion_queue(struct kit_rig *rig, unsigned n);

/* ---- what must be so afterwards ---- */

/* That this event tells it. */
void deletion_check_event(const struct kit_event *e);
/* That end 0 is of no use, to which offered packets were given before. */
void deletion_check_useless(struct kit_rig *rig, ev_uint64_t offered);
/* Both, and that it is told now, after that many other events, and only
 * once. */
void deletion_check(struct kit_rig *rig, int n_before, ev_uint64_t offered);

#endif /* EVTUN_TESTS_DELETION_H_INCLUDED_ */
