#ifndef EVTUN_TESTS_ROUTE_LOOK_H_INCLUDED_
#define EVTUN_TESTS_ROUTE_LOOK_H_INCLUDED_
/*
 * Routes, seen without the library: two interfaces, vpn0 and vpn1, with
 * 10.9.0.1/24 and fd00::1/64, and 10.9.1.1/24 and fd01::1/64.
 */
#include "evtun/link.h"

/* Make them, up, in a namespace of their own: the link of vpn0. */
struct evtun_link *route_start(int options);

/* What ip(8) says of all routes but those of the local table, a line for
 * each, sorted, to be freed. */
char *route_lines(void);
/* Fail unless that is so still; and free both. */
void route_must_be(char *lines);
/* How many lines have those words. */
int route_count(const char *words);

/* The one that the library tells of, in *list; and how many it does. */
const struct evtun_link_route *route_told(struct evtun_link *link,
    const char *to, ev_uint32_t metric, struct evtun_link_route **list);
int route_told_count(struct evtun_link *link);
/* Fail unless a condition on r, which is that one, holds. */
#define TELLS(link, which, metric_, condition) do { \
	struct evtun_link_route *list_; \
	const struct evtun_link_route *r = route_told(link, which, metric_, \
	    &list_); \
	ck_assert_msg(condition, "%s: not so: %s", which, #condition); \
	evtun_link_free_list(list_); \
} while (0)

/* A listener to routes that are removed in the namespace at hand; and how
 * many have been, since it was asked last. */
int route_watch(void);
int route_removed(int watch);

/* What must succeed. */
void route_add(struct evtun_link *link, struct evtun_link_route route);
void route_replace(struct evtun_link *link, struct evtun_link_route route);
void route_del(struct evtun_link *link, struct evtun_link_route route);
#define ADD(link, ...) \
	route_add(link, (struct evtun_link_route){ __VA_ARGS__ })
#define REPLACE(link, ...) \
	route_replace(link, (struct evtun_link_route){ __VA_ARGS__ })
#define DEL(link, ...) \
	route_del(link, (struct evtun_link_route){ __VA_ARGS__ })

#endif /* EVTUN_TESTS_ROUTE_LOOK_H_INCLUDED_ */
