/*
 * The dumper's printer: TCP.  Sequence numbers are relative to the first
 * packet of the connection that was seen, but for that one and for SYNs.
 */
#include "dump_print.h"

#include <string.h>

#define TCP_HEADER 20

enum tcp_flags {
	FLAG_FIN = 0x01,
	FLAG_SYN = 0x02,
	FLAG_RST = 0x04,
	FLAG_ACK = 0x10,
	FLAG_URG = 0x20
};

enum tcp_options {
	OPTION_EOL = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WSCALE = 3,
	OPTION_SACKOK = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMP = 8
};

/* Where the numbers of a segment start: its sender's, and the other's. */
struct start {
	uint32_t seq;
	uint32_t ack;
};

/* The same key for both directions: the lower end first.  Return whether
 * that is the receiver. */
static int
flow_key(const struct ip *ip, struct bytes b, uint8_t key[37])
{
	size_t n = ip->version == 4 ? 4 : 16;
	int order = memcmp(ip->src, ip->dst, n), swap;

	if (order == 0)
		order = memcmp(b.p, b.p + 2, 2);
	swap = order > 0;
	memset(key, 0, 37);
	key[0] = (uint8_t)ip->version;
	memcpy(key + 1, swap ? ip->dst : ip->src, n);
	memcpy(key + 17, swap ? ip->src : ip->dst, n);
	memcpy(key + 33, b.p + (swap ? 2 : 0), 2);
	memcpy(key + 35, b.p + (swap ? 0 : 2), 2);
	return swap;
}

static struct flow *
flow_slot(struct printer *pr, const uint8_t key[37])
{
	uint32_t hash = 2166136261u;
	int i;

	for (i = 0; i < 37; i++)
		hash = (hash ^ key[i]) * 16777619u;
	return &pr->flows[(hash ^ hash >> 16) % FLOWS];
}

static struct start
flow_start(struct printer *pr, const struct ip *ip, struct bytes b)
{
	struct start start = {0, 0};
	uint8_t key[37];
	int swap = flow_key(ip, b, key);
	struct flow *flow = flow_slot(pr, key);

	if ((get8(b, 13) & FLAG_SYN) || memcmp(flow->key, key, 37) != 0) {
		memcpy(flow->key, key, 37);
		flow->start[swap] = get32(b, 4);
		flow->start[!swap] = get32(b, 8) - 1;
	} else {
		start.seq = flow->start[swap];
		start.ack = flow->start[!swap];
	}
	return start;
}

static void
print_flags(FILE *out, unsigned flags)
{
	static const char letters[] = "FSRP.UEW";
	int i;

	fputs("Flags [", out);
	for (i = 0; i < 8; i++)
		if (flags & 1u << i)
			fputc(letters[i], out);
	fputs(flags == 0 ? "none]" : "]", out);
}

static void
print_sack(FILE *out, struct bytes b, uint32_t base)
{
	size_t i;

	fprintf(out, "sack %zu ", (b.len - 2) / 8);
	for (i = 2; i < b.len; i += 8)
		fprintf(out, "{%lu:%lu}",
		    (unsigned long)(uint32_t)(get32(b, i) - base),
		    (unsigned long)(uint32_t)(get32(b, i + 4) - base));
}

static void
print_unknown_option(FILE *out, struct bytes b)
{
	size_t i;

	fprintf(out, "unknown-%u", get8(b, 0));
	for (i = 2; i < b.len; i++)
		fprintf(out, "%s%02x", i == 2 ? " 0x" : "", get8(b, i));
}

/* One option, which is there as a whole, of at least two bytes. */
static void
print_option(FILE *out, struct bytes b, uint32_t base)
{
	unsigned kind = get8(b, 0);

	if (kind == OPTION_MSS && b.len == 4)
		fprintf(out, "mss %u", get16(b, 2));
	else if (kind == OPTION_WSCALE && b.len == 3)
		fprintf(out, "wscale %u", get8(b, 2));
	else if (kind == OPTION_SACKOK && b.len == 2)
		fputs("sackOK", out);
	else if (kind == OPTION_SACK && b.len > 2 && b.len % 8 == 2)
		print_sack(out, b, base);
	else if (kind == OPTION_TIMESTAMP && b.len == 10)
		fprintf(out, "TS val %lu ecr %lu",
		    (unsigned long)get32(b, 2), (unsigned long)get32(b, 6));
	else
		print_unknown_option(out, b);
}

static void
print_options(FILE *out, struct bytes b, uint32_t base)
{
	const char *comma = "";

	fputs(", options [", out);
	while (b.len > 0) {
		unsigned kind = get8(b, 0);
		size_t size = kind <= OPTION_NOP ? 1 : get8(b, 1);

		fputs(comma, out);
		comma = ",";
		if (b.have == 0 || (kind > OPTION_NOP &&
		    (size < 2 || size > b.have))) {
			fputs(b.have < b.len ? "[|tcp]" : "[bad opt]", out);
			break;
		}
		if (kind <= OPTION_NOP)
			fputs(kind == OPTION_EOL ? "eol" : "nop", out);
		else
			print_option(out, bytes_first(b, size), base);
		if (kind == OPTION_EOL)
			break;
		b = bytes_after(b, size);
	}
	fputc(']', out);
}

static void
print_numbers(FILE *out, struct bytes b, struct start start, size_t length)
{
	uint32_t seq = get32(b, 4) - start.seq;
	unsigned flags = get8(b, 13);

	if (length > 0 || (flags & (FLAG_FIN | FLAG_SYN | FLAG_RST)))
		fprintf(out, ", seq %lu", (unsigned long)seq);
	if (length > 0)
		fprintf(out, ":%lu", (unsigned long)(uint32_t)(seq + length));
	if (flags & FLAG_ACK)
		fprintf(out, ", ack %lu",
		    (unsigned long)(uint32_t)(get32(b, 8) - start.ack));
	fprintf(out, ", win %u", get16(b, 14));
	if (flags & FLAG_URG)
		fprintf(out, ", urg %u", get16(b, 18));
}

void
print_tcp(struct printer *pr, const struct ip *ip, struct bytes b)
{
	size_t header = (get8(b, 12) >> 4) * 4;
	struct start start;

	if (b.have < 4) {
		print_ends(pr, ip);
		fputs("[|tcp]", pr->out);
		return;
	}
	print_ports(pr, ip, b);
	if (b.have < TCP_HEADER) {
		fputs("[|tcp]", pr->out);
		return;
	}
	start = flow_start(pr, ip, b);
	print_flags(pr->out, get8(b, 13));
	if (header < TCP_HEADER || header > b.len) {
		fprintf(pr->out, " [bad hdr length %zu]", header);
		return;
	}
	print_numbers(pr->out, b, start, b.len - header);
	if (header > TCP_HEADER)
		print_options(pr->out, bytes_after(bytes_first(b, header),
		    TCP_HEADER), start.ack);
	fprintf(pr->out, ", length %zu", b.len - header);
}
