#ifndef EVTUN_FD_INTERNAL_H_INCLUDED_
#define EVTUN_FD_INTERNAL_H_INCLUDED_
/*
 * Packetevents over a descriptor: fd.c has the events, fd_read.c the batch,
 * device.c and socket.c what is below.
 */
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

	struct event *ev;		/* the descriptor's only event */
	short armed;			/* what ev is added for, or 0 */
	struct event *ev_probe;		/* devices, without EV_ET */
	struct event *ev_retry;		/* descriptors */
	unsigned has_et : 1;
	unsigned spent : 1;		/* an edge has been used up: re-arm */
	unsigned stalled : 1;		/* ev_retry stands in for EV_WRITE */
	unsigned eof_on_zero : 1;	/* descriptors: what a read of 0 is */
	unsigned is_datagram : 1;	/* sockets: packets have addresses */

	int saved_reads, saving;	/* see fd_read_limit() */
};

/* What differs between devices, sockets and other descriptors. */
struct fd_io {
	/* Read one packet: its length; 0 for one that is empty; FD_EOF; or -1
	 * with errno, where EMSGSIZE and EBADMSG have lost a packet. */
	ev_ssize_t (*read)(struct fd_pev *fp, unsigned char *packet,
	    size_t space);
	/* Write one packet: 0 or an errno. */
	int (*write)(struct fd_pev *fp, const struct pev_packet_ *packet);
	/* As pev_ops_.check. */
	int (*check)(const struct fd_pev *fp, const void *head, size_t n,
	    size_t len);
	/* Whether that error ends it all, or one packet alone. */
	int (*is_fatal)(const struct fd_pev *fp, int err);
	/* Devices alone: 0 or an errno that says that it is gone. */
	int (*probe)(struct fd_pev *fp);
	void (*close)(struct fd_pev *fp);
};

#define FD_EOF (-2)

/* like says what it is over: io, fd, max_len and what io needs. */
struct packetevent *fd_new_(struct event_base *base,
    const struct fd_pev *like, int options);

/* Read one batch and deliver it; locked, and unlocks in between. */
void fd_read_(struct fd_pev *fp);
/* The device or the descriptor is of no more use. */
void fd_gone_(struct fd_pev *fp, int err, const char *step);

#endif /* EVTUN_FD_INTERNAL_H_INCLUDED_ */
