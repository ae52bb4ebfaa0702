#ifndef EVTUN_TESTS_KIT_H_INCLUDED_
#define EVTUN_TESTS_KIT_H_INCLUDED_
/*
 * What the tests share: a main that prints TAP, network namespaces, and two
 * packetevents of any kind that are connected to one another.
 *
 * A test program is a list of Check's START_TESTs and
 *
 *	int
 *	main(void)
 *	{
 *		kit_suite("pev_order");
 *		kit_case("both_ways", 0);
 *		kit_test(test_nothing_comes);
 *		kit_loop(test_sizes, 0, 5);
 *		kit_setups(test_order, KIT_ALL);
 *		return kit_run();
 *	}
 *
 * Each test runs in a process of its own.  One that cannot run for lack of a
 * privilege is printed as skipped, with the reason.  CK_FORK=no and
 * CK_RUN_CASE work as ever; CK_TIMEOUT_MULTIPLIER makes everything patient;
 * KIT_BACKEND=epoll leaves the set-ups with other backends out.
 */
#include <errno.h>
#include <stddef.h>

#include <check.h>
#include <event2/event.h>
#include <event2/buffer.h>
#include <event2/util.h>

#include "evtun/packetevent.h"
#include "evtun/tun.h"

struct bufferevent;

/* ---- kit.c: the main, and the process ---- */

/* What a test case cannot do without. */
#define KIT_NEEDS_NETNS	0x1	/* a network namespace of its own */
#define KIT_NEEDS_TUN	0x3	/* and devices in it */
#define KIT_NEEDS_ROOT	0x5	/* uid 0, and not just in a user namespace */
#define KIT_NEEDS_TUN_ROOT 0x7

/* Name the suite: once, first. */
void kit_suite(const char *name);
/* Begin a test case: what follows is added to it. */
void kit_case(const char *name, unsigned needs);
/* Add a test, or one for each start <= _i < end. */
void kit_test(const TTest *test);
void kit_loop(const TTest *test, int start, int end);
/* Add a test for each set-up of these kinds: _i is for kit_rig_new(). */
void kit_setups(const TTest *test, unsigned kinds);
/* The same, but only those that are thread-safe, or only the others. */
void kit_threadsafe(const TTest *test, unsigned kinds);
void kit_plain(const TTest *test, unsigned kinds);
/* The same for each kind once: plain, with the default backend. */
void kit_kinds(const TTest *test, unsigned kinds);
/* The ways of which set-ups of devices are added from now on, 1 << way each:
 * all, unless this is set. */
extern unsigned kit_ways;
/* Run everything, print TAP, and return the exit status. */
int kit_run(void);

/* From within a test: leave it, visibly. */
void kit_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2),
    noreturn));

/* Enter a fresh network namespace: lo is up, IPv6 is off for all that comes,
 * so that no frame is sent which no test asked for.  Without root it is in a
 * user namespace where the caller is root. */
void kit_netns(void);
/* After that, where other processes' descriptors are looked at: a namespace
 * for processes, with a /proc that has those of the test alone. */
void kit_own_proc(void);
/* Switch IPv6 on or off in it, for interfaces there are and those to come. */
void kit_ipv6(int on);

/* How many descriptors are open. */
int kit_count_fds(void);

/* ---- kit_rig.c: two packetevents, connected ---- */

enum kit_kind {
	KIT_PAIR,		/* packetevent_pair_new() */
	KIT_DGRAM,		/* AF_UNIX, SOCK_DGRAM */
	KIT_SEQPACKET,		/* AF_UNIX, SOCK_SEQPACKET */
	KIT_UDP,		/* two connected sockets on the loopback */
	KIT_STREAM16,		/* two bytes of length, over a socket */
	KIT_STREAM32,		/* four */
	KIT_STREAM_PAIR,	/* two, over bufferevent_pair_new() */
	KIT_TUN,		/* a device, and a packet socket at its */
	KIT_TAP,		/* interface */
	KIT_N_KINDS
};
#define KIT_BIT(kind)	(1u << (kind))
#define KIT_DEVICES	(KIT_BIT(KIT_TUN) | KIT_BIT(KIT_TAP))
#define KIT_STREAMS	(KIT_BIT(KIT_STREAM16) | KIT_BIT(KIT_STREAM32) | \
	KIT_BIT(KIT_STREAM_PAIR))
