/*
 * Making an interface what a config says: all of it, or nothing.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "evtun/config.h"
#include "evtun/linux.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/config-internal.h"
#include "tun/link-internal.h"

/* What may change addresses or routes. */
#define MOVES_ADDRESSES (EVTUN_CONFIG_MTU_ | EVTUN_CONFIG_HWADDR_ | \
	EVTUN_CONFIG_ADDRGEN_ | EVTUN_CONFIG_UP_ | EVTUN_CONFIG_ADDRESSES_ | \
	EVTUN_CONFIG_EXACT_ | EVTUN_CONFIG_ROUTES_)

struct change {
	struct evtun *tun;		/* or NULL */
	struct evtun_link *link;
	const struct evtun_config *cfg;
	/* As it was; NULL if it is new. */
	struct evtun_link *before;
	struct evtun_snapshot *snapshot;
	int sndbuf;
	/* What could not be undone, in words. */
	char left[160];
};

/* ---- the steps, and how each is undone ---- */

static int
set_sndbuf(struct change *c)
{
	return evtun_linux_set_sndbuf(c->tun, c->cfg->sndbuf);
}

static int
undo_sndbuf(struct change *c)
{
	return evtun_linux_set_sndbuf(c->tun, c->sndbuf);
}

static int
set_alias(struct change *c)
{
	return evtun_link_set_alias(c->link, c->cfg->alias);
}

static int
undo_alias(struct change *c)
{
	return evtun_link_set_alias(c->link, c->before->facts.alias);
}

static int
set_altnames(struct change *c)
{
	size_t i;

	for (i = 0; i < c->cfg->n_altnames; i++)
		if (evtun_link_add_altname(c->link, c->cfg->altnames[i]) < 0)
			return -1;
	return 0;
}

static int
had_altname(const struct change *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->before->n_altnames; i++)
		if (strcmp(c->before->altnames[i], name) == 0)
			return 1;
	return 0;
}

static int
undo_altnames(struct change *c)
{
	const char *name;
	size_t i;
	int r = 0;

	for (i = c->cfg->n_altnames; i-- > 0; ) {
		name = c->cfg->altnames[i];
		if (!had_altname(c, name) &&
		    evtun_link_del_altname(c->link, name) < 0)
			r = -1;
	}
	return r;
}

static int
set_txqueuelen(struct change *c)
{
	return evtun_link_set_txqueuelen(c->link, c->cfg->txqueuelen);
}

static int
undo_txqueuelen(struct change *c)
{
	return evtun_link_set_txqueuelen(c->link,
	    (long)c->before->facts.txqueuelen);
}

static int
set_group(struct change *c)
{
	return evtun_link_set_group(c->link, c->cfg->group);
}

static int
undo_group(struct change *c)
{
	return evtun_link_set_group(c->link,
	    (long)c->before->facts.link_group);
}

static int
set_addrgen(struct change *c)
{
	return evtun_link_set_addrgen(c->link, c->cfg->addrgen);
}

static int
undo_addrgen(struct change *c)
{
	int mode = c->before->facts.addrgen;

	return mode < 0 ? 0 :
	    evtun_link_set_addrgen(c->link, (enum evtun_addrgen)mode);
}

/* On a descriptor it needs no privilege. */
static int
set_hwaddr(struct change *c)
{
	return c->tun != NULL ? evtun_set_hwaddr(c->tun, c->cfg->hwaddr) :
	    evtun_link_set_hwaddr(c->link, c->cfg->hwaddr);
}

static int
undo_hwaddr(struct change *c)
{
	if (c->before->facts.hwaddr_len != sizeof(c->cfg->hwaddr))
		return 0;
	return c->tun != NULL ?
	    evtun_set_hwaddr(c->tun, c->before->facts.hwaddr) :
	    evtun_link_set_hwaddr(c->link, c->before->facts.hwaddr);
}

/* One that allows IPv6 comes first, for what needs IPv6.  One that takes it
 * away cannot be undone in full: it comes late. */
static int
set_mtu_early(struct change *c)
{
	return c->cfg->mtu < EVTUN_IPV6_MTU_MIN_ ? 0 :
	    evtun_link_set_mtu(c->link, c->cfg->mtu);
}

static int
set_mtu_late(struct change *c)
{
	return evtun_link_set_mtu(c->link, c->cfg->mtu);
}

static int
undo_mtu(struct change *c)
{
	if (evtun_link_set_mtu(c->link, c->before->facts.mtu) < 0)
		return -1;
	/* It may have been lost together with IPv6. */
	return undo_addrgen(c);
}

/* One that stands in the way may be to go. */
static int
add_addresses(struct change *c)
{
	int is_exact = (c->cfg->set & EVTUN_CONFIG_EXACT_) != 0;
	size_t i;

	for (i = 0; i < c->cfg->n_addresses; i++)
		if (evtun_link_add_address(c->link,
		    &c->cfg->addresses[i]) < 0 &&
		    !(is_exact && errno == EEXIST))
			return -1;
	return 0;
}

static int
set_up(struct change *c)
{
	return evtun_link_set_up(c->link, c->cfg->up);
}

static int
undo_up(struct change *c)
{
	return evtun_link_set_up(c->link,
	    evtun_link_get_flags(c->before) & EVTUN_LINK_UP);
}

static int
add_routes(struct change *c)
{
	size_t i;

	for (i = 0; i < c->cfg->n_routes; i++)
		if (evtun_link_add_route(c->link, &c->cfg->routes[i]) < 0)
			return -1;
	return 0;
}

