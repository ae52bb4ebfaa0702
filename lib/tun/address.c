#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <string.h>

#include "evtun/link.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/address-internal.h"
#include "tun/system-internal.h"

/* Larger ones Linux cuts to this, and says nothing. */
#define ROUTE_MTU_MAX 65520

/* RT_SCOPE_NOWHERE, which an address may have, and a route not; and
 * RT_TABLE_LOCAL, which is the system's. */
#define SCOPE_NOWHERE 255
#define TABLE_LOCAL 255

static int
parse_host(const char *text, int family, unsigned char *out)
{
	return inet_pton(family, text, out) == 1 ? 0 : -1;
}

/* Decimal without signs, blanks or leading zeros, as nothing else can be
 * meant. */
static int
parse_length(const char *text, unsigned limit, unsigned *out)
{
	unsigned value = 0;
	size_t i;

	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] < '0' || text[i] > '9' || i == 3)
			return -1;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (i == 0 || (text[0] == '0' && i > 1) || value > limit)
		return -1;
	*out = value;
	return 0;
}

/* "address/length": the family, or -1. */
static int
parse_prefix(const char *text, unsigned char out[16], unsigned *len)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	int family;
	size_t n;

	if (slash == NULL || (n = (size_t)(slash - text)) >= sizeof(host))
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (parse_host(host, family, out) < 0 ||
	    parse_length(slash + 1, family == AF_INET ? 32 : 128, len) < 0)
		return -1;
	return family;
}

/* Linux takes 0.0.0.0 and adds nothing: better to say no. */
static int
is_host(int family, const unsigned char *addr)
{
	static const unsigned char zeros[16];

	if (family == AF_INET6)
		return addr[0] != 0xff && memcmp(addr, zeros, 16) != 0;
	return addr[0] < 224 && memcmp(addr, zeros, 4) != 0;
}

int
evtun_parse_address_(struct evtun_address *out, const char *addr,
    const char *peer)
{
	static const char step[] = "parse the address";

	memset(out, 0, sizeof(*out));
	if (addr == NULL || (out->family =
	    parse_prefix(addr, out->addr, &out->prefix_len)) < 0)
		return evtun_fail_(EINVAL, step, "an address and a prefix "
		    "length are needed, as in 10.9.0.1/24 or fd00::1/64, "
		    "of at most 32, IPv6 128");
	if (!is_host(out->family, out->addr))
		return evtun_fail_(EINVAL, step,
		    "it is not the address of one host");
	memcpy(out->peer, out->addr, sizeof(out->peer));
	if (peer == NULL)
		return 0;
	if (parse_host(peer, out->family, out->peer) < 0 ||
	    !is_host(out->family, out->peer))
		return evtun_fail_(EINVAL, "parse the peer's address",
		    "an address of the same family is needed, "
		    "without a prefix length");
	out->has_peer = 1;
	return 0;
}

int
evtun_parse_ifaddr_key_(struct evtun_address *out,
    const struct evtun_link_address *in)
{
	if (in == NULL)
		return evtun_fail_(EINVAL, "parse the address",
		    "there is none");
	return evtun_parse_address_(out, in->addr, in->peer);
}

static int
is_zero(const ev_uint32_t reserved[4])
{
	return (reserved[0] | reserved[1] | reserved[2] | reserved[3]) == 0;
}

