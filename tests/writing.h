#ifndef EVTUN_TESTS_WRITING_H_INCLUDED_
#define EVTUN_TESTS_WRITING_H_INCLUDED_
/*
 * A rig with a device that is written to, and an eye on its interface that
 * sees the frames with their descriptions.  Whatever they hold has to be the
 * packets that were offered, byte for byte, and in order within every flow.
 */
#include "kit.h"
#include "segments.h"

#define WRITING_FLOWS 8

struct writing {
	struct kit_rig *rig;
	int ethernet;
	evutil_socket_t sock;
	/* What was, or is to be, offered: packets, flows, and what is lost. */
	struct segments_list offered;
	unsigned char *flow_of;
	unsigned char *is_lost;
	/* How each flow goes on. */
	ev_uint32_t seq[WRITING_FLOWS];
	unsigned id[WRITING_FLOWS];
	size_t next[WRITING_FLOWS];	/* packet to come, by its index */
	/* What has come: packets, frames, the most packets in one of them. */
	size_t got, frames, largest;
};

/* Over a set-up of a device. */
struct writing *writing_begin(int setup);
/* Fail if anything has come that was not awaited. */
void writing_end(struct writing *w);

/* Append a packet to what is offered. */
void writing_add(struct writing *w, unsigned flow, const void *data,
    size_t len);
/* What the next packet of a flow is like. */
void writing_form(struct writing *w, enum segments_sort sort, unsigned flow,
    size_t payload, struct segments_form *form);
/* Append the next n packets of a flow, with payloads of that size. */
void writing_stream(struct writing *w, enum segments_sort sort,
    unsigned flow, unsigned n, size_t payload);
/* Make a large frame, and append what it is to be split into. */
void writing_large(struct writing *w, enum segments_sort sort,
    unsigned flow, size_t payload, size_t gso_size,
    struct segments_frame *frame);
/* Append 10 packets of each of three flows, in turns. */
void writing_three(struct writing *w);
/* n packets, from that one on, never come. */
void writing_lose(struct writing *w, size_t from, size_t n);

/* Write n packets, from that one on: the result of
 * packetevent_write_batch(). */
int writing_batch(struct writing *w, size_t from, size_t n);
/* All of them, which must be taken: one by one. */
void writing_singly(struct writing *w, size_t from, size_t n);

/* The same while writing is disabled, so that they are queued. */
void writing_queue(struct writing *w, size_t from, size_t n);

/* Bring the interface up or down. */
void writing_link(struct writing *w, int up);

/* Receive until n packets have come in all, and fail if there is more. */
void writing_await(struct writing *w, size_t n);
/* Append the next n packets of a flow, and write them, which must be taken
 * and come. */
void writing_send(struct writing *w, enum segments_sort sort, unsigned flow,
    unsigned n, size_t payload);

/* Fail unless all of n packets were written, and without an event. */
void writing_check_written(struct writing *w, size_t n);
/* PEV_COUNT_WRITE_UNJOINED. */
ev_uint64_t writing_unjoined(struct writing *w);

#endif /* EVTUN_TESTS_WRITING_H_INCLUDED_ */
