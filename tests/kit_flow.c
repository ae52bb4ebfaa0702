#include "config.h"

#include <stdio.h>
#include <string.h>

#include "kit.h"

/* What may be on its way: the least that any kind holds without losing it. */
#define WINDOW_BYTES (48 * 1024)
#define WINDOW_PACKETS 64

size_t
kit_flow_size(enum kit_kind kind, unsigned index)
{
	size_t min = kit_min_size(kind);

	if (index % 500 == 499)
		return kit_max_size(kind) - index / 500 % 3;
	return min + index * 7919u % (index % 3 == 0 ? 1500 : 100);
}

static void
flow_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct kit_flow *flow = ctx;
	enum kit_kind kind = flow->rig->kind;
	size_t size;
	int i;

	(void)pev;
	for (i = 0; i < n_pkts; i++, flow->got++) {
		size = kit_flow_size(kind, flow->got);
		kit_check(flow->got < flow->sent, "one packet too many");
		kit_check(pkts[i].iov_len == size,
		    "packet %u has %zu bytes, not %zu", flow->got,
		    pkts[i].iov_len, size);
		kit_check(kit_matches(kind, pkts[i].iov_base, flow->got,
		    size), "packet %u has other bytes", flow->got);
		flow->on_the_way -= size;
	}
}

static void
no_eventcb(struct packetevent *pev, short what, void *ctx)
{
	(void)pev;
	(void)ctx;
	ck_abort_msg("event 0x%x: %s", what, evtun_get_error());
}

void
kit_flow_start(struct kit_flow *flow, struct kit_rig *rig, int from,
    unsigned n)
{
	memset(flow, 0, sizeof(*flow));
	flow->rig = rig;
	flow->from = from;
	flow->n = n;
	packetevent_setcb(rig->pev[!from], flow_readcb, NULL, no_eventcb,
	    flow);
	kit_enable(rig, !from, EV_READ);
}

static void
flow_send(struct kit_flow *flow)
{
	size_t size;

	while (flow->sent < flow->n &&
	    flow->sent - flow->got < WINDOW_PACKETS) {
		size = kit_flow_size(flow->rig->kind, flow->sent);
		if (flow->on_the_way != 0 &&
		    flow->on_the_way + size > WINDOW_BYTES)
			break;
		flow->on_the_way += size;
		flow->sent++;
		kit_ok(kit_write(flow->rig, flow->from, flow->sent - 1,
		    size));
	}
}

struct flows {
	struct kit_flow *flow;
	int n;
};

static int
flows_done(void *arg)
{
	struct flows *flows = arg;
	int i, done = 1;

	for (i = 0; i < flows->n; i++) {
		flow_send(&flows->flow[i]);
		if (flows->flow[i].got < flows->flow[i].n)
			done = 0;
	}
	return done;
}

void
kit_flows_run(struct kit_flow *flow, int n)
{
	struct flows flows = {flow, n};

	kit_until(flow[0].rig->base, flows_done, &flows, "all packets");
}

void
kit_traffic(struct kit_rig *rig, unsigned n)
{
	struct kit_flow flow[2];
	int i;

	for (i = 0; i < 2; i++)
		kit_flow_start(&flow[i], rig, i, n);
	kit_flows_run(flow, 2);
	for (i = 0; i < 2; i++)
		packetevent_setcb(rig->pev[i], kit_readcb, kit_writecb,
		    kit_eventcb, &rig->log[i]);
}
