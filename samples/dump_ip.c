/*
 * The dumper's printer: IPv4, IPv6 with its extension headers, and UDP.
 */
#include "dump_print.h"

#include <event2/util.h>
#include <sys/socket.h>

/* A packet can say that it is many packets within one another, or many
 * headers long: what is enough for people. */
#define MAX_DEPTH 4
#define MAX_HEADERS 8

enum ip_protocols {
	PROTO_HOPBYHOP = 0,
	PROTO_ICMP = 1,
	PROTO_IGMP = 2,
	PROTO_IPV4 = 4,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_IPV6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_ESP = 50,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_NONE = 59,
	PROTO_DSTOPT = 60
};

const char *
address_text(int version, const uint8_t *address, char text[ADDRESS_SIZE])
{
	if (evutil_inet_ntop(version == 4 ? AF_INET : AF_INET6, address, text,
	    ADDRESS_SIZE) == NULL)
		text[0] = '\0';
	return text;
}

static void
name_ends(struct ip *ip)
{
	address_text(ip->version, ip->src, ip->from);
	address_text(ip->version, ip->dst, ip->to);
}

void
print_ends(struct printer *pr, const struct ip *ip)
{
	if (!ip->ends_done)
		fprintf(pr->out, "%s > %s: ", ip->from, ip->to);
}

void
print_ports(struct printer *pr, const struct ip *ip, struct bytes b)
{
	if (ip->ends_done)
		fprintf(pr->out, "%u > %u: ", get16(b, 0), get16(b, 2));
	else
		fprintf(pr->out, "%s.%u > %s.%u: ", ip->from, get16(b, 0),
		    ip->to, get16(b, 2));
}

static void
print_udp(struct printer *pr, const struct ip *ip, struct bytes b)
{
	size_t length = get16(b, 4);

	if (b.have < 4) {
		print_ends(pr, ip);
		fputs("[|udp]", pr->out);
		return;
	}
	print_ports(pr, ip, b);
	if (b.have < 8)
		fputs("[|udp]", pr->out);
	else if (length < 8)
		fprintf(pr->out, "truncated-udplength %zu", length);
	else if (length > b.len && !ip->fragment)
		fprintf(pr->out, "UDP, bad length %zu > %zu", length - 8,
		    b.len - 8);
	else
		fprintf(pr->out, "UDP, length %zu", length - 8);
}

static void
print_esp(struct printer *pr, struct bytes b)
{
	if (b.have < 8)
		fputs("[|esp]", pr->out);
	else
		fprintf(pr->out, "ESP(spi=0x%08lx,seq=0x%lx), length %zu",
		    (unsigned long)get32(b, 0), (unsigned long)get32(b, 4),
		    b.len);
}

static void
print_other(struct printer *pr, unsigned proto, struct bytes b)
{
	if (proto == PROTO_ESP)
		print_esp(pr, b);
	else if (proto == PROTO_NONE)
		fputs("no next header", pr->out);
	else
		fprintf(pr->out, "ip-proto-%u, length %zu", proto, b.len);
}

/* What an IP packet of either family carries. */
static void
print_payload(struct printer *pr, struct ip *ip, unsigned proto,
    struct bytes b)
{
	if (proto == PROTO_TCP) {
		print_tcp(pr, ip, b);
		return;
	}
	if (proto == PROTO_UDP) {
		print_udp(pr, ip, b);
		return;
	}
	print_ends(pr, ip);
	if (proto == PROTO_ICMP && ip->version == 4)
		print_icmp(pr, b);
	else if (proto == PROTO_ICMPV6 && ip->version == 6)
		print_icmp6(pr, b);
	else if (proto == PROTO_IGMP && ip->version == 4)
		print_igmp(pr, b);
	else if (proto == PROTO_IPV4 || proto == PROTO_IPV6)
		print_ip(pr, b, proto == PROTO_IPV4 ? 4 : 6, ip->depth + 1);
	else
		print_other(pr, proto, b);
}

/* The identification, size and offset of a fragment; "+": more follow. */
static void
print_ip4_fragment(struct printer *pr, struct bytes b, size_t size)
{
	unsigned field = get16(b, 6);

	fprintf(pr->out, " (frag %u:%zu@%u%s)", get16(b, 4), size,
	    (field & 0x1fff) * 8, field & 0x2000 ? "+" : "");
}

