/*
 * The addresses of an interface as a set: what is missing is added, what is
 * too much is removed, and if that fails all of it is undone.  To remove one
 * is to keep the others.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/rtnetlink-internal.h"

/* One change that was made. */
struct step {
	uint16_t type;			/* RTM_NEWADDR or RTM_DELADDR */
	const struct evtun_ifaddr *addr;
};

struct change {
	int netns;
	unsigned index;
	int promote;			/* that of the interface */
	/* Those that are wanted, and those that there are. */
	const struct evtun_ifaddr *want;
	size_t n_want;
	struct evtun_ifaddr_ref *want_sorted;
	struct evtun_grown have;
	struct evtun_ifaddr_ref *have_sorted;
	/* Also what is local to the link in IPv6. */
	int all;
	/* net.ipv4.conf.NAME.promote_secondaries was switched on. */
	int promoting;
	struct step *done;
	size_t n_done;
	/* What a step failed with, which may have been undone in vain. */
	struct evtun_address failed;
	int is_undone;
};

/* All memory that it takes, before anything is changed. */
static int
prepare(struct change *c)
{
	c->want_sorted = evtun_sort_ifaddrs_(c->want, c->n_want);
	c->have_sorted = evtun_sort_ifaddrs_(c->have.list, c->have.n);
	/* An address that changes takes two steps. */
	c->done = calloc(c->have.n + c->n_want + 1, sizeof(*c->done));
	if (c->want_sorted != NULL && c->have_sorted != NULL &&
	    c->done != NULL)
		return 0;
	errno = ENOMEM;
	return -1;
}

static const struct evtun_ifaddr *
find_wanted(const struct change *c, const struct evtun_ifaddr *have)
{
	return evtun_find_ifaddr_(c->want_sorted, c->n_want, &have->at);
}

static const struct evtun_ifaddr *
find_had(const struct change *c, const struct evtun_ifaddr *want)
{
	return evtun_find_ifaddr_(c->have_sorted, c->have.n, &want->at);
}

/* It is neither wanted nor in the way of one that is. */
static int
is_too_much(const struct change *c, const struct evtun_ifaddr *have)
{
	if (find_wanted(c, have) != NULL)
		return 0;
	return c->all || have->at.family == AF_INET ||
	    have->scope != EVTUN_SCOPE_LINK;
}

static int
is_to_go(const struct change *c, const struct evtun_ifaddr *have)
{
	const struct evtun_ifaddr *want = find_wanted(c, have);

	return want == NULL ? is_too_much(c, have) :
	    !evtun_same_address_(&want->at, &have->at);
}

/* On failure, what counts is what is: 0 if it is so, and err is why it is
 * nothing that we have done. */
static int
make_so(struct change *c, uint16_t type, const struct evtun_ifaddr *addr,
    int *err)
{
	*err = 0;
	if (evtun_request_address_(c->netns, c->index, type, addr) == 0)
		return 0;
	*err = errno;
	if (evtun_has_address_(c->netns, c->index, &addr->at) ==
	    (type == RTM_NEWADDR))
		return 0;
	errno = *err;
	return -1;
}

static int
step(struct change *c, uint16_t type, const struct evtun_ifaddr *addr)
{
	int err;

	if (make_so(c, type, addr, &err) < 0) {
		c->failed = addr->at;
		return -1;
	}
	/* Somebody else was faster. */
	if (err == EEXIST || err == EADDRNOTAVAIL)
		return 0;
	c->done[c->n_done].type = type;
	c->done[c->n_done++].addr = addr;
	return 0;
}

static int
set_promote(const struct change *c, int promote)
{
	return evtun_link_set_promote_(c->netns, c->index, promote);
}

/* With a primary IPv4 address the kernel removes its secondary ones, unless
 * it is told to keep them. */
static int
keep_secondaries(struct change *c)
{
	const struct evtun_ifaddr *have = c->have.list;
	int any = 0;
	size_t i;

	for (i = 0; i < c->have.n && !any; i++)
		any = have[i].at.family == AF_INET && is_to_go(c, &have[i]);
	if (!any || c->promote != 0)
		return 0;
	c->promoting = 1;
	return set_promote(c, 1);
}

/* The addresses are what they are to be: nothing that would be undone for
 * this. */
static void
stop_keeping(struct change *c)
{
	if (c->promoting && set_promote(c, 0) < 0)
		(void)set_promote(c, 0);
	c->promoting = 0;
}

