#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <string.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/system-internal.h"

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

static int
parse_addr(struct evtun_address *out, const char *addr)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(addr, '/');
	size_t n;

	if (slash == NULL || (n = (size_t)(slash - addr)) >= sizeof(host))
		return -1;
	memcpy(host, addr, n);
	host[n] = '\0';
	out->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (parse_host(host, out->family, out->addr) < 0)
		return -1;
	return parse_length(slash + 1, out->family == AF_INET ? 32 : 128,
	    &out->prefix_len);
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
	if (addr == NULL || parse_addr(out, addr) < 0)
		return evtun_fail_(EINVAL, step, "an address and a prefix "
		    "length are needed, as in 10.9.0.1/24 or fd00::1/64");
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
