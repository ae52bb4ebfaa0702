/*
 * What a monitor knows, and what it tells when it hears something else.
 *
 * A callback may free the monitor: what is in memory stays there until all
 * functions here have returned, and evtun_monitor_tell_() tells nobody.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/monitor-internal.h"

/* An address, a slash, three digits. */
#define ADDRESS_TEXT_SIZE 64
/* More than Linux allows, which are 56. */
#define KIND_SIZE 64

static const char step[] = "watch interfaces";

struct address;

struct link {
	struct evtun_node node;
	unsigned index;
	char name[EVTUN_NAME_SIZE];
	char kind[KIND_SIZE];
	int is_up;
	int has_carrier;
	long mtu;
	struct address *first, *last;	/* in the order of adding */
};

struct address {
	struct evtun_node node;
	unsigned index;
	struct evtun_address address;
	/* Unless it is gone. */
	struct link *link;
	struct address *prev, *next;	/* of the same interface */
};

int
evtun_cache_init_(struct evtun_monitor *mon)
{
	if (evtun_table_init_(&mon->links) < 0)
		return -1;
	if (evtun_table_init_(&mon->addresses) == 0)
		return 0;
	evtun_table_free_(&mon->links);
	return -1;
}

void
evtun_cache_free_(struct evtun_monitor *mon)
{
	evtun_table_free_(&mon->links);
	evtun_table_free_(&mon->addresses);
}

/* ---- telling ---- */

static void
tell(struct evtun_monitor *mon, enum evtun_change_what what,
    const struct link *link, long value)
{
	struct evtun_change change;

	memset(&change, 0, sizeof(change));
	change.what = what;
	change.index = link->index;
	change.name = link->name;
	change.value = value;
	evtun_monitor_tell_(mon, &change);
}

static void
tell_name(struct evtun_monitor *mon, const struct link *link,
    const char *old_name)
{
	struct evtun_change change;

	memset(&change, 0, sizeof(change));
	change.what = EVTUN_CHANGE_NAME;
	change.index = link->index;
	change.name = link->name;
	change.old_name = old_name;
	evtun_monitor_tell_(mon, &change);
}

static void
tell_address(struct evtun_monitor *mon, enum evtun_change_what what,
    const struct link *link, const struct evtun_address *address)
{
	char text[ADDRESS_TEXT_SIZE] = "", peer[ADDRESS_TEXT_SIZE] = "";
	struct evtun_change change;
	size_t n;

	if (mon->is_quiet)
		return;
	evutil_inet_ntop(address->family, address->addr, text, sizeof(text));
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, "/%u", address->prefix_len);
	memset(&change, 0, sizeof(change));
	change.what = what;
	change.index = link->index;
	change.name = link->name;
	change.address = text;
	if (address->has_peer)
		change.peer = evutil_inet_ntop(address->family, address->peer,
		    peer, sizeof(peer));
	evtun_monitor_tell_(mon, &change);
}

/* ---- looking up ---- */

/* Neighbours of an index go to other buckets anyway. */
static struct link *
find_link(const struct evtun_monitor *mon, unsigned index)
{
	struct evtun_node *node = evtun_table_find_(&mon->links, index);

	while (node != NULL && ((struct link *)node)->index != index)
		node = node->chain;
	return (struct link *)node;
}

int
evtun_cache_has_link_(const struct evtun_monitor *mon, unsigned index)
{
	const struct link *link = find_link(mon, index);

	return link != NULL && !link->node.is_gone;
}

/* FNV-1a. */
static ev_uint32_t
hash_bytes(ev_uint32_t hash, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n-- > 0)
		hash = (hash ^ *p++) * 16777619u;
	return hash;
}

/* An IPv6 address is there once, whatever its peer and prefix; of IPv4, all
 * together are. */
static ev_uint32_t
hash_address(unsigned index, const struct evtun_address *address)
{
	ev_uint32_t hash = hash_bytes(2166136261u, &index, sizeof(index));

	hash = hash_bytes(hash, address->addr, sizeof(address->addr));
	if (address->family == AF_INET6)
		return hash;
	hash = hash_bytes(hash, &address->prefix_len,
	    sizeof(address->prefix_len));
	return hash_bytes(hash, address->peer, sizeof(address->peer));
}

static int
same_details(const struct evtun_address *a, const struct evtun_address *b)
{
	return a->prefix_len == b->prefix_len &&
	    memcmp(a->peer, b->peer, sizeof(a->peer)) == 0;
}

