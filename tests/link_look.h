#ifndef EVTUN_TESTS_LINK_LOOK_H_INCLUDED_
#define EVTUN_TESTS_LINK_LOOK_H_INCLUDED_
/*
 * Links, and whether they say what ip(8) says.
 */
#include "evtun/link.h"

/* A link, with the reason if there is none. */
struct evtun_link *link_look(const char *name, int netns);

/* Ask again, and fail unless every get function says what ip(8) says of the
 * interface in the network namespace at hand. */
void link_check(struct evtun_link *link);

/* All that ip(8) says of an interface but for what it counts, to be freed; and
 * fail unless that is so still, and free it. */
char *link_remember(const char *name);
void link_check_same(const char *name, char *before);

/* Send a datagram of one byte to 10.9.0.2. */
void link_send_one(void);

/* Fail unless a call returns NULL with this errno. */
#define link_refused(call, err) do { \
	struct evtun_link *link_link_ = (call); \
	int link_errno_ = errno; \
	ck_assert_msg(link_link_ == NULL, "%s succeeded", #call); \
	ck_assert_msg(link_errno_ == (err), "%s: errno %d, not %s (%s)", \
	    #call, link_errno_, #err, evtun_get_error()); \
} while (0)

#endif /* EVTUN_TESTS_LINK_LOOK_H_INCLUDED_ */
