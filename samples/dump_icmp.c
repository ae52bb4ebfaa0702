/*
 * The dumper's printer: ICMP, ICMPv6 and IGMP.
 */
#include "dump_print.h"

#define ICMP_HEADER 8

enum icmp_types {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER = 12
};

enum icmp6_types {
	ICMP6_UNREACHABLE = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME_EXCEEDED = 3,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_QUERY = 130,
	ICMP6_REPORT = 131,
	ICMP6_DONE = 132,
	ICMP6_ROUTER_SOLICIT = 133,
	ICMP6_ROUTER_ADVERT = 134,
	ICMP6_SOLICIT = 135,
	ICMP6_ADVERT = 136,
	ICMP6_REDIRECT = 137,
	ICMP6_REPORT2 = 143
};

/* Return the address at off as text, or a mark if it is not there. */
static const char *
address_at(int version, struct bytes b, size_t off, char text[ADDRESS_SIZE])
{
	if (b.have < off + (version == 4 ? 4 : 16))
		return version == 4 ? "[|icmp]" : "[|icmp6]";
	return address_text(version, b.p + off, text);
}

static const char *
proto_name(unsigned proto)
{
	return proto == 6 ? "tcp" : proto == 17 ? "udp" : NULL;
}

static void
print_echo(FILE *out, const char *what, struct bytes b)
{
	fprintf(out, "echo %s, id %u, seq %u", what, get16(b, 4), get16(b, 6));
}

/* The port that is n bytes into a packet. */
static void
print_port(FILE *out, struct bytes b, size_t n)
{
	if (b.have < n + 2)
		fputs("port [|icmp]", out);
	else
		fprintf(out, "port %u", get16(b, n));
}

/* The packet within is for a port that is closed. */
static void
print_unreachable_port(FILE *out, struct bytes inner, const char *to)
{
	const char *name = proto_name(get8(inner, 9));

	if (name != NULL)
		fprintf(out, "%s %s ", to, name);
	else
		fprintf(out, "%s protocol %u ", to, get8(inner, 9));
	print_port(out, inner, (get8(inner, 0) & 15) * 4 + 2);
	fputs(" unreachable", out);
}

/* What is unreachable: the destination of the packet within. */
static void
print_unreachable(FILE *out, struct bytes b)
{
	struct bytes inner = bytes_after(b, ICMP_HEADER);
	unsigned code = get8(b, 1);
	char text[ADDRESS_SIZE];
	const char *to = address_at(4, inner, 16, text);

	if (code == 0 || code == 6 || code == 9 || code == 11)
		fprintf(out, "net %s unreachable%s", to,
		    code == 9 ? " - admin prohibited" : "");
	else if (code == 2 && inner.have >= 20)
		fprintf(out, "%s protocol %u unreachable", to,
		    get8(inner, 9));
	else if (code == 3 && inner.have >= 20)
		print_unreachable_port(out, inner, to);
	else if (code == 4)
		fprintf(out, "%s unreachable - need to frag (mtu %u)", to,
		    get16(b, 6));
	else
		fprintf(out, "host %s unreachable%s", to,
		    code == 10 ? " - admin prohibited" :
		    code == 13 ? " - admin prohibited filter" : "");
}

static void
print_redirect(FILE *out, struct bytes b)
{
	char to[ADDRESS_SIZE], by[ADDRESS_SIZE];

	fprintf(out, "redirect %s to %s %s",
	    address_at(4, bytes_after(b, ICMP_HEADER), 16, to),
	    get8(b, 1) == 0 ? "net" : "host", address_at(4, b, 4, by));
}

static void
print_icmp_type(FILE *out, struct bytes b)
{
	switch (get8(b, 0)) {
	case ICMP_ECHO_REPLY:
		print_echo(out, "reply", b);
		break;
	case ICMP_UNREACHABLE:
		print_unreachable(out, b);
		break;
	case ICMP_REDIRECT:
		print_redirect(out, b);
		break;
	case ICMP_ECHO:
		print_echo(out, "request", b);
		break;
	case ICMP_TIME_EXCEEDED:
		fputs(get8(b, 1) == 0 ? "time exceeded in-transit" :
		    "ip reassembly time exceeded", out);
		break;
	case ICMP_PARAMETER:
		fprintf(out, "parameter problem - octet %u", get8(b, 4));
		break;
	default:
		fprintf(out, "type-#%u", get8(b, 0));
	}
}

void
print_icmp(struct printer *pr, struct bytes b)
{
	fputs("ICMP ", pr->out);
	if (b.have < ICMP_HEADER)
		fputs("[|icmp]", pr->out);
	else
		print_icmp_type(pr->out, b);
	fprintf(pr->out, ", length %zu", b.len);
}

