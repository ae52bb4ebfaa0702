#ifndef EVTUN_TESTS_KERNEL_PATH_H_INCLUDED_
#define EVTUN_TESTS_KERNEL_PATH_H_INCLUDED_
/*
 * What the kernel makes of a frame with a description: two TAP devices in one
 * bridge, in a network namespace of their own.  Frames go in at the first,
 * which has every offload; the second has none, so the kernel splits them and
 * finishes their checksums on the way.
 *
 * Every frame has a number in its destination address, which nobody has, so
 * that the bridge passes it on, and which each of its segments keeps.
 */
#include <stddef.h>
#include <stdint.h>

#include "evtun/offload.h"

/* The Ethernet header without tags. */
#define KERNEL_PATH_ETHER 14
/* The longest frame that is not large: what the MTU of a TAP device allows, a
 * header and a tag (is_skb_forwardable() in linux/netdevice.h). */
#define KERNEL_PATH_PLAIN_MAX (65521 + KERNEL_PATH_ETHER + 4)
/* The most packets that may be on their way at once. */
#define KERNEL_PATH_ROOM 8192

struct kernel_packet {
	uint32_t number;
	const unsigned char *data;
	size_t len;
};

struct kernel_path {
	int in, out;
	int tunnels;		/* large frames may be in UDP tunnels */
	unsigned udp_segments;	/* the most of a frame, or 0: none at all */
	unsigned synced;
	/* What came out since the last collection. */
	struct kernel_packet *packets;
	size_t n_packets;
	unsigned char *arena;
	size_t used;
};

/* In the network namespace at hand. */
void kernel_path_open(struct kernel_path *path);
void kernel_path_close(struct kernel_path *path);

/* Put the addresses of frame `number` to the beginning of it. */
void kernel_path_address(unsigned char *frame, uint32_t number);

/* Write a frame; 0, or the errno with which it is refused. */
int kernel_path_write(struct kernel_path *path,
    const struct evtun_offload *hdr, const void *frame, size_t len);

/* Read what has come of all that was written: there is no more of it. */
void kernel_path_collect(struct kernel_path *path);

/* Memory, or the test fails. */
void *kernel_path_alloc(size_t size);

#endif /* EVTUN_TESTS_KERNEL_PATH_H_INCLUDED_ */
