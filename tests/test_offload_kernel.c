/*
 * What comes out of a split, or of a completion, is what the running kernel
 * makes of the same frame, byte for byte.
 *
 * KIT_FRAMES in the environment is how many frames there are, KIT_SEED makes
 * them others, KIT_FIRST is the number of the first: a failure says which.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "offload/offload-internal.h"

#include "kernel_path.h"
#include "kit.h"
#include "random_frames.h"

#define FRAMES 5000
#define FRAMES_AT_ONCE 64
#define SEGMENTS_AT_ONCE (KERNEL_PATH_ROOM - 2 * RANDOM_SEGMENTS_MAX)
#define SHOWN 400		/* bytes of a frame that failed */
#define BUFFER_ROOM 256		/* more than the kernel has before a frame */

/* A frame, and what the kernel made of it. */
struct trial {
	struct random_frame frame;
	enum offload_refusal_ refusal;	/* the library's */
	int err;			/* why it was refused, or 0 */
	const struct kernel_packet *packets;
	size_t n_packets;
};

/* What the library makes of it. */
struct library {
	enum offload_refusal_ refusal;
	unsigned char *frame;		/* in memory of its exact size */
	size_t len;
	struct offload_split_ split;
	int is_large, is_done;
};

static struct {
	uint64_t seed;
	unsigned long first, n;
	/* How many went in, and what became of them. */
	unsigned long refused, dropped, equal, only_here, only_there;
} run;

/* ---- words for a failure ---- */

static char *
put_hex(char *s, const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && i < SHOWN; i++)
		s += sprintf(s, "%02x", p[i]);
	return s + sprintf(s, n > SHOWN ? "...\n" : "\n");
}

/* Fail: with the frame, and what the library and the kernel made of it. */
static void
blame(const struct trial *t, const char *what, const void *ours, size_t n_ours,
    const void *theirs, size_t n_theirs)
{
	const struct evtun_offload *h = &t->frame.hdr;
	char text[6 * SHOWN + 1024], *s = text;

	s += sprintf(s, "%s: KIT_SEED=%llu KIT_FIRST=%lu KIT_FRAMES=1; flags "
	    "%02x type %02x hdr_len %u size %u csum %u+%u outer_th %u "
	    "inner_nh %u; refusal %d; the kernel: error %d, %lu packets\n",
	    what, (unsigned long long)run.seed,
	    (unsigned long)t->frame.number,
	    h->flags, h->gso_type, h->hdr_len, h->gso_size, h->csum_start,
	    h->csum_offset, h->outer_th_offset, h->inner_nh_offset,
	    (int)t->refusal, t->err, (unsigned long)t->n_packets);
	s += sprintf(s, "frame (%lu) ", (unsigned long)t->frame.len);
	s = put_hex(s, t->frame.data, t->frame.len);
	s += sprintf(s, "here (%lu) ", (unsigned long)n_ours);
	s = put_hex(s, ours, n_ours);
	s += sprintf(s, "kernel (%lu) ", (unsigned long)n_theirs);
	put_hex(s, theirs, n_theirs);
	ck_abort_msg("%s", text);
}

/* ---- the library's half ---- */

/* From a byte of the frame on: from the IP header, it is what a TUN device
 * would give. */
static void
library_begin(struct library *lib, const struct random_frame *f, unsigned from)
{
	struct evtun_offload hdr = f->hdr;

	memset(lib, 0, sizeof(*lib));
	lib->len = f->len - from;
	lib->frame = kernel_path_alloc(lib->len);
	memcpy(lib->frame, f->data + from, lib->len);
	hdr.hdr_len = (ev_uint16_t)(hdr.hdr_len < from ? 0 :
	    hdr.hdr_len - from);
	hdr.csum_start = (ev_uint16_t)(hdr.csum_start - from);
	hdr.outer_th_offset = (ev_uint16_t)(hdr.outer_th_offset - from);
	hdr.inner_nh_offset = (ev_uint16_t)(hdr.inner_nh_offset - from);
	lib->is_large = hdr.gso_type != EVTUN_OFFLOAD_NONE;
	lib->refusal = lib->is_large ? offload_begin_(&lib->split, &hdr,
	    lib->frame, lib->len, from == 0) :
	    offload_complete_(&hdr, lib->frame, lib->len);
}

/* The next packet, in memory that holds no more than it may be long; or
 * NULL. */
