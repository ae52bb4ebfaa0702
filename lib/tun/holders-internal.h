#ifndef EVTUN_HOLDERS_INTERNAL_H_INCLUDED_
#define EVTUN_HOLDERS_INTERNAL_H_INCLUDED_
/*
 * Who has a device open: /proc/PID/fdinfo names the interface.
 */
#include <event2/util.h>

/* A name that a process gives itself, and its NUL: TASK_COMM_LEN. */
#define EVTUN_COMMAND_SIZE 16

struct evtun_held {
	long pid;
	int fd;
	char command[EVTUN_COMMAND_SIZE];
};

typedef int (*evtun_held_cb)(const struct evtun_held *held, void *arg);

/*
 * Call fn for each descriptor of the interface of that name in that network
 * namespace (device and inode), until it returns something else than 0, or
 * limit descriptors have been looked at: those of processes that are there,
 * and then everywhere, for which descriptors are copied.  Whoever looks at one
 * holds it open for a moment.  Return the last that it returned, 0
 * if it was not called; or -1 with errno and no text.
 */
int evtun_holders_search_(const char *name, const ev_uint64_t home[2],
    int everywhere, long limit, evtun_held_cb fn, void *arg);

/* The device and inode of a namespace, -1 being the caller's; return -1 with
 * no text if they cannot be told. */
int evtun_get_namespace_(int netns, ev_uint64_t home[2]);

#endif /* EVTUN_HOLDERS_INTERNAL_H_INCLUDED_ */
