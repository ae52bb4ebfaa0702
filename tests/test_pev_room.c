/*
 * Room around the packets of a batch: there, writable, nobody else's.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "kit.h"

#define N_PACKETS 9
#define ROOM_MAX 4096

struct room {
	struct kit_rig *rig;
	size_t head, tail;
	unsigned got;
};

/* Sizes that leave every remainder, and one above all the others. */
static size_t
get_size(unsigned index)
{
	return index == 5 ? 20000 : 20 + index * 37;
}

/* What is written into the room and the packet of packet i. */
static unsigned char
mark(unsigned i, int where)
{
	return (unsigned char)(1 + i * 3 + (unsigned)where);
}

static void
check_bytes(const unsigned char *p, size_t n, unsigned char c)
{
	size_t i;

	for (i = 0; i < n; i++)
		kit_check(p[i] == c, "byte %zu of %zu is %d, not %d", i, n,
		    p[i], c);
}

static void
write_room(struct room *room, const struct evbuffer_iovec *pkt, unsigned i)
{
	unsigned char *p = pkt->iov_base;

	memset(p - room->head, mark(i, 0), room->head);
	memset(p + pkt->iov_len, mark(i, 1), room->tail);
}

static void
check_room(struct room *room, const struct evbuffer_iovec *pkt, unsigned i)
{
	const unsigned char *p = pkt->iov_base;

	check_bytes(p - room->head, room->head, mark(i, 0));
	check_bytes(p + pkt->iov_len, room->tail, mark(i, 1));
}

static void
check_packet(struct room *room, const struct evbuffer_iovec *pkt, unsigned i)
{
	ck_assert_uint_eq(pkt->iov_len, get_size(i));
	ck_assert(kit_matches(room->rig->kind, pkt->iov_base, i,
	    pkt->iov_len));
}

/* Write into all of the room, and then into all of the packets: each has its
 * own bytes afterwards. */
static void
room_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct room *room = ctx;
	unsigned i, n = (unsigned)n_pkts;

	(void)pev;
	for (i = 0; i < n; i++)
		write_room(room, &pkts[i], i);
	for (i = 0; i < n; i++) {
		check_packet(room, &pkts[i], room->got + i);
		check_room(room, &pkts[i], i);
	}
	for (i = 0; i < n; i++)
		memset(pkts[i].iov_base, mark(i, 2), pkts[i].iov_len);
	for (i = 0; i < n; i++) {
		check_bytes(pkts[i].iov_base, pkts[i].iov_len, mark(i, 2));
		check_room(room, &pkts[i], i);
	}
	room->got += n;
}

static int
has_all(void *arg)
{
	return ((struct room *)arg)->got >= N_PACKETS;
}

static void
run_room(int setup, size_t head, size_t tail)
{
	struct room room = {kit_rig_new(setup), head, tail, 0};
	unsigned i;

	kit_ok(packetevent_set_room(room.rig->pev[0], head, tail));
	packetevent_setcb(room.rig->pev[0], room_cb, NULL, NULL, &room);
	for (i = 0; i < N_PACKETS; i++)
		kit_ok(kit_write(room.rig, 1, i, get_size(i)));
	kit_enable(room.rig, 0, EV_READ);
	kit_until(room.rig->base, has_all, &room, "all packets");
	kit_rig_free(room.rig);
}

static const struct {
	size_t head, tail;
} rooms[] = {
	{0, 0}, {1, 0}, {0, 1}, {4, 4}, {14, 0}, {17, 33}, {64, 16},
	{ROOM_MAX, 0}, {0, ROOM_MAX}, {ROOM_MAX, ROOM_MAX}
};

START_TEST(test_room)
{
	size_t i;

	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		run_room(_i, rooms[i].head, rooms[i].tail);
}
END_TEST

START_TEST(test_limits)
{
	struct kit_rig *rig = kit_rig_new(_i);
	struct packetevent *pev = rig->pev[0];

	kit_fails(packetevent_set_room(pev, ROOM_MAX + 1, 0), EINVAL);
	kit_fails(packetevent_set_room(pev, 0, ROOM_MAX + 1), EINVAL);
	kit_fails(packetevent_set_room(pev, SIZE_MAX, SIZE_MAX), EINVAL);
	kit_ok(packetevent_set_room(pev, ROOM_MAX, ROOM_MAX));
	kit_enable(rig, 0, EV_READ);
	kit_fails(packetevent_set_room(pev, 0, 0), EBUSY);
	kit_fails(packetevent_set_room(pev, ROOM_MAX, ROOM_MAX), EBUSY);
	kit_ok(packetevent_disable(pev, EV_READ));
	kit_ok(packetevent_set_room(pev, 0, 0));
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_changed_while_paused)
{
	struct room room = {kit_rig_new(_i), 8, 8, 0};
	struct packetevent *pev = room.rig->pev[0];
	unsigned i;

	kit_enable(room.rig, 0, EV_READ);
	kit_settle(room.rig->base);
	kit_ok(packetevent_disable(pev, EV_READ));
	kit_ok(packetevent_set_room(pev, room.head, room.tail));
	packetevent_setcb(pev, room_cb, NULL, NULL, &room);
	for (i = 0; i < N_PACKETS; i++)
		kit_ok(kit_write(room.rig, 1, i, get_size(i)));
	kit_enable(room.rig, 0, EV_READ);
	kit_until(room.rig->base, has_all, &room, "all packets");
	kit_rig_free(room.rig);
}
END_TEST

