#ifndef EVTUN_FD_INTERNAL_H_INCLUDED_
#define EVTUN_FD_INTERNAL_H_INCLUDED_
/*
 * Packetevents over a descriptor: fd.c has the events, fd_read.c the batch,
 * device.c, datagram.c and socket.c what is below.
 */
#include <errno.h>

#include "packetevent-internal.h"

struct datagram_;
struct evtun;

/* How a socket is read: datagram.c.  Belongs to the thread of the loop, but
 * for what is set at birth. */
struct fd_inbox_ {
	struct evbuffer *memory;	/* NULL until it is needed */
	struct datagram_ *msgs;		/* as many as are received together */
	int first, n;			/* those that wait */
	size_t taken;			/* bytes of the first one, already */
	/* The largest of the last ones: what to expect of the next. */
	size_t len;
	int segments;
	int is_run;			/* the last read found several */
	int no_memory;
	/* Set at birth. */
	int is_udp;
	int has_joined;			/* we have switched UDP_GRO on */
	ev_uint64_t serial;		/* of the socket that fd was then */
};

/* How a socket is written to: datagram_send.c. */
struct fd_outbox_ {
	int joins;		/* datagrams may be joined */
	size_t too_large;	/* segments that cannot be */
	int refusals;
};

struct fd_pev {
	struct packetevent pev;
	struct pev_queue_ queue;
	const struct fd_io *io;
	struct evtun *tun;		/* devices alone */
	evutil_socket_t fd;
	size_t max_len;			/* of a packet */
	size_t prefix;			/* bytes that the system puts before */
	size_t bias;			/* puts the IP header on 4 bytes */
	int has_offload;		/* devices: frames are split */
	int has_info;			/* devices: packet information */
	int eof_on_zero;		/* what a read of 0 is */
	int is_datagram;		/* packets have addresses */
	int has_et;			/* base knows EV_ET */

	struct event *ev;		/* the descriptor's only event */
	short armed;			/* what ev is added for, or 0 */
	struct event *ev_probe;		/* devices, without EV_ET */
	struct event *ev_retry;		/* descriptors */
	struct event *ev_more;		/* what reads ahead */
	unsigned spent : 1;		/* an edge has been used up: re-arm */
	unsigned stalled : 1;		/* ev_retry stands in for EV_WRITE */
	unsigned has_more : 1;		/* packets have been read that were
					 * not in a batch yet */

	int saved_reads, saving;	/* see fd_read_limit() */
	int last_reads;			/* of the last wakeup */
	int refusal;			/* enum offload_refusal_, of EBADMSG */

	struct fd_inbox_ inbox;		/* sockets alone */
	struct fd_outbox_ outbox;
};

/* What came of reading, but for packets. */
struct fd_tally {
	int reads;		/* that found something */
	int dropped;		/* packets that were not to be had */
	/* Frames that were refused, for each enum offload_refusal_. */
	int refused[PEV_REFUSALS_];
};

/* How a batch is read, and when that is over. */
struct fd_io {
	/* Fill the arena, with at most limit reads.  Not locked: only the
	 * thread of the loop reads.  Returns 0; EAGAIN if nothing is left; or
	 * what ended it, FD_EOF among them. */
	int (*fill)(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
	    struct fd_tally *tally);
	/* Whether that error ends it all, or one packet alone. */
	int (*is_fatal)(const struct fd_pev *fp, int err);
	/* Devices alone: 0 or an errno that says that it is gone. */
	int (*probe)(struct fd_pev *fp);
	/* How many packets have been read that were not in a batch yet; NULL
	 * where that is always 0.  Called as fill is. */
	int (*get_waiting)(struct fd_pev *fp);
	/* Not locked: free what is the io's own; may be NULL. */
	void (*destroy)(struct fd_pev *fp);
};

#define FD_EOF (-2)

/* What a read that returned -1 has to say: 0, go on; or what ended it. */
static inline int
fd_judge_(struct fd_pev *fp, int err, struct fd_tally *tally)
{
	if (err == EAGAIN || err == EWOULDBLOCK)
		return EAGAIN;
	if (err == EINTR)
		return 0;
	if (fp->io->is_fatal(fp, err))
		return err;
	tally->reads++;
	if (err == EBADMSG)
		tally->refused[fp->refusal ? fp->refusal :
		    PEV_REFUSED_SHORT_]++;
	else
		tally->dropped++;
	return 0;
}

/* Fill the arena with packets that read_one reads: it returns the length of
 * one; 0 for one that is empty; FD_EOF; or -1 with errno.  Inline, so that it
 * is called directly: an indirect call for every packet can be measured. */
static inline int
fd_fill_(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally,
    ev_ssize_t (*read_one)(struct fd_pev *, unsigned char *, size_t))
{
	unsigned char *packet;
	int i, err;
	ev_ssize_t n;

	for (i = 0; i < limit; i++) {
		packet = pev_arena_next_(arena);
		if (packet == NULL)
			return 0;
		n = read_one(fp, packet, arena->max_len + 1);
		if (n > 0) {
			pev_arena_take_(arena, packet, (size_t)n);
			tally->reads++;
		} else if (n == FD_EOF) {
			return FD_EOF;
		} else if (n < 0) {
			err = fd_judge_(fp, errno, tally);
			if (err)
				return err;
		}
	}
	return 0;
}

/* like says what it is over: io, fd, max_len and what io needs. */
struct packetevent *fd_new_(struct event_base *base,
    const struct pev_ops_ *ops, const struct fd_pev *like, int options);

/* The operations that all kinds of descriptor share. */
int fd_update_(struct packetevent *pev, int waiting);
void fd_failed_(struct packetevent *pev, int err);
int fd_set_priority_(struct packetevent *pev, int priority);
evutil_socket_t fd_get_fd_(struct packetevent *pev);
void fd_free_events_(struct packetevent *pev);
void fd_destroy_(struct packetevent *pev);

#define FD_SHARED_OPS_ \
	.update = fd_update_, \
	.failed = fd_failed_, \
	.set_priority = fd_set_priority_, \
	.get_fd = fd_get_fd_, \
	.free_events = fd_free_events_, \
	.destroy = fd_destroy_

static inline struct fd_pev *
fd_upcast_(struct packetevent *pev)
{
	return (struct fd_pev *)(void *)pev;	/* its first member */
}

/* What pev_ops_.send returns after err, with which the system refused a
 * packet: EAGAIN if it is to wait. */
int fd_refused_(struct fd_pev *fp, int err);
/* The same for one of many, where nothing is raised. */
int fd_refused_one_(struct fd_pev *fp, int err);

/* What is_fatal is where no network reports errors of its own. */
int fd_is_fatal_(const struct fd_pev *fp, int err);

/* Read one batch and deliver it; locked, and unlocks in between. */
void fd_read_(struct fd_pev *fp);
/* The device or the descriptor is of no more use. */
void fd_gone_(struct fd_pev *fp, int err, const char *step);

#endif /* EVTUN_FD_INTERNAL_H_INCLUDED_ */
