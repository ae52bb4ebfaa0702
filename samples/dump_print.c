/*
 * The dumper's printer: time, Ethernet, ARP and hex.  What is inside an IP
 * packet is printed by dump_ip.c and its companions.
 */
#include "dump_print.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ETHER_HEADER 14
#define ETHER_MAX_LENGTH 1500	/* above it, the length is a type */
#define MAX_TAGS 8
#define HEX_LINE 16

enum ether_types {
	TYPE_IPV4 = 0x0800,
	TYPE_ARP = 0x0806,
	TYPE_VLAN = 0x8100,
	TYPE_IPV6 = 0x86dd,
	TYPE_QINQ = 0x88a8,
	TYPE_LLDP = 0x88cc
};

unsigned
get8(struct bytes b, size_t off)
{
	return off < b.have ? b.p[off] : 0;
}

unsigned
get16(struct bytes b, size_t off)
{
	if (b.have < 2 || off > b.have - 2)
		return 0;
	return (unsigned)b.p[off] << 8 | b.p[off + 1];
}

uint32_t
get32(struct bytes b, size_t off)
{
	if (b.have < 4 || off > b.have - 4)
		return 0;
	return (uint32_t)get16(b, off) << 16 | get16(b, off + 2);
}

struct bytes
bytes_after(struct bytes b, size_t n)
{
	size_t skipped = n < b.have ? n : b.have;

	b.p += skipped;
	b.have -= skipped;
	b.len -= n < b.len ? n : b.len;
	return b;
}

struct bytes
bytes_first(struct bytes b, size_t n)
{
	if (b.have > n)
		b.have = n;
	if (b.len > n)
		b.len = n;
	return b;
}

struct printer *
printer_new(FILE *out, int flags)
{
	struct printer *pr = calloc(1, sizeof(*pr));

	if (pr == NULL)
		return NULL;
	pr->out = out;
	pr->flags = flags;
	if (!(flags & PRINT_ETHERNET))
		pr->flags &= ~PRINT_LINK;	/* there is none */
	return pr;
}

void
printer_free(struct printer *pr)
{
	free(pr);
}

static void
print_time(FILE *out, const struct timeval *when)
{
	time_t seconds = when->tv_sec;
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	fprintf(out, "%02d:%02d:%02d.%06ld ", tm.tm_hour, tm.tm_min,
	    tm.tm_sec, (long)when->tv_usec);
}

/* One line of at most HEX_LINE bytes; with text, it is padded to it. */
static void
print_hex_line(FILE *out, struct bytes b, size_t off, int ascii)
{
	size_t i, n = b.have - off < HEX_LINE ? b.have - off : HEX_LINE;

	fprintf(out, "\t0x%04zx: ", off);
	for (i = 0; i < (ascii ? HEX_LINE : n); i++) {
		if (i % 2 == 0)
			fputc(' ', out);
		if (i < n)
			fprintf(out, "%02x", b.p[off + i]);
		else
			fputs("  ", out);
	}
	if (ascii)
		fputs("  ", out);
	for (i = 0; ascii && i < n; i++) {
		unsigned c = b.p[off + i];

		fputc(c > 0x20 && c < 0x7f ? (int)c : '.', out);
	}
	fputc('\n', out);
}

static void
print_hex(struct printer *pr, struct bytes b)
{
	size_t off;

	if ((pr->flags & PRINT_ETHERNET) && !(pr->flags & PRINT_HEX_LINK))
		b = bytes_after(b, ETHER_HEADER);
	for (off = 0; off < b.have; off += HEX_LINE)
		print_hex_line(pr->out, b, off, pr->flags & PRINT_ASCII);
}

static void
print_mac(FILE *out, struct bytes b, size_t off)
{
	fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", get8(b, off),
	    get8(b, off + 1), get8(b, off + 2), get8(b, off + 3),
	    get8(b, off + 4), get8(b, off + 5));
}

static void
print_ipv4_at(FILE *out, struct bytes b, size_t off)
{
	fprintf(out, "%u.%u.%u.%u", get8(b, off), get8(b, off + 1),
	    get8(b, off + 2), get8(b, off + 3));
}

/* Request and reply, of IPv4 over Ethernet: 28 bytes. */
static void
print_arp_ipv4(FILE *out, struct bytes b, unsigned op)
{
	static const uint8_t nobody[6];

	if (op == 1) {
		fputs("Request who-has ", out);
		print_ipv4_at(out, b, 24);
		if (memcmp(b.p + 18, nobody, sizeof(nobody)) != 0) {
			fputs(" (", out);
			print_mac(out, b, 18);
			fputc(')', out);
		}
		fputs(" tell ", out);
		print_ipv4_at(out, b, 14);
	} else {
		fputs("Reply ", out);
		print_ipv4_at(out, b, 14);
		fputs(" is-at ", out);
		print_mac(out, b, 8);
	}
}

