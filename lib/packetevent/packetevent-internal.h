#ifndef EVTUN_PACKETEVENT_INTERNAL_H_INCLUDED_
#define EVTUN_PACKETEVENT_INTERNAL_H_INCLUDED_
/*
 * What the kinds of packetevent (fd.c, pair.c, stream.c) share.
 *
 * Locking: a packetevent's lock is that of an evbuffer, pev->lock, which
 * without PEV_OPT_THREADSAFE does nothing.  Functions named here expect it to
 * be held unless they say otherwise.  Order: packetevent, bufferevent, base.
 * It is never held around a callback of the user's.
 *
 * Lifetime: whoever runs from the loop takes a reference before it may
 * unlock, and looks at pev->freed after it has locked again.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "evtun/offload.h"
#include "evtun/packetevent.h"

/* The two directions, as an index. */
enum pev_direction_ { PEV_READ_, PEV_WRITE_ };

/* ---- queue.c: packets that wait to be written ---- */

struct pev_packet_ {
	const struct evbuffer_iovec *vec;
	int n_vec;
	size_t len;			/* of all pieces */
	const struct sockaddr *addr;	/* where to, or NULL */
	socklen_t addrlen;
	/* Of a large frame, or NULL.  That is in one piece, and counts as one
	 * packet whatever becomes of it. */
	const struct evtun_offload *offload;
};

struct pev_queue_ {
	struct evbuffer *buf;	/* records: see queue.c */
	size_t packets;
	size_t bytes;		/* in the packets alone */
};

/* Put the pieces together. */
void pev_gather_(unsigned char *to, const struct pev_packet_ *packet);

int pev_queue_init_(struct pev_queue_ *queue);
void pev_queue_free_(struct pev_queue_ *queue);
void pev_queue_clear_(struct pev_queue_ *queue);

/* Append a copy: all of it, or (ENOMEM, -1) nothing. */
int pev_queue_add_(struct pev_queue_ *queue, const struct pev_packet_ *packet);

/* What the description of a packet in the queue points to. */
struct pev_stored_ {
	struct evbuffer_iovec piece;
	struct evtun_offload offload;
};

/* Describe the oldest packets, max at most, with the help of as many of
 * stored; return how many.  They are valid until something is added. */
int pev_queue_peek_(struct pev_queue_ *queue, struct pev_packet_ *packets,
    struct pev_stored_ *stored, int max);
/* Take one of them out, be it the oldest or not.  The descriptions of the
 * others stay valid. */
void pev_queue_drop_(struct pev_queue_ *queue,
    const struct pev_packet_ *packet);
/* After that: forget what is in front.  Then they do not. */
void pev_queue_sweep_(struct pev_queue_ *queue);

/* ---- arena.c: the batch of packets that is being read ---- */

/* A batch holds fewer bytes than this, room included. */
#define PEV_BATCH_BYTES_ (192 * 1024)
#define PEV_BATCH_PACKETS_ 64
#define PEV_BATCH_PACKETS_MAX_ 1024
#define PEV_ROOM_MAX_ 4096

/* Packets begin at a multiple of this, but for the room before them. */
#define PEV_ALIGNMENT_ 16
#define PEV_ALIGN_UP_(n) \
	(((n) + PEV_ALIGNMENT_ - 1) / PEV_ALIGNMENT_ * PEV_ALIGNMENT_)

struct pev_source_ {
	socklen_t len;
	struct sockaddr_storage addr;
};

/* What was read with a description, as it was then. */
struct pev_large_ {
	struct evtun_offload offload;
	const unsigned char *start;
	size_t len;
};

/*
 * Belongs to the thread of the loop.  With threads the memory has a lock of
 * its own, which is held while packets are read without that of the
 * packetevent: packetevent_free() waits for it, so that what lies underneath
 * may be freed next.  Order: packetevent, arena.
 */
