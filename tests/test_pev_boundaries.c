/*
 * A packet is whole: of any size, alone or among others, straight to the
 * device or through the queue.
 */
#include "config.h"

#include <string.h>

#include "kit.h"

/* Around every size at which something could change its ways. */
static const size_t edges[] = {
	1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16, 17, 18, 19, 20, 21, 27, 28, 29,
	39, 40, 41, 59, 60, 61, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511,
	512, 513, 1023, 1024, 1025, 1279, 1280, 1281, 1499, 1500, 1501, 1513,
	1514, 1515, 2047, 2048, 2049, 4079, 4080, 4091, 4092, 4093, 4094, 4095,
	4096, 4097, 4098, 8191, 8192, 8193, 9000, 9014, 16383, 16384, 16385,
	32767, 32768, 32769, 49152, 65000, 65506, 65507, 65508, 65520, 65521,
	65533, 65534, 65535
};
#define N_EDGES (sizeof(edges) / sizeof(edges[0]))
#define N_SIZES (N_EDGES + 40)

static size_t
get_size(size_t i)
{
	return i < N_EDGES ? edges[i] : 1 + (i - N_EDGES) * 1637 % 65535;
}

static int
fits(enum kit_kind kind, size_t size)
{
	return size >= kit_min_size(kind) && size <= kit_max_size(kind);
}

static void
send_one(struct kit_rig *rig, int from, size_t i)
{
	struct kit_log *log = &rig->log[!from];

	kit_ok(kit_write(rig, from, (unsigned)i, get_size(i)));
	kit_until_packets(rig, !from, 1);
	kit_check_packet(rig, !from, 0, (unsigned)i, get_size(i));
	ck_assert_uint_eq(log->n_packets, 1);
	ck_assert_int_eq(log->n_events, 0);
	kit_log_clear(log);
}

START_TEST(test_sizes)
{
	struct kit_rig *rig = kit_rig_new(_i);
	int from;
	size_t i;

	for (from = 0; from < 2; from++) {
		kit_enable(rig, !from, EV_READ);
		for (i = 0; i < N_SIZES; i++)
			if (fits(rig->kind, get_size(i)))
				send_one(rig, from, i);
		ck_assert_uint_eq(kit_count(rig, !from,
		    PEV_COUNT_READ_DROPPED), 0);
	}
	kit_rig_free(rig);
}
END_TEST

/* Bytes that differ at every place; a packet begins at one that its size
 * determines. */
static unsigned char every[66000];

static void
check_every_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	size_t *next = ctx;
	int i;

	(void)pev;
	for (i = 0; i < n_pkts; i++, (*next)++) {
		kit_check(pkts[i].iov_len == *next, "%zu bytes, not %zu",
		    pkts[i].iov_len, *next);
		kit_check(memcmp(pkts[i].iov_base, every + *next % 251,
		    *next) == 0, "other bytes in that of %zu", *next);
	}
}

/* Not one is left out; in memory, where that is quick. */
START_TEST(test_every_size)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t size, next = 1;

	for (size = 0; size < sizeof(every); size++)
		every[size] = (unsigned char)(size * 7 + (size >> 8) * 29);
	packetevent_setcb(rig->pev[1], check_every_readcb, NULL, NULL, &next);
	kit_enable(rig, 1, EV_READ);
	for (size = 1; size <= EVTUN_MAX_PACKET; size++) {
		kit_ok(packetevent_write(rig->pev[0], every + size % 251,
		    size));
		if (kit_count(rig, 0, PEV_COUNT_QUEUED_BYTES) > 100000)
			while (next <= size)
				event_base_loop(rig->base, EVLOOP_ONCE);
	}
	while (next < size)
		event_base_loop(rig->base, EVLOOP_ONCE);
	kit_check_counts(rig, 0, EVTUN_MAX_PACKET);
	kit_rig_free(rig);
}
END_TEST

