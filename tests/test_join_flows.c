/*
 * Packets of many flows are joined to those of their own, and nothing
 * overtakes in a flow, nor what may be of that flow.
 */
#include "config.h"

#include <string.h>

#include "join_rig.h"
#include "kit.h"

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

/* ---- between two packets ---- */

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

/* Add a packet like the next one of a flow, which does not count it. */
static unsigned char *
add_like(struct rig_batch *batch, const struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	rig_add(batch, &other);
	return batch->pkts[batch->n - 1].iov_base;
}

/* Of the flow: a pure ACK, and one padded as Ethernet does it. */
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
	p = add_like(batch, &other);
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
	add_like(batch, flow);
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
	add_like(batch, flow);
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
	unsigned char *p = add_like(batch, flow);

	p[12] = 0x08;
	p[13] = 0x06;
}

static void
between_other_version(struct rig_batch *batch, struct rig_flow *flow)
{
	unsigned char *p = add_like(batch, flow);

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

/* ---- tags ---- */

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
	kit_suite("join_flows");
	kit_case("many_flows", 0);
	kit_test(test_interleaved);
	kit_loop(test_many_flows, 0, 4);
	kit_loop(test_between, 0, 2);
	kit_loop(test_tags, 0, 2);
	return kit_run();
}