static void
print_unreachable6(FILE *out, struct bytes b)
{
	static const char *const what[] = {"route", "prohibited",
	    "beyond scope", "address", "port", "policy", "reject route"};
	struct bytes inner = bytes_after(b, ICMP_HEADER);
	unsigned code = get8(b, 1);
	const char *name = proto_name(get8(inner, 6));
	char text[ADDRESS_SIZE];
	const char *to = address_at(6, inner, 24, text);

	fputs("destination unreachable, ", out);
	if (code >= sizeof(what) / sizeof(what[0])) {
		fprintf(out, "code %u", code);
	} else if (code == 4 && name != NULL) {
		fprintf(out, "unreachable port, %s %s ", to, name);
		print_port(out, inner, 42);
	} else {
		fprintf(out, "unreachable %s %s", what[code], to);
	}
}

static void
print_time_exceeded6(FILE *out, struct bytes b)
{
	char text[ADDRESS_SIZE];

	if (get8(b, 1) == 0)
		fprintf(out, "time exceeded in-transit for %s",
		    address_at(6, bytes_after(b, ICMP_HEADER), 24, text));
	else
		fputs("time exceeded in-transit (reassembly)", out);
}

/* The messages that are about an address, 8 bytes in. */
static void
print_target(FILE *out, const char *what, struct bytes b)
{
	char text[ADDRESS_SIZE];

	fprintf(out, "%s%s", what, address_at(6, b, 8, text));
}

static void
print_neighbour(FILE *out, struct bytes b)
{
	char to[ADDRESS_SIZE];

	switch (get8(b, 0)) {
	case ICMP6_ROUTER_SOLICIT:
		fputs("router solicitation", out);
		break;
	case ICMP6_ROUTER_ADVERT:
		fputs("router advertisement", out);
		break;
	case ICMP6_SOLICIT:
		print_target(out, "neighbor solicitation, who has ", b);
		break;
	case ICMP6_ADVERT:
		print_target(out, "neighbor advertisement, tgt is ", b);
		break;
	case ICMP6_REDIRECT:
		fprintf(out, "redirect, %s", address_at(6, b, 24, to));
		print_target(out, " to ", b);
		break;
	}
}

static void
print_listener(FILE *out, struct bytes b)
{
	unsigned type = get8(b, 0);

	if (type == ICMP6_REPORT2)
		fprintf(out, "multicast listener report v2, "
		    "%u group record(s)", get16(b, 6));
	else
		print_target(out, type == ICMP6_QUERY ?
		    "multicast listener query addr: " :
		    type == ICMP6_REPORT ? "multicast listener report addr: " :
		    "multicast listener done addr: ", b);
}

static void
print_icmp6_type(FILE *out, struct bytes b)
{
	unsigned type = get8(b, 0);

	if (type == ICMP6_UNREACHABLE)
		print_unreachable6(out, b);
	else if (type == ICMP6_TOO_BIG)
		fprintf(out, "packet too big, mtu %lu",
		    (unsigned long)get32(b, 4));
	else if (type == ICMP6_TIME_EXCEEDED)
		print_time_exceeded6(out, b);
	else if (type == ICMP6_ECHO)
		print_echo(out, "request", b);
	else if (type == ICMP6_ECHO_REPLY)
		print_echo(out, "reply", b);
	else if (type >= ICMP6_ROUTER_SOLICIT && type <= ICMP6_REDIRECT)
		print_neighbour(out, b);
	else if (type == ICMP6_REPORT2 ||
	    (type >= ICMP6_QUERY && type <= ICMP6_DONE))
		print_listener(out, b);
	else
		fprintf(out, "type-#%u", type);
}

void
print_icmp6(struct printer *pr, struct bytes b)
{
	fputs("ICMP6, ", pr->out);
	if (b.have < ICMP_HEADER)
		fputs("[|icmp6]", pr->out);
	else
		print_icmp6_type(pr->out, b);
	fprintf(pr->out, ", length %zu", b.len);
}

void
print_igmp(struct printer *pr, struct bytes b)
{
	char text[ADDRESS_SIZE];
	const char *group = address_at(4, b, 4, text);

	if (b.have < 8)
		fputs("[|igmp]", pr->out);
	else if (get8(b, 0) == 0x11)
		fprintf(pr->out, "igmp query v%d", b.len >= 12 ? 3 :
		    get8(b, 1) == 0 ? 1 : 2);
	else if (get8(b, 0) == 0x12 || get8(b, 0) == 0x16)
		fprintf(pr->out, "igmp v%d report %s",
		    get8(b, 0) == 0x12 ? 1 : 2, group);
	else if (get8(b, 0) == 0x17)
		fprintf(pr->out, "igmp leave %s", group);
	else if (get8(b, 0) == 0x22)
		fprintf(pr->out, "igmp v3 report, %u group record(s)",
		    get16(b, 6));
	else
		fprintf(pr->out, "igmp-%u", get8(b, 0));
}
