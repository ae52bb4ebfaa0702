#ifndef EVTUN_MONITOR_INTERNAL_H_INCLUDED_
#define EVTUN_MONITOR_INTERNAL_H_INCLUDED_
/*
 * Monitors: what one does next (monitor.c), what it knows (cache.c, on top of
 * table.c), and where it has that from: one file per system.
 *
 * The system tells of changes, and on request it lists all that there is.
 * Both come through one descriptor, in one order.  A change is newer than all
 * that is known, and is taken as it comes, also while a list is on its way.
 * What is listed may be older than a change that came before it, for the
 * system fills in a part of the list first and queues it later: so what was
 * mentioned since the list was asked for is not taken from the list any more.
 * What was not mentioned at all when a list ends is gone, if the list is
 * consistent; one that is not is asked for again.
 *
 * Thus nothing is told twice, no old state after a newer one, and what was
 * told last is what is.
 */
#include <event2/event.h>
#include <event2/util.h>

#include "evtun/monitor.h"
#include "tun/system-internal.h"

/* ---- table.c: a hash table, whose entries are also in a list ---- */

/* To be the first member of an entry. */
struct evtun_node {
	struct evtun_node *chain;	/* the next of the same bucket */
	struct evtun_node *prev, *next;
	ev_uint32_t hash;
	/* The list in which, or since which, it was mentioned last. */
	unsigned round;
	/* It is not there any longer, and known only until the end of the
	 * list at hand, which may still have it. */
	int is_gone;
};

struct evtun_bucket {
	struct evtun_node *first;
};

struct evtun_table {
	struct evtun_bucket *buckets;
	size_t n_buckets;		/* a power of 2 */
	size_t n;
	struct evtun_node *first, *last;	/* in the order of adding */
};

int evtun_table_init_(struct evtun_table *table);
void evtun_table_free_(struct evtun_table *table);
/* Of what has that hash, and maybe of more, the first: see chain. */
struct evtun_node *evtun_table_find_(const struct evtun_table *table,
    ev_uint32_t hash);
/* Cannot fail. */
void evtun_table_add_(struct evtun_table *table, struct evtun_node *node,
    ev_uint32_t hash);
void evtun_table_remove_(struct evtun_table *table, struct evtun_node *node);

/* ---- monitor.c ---- */

/* In the order in which one follows another, but for WATCHING. */
enum evtun_monitor_phase {
	EVTUN_LINKS_DUE,		/* interfaces are to be listed */
	EVTUN_LISTING_LINKS,
	EVTUN_SWEEPING_LINKS,		/* those that are gone */
	EVTUN_ADDRESSES_DUE,
	EVTUN_LISTING_ADDRESSES,
	EVTUN_SWEEPING_ADDRESSES,
	EVTUN_WATCHING,
	EVTUN_TELLING_ALL		/* EVTUN_MONITOR_EXISTING */
};

struct evtun_monitor_source;

struct evtun_monitor {
	struct event *ev;
	struct event *ev_more;		/* there is more to do, at once */
	evtun_monitor_cb cb;
	void *arg;
	unsigned index;			/* or 0 for all */
	int options;

	enum evtun_monitor_phase phase;
	struct evtun_node *cursor;	/* of sweeping and telling */
	/* Telling: the address of that interface that comes next, or NULL. */
	struct evtun_node *cursor_address;
	unsigned round;			/* the list at hand, or the last */
	int n_begun;			/* lists of interfaces */
	int has_message;		/* one that was read is to be taken */
	int is_quiet;			/* being made: there is no callback */
	int is_running;			/* so free it later */
	int is_freed;
	/* What it failed of: 0, or an errno and a constant. */
	int err;
	const char *step;
	ev_uint64_t n_overruns;

	struct evtun_table links;
	struct evtun_table addresses;	/* of all interfaces */

	evutil_socket_t fd;
	struct evtun_monitor_source *source;
};

/* Call back, unless it is not to be. */
void evtun_monitor_tell_(struct evtun_monitor *mon,
    const struct evtun_change *change);
/* It cannot go on. */
void evtun_monitor_fail_(struct evtun_monitor *mon, int err,
    const char *step);
/* From the source: changes were lost, or parts of a list; that is over. */
void evtun_monitor_overrun_(struct evtun_monitor *mon);
/* The list has ended; it is consistent, or to be asked for again. */
void evtun_monitor_listed_(struct evtun_monitor *mon, int is_good);

/* ---- cache.c ---- */

/* What the system says of an interface. */
struct evtun_sight {
	unsigned index;
	const char *name;
	/* What it is for life, in the system's words. */
	const char *kind;
	int is_tun;
	int is_up;
	int has_carrier;
	long mtu;
};

int evtun_cache_init_(struct evtun_monitor *mon);
void evtun_cache_free_(struct evtun_monitor *mon);
int evtun_cache_has_link_(const struct evtun_monitor *mon, unsigned index);
/* As the source has it: a change, or is_listed. */
void evtun_cache_address_(struct evtun_monitor *mon, unsigned index,
    const struct evtun_address *address, int is_listed);
void evtun_cache_address_gone_(struct evtun_monitor *mon, unsigned index,
    const struct evtun_address *address);
/*
 * An interface may have any number of addresses, which go, or are told of, one
 * at a time: these return 0 after one, and are to be called again with the
 * same before anything else is done; 1 when all is done.
 */
int evtun_cache_link_(struct evtun_monitor *mon,
    const struct evtun_sight *sight, int is_listed);
/* what is EVTUN_CHANGE_GONE or EVTUN_CHANGE_MOVED. */
int evtun_cache_link_gone_(struct evtun_monitor *mon, unsigned index,
    enum evtun_change_what what, long value);
/* One entry: whether it is gone, or all that is known of it. */
int evtun_cache_sweep_link_(struct evtun_monitor *mon,
    struct evtun_node *node);
int evtun_cache_tell_link_(struct evtun_monitor *mon, struct evtun_node *node);
void evtun_cache_sweep_address_(struct evtun_monitor *mon,
    struct evtun_node *node);

/* ---- one file per system ---- */

/* Begin to receive changes: mon->fd and mon->source, or -1 after
 * evtun_fail_(). */
int evtun_monitor_open_(struct evtun_monitor *mon, int netns);
void evtun_monitor_close_(struct evtun_monitor *mon);
/* Ask for the list of interfaces, or of addresses, that fit mon->index. */
void evtun_monitor_ask_(struct evtun_monitor *mon, int addresses);
/* Read, or take to the cache one step of mon->has_message: 0 if there is
 * nothing. */
int evtun_monitor_read_(struct evtun_monitor *mon);
/* Wait until there is something. */
void evtun_monitor_wait_(struct evtun_monitor *mon);

#endif /* EVTUN_MONITOR_INTERNAL_H_INCLUDED_ */
