/*
 * What is known of an interface: evtun/link.h.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/link-internal.h"

static const char looking[] = "look at the interface";

/* ---- namespaces ---- */

int
evtun_netns_open(const char *name)
{
	if (name != NULL && name[0] == '\0')
		return evtun_fail_(EINVAL, "open the namespace",
		    "its name is empty");
	return evtun_system_netns_open_(name);
}

int
evtun_netns_open_pid(long pid)
{
	if (pid <= 0)
		return evtun_fail_(EINVAL, "open the namespace",
		    "the number of a process is above 0");
	return evtun_system_netns_open_pid_(pid);
}

/* ---- links ---- */

struct evtun_link *
evtun_link_allocate_(int netns)
{
	struct evtun_link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		evtun_fail_(ENOMEM, looking, NULL);
		return NULL;
	}
	link->netns = -1;
	if (netns < 0) {
		evtun_system_link_home_(link);
		return link;
	}
	if ((link->netns = evtun_system_netns_copy_(netns)) < 0) {
		free(link);
		return NULL;
	}
	return link;
}

/* Links of a list may be in different threads. */
static int
share(struct evtun_link *link, struct evtun_link *other)
{
	if (other->sharers == NULL) {
		other->sharers = malloc(sizeof(*other->sharers));
		if (other->sharers == NULL)
			return -1;
		atomic_init(other->sharers, 1);
	}
	atomic_fetch_add(other->sharers, 1);
	link->sharers = other->sharers;
	link->netns = other->netns;
	return 0;
}

struct evtun_link *
evtun_link_allocate_beside_(struct evtun_link *other)
{
	struct evtun_link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		goto nomem;
	link->netns = -1;
	memcpy(link->home, other->home, sizeof(link->home));
	if (other->netns >= 0 && share(link, other) < 0)
		goto nomem;
	return link;
nomem:
	free(link);
	evtun_fail_(ENOMEM, looking, NULL);
	return NULL;
}

static void
let_go(struct evtun_link *link)
{
	if (link->netns < 0)
		return;
	if (link->sharers == NULL || atomic_fetch_sub(link->sharers, 1) == 1) {
		close(link->netns);
		free(link->sharers);
	}
	link->netns = -1;
	link->sharers = NULL;
}

void
evtun_link_free(struct evtun_link *link)
{
	int err = errno;

	if (link == NULL)
		return;
	let_go(link);
	free(link->altnames);
	free(link);
	errno = err;
}

void
evtun_link_enter_(struct evtun_link *link, int netns, unsigned index)
{
	let_go(link);
	link->netns = netns;
	link->facts.index = index;
	if (netns < 0)
		evtun_system_link_home_(link);
}

static int
explain(int err, const char *step)
{
	if (err == ENODEV)
		return evtun_fail_(ENXIO, step,
		    "there is no such interface in the namespace");
	return evtun_fail_(err, step, err == EPERM || err == EACCES ?
	    "to look into another namespace needs CAP_SYS_ADMIN there" : NULL);
}

static struct evtun_link *
look(const char *name, unsigned index, int netns)
{
	struct evtun_link *link = evtun_link_allocate_(netns);

	if (link == NULL)
		return NULL;
	if (evtun_system_link_read_(link, name, index) == 0)
		return link;
	explain(errno, looking);
	evtun_link_free(link);
	return NULL;
}

struct evtun_link *
evtun_link_new(const char *name, int netns)
{
	if (evtun_check_any_name_(name) < 0 || evtun_check_netns_(netns) < 0)
		return NULL;
	return look(name, 0, netns);
}

struct evtun_link *
evtun_link_new_index(unsigned index, int netns)
{
	if (index == 0 || index > 0x7fffffff) {
		evtun_fail_(EINVAL, looking,
		    "an index is above 0, and below 2^31");
		return NULL;
	}
	return evtun_check_netns_(netns) < 0 ? NULL : look(NULL, index, netns);
}

struct evtun_link *
evtun_link_new_tun(struct evtun *tun)
{
	struct evtun_link *link = evtun_link_allocate_(tun->netns);

	if (link == NULL)
		return NULL;
	if (evtun_system_link_of_tun_(link, tun) == 0)
		return link;
	evtun_link_free(link);
	return NULL;
}

int
evtun_link_refresh_(struct evtun_link *link, const char *step)
{
	if (evtun_system_link_read_(link, NULL, link->facts.index) == 0)
		return 0;
	return explain(errno, step);
}

int
evtun_link_update(struct evtun_link *link)
{
	return evtun_link_refresh_(link, looking);
}

/* ---- what was told ---- */

unsigned
evtun_link_get_index(const struct evtun_link *link)
{
	return link->facts.index;
}

const char *
evtun_link_get_name(const struct evtun_link *link)
{
	return link->facts.name;
}

enum evtun_link_kind
evtun_link_get_kind(const struct evtun_link *link)
{
	return evtun_system_link_kind_(&link->facts);
}

int
evtun_link_get_flags(const struct evtun_link *link)
{
	return evtun_system_link_flags_(&link->facts);
}

int
evtun_link_get_mtu(const struct evtun_link *link)
{
	return link->facts.mtu;
}

int
evtun_link_get_type(const struct evtun_link *link)
{
	return link->facts.hw_type;
}

size_t
evtun_link_get_hwaddr(const struct evtun_link *link, void *addr, size_t size)
{
	size_t n = link->facts.hwaddr_len;

	if (size > 0)
		memcpy(addr, link->facts.hwaddr, n < size ? n : size);
	return n;
}

long
evtun_link_get_txqueuelen(const struct evtun_link *link)
{
	return (long)link->facts.txqueuelen;
}

long
evtun_link_get_group(const struct evtun_link *link)
{
	return (long)link->facts.link_group;
}

long
evtun_link_get_owner(const struct evtun_link *link)
{
	return (long)link->facts.owner;
}

long
evtun_link_get_owner_group(const struct evtun_link *link)
{
	return (long)link->facts.group;
}

unsigned
evtun_link_get_queues(const struct evtun_link *link)
{
	return link->facts.queues - link->facts.detached;
}

unsigned
evtun_link_get_detached_queues(const struct evtun_link *link)
{
	return link->facts.detached;
}

const char *
evtun_link_get_alias(const struct evtun_link *link)
{
	return link->facts.alias;
}

const char *
evtun_link_get_altname(const struct evtun_link *link, size_t i)
{
	return i < link->n_altnames ? link->altnames[i] : NULL;
}

int
evtun_link_get_addrgen(const struct evtun_link *link)
{
	return link->facts.addrgen;
}

int
evtun_link_get_netns(const struct evtun_link *link)
{
	return evtun_system_link_netns_(link);
}

ev_uint64_t
evtun_link_get_count(const struct evtun_link *link,
    enum evtun_link_count what)
{
	return (unsigned)what < EVTUN_LINK_N_COUNTS ?
	    link->facts.counts[what] : 0;
}