#define KIT_UNIX	(KIT_BIT(KIT_DGRAM) | KIT_BIT(KIT_SEQPACKET))
#define KIT_SOCKETS	(KIT_UNIX | KIT_BIT(KIT_UDP))
#define KIT_FDS		(KIT_SOCKETS | KIT_DEVICES)
#define KIT_MEMORY	(KIT_BIT(KIT_PAIR) | KIT_STREAMS)
#define KIT_ALL		(KIT_MEMORY | KIT_FDS)

enum kit_backend { KIT_EPOLL, KIT_POLL, KIT_SELECT, KIT_N_BACKENDS };

/* How a device moves packets. */
enum kit_way {
	KIT_PLAIN,		/* singly, and in runs by io_uring */
	KIT_OFFLOAD,		/* EVTUN_OPT_OFFLOAD */
	KIT_NO_RING,		/* PEV_OPT_NO_IO_URING */
	KIT_N_WAYS
};

/* A set-up is a kind, a backend, plain or thread-safe and, of a device, a way;
 * as a number, so that Check can loop over it.  KIT_SETUP() is plain. */
#define KIT_N_SETUPS	(KIT_N_KINDS * 2 * KIT_N_BACKENDS)
#define KIT_SETUP(kind, ts, backend) \
	(((kind) * 2 + (ts)) * KIT_N_BACKENDS + (backend))
#define KIT_WAY_OF(setup)	((enum kit_way)((setup) / KIT_N_SETUPS))
#define KIT_KIND_OF(setup) \
	((enum kit_kind)((setup) % KIT_N_SETUPS / (2 * KIT_N_BACKENDS)))
#define KIT_TS_OF(setup)	((setup) / KIT_N_BACKENDS % 2)
#define KIT_BACKEND_OF(setup)	((enum kit_backend)((setup) % KIT_N_BACKENDS))

/* What a packetevent has called back with. */
struct kit_packet {
	size_t len;
	unsigned char *data;
};
struct kit_event {
	short what;
	int err;
	char text[256];
};
#define KIT_MAX_EVENTS 16
struct kit_log {
	struct kit_packet *packets;
	size_t n_packets, room;
	struct kit_event events[KIT_MAX_EVENTS];
	int n_events;
	int n_batches;		/* read callbacks */
	int max_batch;		/* most packets in one of them */
	size_t max_bytes;	/* most bytes in one of them */
	int n_writecbs;
	int forgetful;		/* count the packets, keep no bytes */
};

/* End 0 of a device rig is the device, end 1 the packet socket. */
struct kit_rig {
	int setup;
	enum kit_kind kind;
	int threadsafe;
	struct event_base *base;
	/* Freed by kit_rig_free(), unless the test did it and put NULL. */
	struct packetevent *pev[2];
	struct kit_log log[2];
	struct bufferevent *bev[2];	/* streams, or NULL */
	struct evtun *tun;		/* devices, or NULL */
	char name[16];
	int fds_before;
};

/* libevent's debug mode (plain), or lock debugging (threadsafe), is on in the
 * bases made here, unless this is set to 0 first: those exit when memory runs
 * out. */
extern int kit_debug;

/* Both ends have the recording callbacks (argument &log[i]), and only
 * writing enabled.  Everything goes with the packetevents. */
struct kit_rig *kit_rig_new(int setup);
/* Free everything, and fail if a descriptor is left. */
void kit_rig_free(struct kit_rig *rig);
/* The same base that a rig has, and the options that fit it. */
struct event_base *kit_base_new(int setup);
int kit_options(int setup);
const char *kit_kind_name(enum kit_kind kind);
const char *kit_setup_name(int setup);
/* The options that the way of a set-up takes. */
int kit_tun_options(int setup);

/* The parts, for tests that need more of them. */
/* A device of the kind, up, in the namespace at hand. */
struct evtun *kit_tun_new(enum kit_kind kind, const char *name, int options);
/* A packet socket at the interface: whole frames, none of its own. */
evutil_socket_t kit_packet_socket(const char *ifname);
/* Two connected descriptors of one of KIT_SOCKETS, nonblocking. */
void kit_sockets(enum kit_kind kind, evutil_socket_t fd[2]);
/* Delete an interface, or bring it up or down; kit_link.c. */
void kit_link_delete(const char *ifname);
void kit_link_up(const char *ifname, int up);

/* ---- kit_packets.c: packets, and what became of them ---- */

