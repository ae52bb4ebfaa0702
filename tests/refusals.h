#ifndef EVTUN_TESTS_REFUSALS_H_INCLUDED_
#define EVTUN_TESTS_REFUSALS_H_INCLUDED_
/*
 * What a device refuses to be given: the linker's --wrap puts functions
 * before the library's write() and writev().
 */
#include <stddef.h>

#include <linux/virtio_net.h>

#include "writing.h"

extern struct refusals {
	/* Of the device; nothing happens before refusals_begin(). */
	int fd;
	/* What becomes of a write of so many bytes behind the header: 0, and
	 * the kernel gets it, or an errno. */
	int (*judge)(const struct virtio_net_hdr *hdr, size_t len);
	/* Writes that were tried, and those that failed. */
	unsigned joined, single, refused;
} refusals;

/* Watch the device of a rig from now on; NULL refuses nothing. */
void refusals_begin(struct writing *w,
    int (*judge)(const struct virtio_net_hdr *hdr, size_t len));
/* Change that, and begin to count anew. */
void refusals_judge(int (*judge)(const struct virtio_net_hdr *hdr,
    size_t len));

#endif /* EVTUN_TESTS_REFUSALS_H_INCLUDED_ */
