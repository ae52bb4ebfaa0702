/*
 * What was joined is split into the same packets again by the running kernel,
 * byte for byte and in order.
 *
 * KIT_FRAMES in the environment is how many batches of packets there are,
 * KIT_SEED makes them others, KIT_FIRST is the number of the first.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "offload/offload-internal.h"

#include "kernel_path.h"
#include "kit.h"
#include "random_frames.h"

#define BATCHES 1000
#define ADDRESSES 12		/* of a frame: the kernel path's */
#define FLOWS_MAX 5
#define SPOILED_MIN 60		/* what a packet is not to be cut below */
#define FRAME_MAX (65535 + 32)	/* an Ethernet header, and tags */
#define UDP_SEGMENTS_OLD 64	/* what every Linux takes */

struct batch {
	struct evbuffer_iovec pkts[OFFLOAD_BATCH_];
	int flow[OFFLOAD_BATCH_];	/* or -1: it was spoiled */
	int n;
};

/* The packets of one flow, still to be put into a batch. */
struct flow {
	struct evbuffer_iovec pkts[OFFLOAD_BATCH_];
	int n, next;
	int index;
};

static struct {
	uint64_t seed, random;
	unsigned long number;
	unsigned long packets, joined;
} run;

static unsigned
below(unsigned n)
{
	return random_below(&run.random, n);
}

#define check_batch(cond, what) \
	kit_check(cond, "KIT_SEED=%llu KIT_FIRST=%lu KIT_FRAMES=1: %s", \
	    (unsigned long long)run.seed, run.number, what)

/* ---- a batch ---- */

static void
add_packet(struct flow *flow, unsigned char *p, size_t len)
{
	struct evbuffer_iovec *pkt;

	if (flow->n == OFFLOAD_BATCH_ || len > KERNEL_PATH_PLAIN_MAX) {
		free(p);
		return;
	}
	pkt = &flow->pkts[flow->n++];
	/* In memory of its exact size. */
	pkt->iov_base = kernel_path_alloc(len);
	pkt->iov_len = len;
	memcpy(pkt->iov_base, p, len);
	free(p);
}

/* The packets of a random frame, if it is large and can be split. */
static void
make_flow(struct flow *flow, uint32_t number, int tunnels)
{
	struct random_frame *f = kernel_path_alloc(sizeof(*f));
	struct offload_split_ split;
	unsigned char *p;
	size_t len;

	flow->n = flow->next = 0;
	random_frame_make(f, run.seed, number, tunnels);
	kernel_path_address(f->data, number);
	if (f->hdr.gso_type != EVTUN_OFFLOAD_NONE &&
	    offload_begin_(&split, &f->hdr, f->data, f->len, 1) ==
	    OFFLOAD_GOOD_) {
		while (!offload_is_done_(&split)) {
			p = kernel_path_alloc(offload_next_max_(&split));
			len = offload_next_(&split, p);
			add_packet(flow, p, len);
		}
	}
	free(f);
}

/* Some of one flow, then of another; now and then one is lost. */
static void
mix(struct batch *batch, struct flow *flows, int n_flows)
{
	int i, some;

	batch->n = 0;
	while (n_flows > 0) {
		i = (int)below((unsigned)n_flows);
		for (some = below(3) ? 128 : (int)below(6); some > 0; some--) {
			if (flows[i].next == flows[i].n)
				break;
			if (batch->n == OFFLOAD_BATCH_ || below(100) == 0) {
				free(flows[i].pkts[flows[i].next++].iov_base);
				continue;
			}
			batch->flow[batch->n] = flows[i].index;
			batch->pkts[batch->n++] =
			    flows[i].pkts[flows[i].next++];
		}
		if (flows[i].next == flows[i].n)
			flows[i] = flows[--n_flows];
	}
}

/* Change a byte, or the length. */
static void
spoil(struct evbuffer_iovec *pkt)
{
	unsigned len = (unsigned)pkt->iov_len, old = len;
	unsigned char *p = pkt->iov_base;
	unsigned headers = len < 120 ? len : 120, bit = 1u << below(8);

	if (below(4) != 0) {
		p[random_between(&run.random, ADDRESSES, headers - 1)] ^=
		    (unsigned char)bit;
		return;
	}
	if (below(2))
		len += 1 + below(3);
	else if (len > SPOILED_MIN)
		len = random_between(&run.random, SPOILED_MIN, len);
	p = kernel_path_alloc(len);
	memset(p, 0, len);
	memcpy(p, pkt->iov_base, len < old ? len : old);
	free(pkt->iov_base);
	pkt->iov_base = p;
	pkt->iov_len = len;
}

static void
make_batch(struct batch *batch, int tunnels)
{
	struct flow *flows = kernel_path_alloc(FLOWS_MAX * sizeof(*flows));
	unsigned i, n = 1 + below(FLOWS_MAX);

	for (i = 0; i < n; i++) {
		make_flow(&flows[i],
		    (uint32_t)(run.number * FLOWS_MAX + i), tunnels);
		flows[i].index = (int)i;
	}
	mix(batch, flows, (int)n);
	free(flows);
	for (n = batch->n == 0 || below(2) ? 0 : 1 + below(3); n > 0; n--) {
		i = below((unsigned)batch->n);
		spoil(&batch->pkts[i]);
		batch->flow[i] = -1;
	}
}

/* ---- joined, and split by the kernel ---- */

