/*
 * Without io_uring: there is never a ring.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>

#include "tun/ring-internal.h"

struct evtun_ring *
evtun_ring_new_(evutil_socket_t fd, int for_writing)
{
	(void)fd;
	(void)for_writing;
	return NULL;
}

void
evtun_ring_free_(struct evtun_ring *ring)
{
	(void)ring;
}

int
evtun_ring_read_(struct evtun_ring *ring, int n)
{
	(void)ring;
	(void)n;
	return -1;
}

ev_ssize_t
evtun_ring_take_(struct evtun_ring *ring, void *to, size_t space)
{
	(void)ring;
	(void)to;
	(void)space;
	errno = EAGAIN;
	return -1;
}

int
evtun_ring_write_(struct evtun_ring *ring, const struct evbuffer_iovec *pkts,
    int n, int *errs)
{
	(void)ring;
	(void)pkts;
	(void)n;
	(void)errs;
	return -1;
}
