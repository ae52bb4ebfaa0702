#ifndef EVTUN_TESTS_VECTORS_H_INCLUDED_
#define EVTUN_TESTS_VECTORS_H_INCLUDED_
/*
 * offload.txt: what is to come out of a split, of a completion and of a join.
 * One case a line, fields separated by "|", bytes in hex:
 *
 *	S|name|description|packet|out,out,...	split: these, in this order
 *	K|name|description|packet|out		complete: this
 *	M|name|description and packet|why	malformed: to be refused
 *	G|name|udp|must|packet,packet,...|groups	join
 *
 * Descriptions are struct virtio_net_hdr of 10 bytes, little-endian.  The
 * groups "0 1;2" say that packets 0 and 1 leave as one frame, then packet 2.
 *
 * EVTUN_VECTORS in the environment names another file.
 */
#include <stddef.h>

#include <event2/buffer.h>

#include "evtun/offload.h"

/* The length of the description. */
#define VECTORS_HEADER 10

struct vector {
	char kind;		/* 'S', 'K', 'M' or 'G' */
	char *name;
	/* S, K and M: the frame; zeros, if it ends before its description
	 * does.  (cut: so it does, and all of it is in packet.) */
	int cut;
	struct evtun_offload hdr;
	struct evbuffer_iovec packet;
	/* M: why it is to be refused; G: how strictly the groups bind. */
	char *why;
	/* S and K: what is to come out; G: what goes in. */
	struct evbuffer_iovec *pkts;
	int n_pkts;
	/* G: whether UDP may be joined, and the packets in the order in which
	 * they leave, each with the number of its group. */
	int udp;
	int *order, *group;
};

/* All cases of a kind, in the order of the file, each packet in memory of its
 * exact size.  The test fails if there is none, or a line is malformed. */
struct vector *vectors_read(char kind, int *n);
void vectors_free(struct vector *vectors, int n);

/* len bytes of memory, or as much as malloc() gives for none; copies. */
void *vectors_alloc(size_t len);
void *vectors_copy(const void *data, size_t len);

/* Fail, in hex, unless what came out is what was to come. */
void vectors_compare(const char *name, int index,
    const struct evbuffer_iovec *wanted, const void *data, size_t len);

#endif /* EVTUN_TESTS_VECTORS_H_INCLUDED_ */
