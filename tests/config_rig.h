#ifndef EVTUN_TESTS_CONFIG_RIG_H_INCLUDED_
#define EVTUN_TESTS_CONFIG_RIG_H_INCLUDED_
/*
 * An interface with something of everything, what ip(8) says of it, and
 * configurations that change all of it.
 */
#include "evtun/config.h"

/* Make a persistent device of that name and kind, that nobody has open, with
 * all that ip can give it.  Needs a namespace, and IPv6. */
void rig_prepare(const char *name, int is_tap, int is_up);

/* It is up, and has just been opened: wait until its routes have noticed. */
void rig_await_carrier(const char *name);

/* All that ip says of an interface, its addresses and its routes. */
struct rig_state {
	char *text[4];
};
void rig_look(const char *name, struct rig_state *state);
void rig_forget(struct rig_state *state);
/* Fail unless ip says the same again; what the kernel does later, such as
 * carrier that comes and goes, is waited for. */
void rig_check_same(const char *name, const struct rig_state *before);

/* A config that changes everything that a prepared interface has, and ends
 * with it up. */
struct evtun_config *rig_config(int is_tap);
/* Fail unless all of it holds. */
void rig_check_config(const char *name, int is_tap);

#endif /* EVTUN_TESTS_CONFIG_RIG_H_INCLUDED_ */
