/*
 * Devices in numbers, on a system without a backend.
 */
#include "config.h"

#include <errno.h>

#include "evtun/link.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/link-internal.h"
#include "tun/list-internal.h"
#include "tun/system-internal.h"

static int
refuse(void)
{
	return evtun_fail_(ENOTSUP, "look for devices",
	    "this library was built without support for this system");
}

int
evtun_system_link_list_(int netns, struct evtun_link ***links)
{
	(void)netns;
	(void)links;
	return refuse();
}

int
evtun_system_link_holders_(const struct evtun_link *link,
    struct evtun_holder **list)
{
	(void)link;
	(void)list;
	return refuse();
}

void
evtun_system_free_many_(struct evtun **tuns, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		evtun_free(tuns[i]);
}