struct pev_arena_ {
	struct evbuffer *memory;	/* whose reserved space all this is */
	unsigned char *data;
	struct evbuffer_iovec *packets;
	struct pev_source_ *sources;	/* NULL if the kind has none */
	struct pev_large_ *large;	/* likewise */
	int is_large;			/* this batch is read unsplit */
	int is_checked;			/* and looked at: it is the user's */
	int n;				/* packets in the batch */
	size_t used;			/* bytes of data behind the last one */
	/* The form of this batch. */
	int max_n;
	size_t head, tail;		/* room asked for */
	size_t gap;			/* more of it: the system's header */
	size_t bias;			/* puts the IP header on 4 bytes */
	size_t max_len;			/* of a packet */
};

/* Memory of this size, or NULL, aligned for packets: the reserved and never
 * committed space of an evbuffer, so that it comes from the allocator that the
 * application gave to libevent.  Pages that no packet reaches are never
 * touched. */
unsigned char *pev_reserve_(struct evbuffer *memory, size_t size);

/* traits: PEV_HAS_SOURCES_ and PEV_HAS_LARGE_. */
struct pev_arena_ *pev_arena_new_(unsigned traits, int with_lock);
void pev_arena_free_(struct pev_arena_ *arena);

/* Where the next packet goes: max_len + 1 bytes, with room on both sides.
 * NULL when the batch is full. */
static inline unsigned char *
pev_arena_next_(struct pev_arena_ *arena)
{
	size_t start = PEV_ALIGN_UP_(arena->used) + PEV_ALIGN_UP_(arena->gap) +
	    arena->bias + arena->head;

	if (arena->n >= arena->max_n ||
	    start + arena->max_len + 1 + arena->tail > PEV_BATCH_BYTES_)
		return NULL;
	return arena->data + start;
}

/* The packet of len bytes that was put there is part of the batch. */
static inline void
pev_arena_take_(struct pev_arena_ *arena, unsigned char *packet, size_t len)
{
	arena->packets[arena->n].iov_base = packet;
	arena->packets[arena->n].iov_len = len;
	arena->n++;
	arena->used = (size_t)(packet - arena->data) + len + arena->tail;
}

/* ---- packetevent.c ---- */

#define PEV_COUNT_LAST_ PEV_COUNT_WRITE_UNJOINED
/* Reasons to refuse a frame, and none: those of offload-internal.h, and those
 * that are counted after PEV_COUNT_READ_REFUSED. */
#define PEV_REFUSED_SHORT_ (PEV_COUNT_REFUSED_SHORT - PEV_COUNT_READ_REFUSED)
#define PEV_REFUSALS_ (PEV_COUNT_REFUSED_SEGMENTS - PEV_COUNT_READ_REFUSED + 1)

/* An event callback that is due: at most one for each direction. */
struct pev_due_ {
	short what;
	int err;
	const char *step, *cure;
};

struct packetevent {
	const struct pev_ops_ *ops;
	struct event_base *base;
	struct evbuffer *lock;
	struct pev_queue_ *queue;
	struct pev_arena_ *arena;	/* NULL until reading is enabled */

	packetevent_read_cb readcb;
	packetevent_write_cb writecb;
	packetevent_event_cb eventcb;
	void *ctx;

	struct event *ev_due;		/* no descriptor: runs what is due */
	struct event *ev_timeout[2];	/* NULL until a timeout is set */
	struct timeval timeout[2];
	struct pev_due_ due[2];

	size_t lowmark, highmark;
	size_t head, tail;
	int max_batch;
	int n_batch;			/* while the read callback runs */
	/* Of the large frame that is first in the queue or, for as long as it
	 * takes to get there, at hand: it is written in segments, of which so
	 * many are out. */
	int in_segments;
	unsigned segments_sent;
	struct evbuffer *scratch;	/* reserved, for a segment; or NULL */

	int options;
	int refcnt;
	int error[2];			/* what ended a direction, or 0 */
	short enabled;
	unsigned freed : 1;
	unsigned waited : 1;		/* a packet had to wait */
	unsigned write_due : 1;
	unsigned connected_due : 1;
	unsigned in_due : 1;		/* what is due is being told */
	unsigned wants_large : 1;	/* packetevent_set_large() */

