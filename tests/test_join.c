/*
 * Packets of a batch are joined where Linux would split them into what they
 * were, and nowhere else; nothing overtakes in a flow.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "join_rig.h"
#include "kit.h"
#include "vectors.h"

/* Flows of all kinds: an index for kit_loop(). */
#define N_KINDS 16

static void
flow_of_kind(struct rig_flow *flow, int kind, unsigned which)
{
	rig_flow(flow, kind & 1, kind >> 1 & 1, (kind >> 2) - 1, which);
}

static int
is_ethernet(const struct rig_flow *flow)
{
	return flow->tags != RIG_TUN;
}

/* ---- vectors ---- */

/* The groups of a vector, as far as they are of packets from to to - 1. */
static void
part_of_groups(const struct vector *v, int from, int to, char *text,
    size_t room)
{
	size_t n = 0;
	int i, last = -1;

	text[0] = '\0';
	for (i = 0; i < v->n_pkts; i++) {
		if (v->order[i] < from || v->order[i] >= to)
			continue;
		n += (size_t)snprintf(text + n, room - n, "%s%d",
		    last == -1 ? "" : last == v->group[i] ? " " : ";",
		    v->order[i] - from);
		last = v->group[i];
	}
}

/* What binds less than these two is what rig_check() demands of everything.
 * Where it is the size that ends a group, 64 datagrams are meant. */
static void
check_part(const struct vector *v, int from, unsigned udp_segments)
{
	char groups[RIG_PACKETS * 5];
	struct rig_batch batch;
	int i;

	rig_batch(&batch, v->name, 0);
	batch.rules.udp_segments = udp_segments;
	if (!v->udp)
		batch.rules.allowed &= ~OFFLOAD_JOIN_UDP_;
	for (i = from; i < v->n_pkts && batch.n < RIG_PACKETS; i++)
		rig_add_bytes(&batch, v->pkts[i].iov_base, v->pkts[i].iov_len);
	part_of_groups(v, from, i, groups, sizeof(groups));
	if (strcmp(v->why, "exact") == 0 ||
	    (strcmp(v->why, "size") == 0 && udp_segments == 64))
		rig_check_groups(&batch, groups);
	else
		rig_check(&batch);
	rig_batch_free(&batch);
}

START_TEST(test_vectors)
{
	struct vector *vectors;
	int i, n, from;

	vectors = vectors_read('G', &n);
	for (i = 0; i < n; i++) {
		for (from = 0; from < vectors[i].n_pkts; from += RIG_PACKETS) {
			check_part(&vectors[i], from, 64);
			check_part(&vectors[i], from, 128);
		}
	}
	vectors_free(vectors, n);
}
END_TEST

/* ---- bulk ---- */

/* All groups but the last have as many packets as they can. */
static void
check_bulk(struct rig_flow *flow, unsigned udp_segments, int full)
{
	const struct offload_group_ *group;
	struct rig_batch batch;
	int i;

	rig_batch(&batch, "bulk", is_ethernet(flow));
	batch.rules.udp_segments = udp_segments;
	while (batch.n < RIG_PACKETS)
		rig_add(&batch, flow);
	rig_check(&batch);
	group = batch.sorted.group;
	for (i = 0; i < RIG_PACKETS; i += full, group++) {
		ck_assert_int_eq(group->first, i);
		if (i + full < RIG_PACKETS)
			ck_assert_int_eq(group->n, full);
		else
			ck_assert_int_eq(group->n, RIG_PACKETS - i);
	}
	rig_batch_free(&batch);
}

START_TEST(test_bulk)
{
	struct rig_flow flow;

	flow_of_kind(&flow, _i, 1);
	/* Ids and sequence numbers begin anew on the way. */
	flow.id = 0xffff - 50;
	flow.seq = (ev_uint32_t)-70000;
	flow.payload = 1460;
	/* 44 of them are 64,240 bytes. */
	check_bulk(&flow, 128, 44);
	flow.payload = 1;
	check_bulk(&flow, 128, 128);
	check_bulk(&flow, 100, flow.is_udp ? 100 : 128);
	check_bulk(&flow, 64, flow.is_udp ? 64 : 128);
	check_bulk(&flow, 1, flow.is_udp ? 1 : 128);
	/* Two are too many. */
	flow.payload = 32768;
	check_bulk(&flow, 128, 1);
}
END_TEST

