#ifndef EVTUN_FD_INTERNAL_H_INCLUDED_
#define EVTUN_FD_INTERNAL_H_INCLUDED_
/*
 * Packetevents over a descriptor: fd.c has the events, fd_read.c the batch,
 * device.c and socket.c what is below.
 */
#include <errno.h>

#include "packetevent-internal.h"

struct evtun;

struct fd_pev {
	struct packetevent pev;
	struct pev_queue_ queue;
	const struct fd_io *io;
	struct evtun *tun;		/* devices alone */
	evutil_socket_t fd;
	size_t max_len;			/* of a packet */
	size_t prefix;			/* bytes that the system puts before */
	size_t bias;			/* puts the IP header on 4 bytes */
	int eof_on_zero;		/* what a read of 0 is */
	int is_datagram;		/* packets have addresses */
	int has_et;			/* base knows EV_ET */

	struct event *ev;		/* the descriptor's only event */
	short armed;			/* what ev is added for, or 0 */
	struct event *ev_probe;		/* devices, without EV_ET */
	struct event *ev_retry;		/* descriptors */
	unsigned spent : 1;		/* an edge has been used up: re-arm */
	unsigned stalled : 1;		/* ev_retry stands in for EV_WRITE */

	int saved_reads, saving;	/* see fd_read_limit() */
};

/* How a batch is read, and when that is over. */
struct fd_io {
	/* fd_fill_() with what reads one packet.  Not locked: only the thread
	 * of the loop reads.  Returns 0; EAGAIN if nothing is left; or what
	 * ended it, FD_EOF among them.  lost[1] counts malformed packets,
	 * lost[0] others that were not to be had. */
	int (*fill)(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
	    int lost[2]);
	/* Whether that error ends it all, or one packet alone. */
	int (*is_fatal)(const struct fd_pev *fp, int err);
	/* Devices alone: 0 or an errno that says that it is gone. */
	int (*probe)(struct fd_pev *fp);
};

#define FD_EOF (-2)

/* Read until the arena is full or nothing is left.  read_one returns the
 * length of one packet; 0 for one that is empty; FD_EOF; or -1 with errno,
 * where EMSGSIZE and EBADMSG have lost a packet.  Inline, so that it is called
 * directly: an indirect call for every packet can be measured. */
static inline int
fd_fill_(struct fd_pev *fp, struct pev_arena_ *arena, int limit, int lost[2],
    ev_ssize_t (*read_one)(struct fd_pev *, unsigned char *, size_t))
{
	unsigned char *packet;
	ev_ssize_t n;
	int reads;

	for (reads = 0; reads < limit; reads++) {
		packet = pev_arena_next_(arena);
		if (packet == NULL)
			return 0;
		n = read_one(fp, packet, arena->max_len + 1);
		if (n > 0)
			pev_arena_take_(arena, packet, (size_t)n);
		else if (n == FD_EOF)
			return FD_EOF;
		else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return EAGAIN;
		else if (n < 0 && errno != EINTR) {
			if (fp->io->is_fatal(fp, errno))
				return errno;
			lost[errno == EBADMSG]++;
		}
	}
	return 0;
}

/* like says what it is over: io, fd, max_len and what io needs. */
struct packetevent *fd_new_(struct event_base *base,
    const struct pev_ops_ *ops, const struct fd_pev *like, int options);

/* The operations that all kinds of descriptor share. */
int fd_update_(struct packetevent *pev, int waiting);
int fd_has_sources_(struct packetevent *pev);
int fd_set_priority_(struct packetevent *pev, int priority);
evutil_socket_t fd_get_fd_(struct packetevent *pev);
void fd_free_events_(struct packetevent *pev);
void fd_destroy_(struct packetevent *pev);

#define FD_SHARED_OPS_ \
	.update = fd_update_, \
	.has_sources = fd_has_sources_, \
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

/* What is_fatal is where no network reports errors of its own. */
int fd_is_fatal_(const struct fd_pev *fp, int err);

/* Read one batch and deliver it; locked, and unlocks in between. */
void fd_read_(struct fd_pev *fp);
/* The device or the descriptor is of no more use. */
void fd_gone_(struct fd_pev *fp, int err, const char *step);

#endif /* EVTUN_FD_INTERNAL_H_INCLUDED_ */