static void
write_joined(struct kernel_path *path, const struct batch *batch,
    const struct offload_batch_ *sorted, const struct offload_group_ *group)
{
	unsigned char *frame = kernel_path_alloc(FRAME_MAX);
	struct evtun_offload hdr;
	size_t headers, len;
	const struct evbuffer_iovec *pkt;
	int i;

	len = headers = offload_join_(group, batch->pkts, frame, &hdr);
	check_batch(headers <= OFFLOAD_HEADERS_MAX_, "long headers");
	for (i = group->first; i >= 0; i = sorted->next[i]) {
		pkt = &batch->pkts[i];
		check_batch(len + pkt->iov_len - headers <= FRAME_MAX,
		    "a frame is too long");
		memcpy(frame + len, (unsigned char *)pkt->iov_base + headers,
		    pkt->iov_len - headers);
		len += pkt->iov_len - headers;
	}
	check_batch(kernel_path_write(path, &hdr, frame, len) == 0,
	    "the kernel refuses a frame");
	free(frame);
	run.joined += (unsigned long)group->n;
}

static void
write_group(struct kernel_path *path, const struct batch *batch,
    const struct offload_batch_ *sorted, const struct offload_group_ *group)
{
	const struct evbuffer_iovec *pkt = &batch->pkts[group->first];
	struct evtun_offload none;

	if (group->n > 1) {
		write_joined(path, batch, sorted, group);
		return;
	}
	memset(&none, 0, sizeof(none));
	check_batch(kernel_path_write(path, &none, pkt->iov_base,
	    pkt->iov_len) == 0, "the kernel refuses a packet");
}

/* That every packet of a group came out as it went in; left[] says which have.
 * Return what came after them. */
static const struct kernel_packet *
check_group(const struct batch *batch, const struct offload_batch_ *sorted,
    const struct offload_group_ *group, const struct kernel_packet *out,
    const struct kernel_packet *end, char *left)
{
	const struct evbuffer_iovec *pkt;
	int i, n = 0;

	for (i = group->first; i >= 0; i = sorted->next[i]) {
		pkt = &batch->pkts[i];
		check_batch(!left[i], "a packet leaves twice");
		left[i] = 1;
		check_batch(out < end, "a packet is lost");
		check_batch(out->len == pkt->iov_len && memcmp(out->data,
		    pkt->iov_base, out->len) == 0, "a packet has changed");
		out++;
		n++;
	}
	check_batch(n == group->n, "a group has other packets than it says");
	return out;
}

/* In a flow, that each packet leaves after those that came before it. */
static void
check_order(const struct batch *batch, const struct offload_batch_ *sorted)
{
	int last[FLOWS_MAX] = {-1, -1, -1, -1, -1}, g, i, flow;

	for (g = 0; g < sorted->n_groups; g++) {
		for (i = sorted->group[g].first; i >= 0; i = sorted->next[i]) {
			flow = batch->flow[i];
			if (flow < 0)
				continue;
			check_batch(last[flow] < i, "a packet overtakes");
			last[flow] = i;
		}
	}
}

static void
try_batch(struct kernel_path *path, const struct batch *batch)
{
	struct offload_batch_ *sorted = kernel_path_alloc(sizeof(*sorted));
	struct offload_rules_ rules = {OFFLOAD_JOIN_TCP4_ |
	    OFFLOAD_JOIN_TCP6_, path->udp_segments, 1, 0};
	const struct kernel_packet *out, *end;
	char left[OFFLOAD_BATCH_] = {0};
	int g;

	if (path->udp_segments != 0)
		rules.allowed |= OFFLOAD_JOIN_UDP_;
	if (below(4) == 0)
		rules.udp_segments = UDP_SEGMENTS_OLD;
	offload_sort_(sorted, &rules, batch->pkts, batch->n);
	for (g = 0; g < sorted->n_groups; g++)
		write_group(path, batch, sorted, &sorted->group[g]);
	kernel_path_collect(path);
	out = path->packets;
	end = out + path->n_packets;
	for (g = 0; g < sorted->n_groups; g++)
		out = check_group(batch, sorted, &sorted->group[g], out, end,
		    left);
	check_batch(out == end, "more came out than went in");
	check_batch(memchr(left, 0, (size_t)batch->n) == NULL,
	    "a packet was forgotten");
	check_order(batch, sorted);
	free(sorted);
}

START_TEST(test_join)
{
	struct kernel_path path;
	struct batch *batch = kernel_path_alloc(sizeof(*batch));
	unsigned long first = random_setting("KIT_FIRST", 0);
	unsigned long n = random_setting("KIT_FRAMES", BATCHES);

	run.seed = random_setting("KIT_SEED", 1);
	kit_netns();
	kernel_path_open(&path);
	for (run.number = first; run.number < first + n; run.number++) {
		run.random = run.seed + (uint64_t)run.number * 1000003;
		make_batch(batch, path.tunnels);
		try_batch(&path, batch);
		run.packets += (unsigned long)batch->n;
		while (batch->n > 0)
			free(batch->pkts[--batch->n].iov_base);
	}
	kernel_path_close(&path);
	free(batch);
	printf("# %lu of %lu packets were joined\n", run.joined, run.packets);
	fflush(stdout);
	/* With anything in their headers, not all of them can be. */
	if (n >= BATCHES)
		ck_assert_uint_gt(run.joined, run.packets / 3);
}
END_TEST

int
main(void)
{
	kit_suite("offload_kernel_join");
	kit_case("batches", KIT_NEEDS_TUN);
	kit_test(test_join);
	return kit_run();
}
