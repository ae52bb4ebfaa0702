#ifndef EVTUN_SNAPSHOT_INTERNAL_H_INCLUDED_
#define EVTUN_SNAPSHOT_INTERNAL_H_INCLUDED_
/*
 * What snapshot_linux.c and restore_linux.c share.
 */
#include "evtun/link.h"
#include "tun/config-internal.h"
#include "tun/netlink-internal.h"
#include "tun/rtnetlink-internal.h"

/* Messages, each in memory of its own. */
struct evtun_messages {
	struct evtun_grown all;		/* of pointers */
};

static inline const struct nlmsghdr *
evtun_get_message_(const struct evtun_messages *list, size_t i)
{
	struct nlmsghdr *const *at = list->all.list;

	return at[i];
}

struct evtun_snapshot {
	struct evtun_messages addresses;
	struct evtun_messages routes;
};

/* Read those of an interface as they are now, in the place of what was there;
 * -1 with errno and no text. */
int evtun_read_address_messages_(const struct evtun_link *link,
    struct evtun_messages *list);
int evtun_read_route_messages_(const struct evtun_link *link,
    struct evtun_messages *list);
/* Free what is in a list. */
void evtun_free_messages_(struct evtun_messages *list);

#endif /* EVTUN_SNAPSHOT_INTERNAL_H_INCLUDED_ */
