#ifndef EVTUN_TESTS_FEED_H_INCLUDED_
#define EVTUN_TESTS_FEED_H_INCLUDED_
/*
 * Frames of our own instead of the kernel's: the linker's --wrap puts a
 * function before the library's read(), which hands them out for the
 * descriptor of the device, and one before its ioctl().
 */
#include <stddef.h>

#include <event2/buffer.h>

#include "evtun/offload.h"
#include "vectors.h"

#define FEED_MAX 256

extern struct feed {
	int fd;			/* whose reads these are */
	/* Headers are in the other byte order than the machine's, and the
	 * kernel says so. */
	int swapped;
	/* What is to be read, from the first one on. */
	struct evbuffer_iovec frames[FEED_MAX];
	int first, n;
} feed;

/* Append a frame, with its description; copies. */
void feed_frame(const struct evtun_offload *o, const void *packet,
    size_t len);
void feed_vector(const struct vector *v);
/* Forget them all. */
void feed_end(void);

#endif /* EVTUN_TESTS_FEED_H_INCLUDED_ */