/* Two packets of 65,535 bytes together are joined, and of 65,536 are not. */
START_TEST(test_largest)
{
	struct rig_flow flow;
	struct rig_batch batch;
	int headers;

	flow_of_kind(&flow, _i, 1);
	headers = (flow.is_ip6 ? 40 : 20) + (flow.is_udp ? 8 : 20);
	rig_batch(&batch, "largest", is_ethernet(&flow));
	flow.payload = 40000;
	rig_add(&batch, &flow);
	flow.payload = (size_t)(65535 - 40000 - headers);
	rig_add(&batch, &flow);
	flow.payload = 40000;
	rig_add(&batch, &flow);
	flow.payload = (size_t)(65536 - 40000 - headers);
	rig_add(&batch, &flow);
	rig_check_groups(&batch, "0 1;2;3");
	rig_batch_free(&batch);
}
END_TEST

START_TEST(test_sizes)
{
	static const size_t sizes[] = {
		100, 100, 99,		/* a smaller one ends it */
		99, 100,		/* a larger one does not join */
		99, 0, 100,		/* none */
		100
	};
	struct rig_flow flow;
	struct rig_batch batch;
	size_t i;

	flow_of_kind(&flow, _i, 1);
	rig_batch(&batch, "sizes", is_ethernet(&flow));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		flow.payload = sizes[i];
		rig_add(&batch, &flow);
	}
	rig_check_groups(&batch, "0 1 2;3;4 5;6;7 8");
	rig_batch_free(&batch);
}
END_TEST

START_TEST(test_flags_of_the_last)
{
	static const unsigned flags[] = {
		0, RIG_PSH, 0, RIG_FIN, RIG_FIN, 0, RIG_FIN | RIG_PSH,
		RIG_PSH, 0, 0
	};
	struct rig_flow flow;
	struct rig_batch batch;
	size_t i;

	rig_flow(&flow, _i, 0, RIG_TUN, 1);
	rig_batch(&batch, "flags", 0);
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		flow.flags = RIG_ACK | flags[i];
		rig_add(&batch, &flow);
	}
	rig_check_groups(&batch, "0 1;2 3;4;5 6;7;8 9");
	rig_batch_free(&batch);
}
END_TEST

/* What is not allowed does not disturb what is. */
START_TEST(test_not_allowed)
{
	struct rig_flow flow, other;
	struct rig_batch batch;
	unsigned i, of_flow, of_other;

	flow_of_kind(&flow, _i, 1);
	of_other = flow.is_ip6 ? OFFLOAD_JOIN_TCP6_ : OFFLOAD_JOIN_TCP4_;
	of_flow = flow.is_udp ? OFFLOAD_JOIN_UDP_ : of_other;
	if (!flow.is_udp)
		of_other = OFFLOAD_JOIN_UDP_;
	for (i = 0; i < 8; i++) {
		other = flow;
		other.is_udp = !flow.is_udp;
		rig_batch(&batch, "not allowed", is_ethernet(&flow));
		batch.rules.allowed = i;
		rig_add(&batch, &flow);
		rig_add(&batch, &other);
		rig_add(&batch, &flow);
		rig_add(&batch, &other);
		rig_check_groups(&batch, !(i & of_flow) ?
		    i & of_other ? "0;1 3;2" : "0;1;2;3" :
		    i & of_other ? "0 2;1 3" : "0 2;1;3");
		rig_batch_free(&batch);
	}
}
END_TEST

/* ---- one thing is different ---- */

static int
is_of_ip4(enum rig_change change)
{
	return change == RIG_CHANGED_DF ||
	    change == RIG_CHANGED_RESERVED_BIT || change == RIG_CHANGED_ID ||
	    change == RIG_CHANGED_MORE_FRAGMENTS ||
	    change == RIG_CHANGED_OFFSET || change == RIG_CHANGED_IP_SUM;
}

static int
is_of_tcp(enum rig_change change)
{
	return (change >= RIG_CHANGED_ACK &&
	    change <= RIG_CHANGED_MORE_OPTIONS) ||
	    (change >= RIG_CHANGED_SEQ && change <= RIG_CHANGED_FIN);
}

