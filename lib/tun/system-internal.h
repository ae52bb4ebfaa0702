#ifndef EVTUN_SYSTEM_INTERNAL_H_INCLUDED_
#define EVTUN_SYSTEM_INTERNAL_H_INCLUDED_
/*
 * What one operating system does for lib/tun: one file per system has these
 * functions, and those of tun-internal.h that move packets.
 *
 * Every function returns -1 after evtun_fail_(), unless it says otherwise.
 */
#include <errno.h>

#include <event2/buffer.h>
#include <event2/util.h>

#include "evtun/offload.h"

/* The longest interface name and its NUL: IFNAMSIZ everywhere. */
#define EVTUN_NAME_SIZE 16

/* Bytes of packet information: flags and EtherType. */
#define EVTUN_INFO_SIZE 4
/* The longest header with a description of the packet. */
#define EVTUN_PREFIX_MAX 24

struct evtun_frames;
struct evtun_opening;
struct evtun_ring;

struct evtun {
	evutil_socket_t fd;
	/* EVTUN_OPT_*, those in effect. */
	int options;
	/* Bytes that the system puts before a packet and nobody sees. */
	size_t prefix;
	/* Numbers in it are in the other byte order. */
	int is_swapped;
	/* The process that set all this, at its open; 0 if none of ours. */
	long offload_pid;
	/* The most datagrams that are joined; 0 is what all systems take. */
	unsigned udp_segments;
	/* How written packets are handed over: enum evtun_napi. */
	int napi;
	/* The largest packet, packet information included. */
	size_t max;
	/* With EVTUN_OPT_OFFLOAD: see frames.c. */
	struct evtun_frames *frames;
	/* A packetevent has it: evtun_claim_(). */
	int is_claimed;
	/* Many packets in one call, without offload: see many_linux.c.  Each
	 * direction may have a thread of its own. */
	int may_ring_in;
	struct evtun_ring *ring_in;
	int waiting;		/* results that have not been taken */
	int may_ring_out;
	struct evtun_ring *ring_out;
	/* The last name known, or "". */
	char name[EVTUN_NAME_SIZE];
	/* The index that the interface had when it was opened, and the
	 * network namespace, as device and inode: they tell it from another
	 * interface of that name.  0 where they are not known. */
	unsigned index;
	ev_uint64_t home[2];
	/* A descriptor, ours, for the network namespace of the interface if it
	 * is not that of the caller; else -1. */
	int netns;
	/* What the sender of a received device has said; or 0. */
	int sent_mtu;
	unsigned sent_index;
};

/* An address of an interface, in network byte order. */
struct evtun_address {
	int family;			/* AF_INET or AF_INET6 */
	unsigned prefix_len;
	int has_peer;
	unsigned char addr[16];		/* the first 4 if AF_INET */
	unsigned char peer[16];		/* addr itself without a peer */
};

/* Parse "address/length" and a peer, which may be NULL. */
int evtun_parse_address_(struct evtun_address *out, const char *addr,
    const char *peer);

/* Fill in a device that is all zero; on failure nothing is left behind. */
int evtun_system_open_(struct evtun *tun, const char *name, int options,
    struct evtun_opening *how);
int evtun_system_adopt_(struct evtun *tun, evutil_socket_t fd, int options);
int evtun_system_queue_(struct evtun *tun, struct evtun *from);

void evtun_system_close_(struct evtun *tun);
/* evtun_free() for each, NULLs among them; together where that is quicker. */
void evtun_system_free_many_(struct evtun **tuns, size_t n);
evutil_socket_t evtun_system_release_(struct evtun *tun);

/* Bring tun->name up to date, if the system tells. */
void evtun_system_name_(struct evtun *tun);
int evtun_system_options_(const struct evtun *tun);

/* As evtun_recv_(), to a buffer of any length, without offload: EMSGSIZE if
 * the packet did not fit, 0 if there is none now.  Sets errno only. */
ev_ssize_t evtun_system_read_(struct evtun *tun, void *data, size_t len);

/* A frame and its description, in and out, where the device has offload; as
 * evtun_recv_() and evtun_send_(); EBADMSG if it has not even a header.  Of an
 * ordinary packet, offload is NULL or all zero.  In memory there are
 * EVTUN_PREFIX_MAX bytes of room before what is read, and before what is
 * "placed", which has no packet information. */
ev_ssize_t evtun_system_recv_frame_(struct evtun *tun, void *frame,
    size_t space, struct evtun_offload *offload);
int evtun_system_send_frame_(struct evtun *tun,
    const struct evbuffer_iovec *vec, int n_vec,
    const struct evtun_offload *offload);
int evtun_system_send_placed_(struct evtun *tun, unsigned char *frame,
    size_t len, const struct evtun_offload *offload);

/* Without offload.  Read up to want packets of a run whose mean size is that,
 * if there is a call that does it; return how many reads wait to be taken, 0
 * for none. */
int evtun_system_read_ahead_(struct evtun *tun, int want, size_t mean);
/* Take one, as evtun_recv_(); EMSGSIZE if it has more than space bytes. */
ev_ssize_t evtun_system_take_(struct evtun *tun, void *packet, size_t space);
/* As evtun_send_many_(). */
void evtun_system_send_many_(struct evtun *tun,
    const struct evbuffer_iovec *pkts, int n, int *errs);

/* Whether no packet may be tried after one that met with this error: what
 * waits for it to pass must not be overtaken. */
static inline int
evtun_is_the_end_(int err)
{
	return err == EAGAIN || err == ENETDOWN || err == ENXIO;
}

/* 0 on failure. */
unsigned evtun_system_index_(struct evtun *tun);
int evtun_system_get_mtu_(struct evtun *tun);
int evtun_system_set_mtu_(struct evtun *tun, int mtu);
int evtun_system_get_up_(struct evtun *tun);
int evtun_system_set_up_(struct evtun *tun, int up);
int evtun_system_get_hwaddr_(struct evtun *tun, ev_uint8_t addr[6]);
int evtun_system_set_hwaddr_(struct evtun *tun, const ev_uint8_t addr[6]);
int evtun_system_add_address_(struct evtun *tun,
    const struct evtun_address *addr);
/* Without a peer, one with any peer. */
int evtun_system_del_address_(struct evtun *tun,
    const struct evtun_address *addr);
/* -1 leaves one as it is. */
int evtun_system_set_owner_(struct evtun *tun, long uid, long gid);
int evtun_system_set_persist_(struct evtun *tun, int persist);

/* frames.c: 0, or -1 when memory has run out. */
int evtun_frames_allocate_(struct evtun *tun);
void evtun_frames_free_(struct evtun *tun);
/* The device is open. */
void evtun_frames_begin_(struct evtun *tun);
/* As evtun_system_read_(), with offload. */
ev_ssize_t evtun_frames_read_(struct evtun *tun, void *data, size_t len);

#endif /* EVTUN_SYSTEM_INTERNAL_H_INCLUDED_ */
