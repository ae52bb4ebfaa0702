#ifndef EVTUN_DATAGRAM_INTERNAL_H_INCLUDED_
#define EVTUN_DATAGRAM_INTERNAL_H_INCLUDED_
/*
 * Many datagrams in one system call: datagram.c and datagram_send.c say when,
 * datagram_linux.c and datagram_plain.c how.
 *
 * On a UDP socket the system can also join datagrams of one size, of which
 * the last may be shorter, into one message: what it has received (UDP_GRO),
 * and what it is to send (UDP_SEGMENT).  See udp(7), and udp_offload.c and
 * udp.c of the kernel.
 */
#include "fd-internal.h"

/* A message: one datagram, or several that are joined. */
struct datagram_ {
	unsigned char *data;
	size_t len;			/* the room; then what it holds */
	struct pev_source_ *source;	/* or NULL */
	size_t segment;			/* of joined ones; else 0 */
	int is_cut;			/* it was larger than that */
};

/* As many messages as are received together.  More of them gain nothing, and
 * this many fit in 1 MiB, to which an evbuffer rounds up. */
#define DATAGRAMS_MAX_ 15

/* Datagrams that are sent as one message, when there is more than one. */
struct datagram_run_ {
	const struct pev_packet_ *packets;	/* in one piece each */
	int n;
};

/* As many messages, and packets in them, as are sent together. */
#define DATAGRAM_RUNS_MAX_ 64
#define DATAGRAM_PACKETS_MAX_ 128

/* ---- datagram_linux.c, datagram_plain.c ---- */

/* Whether the system receives more than one message at once. */
extern const int datagram_has_many_;

/* Receive at most n messages, DATAGRAMS_MAX_ of them, without waiting.  Return
 * how many; or -1 with errno, which is about the first one.  What else there
 * is to say comes with the next call. */
int datagram_receive_(evutil_socket_t fd, struct datagram_ *msgs, int n,
    int is_udp);

/* Send runs, likewise. */
int datagram_send_(evutil_socket_t fd, const struct datagram_run_ *runs,
    int n);

/* Whether it is a UDP socket over IPv4 or IPv6, where the system joins. */
int datagram_is_udp_(evutil_socket_t fd);

/* Have what is received joined, or not; 1 if that is new, else 0. */
int datagram_join_received_(evutil_socket_t fd, int on);
/* Whether it is so. */
int datagram_is_joined_(evutil_socket_t fd);

/* Whether runs of more than one can be sent. */
int datagram_can_join_(evutil_socket_t fd);

/* ---- datagram.c ---- */

/* struct fd_io, for sockets. */
int datagram_fill_(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    struct fd_tally *tally);
int datagram_get_waiting_(struct fd_pev *fp);
void datagram_destroy_(struct fd_pev *fp);

/* The last step of birth: find out what the socket can do.  0, or -1 with
 * errno. */
int datagram_open_(struct fd_pev *fp);
/* struct pev_ops_: leave the socket as it was. */
void datagram_detach_(struct packetevent *pev);

/* ---- datagram_send.c ---- */

/* struct pev_ops_. */
int datagram_send_one_(struct packetevent *pev,
    const struct pev_packet_ *packet);
void datagram_send_many_(struct packetevent *pev,
    const struct pev_packet_ *packets, int n, int *errs);

#endif /* EVTUN_DATAGRAM_INTERNAL_H_INCLUDED_ */
