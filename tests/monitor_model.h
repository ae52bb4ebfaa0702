#ifndef EVTUN_TESTS_MONITOR_MODEL_H_INCLUDED_
#define EVTUN_TESTS_MONITOR_MODEL_H_INCLUDED_
/*
 * Interfaces and addresses: what a monitor's changes add up to, and what
 * ip(8) says.
 */
#include <stddef.h>

#include "evtun/monitor.h"

struct model_link {
	unsigned index;
	char name[16];
	int up, carrier;
	long mtu;
	char **addresses;	/* sorted */
	size_t n_addresses;
};

struct model {
	/* All that there is has been told, and not just what has changed. */
	int is_whole;
	/* Every MTU that is set is larger than the last one. */
	int mtu_grows;
	struct model_link *links;
	size_t n;
};

/* A change that makes no sense after those before fails the test: what is told
 * twice, an address of an interface that is gone. */
void model_apply(struct model *model, const struct evtun_change *change);
/* What ip says; to be cleared. */
void model_ask_ip(struct model *model, int tun_only);
void model_clear(struct model *model);
/* As text, in order; to be freed. */
char *model_print(struct model *model);

#endif /* EVTUN_TESTS_MONITOR_MODEL_H_INCLUDED_ */
