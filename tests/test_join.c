/*
 * Packets of a batch are joined where Linux would split them into what they
 * were, and nowhere else.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "join_rig.h"
#include "kit.h"
#include "vectors.h"

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

	rig_batch(&batch, "bulk", rig_is_ethernet(flow));
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

	rig_flow_of_kind(&flow, _i);
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

	rig_flow_of_kind(&flow, _i);
	headers = (flow.is_ip6 ? 40 : 20) + (flow.is_udp ? 8 : 20);
	rig_batch(&batch, "largest", rig_is_ethernet(&flow));
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

	rig_flow_of_kind(&flow, _i);
	rig_batch(&batch, "sizes", rig_is_ethernet(&flow));
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

	rig_flow_of_kind(&flow, _i);
	of_other = flow.is_ip6 ? OFFLOAD_JOIN_TCP6_ : OFFLOAD_JOIN_TCP4_;
	of_flow = flow.is_udp ? OFFLOAD_JOIN_UDP_ : of_other;
	if (!flow.is_udp)
		of_other = OFFLOAD_JOIN_UDP_;
	for (i = 0; i < 8; i++) {
		other = flow;
		other.is_udp = !flow.is_udp;
		rig_batch(&batch, "not allowed", rig_is_ethernet(&flow));
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

int
main(void)
{
	kit_suite("join");
	kit_case("vectors", 0);
	kit_test(test_vectors);
	kit_case("one_flow", 0);
	kit_loop(test_bulk, 0, RIG_KINDS);
	kit_loop(test_largest, 0, RIG_KINDS);
	kit_loop(test_sizes, 0, RIG_KINDS);
	kit_loop(test_flags_of_the_last, 0, 2);
	kit_loop(test_not_allowed, 0, RIG_KINDS);
	return kit_run();
}