static int
set_addresses(struct change *c)
{
	return evtun_link_set_addresses(c->link, c->cfg->addresses,
	    c->cfg->n_addresses);
}

static int
set_owner(struct change *c)
{
	return evtun_set_owner(c->tun, c->cfg->uid, c->cfg->gid);
}

/* The system cannot take an owner away. */
static int
undo_owner(struct change *c)
{
	const struct evtun_facts *was = &c->before->facts;

	if (evtun_link_update(c->link) < 0 ||
	    evtun_set_owner(c->tun, (long)was->owner, (long)was->group) < 0)
		return -1;
	return (was->owner < 0 && c->link->facts.owner >= 0) ||
	    (was->group < 0 && c->link->facts.group >= 0) ? -1 : 0;
}

static int
set_persist(struct change *c)
{
	return evtun_set_persist(c->tun, 1);
}

static int
undo_persist(struct change *c)
{
	return evtun_set_persist(c->tun, c->before->facts.persist);
}

/* In this order, so that each finds what it needs, and what cannot be undone
 * comes last.  Addresses and routes are put back together, at the end. */
static const struct step {
	unsigned bit;
	const char *name;
	int (*make)(struct change *c);
	int (*undo)(struct change *c);
} steps[] = {
	{ EVTUN_CONFIG_MTU_, "the MTU", set_mtu_early, undo_mtu },
	{ EVTUN_CONFIG_SNDBUF_, "the send buffer", set_sndbuf, undo_sndbuf },
	{ EVTUN_CONFIG_ALIAS_, "the alias", set_alias, undo_alias },
	{ EVTUN_CONFIG_ALTNAMES_, "an alternative name", set_altnames,
	    undo_altnames },
	{ EVTUN_CONFIG_TXQUEUELEN_, "the queue length", set_txqueuelen,
	    undo_txqueuelen },
	{ EVTUN_CONFIG_GROUP_, "the group", set_group, undo_group },
	{ EVTUN_CONFIG_ADDRGEN_, "how addresses are made", set_addrgen,
	    undo_addrgen },
	{ EVTUN_CONFIG_HWADDR_, "the Ethernet address", set_hwaddr,
	    undo_hwaddr },
	{ EVTUN_CONFIG_ADDRESSES_, NULL, add_addresses, NULL },
	{ EVTUN_CONFIG_UP_, "up or down", set_up, undo_up },
	/* With an address its routes go: those of the config come after. */
	{ EVTUN_CONFIG_EXACT_, NULL, set_addresses, NULL },
	{ EVTUN_CONFIG_ROUTES_, NULL, add_routes, NULL },
	{ EVTUN_CONFIG_MTU_, "the MTU", set_mtu_late, undo_mtu },
	{ EVTUN_CONFIG_OWNER_, "the owner", set_owner, undo_owner },
	{ EVTUN_CONFIG_PERSIST_, "that it stays", set_persist, undo_persist }
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* ---- the transaction ---- */

static void
note_left(struct change *c, const char *name)
{
	size_t n = strlen(c->left);

	snprintf(c->left + n, sizeof(c->left) - n, "%s%s", n > 0 ? ", " : "",
	    name);
}

/* Undo the first n steps, of which the last may have been made in part. */
static void
undo(struct change *c, unsigned what, size_t n)
{
	while (n-- > 0)
		if (what & steps[n].bit && steps[n].undo != NULL &&
		    steps[n].undo(c) < 0)
			note_left(c, steps[n].name);
	if (c->snapshot != NULL &&
	    evtun_snapshot_restore_(c->snapshot, c->link) < 0)
		note_left(c, "addresses or routes");
}

static int
fail(struct change *c, unsigned what, size_t n)
{
	int err = errno;
	char why[400];

	snprintf(why, sizeof(why), "%s", evtun_get_error());
	if (evtun_link_update(c->link) < 0 && errno == ENXIO)
		return evtun_fail_whole_(ENXIO,
		    "configure %s: the interface is gone",
		    c->link->facts.name);
	if (c->before != NULL)
		undo(c, what, n);
	return evtun_fail_whole_(err, "configure %s: %s%s%s",
	    c->link->facts.name, why,
	    c->left[0] != '\0' ? "; and this could not be undone: " : "",
	    c->left);
}

/* Remember what the interface is. */
static int
remember(struct change *c, unsigned what)
{
	c->before = evtun_link_new_index(c->link->facts.index,
	    c->link->netns);
	if (c->before == NULL)
		return -1;
	if (what & EVTUN_CONFIG_SNDBUF_ &&
	    (c->sndbuf = evtun_linux_get_sndbuf(c->tun)) < 0)
		return -1;
	if (!(what & MOVES_ADDRESSES))
		return 0;
	c->snapshot = evtun_snapshot_take_(c->link);
	return c->snapshot != NULL ? 0 : -1;
}

static int
make(struct change *c, unsigned what, int is_new)
{
	size_t i;

	if (!is_new && remember(c, what) < 0)
		return -1;
	for (i = 0; i < N_STEPS; i++)
		if (what & steps[i].bit && steps[i].make(c) < 0)
			return fail(c, what, i + 1);
	return 0;
}

int
evtun_configure_(struct evtun *tun, struct evtun_link *link,
    const struct evtun_config *cfg, unsigned what, int is_new)
{
	struct change c;
	int r, err;

	memset(&c, 0, sizeof(c));
	c.tun = tun;
	c.link = link;
	c.cfg = cfg;
	r = make(&c, what, is_new);
	err = errno;
	evtun_link_free(c.before);
	evtun_snapshot_free_(c.snapshot);
	errno = err;
	return r;
}
