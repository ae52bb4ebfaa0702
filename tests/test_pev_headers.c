/*
 * What may stand before a packet: packet information, which the user sees; the
 * header for offload, which nobody does; and with either the IP header lies
 * where a processor wants it.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdint.h>
#include <string.h>

#include "device_rig.h"
#include "kit.h"
#include "peer.h"

/* Packet information: flags and EtherType. */
#define INFO_SIZE 4

/* ---- packet information ---- */

/* Packets of both versions, from end 1 to the device and back. */
static void
exchange_info(struct kit_rig *rig)
{
	unsigned char frame[INFO_SIZE + 200], *packet = frame + INFO_SIZE;
	unsigned i, protocol;
	size_t size;

	kit_enable(rig, 0, EV_READ);
	kit_enable(rig, 1, EV_READ);
	for (i = 0; i < 20; i++) {
		size = 60 + i * 7;
		kit_fill(rig->kind, packet, i, size);
		protocol = rig->kind == KIT_TAP ? 0x88b5 : 0x0800;
		if (rig->kind == KIT_TUN && i % 2) {
			packet[0] = 0x60 | (packet[0] & 0xf);
			protocol = 0x86dd;
		}
		frame[0] = frame[1] = 0;
		frame[2] = (unsigned char)(protocol >> 8);
		frame[3] = (unsigned char)protocol;
		kit_ok(packetevent_write(rig->pev[1], packet, size));
		kit_until_packets(rig, 0, i + 1);
		ck_assert_uint_eq(rig->log[0].packets[i].len,
		    INFO_SIZE + size);
		ck_assert_mem_eq(rig->log[0].packets[i].data, frame,
		    INFO_SIZE + size);
		kit_ok(packetevent_write(rig->pev[0], frame,
		    INFO_SIZE + size));
		kit_until_packets(rig, 1, i + 1);
		ck_assert_uint_eq(rig->log[1].packets[i].len, size);
		ck_assert_mem_eq(rig->log[1].packets[i].data, packet, size);
	}
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_DROPPED), 0);
	kit_check_counts(rig, 0, 20);
}

START_TEST(test_packet_info)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, kit_tun_new(rig->kind, "pi0",
	    EVTUN_OPT_PACKET_INFO));
	exchange_info(rig);
	kit_rig_free(rig);
}
END_TEST

/* Packet information, and then a header of which nobody is to know. */
START_TEST(test_packet_info_and_vnet)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, device_adopt_vnet(rig->kind, 12, 1));
	exchange_info(rig);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_too_short_for_packet_info)
{
	struct kit_rig *rig = device_rig_begin(_i);
	static const unsigned char frame[INFO_SIZE];

	device_rig_over(rig, kit_tun_new(rig->kind, "pi0",
	    EVTUN_OPT_PACKET_INFO));
	exchange_info(rig);
	kit_fails(packetevent_write(rig->pev[0], frame, 3), EINVAL);
	kit_check_counts(rig, 0, 21);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

/* ---- where the IP header lies ---- */

struct alignment {
	size_t header;
	unsigned n;
};

static void
alignment_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct alignment *alignment = ctx;
	int i;

	(void)pev;
	for (i = 0; i < n; i++, alignment->n++)
		ck_assert_uint_eq(((uintptr_t)pkts[i].iov_base +
		    alignment->header) % 4, 0);
}

static int
has_thirty(void *arg)
{
	return ((struct alignment *)arg)->n == 30;
}

static void
check_alignment(struct kit_rig *rig, size_t header)
{
	static const size_t rooms[] = {0, 4, 20, 64, 4096};
	struct alignment alignment;
	size_t i, j;

	alignment.header = header + peer_header(rig->kind);
	packetevent_setcb(rig->pev[0], alignment_readcb, NULL, kit_eventcb,
	    &alignment);
	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		alignment.n = 0;
		kit_ok(packetevent_set_room(rig->pev[0], rooms[i],
		    rooms[i] / 2));
		for (j = 0; j < 30; j++)
			kit_ok(kit_write(rig, 1, (unsigned)j, 60 + j * 7));
		kit_enable(rig, 0, EV_READ);
		kit_until(rig->base, has_thirty, &alignment, "packets");
		kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	}
	kit_rig_free(rig);
}

START_TEST(test_aligned)
{
	check_alignment(kit_rig_new(_i), 0);
}
END_TEST

START_TEST(test_aligned_after_packet_info)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, kit_tun_new(rig->kind, "pi0",
	    EVTUN_OPT_PACKET_INFO));
	check_alignment(rig, INFO_SIZE);
}
END_TEST

START_TEST(test_aligned_after_vnet)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, device_adopt_vnet(rig->kind, 10, 0));
	check_alignment(rig, 0);
}
END_TEST

/* ---- a header for offload ---- */

static void
vnet(int setup, int header_size)
{
	struct kit_rig *rig = device_rig_begin(setup);

	device_rig_over(rig, device_adopt_vnet(rig->kind, header_size, 0));
	device_rig_carry(rig);
	kit_rig_free(rig);
}

START_TEST(test_vnet)
{
	vnet(_i, 0);
}
END_TEST

START_TEST(test_vnet_with_longer_headers)
{
	vnet(_i, 12);
	vnet(_i, 20);
	vnet(_i, 24);
}
END_TEST

/* What the stack itself sends is whole, and summed. */
START_TEST(test_vnet_and_real_traffic)
{
	struct peer peer;
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, device_adopt_vnet(rig->kind, 12, 0));
	peer_add_addresses(rig->tun, rig->kind);
	memset(&peer, 0, sizeof(peer));
	peer.rig = rig;
	packetevent_setcb(rig->pev[0], peer_readcb, NULL, kit_eventcb, &peer);
	kit_enable(rig, 0, EV_READ);
	peer_ask_udp(rig, AF_INET, 1000);
	peer_ask_udp(rig, AF_INET6, 60000);
	peer_ping(rig, AF_INET, 1);
	peer_ping(rig, AF_INET6, 2);
	ck_assert_uint_eq(peer.answered.n_packets, 4);
	kit_log_clear(&peer.asked);
	kit_log_clear(&peer.answered);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_headers");
	kit_case("packet_info", KIT_NEEDS_TUN);
	kit_setups(test_packet_info, KIT_DEVICES);
	kit_setups(test_packet_info_and_vnet, KIT_DEVICES);
	kit_kinds(test_too_short_for_packet_info, KIT_DEVICES);
	kit_case("alignment", KIT_NEEDS_TUN);
	kit_kinds(test_aligned, KIT_DEVICES);
	kit_kinds(test_aligned_after_packet_info, KIT_DEVICES);
	kit_kinds(test_aligned_after_vnet, KIT_DEVICES);
	kit_case("vnet", KIT_NEEDS_TUN);
	kit_setups(test_vnet, KIT_DEVICES);
	kit_kinds(test_vnet_with_longer_headers, KIT_DEVICES);
	kit_kinds(test_vnet_and_real_traffic, KIT_DEVICES);
	return kit_run();
}
