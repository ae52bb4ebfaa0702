#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "join_rig.h"
#include "kit.h"
#include "vectors.h"

#define TCP 6
#define UDP 17

unsigned
rig_get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* RFC 1071, as it stands there. */
unsigned
rig_sum(const unsigned char *p, size_t len, unsigned so_far)
{
	size_t i;

	for (i = 0; i < len; i++)
		so_far += i % 2 ? p[i] : (unsigned)p[i] << 8;
	while (so_far >> 16)
		so_far = (so_far & 0xffff) + (so_far >> 16);
	return so_far;
}

/* ---- batches ---- */

void
rig_batch(struct rig_batch *batch, const char *name, int ethernet)
{
	batch->name = name;
	batch->rules.allowed = OFFLOAD_JOIN_TCP4_ | OFFLOAD_JOIN_TCP6_ |
	    OFFLOAD_JOIN_UDP_;
	batch->rules.udp_segments = OFFLOAD_UDP_SEGMENTS_;
	batch->rules.ethernet = ethernet;
	batch->n = 0;
	/* Nothing there need be valid. */
	memset(&batch->sorted, 0xa5, sizeof(batch->sorted));
}

void
rig_add_bytes(struct rig_batch *batch, const void *data, size_t len)
{
	kit_check(batch->n < RIG_PACKETS, "%s: too many packets", batch->name);
	batch->pkts[batch->n].iov_base = vectors_copy(data, len);
	batch->pkts[batch->n++].iov_len = len;
}

void
rig_cut(struct rig_batch *batch, size_t len)
{
	void *whole = batch->pkts[--batch->n].iov_base;

	kit_check(len <= batch->pkts[batch->n].iov_len, "%s: no cut to %zu",
	    batch->name, len);
	rig_add_bytes(batch, whole, len);
	free(whole);
}

void
rig_batch_free(struct rig_batch *batch)
{
	int i;

	for (i = 0; i < batch->n; i++)
		free(batch->pkts[i].iov_base);
	batch->n = 0;
}

/* ---- order ---- */

/* What is known of the flow of a packet: nothing (len 0), its addresses, or
 * its ports as well. */
struct key {
	unsigned char bytes[38];
	size_t len;
	int has_ports;
};

static size_t
find_ip(const struct evbuffer_iovec *pkt, int ethernet)
{
	const unsigned char *p = pkt->iov_base;
	size_t at = 12;

	if (!ethernet)
		return 0;
	while (at + 2 <= pkt->iov_len &&
	    (rig_get16(p + at) == 0x8100 || rig_get16(p + at) == 0x88a8))
		at += 4;
	return at + 2;
}

static void
find_key(struct key *key, const struct evbuffer_iovec *pkt, int ethernet)
{
	size_t at = find_ip(pkt, ethernet), header, addresses;
	const unsigned char *p = (unsigned char *)pkt->iov_base + at;
	int is_ip6, protocol;

	memset(key, 0, sizeof(*key));
	if (pkt->iov_len < at + 20 || (p[0] >> 4 != 4 && p[0] >> 4 != 6))
		return;
	is_ip6 = p[0] >> 4 == 6;
	header = is_ip6 ? 40 : (size_t)(p[0] & 15) * 4;
	addresses = is_ip6 ? 32 : 8;
	if (pkt->iov_len < at + (is_ip6 ? 40 : 20))
		return;
	key->len = 1 + addresses;
	key->bytes[0] = (unsigned char)is_ip6;
	memcpy(key->bytes + 1, p + (is_ip6 ? 8 : 12), addresses);
	protocol = is_ip6 ? p[6] : p[9];
	if ((protocol != TCP && protocol != UDP) || header < 20 ||
	    pkt->iov_len < at + header + 4 ||
	    (!is_ip6 && (rig_get16(p + 6) & 0x3fff) != 0))
		return;
	key->has_ports = 1;
	memcpy(key->bytes + key->len, p + header, 4);
	key->bytes[key->len + 4] = (unsigned char)protocol;
}

static int
may_be_of_one_flow(const struct key *a, const struct key *b)
{
	if (a->len == 0 || b->len == 0)
		return 1;
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len +
	    (a->has_ports && b->has_ports ? 5 : 0)) == 0;
}

