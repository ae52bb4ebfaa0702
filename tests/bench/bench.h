#ifndef EVTUN_BENCH_H_INCLUDED_
#define EVTUN_BENCH_H_INCLUDED_
/*
 * What the parts of the benchmark share.
 *
 * A measurement is made of processes: one that is measured, which is bare
 * (reference.c) or has packetevents (library.c), and those that send to it
 * and receive what it forwards (flow.c).  Each has a tally, in memory that
 * all of them see.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <event2/event.h>

#include "evtun/packetevent.h"
#include "evtun/tun.h"

/* Packets a turn: of the reference, as a packetevent has by default. */
#define BUDGET 64
#define MAX_TURNS 101
/* What holds every frame, and the header for offload before it. */
#define FRAME_ROOM (64 + EVTUN_MAX_FRAME)
/* The small packets: an IPv4 and a UDP header, and their payload. */
#define SMALL_HEADERS 28
#define SMALL_PAYLOAD 36
#define SMALL_PACKET (SMALL_HEADERS + SMALL_PAYLOAD)

/* ---- world.c: namespaces and devices ---- */

enum device_kind {
	BARE,			/* packets, made without the library */
	BARE_LARGE,		/* large frames, made without the library */
	PLAIN,			/* evtun_new() */
	OFFLOAD,		/* evtun_new(), EVTUN_OPT_OFFLOAD */
	N_DEVICE_KINDS
};

/* Where packets come in, and go out. */
struct end {
	struct evtun *tun;	/* NULL for a socket, and for what is bare */
	int fd;
	int to;			/* the end that its packets go to */
};

/*
 * Ends 0 and 1 are a device in the one and in the other private namespace,
 * which know one another's address.  Packets go from one to the other; or,
 * with a tunnel, from 0 to 2 and from 1 to 3 and back, and 2 and 3 are UDP
 * sockets that are connected to one another over lo.
 */
struct world {
	int ns[2];		/* descriptors of the namespaces */
	int n_ends;
	struct end end[4];
};

/* A call failed: end with the reason, that of the library if it has one. */
void die(const char *what) __attribute__((noreturn));
/* Something else is wrong: end, and say so. */
void wrong(const char *what) __attribute__((noreturn));
/* Become root, in a namespace of users if need be, and leave the network. */
void enter_private_world(void);
/* A new network namespace, in which nobody sends on his own account. */
void enter_namespace(void);
/* Back to that of enter_private_world(). */
void leave_namespace(void);

/* The world of that kind; made when it is first asked for, and kept.  What
 * was left in its queues is gone. */
const struct world *world_get(enum device_kind kind, int tunnel);
void world_free_all(void);
/* Give the devices of such a world IPv6 addresses too: PLAIN and OFFLOAD. */
void world_add_ipv6(const struct world *w);
/* A bound_socket() on that side, of its address. */
int world_socket(const struct world *w, int side, int family, int type,
    struct sockaddr_storage *where);

/* ---- sockets.c ---- */

/* A socket; bound to that address and a port of its own, if where is not
 * NULL, which is set to both. */
int bound_socket(int family, int type, const char *address,
    struct sockaddr_storage *where);
void connect_socket(int fd, const struct sockaddr_storage *to);
/* Let a socket have as large buffers as the system allows. */
void enlarge_buffers(int fd);
/* Give a world of two ends the sockets of a tunnel. */
void tunnel_make(struct world *w);

/* ---- process.c ---- */

/* What processes tell one another while they run. */
struct tally {
	_Atomic ev_uint64_t bytes;	/* received, or moved */
	_Atomic ev_uint64_t packets;
	_Atomic ev_uint64_t sent;	/* bytes, when the sender is done */
	_Atomic ev_uint64_t lost;	/* datagrams that did not arrive */
	_Atomic ev_uint64_t next;	/* datagram that is expected */
	_Atomic ev_uint64_t dropped;	/* by a packetevent */
	_Atomic int stop;		/* the sender is to come to an end */
	_Atomic int done;		/* the receiver has come to an end */
	double value;			/* a result, when all is done */
};

struct flow;

struct job {
	void (*run)(const struct job *job);
	const struct world *world;
	const struct flow *flow;
	struct tally *tally;
	int n;				/* for run to interpret */
	int cpu;			/* the first or second; 0 for any */
};

struct tally *tally_new(void);
void tally_free(struct tally *tally);
static inline void
tally_add(_Atomic ev_uint64_t *count, ev_uint64_t n)
{
	/* Each has one writer: there is nothing to lock. */
	atomic_store_explicit(count, atomic_load_explicit(count,
	    memory_order_relaxed) + n, memory_order_relaxed);
}

/* Run a job in a process of its own, which ends when this one does. */
pid_t job_start(const struct job *job);
/* End it, and die if it had ended before with an error. */
void job_stop(pid_t pid);
/* Wait for its end, and die if that was an error. */
void job_wait(pid_t pid);
/* Die if it has ended. */
void job_check(pid_t pid);

double clock_seconds(clockid_t clock);
void sleep_seconds(double seconds);
/* Processor time of a process so far. */
double cpu_seconds(pid_t pid);
/* How often a process has gone to sleep so far. */
long sleeps_of(pid_t pid);

/* ---- reference.c and library.c: what is measured ---- */

