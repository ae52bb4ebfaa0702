/*
 * Opening a device with a config, and configuring one: evtun/config.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/address-internal.h"
#include "tun/config-internal.h"
#include "tun/link-internal.h"

static const char checking[] = "check the configuration";

/* No two addresses are in each other's way. */
static int
check_exact(const struct evtun_config *cfg)
{
	struct evtun_ifaddr *list;

	if (cfg->n_addresses == 0)
		return 0;
	list = evtun_parse_ifaddrs_(cfg->addresses, cfg->n_addresses);
	free(list);
	return list != NULL ? 0 : -1;
}

static int
is_inet6(const char *text)
{
	return text != NULL && strchr(text, ':') != NULL;
}

static int
needs_inet6(const struct evtun_config *cfg)
{
	size_t i;

	if (cfg->set & EVTUN_CONFIG_ADDRGEN_)
		return 1;
	for (i = 0; i < cfg->n_addresses; i++)
		if (is_inet6(cfg->addresses[i].addr))
			return 1;
	for (i = 0; i < cfg->n_routes; i++)
		if (is_inet6(cfg->routes[i].to) ||
		    is_inet6(cfg->routes[i].via))
			return 1;
	return 0;
}

/* What contradicts itself is found out before anything is done. */
static int
check(const struct evtun_config *cfg)
{
	if (cfg->set & EVTUN_CONFIG_ROUTES_ && cfg->set & EVTUN_CONFIG_UP_ &&
	    !cfg->up)
		return evtun_fail_(EINVAL, checking,
		    "an interface that is down has no routes");
	if (cfg->set & EVTUN_CONFIG_EXACT_ && check_exact(cfg) < 0)
		return -1;
	if (cfg->set & EVTUN_CONFIG_MTU_ && cfg->mtu < EVTUN_IPV6_MTU_MIN_ &&
	    needs_inet6(cfg))
		return evtun_fail_(EINVAL, checking,
		    "IPv6 needs an MTU of 1280 or more");
	return 0;
}

static int
check_opening(int options, const struct evtun_config *cfg)
{
	if (cfg->opening.napi == EVTUN_NAPI_FRAGS &&
	    !(options & EVTUN_OPT_TAP))
		return evtun_fail_(EINVAL, checking,
		    "EVTUN_NAPI_FRAGS is for EVTUN_OPT_TAP");
	if (cfg->set & EVTUN_CONFIG_HEADER_ && !(options & EVTUN_OPT_OFFLOAD))
		return evtun_fail_(EINVAL, checking,
		    "a header is for EVTUN_OPT_OFFLOAD");
	if (cfg->set & EVTUN_CONFIG_HWADDR_ && !(options & EVTUN_OPT_TAP))
		return evtun_fail_(ENOTSUP, checking,
		    "only a TAP device has an Ethernet address");
	return check(cfg);
}

static int
configure_tun(struct evtun *tun, const struct evtun_config *cfg,
    unsigned what, int is_new)
{
	struct evtun_link *link = evtun_link_new_tun(tun);
	int r;

	if (link == NULL)
		return -1;
	r = evtun_configure_(tun, link, cfg, what, is_new);
	evtun_link_free(link);
	return r;
}

/* An interface is made to stay only once all the rest holds. */
struct evtun *
evtun_new_config(const char *name, int options, const struct evtun_config *cfg)
{
	struct evtun_opening how;
	struct evtun *tun;
	unsigned what;

	if (cfg == NULL)
		return evtun_new(name, options);
	if (check_opening(options, cfg) < 0)
		return NULL;
	how = cfg->opening;
	how.is_asked = 1;
	what = cfg->set & ~(unsigned)EVTUN_CONFIG_OPENING_;
	if (options & EVTUN_OPT_PERSIST)
		what |= EVTUN_CONFIG_PERSIST_;
	tun = evtun_open_(name, options & ~EVTUN_OPT_PERSIST, &how);
	if (tun == NULL || what == 0 ||
	    configure_tun(tun, cfg, what, how.is_new) == 0)
		return tun;
	evtun_abandon_(tun, &how);
	return NULL;
}

int
evtun_configure(struct evtun *tun, const struct evtun_config *cfg)
{
	if (cfg->set & EVTUN_CONFIG_OPENING_)
		return evtun_fail_(EINVAL, checking,
		    "there is what can only be chosen when a device is "
		    "opened: evtun_new_config()");
	if (check(cfg) < 0)
		return -1;
	return cfg->set == 0 ? 0 : configure_tun(tun, cfg, cfg->set, 0);
}

int
evtun_link_configure(struct evtun_link *link, const struct evtun_config *cfg)
{
	if (cfg->set & (EVTUN_CONFIG_OPENING_ | EVTUN_CONFIG_DEVICE_))
		return evtun_fail_(EINVAL, checking,
		    "there is what takes a device that is open: "
		    "evtun_configure()");
	if (check(cfg) < 0 ||
	    evtun_link_refresh_(link, "look at the interface") < 0)
		return -1;
	return evtun_configure_(NULL, link, cfg, cfg->set, 0);
}

/* ---- moving a device ---- */

/* The index of the interface, if it is in the namespace already, and has that
 * name; or 0. */
static unsigned
get_index_there(struct evtun *tun, int netns, const char *name)
{
	int before = tun->netns;
	struct evtun_link *link;
	unsigned index = 0;

	tun->netns = netns;
	if ((link = evtun_link_new_tun(tun)) != NULL) {
		if (name == NULL || strcmp(link->facts.name, name) == 0)
			index = link->facts.index;
		evtun_link_free(link);
	}
	tun->netns = before;
	return index;
}

static int
move(struct evtun *tun, int netns, int copy, const char *name)
{
	unsigned index = get_index_there(tun, copy, name);
	struct evtun_link *link;
	int r;

	if (index != 0) {
		evtun_system_moved_(tun, copy, index);
		return 0;
	}
	if ((link = evtun_link_new_tun(tun)) == NULL)
		return -1;
	r = evtun_link_move(link, netns, name);
	if (r == 0)
		evtun_system_moved_(tun, copy, link->facts.index);
	evtun_link_free(link);
	return r;
}

/* The descriptor is copied first, as moving cannot be undone. */
int
evtun_move(struct evtun *tun, int netns, const char *name)
{
	static const char step[] = "move the interface";
	int copy = -1, err;

	if (evtun_check_netns_(netns) < 0 ||
	    (name != NULL && evtun_check_name_(name, 0) < 0))
		return -1;
	if (netns >= 0 && (copy = fcntl(netns, F_DUPFD_CLOEXEC, 0)) < 0)
		return evtun_fail_(errno == EBADF ? EINVAL : errno, step,
		    NULL);
	if (move(tun, netns, copy, name) == 0)
		return 0;
	err = errno;
	if (copy >= 0)
		close(copy);
	errno = err;
	return -1;
}
