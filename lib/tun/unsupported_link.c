/*
 * Interfaces on a system without a backend: see unsupported.c.
 */
#include "config.h"

#include <errno.h>

#include "error-internal.h"
#include "tun/link-internal.h"

static int
refuse(void)
{
	return evtun_fail_(ENOTSUP, "use an interface",
	    "this library was built without support for this system");
}

/* The caller has the words. */
int
evtun_system_link_read_(struct evtun_link *link, const char *name,
    unsigned index)
{
	(void)link;
	(void)name;
	(void)index;
	errno = ENOTSUP;
	return -1;
}

int
evtun_system_link_of_tun_(struct evtun_link *link, struct evtun *tun)
{
	(void)link;
	(void)tun;
	return refuse();
}

int
evtun_system_link_flags_(const struct evtun_facts *facts)
{
	(void)facts;
	return 0;
}

enum evtun_link_kind
evtun_system_link_kind_(const struct evtun_facts *facts)
{
	(void)facts;
	return EVTUN_LINK_OTHER;
}

int
evtun_system_link_netns_(const struct evtun_link *link)
{
	(void)link;
	return refuse();
}

void
evtun_system_link_home_(struct evtun_link *link)
{
	(void)link;
}

int
evtun_system_netns_open_(const char *name)
{
	(void)name;
	return refuse();
}

int
evtun_system_netns_open_pid_(long pid)
{
	(void)pid;
	return refuse();
}

int
evtun_system_netns_copy_(int netns)
{
	(void)netns;
	return refuse();
}

/* The rest is for links, and there are none. */

int
evtun_system_link_is_ethernet_(const struct evtun_facts *facts)
{
	(void)facts;
	return 0;
}

int
evtun_system_link_set_flags_(int netns, const struct evtun_facts *facts,
    const char *step, int flags, int mask)
{
	(void)netns;
	(void)facts;
	(void)step;
	(void)flags;
	(void)mask;
	return refuse();
}

int
evtun_system_link_set_altname_(int netns, const struct evtun_facts *facts,
    const char *name, int has)
{
	(void)netns;
	(void)facts;
	(void)name;
	(void)has;
	return refuse();
}

int
evtun_system_link_delete_(int netns, const struct evtun_facts *facts)
{
	(void)netns;
	(void)facts;
	return refuse();
}

int
evtun_system_link_move_(struct evtun_link *link, int netns, const char *name)
{
	(void)link;
	(void)netns;
	(void)name;
	return refuse();
}

int
evtun_system_link_set_name_(int netns, const struct evtun_facts *facts,
    const char *name)
{
	(void)netns;
	(void)facts;
	(void)name;
	return refuse();
}

int
evtun_system_link_set_alias_(int netns, const struct evtun_facts *facts,
    const char *alias)
{
	(void)netns;
	(void)facts;
	(void)alias;
	return refuse();
}

int
evtun_system_link_set_mtu_(int netns, const struct evtun_facts *facts,
    int mtu)
{
	(void)netns;
	(void)facts;
	(void)mtu;
	return refuse();
}

int
evtun_system_link_set_hwaddr_(int netns, const struct evtun_facts *facts,
    const ev_uint8_t addr[6])
{
	(void)netns;
	(void)facts;
	(void)addr;
	return refuse();
}

int
evtun_system_link_set_txqueuelen_(int netns,
    const struct evtun_facts *facts, long packets)
{
	(void)netns;
	(void)facts;
	(void)packets;
	return refuse();
}

int
evtun_system_link_set_group_(int netns, const struct evtun_facts *facts,
    long group)
{
	(void)netns;
	(void)facts;
	(void)group;
	return refuse();
}

int
evtun_system_link_set_carrier_(int netns, const struct evtun_facts *facts,
    int on)
{
	(void)netns;
	(void)facts;
	(void)on;
	return refuse();
}

int
evtun_system_link_set_addrgen_(int netns, const struct evtun_facts *facts,
    int mode)
{
	(void)netns;
	(void)facts;
	(void)mode;
	return refuse();
}