/* RFC 3021: with 31 bits of prefix there is no broadcast address. */
static void
make_broadcast(struct evtun_ifaddr *out)
{
	unsigned bit;

	if (out->at.family != AF_INET || out->at.has_peer ||
	    out->at.prefix_len > 30)
		return;
	memcpy(out->broadcast, out->at.addr, sizeof(out->broadcast));
	for (bit = out->at.prefix_len; bit < 32; bit++)
		out->broadcast[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	out->has_broadcast = 1;
}

void
evtun_complete_ifaddr_(struct evtun_ifaddr *out,
    const struct evtun_address *at)
{
	memset(out, 0, sizeof(*out));
	out->at = *at;
	out->valid = out->preferred = EVTUN_FOREVER_;
	make_broadcast(out);
}

static int
parse_broadcast(struct evtun_ifaddr *out, const char *text)
{
	static const unsigned char zeros[4];

	if (text == NULL)
		return 0;
	out->has_broadcast = text[0] != '\0';
	if (!out->has_broadcast)
		return 0;
	if (out->at.family != AF_INET ||
	    parse_host(text, AF_INET, out->broadcast) < 0 ||
	    memcmp(out->broadcast, zeros, sizeof(zeros)) == 0)
		return evtun_fail_(EINVAL, "parse the broadcast address",
		    "an IPv4 address is needed, of an interface's IPv4 "
		    "address");
	return 0;
}

/* The scope of an IPv6 address is in the address. */
static int
get_scope6(const unsigned char addr[16])
{
	static const unsigned char loopback[16] = { [15] = 1 };

	if (memcmp(addr, loopback, sizeof(loopback)) == 0)
		return EVTUN_SCOPE_HOST;
	if (addr[0] != 0xfe || addr[1] < 0x80)
		return EVTUN_SCOPE_UNIVERSE;
	return addr[1] < 0xc0 ? EVTUN_SCOPE_LINK : EVTUN_SCOPE_SITE;
}

static int
parse_scope(struct evtun_ifaddr *out, int scope)
{
	static const char step[] = "check the scope of the address";

	if (scope < 0 || scope > SCOPE_NOWHERE)
		return evtun_fail_(EINVAL, step, "it is 0 to 255");
	if (out->at.family == AF_INET6) {
		out->scope = get_scope6(out->at.addr);
		if (scope != 0 && scope != out->scope)
			return evtun_fail_(EINVAL, step,
			    "that of an IPv6 address is in the address");
		return 0;
	}
	out->scope = scope;
	return 0;
}

/* What is told only is not wanted: a list may be given back. */
static int
parse_flags(struct evtun_ifaddr *out, int flags)
{
	static const char step[] = "check the flags of the address";
	const int ipv6 = EVTUN_ADDRESS_NO_DAD | EVTUN_ADDRESS_HOME;
	const int ours = ipv6 | EVTUN_ADDRESS_NO_PREFIX_ROUTE;

	if (flags & ~(EVTUN_ADDRESS_PERMANENT * 2 - 1))
		return evtun_fail_(EINVAL, step, "there is an unknown one");
	if (out->at.family == AF_INET && (flags & ipv6))
		return evtun_fail_(EINVAL, step, "EVTUN_ADDRESS_NO_DAD and "
		    "EVTUN_ADDRESS_HOME are for IPv6");
	out->flags = flags & ours;
	return 0;
}

static int
parse_lifetimes(struct evtun_ifaddr *out, ev_uint32_t valid,
    ev_uint32_t preferred)
{
	out->valid = valid == 0 ? EVTUN_FOREVER_ : valid;
	out->preferred = preferred == 0 ? out->valid : preferred;
	if (out->preferred > out->valid)
		return evtun_fail_(EINVAL, "check the time of the address",
		    "it cannot be preferred for longer than it is valid");
	return 0;
}

int
evtun_parse_ifaddr_(struct evtun_ifaddr *out,
    const struct evtun_link_address *in)
{
	struct evtun_address at;

	if (evtun_parse_ifaddr_key_(&at, in) < 0)
		return -1;
	evtun_complete_ifaddr_(out, &at);
	out->metric = in->metric;
	if (!is_zero(in->reserved))
		return evtun_fail_(EINVAL, "check the address",
		    "what is reserved must be 0");
	if (parse_broadcast(out, in->broadcast) < 0 ||
	    parse_scope(out, in->scope) < 0 ||
	    parse_flags(out, in->flags) < 0)
		return -1;
	return parse_lifetimes(out, in->valid, in->preferred);
}

/* ---- routes ---- */

static int
has_more_bits(const unsigned char *addr, unsigned len, unsigned size)
{
	unsigned bit;

	for (bit = len; bit < size; bit++)
		if (addr[bit / 8] & (0x80 >> bit % 8))
			return 1;
	return 0;
}

static int
parse_to(struct evtun_route *out, const char *to)
{
	static const char step[] = "parse where the route leads";

	if (to == NULL || (out->family =
	    parse_prefix(to, out->to, &out->prefix_len)) < 0)
		return evtun_fail_(EINVAL, step, "an address and a prefix "
		    "length are needed, as in 10.0.0.0/8 or ::/0, "
		    "of at most 32, IPv6 128");
	if (has_more_bits(out->to, out->prefix_len,
	    out->family == AF_INET ? 32 : 128))
		return evtun_fail_(EINVAL, step,
		    "there are bits past the prefix");
	return 0;
}

static int
parse_end(int family, const char *text, unsigned char out[16],
    const char *step)
{
	if (parse_host(text, family, out) < 0 || !is_host(family, out))
		return evtun_fail_(EINVAL, step, "the address of one host is "
		    "needed, of the same family, without a prefix length");
	return 0;
}

/* RFC 5549: IPv4 may have a router of IPv6. */
static int
parse_via(struct evtun_route *out, const char *via)
{
	if (via == NULL)
		return 0;
	out->via_family = strchr(via, ':') != NULL ? AF_INET6 : out->family;
	return parse_end(out->via_family, via, out->via,
	    "parse the router of the route");
}

static int
check_route_numbers(const struct evtun_link_route *in, int family)
{
	static const char step[] = "check the route";
	ev_uint32_t least = family == AF_INET ? 68 : 1280;

	if (in->table == TABLE_LOCAL)
		return evtun_fail_(EINVAL, step,
		    "table 255 is the system's own");
	if (in->mtu != 0 && (in->mtu < least || in->mtu > ROUTE_MTU_MAX))
		return evtun_fail_(EINVAL, step, "its MTU is 68 to 65520, "
		    "of IPv6 1280 to 65520");
	if (in->scope < 0 || in->scope >= SCOPE_NOWHERE ||
	    (family == AF_INET6 && in->scope != 0))
		return evtun_fail_(EINVAL, step, "its scope is 0 to 254, "
		    "of IPv6 0");
	if (in->protocol < 0 || in->protocol > 255)
		return evtun_fail_(EINVAL, step, "its protocol is 0 to 255");
	if (!is_zero(in->reserved))
		return evtun_fail_(EINVAL, step, "what is reserved must be 0");
	return 0;
}

int
evtun_parse_route_(struct evtun_route *out, const struct evtun_link_route *in)
{
	memset(out, 0, sizeof(*out));
	if (in == NULL)
		return evtun_fail_(EINVAL, "check the route", "there is none");
	if (parse_to(out, in->to) < 0 ||
	    check_route_numbers(in, out->family) < 0)
		return -1;
	if (parse_via(out, in->via) < 0)
		return -1;
	if (in->source != NULL && parse_end(out->family, in->source,
	    out->source, "parse the source of the route") < 0)
		return -1;
	out->has_source = in->source != NULL;
	out->metric = in->metric;
	out->table = in->table;
	out->mtu = in->mtu;
	out->scope = in->scope;
	out->protocol = in->protocol;
	out->n_hops = 1;
	return 0;
}
