#ifndef DUMP_PRINT_H_INCLUDED_
#define DUMP_PRINT_H_INCLUDED_
/*
 * A line per packet, much as tcpdump -n prints it.
 *
 * Packets are hostile: every field is read through get8(), get16() and
 * get32(), which never look beyond the bytes that are there, and a header
 * that is cut short prints as "[|tcp]".
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>

/* What to print. */
enum print_flags {
	PRINT_ETHERNET = 1<<0,	/* packets are Ethernet frames, not IP */
	PRINT_LINK = 1<<1,	/* the Ethernet header, too */
	PRINT_HEX = 1<<2,	/* the bytes after the Ethernet header */
	PRINT_ASCII = 1<<3,	/* those bytes as text, beside the hex */
	PRINT_HEX_LINK = 1<<4	/* the Ethernet header in the hex, too */
};

struct printer;

/* Return a printer that writes to out, or NULL if memory is short. */
struct printer *printer_new(FILE *out, int flags);

void printer_free(struct printer *pr);

/* Print one packet of len bytes, of which the first have are at data. */
void printer_packet(struct printer *pr, const struct timeval *when,
    const void *data, size_t have, size_t len);

/* ---- What follows is between the decoders, dump_*.c. ---- */

/* A part of a packet. */
struct bytes {
	const uint8_t *p;
	size_t have;	/* how many may be read */
	size_t len;	/* how many there were, or the headers say there are */
};

/* Return byte off, or 16 or 32 bits from there; 0 if they are not there. */
unsigned get8(struct bytes b, size_t off);
unsigned get16(struct bytes b, size_t off);
uint32_t get32(struct bytes b, size_t off);

/* Return what follows the first n bytes. */
struct bytes bytes_after(struct bytes b, size_t n);

/* Return the first n bytes, or all if there are fewer. */
struct bytes bytes_first(struct bytes b, size_t n);

/* Room for an address as text, IPv6 with an IPv4 one inside. */
#define ADDRESS_SIZE 46

/* An IP header, as far as what it carries is concerned. */
struct ip {
	int version;		/* 4 or 6 */
	const uint8_t *src;	/* 4 or 16 bytes, which are there */
	const uint8_t *dst;
	char from[ADDRESS_SIZE];
	char to[ADDRESS_SIZE];
	int ends_done;		/* from and to are printed */
	int fragment;		/* the body is not all there */
	int depth;		/* how many IP headers are around this one */
};

/* The two ends of a TCP connection, and where their numbers start. */
struct flow {
	uint8_t key[37];
	uint32_t start[2];
};

#define FLOWS 1024

struct printer {
	FILE *out;
	int flags;
	/* By hash; a connection takes the place of an older one, so that
	 * no traffic can make this grow. */
	struct flow flows[FLOWS];
};

/* dump_ip.c */
const char *address_text(int version, const uint8_t *address,
    char text[ADDRESS_SIZE]);
void print_ip(struct printer *pr, struct bytes b, int version, int depth);
void print_ends(struct printer *pr, const struct ip *ip);
void print_ports(struct printer *pr, const struct ip *ip, struct bytes b);

/* dump_tcp.c */
void print_tcp(struct printer *pr, const struct ip *ip, struct bytes b);

/* dump_icmp.c */
void print_icmp(struct printer *pr, struct bytes b);
void print_icmp6(struct printer *pr, struct bytes b);
void print_igmp(struct printer *pr, struct bytes b);

#endif /* DUMP_PRINT_H_INCLUDED_ */
