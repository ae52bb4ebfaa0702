#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

#define ETHERNET_HEADER 14

size_t
kit_min_size(enum kit_kind kind)
{
	return kind == KIT_TAP ? ETHERNET_HEADER : 1;
}

size_t
kit_max_size(enum kit_kind kind)
{
	/* What an IPv4 packet has left for UDP. */
	return kind == KIT_UDP ? EVTUN_MAX_PACKET - 28 : EVTUN_MAX_PACKET;
}

/* Byte i of a packet: other packets, and other places, have other bytes. */
static unsigned char
byte_at(unsigned index, size_t size, size_t i)
{
	return (unsigned char)(index * 151 + size * 13 + i * 7 +
	    (i >> 8) * 29);
}

void
kit_fill(enum kit_kind kind, void *data, unsigned index, size_t size)
{
	static const unsigned char ethernet[ETHERNET_HEADER] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1,
		0x88, 0xb5	/* an EtherType for local experiments */
	};
	unsigned char *p = data;
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = byte_at(index, size, i);
	if (kind == KIT_TUN && size > 0)
		p[0] = 0x40 | (p[0] & 0x0f);
	if (kind == KIT_TAP && size >= sizeof(ethernet))
		memcpy(p, ethernet, sizeof(ethernet));
}

int
kit_matches(enum kit_kind kind, const void *data, unsigned index, size_t size)
{
	static _Thread_local unsigned char wanted[EVTUN_MAX_FRAME + 1];

	if (size > sizeof(wanted))
		return 0;
	kit_fill(kind, wanted, index, size);
	return memcmp(data, wanted, size) == 0;
}

int
kit_write(struct kit_rig *rig, int end, unsigned index, size_t size)
{
	static _Thread_local unsigned char data[KIT_TOO_LARGE];

	kit_check(size <= sizeof(data), "a packet of %zu bytes", size);
	kit_fill(rig->kind, data, index, size);
	return packetevent_write(rig->pev[end], data, size);
}

void
kit_enable(struct kit_rig *rig, int end, short events)
{
	kit_ok(packetevent_enable(rig->pev[end], events));
}

ev_uint64_t
kit_count(struct kit_rig *rig, int end, enum packetevent_count which)
{
	return packetevent_get_count(rig->pev[end], which);
}

void
kit_check_counts(struct kit_rig *rig, int end, ev_uint64_t offered)
{
	ev_uint64_t written = kit_count(rig, end, PEV_COUNT_WRITTEN_PACKETS);
	ev_uint64_t dropped = kit_count(rig, end, PEV_COUNT_WRITE_DROPPED);
	ev_uint64_t queued = kit_count(rig, end, PEV_COUNT_QUEUED_PACKETS);

	kit_check(written + dropped + queued == offered,
	    "written %llu + dropped %llu + queued %llu is not %llu",
	    (unsigned long long)written, (unsigned long long)dropped,
	    (unsigned long long)queued, (unsigned long long)offered);
	kit_check(kit_count(rig, end, PEV_COUNT_WRITE_FULL) <= dropped,
	    "more refused than dropped");
}

void
kit_check_packet(struct kit_rig *rig, int end, size_t i, unsigned index,
    size_t size)
{
	struct kit_log *log = &rig->log[end];

	kit_check(i < log->n_packets, "packet %zu of %zu", i,
	    log->n_packets);
	kit_check(log->packets[i].len == size,
	    "packet %zu has %zu bytes, not %zu", i, log->packets[i].len, size);
	kit_check(kit_matches(rig->kind, log->packets[i].data, index,
	    size), "packet %zu (%zu bytes) has other bytes", i, size);
}

void
kit_check_queued(struct kit_rig *rig, size_t packets, size_t bytes)
{
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS),
	    packets);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_BYTES), bytes);
}

void
kit_queue_some(struct kit_rig *rig, unsigned n, size_t size)
{
	unsigned i;

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 0, i, size));
}

void
kit_read_some(struct kit_rig *rig, unsigned n, size_t size)
{
	unsigned i;

	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, n);
	kit_settle(rig->base);
	ck_assert_uint_eq(rig->log[1].n_packets, n);
	for (i = 0; i < n; i++)
		kit_check_packet(rig, 1, i, i, size);
}

static void
keep(struct kit_log *log, const struct evbuffer_iovec *pkt)
{
	struct kit_packet *p;

	if (log->n_packets == log->room) {
		log->room = log->room != 0 ? 2 * log->room : 64;
		log->packets = realloc(log->packets,
		    log->room * sizeof(*log->packets));
		ck_assert_ptr_nonnull(log->packets);
	}
	p = &log->packets[log->n_packets];
	p->len = pkt->iov_len;
	/* One byte of room, as malloc(0) may be NULL. */
	p->data = malloc(p->len + 1);
	kit_check(p->data != NULL, "no memory");
	memcpy(p->data, pkt->iov_base, p->len);
}

void
kit_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct kit_log *log = ctx;
	size_t bytes = 0;
	int i;

	(void)pev;
	kit_check(n_pkts > 0, "a batch of %d", n_pkts);
	for (i = 0; i < n_pkts; i++) {
		if (!log->forgetful)
			keep(log, &pkts[i]);
		log->n_packets++;
		bytes += pkts[i].iov_len;
	}
	log->n_batches++;
	if (n_pkts > log->max_batch)
		log->max_batch = n_pkts;
	if (bytes > log->max_bytes)
		log->max_bytes = bytes;
}

void
kit_writecb(struct packetevent *pev, void *ctx)
{
	struct kit_log *log = ctx;

	(void)pev;
	log->n_writecbs++;
}

void
kit_eventcb(struct packetevent *pev, short what, void *ctx)
{
	int err = errno;
	struct kit_log *log = ctx;
	struct kit_event *e;

	(void)pev;
	ck_assert_int_lt(log->n_events, KIT_MAX_EVENTS);
	e = &log->events[log->n_events++];
	e->what = what;
	e->err = err;
	snprintf(e->text, sizeof(e->text), "%s", evtun_get_error());
}

void
kit_log_clear(struct kit_log *log)
{
	int forgetful = log->forgetful;
	size_t i;

	for (i = 0; log->packets != NULL && i < log->n_packets; i++)
		free(log->packets[i].data);
	free(log->packets);
	memset(log, 0, sizeof(*log));
	log->forgetful = forgetful;
}
