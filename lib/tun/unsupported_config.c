/*
 * What a config takes, on a system without a backend.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>

#include "error-internal.h"
#include "tun/config-internal.h"

void
evtun_system_abandon_(struct evtun *tun, const struct evtun_opening *how)
{
	(void)tun;
	(void)how;
}

void
evtun_system_moved_(struct evtun *tun, int netns, unsigned index)
{
	(void)tun;
	(void)netns;
	(void)index;
}

struct evtun_snapshot *
evtun_snapshot_take_(const struct evtun_link *link)
{
	(void)link;
	evtun_fail_(ENOTSUP, "remember addresses and routes",
	    "this library was built without support for this system");
	return NULL;
}

void
evtun_snapshot_free_(struct evtun_snapshot *snapshot)
{
	(void)snapshot;
}

int
evtun_snapshot_restore_(const struct evtun_snapshot *snapshot,
    const struct evtun_link *link)
{
	(void)snapshot;
	(void)link;
	errno = ENOTSUP;
	return -1;
}
