/*
 * Whatever comes: what is joined is split into what it was, and nothing
 * overtakes in a flow.
 *
 * KIT_CASES is how many random batches are tried (20,000), KIT_SEED what they
 * begin with (1).
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "join_rig.h"
#include "kit.h"
#include "vectors.h"

#define N_PARTS 20
#define MAX_FLOWS 4

static ev_uint64_t state;

/* From 0 to n - 1: splitmix64. */
static unsigned
any(unsigned n)
{
	ev_uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (unsigned)((z ^ (z >> 31)) % n);
}

static void
any_flow(struct rig_flow *flow, int tags, unsigned which)
{
	static const unsigned sizes[] = {
		2, 20, 100, 100, 600, 1460, 1460, 9000, 30000
	};

	rig_flow(flow, any(2) != 0, any(2) != 0, tags, any(4) ? which : 0);
	if (any(2))
		memset(flow->addresses, 10, sizeof(flow->addresses));
	if (any(2))
		flow->n_options = any(11) * 4;
	flow->payload = 1 + any(sizes[any(9)]);
	flow->id = any(0x10000);
	flow->seq = any(4) ? any(0x10000) : 0 - any(0x10000);
}

static void
any_rules(struct offload_rules_ *rules)
{
	static const unsigned segments[] = { 1, 2, 5, 64, 128, 128 };

	if (any(4) == 0)
		rules->allowed = any(8);
	rules->udp_segments = segments[any(6)];
}

/* One packet, most often as those before and after. */
static void
add_any_packet(struct rig_batch *batch, struct rig_flow *flow)
{
	struct rig_flow other = *flow;

	if (any(8) == 0)
		rig_change(&other, any(RIG_CHANGES));
	if (any(16) == 0)
		other.payload = any((unsigned)flow->payload * 2);
	if (any(16) == 0)
		other.zero_sum = 1;
	if (any(200) == 0)
		other.n_options = any(11) * 4;
	rig_add(batch, &other);
	/* Some are lost, and some come twice. */
	if (any(16) == 0)
		return;
	flow->id = other.id;
	flow->seq = other.seq;
	if (any(64) == 0)
		rig_change(flow, any(RIG_CHANGES));
	if (flow->payload == 0)
		flow->payload = 1 + any(1460);
}

/* One bit of the last packet, or all from somewhere on. */
static void
damage(struct rig_batch *batch)
{
	struct evbuffer_iovec *pkt = &batch->pkts[batch->n - 1];
	unsigned len = (unsigned)pkt->iov_len;
	unsigned char *p = pkt->iov_base;

	if (len == 0)
		return;
	if (any(2))
		p[any(len < 64 ? len : 64)] ^= (unsigned char)(1 << any(8));
	else
		rig_cut(batch, any(len));
}

static void
add_garbage(struct rig_batch *batch)
{
	unsigned char bytes[120];
	size_t i, len = any(sizeof(bytes) + 1);

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)any(256);
	bytes[0] = (unsigned char)(any(2) ? 0x45 : 0x60);
	rig_add_bytes(batch, bytes, len);
}

static void
fill(struct rig_batch *batch, struct rig_flow *flows, unsigned n_flows, int n)
{
	unsigned which = 0;

	while (batch->n < n) {
		if (any(100) == 0) {
			add_garbage(batch);
			continue;
		}
		if (any(4) == 0)
			which = any(n_flows);
		add_any_packet(batch, &flows[which]);
		if (any(64) == 0)
			damage(batch);
	}
}

/* Return how many packets were joined to another, and add to *n how many
 * there were. */
static int
check_any(ev_uint64_t seed, int *n)
{
	struct rig_flow flows[MAX_FLOWS];
	struct rig_batch batch;
	unsigned i, n_flows;
	char name[64];
	int tags, joined;

	snprintf(name, sizeof(name), "KIT_CASES=1 KIT_SEED=%llu",
	    (unsigned long long)seed);
	state = seed;
	n_flows = 1 + any(MAX_FLOWS);
	tags = any(2) ? RIG_TUN : (int)any(3);
	for (i = 0; i < n_flows; i++)
		any_flow(&flows[i], tags, i);
	rig_batch(&batch, name, tags != RIG_TUN);
	any_rules(&batch.rules);
	fill(&batch, flows, n_flows, any(50) ? 1 + (int)any(20) : RIG_PACKETS);
	rig_check(&batch);
	*n += batch.n;
	joined = batch.n - batch.sorted.n_groups;
	rig_batch_free(&batch);
	return joined;
}

static unsigned long long
from_environment(const char *name, unsigned long long otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? strtoull(s, NULL, 10) : otherwise;
}

START_TEST(test_any)
{
	unsigned long long i, cases = from_environment("KIT_CASES", 20000);
	unsigned long long seed = from_environment("KIT_SEED", 1);
	int n = 0, joined = 0;

	for (i = (unsigned)_i; i < cases; i += N_PARTS)
		joined += check_any(seed + i, &n);
	/* They were not all hopeless. */
	if (cases >= 2000)
		ck_assert_int_gt(joined, n / 3);
}
END_TEST

int
main(void)
{
	kit_suite("join_random");
	kit_case("random", 0);
	kit_loop(test_any, 0, N_PARTS);
	return kit_run();
}
