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
	/* For the judges below: with what they refuse, and how many writes
	 * they let pass before. */
	int err;
	unsigned accept;
} refusals;

/* How often in a row a sort of joined frames may be refused before it is no
 * longer tried. */
#define REFUSALS_MAX 3

/* Watch the device of a rig from now on; NULL refuses nothing. */
void refusals_begin(struct writing *w,
    int (*judge)(const struct virtio_net_hdr *hdr, size_t len));
/* Change that, and begin to count anew. */
void refusals_judge(int (*judge)(const struct virtio_net_hdr *hdr,
    size_t len));

/* Flush the queue, of which nothing is refused: n packets come, and then
 * everything offered was written. */
void refusals_flush_rest(struct writing *w, size_t n);

/* ---- judges ---- */

/* What is joined, with EINVAL; and with refusals.err. */
int refusals_joined(const struct virtio_net_hdr *hdr, size_t len);
int refusals_joined_for_now(const struct virtio_net_hdr *hdr, size_t len);
/* All, after refusals.accept of them, with refusals.err. */
int refusals_later(const struct virtio_net_hdr *hdr, size_t len);
/* What is joined, with EINVAL, and single ones so. */
int refusals_joined_and_later(const struct virtio_net_hdr *hdr, size_t len);

#endif /* EVTUN_TESTS_REFUSALS_H_INCLUDED_ */
