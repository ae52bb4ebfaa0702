/*
 * A packet differs from the others of its flow in one thing: it is joined to
 * them only where splitting the frame makes it again.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "join_rig.h"
#include "kit.h"

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

	rig_flow_of_kind(&flow, kind);
	flow.n_options = 12;
	snprintf(name, sizeof(name), "change %d in %x", (int)change, changed);
	rig_batch(&batch, name, rig_is_ethernet(&flow));
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

	rig_flow_of_kind(&flow, _i);
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

/* ---- checksums of 0 ---- */

/* The checksum that has two values: 0, and 0xffff. */
START_TEST(test_zero_checksums)
{
	struct rig_flow flow;
	struct rig_batch batch;
	int i;

	rig_flow_of_kind(&flow, _i);
	rig_batch(&batch, "zero", rig_is_ethernet(&flow));
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

int
main(void)
{
	kit_suite("join_changes");
	kit_case("one_flow", 0);
	kit_loop(test_changes, 0, RIG_KINDS);
	kit_loop(test_no_header, 0, 2);
	kit_loop(test_zero_checksums, 0, RIG_KINDS);
	kit_loop(test_zero_header_checksums, 0, 2);
	return kit_run();
}
