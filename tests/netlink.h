#ifndef EVTUN_TESTS_NETLINK_H_INCLUDED_
#define EVTUN_TESTS_NETLINK_H_INCLUDED_
/*
 * Requests to the kernel's routing, for what the library has no call for.
 */
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

/* Begin a request of this type (RTM_*) in a buffer. */
struct nlmsghdr *netlink_begin(void *buf, size_t size, uint16_t type);
/* Send it, and fail unless it was granted. */
void netlink_request(struct nlmsghdr *nlh);

#endif /* EVTUN_TESTS_NETLINK_H_INCLUDED_ */