size_t kit_min_size(enum kit_kind kind);
size_t kit_max_size(enum kit_kind kind);
/* More than any packet can have. */
#define KIT_TOO_LARGE 70000
/* Bytes that index and size determine, valid for the kind. */
void kit_fill(enum kit_kind kind, void *data, unsigned index, size_t size);
int kit_matches(enum kit_kind kind, const void *data, unsigned index,
    size_t size);
/* Write such a packet; the result and errno of packetevent_write(). */
int kit_write(struct kit_rig *rig, int end, unsigned index, size_t size);
/* packetevent_enable(), which must succeed. */
void kit_enable(struct kit_rig *rig, int end, short events);
ev_uint64_t kit_count(struct kit_rig *rig, int end,
    enum packetevent_count which);
/* Fail unless the counters of an end account for n packets offered to it. */
void kit_check_counts(struct kit_rig *rig, int end, ev_uint64_t offered);
/* Fail unless packet i that came to this end is that one. */
void kit_check_packet(struct kit_rig *rig, int end, size_t i, unsigned index,
    size_t size);

/* Disable writing at end 0, and queue packets 0 to n - 1 there. */
void kit_queue_some(struct kit_rig *rig, unsigned n, size_t size);
void kit_check_queued(struct kit_rig *rig, size_t packets, size_t bytes);
/* Read packets 0 to n - 1, and no more, at end 1. */
void kit_read_some(struct kit_rig *rig, unsigned n, size_t size);

/* The recording callbacks; ctx is a struct kit_log. */
void kit_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx);
void kit_writecb(struct packetevent *pev, void *ctx);
void kit_eventcb(struct packetevent *pev, short what, void *ctx);
void kit_log_clear(struct kit_log *log);

/* Fail unless cond, but cheaply: Check's own macros leave a mark in a file
 * for every success. */
#define kit_check(cond, ...) do { \
	if (!(cond)) \
		ck_abort_msg(__VA_ARGS__); \
} while (0)
/* Fail, in the library's words, unless a call returned 0. */
#define kit_ok(call) \
	kit_check((call) == 0, "%s: %s", #call, evtun_get_error())
/* Fail unless a call returned -1 with this errno. */
#define kit_fails(call, err) do { \
	int kit_result_ = (call), kit_errno_ = errno; \
	ck_assert_msg(kit_result_ == -1, "%s returned %d", #call, \
	    kit_result_); \
	ck_assert_msg(kit_errno_ == (err), "%s: errno %d, not %s (%s)", \
	    #call, kit_errno_, #err, evtun_get_error()); \
} while (0)

/* ---- kit_flow.c: many packets ---- */

/* Packets 0 to n - 1 from an end to the other, checked byte for byte as they
 * come, with no more on their way than any kind holds. */
struct kit_flow {
	struct kit_rig *rig;
	int from;
	unsigned n, sent, got;
	size_t on_the_way;
};
/* The size of a packet of a flow: most are small, some are jumbo. */
size_t kit_flow_size(enum kit_kind kind, unsigned index);
/* Takes the callbacks of the other end, and enables it for reading. */
void kit_flow_start(struct kit_flow *flow, struct kit_rig *rig, int from,
    unsigned n);
void kit_flows_run(struct kit_flow *flow, int n);
/* Show that both directions work, with n packets each.  Both ends must have
 * nothing queued and be enabled for writing; reading stays enabled. */
void kit_traffic(struct kit_rig *rig, unsigned n);

/* ---- kit_wait.c: the loop ---- */

/* How many times patience is stretched (CK_TIMEOUT_MULTIPLIER). */
double kit_patience(void);
/* Run the loop until cond(arg), or fail saying what did not happen. */
void kit_until(struct event_base *base, int (*cond)(void *), void *arg,
    const char *what);
/* Until this end has read n packets, had n events or n write callbacks. */
void kit_until_packets(struct kit_rig *rig, int end, size_t n);
void kit_until_events(struct kit_rig *rig, int end, int n);
void kit_until_writecbs(struct kit_rig *rig, int end, int n);
/* Run what is ready now, and a few turns more: what would have come from
 * it has come. */
void kit_settle(struct event_base *base);
/* How many times this process has asked the kernel what is ready. */
unsigned long kit_count_waits(void);
/* Fail if the loop wakes up for anything while there is nothing to do.  (Not
 * for a device whose reading is paused, with poll or select: it has to be
 * looked after now and then.) */
void kit_check_idle(struct event_base *base);
/* For longer: a timer of a tenth of a second would be seen. */
void kit_check_dead(struct event_base *base);

#endif /* EVTUN_TESTS_KIT_H_INCLUDED_ */
