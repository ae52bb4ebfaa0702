#ifndef EVTUN_LIST_INTERNAL_H_INCLUDED_
#define EVTUN_LIST_INTERNAL_H_INCLUDED_
/*
 * Behind the lists of evtun/link.h, one file per system.  Return how many, or
 * -1 after evtun_fail_(); what is returned through a pointer is NULL then.
 */
#include "evtun/link.h"

/* netns may be EVTUN_ALL_NETNS. */
int evtun_system_link_list_(int netns, struct evtun_link ***links);
int evtun_system_link_holders_(const struct evtun_link *link,
    struct evtun_holder **list);

#endif /* EVTUN_LIST_INTERNAL_H_INCLUDED_ */
