#ifndef EVTUN_SYSTEM_INTERNAL_H_INCLUDED_
#define EVTUN_SYSTEM_INTERNAL_H_INCLUDED_
/*
 * What one operating system does for lib/tun: one file per system has these
 * functions, and those of tun-internal.h that move packets.
 *
 * Every function returns -1 after evtun_fail_(), unless it says otherwise.
 */
#include <event2/util.h>

/* The longest interface name and its NUL: IFNAMSIZ everywhere. */
#define EVTUN_NAME_SIZE 16

/* Bytes of packet information: flags and EtherType. */
#define EVTUN_INFO_SIZE 4

struct evtun {
	evutil_socket_t fd;
	/* EVTUN_OPT_*, those in effect. */
	int options;
	/* Bytes that the system puts before a packet and nobody sees. */
	size_t prefix;
	/* The largest packet, packet information included. */
	size_t max;
	/* A packetevent has it: evtun_claim_(). */
	int is_claimed;
	/* The last name known, or "". */
	char name[EVTUN_NAME_SIZE];
	/* The index that the interface had when it was opened, and the
	 * network namespace, as device and inode: they tell it from another
	 * interface of that name.  0 where they are not known. */
	unsigned index;
	ev_uint64_t home[2];
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
int evtun_system_open_(struct evtun *tun, const char *name, int options);
int evtun_system_adopt_(struct evtun *tun, evutil_socket_t fd, int options);
int evtun_system_queue_(struct evtun *tun, struct evtun *from);

void evtun_system_close_(struct evtun *tun);
evutil_socket_t evtun_system_release_(struct evtun *tun);

/* Bring tun->name up to date, if the system tells. */
void evtun_system_name_(struct evtun *tun);
int evtun_system_options_(const struct evtun *tun);

/* As evtun_recv_(), to a buffer of any length and without a prefix in it:
 * EMSGSIZE if the packet did not fit, 0 if there is none now.  Sets errno
 * only. */
ev_ssize_t evtun_system_read_(struct evtun *tun, void *data, size_t len);

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

#endif /* EVTUN_SYSTEM_INTERNAL_H_INCLUDED_ */
