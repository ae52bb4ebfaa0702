/*
 * Small UDP packets for a writer, such that their making costs next to
 * nothing: they are made once, and get a new number and the checksums that
 * go with it whenever it is their turn.  Their IPv4 identifications follow
 * one another, as those of a socket do.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* Packets, a multiple of BUDGET; then datagram_fill() repeats itself. */
#define RING 4096

struct source {
	unsigned char packet[RING][SMALL_PACKET];
	/* Of all but what changes, and the checksums. */
	ev_uint32_t sum[RING];
	ev_uint32_t ip_sum;
	struct evbuffer_iovec pkts[BUDGET];
	ev_uint64_t number;
};

static ev_uint32_t
sum_up(const unsigned char *p, size_t len, ev_uint32_t sum)
{
	for (; len > 1; len -= 2, p += 2)
		sum += (unsigned)(p[0] << 8 | p[1]);
	if (len > 0)
		sum += (unsigned)(p[0] << 8);
	return sum;
}

static unsigned
fold(ev_uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void
put16(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

/* The sum of the pseudo-header (RFC 768), and of the packet from there on. */
static ev_uint32_t
sum_of_udp(const unsigned char *packet, size_t len)
{
	ev_uint32_t pseudo = sum_up(packet + 12, 8, 0);

	pseudo += IPPROTO_UDP + (ev_uint32_t)len - 20;
	return sum_up(packet + 20, len - 20, pseudo);
}

unsigned
udp_checksum(const unsigned char *packet, size_t len)
{
	return ~fold(sum_of_udp(packet, len)) & 0xffff;
}

static void
make_packet(unsigned char *p, const struct sockaddr_in *to)
{
	p[0] = 0x45;
	put16(p + 2, SMALL_PACKET);
	p[6] = 0x40;			/* do not fragment */
	p[8] = 64;
	p[9] = IPPROTO_UDP;
	inet_pton(AF_INET, "10.8.0.1", p + 12);
	memcpy(p + 16, &to->sin_addr, 4);
	put16(p + 20, 9);
	memcpy(p + 22, &to->sin_port, 2);
	put16(p + 24, SMALL_PACKET - 20);
}

struct source *
source_new(const struct sockaddr_storage *to)
{
	struct source *s = calloc(1, sizeof(*s));
	unsigned char *p;
	int i;

	if (s == NULL)
		die("no memory");
	for (i = 0; i < RING; i++) {
		p = s->packet[i];
		make_packet(p, (const struct sockaddr_in *)to);
		datagram_fill(p + SMALL_HEADERS, SMALL_PAYLOAD,
		    (ev_uint64_t)i);
		memset(p + SMALL_HEADERS, 0, 8);
		s->sum[i] = sum_of_udp(p, SMALL_PACKET);
	}
	s->ip_sum = sum_up(s->packet[0], 20, 0);
	return s;
}

static unsigned char *
next_packet(struct source *s)
{
	size_t at = s->number % RING;
	unsigned char *p = s->packet[at];
	unsigned id = (unsigned)s->number & 0xffff, sum;

	memcpy(p + SMALL_HEADERS, &s->number, 8);
	sum = ~fold(sum_up(p + SMALL_HEADERS, 8, s->sum[at])) & 0xffff;
	/* 0 would say that there is none. */
	put16(p + 26, sum == 0 ? 0xffff : sum);
	put16(p + 4, id);
	put16(p + 10, ~fold(s->ip_sum + id) & 0xffff);
	s->number++;
	return p;
}

struct evbuffer_iovec *
source_next(struct source *s)
{
	int i;

	for (i = 0; i < BUDGET; i++) {
		s->pkts[i].iov_base = next_packet(s);
		s->pkts[i].iov_len = SMALL_PACKET;
	}
	return s->pkts;
}
