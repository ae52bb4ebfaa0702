#ifndef EVTUN_PASS_INTERNAL_H_INCLUDED_
#define EVTUN_PASS_INTERNAL_H_INCLUDED_
/*
 * Devices that change hands: what the system does for pass.c and listen.c.
 */
#include <event2/util.h>

#include "tun/system-internal.h"

/* What a device is, as its sender has it. */
struct evtun_sent {
	/* EVTUN_OPT_*, those in effect. */
	int options;
	/* Bytes before a packet, and whether their numbers are swapped. */
	int header;
	int is_swapped;
	unsigned udp_segments;
	/* Whoever frees the device is to switch offload off. */
	int resets_offload;
	/* 0 where the sender cannot tell. */
	int mtu;
	unsigned index;
	char name[EVTUN_NAME_SIZE];
};

/*
 * pass_linux.c.  Return -1 after evtun_fail_() unless it says otherwise.
 */
int evtun_system_describe_(struct evtun *tun, struct evtun_sent *sent);
/* The descriptor is in other hands, too. */
void evtun_system_handed_over_(struct evtun *tun);
/* Compare with what the kernel says of a descriptor, if it may be asked, and
 * change nothing. */
int evtun_system_check_sent_(evutil_socket_t fd,
    const struct evtun_sent *sent);
/* Complete a device that was adopted with those options, by what the kernel
 * did not say then. */
int evtun_system_take_sent_(struct evtun *tun, const struct evtun_sent *sent);
/* Whether a descriptor is a device of the kind in the options. */
int evtun_system_is_device_(evutil_socket_t fd, int options);

/*
 * rights_linux.c.  Return -1 with errno set and no text.
 */
/* EINVAL unless it is a Unix socket with messages or a stream. */
int evtun_rights_check_(evutil_socket_t sock);
/* Send a message with a descriptor: EMSGSIZE if a part of it was sent. */
int evtun_rights_send_(evutil_socket_t sock, const void *data, size_t len,
    evutil_socket_t fd);
/* Receive one of just that size.  EBADMSG if it is any other, or has not just
 * one descriptor; ECONNRESET if there is none to come. */
int evtun_rights_receive_(evutil_socket_t sock, void *data, size_t size,
    evutil_socket_t *fd);
/* Send a datagram, with a descriptor or -1, to a socket with a path, or an
 * abstract name after '@': EINVAL if it is neither. */
int evtun_rights_notify_(const char *address, const void *data, size_t len,
    evutil_socket_t fd);

#endif /* EVTUN_PASS_INTERNAL_H_INCLUDED_ */