	ev_uint64_t counts[PEV_COUNT_LAST_ + 1];
};

/* Traits of a packetevent. */
#define PEV_HAS_SOURCES_ 0x1	/* packets come from addresses */
#define PEV_HAS_LARGE_ 0x2	/* it reads and takes large frames */
#define PEV_HAS_ETHERNET_ 0x4	/* packets are Ethernet frames */
#define PEV_HAS_BARE_ 0x8	/* packets are nothing but IP or Ethernet */

/* What differs between the kinds.  NULL where a kind has nothing to do. */
struct pev_ops_ {
	/* Packets go to memory, never at once to a device: a highmark of 0
	 * means one packet at a time. */
	int in_memory;
	/* What EINVAL means when writing: the cure in the error text. */
	const char *refusal;

	/* Refuse what could never be sent: 0 or an errno.  head are the n
	 * first bytes, at least 5 or all that there are. */
	int (*check)(struct packetevent *pev, const void *head, size_t n,
	    size_t len);
	/* Hand one packet over.  0; EAGAIN: it has to wait; or why it is
	 * lost.  What ends the packetevent is raised here. */
	int (*send)(struct packetevent *pev, const struct pev_packet_ *packet);
	/* Hand packets over, each of them in one piece and none of them
	 * large, and together where that is cheaper.  errs[i] becomes what
	 * send would have returned; after EAGAIN nothing of the same flow is
	 * handed over.  Raises nothing: ops->failed does.  NULL: singly. */
	void (*send_many)(struct packetevent *pev,
	    const struct pev_packet_ *packets, int n, int *errs);
	/* send_many has lost a packet for this reason. */
	void (*failed)(struct packetevent *pev, int err);
	/* Hand a large frame over, as send does; ENOTSUP: it has to be split.
	 * NULL where none is ever taken whole. */
	int (*send_large)(struct packetevent *pev,
	    const struct pev_packet_ *packet);
	/* Bytes that were handed over but have not left: they count as
	 * queue. */
	size_t (*get_unsent)(struct packetevent *pev);
	/* Bring the events in line with what is enabled, with errors, and
	 * with whether packets are, or are about to be, queued.  0 or -1,
	 * then nothing has changed. */
	int (*update)(struct packetevent *pev, int waiting);

	/* PEV_HAS_*; NULL is none of them. */
	unsigned (*get_traits)(struct packetevent *pev);
	int (*set_priority)(struct packetevent *pev, int priority);
	int (*set_timeouts)(struct packetevent *pev, const struct timeval *r,
	    const struct timeval *w);
	evutil_socket_t (*get_fd)(struct packetevent *pev);

	/* The user has freed it: from now on nobody may be called back. */
	void (*detach)(struct packetevent *pev);
	/* Give up the events of the kind through pev_free_event_(). */
	void (*free_events)(struct packetevent *pev);
	/* Not locked: PEV_OPT_CLOSE_ON_FREE, after the last event is gone. */
	void (*close)(struct packetevent *pev);
	/* Not locked: free what pev->queue and pev itself lie in. */
	void (*destroy)(struct packetevent *pev);
};

/* Fill in what all kinds share; the caller has zeroed pev.  0, or -1 with
 * errno: then, as after any other failure of a constructor, pev_discard_(). */
int pev_init_(struct packetevent *pev, const struct pev_ops_ *ops,
    struct event_base *base, int options);
/* Give pev->lock a lock, if the options ask for one. */
int pev_make_lock_(struct packetevent *pev);
/* Free a packetevent that never got out, and keep errno. */
void pev_discard_(struct packetevent *pev);
/* Check the options of a constructor: 0, or -1 with errno. */
int pev_check_options_(struct event_base *base, int options);

/* An event of our own, with pev for its callback's argument. */
struct event *pev_new_event_(struct packetevent *pev, evutil_socket_t fd,
    short events, event_callback_fn cb);