static int
concerns(const struct rig_flow *flow, enum rig_change change)
{
	if (is_of_ip4(change))
		return !flow->is_ip6;
	if (is_of_tcp(change))
		return !flow->is_udp;
	if (change == RIG_CHANGED_LABEL)
		return flow->is_ip6;
	if (change == RIG_CHANGED_ETHERNET)
		return flow->tags >= 0;
	if (change == RIG_CHANGED_VLAN)
		return flow->tags > 0;
	return change != RIG_CHANGED_UDP_LEN || flow->is_udp;
}

/* Four packets of a flow: bit i says whether packet i is changed. */
static void
check_change(int kind, enum rig_change change, int changed, const char *groups)
{
	struct rig_flow flow, other;
	struct rig_batch batch;
	char name[64];
	int i;

	flow_of_kind(&flow, kind, 1);
	flow.n_options = 12;
	snprintf(name, sizeof(name), "change %d in %x", (int)change, changed);
	rig_batch(&batch, name, is_ethernet(&flow));
	for (i = 0; i < 4; i++) {
		other = flow;
		if (changed & 1 << i)
			rig_change(&other, change);
		rig_add(&batch, &other);
		flow.id++;
		flow.seq += (ev_uint32_t)other.payload;
	}
	rig_check_groups(&batch, groups);
	rig_batch_free(&batch);
}

START_TEST(test_changes)
{
	struct rig_flow flow;
	int change;

	flow_of_kind(&flow, _i, 1);
	for (change = RIG_CHANGED_TOS; change < RIG_CHANGES; change++) {
		if (!concerns(&flow, change))
			continue;
		if (change <= RIG_CHANGED_MORE_OPTIONS) {
			check_change(_i, change, 0x4, "0 1;2;3");
			check_change(_i, change, 0xc, "0 1;2 3");
			check_change(_i, change, 0x3, "0 1;2 3");
		} else if (change == RIG_CHANGED_PSH ||
		    change == RIG_CHANGED_FIN) {
			check_change(_i, change, 0x4, "0 1 2;3");
			check_change(_i, change, 0xc, "0 1 2;3");
		} else if (change == RIG_CHANGED_ID ||
		    change == RIG_CHANGED_SEQ) {
			check_change(_i, change, 0x4, "0 1;2;3");
			check_change(_i, change, 0xc, "0 1;2 3");
		} else {
			check_change(_i, change, 0x4, "0 1;2;3");
			check_change(_i, change, 0x3, "0;1;2 3");
		}
	}
}
END_TEST

/* A TCP header that says it has 16 bytes: so 4 are payload. */
START_TEST(test_no_header)
{
	struct rig_flow flow;
	struct rig_batch batch;
	int i;

	rig_flow(&flow, _i, 0, RIG_TUN, 1);
	flow.no_header = 1;
	rig_batch(&batch, "no header", 0);
	for (i = 0; i < 3; i++) {
		rig_add(&batch, &flow);
		flow.seq += 4;
	}
	rig_check_groups(&batch, "0;1;2");
	rig_batch_free(&batch);
}
END_TEST

/* The checksum that has two values: 0, and 0xffff. */
START_TEST(test_zero_checksums)
{
	struct rig_flow flow;
	struct rig_batch batch;
	int i;

	flow_of_kind(&flow, _i, 1);
	rig_batch(&batch, "zero", is_ethernet(&flow));
	for (i = 0; i < 5; i++) {
		flow.zero_sum = i % 2;
		/* Right as well, but not what UDP may have. */
		flow.sum_error = i == 3 ? 0xffff : 0;
		rig_add(&batch, &flow);
	}
	rig_check_groups(&batch, flow.is_udp ? "0 1 2;3;4" : "0;1;2;3;4");
	rig_batch_free(&batch);
}
END_TEST

/* Those of IPv4. */
START_TEST(test_zero_header_checksums)
{
	struct rig_flow flow, second;
	struct rig_batch batch;
	const unsigned char *p;

	rig_flow(&flow, 0, _i, RIG_TUN, 1);
	rig_batch(&batch, "zero", 0);
	rig_add(&batch, &flow);
	p = batch.pkts[0].iov_base;
	/* What is added to the id is taken from the checksum: of the second
	 * packet it will be 0. */
	flow.id = 77 + rig_get16(p + 10) - 1;
	rig_batch_free(&batch);
	rig_add(&batch, &flow);
	second = flow;
	rig_add(&batch, &second);
	p = batch.pkts[1].iov_base;
	ck_assert_int_eq(rig_get16(p + 10), 0);
	rig_check_groups(&batch, "0 1");
	batch.n--;
	free(batch.pkts[1].iov_base);
	flow.ip_sum_error = 0xffff;
	rig_add(&batch, &flow);
	rig_check_groups(&batch, "0;1");
	rig_batch_free(&batch);
}
END_TEST