static unsigned char *
library_next(struct library *lib, size_t *len)
{
	unsigned char *p;

	if (lib->is_done)
		return NULL;
	if (!lib->is_large) {
		lib->is_done = 1;
		p = kernel_path_alloc(*len = lib->len);
		memcpy(p, lib->frame, lib->len);
		return p;
	}
	p = kernel_path_alloc(offload_next_max_(&lib->split));
	*len = offload_next_(&lib->split, p);
	kit_check(*len <= offload_next_max_(&lib->split), "too long");
	lib->is_done = offload_is_done_(&lib->split);
	return p;
}

/* ---- the rules ---- */

/*
 * Frames that the library delivers and the kernel does not, though nothing is
 * wrong with them.
 *
 * Linux knew no UDP before 6.2, and no more than 64 segments before 6.9.
 *
 * It has 16 bits for where a checksum begins, counted from the beginning of
 * its own buffer, in which there is room before the frame
 * (skb_partial_csum_set() in net/core/skbuff.c).  Where no checksum was
 * begun, it takes no hint of headers that are shorter than those of Ethernet
 * (tun_get_user() in drivers/net/tun.c).
 *
 * A frame of one segment is an ordinary packet.  Then:
 *
 * A packet passes a device only if it is not longer than allowed there
 * (is_skb_forwardable() in linux/netdevice.h).
 *
 * Where no checksum was begun, Linux does not look for the TCP header: it
 * tells a large frame by the shortest headers there are, without Ethernet
 * (nh_min_len in linux/virtio_net.h), and drops what has turned out to be too
 * short for one (tcp_gso_segment() in net/ipv4/tcp_offload.c).
 */
static int
may_be_only_here(const struct trial *t, unsigned udp_segments)
{
	const struct random_frame *f = &t->frame;
	size_t payload = f->len - f->layout.payload;
	unsigned tcp = EVTUN_OFFLOAD_TCP4 | EVTUN_OFFLOAD_TCP6;
	int needs_csum = f->hdr.flags & EVTUN_OFFLOAD_NEEDS_CSUM;
	size_t shortest = f->hdr.gso_type & EVTUN_OFFLOAD_TCP6 ? 60 : 40;

	if (f->layout.is_udp && f->hdr.gso_type != EVTUN_OFFLOAD_NONE &&
	    payload > (size_t)udp_segments * f->hdr.gso_size)
		return 1;
	if (t->err == EINVAL)
		return needs_csum ?
		    f->hdr.csum_start > 0xffff - BUFFER_ROOM :
		    f->hdr.hdr_len > 0 && f->hdr.hdr_len < KERNEL_PATH_ETHER;
	if (t->err != 0 || (f->hdr.gso_type != EVTUN_OFFLOAD_NONE &&
	    payload > f->hdr.gso_size))
		return 0;
	if (f->len > KERNEL_PATH_PLAIN_MAX)
		return 1;
	return !needs_csum && (f->hdr.gso_type & tcp) &&
	    f->len - shortest > f->hdr.gso_size;
}

/*
 * Frames that the kernel delivers and the library does not are those that say
 * themselves that they are broken: random_frame_faults() knows how.  Linux
 * does not look at the lengths of what it splits, as it writes others; nor at
 * anything else in a frame of one segment, but where the checksum is to go.
 * Beyond that only the number of segments of TCP is limited here.
 */
static void
judge_one_sided(const struct trial *t, unsigned udp_segments)
{
	if (t->refusal == OFFLOAD_GOOD_) {
		if (!may_be_only_here(t, udp_segments))
			blame(t, "delivered here alone", NULL, 0, NULL, 0);
		run.only_here++;
		return;
	}
	if (!(random_frame_faults(&t->frame) & 1u << t->refusal))
		blame(t, "refused here alone", NULL, 0, t->packets->data,
		    t->packets->len);
	run.only_there++;
}

static void
compare(const struct trial *t, struct library *lib, size_t from)
{
	const struct kernel_packet *k = t->packets;
	const struct kernel_packet *end = k + t->n_packets;
	unsigned char *p;
	size_t len;

	for (; (p = library_next(lib, &len)) != NULL; k++) {
		if (k == end)
			blame(t, "too many here", p, len, NULL, 0);
		if (len != k->len - from ||
		    memcmp(p, k->data + from, len) != 0)
			blame(t, "different", p, len, k->data + from,
			    k->len - from);
		free(p);
	}
	if (k != end)
		blame(t, "too few here", NULL, 0, k->data, k->len);
}