/* Give it up: at once, or with threads when no callback can be running. */
void pev_free_event_(struct packetevent *pev, struct event *ev);

/* Have an event without a descriptor run in the next turn of the loop.  Not
 * event_active(), which runs it in this one: two ends that answer each other
 * would keep descriptors from their turn for ever. */
void pev_wake_(struct event *ev);

static inline void
pev_lock_(struct packetevent *pev)
{
	if (pev->options & PEV_OPT_THREADSAFE)
		evbuffer_lock(pev->lock);
}

static inline void
pev_unlock_(struct packetevent *pev)
{
	if (pev->options & PEV_OPT_THREADSAFE)
		evbuffer_unlock(pev->lock);
}

/* Lock and take a reference; the other gives both back, and frees. */
void pev_enter_(struct packetevent *pev);
void pev_leave_(struct packetevent *pev);

/* Begin a batch in the arena, as max_batch and room say. */
struct pev_arena_ *pev_begin_batch_(struct packetevent *pev, size_t max_len,
    size_t gap, size_t bias);
/* Count the batch and call back with it.  Unlocks in between. */
void pev_deliver_(struct packetevent *pev);

/* Make an event callback due, and disable its direction first.  With
 * PEV_EVENT_ERROR that direction is over, and fails with err from then on. */
void pev_raise_(struct packetevent *pev, short what, int err,
    const char *step, const char *cure);
/* Both directions are over: the device is gone. */
void pev_fail_(struct packetevent *pev, int err, const char *step,
    const char *cure);
void pev_raise_connected_(struct packetevent *pev);

/* Run the read or the write timer anew, or stop it, as the state asks.  0, or
 * -1 when memory has run out. */
int pev_restart_timer_(struct packetevent *pev, enum pev_direction_ dir);

static inline void
pev_forget_segments_(struct packetevent *pev)
{
	pev->in_segments = 0;
	pev->segments_sent = 0;
}

static inline unsigned
pev_get_traits_(struct packetevent *pev)
{
	return pev->ops->get_traits != NULL ? pev->ops->get_traits(pev) : 0;
}

static inline int
pev_is_reading_(const struct packetevent *pev)
{
	return !pev->freed && (pev->enabled & EV_READ) != 0;
}

static inline int
pev_is_writing_(const struct packetevent *pev)
{
	return !pev->freed && (pev->enabled & EV_WRITE) != 0;
}

/* ---- send.c ---- */

/* What became of packets that were offered. */
struct pev_verdict_ {
	int err;	/* why the last one that was dropped was, or 0 */
	int is_full;	/* that is our own ENOBUFS, not a device's */
};

/* Send what is queued, at most max packets.  0; EAGAIN if what lies beneath
 * takes no more now; or why the last packet was lost. */
int pev_flush_(struct packetevent *pev, int max);
/* Count a packet that the other side has. */
void pev_count_written_(struct packetevent *pev, size_t len);
/* After packets have left: the write callback may be due. */
void pev_progress_(struct packetevent *pev);
/* Drop what is queued, and count it. */
void pev_drop_queue_(struct packetevent *pev);

/* The most packets that are handed over together. */
#define PEV_TOGETHER_ 128
/* Write at most PEV_TOGETHER_ packets; return how many were sent or queued. */
int pev_write_packets_(struct packetevent *pev,
    const struct pev_packet_ *packets, int n, struct pev_verdict_ *verdict);

/* ---- write.c ---- */

/* -1, with errno and the text. */
int pev_fail_write_(const struct packetevent *pev,
    const struct pev_verdict_ *verdict);

/* ---- large.c: frames that hold many packets ---- */

/* Whether the next batch is to be read unsplit. */
int pev_wants_large_(const struct packetevent *pev);
/* As ops->send, for a packet with a description. */
int pev_send_large_(struct packetevent *pev,
    const struct pev_packet_ *packet);

#endif /* EVTUN_PACKETEVENT_INTERNAL_H_INCLUDED_ */