/* ---- many flows ---- */

START_TEST(test_interleaved)
{
	struct rig_flow flows[8];
	struct rig_batch batch;
	int i;

	rig_batch(&batch, "interleaved", 0);
	/* Those that are next to one another have the same addresses. */
	for (i = 0; i < 8; i++)
		rig_flow(&flows[i], i >> 1 & 1, i & 1, RIG_TUN,
		    (unsigned)i >> 2);
	for (i = 0; i < 24; i++)
		rig_add(&batch, &flows[i % 8]);
	rig_check_groups(&batch, "0 8 16;1 9 17;2 10 18;3 11 19;4 12 20;"
	    "5 13 21;6 14 22;7 15 23");
	rig_batch_free(&batch);
}
END_TEST

/* One flow for each packet, and then each of them again. */
START_TEST(test_many_flows)
{
	struct rig_flow flows[RIG_PACKETS / 2];
	struct rig_batch batch;
	int i, half = RIG_PACKETS / 2;

	rig_batch(&batch, "many flows", 0);
	for (i = 0; i < RIG_PACKETS; i++) {
		if (i < half)
			rig_flow(&flows[i], _i & 1, _i >> 1, RIG_TUN,
			    (unsigned)i);
		rig_add(&batch, &flows[i % half]);
	}
	rig_check(&batch);
	ck_assert_int_eq(batch.sorted.n_groups, half);
	for (i = 0; i < half; i++)
		ck_assert_int_eq(batch.sorted.group[i].last, half + i);
	rig_batch_free(&batch);
}
END_TEST

/* What comes between two packets of a flow, and of another one of other
 * hosts: flows[2] is of the hosts of flows[0]. */
static void
check_between(int is_ip6, void (*between)(struct rig_batch *batch,
    struct rig_flow *flow), int tags, const char *groups)
{
	struct rig_flow flows[3];
	struct rig_batch batch;
	int i;

	rig_batch(&batch, "between", tags != RIG_TUN);
	for (i = 0; i < 3; i++)
		rig_flow(&flows[i], is_ip6, 0, tags, (unsigned)i);
	memcpy(flows[2].addresses, flows[0].addresses, 32);
	rig_add(&batch, &flows[0]);
	rig_add(&batch, &flows[1]);
	rig_add(&batch, &flows[2]);
	between(&batch, &flows[0]);
	rig_add(&batch, &flows[0]);
	rig_add(&batch, &flows[1]);
	rig_add(&batch, &flows[2]);
	rig_check_groups(&batch, groups);
	rig_batch_free(&batch);
}

/* Of the flow: a pure RIG_CHANGED_ACK, and one padded as Ethernet does it. */
static void
between_ack(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow ack = *flow;

	ack.payload = 0;
	rig_add(batch, &ack);
}

static void
between_padded(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow ack = *flow;

	ack.payload = 0;
	ack.trailing = 6;
	rig_add(batch, &ack);
}

/* Of the hosts, but nobody knows of which flow. */
static void
between_options(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	other.ip_options = 8;
	rig_add(batch, &other);
}

static void
between_fragment(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	other.frag = 0x00b9;
	rig_add(batch, &other);
}

/* A packet of len bytes behind its IP header, which says so. */
static void
add_short(struct rig_batch *batch, const struct rig_flow *flow, size_t len)
{
	size_t transport = flow->is_udp ? 8 : 20;
	struct rig_flow other = *flow;

	other.ip_len_error = (unsigned)(len - transport - other.payload);
	rig_add(batch, &other);
	rig_cut(batch, (flow->is_ip6 ? 40 : 20) + len);
}

static void
between_icmp(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;
	unsigned char *p;

	/* The checksum is that of protocol 6. */
	other.ip_sum_error = 6 - 1;
	rig_add(batch, &other);
	p = batch->pkts[batch->n - 1].iov_base;
	p[flow->is_ip6 ? 6 : 9] = flow->is_ip6 ? 58 : 1;
}

