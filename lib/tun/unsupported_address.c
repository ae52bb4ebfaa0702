/*
 * A system without a backend: addresses and routes of interfaces.
 */
#include "config.h"

#include <errno.h>

#include "error-internal.h"
#include "tun/address-internal.h"

static int
refuse(void)
{
	return evtun_fail_(ENOTSUP, "use an interface",
	    "this library was built without support for this system");
}

int
evtun_system_get_addresses_(struct evtun_link *link,
    struct evtun_ifaddr **list)
{
	(void)link;
	(void)list;
	return refuse();
}

int
evtun_system_link_add_address_(struct evtun_link *link,
    const struct evtun_ifaddr *addr)
{
	(void)link;
	(void)addr;
	return refuse();
}

int
evtun_system_link_del_address_(struct evtun_link *link,
    const struct evtun_address *addr)
{
	(void)link;
	(void)addr;
	return refuse();
}

int
evtun_system_set_addresses_(struct evtun_link *link,
    const struct evtun_ifaddr *list, size_t n, int all)
{
	(void)link;
	(void)list;
	(void)n;
	(void)all;
	return refuse();
}

int
evtun_system_get_routes_(struct evtun_link *link, struct evtun_route **list)
{
	(void)link;
	(void)list;
	return refuse();
}

int
evtun_system_add_route_(struct evtun_link *link,
    const struct evtun_route *route)
{
	(void)link;
	(void)route;
	return refuse();
}

int
evtun_system_replace_route_(struct evtun_link *link,
    const struct evtun_route *route)
{
	(void)link;
	(void)route;
	return refuse();
}

int
evtun_system_del_route_(struct evtun_link *link,
    const struct evtun_route *route)
{
	(void)link;
	(void)route;
	return refuse();
}