static int
is_that(const struct address *known, unsigned index,
    const struct evtun_address *address)
{
	return known->index == index &&
	    known->address.family == address->family &&
	    memcmp(known->address.addr, address->addr,
	    sizeof(address->addr)) == 0 &&
	    (address->family == AF_INET6 ||
	    same_details(&known->address, address));
}

static struct address *
find_address(const struct evtun_monitor *mon, unsigned index,
    const struct evtun_address *address)
{
	struct evtun_node *node = evtun_table_find_(&mon->addresses,
	    hash_address(index, address));

	while (node != NULL && !is_that((struct address *)node, index,
	    address))
		node = node->chain;
	return (struct address *)node;
}

/* ---- addresses ---- */

static void
attach(struct link *link, struct address *known)
{
	known->link = link;
	known->next = NULL;
	known->prev = link->last;
	if (link->last != NULL)
		link->last->next = known;
	else
		link->first = known;
	link->last = known;
}

static void
detach(struct link *link, struct address *known)
{
	if (known->prev != NULL)
		known->prev->next = known->next;
	else
		link->first = known->next;
	if (known->next != NULL)
		known->next->prev = known->prev;
	else
		link->last = known->prev;
}

static void
lose_address(struct evtun_monitor *mon, struct link *link,
    struct address *known)
{
	detach(link, known);
	tell_address(mon, EVTUN_CHANGE_ADDRESS_REMOVED, link,
	    &known->address);
	if (mon->phase == EVTUN_LISTING_ADDRESSES) {
		known->node.is_gone = 1;
		known->node.round = mon->round;
		return;
	}
	evtun_table_remove_(&mon->addresses, &known->node);
	free(known);
}

static struct address *
add_address(struct evtun_monitor *mon, unsigned index,
    const struct evtun_address *address)
{
	struct address *known = calloc(1, sizeof(*known));

	if (known == NULL) {
		evtun_monitor_fail_(mon, ENOMEM, step);
		return NULL;
	}
	known->index = index;
	known->node.is_gone = 1;
	known->address = *address;
	evtun_table_add_(&mon->addresses, &known->node,
	    hash_address(index, address));
	return known;
}

void
evtun_cache_address_(struct evtun_monitor *mon, unsigned index,
    const struct evtun_address *address, int is_listed)
{
	struct link *link = find_link(mon, index);
	struct address *known;

	/* Of an interface that is not watched. */
	if (link == NULL || link->node.is_gone)
		return;
	known = find_address(mon, index, address);
	if (known == NULL &&
	    (known = add_address(mon, index, address)) == NULL)
		return;
	if (is_listed && known->node.round == mon->round)
		return;
	known->node.round = mon->round;
	if (!known->node.is_gone) {
		if (same_details(&known->address, address))
			return;
		tell_address(mon, EVTUN_CHANGE_ADDRESS_REMOVED, link,
		    &known->address);
		detach(link, known);
	}
	known->address = *address;
	known->node.is_gone = 0;
	attach(link, known);
	tell_address(mon, EVTUN_CHANGE_ADDRESS_ADDED, link, address);
}

void
evtun_cache_address_gone_(struct evtun_monitor *mon, unsigned index,
    const struct evtun_address *address)
{
	struct address *known = find_address(mon, index, address);

	if (known != NULL && !known->node.is_gone)
		lose_address(mon, known->link, known);
}

void
evtun_cache_sweep_address_(struct evtun_monitor *mon, struct evtun_node *node)
{
	struct address *known;

	if (node->is_gone) {
		evtun_table_remove_(&mon->addresses, node);
		free(node);
	} else if (node->round != mon->round) {
		known = (struct address *)node;
		lose_address(mon, known->link, known);
	}
}

/* ---- interfaces ---- */

static struct link *
add_link(struct evtun_monitor *mon, unsigned index)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		evtun_monitor_fail_(mon, ENOMEM, step);
		return NULL;
	}
	link->index = index;
	link->node.is_gone = 1;
	evtun_table_add_(&mon->links, &link->node, index);
	return link;
}

/* One address; when none is left, the interface: only then return 1. */
static int
lose_link(struct evtun_monitor *mon, struct link *link,
    enum evtun_change_what what, long value)
{
	if (link->first != NULL) {
		lose_address(mon, link, link->first);
		return 0;
	}
	tell(mon, what, link, value);
	if (mon->phase == EVTUN_LISTING_LINKS) {
		link->node.is_gone = 1;
		link->node.round = mon->round;
		return 1;
	}
	evtun_table_remove_(&mon->links, &link->node);
	free(link);
	return 1;
}

