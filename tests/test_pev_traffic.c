/*
 * A network behind a packetevent: what its stack sends to a host is read, and
 * what that host would answer arrives, UDP and ping, in IPv4 and IPv6.
 */
#include "config.h"

#include <sys/socket.h>

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>

#include "kit.h"
#include "peer.h"

/* End 1 sees all that passes the interface, in both directions. */
static struct kit_rig *
host_new(int setup, struct peer *peer)
{
	struct kit_rig *rig = kit_rig_new(setup);
	int off = 0;

	peer_add_addresses(rig->tun, rig->kind);
	ck_assert_int_eq(setsockopt(packetevent_getfd(rig->pev[1]),
	    SOL_PACKET, PACKET_IGNORE_OUTGOING, &off, sizeof(off)), 0);
	memset(peer, 0, sizeof(*peer));
	peer->rig = rig;
	packetevent_setcb(rig->pev[0], peer_readcb, NULL, kit_eventcb, peer);
	kit_enable(rig, 0, EV_READ);
	kit_enable(rig, 1, EV_READ);
	return rig;
}

/* RFC 1071, over the pseudo header and all that follows the IP header (which
 * has no options): 0xffff if the checksum in there is right. */
static unsigned
transport_sum(const unsigned char *ip, size_t len)
{
	size_t header = ip[0] >> 4 == 4 ? 20 : 40, i;
	size_t addresses = ip[0] >> 4 == 4 ? 12 : 8;
	unsigned sum = (ip[0] >> 4 == 4 ? ip[9] : ip[6]) +
	    (unsigned)(len - header);

	for (i = addresses; i < len; i++)
		sum += (unsigned)ip[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* What passes a device with offload is not finished: the checksum of UDP is
 * that of the packet that we had, if that one is right. */
static void
finish(unsigned char *ip, const unsigned char *ours, size_t len)
{
	size_t field = (ip[0] >> 4 == 4 ? 20 : 40) + 6;

	if ((ip[0] >> 4 == 4 ? ip[9] : ip[6]) != IPPROTO_UDP)
		return;
	ck_assert_uint_eq(transport_sum(ours, len), 0xffff);
	memcpy(ip + field, ours + field, 2);
}

/* What the interface carried, from the peer or to it, is what we had. */
static void
check_seen(struct peer *peer, int from)
{
	struct kit_rig *rig = peer->rig;
	struct kit_log *ours = from ? &peer->answered : &peer->asked;
	const struct kit_packet *p, *q;
	size_t i, n = 0, header = peer_header(rig->kind);

	for (i = 0; i < rig->log[1].n_packets; i++) {
		p = &rig->log[1].packets[i];
		if (p->len < header ||
		    !peer_is(p->data + header, p->len - header, from))
			continue;
		ck_assert_uint_lt(n, ours->n_packets);
		q = &ours->packets[n++];
		ck_assert_uint_eq(p->len, q->len);
		if (KIT_WAY_OF(rig->setup) == KIT_OFFLOAD && !from)
			finish(p->data + header, q->data + header,
			    p->len - header);
		ck_assert_mem_eq(p->data, q->data, p->len);
	}
	ck_assert_uint_eq(n, ours->n_packets);
}

static void
host_free(struct peer *peer)
{
	kit_settle(peer->rig->base);
	check_seen(peer, 0);
	check_seen(peer, 1);
	ck_assert_int_eq(peer->rig->log[0].n_events, 0);
	kit_log_clear(&peer->asked);
	kit_log_clear(&peer->answered);
	kit_rig_free(peer->rig);
}

START_TEST(test_udp)
{
	static const size_t sizes[] = {0, 1, 2, 100, 1400, 9000, 60000};
	struct peer peer;
	struct kit_rig *rig = host_new(_i, &peer);
	size_t i, n = sizeof(sizes) / sizeof(sizes[0]);

	for (i = 0; i < n; i++) {
		peer_ask_udp(rig, AF_INET, sizes[i]);
		peer_ask_udp(rig, AF_INET6, sizes[i]);
	}
	ck_assert_uint_eq(peer.asked.n_packets, 2 * n);
	host_free(&peer);
}
END_TEST

START_TEST(test_ping)
{
	struct peer peer;
	struct kit_rig *rig = host_new(_i, &peer);
	unsigned char i;

	for (i = 0; i < 5; i++) {
		peer_ping(rig, AF_INET, i);
		peer_ping(rig, AF_INET6, i);
	}
	ck_assert_uint_eq(peer.answered.n_packets, 10);
	host_free(&peer);
}
END_TEST

int
main(void)
{
	kit_suite("pev_traffic");
	kit_case("traffic", KIT_NEEDS_TUN);
	kit_setups(test_udp, KIT_DEVICES);
	kit_setups(test_ping, KIT_DEVICES);
	return kit_run();
}
