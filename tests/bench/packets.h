#ifndef EVTUN_BENCH_PACKETS_H_INCLUDED_
#define EVTUN_BENCH_PACKETS_H_INCLUDED_
/*
 * What a packetevent costs beside bare system calls on the same device.
 *
 * A case has two ways to move the same packets, bare and with a packetevent,
 * which are run in turns.  Only moving them is timed: what puts the packets
 * there and takes them away again is not.
 */
#include "bench.h"

/* Packets in a round.  The kernel holds 500 for a reader, and drops more. */
#define ROUND 400

/*
 * Two devices in two private namespaces: what `sender` sends in the first one
 * is routed to `in`; what is written to `out` is delivered in the second one,
 * to `sink`.
 */
struct rig {
	struct event_base *base;
	struct evtun *in;
	struct evtun *out;
	struct packetevent *reader;	/* over in, not enabled */
	struct packetevent *writer;	/* over out */
	int sender;
	int sink;
	unsigned char *buf;		/* holds the largest packet */
};

/* What a stretch of work took, in nanoseconds: on the clock, and of this
 * thread's processor time. */
struct span {
	double wall;
	double cpu;
};

struct bench_case {
	const char *name;
	size_t size;		/* of a packet, IP header included */
	/* Move packets once, bare or with a packetevent; add what that took to
	 * took, and return how many they were. */
	int (*round)(struct rig *rig, const struct bench_case *c, int bare,
	    struct span *took);
};

/* Make the rig; options are those of the packetevents. */
void rig_setup(struct rig *rig, int options);
void rig_free(struct rig *rig);

/* Put n packets of size bytes into the queue of rig->in. */
void rig_send(const struct rig *rig, size_t size, int n);

/* Read one packet of size bytes into rig->buf: a packet to write. */
void rig_template(struct rig *rig, size_t size);

/* Take what arrived at the sink, and die unless it is n packets. */
void rig_drain_sink(const struct rig *rig, int n);

/* span_begin() starts a stretch, span_end() adds it to took. */
struct span span_begin(void);
void span_end(struct span *took, struct span since);

/* The rounds.  _trickle has one packet for each wakeup. */
int read_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took);
int read_trickle(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took);
int write_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took);
int write_batch_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took);
int forward_round(struct rig *rig, const struct bench_case *c, int bare,
    struct span *took);

/* How often this thread woke up while nothing happened for msec. */
long idle_wakeups(struct rig *rig, int bare, int msec);

#endif /* EVTUN_BENCH_PACKETS_H_INCLUDED_ */