/* "The IP header of a packet from a device lies on a 4-byte boundary." */
static void
aligned_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct room *room = ctx;
	uintptr_t header;
	int i;

	(void)pev;
	for (i = 0; i < n; i++) {
		header = (uintptr_t)pkts[i].iov_base +
		    (room->rig->kind == KIT_TAP ? 14 : 0);
		ck_assert_uint_eq(header % 4, 0);
	}
	room->got += (unsigned)n;
}

START_TEST(test_alignment)
{
	static const size_t heads[] = {0, 4, 12, 64, ROOM_MAX};
	struct room room = {kit_rig_new(_i), 0, 0, 0};
	size_t h;
	unsigned i;

	packetevent_setcb(room.rig->pev[0], aligned_cb, NULL, NULL, &room);
	for (h = 0; h < sizeof(heads) / sizeof(heads[0]); h++) {
		room.got = 0;
		kit_ok(packetevent_disable(room.rig->pev[0], EV_READ));
		kit_ok(packetevent_set_room(room.rig->pev[0], heads[h],
		    4 * (h % 3)));
		for (i = 0; i < N_PACKETS; i++)
			kit_ok(kit_write(room.rig, 1, i, get_size(i)));
		kit_enable(room.rig, 0, EV_READ);
		kit_until(room.rig->base, has_all, &room, "all packets");
	}
	kit_rig_free(room.rig);
}
END_TEST

/* What room is for: a header before each packet, in place, and on. */
struct tunnel {
	struct kit_rig *rig;
	struct packetevent *out;
};

static const unsigned char header[4] = {0xde, 0xad, 0xbe, 0xef};
static const unsigned char tag[2] = {0xca, 0xfe};

static void
encapsulate_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct tunnel *tunnel = ctx;
	unsigned char *p;
	int i, kept = 0;

	(void)pev;
	for (i = 0; i < n; i++) {
		/* Leave one out, in the array itself. */
		if (pkts[i].iov_len == get_size(2))
			continue;
		p = pkts[i].iov_base;
		memcpy(p - sizeof(header), header, sizeof(header));
		memcpy(p + pkts[i].iov_len, tag, sizeof(tag));
		pkts[kept].iov_base = p - sizeof(header);
		pkts[kept].iov_len = pkts[i].iov_len + sizeof(header) +
		    sizeof(tag);
		kept++;
	}
	ck_assert_int_eq(packetevent_write_batch(tunnel->out, pkts, kept),
	    kept);
}

static void
check_encapsulated(struct kit_rig *rig, const struct kit_packet *p,
    unsigned index)
{
	size_t size = get_size(index);

	ck_assert_uint_eq(p->len, sizeof(header) + size + sizeof(tag));
	ck_assert_mem_eq(p->data, header, sizeof(header));
	ck_assert(kit_matches(rig->kind, p->data + sizeof(header), index,
	    size));
	ck_assert_mem_eq(p->data + sizeof(header) + size, tag, sizeof(tag));
}

START_TEST(test_header_in_place)
{
	struct tunnel tunnel = {kit_rig_new(_i), NULL};
	struct kit_rig *rig = tunnel.rig;
	struct packetevent *pair[2];
	unsigned i;

	kit_ok(packetevent_pair_new(rig->base, kit_options(_i), pair));
	tunnel.out = pair[0];
	packetevent_setcb(pair[1], kit_readcb, NULL, kit_eventcb,
	    &rig->log[1]);
	kit_ok(packetevent_enable(pair[1], EV_READ));
	kit_ok(packetevent_set_room(rig->pev[0], 16, 16));
	packetevent_setcb(rig->pev[0], encapsulate_cb, NULL, NULL, &tunnel);
	for (i = 0; i < N_PACKETS; i++)
		kit_ok(kit_write(rig, 1, i, get_size(i)));
	kit_enable(rig, 0, EV_READ);
	kit_until_packets(rig, 1, N_PACKETS - 1);
	for (i = 0; i < N_PACKETS - 1; i++)
		check_encapsulated(rig, &rig->log[1].packets[i],
		    i < 2 ? i : i + 1);
	packetevent_free(pair[0]);
	packetevent_free(pair[1]);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_room");
	kit_case("room", 0);
	kit_setups(test_room, KIT_ALL);
	kit_setups(test_limits, KIT_ALL);
	kit_setups(test_changed_while_paused, KIT_ALL);
	kit_setups(test_header_in_place, KIT_ALL);
	kit_case("alignment", 0);
	kit_setups(test_alignment, KIT_DEVICES);
	return kit_run();
}
