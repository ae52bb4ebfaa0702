/*
 * A link on Linux: all that link_linux.c reads, and the alternative names.
 */
#include "config.h"

#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

/* Alternative names, counted and then copied. */
struct names {
	size_t n;
	size_t bytes;
	char **pointers;
	char *strings;
};

static int
take_name(const struct nlattr *attr, void *data)
{
	struct names *names = data;
	size_t n;

	if (mnl_attr_get_type(attr) != IFLA_ALT_IFNAME)
		return MNL_CB_OK;
	n = strnlen(mnl_attr_get_payload(attr),
	    mnl_attr_get_payload_len(attr));
	if (names->pointers != NULL) {
		memcpy(names->strings, mnl_attr_get_payload(attr), n);
		names->strings[n] = '\0';
		names->pointers[names->n] = names->strings;
		names->strings += n + 1;
	}
	names->n++;
	names->bytes += n + 1;
	return MNL_CB_OK;
}

static int
take_list(const struct nlattr *attr, void *data)
{
	return mnl_attr_get_type(attr) != IFLA_PROP_LIST ? MNL_CB_OK :
	    mnl_attr_parse_nested(attr, take_name, data);
}

static int
parse_altnames(const struct nlmsghdr *nlh, struct evtun_link *link)
{
	struct names names = { 0, 0, NULL, NULL };

	mnl_attr_parse(nlh, sizeof(struct ifinfomsg), take_list, &names);
	if (names.n > 0) {
		names.pointers = malloc(names.n * sizeof(*names.pointers) +
		    names.bytes);
		if (names.pointers == NULL)
			return -1;
		names.strings = (char *)(names.pointers + names.n);
		names.n = 0;
		mnl_attr_parse(nlh, sizeof(struct ifinfomsg), take_list,
		    &names);
	}
	free(link->altnames);
	link->altnames = names.pointers;
	link->n_altnames = names.n;
	return 0;
}

int
evtun_link_fill_(struct evtun_link *link, const struct nlmsghdr *nlh)
{
	if (parse_altnames(nlh, link) < 0)
		return -1;
	evtun_link_parse_(nlh, &link->facts);
	return 0;
}

/* The caller's thread was in another namespace when the link was made. */
static int
is_away(const struct evtun_link *link)
{
	ev_uint64_t here[2];

	return link->netns < 0 && link->home[1] != 0 &&
	    evtun_own_namespace_(here) == 0 &&
	    memcmp(here, link->home, sizeof(here)) != 0;
}

struct answer {
	struct evtun_link *link;
	int found;
};

static int
fill_in(const struct nlmsghdr *nlh, void *data)
{
	struct answer *answer = data;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	answer->found = 1;
	return evtun_link_fill_(answer->link, nlh) < 0 ? MNL_CB_ERROR :
	    MNL_CB_OK;
}

int
evtun_system_link_read_(struct evtun_link *link, const char *name,
    unsigned index)
{
	struct answer answer = { link, 0 };
	struct evtun_request req;

	if (is_away(link)) {
		errno = ENODEV;
		return -1;
	}
	evtun_link_ask_(&req, name, index);
	if (evtun_request_do_(&req, link->netns, fill_in, &answer) < 0)
		return -1;
	if (!answer.found) {
		errno = ENODEV;
		return -1;
	}
	return 0;
}

int
evtun_system_link_of_tun_(struct evtun_link *link, struct evtun *tun)
{
	static const char step[] = "look at the device's interface";
	struct evtun_facts facts;

	if (evtun_linux_find_(tun, &facts, step) < 0)
		return -1;
	if (evtun_system_link_read_(link, NULL, facts.index) == 0)
		return 0;
	return evtun_explain_link_(errno, step);
}

enum evtun_link_kind
evtun_system_link_kind_(const struct evtun_facts *facts)
{
	if (!facts->is_tun)
		return EVTUN_LINK_OTHER;
	/* Before 4.20 the hardware must tell. */
	if (!facts->has_details)
		return facts->hwaddr_len == 6 ? EVTUN_LINK_TAP :
		    EVTUN_LINK_TUN;
	return facts->type == IFF_TAP ? EVTUN_LINK_TAP : EVTUN_LINK_TUN;
}

int
evtun_system_link_flags_(const struct evtun_facts *facts)
{
	static const struct {
		unsigned theirs;
		int ours;
	} map[] = {
		{ IFF_UP, EVTUN_LINK_UP },
		{ IFF_RUNNING, EVTUN_LINK_RUNNING },
		{ IFF_POINTOPOINT, EVTUN_LINK_POINT_TO_POINT },
		{ IFF_MULTICAST, EVTUN_LINK_MULTICAST },
		{ IFF_NOARP, EVTUN_LINK_NO_ARP },
		{ IFF_PROMISC, EVTUN_LINK_PROMISCUOUS }
	};
	size_t i;
	int flags = facts->carrier ? EVTUN_LINK_CARRIER : 0;

	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (facts->flags & map[i].theirs)
			flags |= map[i].ours;
	if (facts->persist)
		flags |= EVTUN_LINK_PERSIST;
	if (facts->multi_queue)
		flags |= EVTUN_LINK_MULTIQUEUE;
	if (facts->packet_info)
		flags |= EVTUN_LINK_PACKET_INFO;
	if (facts->vnet_hdr)
		flags |= EVTUN_LINK_OFFLOAD;
	return flags;
}

int
evtun_system_link_netns_(const struct evtun_link *link)
{
	if (is_away(link))
		return evtun_fail_(ENXIO, "open the interface's namespace",
		    "it is not that of the calling thread any more");
	return evtun_system_netns_copy_(link->netns);
}

void
evtun_system_link_home_(struct evtun_link *link)
{
	if (evtun_own_namespace_(link->home) < 0)
		memset(link->home, 0, sizeof(link->home));
}