/* Write packets of these sizes to end 0 and see them at end 1. */
static void
send_some(struct kit_rig *rig, const size_t *sizes, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		kit_ok(kit_write(rig, 0, i, sizes[i]));
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, n);
	kit_settle(rig->base);
	ck_assert_uint_eq(rig->log[1].n_packets, n);
	for (i = 0; i < n; i++)
		kit_check_packet(rig, 1, i, i, sizes[i]);
	kit_log_clear(&rig->log[1]);
}

static const size_t neighbours[] = {
	60, 60, 1500, 60, 14, 16000, 15, 1500, 1500
};
#define N_NEIGHBOURS (sizeof(neighbours) / sizeof(neighbours[0]))

START_TEST(test_two_writes_are_two_packets)
{
	struct kit_rig *rig = kit_rig_new(_i);

	send_some(rig, neighbours, N_NEIGHBOURS);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_nothing_merges_in_the_queue)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	send_some(rig, neighbours, N_NEIGHBOURS);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_the_largest_one_through_the_queue)
{
	struct kit_rig *rig = kit_rig_new(_i);
	size_t size[1];

	size[0] = kit_max_size(rig->kind);
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	send_some(rig, size, 1);
	kit_rig_free(rig);
}
END_TEST

/* Cut size bytes into n_vec pieces, some of them empty. */
static void
cut(struct evbuffer_iovec *vec, int n_vec, unsigned char *data, size_t size)
{
	size_t part;
	int i;

	for (i = 0; i < n_vec; i++) {
		part = i == n_vec - 1 ? size : (size_t)(i % 4);
		if (part > size)
			part = size;
		vec[i].iov_base = part != 0 ? data : NULL;
		vec[i].iov_len = part;
		data += part;
		size -= part;
	}
}

static void
write_pieces(struct kit_rig *rig, unsigned index, size_t size, int n_vec)
{
	static struct evbuffer_iovec vec[1000];
	static unsigned char data[2000];

	kit_fill(rig->kind, data, index, size);
	cut(vec, n_vec, data, size);
	kit_ok(packetevent_write_iovec(rig->pev[0], vec, n_vec));
}

/* Gathered packets of every count of pieces; one cut to the last byte. */
static const int pieces[] = {1, 2, 3, 4, 5, 7, 8, 16, 64, 255, 999, 1000};
#define N_PIECES (sizeof(pieces) / sizeof(pieces[0]))

static void
gather(struct kit_rig *rig)
{
	unsigned i;

	kit_enable(rig, 1, EV_READ);
	for (i = 0; i < N_PIECES; i++) {
		write_pieces(rig, i, 1700, pieces[i]);
		kit_until_packets(rig, 1, i + 1);
		kit_check_packet(rig, 1, i, i, 1700);
	}
}

START_TEST(test_pieces_are_one_packet)
{
	struct kit_rig *rig = kit_rig_new(_i);

	gather(rig);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_pieces_are_one_packet_in_the_queue)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < N_PIECES; i++)
		write_pieces(rig, i, 1700, pieces[i]);
	kit_enable(rig, 0, EV_WRITE);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, N_PIECES);
	for (i = 0; i < N_PIECES; i++)
		kit_check_packet(rig, 1, i, i, 1700);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_boundaries");
	kit_case("sizes", 0);
	kit_setups(test_sizes, KIT_ALL);
	kit_kinds(test_every_size, KIT_BIT(KIT_PAIR));
	kit_case("neighbours", 0);
	kit_setups(test_two_writes_are_two_packets, KIT_ALL);
	kit_setups(test_nothing_merges_in_the_queue, KIT_ALL);
	kit_setups(test_the_largest_one_through_the_queue, KIT_ALL);
	kit_case("pieces", 0);
	kit_setups(test_pieces_are_one_packet, KIT_ALL);
	kit_setups(test_pieces_are_one_packet_in_the_queue, KIT_ALL);
	return kit_run();
}
