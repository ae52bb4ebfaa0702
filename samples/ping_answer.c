/*
 * The hosts of ping.c: ICMP and ICMPv6 echo, ARP, neighbour discovery.
 * Numbers are offsets and values from RFC 791, 792, 826, 4443, 4861 and 8200.
 */
#include "ping_answer.h"

#include <string.h>

enum lengths { ETHER = 14, IPV4 = 20, IPV6 = 40, ECHO = 8, ARP = 28,
	SOLICIT = 24, ADVERT = SOLICIT + ANSWER_TAIL };

/* All hosts share one Ethernet address, locally administered. */
static const unsigned char mac[6] = {0x02, 0, 0, 0, 0, 0x02};
static const unsigned char nobody[16];

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void
put16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)(n >> 8);
	p[1] = (unsigned char)n;
}

static void
swap(unsigned char *p, unsigned char *q, size_t n)
{
	unsigned char p_was[16];

	memcpy(p_was, p, n);
	memcpy(p, q, n);
	memcpy(q, p_was, n);
}

/* The Internet checksum, RFC 1071; 0 over what has a right one in it. */
static unsigned
checksum(const unsigned char *p, size_t n, unsigned long sum)
{
	for (; n > 1; p += 2, n -= 2)
		sum += get16(p);
	if (n > 0)
		sum += (unsigned long)p[0] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (unsigned)sum ^ 0xffff;
}

/* That of ICMPv6 is over a pseudo header, too: the addresses, which happen to
 * stand right before the n bytes, their number, and the protocol. */
static unsigned
checksum6(const unsigned char *ip, size_t n)
{
	return checksum(ip + 8, 32 + n, n + 58);
}

static size_t
answer_ipv4(unsigned char *ip, size_t len)
{
	size_t header = (ip[0] & 15u) * 4, total = get16(ip + 2);
	unsigned char *icmp = ip + header;

	if (header < IPV4 || total < header + ECHO || total > len ||
	    ip[9] != 1 || (get16(ip + 6) & 0x3fff) != 0 || ip[16] >= 224 ||
	    icmp[0] != 8 || checksum(icmp, total - header, 0) != 0)
		return 0;
	/* The header's checksum is the same either way round. */
	swap(ip + 12, ip + 16, 4);
	icmp[0] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 2, checksum(icmp, total - header, 0));
	return total;
}

/* Whoever asks without an address of his own wants to know whether one that
 * he would like to have is taken: it is not. */
static size_t
make_advert(unsigned char *ip, unsigned char *icmp)
{
	if (memcmp(ip + 8, nobody, 16) == 0)
		return 0;
	memcpy(ip + 24, ip + 8, 16);
	memcpy(ip + 8, icmp + 8, 16);
	icmp[0] = 136;
	icmp[4] = 0x60;		/* solicited; overrides what was known */
	icmp[24] = 2;		/* option: the target's Ethernet address, */
	icmp[25] = 1;		/* in 1 * 8 bytes */
	memcpy(icmp + 26, mac, sizeof(mac));
	return ADVERT;
}

static size_t
answer_ipv6(unsigned char *ip, size_t len)
{
	unsigned char *icmp = ip + IPV6;
	size_t n = get16(ip + 4);

	if (len < IPV6 + ECHO || n < ECHO || n > len - IPV6 || ip[6] != 58 ||
	    checksum6(ip, n) != 0)
		return 0;
	if (icmp[0] == 128 && ip[24] != 0xff) {
		swap(ip + 8, ip + 24, 16);
		icmp[0] = 129;
	} else if (icmp[0] == 135 && n >= SOLICIT && ip[7] == 255) {
		n = make_advert(ip, icmp);
	} else {
		return 0;
	}
	put16(ip + 4, (unsigned)n);
	put16(icmp + 2, 0);
	put16(icmp + 2, checksum6(ip, n));
	return n > 0 ? IPV6 + n : 0;
}

size_t
answer_packet(unsigned char *ip, size_t len)
{
	if (len < IPV4 + ECHO)
		return 0;
	return ip[0] >> 4 == 4 ? answer_ipv4(ip, len) : answer_ipv6(ip, len);
}

static size_t
answer_arp(unsigned char *arp, size_t len)
{
	static const unsigned char who_has[8] = {0, 1, 8, 0, 6, 4, 0, 1};

	if (len < ARP || memcmp(arp, who_has, sizeof(who_has)) != 0 ||
	    memcmp(arp + 14, nobody, 4) == 0 ||
	    memcmp(arp + 14, arp + 24, 4) == 0)
		return 0;
	arp[7] = 2;
	swap(arp + 14, arp + 24, 4);
	memcpy(arp + 18, arp + 8, sizeof(mac));
	memcpy(arp + 8, mac, sizeof(mac));
	return ARP;
}

size_t
answer_frame(unsigned char *frame, size_t len)
{
	size_t n = get16(frame + 12) == 0x0806 ?
	    answer_arp(frame + ETHER, len - ETHER) :
	    answer_packet(frame + ETHER, len - ETHER);

	memcpy(frame, frame + 6, sizeof(mac));
	memcpy(frame + 6, mac, sizeof(mac));
	return n > 0 ? ETHER + n : 0;
}