/* The same frame, as a TUN device gives it. */
static void
judge_without_ethernet(const struct trial *t)
{
	const struct random_layout *at = &t->frame.layout;
	struct library lib;
	unsigned from = KERNEL_PATH_ETHER;

	if (at->type != 12 || t->frame.data[12] != t->frame.right[12] ||
	    at->ip != from || t->frame.hdr.csum_start < from + 20)
		return;
	library_begin(&lib, &t->frame, from);
	if (lib.refusal != OFFLOAD_GOOD_)
		blame(t, "refused without Ethernet", NULL, 0, NULL, 0);
	compare(t, &lib, from);
	free(lib.frame);
}

static void
judge(struct trial *t, unsigned udp_segments)
{
	struct library lib;
	int delivered;

	library_begin(&lib, &t->frame, 0);
	t->refusal = lib.refusal;
	delivered = lib.refusal == OFFLOAD_GOOD_;
	if (delivered != (t->n_packets != 0)) {
		judge_one_sided(t, udp_segments);
	} else if (delivered) {
		compare(t, &lib, 0);
		judge_without_ethernet(t);
		run.equal++;
	} else if (t->err != 0) {
		run.refused++;
	} else {
		run.dropped++;
	}
	free(lib.frame);
}

/* ---- the kernel's half ---- */

/* Whether there is nothing to be done with the frame, here or there. */
static int
is_plain(const struct evtun_offload *hdr)
{
	return hdr->gso_type == EVTUN_OFFLOAD_NONE &&
	    !(hdr->flags & EVTUN_OFFLOAD_NEEDS_CSUM);
}

/* Half of the frames are right. */
static void
make(struct random_frame *f, unsigned long number, int tunnels)
{
	uint64_t spoil = run.seed ^ (uint64_t)number << 32;

	random_frame_make(f, run.seed, (uint32_t)number, tunnels);
	spoil = random_next(&spoil);
	if (random_below(&spoil, 2))
		random_frame_spoil(f, spoil);
	kernel_path_address(f->data, (uint32_t)number);
}

/* Write frames, not more than there is room for; return how many. */
static size_t
write_some(struct kernel_path *path, struct trial *trials, unsigned long n)
{
	size_t i = 0, segments = 0;
	struct random_frame *f;

	while (i < FRAMES_AT_ONCE && n < run.first + run.n &&
	    segments < SEGMENTS_AT_ONCE) {
		f = &trials[i].frame;
		make(f, n++, path->tunnels);
		trials[i].err = kernel_path_write(path, &f->hdr, f->data,
		    f->len);
		segments += f->hdr.gso_size == 0 ? 1 :
		    f->len / f->hdr.gso_size + 1;
		i++;
	}
	return i;
}

static void
judge_some(struct kernel_path *path, struct trial *trials, size_t n)
{
	const struct kernel_packet *p = path->packets;
	const struct kernel_packet *end = p + path->n_packets;
	size_t i;

	for (i = 0; i < n; i++) {
		trials[i].packets = p;
		while (p < end && p->number == trials[i].frame.number)
			p++;
		trials[i].n_packets = (size_t)(p - trials[i].packets);
		if (!is_plain(&trials[i].frame.hdr))
			judge(&trials[i], path->udp_segments);
	}
	kit_check(p == end, "%lu packets of no frame",
	    (unsigned long)(end - p));
}

/* All that may become of a frame must have happened. */
static void
sum_up(void)
{
	printf("# frames: %lu equal; %lu refused and %lu dropped by both, "
	    "%lu by the kernel alone, %lu by the library alone\n", run.equal,
	    run.refused, run.dropped, run.only_here, run.only_there);
	fflush(stdout);
	if (run.n < FRAMES)
		return;
	ck_assert_uint_gt(run.equal, run.n / 2);
	ck_assert_uint_gt(run.refused, 0);
	ck_assert_uint_gt(run.dropped, 0);
	ck_assert_uint_gt(run.only_there, 0);
}

START_TEST(test_split)
{
	struct kernel_path path;
	struct trial *trials;
	unsigned long n;
	size_t some;

	run.seed = random_setting("KIT_SEED", 1);
	run.first = random_setting("KIT_FIRST", 0);
	run.n = random_setting("KIT_FRAMES", FRAMES);
	trials = kernel_path_alloc(FRAMES_AT_ONCE * sizeof(*trials));
	kit_netns();
	kernel_path_open(&path);
	for (n = run.first; n < run.first + run.n; n += some) {
		some = write_some(&path, trials, n);
		kernel_path_collect(&path);
		judge_some(&path, trials, some);
	}
	kernel_path_close(&path);
	free(trials);
	sum_up();
}
END_TEST

int
main(void)
{
	kit_suite("offload_kernel");
	kit_case("frames", KIT_NEEDS_TUN);
	kit_test(test_split);
	return kit_run();
}