static void
print_arp(struct printer *pr, struct bytes b)
{
	unsigned op = get16(b, 6);

	if (!(pr->flags & PRINT_LINK))
		fputs("ARP, ", pr->out);
	if (b.have < 8) {
		fputs("[|arp]", pr->out);
		return;
	}
	if (get32(b, 0) != (1u << 16 | TYPE_IPV4) || get16(b, 4) != 0x0604 ||
	    op < 1 || op > 2)
		fprintf(pr->out, "hardware %u, protocol 0x%04x, op %u",
		    get16(b, 0), get16(b, 2), op);
	else if (b.have < 28)
		fputs("[|arp]", pr->out);
	else
		print_arp_ipv4(pr->out, b, op);
	fprintf(pr->out, ", length %zu", b.len);
}

static void
print_ether_type(FILE *out, unsigned type)
{
	const char *name = "Unknown";

	switch (type) {
	case TYPE_IPV4:
		name = "IPv4";
		break;
	case TYPE_ARP:
		name = "ARP";
		break;
	case TYPE_VLAN:
		name = "802.1Q";
		break;
	case TYPE_IPV6:
		name = "IPv6";
		break;
	case TYPE_QINQ:
		name = "802.1Q-QinQ";
		break;
	case TYPE_LLDP:
		name = "LLDP";
		break;
	}
	fprintf(out, "ethertype %s (0x%04x), ", name, type);
}

/* The header of a frame, with the length of all of it. */
static void
print_link(struct printer *pr, struct bytes b, unsigned type)
{
	print_mac(pr->out, b, 6);
	fputs(" > ", pr->out);
	print_mac(pr->out, b, 0);
	fputs(", ", pr->out);
	if (type > ETHER_MAX_LENGTH)
		print_ether_type(pr->out, type);
	else
		fputs("802.3, ", pr->out);
	fprintf(pr->out, "length %zu: ", b.len);
}

/* Print the VLAN tags and skip them.  Return the type of what follows. */
static unsigned
print_tags(struct printer *pr, unsigned type, struct bytes *b)
{
	int i;

	for (i = 0; i < MAX_TAGS; i++) {
		unsigned tag = get16(*b, 0);

		if ((type != TYPE_VLAN && type != TYPE_QINQ) || b->have < 4)
			break;
		fprintf(pr->out, "vlan %u, p %u%s, ", tag & 0xfff, tag >> 13,
		    tag & 0x1000 ? ", DEI" : "");
		type = get16(*b, 2);
		*b = bytes_after(*b, 4);
		if ((pr->flags & PRINT_LINK) && type > ETHER_MAX_LENGTH)
			print_ether_type(pr->out, type);
	}
	return type;
}

/* What is neither IP nor ARP: who sent it to whom. */
static void
print_unknown(struct printer *pr, struct bytes frame, unsigned type,
    size_t length)
{
	if (!(pr->flags & PRINT_LINK))
		print_link(pr, frame, type);
	fprintf(pr->out, "data, length %zu", length);
}

static void
print_frame(struct printer *pr, struct bytes frame)
{
	unsigned type = get16(frame, 12);
	struct bytes b = bytes_after(frame, ETHER_HEADER);

	if (frame.have < ETHER_HEADER) {
		fputs("[|ether]", pr->out);
		return;
	}
	if (pr->flags & PRINT_LINK)
		print_link(pr, frame, type);
	type = print_tags(pr, type, &b);
	if (type == TYPE_IPV4)
		print_ip(pr, b, 4, 0);
	else if (type == TYPE_IPV6)
		print_ip(pr, b, 6, 0);
	else if (type == TYPE_ARP)
		print_arp(pr, b);
	else if (type == TYPE_VLAN || type == TYPE_QINQ)
		fputs("[|vlan]", pr->out);
	else
		print_unknown(pr, frame, type, b.len);
}

static void
print_bare(struct printer *pr, struct bytes b)
{
	unsigned version = get8(b, 0) >> 4;

	if (b.have == 0)
		fputs("[|ip]", pr->out);
	else if (version != 4 && version != 6)
		fprintf(pr->out, "unknown ip %u", version);
	else
		print_ip(pr, b, (int)version, 0);
}

void
printer_packet(struct printer *pr, const struct timeval *when,
    const void *data, size_t have, size_t len)
{
	struct bytes b = {data, have, len};

	print_time(pr->out, when);
	if (b.len < have)
		b.len = have;
	if (pr->flags & PRINT_ETHERNET)
		print_frame(pr, b);
	else
		print_bare(pr, b);
	fputc('\n', pr->out);
	if (pr->flags & PRINT_HEX)
		print_hex(pr, b);
}