static int
is_wanted(const struct evtun_monitor *mon, const struct evtun_sight *sight)
{
	return (mon->index == 0 || mon->index == sight->index) &&
	    (sight->is_tun || !(mon->options & EVTUN_MONITOR_TUN_ONLY));
}

/* Whether the index is another one's now: that of one which is not wanted, or
 * of another kind. */
static int
is_another(const struct evtun_monitor *mon, const struct link *link,
    const struct evtun_sight *sight)
{
	return !is_wanted(mon, sight) || strcmp(link->kind, sight->kind) != 0;
}

static void
rename_link(struct evtun_monitor *mon, struct link *link, const char *name)
{
	char old_name[EVTUN_NAME_SIZE];

	if (strcmp(link->name, name) == 0)
		return;
	memcpy(old_name, link->name, sizeof(old_name));
	snprintf(link->name, sizeof(link->name), "%s", name);
	tell_name(mon, link, old_name);
}

/* One that is new has the values that need not be told. */
static void
update_link(struct evtun_monitor *mon, struct link *link,
    const struct evtun_sight *sight)
{
	rename_link(mon, link, sight->name);
	if (link->mtu != sight->mtu) {
		link->mtu = sight->mtu;
		tell(mon, EVTUN_CHANGE_MTU, link, link->mtu);
	}
	if (link->is_up != sight->is_up) {
		link->is_up = sight->is_up;
		tell(mon, EVTUN_CHANGE_UP, link, link->is_up);
	}
	if (link->has_carrier != sight->has_carrier) {
		link->has_carrier = sight->has_carrier;
		tell(mon, EVTUN_CHANGE_CARRIER, link, link->has_carrier);
	}
}

static void
begin_link(struct evtun_monitor *mon, struct link *link,
    const struct evtun_sight *sight)
{
	link->node.is_gone = 0;
	link->is_up = link->has_carrier = 0;
	link->mtu = -1;
	snprintf(link->name, sizeof(link->name), "%s", sight->name);
	snprintf(link->kind, sizeof(link->kind), "%s", sight->kind);
	tell(mon, EVTUN_CHANGE_NEW, link, 0);
}

int
evtun_cache_link_(struct evtun_monitor *mon, const struct evtun_sight *sight,
    int is_listed)
{
	struct link *link = find_link(mon, sight->index);

	if (link != NULL && is_listed && link->node.round == mon->round)
		return 1;
	if (link != NULL && !link->node.is_gone &&
	    is_another(mon, link, sight)) {
		if (!lose_link(mon, link, EVTUN_CHANGE_GONE, 0))
			return 0;
		link = find_link(mon, sight->index);
	}
	if (!is_wanted(mon, sight) || (link == NULL &&
	    (link = add_link(mon, sight->index)) == NULL))
		return 1;
	link->node.round = mon->round;
	if (link->node.is_gone)
		begin_link(mon, link, sight);
	update_link(mon, link, sight);
	return 1;
}

int
evtun_cache_link_gone_(struct evtun_monitor *mon, unsigned index,
    enum evtun_change_what what, long value)
{
	struct link *link = find_link(mon, index);

	if (link == NULL || link->node.is_gone)
		return 1;
	return lose_link(mon, link, what, value);
}

int
evtun_cache_sweep_link_(struct evtun_monitor *mon, struct evtun_node *node)
{
	if (node->is_gone) {
		evtun_table_remove_(&mon->links, node);
		free(node);
	} else if (node->round != mon->round) {
		return lose_link(mon, (struct link *)node, EVTUN_CHANGE_GONE,
		    0);
	}
	return 1;
}

static void
tell_values(struct evtun_monitor *mon, const struct link *link)
{
	tell(mon, EVTUN_CHANGE_NEW, link, 0);
	tell(mon, EVTUN_CHANGE_MTU, link, link->mtu);
	if (link->is_up)
		tell(mon, EVTUN_CHANGE_UP, link, 1);
	if (link->has_carrier)
		tell(mon, EVTUN_CHANGE_CARRIER, link, 1);
}

int
evtun_cache_tell_link_(struct evtun_monitor *mon, struct evtun_node *node)
{
	const struct link *link = (struct link *)node;
	struct address *known = (struct address *)mon->cursor_address;

	if (known == NULL) {
		tell_values(mon, link);
		known = link->first;
	} else {
		tell_address(mon, EVTUN_CHANGE_ADDRESS_ADDED, link,
		    &known->address);
		known = known->next;
	}
	mon->cursor_address = (struct evtun_node *)known;
	return known == NULL;
}
