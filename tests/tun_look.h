#ifndef EVTUN_TESTS_TUN_LOOK_H_INCLUDED_
#define EVTUN_TESTS_TUN_LOOK_H_INCLUDED_
/*
 * Devices and interfaces as the kernel has them, asked and made without the
 * library.  What cannot fail fails the test.
 */
#include <stddef.h>

#include "evtun/tun.h"

/* ---- interfaces, in the network namespace at hand ---- */

/* 0 if there is none of that name. */
unsigned look_index(const char *name);
int look_mtu(const char *name);
int look_up(const char *name);
/* ARPHRD_*, and with it the hardware address. */
int look_type(const char *name, unsigned char addr[6]);
/* How many addresses there are, of both families, but for link-local ones. */
int look_count_addresses(const char *name);
/* Tell whether there is that one; other is its peer, or its broadcast
 * address, or NULL for neither. */
int look_has_address(const char *name, const char *addr, unsigned prefix_len,
    const char *other);
/* Only while it is down. */
void look_rename(const char *name, const char *to);
/* Into the network namespace of that descriptor. */
void look_move(const char *name, int netns);
/* A descriptor for the namespace at hand. */
int look_netns(void);
void look_enter(int netns);

/* What netlink says of a device; owner and group are -1 without one. */
struct look_tun {
	int is_tun;
	int type, packet_info, vnet_hdr, persist, multi_queue, queues;
	long owner, group;
};
void look_tun(const char *name, struct look_tun *out);

/* ---- devices ---- */

/* Open one by hand, with IFF_* flags.  Return -1 with errno. */
int look_try_open(const char *name, int flags);
int look_open(const char *name, int flags);
/* The same, persistent, and let go. */
void look_make_persistent(const char *name, int flags);
/* Give up every privilege but that of opening the device node. */
void look_become(unsigned uid, unsigned gid);
/* Run fn in a process of its own, which must not fail. */
void look_in_child(void (*fn)(void *), void *arg);

/* ---- what must be so ---- */

/* A device, with the reason if there is none. */
struct evtun *look_new(const char *name, int options);
/* That evtun_get_error() has these words in it. */
void look_text(const char *words);

/* Fail unless a call returns NULL with this errno. */
#define look_refused(call, err) do { \
	struct evtun *look_tun_ = (call); \
	int look_errno_ = errno; \
	ck_assert_msg(look_tun_ == NULL, "%s succeeded", #call); \
	ck_assert_msg(look_errno_ == (err), "%s: errno %d, not %s (%s)", \
	    #call, look_errno_, #err, evtun_get_error()); \
} while (0)

#endif /* EVTUN_TESTS_TUN_LOOK_H_INCLUDED_ */
