#ifndef EVTUN_TESTS_NETNS_RIG_H_INCLUDED_
#define EVTUN_TESTS_NETNS_RIG_H_INCLUDED_
/*
 * Two network namespaces, and devices in the one that is not at hand.
 */
#include <sys/types.h>

#include "evtun/tun.h"

/* A namespace at hand, and another one: descriptors. */
extern int netns_home, netns_other;
void netns_two(void);
ino_t netns_inode_of(int fd);
/* That the thread is where it was. */
void netns_check_home(void);
/* That in the other one ip says so of an interface, or not. */
void netns_check_there(const char *name, const char *words, int does);
int netns_is_there(int netns, const char *name);
/* A device there, NULL with errno, or a failure. */
struct evtun *netns_try_there(const char *name, int options);
struct evtun *netns_new_there(const char *name, int options);
/* That packets pass, in and out, where the interface is there. */
void netns_check_packets(struct evtun *tun, int netns, const char *name);

#endif /* EVTUN_TESTS_NETNS_RIG_H_INCLUDED_ */
