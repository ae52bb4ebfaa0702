#ifndef EVTUN_TESTS_MONITOR_RIG_H_INCLUDED_
#define EVTUN_TESTS_MONITOR_RIG_H_INCLUDED_
/*
 * A monitor, what it tells as lines of text, and what these add up to.
 *
 *	new tun0		gone tun0		moved tun0 INDEX
 *	mtu tun0 1400		up tun0 1		carrier tun0 0
 *	name tun1 tun0		(the new one, the old one)
 *	added tun0 10.9.0.1/24	removed tun0 10.9.0.1/32 10.9.0.2
 *	overrun			failed
 */
#include <stddef.h>

#include "evtun/monitor.h"
#include "monitor_model.h"

struct event_base;

struct rig {
	struct event_base *base;
	struct evtun_monitor *mon;
	int options;
	/* What was told. */
	char **lines;
	size_t n_lines, room;
	ev_uint64_t n_overruns;
	int failed;			/* with this errno */
	char error[256];
	struct model model;		/* what it adds up to */
	/* The callback frees the monitor when that many lines are there. */
	size_t free_at;
};

/* Watch. */
struct rig *rig_new(int netns, unsigned index, int options);
/* The parts of that: a base, and no monitor yet; and the callback. */
struct rig *rig_base_new(void);
void rig_cb(struct evtun_monitor *mon, const struct evtun_change *change,
    void *arg);
void rig_free(struct rig *rig);
void rig_forget(struct rig *rig);
/* Run until there are n lines, and what else is ready. */
void rig_run(struct rig *rig, size_t n);
/* Run until exactly those lines are there, the last of them before NULL, and
 * forget them. */
void rig_expect(struct rig *rig, ...) __attribute__((sentinel));
/* Whether there is such a line. */
int rig_has(const struct rig *rig, const char *line);

/* Run until there are n lines, and return the most of them that came between
 * two turns of another event, which is always due. */
size_t rig_run_turns(struct rig *rig, size_t n);
/* Let the system hold so many bytes for the only monitor there is: with hardly
 * any, changes are lost. */
#define RIG_NARROW 8192
void rig_set_room(int bytes);
/* Run ip n times, on lines of a format with two numbers, which together count
 * up: 0 0 to 0 249, then 1 0. */
void rig_batch(int n, const char *fmt);

/* Run until what was told is what ip says; of one with
 * EVTUN_MONITOR_EXISTING and of all interfaces. */
void rig_agree(struct rig *rig);

#endif /* EVTUN_TESTS_MONITOR_RIG_H_INCLUDED_ */