/* The packets in the order in which they leave, each once. */
static void
find_order(const struct rig_batch *batch, int *order)
{
	const struct offload_batch_ *sorted = &batch->sorted;
	int g, i, k, n = 0, seen[RIG_PACKETS] = {0};

	for (g = 0; g < sorted->n_groups; g++) {
		const struct offload_group_ *group = &sorted->group[g];

		for (i = group->first, k = 1; ; i = sorted->next[i], k++) {
			kit_check(i >= 0 && i < batch->n && !seen[i],
			    "%s: packet %d in group %d", batch->name, i, g);
			seen[i] = 1;
			order[n++] = i;
			if (sorted->next[i] == -1)
				break;
		}
		kit_check(i == group->last && k == group->n,
		    "%s: group %d ends with %d, has %d", batch->name, g, i, k);
	}
	kit_check(n == batch->n, "%s: %d of %d packets", batch->name, n,
	    batch->n);
}

static void
check_order(const struct rig_batch *batch)
{
	static struct key keys[RIG_PACKETS];
	int order[RIG_PACKETS], i, j;

	find_order(batch, order);
	for (i = 0; i < batch->n; i++)
		find_key(&keys[i], &batch->pkts[i], batch->rules.ethernet);
	for (i = 0; i < batch->n; i++) {
		for (j = i + 1; j < batch->n; j++)
			kit_check(order[i] < order[j] || !may_be_of_one_flow(
			    &keys[order[i]], &keys[order[j]]),
			    "%s: packet %d overtakes %d", batch->name,
			    order[i], order[j]);
	}
}

/* ---- what is joined ---- */

struct frame {
	unsigned char *data;
	size_t len;
	size_t headers;
	struct evtun_offload hdr;
};

/* Return whether all checksums are right. */
static int
join(struct rig_batch *batch, const struct offload_group_ *group,
    struct frame *frame)
{
	unsigned char headers[OFFLOAD_HEADERS_MAX_];
	int i, right = 1;
	size_t n;

	memset(&frame->hdr, 0xa5, sizeof(frame->hdr));
	n = offload_join_(group, batch->pkts, headers, &frame->hdr);
	kit_check(n == group->headers && n > 0 && n <= sizeof(headers),
	    "%s: %zu bytes of headers", batch->name, n);
	frame->headers = frame->len = n;
	for (i = group->first; i != -1; i = batch->sorted.next[i])
		frame->len += batch->pkts[i].iov_len - n;
	frame->data = vectors_alloc(frame->len);
	memcpy(frame->data, headers, n);
	for (i = group->first; i != -1; i = batch->sorted.next[i]) {
		right &= offload_copy_(group, &batch->pkts[i],
		    frame->data + n);
		n += batch->pkts[i].iov_len - frame->headers;
	}
	return right;
}

/* What a receiver in the kernel looks at before it splits anything. */
static void
check_frame(const struct rig_batch *batch, const struct frame *frame,
    int n_pkts)
{
	struct evbuffer_iovec vec = { frame->data, frame->len };
	size_t ip = find_ip(&vec, batch->rules.ethernet), len;
	const unsigned char *p = frame->data + ip;
	int is_ip6 = p[0] >> 4 == 6, is_udp = p[is_ip6 ? 6 : 9] == UDP;
	size_t at = ip + (is_ip6 ? 40 : 20);
	unsigned allowed;

	len = frame->len - ip;
	kit_check(len <= 65535, "%s: %zu bytes", batch->name, len);
	if (is_ip6) {
		kit_check(rig_get16(p + 4) == len - 40, "%s: length of IPv6",
		    batch->name);
	} else {
		kit_check(rig_get16(p + 2) == len, "%s: length of IPv4",
		    batch->name);
		kit_check(rig_sum(p, 20, 0) == 0xffff, "%s: sum of IPv4",
		    batch->name);
	}
	allowed = is_ip6 ? OFFLOAD_JOIN_TCP6_ : OFFLOAD_JOIN_TCP4_;
	if (is_udp) {
		allowed = OFFLOAD_JOIN_UDP_;
		kit_check(rig_get16(frame->data + at + 4) == frame->len - at,
		    "%s: length of UDP", batch->name);
		kit_check((unsigned)n_pkts <= batch->rules.udp_segments,
		    "%s: %d datagrams", batch->name, n_pkts);
	}
	kit_check(batch->rules.allowed & allowed, "%s: not allowed",
	    batch->name);
	kit_check(rig_get16(frame->data + at + (is_udp ? 6 : 16)) ==
	    rig_sum(p + (is_ip6 ? 8 : 12), is_ip6 ? 32 : 8,
	    (unsigned)(frame->len - at) + (is_udp ? UDP : TCP)),
	    "%s: sum of the pseudo-header", batch->name);
	kit_check(frame->hdr.csum_start == at &&
	    frame->hdr.csum_offset == (is_udp ? 6 : 16),
	    "%s: where the checksum is", batch->name);
	kit_check(frame->hdr.gso_type == (is_udp ? EVTUN_OFFLOAD_UDP : is_ip6 ?
	    EVTUN_OFFLOAD_TCP6 : EVTUN_OFFLOAD_TCP4), "%s: type %x",
	    batch->name, frame->hdr.gso_type);
}

