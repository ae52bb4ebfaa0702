/*
 * A system without a source of changes.
 */
#include "config.h"

#include <errno.h>

#include "error-internal.h"
#include "monitor/monitor-internal.h"

int
evtun_monitor_open_(struct evtun_monitor *mon, int netns)
{
	(void)mon;
	(void)netns;
	return evtun_fail_(ENOTSUP, "watch interfaces",
	    "this library was built without support for this system");
}

void
evtun_monitor_close_(struct evtun_monitor *mon)
{
	(void)mon;
}

void
evtun_monitor_ask_(struct evtun_monitor *mon, int addresses)
{
	(void)mon;
	(void)addresses;
}

int
evtun_monitor_read_(struct evtun_monitor *mon)
{
	(void)mon;
	return 0;
}

void
evtun_monitor_wait_(struct evtun_monitor *mon)
{
	(void)mon;
}
