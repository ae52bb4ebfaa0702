#ifndef EVTUN_TESTS_RANDOM_FRAMES_H_INCLUDED_
#define EVTUN_TESTS_RANDOM_FRAMES_H_INCLUDED_
/*
 * Ethernet frames with a description, to be split or completed: of TCP or UDP
 * in IPv4 or IPv6, with options, extension headers, VLAN tags and in tunnels.
 * They are right, until they are spoiled.
 */
#include <stddef.h>
#include <stdint.h>

#include "evtun/offload.h"

#define RANDOM_FRAME_MAX 67000
/* The most segments that one is to be split into. */
#define RANDOM_SEGMENTS_MAX 2100

/* More than all headers of one. */
#define RANDOM_HEADERS_MAX 600

/* Where the headers begin; of the inner packet, if there is a tunnel. */
struct random_layout {
	size_t type;			/* the first type of Ethernet */
	size_t ip, transport, payload;
	size_t outer_ip, outer_udp;	/* or 0 */
	int is_udp;
};

struct random_frame {
	uint32_t number;
	struct evtun_offload hdr;
	size_t len;
	unsigned char data[RANDOM_FRAME_MAX];
	int n_wrong;		/* how many times it has been spoiled */
	/* As it was before that, when it was right. */
	struct random_layout layout;
	struct evtun_offload right_hdr;
	unsigned char right[RANDOM_HEADERS_MAX];
};

/* The seed and the number determine every byte of it.  The addresses, 12
 * bytes, are left out. */
void random_frame_make(struct random_frame *frame, uint64_t seed,
    uint32_t number, int tunnels);

/* Make it wrong, in a field or a few. */
void random_frame_spoil(struct random_frame *frame, uint64_t seed);

/*
 * Which refusals fit a frame: a bit for each enum offload_refusal_.  No field
 * that any packet may have otherwise gives one: addresses and ports, TOS, id,
 * TTL and DF, sequence numbers, flags and window, payload, and checksums.
 */
unsigned random_frame_faults(const struct random_frame *frame);

/* A number from the environment. */
unsigned long random_setting(const char *name, unsigned long otherwise);

/* The same of numbers and bytes; less than n; low to high. */
uint64_t random_next(uint64_t *state);
unsigned random_below(uint64_t *state, unsigned n);
unsigned random_between(uint64_t *state, unsigned low, unsigned high);
void random_bytes(uint64_t *state, unsigned char *p, size_t n);

#endif /* EVTUN_TESTS_RANDOM_FRAMES_H_INCLUDED_ */
