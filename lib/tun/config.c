/*
 * What is collected in an evtun_config: evtun/config.h.  Nothing here asks the
 * system for anything.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "error-internal.h"
#include "tun/address-internal.h"
#include "tun/config-internal.h"
#include "tun/link-internal.h"

static const char remembering[] = "remember a setting";

/* Linux: a device that takes less may never be ready again. */
#define SNDBUF_MIN 4608

/* ---- strings and lists ---- */

/* Copy a string to *out, of which NULL stays NULL. */
static int
copy_text(const char **out, const char *text)
{
	char *copy;

	*out = NULL;
	if (text == NULL)
		return 0;
	if ((copy = strdup(text)) == NULL)
		return evtun_fail_(ENOMEM, remembering, NULL);
	*out = copy;
	return 0;
}

static void
free_text(const char *text)
{
	free((char *)text);
}

/* Make room for one more behind n elements: NULL after evtun_fail_(). */
static void *
grow(void *list, size_t n, size_t size)
{
	void *grown = realloc(list, (n + 1) * size);

	if (grown == NULL)
		evtun_fail_(ENOMEM, remembering, NULL);
	return grown;
}

static void
free_address(const struct evtun_link_address *addr)
{
	free_text(addr->addr);
	free_text(addr->peer);
	free_text(addr->broadcast);
}

static int
copy_address(struct evtun_link_address *to,
    const struct evtun_link_address *from)
{
	*to = *from;
	to->addr = to->peer = to->broadcast = NULL;
	if (copy_text(&to->addr, from->addr) == 0 &&
	    copy_text(&to->peer, from->peer) == 0 &&
	    copy_text(&to->broadcast, from->broadcast) == 0)
		return 0;
	free_address(to);
	return -1;
}

static void
free_route(const struct evtun_link_route *route)
{
	free_text(route->to);
	free_text(route->via);
	free_text(route->source);
}

static int
copy_route(struct evtun_link_route *to, const struct evtun_link_route *from)
{
	*to = *from;
	to->to = to->via = to->source = NULL;
	if (copy_text(&to->to, from->to) == 0 &&
	    copy_text(&to->via, from->via) == 0 &&
	    copy_text(&to->source, from->source) == 0)
		return 0;
	free_route(to);
	return -1;
}

/* ---- life ---- */

struct evtun_config *
evtun_config_new(void)
{
	static const struct evtun_opening opening = EVTUN_OPENING_INIT_;
	struct evtun_config *cfg = calloc(1, sizeof(*cfg));

	if (cfg == NULL) {
		evtun_fail_(ENOMEM, "make a configuration", NULL);
		return NULL;
	}
	cfg->opening = opening;
	cfg->uid = cfg->gid = -1;
	return cfg;
}

void
evtun_config_free(struct evtun_config *cfg)
{
	size_t i;

	if (cfg == NULL)
		return;
	if (cfg->opening.netns >= 0)
		close(cfg->opening.netns);
	free(cfg->alias);
	for (i = 0; i < cfg->n_altnames; i++)
		free(cfg->altnames[i]);
	free(cfg->altnames);
	for (i = 0; i < cfg->n_addresses; i++)
		free_address(&cfg->addresses[i]);
	free(cfg->addresses);
	for (i = 0; i < cfg->n_routes; i++)
		free_route(&cfg->routes[i]);
	free(cfg->routes);
	free(cfg);
}

/* Note that something is set, or no longer. */
static int
note(struct evtun_config *cfg, unsigned bit, int is_set)
{
	if (is_set)
		cfg->set |= bit;
	else
		cfg->set &= ~bit;
	return 0;
}

/* ---- how a device is opened ---- */

int
evtun_config_set_netns(struct evtun_config *cfg, int netns)
{
	int fd = -1;

	if (evtun_check_netns_(netns) < 0)
		return -1;
	if (netns >= 0 && (fd = fcntl(netns, F_DUPFD_CLOEXEC, 0)) < 0)
		return evtun_fail_(errno == EBADF ? EINVAL : errno,
		    "choose the namespace", NULL);
	if (cfg->opening.netns >= 0)
		close(cfg->opening.netns);
	cfg->opening.netns = fd;
	return note(cfg, EVTUN_CONFIG_NETNS_, fd >= 0);
}

int
evtun_config_set_index(struct evtun_config *cfg, unsigned index)
{
	if (index == 0 || index > 0x7fffffff)
		return evtun_fail_(EINVAL, "choose the index",
		    "an index is above 0, and below 2^31");
	cfg->opening.index = index;
	return note(cfg, EVTUN_CONFIG_INDEX_, 1);
}

int
evtun_config_set_napi(struct evtun_config *cfg, enum evtun_napi napi)
{
	if (napi != EVTUN_NAPI_OFF && napi != EVTUN_NAPI_ON &&
	    napi != EVTUN_NAPI_FRAGS)
		return evtun_fail_(EINVAL, "choose NAPI",
		    "it is none of EVTUN_NAPI_*");
	cfg->opening.napi = napi;
	return note(cfg, EVTUN_CONFIG_NAPI_, napi != EVTUN_NAPI_OFF);
}

int
evtun_config_set_header(struct evtun_config *cfg, int size,
    enum evtun_byte_order order)
{
	static const char step[] = "choose the header";

	if (size != 0 && size != 10 && size != 12 && size != 20 && size != 24)
		return evtun_fail_(EINVAL, step,
		    "it has 10, 12, 20 or 24 bytes");
	if (order != EVTUN_ORDER_NATIVE && order != EVTUN_ORDER_LITTLE &&
	    order != EVTUN_ORDER_BIG)
		return evtun_fail_(EINVAL, step,
		    "the byte order is none of EVTUN_ORDER_*");
	cfg->opening.header_size = size;
	cfg->opening.order = order;
	return note(cfg, EVTUN_CONFIG_HEADER_,
	    size != 0 || order != EVTUN_ORDER_NATIVE);
}

