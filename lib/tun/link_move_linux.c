/*
 * Interfaces that leave for another network namespace on Linux.
 *
 * The kernel moves an interface under the name it has, unless another one
 * there has that; renames it then; and if that fails, leaves it there, without
 * addresses and down (seen on Linux 6.18).  So this looks before, and takes it
 * back should it have happened all the same.
 */
#include "config.h"

#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

static const char moving[] = "move the interface";

struct move {
	/* Descriptors, ours. */
	int from, to;
	/* Nobody there has its index. */
	int keeps_index;
	char before[EVTUN_NAME_SIZE];
	char after[EVTUN_NAME_SIZE];
};

static int
close_both(const struct move *m)
{
	int err = errno;

	if (m->from >= 0)
		close(m->from);
	if (m->to >= 0)
		close(m->to);
	errno = err;
	return -1;
}

/* The caller's first: what is opened must not take its place. */
static int
open_both(struct move *m, const struct evtun_link *link, int netns,
    const char *name)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->before, link->facts.name, sizeof(m->before));
	memcpy(m->after, name, strlen(name));
	m->from = -1;
	m->to = evtun_system_netns_copy_(netns);
	if (m->to < 0)
		return -1;
	m->from = evtun_system_link_netns_(link);
	return m->from < 0 ? close_both(m) : 0;
}

/* Whether both are the same; -1 if that cannot be told. */
static int
is_at_home(const struct move *m)
{
	struct stat from, to;

	if (fstat(m->from, &from) < 0 || fstat(m->to, &to) < 0)
		return evtun_fail_(errno, moving, NULL);
	return from.st_dev == to.st_dev && from.st_ino == to.st_ino;
}

static int
check_taken(const struct move *m)
{
	struct evtun_facts other;

	if (evtun_link_find_(m->to, m->after, &other) == 0)
		return evtun_fail_(EEXIST, moving,
		    "another interface there has that name");
	if (errno == EPERM || errno == EACCES)
		return evtun_fail_(errno, moving, "to look into another "
		    "namespace needs CAP_SYS_ADMIN there");
	return errno == ENODEV ? 0 : evtun_fail_(errno, moving, NULL);
}

/* The kernel gives it another index only if somebody there has its own. */
static int
has_index(int netns, unsigned index)
{
	struct evtun_request req;

	evtun_link_ask_(&req, NULL, index);
	return evtun_request_do_(&req, netns, NULL, NULL) == 0 ||
	    errno != ENODEV;
}

static int
send_move(int from, int to, unsigned index, const char *name)
{
	struct evtun_request req;
	struct ifinfomsg *ifi = evtun_request_begin_(&req, RTM_NEWLINK,
	    NLM_F_ACK, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	mnl_attr_put_u32(req.nlh, IFLA_NET_NS_FD, (uint32_t)to);
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, name);
	return evtun_request_do_(&req, from, NULL, NULL);
}

/* What an interface keeps wherever it goes. */
static int
is_same(const struct evtun_facts *a, const struct evtun_facts *b)
{
	return a->hw_type == b->hw_type && a->hwaddr_len == b->hwaddr_len &&
	    memcmp(a->hwaddr, b->hwaddr, a->hwaddr_len) == 0 &&
	    a->is_tun == b->is_tun && a->type == b->type &&
	    a->owner == b->owner && a->group == b->group;
}

/* The index changes if another interface there has it. */
static int
find_moved(const struct move *m, const char *name,
    const struct evtun_facts *facts, unsigned *index)
{
	struct evtun_facts found;

	if (evtun_link_find_(m->to, name, &found) < 0)
		return -1;
	if (!is_same(&found, facts)) {
		errno = ENODEV;
		return -1;
	}
	*index = found.index;
	return 0;
}

static int
explain(int err)
{
	switch (err) {
	case EEXIST:
		return evtun_fail_(err, moving, "another interface there has "
		    "that name, or one of its alternative names");
	case EINVAL:
		return evtun_fail_(err, moving,
		    "interfaces of this kind stay where they are");
	default:
		return evtun_explain_link_(err, moving);
	}
}

static int
is_still_here(const struct move *m, const struct evtun_link *link)
{
	struct evtun_facts facts;

	/* What cannot be looked at has not moved. */
	if (evtun_link_find_(m->from, m->before, &facts) < 0)
		return errno != ENODEV;
	return facts.index == link->facts.index;
}

/* Somebody has taken the new name just now, or the kernel does not like it. */
static int
take_back(const struct move *m, struct evtun_link *link, int err)
{
	struct evtun_facts facts;
	unsigned index;

	if (find_moved(m, m->before, &link->facts, &index) < 0)
		return explain(errno == ENODEV ? ENODEV : err);
	if (send_move(m->to, m->from, index, m->before) < 0 ||
	    evtun_link_find_(m->from, m->before, &facts) < 0)
		return evtun_fail_(err, moving,
		    "it is there now, but under its old name");
	link->facts.index = facts.index;
	return explain(err);
}

/* It has moved.  Should there be no memory or descriptor left to look for it,
 * that holds all the same. */
static int
follow(struct evtun_link *link, struct move *m, int netns)
{
	unsigned index = link->facts.index;

	if (find_moved(m, m->after, &link->facts, &index) < 0) {
		if (errno == ENODEV)
			return evtun_fail_(ENXIO, moving, "it is there, and "
			    "has been changed by somebody else");
		if (!m->keeps_index)
			return evtun_fail_(errno, moving,
			    "it is there, and cannot be looked at");
	}
	evtun_link_enter_(link, netns < 0 ? -1 : m->to, index);
	if (netns >= 0)
		m->to = -1;
	return 0;
}

static int
move(struct evtun_link *link, struct move *m, int netns)
{
	int err;

	if (link->facts.flags & IFF_LOOPBACK)
		return explain(EINVAL);
	if (check_taken(m) < 0)
		return -1;
	m->keeps_index = !has_index(m->to, link->facts.index);
	if (send_move(m->from, m->to, link->facts.index, m->after) == 0)
		return follow(link, m, netns);
	err = errno;
	return err == ENODEV || is_still_here(m, link) ? explain(err) :
	    take_back(m, link, err);
}

int
evtun_system_link_move_(struct evtun_link *link, int netns, const char *name)
{
	struct move m;
	int r;

	if (open_both(&m, link, netns, name) < 0)
		return -1;
	r = is_at_home(&m);
	if (r == 0)
		r = move(link, &m, netns);
	else if (r == 1)
		r = strcmp(m.before, m.after) == 0 ? 0 :
		    evtun_system_link_set_name_(link->netns, &link->facts,
		    name);
	(void)close_both(&m);
	return r;
}
