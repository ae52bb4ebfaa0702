#ifndef EVTUN_MONITOR_H_INCLUDED_
#define EVTUN_MONITOR_H_INCLUDED_
/**
   @file evtun/monitor.h

   What happens to interfaces, as it happens: an event for every change.

   A monitor knows the interfaces and their addresses as they were when it was
   made, and reports each difference from that on, once, in the order in which
   they came, with the new value.  Changes that cancel each other out before
   the monitor gets to see them may be reported or not, always in a way that
   adds up: what was reported last is what is.

   The system holds a limited number of changes for a monitor that is slow
   (Linux: 1 MiB of them, or net.core.rmem_max if that is less; several
   hundreds).  When some were lost the monitor reports EVTUN_CHANGE_OVERRUN,
   has the system list all that there is, and reports every difference between
   what was last reported and what is.  Changes that come meanwhile are
   reported as they come.  A list that changed while it was made is asked for
   again, for as long as that takes; nothing waits for it.  If an interface was
   deleted unseen, and another one has its index, the one is GONE and the other
   is NEW where they are of different kinds (Linux: TUN, TAP, bridge, veth, and
   so on; all hardware is one kind).  Two of a kind cannot be told apart: that
   they differ in name, values or addresses is reported as changes of one.

   Callbacks run from the event loop and may free the monitor.  A few hundred
   at most come in one turn of the loop, however many changes wait and however
   many addresses an interface has, so that other events have their turn.  A
   monitor belongs to the thread that runs its base: its functions are for that
   thread alone, also with evthread_use_pthreads(); it is made before the loop
   runs, or in it.

   One monitor for all interfaces costs the system less than one for each.
   Needs no privilege, but to watch another namespace.  A namespace stays there
   for as long as a monitor watches it.  (Linux: rtnetlink(7), RTNLGRP_LINK,
   RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR.)
 */
#include <event2/util.h>

#include <evtun/tun.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
/** An opaque type for one that watches. */
struct evtun_monitor;

/** What has changed.  Of one interface that has several changes at once, the
    name comes first, then the MTU, up, and carrier. */
enum evtun_change_what {
	/** An interface is there: it was made, or moved here.  Its MTU
	 * follows, and UP and CARRIER where they are 1. */
	EVTUN_CHANGE_NEW,
	/** It was deleted; or it is in another namespace now (where the system
	 * tells; else it is GONE), and value is its index there, 0 if not
	 * told.  Its addresses were removed before, one by one. */
	EVTUN_CHANGE_GONE,
	EVTUN_CHANGE_MOVED,
	/** It was brought up (value 1) or down (0). */
	EVTUN_CHANGE_UP,
	/** It has a carrier (1), or none (0).  One that is down has none: the
	 * system tells of the carrier of an interface that is up.  Linux may
	 * do so a second late (net/core/link_watch.c), and not at all of one
	 * that was gone for less. */
	EVTUN_CHANGE_CARRIER,
	/** value is the new MTU. */
	EVTUN_CHANGE_MTU,
	/** name is the new name, old_name the one before. */
	EVTUN_CHANGE_NAME,
	/** address is a new one, or one that is not there any longer.  Another
	 * peer, or another prefix, makes it another address; a change of other
	 * details is no change here.  An IPv6 address is added when it is
	 * assigned, and not again when the system has found that nobody else
	 * has it. */
	EVTUN_CHANGE_ADDRESS_ADDED,
	EVTUN_CHANGE_ADDRESS_REMOVED,
	/** Changes were lost; what follows makes up for them.  More that are
	 * lost before it is done are part of the same overrun.  No interface:
	 * index 0, name "". */
	EVTUN_CHANGE_OVERRUN,
	/** The monitor has failed for good, and is silent from now on; errno
	 * and evtun_get_error() say why: ENOMEM if there was no memory for
	 * what is new.  It is still to be freed.  index 0, name "". */
	EVTUN_CHANGE_FAILED
};

/** One change: of the library's, valid during the callback.  More members may
    come at its end. */
struct evtun_change {
	enum evtun_change_what what;
	unsigned index;			/**< of the interface */
	const char *name;		/**< it has now, or had last */
	const char *old_name;		/**< EVTUN_CHANGE_NAME; else NULL */
	long value;			/**< 0 where none is told of */
	const char *address;		/**< "10.9.0.1/24", else NULL */
	/** The other end, "10.9.0.2", of an address that has one, else NULL;
	 * then the prefix length is the peer's. */
	const char *peer;
};

typedef void (*evtun_monitor_cb)(struct evtun_monitor *mon,
    const struct evtun_change *change, void *arg);

/** Options for evtun_monitor_new(); an unknown bit is refused with EINVAL. */
enum evtun_monitor_options {
	/** Report what is there already, first, from the event loop: for each
	 * interface NEW, the MTU, UP and CARRIER where they are 1, and its
	 * addresses.  What happens before that is done comes after it. */
	EVTUN_MONITOR_EXISTING = (1<<0),
	/** TUN and TAP devices alone. */
	EVTUN_MONITOR_TUN_ONLY = (1<<1)
};

/**
   Watch the interfaces of a network namespace.

   Waits for the system to list them, which takes Linux 20 us for each, or for
   the one.  A monitor of one interface goes on when that is gone: there may be
   another one of the same index.

   @param netns a namespace from evtun_netns_open(), or -1 for that of the
      calling thread.  The descriptor is not needed any longer afterwards
   @param index the interface to watch, or 0 for all of them
   @param options EVTUN_MONITOR_* flags
   @param cb is called for each change
   @return a monitor, or NULL on error: ENXIO if there is no such interface,
      or with EVTUN_MONITOR_TUN_ONLY none of that kind; EPERM if the namespace
      may not be entered; EAGAIN if the interfaces change so fast that they
      cannot be listed
 */
struct evtun_monitor *evtun_monitor_new(struct event_base *base, int netns,
    unsigned index, int options, evtun_monitor_cb cb, void *arg);

/** Watch the interface of a device, in its namespace as evtun_link_new_tun()
    has it.  The monitor does not need the device any longer afterwards. */
struct evtun_monitor *evtun_monitor_new_tun(struct event_base *base,
    struct evtun *tun, int options, evtun_monitor_cb cb, void *arg);

/** Stop, and free it; also in its callback.  NULL does nothing.  No callback
    comes after that.  Before its base is freed. */
void evtun_monitor_free(struct evtun_monitor *mon);

/** How many overruns there were: those that were reported. */
ev_uint64_t evtun_monitor_get_overruns(const struct evtun_monitor *mon);

/** Set the priority of its event.  @return 0 on success, -1 on error: EINVAL
    if the base has no such priority, or the event is due just now.
    @see event_priority_set() */
int evtun_monitor_priority_set(struct evtun_monitor *mon, int priority);

#ifdef __cplusplus
}
#endif
#endif /* EVTUN_MONITOR_H_INCLUDED_ */
