#ifndef EVTUN_TESTS_DATAGRAM_RIG_H_INCLUDED_
#define EVTUN_TESTS_DATAGRAM_RIG_H_INCLUDED_

#include <sys/socket.h>

#include "kit.h"

/* What a queue of any AF_UNIX socket holds. */
#define SOME 10
#define MANY 64

/* The first two are connected, the next two are not. */
enum sort { UDP4, UDP6, OPEN4, OPEN6, DGRAM, SEQPACKET, N_SORTS };
/* Of a test's loop: a sort, plain and thread-safe. */
#define SORT_OF(loop) ((enum sort)((loop) / 2))

/* rig.pev[0] is over fd; over peer is rig.pev[1], if a test adds it. */
struct ends {
	struct kit_rig rig;
	evutil_socket_t fd, peer;
};

/* The sockets alone, in a namespace of their own. */
void ends_open_sockets(struct ends *ends, int loop);
/* A packetevent over one of them, which is not closed with it. */
struct packetevent *ends_add(struct ends *ends, int end);
/* Sockets and packetevent 0; or both. */
void ends_open(struct ends *ends, int loop);
void ends_open_both(struct ends *ends, int loop);
/* Packetevent 0 reads no more after each batch, of so many packets at most. */
void ends_stop_reading(struct ends *ends, int max_batch);
void ends_close(struct ends *ends);
void connect_to(evutil_socket_t fd, const struct sockaddr_storage *addr);

/* Packets start to start + n - 1 come from the plain socket, or to it. */
void peer_send(struct ends *ends, unsigned start, unsigned n, size_t size);
void peer_check(struct ends *ends, unsigned start, unsigned n, size_t size);
void peer_check_nothing(struct ends *ends);

/* Write such packets together; return what packetevent_write_batch() says. */
int write_sizes(struct packetevent *pev, unsigned start, unsigned n,
    size_t (*get_size)(unsigned));
int write_many(struct packetevent *pev, unsigned start, unsigned n,
    size_t size);
/* Fail unless packetevent 0 has read packets 0 to n - 1, and no more, since
 * the last time, and nothing else happened. */
void check_read(struct ends *ends, unsigned n, size_t size);
/* How often the kernel refused what packetevent 1 had joined. */
ev_uint64_t count_unjoined(struct ends *ends);

/*
 * Functions stand before the library's recvmsg(), recvmmsg(), sendmsg() and
 * sendmmsg(): they count, and answer for the kernel.  datagram_wrap.c
 */
struct datagram_wrap {
	int receives, sends;		/* system calls */
	int received_joined;		/* messages with UDP_GRO */
	int sent_joined;		/* messages with UDP_SEGMENT */
	int refuse;			/* errno of those, or 0 */
	int forbid;			/* errno of the calls for many */
	int limited, room;		/* after so many messages, EAGAIN */
};
extern struct datagram_wrap datagram_wrap;

#endif /* EVTUN_TESTS_DATAGRAM_RIG_H_INCLUDED_ */
