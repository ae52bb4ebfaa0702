#ifndef EVTUN_TESTS_UNCHANGED_H_INCLUDED_
#define EVTUN_TESTS_UNCHANGED_H_INCLUDED_
/*
 * What failed has changed nothing.  A call that changes an interface is made
 * again and again, and each time the next of the calls that it makes in turn
 * fails.  As long as it fails itself, ip(8) must say what it said before, of
 * interfaces that have something of everything; the reason is in errno and in
 * words; and no descriptor stays open.  In the end none is left to fail, and
 * ip(8) says what was asked for.
 */
#include "evtun/config.h"
#include "evtun/link.h"
#include "evtun/tun.h"

/* What there is to act on. */
extern struct unchanged_stage {
	/* Network namespaces: that of the interface, and another one. */
	int here, there;
	/* The other one, or -1 if that is the caller's. */
	int to;
	struct evtun *tun;
	struct evtun_link *link;
	/* Several settings: of this interface, and of a new one here. */
	struct evtun_config *cfg, *new_cfg;
	/* What a scenario opens. */
	struct evtun *second;
} stage;

/* Where ip(8) says the words in the end; nowhere means not here. */
enum ip_says_where { IP_SAYS_HERE, IP_SAYS_THERE, IP_SAYS_NOWHERE };

struct scenario {
	int (*run)(void);
	enum ip_says_where where;
	const char *words;
	const char *ask;
};

/* is_away: the caller is not in the namespace of the interface. */
void unchanged_run(const struct scenario *s, int is_away);

#endif /* EVTUN_TESTS_UNCHANGED_H_INCLUDED_ */
