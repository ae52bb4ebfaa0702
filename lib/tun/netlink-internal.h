#ifndef EVTUN_NETLINK_INTERNAL_H_INCLUDED_
#define EVTUN_NETLINK_INTERNAL_H_INCLUDED_
/*
 * Requests to the kernel's rtnetlink: rtnetlink(7), and libmnl for the bytes.
 *
 * A network namespace is a descriptor for it, or -1 for that of the calling
 * thread.  All return 0, or -1 with errno set and no text.
 */
#include <linux/netlink.h>

#include <libmnl/libmnl.h>

/* Room for all that a request here may hold. */
#define EVTUN_REQUEST_SIZE 4096

/* How often a dump that changes came between is begun again. */
#define EVTUN_DUMP_TRIES 16

struct evtun_request {
	struct nlmsghdr *nlh;
	/* A dump is to have what the request says alone. */
	int is_filtered;
	_Alignas(struct nlmsghdr) char buf[EVTUN_REQUEST_SIZE];
};

/* A bound socket of libmnl's in the namespace, closed on exec; or NULL. */
struct mnl_socket *evtun_netlink_open_(int netns);

/* Begin a request of this type (RTM_*), with flags (NLM_F_*) besides
 * NLM_F_REQUEST; return the header of the type, all zero. */
void *evtun_request_begin_(struct evtun_request *req, uint16_t type,
    uint16_t flags, size_t header);

/* Have a dump of addresses or routes be of one interface alone, if the kernel
 * can (Linux 4.20): with many interfaces that is much quicker.  ENODEV if it
 * is gone; what comes may be of others all the same. */
void evtun_request_narrow_(struct evtun_request *req, unsigned index);

/* Send it and wait for its end, in a socket of its own.  cb gets the
 * messages of the answer and may be NULL; one that returns -1 with errno ends
 * it.  A dump that changes came between fails with EINTR. */
int evtun_request_do_(struct evtun_request *req, int netns, mnl_cb_t cb,
    void *data);

/* link_linux.c: begin to ask for one interface, by name or, if that is NULL,
 * by index. */
void evtun_link_ask_(struct evtun_request *req, const char *name,
    unsigned index);

/*
 * netns_linux.c
 */
/* Call fn(arg) in the namespace, in a thread of its own unless it is that of
 * the caller (for one, -1): return what it does, with its errno. */
int evtun_netns_call_(int netns, int (*fn)(void *), void *arg);
/* open(2), and socket(2), there: a descriptor. */
int evtun_netns_open_file_(int netns, const char *path, int flags);
int evtun_netns_open_socket_(int netns, int domain, int type, int protocol);

#endif /* EVTUN_NETLINK_INTERNAL_H_INCLUDED_ */