/* Open a TUN device in the namespace that this process is in. */
int reference_open(int large);
/* Move packets to and fro between the ends of job->world. */
void reference_forward(const struct job *job);
/* Count the packets that come to end 0; _large, those in large frames. */
void reference_read(const struct job *job);
void reference_read_large(const struct job *job);
/* Write packets to end 1. */
void reference_write(const struct job *job);

/* The same with packetevents; _split through a callback of the program's
 * own, and packetevent_write_batch(). */
void library_forward(const struct job *job);
void library_split(const struct job *job);
void library_read(const struct job *job);
void library_write(const struct job *job);

/* ---- source.c: small packets to write ---- */

struct source;
struct source *source_new(const struct sockaddr_storage *to);
/* The next BUDGET packets, with their checksums, of SMALL_PACKET bytes. */
struct evbuffer_iovec *source_next(struct source *source);
/* The Internet checksum of IPv4 UDP: 0 if it is right. */
unsigned udp_checksum(const unsigned char *packet, size_t len);

/* ---- flow.c: what is sent, and checked on arrival ---- */

/*
 * A stream is the block again and again, with the block's number in its first
 * 8 bytes; a datagram is its number, and a piece of the block that depends on
 * it.  So no byte can be in another's place unseen.
 */
#define BLOCK 131071		/* a prime: no size of a packet divides it */
struct flow {
	int from;			/* not connected yet */
	int at;				/* listens, or is bound */
	struct sockaddr_storage to;
	size_t size;			/* of a datagram; the largest */
	int batch;			/* datagrams in one call */
	int vary;			/* each batch has another size */
	int gro;			/* receive many in one call */
	int window;			/* datagrams on their way, 0: any */
	int every;			/* check one block in so many */
	struct tally *tally;
};

/* A TCP stream or a UDP flow from side 0 to side 1. */
void flow_open(struct flow *flow, const struct world *w, int family,
    int type);
void flow_close(struct flow *flow);
void stream_send(const struct job *job);
void stream_receive(const struct job *job);
void datagrams_send(const struct job *job);
void datagrams_receive(const struct job *job);
/* Requests, one after the other, and the echo; tally->value is the median of
 * the time that one took, in microseconds. */
void echo_request(const struct job *job);
void echo_reply(const struct job *job);
/* Make a datagram, and check one: die if a byte is wrong. */
void datagram_fill(unsigned char *buf, size_t size, ev_uint64_t number);
ev_uint64_t datagram_check(const unsigned char *buf, size_t size);
/* The block, and the place in it of what follows a datagram's number. */
unsigned char *block(void);

/* ---- rows.c, loads.c, farm.c, memory.c: what is measured how ---- */

struct sample {
	double value;		/* what the load's unit says */
	double cpu;		/* processor time, in the load's unit */
};

struct entrant;

struct load {
	const char *name;
	const char *title;
	const char *unit;
	const char *cpu_unit;	/* NULL if it has none */
	void (*measure)(const struct entrant *e, double seconds,
	    struct sample *sample);
};

/* One way to do the work of a load. */
struct entrant {
	const struct load *load;
	enum device_kind kind;
	void (*run)(const struct job *job);
	int n;			/* devices, where there are many */
};

/* A row of the table: an entrant beside another of the same turn. */
struct row {
	const char *name;
	const char *title;
	const struct entrant *entrant;
	const struct entrant *base;
	double goal;		/* of the ratio; 0 for none */
	int at_most;		/* the ratio is to be small */
	double cpu_goal;	/* processor time at most, 0 for none */
	double cpu_ratio_goal;	/* of that of the other at most */
};

struct plan {
	int turns;
	double seconds;
	const char *only;	/* the name of the only row, or NULL */
	FILE *table;		/* the others may be NULL */
	FILE *json;
	FILE *plot;
};

extern const struct load load_tcp, load_udp, load_in, load_out, load_latency,
    load_idle, load_memory, load_devices;
/* Packets of job->n devices, in turn; tally->value is ns for each packet. */
void farm_prepare(int n);
void farm_run_bare(const struct job *job);
void farm_run_library(const struct job *job);
void farm_free_all(void);
/* Make job->n devices; tally->value is bytes for each. */
void memory_run_library(const struct job *job);
void memory_run_offload(const struct job *job);
/* 1 if there is a row that the plan wants. */
int rows_has(const struct plan *plan);
void rows_run(const struct plan *plan);
void rows_list(FILE *f);

/* ---- report.c and plot.c ---- */

struct quartiles {
	double low;
	double median;
	double high;
};

struct result {
	const struct row *row;
	struct quartiles ratio;
	struct quartiles value;
	struct quartiles base;
	double cpu;
	double base_cpu;
	double cpu_ratio;
};

struct quartiles quartiles_of(const double *values, int n);
/* 1 if the goals are reached, 0 if not, -1 if there is none. */
int result_reached(const struct result *r);
void report_head(FILE *f, const struct plan *plan);
void report_load(FILE *f, const struct load *load);
void report_row(FILE *f, const struct result *r);
void report_json(FILE *f, const struct plan *plan, const struct result *r,
    int n);
void plot_results(FILE *f, const struct result *r, int n);

/* ---- the other commands ---- */

int devices_main(int argc, char **argv);
int packets_main(int argc, char **argv);
int soak_main(int argc, char **argv);

#endif /* EVTUN_BENCH_H_INCLUDED_ */