static void
check_hdr(const struct rig_batch *batch, const struct frame *frame,
    int first)
{
	const struct evtun_offload *hdr = &frame->hdr;

	kit_check(hdr->flags == EVTUN_OFFLOAD_NEEDS_CSUM &&
	    hdr->hdr_len == frame->headers && hdr->gso_size ==
	    batch->pkts[first].iov_len - frame->headers &&
	    hdr->outer_th_offset == 0 && hdr->inner_nh_offset == 0,
	    "%s: the description", batch->name);
}

static void
check_split(const struct rig_batch *batch, const struct frame *frame,
    int first)
{
	struct offload_split_ split;
	enum offload_refusal_ refusal;
	unsigned char *out;
	size_t len;
	int i;

	refusal = offload_begin_(&split, &frame->hdr, frame->data, frame->len,
	    batch->rules.ethernet);
	kit_check(refusal == OFFLOAD_GOOD_, "%s: packet %d: refused for %d",
	    batch->name, first, refusal);
	for (i = first; i != -1; i = batch->sorted.next[i]) {
		kit_check(!offload_is_done_(&split), "%s: no packet %d",
		    batch->name, i);
		out = vectors_alloc(offload_next_max_(&split));
		len = offload_next_(&split, out);
		if (len != batch->pkts[i].iov_len ||
		    memcmp(out, batch->pkts[i].iov_base, len) != 0)
			vectors_compare(batch->name, i, &batch->pkts[i], out,
			    len);
		free(out);
	}
	kit_check(offload_is_done_(&split), "%s: more packets", batch->name);
}

/* Groups with a wrong checksum are none unless one has been looked for. */
static void
check_groups(struct rig_batch *batch, int unsummed)
{
	const struct offload_group_ *group;
	struct frame frame;
	int i, right;

	batch->rules.unsummed = unsummed;
	offload_sort_(&batch->sorted, &batch->rules, batch->pkts, batch->n);
	check_order(batch);
	for (i = 0; i < batch->sorted.n_groups; i++) {
		group = &batch->sorted.group[i];
		if (group->n == 1)
			continue;
		right = join(batch, group, &frame);
		kit_check(right || unsummed, "%s: a wrong checksum",
		    batch->name);
		if (right) {
			check_hdr(batch, &frame, group->first);
			check_frame(batch, &frame, group->n);
			check_split(batch, &frame, group->first);
		}
		free(frame.data);
	}
}

void
rig_check(struct rig_batch *batch)
{
	check_groups(batch, 1);
	check_groups(batch, 0);
}

char *
rig_groups(const struct rig_batch *batch)
{
	const struct offload_batch_ *sorted = &batch->sorted;
	size_t room = RIG_PACKETS * 5 + 1;
	char *text = vectors_alloc(room), *p = text;
	int g, i;

	*p = '\0';
	for (g = 0; g < sorted->n_groups; g++) {
		for (i = sorted->group[g].first; i != -1; i = sorted->next[i])
			p += snprintf(p, room - (size_t)(p - text), "%s%d",
			    i != sorted->group[g].first ? " " :
			    g > 0 ? ";" : "", i);
	}
	return text;
}

void
rig_check_groups(struct rig_batch *batch, const char *groups)
{
	char *text;

	rig_check(batch);
	text = rig_groups(batch);
	kit_check(strcmp(text, groups) == 0, "%s: groups \"%s\", not \"%s\"",
	    batch->name, text, groups);
	free(text);
}
