/*
 * All devices, and who has them open: evtun/link.h.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/link-internal.h"
#include "tun/list-internal.h"

int
evtun_link_list(int netns, struct evtun_link ***links)
{
	*links = NULL;
	if (netns < EVTUN_ALL_NETNS)
		return evtun_fail_(EINVAL, "list the devices", "a namespace "
		    "is a descriptor, -1, or EVTUN_ALL_NETNS");
	return evtun_system_link_list_(netns, links);
}

void
evtun_link_free_all(struct evtun_link **links, int n)
{
	int i;

	if (links == NULL)
		return;
	for (i = 0; i < n; i++)
		evtun_link_free(links[i]);
	free(links);
}

int
evtun_link_get_holders(const struct evtun_link *link,
    struct evtun_holder **list)
{
	*list = NULL;
	return evtun_system_link_holders_(link, list);
}