static void
between_no_tcp(struct rig_batch *batch, struct rig_flow *flow)
{
	add_short(batch, flow, 0);
}

static void
between_half_tcp(struct rig_batch *batch, struct rig_flow *flow)
{
	add_short(batch, flow, 19);
}

static void
between_half_udp(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	other.is_udp = 1;
	add_short(batch, &other, 7);
}

/* It says there is more. */
static void
between_cut(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	rig_add(batch, &other);
	rig_cut(batch, flow->is_ip6 ? 40 : 20);
}

/* It says that it is shorter than its header. */
static void
between_no_length(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	other.ip_len_error = (unsigned)-(40 + 100) + 19;
	rig_add(batch, &other);
	rig_cut(batch, 20);
}

/* Nobody knows of which hosts. */
static void
between_stump(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	rig_add(batch, &other);
	rig_cut(batch, flow->is_ip6 ? 39 : 19);
}

static void
between_nothing(struct rig_batch *batch, struct rig_flow *flow)
{
	(void)flow;
	rig_add_bytes(batch, "", 0);
}

static void
between_arp(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;
	unsigned char *p;

	rig_add(batch, &other);
	p = batch->pkts[batch->n - 1].iov_base;
	p[12] = 0x08;
	p[13] = 0x06;
}

static void
between_other_version(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;
	unsigned char *p;

	rig_add(batch, &other);
	p = batch->pkts[batch->n - 1].iov_base;
	p[14] ^= 0x20;
}

START_TEST(test_between)
{
	const char *of_flow = "0;1 5;2 6;3;4", *of_hosts = "0;1 5;2;3;4;6";
	const char *of_all = "0;1;2;3;4;5;6";

	check_between(_i, between_ack, RIG_TUN, of_flow);
	check_between(_i, between_padded, RIG_TUN, of_flow);
	check_between(_i, between_padded, 0, of_flow);
	check_between(_i, between_options, RIG_TUN, of_hosts);
	check_between(_i, between_icmp, RIG_TUN, of_hosts);
	check_between(_i, between_no_tcp, RIG_TUN, of_hosts);
	check_between(_i, between_half_tcp, RIG_TUN, of_hosts);
	check_between(_i, between_half_udp, RIG_TUN, of_hosts);
	check_between(_i, between_cut, RIG_TUN, of_hosts);
	if (!_i) {
		check_between(_i, between_fragment, RIG_TUN, of_hosts);
		check_between(_i, between_no_length, RIG_TUN, of_hosts);
	}
	check_between(_i, between_stump, RIG_TUN, of_all);
	check_between(_i, between_nothing, RIG_TUN, of_all);
	check_between(_i, between_nothing, 1, of_all);
	check_between(_i, between_arp, 0, of_all);
	check_between(_i, between_other_version, 0, of_all);
}
END_TEST

/* A third tag: nobody here reads so far. */
START_TEST(test_tags)
{
	struct rig_flow flow;
	struct rig_batch batch;
	int tags;

	for (tags = 0; tags <= 3; tags++) {
		rig_flow(&flow, _i, 0, tags, 1);
		rig_batch(&batch, "tags", 1);
		rig_add(&batch, &flow);
		rig_add(&batch, &flow);
		rig_check_groups(&batch, tags < 3 ? "0 1" : "0;1");
		rig_batch_free(&batch);
	}
}
END_TEST

int
main(void)
{
	kit_suite("join");
	kit_case("vectors", 0);
	kit_test(test_vectors);
	kit_case("one_flow", 0);
	kit_loop(test_bulk, 0, N_KINDS);
	kit_loop(test_largest, 0, N_KINDS);
	kit_loop(test_sizes, 0, N_KINDS);
	kit_loop(test_flags_of_the_last, 0, 2);
	kit_loop(test_not_allowed, 0, N_KINDS);
	kit_loop(test_changes, 0, N_KINDS);
	kit_loop(test_no_header, 0, 2);
	kit_loop(test_zero_checksums, 0, N_KINDS);
	kit_loop(test_zero_header_checksums, 0, 2);
	kit_case("many_flows", 0);
	kit_test(test_interleaved);
	kit_loop(test_many_flows, 0, 4);
	kit_loop(test_between, 0, 2);
	kit_loop(test_tags, 0, 2);
	return kit_run();
}
