#ifndef EVTUN_TESTS_LARGE_STAGE_H_INCLUDED_
#define EVTUN_TESTS_LARGE_STAGE_H_INCLUDED_
/*
 * Large frames on their way: a device into which they are sent, and, for some
 * tests, a second one that is written to, with an eye on its interface.
 */
#include <stddef.h>

#include "kit.h"
#include "segments.h"

/* ---- frames ---- */

/* Frames, whole: what was sent, or what has come.  All zero is none. */
#define LARGE_MAX_FRAMES 64
struct large_frames {
	struct segments_frame *frame[LARGE_MAX_FRAMES];
	size_t n;
};

/* Append a copy. */
void large_frames_add(struct large_frames *frames,
    const struct segments_frame *frame);
/* Keep the first n alone. */
void large_frames_cut(struct large_frames *frames, size_t n);

/* ---- devices ---- */

/* A device that is read, and, for some tests, what is written to. */
struct large_stage {
	struct kit_rig *rig;
	struct packetevent *pev;
	evutil_socket_t fd;		/* the other side */
	int ethernet;
	struct large_frames sent, got;
	struct segments_list list;	/* the packets in what was sent */
	unsigned n;			/* frames, as they are counted */
	/* The second device. */
	struct packetevent *to;
	evutil_socket_t to_fd;
};

/* Over a set-up of a device. */
void large_begin(struct large_stage *s, int setup);
/* Free everything.  A test that has freed an end of the rig puts NULL. */
void large_end(struct large_stage *s);
/* Add the second device, with these options of its own. */
void large_add_device(struct large_stage *s, int options);
/* Both ends of something else, in the base of the device. */
void large_make_ends(struct large_stage *s, enum kit_kind kind,
    struct packetevent *end[2]);

/* ---- what is sent, and has to arrive ---- */

/* So many frames are one of each size and sort. */
#define LARGE_N_SIZES 7
#define LARGE_N_FRAMES (LARGE_N_SIZES * SEGMENTS_N_SORTS)

/* Make frame i: large, to be finished, or complete. */
void large_make_frame(struct large_stage *s, struct segments_frame *frame,
    unsigned i);
/* Append the next n frames to what was sent, for the test to write. */
void large_make(struct large_stage *s, unsigned n);
/* The same, and send them into the device. */
void large_send(struct large_stage *s, unsigned n);

/* Whether the second device has written, or dropped, as many as were sent: a
 * condition for kit_until(). */
int large_is_written(void *s);
/* Frames at the other side of the second device: those, and no more. */
void large_check_arrived(struct large_stage *s,
    const struct large_frames *wanted);
/* Packets there: those in what was sent, whatever they come in. */
void large_check_split(struct large_stage *s);

#endif /* EVTUN_TESTS_LARGE_STAGE_H_INCLUDED_ */