static void
print_ip4_body(struct printer *pr, struct ip *ip, struct bytes b,
    size_t header)
{
	struct bytes body = bytes_after(b, header);
	unsigned proto = get8(b, 9);

	ip->fragment = (get16(b, 6) & 0x3fff) != 0;
	if (get16(b, 6) & 0x1fff) {
		print_ends(pr, ip);
		fprintf(pr->out, "ip-proto-%u", proto);
	} else {
		print_payload(pr, ip, proto, body);
	}
	if (ip->fragment)
		print_ip4_fragment(pr, b, body.len);
}

static void
print_ip4(struct printer *pr, struct ip *ip, struct bytes b)
{
	size_t header = (get8(b, 0) & 15) * 4, length = get16(b, 2);

	if (b.have < 20) {
		fputs("[|ip]", pr->out);
		return;
	}
	if (get8(b, 0) >> 4 != 4) {
		fprintf(pr->out, "bad-version %u", get8(b, 0) >> 4);
		return;
	}
	if (header < 20 || length < header) {
		fprintf(pr->out, "%s %zu", header < 20 ? "bad-hlen" :
		    "bad-len", header < 20 ? header : length);
		return;
	}
	if (length > b.len)
		fprintf(pr->out, "truncated-ip - %zu bytes missing! ",
		    length - b.len);
	ip->src = b.p + 12;
	ip->dst = b.p + 16;
	name_ends(ip);
	print_ip4_body(pr, ip, bytes_first(b, length), header);
}

/* The headers that say only how to go on: name them, where there is room. */
static const char *
extension_name(unsigned proto)
{
	switch (proto) {
	case PROTO_HOPBYHOP:
		return "HBH ";
	case PROTO_ROUTING:
		return "srcrt ";
	case PROTO_FRAGMENT:
		return "frag ";
	case PROTO_AH:
		return "AH ";
	case PROTO_DSTOPT:
		return "DSTOPT ";
	}
	return NULL;
}

static size_t
extension_size(unsigned proto, struct bytes b)
{
	if (proto == PROTO_FRAGMENT)
		return 8;
	if (proto == PROTO_AH)
		return (get8(b, 1) + 2) * 4;
	return (get8(b, 1) + 1) * 8;
}

/* The offset and size of a fragment.  Return 1 if it is not the first. */
static int
print_ip6_fragment(struct printer *pr, struct ip *ip, struct bytes b)
{
	unsigned offset = get16(b, 2) & 0xfff8;

	ip->fragment = 1;
	fprintf(pr->out, "(%u|%zu)%s", offset, b.len - 8,
	    offset == 0 ? " " : "");
	return offset != 0;
}

static void
print_ip6_body(struct printer *pr, struct ip *ip, unsigned proto,
    struct bytes b)
{
	const char *name;
	int i;

	for (i = 0; (name = extension_name(proto)) != NULL; i++) {
		size_t size = extension_size(proto, b);

		print_ends(pr, ip);
		ip->ends_done = 1;
		fputs(name, pr->out);
		if (i == MAX_HEADERS || b.have < 8 || size > b.len) {
			fputs("[|ip6]", pr->out);
			return;
		}
		if (proto == PROTO_FRAGMENT && print_ip6_fragment(pr, ip, b))
			return;
		proto = get8(b, 0);
		b = bytes_after(b, size);
	}
	print_payload(pr, ip, proto, b);
}

static void
print_ip6(struct printer *pr, struct ip *ip, struct bytes b)
{
	size_t length = get16(b, 4) + 40;

	if (b.have < 40) {
		fputs("[|ip6]", pr->out);
		return;
	}
	if (get8(b, 0) >> 4 != 6) {
		fprintf(pr->out, "bad-version %u", get8(b, 0) >> 4);
		return;
	}
	if (length > b.len)
		fprintf(pr->out, "truncated-ip6 - %zu bytes missing! ",
		    length - b.len);
	ip->src = b.p + 8;
	ip->dst = b.p + 24;
	name_ends(ip);
	print_ip6_body(pr, ip, get8(b, 6),
	    bytes_after(bytes_first(b, length), 40));
}

void
print_ip(struct printer *pr, struct bytes b, int version, int depth)
{
	struct ip ip = {.version = version, .depth = depth};

	if (depth == MAX_DEPTH) {
		fputs("[too deep]", pr->out);
		return;
	}
	if (depth > 0 || !(pr->flags & PRINT_LINK))
		fputs(version == 6 ? "IP6 " : "IP ", pr->out);
	if (version == 6)
		print_ip6(pr, &ip, b);
	else
		print_ip4(pr, &ip, b);
}