int
evtun_config_set_no_carrier(struct evtun_config *cfg, int no_carrier)
{
	cfg->opening.no_carrier = no_carrier != 0;
	return note(cfg, EVTUN_CONFIG_NO_CARRIER_, no_carrier);
}

/* ---- what a device is set to ---- */

int
evtun_config_set_owner(struct evtun_config *cfg, long uid, long gid)
{
	if (evtun_check_owner_(uid, gid) < 0)
		return -1;
	cfg->uid = uid;
	cfg->gid = gid;
	return note(cfg, EVTUN_CONFIG_OWNER_, uid != -1 || gid != -1);
}

int
evtun_config_set_sndbuf(struct evtun_config *cfg, int bytes)
{
	if (bytes < SNDBUF_MIN)
		return evtun_fail_(EINVAL, "choose the send buffer",
		    "with less than 4608 bytes it may never be ready again");
	cfg->sndbuf = bytes;
	return note(cfg, EVTUN_CONFIG_SNDBUF_, 1);
}

/* ---- what an interface is set to ---- */

int
evtun_config_set_alias(struct evtun_config *cfg, const char *alias)
{
	const char *copy;

	if (evtun_check_alias_(alias) < 0 ||
	    copy_text(&copy, alias == NULL ? "" : alias) < 0)
		return -1;
	free(cfg->alias);
	cfg->alias = (char *)copy;
	return note(cfg, EVTUN_CONFIG_ALIAS_, 1);
}

int
evtun_config_add_altname(struct evtun_config *cfg, const char *name)
{
	char **list;
	const char *copy;

	if (evtun_check_altname_(name) < 0)
		return -1;
	list = grow(cfg->altnames, cfg->n_altnames, sizeof(*list));
	if (list == NULL)
		return -1;
	cfg->altnames = list;
	if (copy_text(&copy, name) < 0)
		return -1;
	list[cfg->n_altnames++] = (char *)copy;
	return note(cfg, EVTUN_CONFIG_ALTNAMES_, 1);
}

int
evtun_config_set_mtu(struct evtun_config *cfg, int mtu)
{
	if (evtun_check_mtu_(mtu) < 0)
		return -1;
	cfg->mtu = mtu;
	return note(cfg, EVTUN_CONFIG_MTU_, 1);
}

int
evtun_config_set_hwaddr(struct evtun_config *cfg, const ev_uint8_t addr[6])
{
	if (evtun_check_hwaddr_(addr) < 0)
		return -1;
	memcpy(cfg->hwaddr, addr, sizeof(cfg->hwaddr));
	return note(cfg, EVTUN_CONFIG_HWADDR_, 1);
}

int
evtun_config_set_txqueuelen(struct evtun_config *cfg, long packets)
{
	if (evtun_check_txqueuelen_(packets) < 0)
		return -1;
	cfg->txqueuelen = packets;
	return note(cfg, EVTUN_CONFIG_TXQUEUELEN_, 1);
}

int
evtun_config_set_group(struct evtun_config *cfg, long group)
{
	if (evtun_check_group_(group) < 0)
		return -1;
	cfg->group = group;
	return note(cfg, EVTUN_CONFIG_GROUP_, 1);
}

int
evtun_config_set_addrgen(struct evtun_config *cfg, enum evtun_addrgen mode)
{
	if (evtun_check_addrgen_((int)mode) < 0)
		return -1;
	cfg->addrgen = mode;
	return note(cfg, EVTUN_CONFIG_ADDRGEN_, 1);
}

int
evtun_config_set_up(struct evtun_config *cfg, int up)
{
	cfg->up = up != 0;
	return note(cfg, EVTUN_CONFIG_UP_, 1);
}

int
evtun_config_add_address(struct evtun_config *cfg, const char *addr,
    const char *peer)
{
	struct evtun_link_address one;

	memset(&one, 0, sizeof(one));
	one.addr = addr;
	one.peer = peer;
	return evtun_config_add_link_address(cfg, &one);
}

int
evtun_config_add_link_address(struct evtun_config *cfg,
    const struct evtun_link_address *addr)
{
	struct evtun_link_address *list, copy;
	struct evtun_ifaddr parsed;

	if (evtun_parse_ifaddr_(&parsed, addr) < 0)
		return -1;
	if (copy_address(&copy, addr) < 0)
		return -1;
	list = grow(cfg->addresses, cfg->n_addresses, sizeof(*list));
	if (list == NULL) {
		free_address(&copy);
		return -1;
	}
	cfg->addresses = list;
	list[cfg->n_addresses++] = copy;
	return note(cfg, EVTUN_CONFIG_ADDRESSES_, 1);
}

int
evtun_config_set_exact_addresses(struct evtun_config *cfg, int exact)
{
	return note(cfg, EVTUN_CONFIG_EXACT_, exact);
}

int
evtun_config_add_route(struct evtun_config *cfg,
    const struct evtun_link_route *route)
{
	struct evtun_link_route *list, copy;
	struct evtun_route parsed;

	if (evtun_parse_route_(&parsed, route) < 0)
		return -1;
	if (copy_route(&copy, route) < 0)
		return -1;
	list = grow(cfg->routes, cfg->n_routes, sizeof(*list));
	if (list == NULL) {
		free_route(&copy);
		return -1;
	}
	cfg->routes = list;
	list[cfg->n_routes++] = copy;
	return note(cfg, EVTUN_CONFIG_ROUTES_, 1);
}