static int
add_missing(struct change *c)
{
	size_t i;

	for (i = 0; i < c->n_want; i++)
		if (find_had(c, &c->want[i]) == NULL &&
		    step(c, RTM_NEWADDR, &c->want[i]) < 0)
			return -1;
	return 0;
}

/* Those that there are with another prefix length or peer. */
static int
swap_changed(struct change *c)
{
	const struct evtun_ifaddr *had;
	size_t i;

	for (i = 0; i < c->n_want; i++) {
		had = find_had(c, &c->want[i]);
		if (had == NULL ||
		    evtun_same_address_(&had->at, &c->want[i].at))
			continue;
		if (step(c, RTM_DELADDR, had) < 0 ||
		    step(c, RTM_NEWADDR, &c->want[i]) < 0)
			return -1;
	}
	return 0;
}

/* Backwards: secondary ones first. */
static int
remove_others(struct change *c)
{
	const struct evtun_ifaddr *have = c->have.list;
	size_t i;

	for (i = c->have.n; i > 0; i--)
		if (is_too_much(c, &have[i - 1]) &&
		    step(c, RTM_DELADDR, &have[i - 1]) < 0)
			return -1;
	return 0;
}

static int
undo(struct change *c)
{
	const struct step *last;
	int err, r = 0;

	while (c->n_done > 0) {
		last = &c->done[--c->n_done];
		if (make_so(c, last->type == RTM_NEWADDR ? RTM_DELADDR :
		    RTM_NEWADDR, last->addr, &err) < 0)
			r = -1;
	}
	stop_keeping(c);
	return r;
}

static int
apply(struct change *c)
{
	int err;

	if (prepare(c) < 0)
		return -1;
	if (keep_secondaries(c) == 0 && add_missing(c) == 0 &&
	    swap_changed(c) == 0 && remove_others(c) == 0) {
		stop_keeping(c);
		return 0;
	}
	err = errno;
	/* What is gone needs no more undoing. */
	c->is_undone = undo(c) == 0 || err == ENODEV;
	errno = err;
	return -1;
}

/* Apply it to what there is, and forget it. */
static int
run(struct change *c)
{
	int err, r = apply(c);

	err = errno;
	free(c->done);
	free(c->have_sorted);
	free(c->want_sorted);
	free(c->have.list);
	errno = err;
	return r;
}

static int
explain(const struct change *c, int err, int mtu)
{
	static const char step[] = "set the addresses";

	if (!c->is_undone)
		return evtun_fail_(err, step, "and those that there were "
		    "could not be put back, either");
	return evtun_explain_address_(err, &c->failed, mtu, step);
}

int
evtun_system_set_addresses_(struct evtun_link *link,
    const struct evtun_ifaddr *list, size_t n, int all)
{
	struct change c = { .netns = link->netns, .index = link->facts.index,
	    .promote = link->facts.promote, .want = list, .n_want = n,
	    .all = all, .is_undone = 1 };

	if (evtun_read_addresses_(c.netns, c.index, &c.have) == 0 &&
	    run(&c) == 0)
		return 0;
	return explain(&c, errno, link->facts.mtu);
}

/* Those of a list but for the one, with any peer if it has none; NULL with
 * errno. */
static struct evtun_ifaddr *
list_others(const struct evtun_grown *all, const struct evtun_address *one,
    size_t *n)
{
	const struct evtun_ifaddr *list = all->list;
	struct evtun_ifaddr *others = calloc(all->n + 1, sizeof(*others));
	struct evtun_address at;
	size_t i;

	*n = 0;
	for (i = 0; i < all->n && others != NULL; i++) {
		at = list[i].at;
		if (!one->has_peer)
			memcpy(at.peer, one->peer, sizeof(at.peer));
		if (!evtun_same_address_(&at, one))
			others[(*n)++] = list[i];
	}
	return others;
}

int
evtun_link_del_address_(int netns, unsigned index, int promote,
    const struct evtun_address *addr)
{
	struct change c = { .netns = netns, .index = index,
	    .promote = promote, .all = 1 };
	struct evtun_ifaddr *others;
	int err, r = -1;

	if (evtun_read_addresses_(netns, index, &c.have) < 0)
		return -1;
	others = list_others(&c.have, addr, &c.n_want);
	c.want = others;
	if (others == NULL)
		free(c.have.list);
	else
		r = run(&c);
	err = errno;
	free(others);
	errno = err;
	return r;
}
