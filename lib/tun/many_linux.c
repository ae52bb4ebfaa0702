/*
 * Many packets in one system call, on devices without offload.
 *
 * A ring (ring-internal.h) pays only where there is a run of packets, so it
 * is made when the first one comes.
 */
#include "config.h"

#include <errno.h>

#include "evtun/tun.h"
#include "tun/linux-internal.h"
#include "tun/ring-internal.h"
#include "tun/tun-internal.h"

/* Above this size, as a mean, what the ring costs for each packet is more
 * than what the calls would. */
#define READ_SIZE_MAX 512
/* Less than this is not worth it. */
#define READS_MIN 8
#define WRITES_MIN 8

/* The ring of a direction, or NULL. */
static struct evtun_ring *
get_ring(const struct evtun *tun, struct evtun_ring **ring, int *may,
    int for_writing)
{
	if (!*may)
		return NULL;
	if (*ring == NULL)
		*ring = evtun_ring_new_(tun->fd, for_writing);
	*may = *ring != NULL;
	return *ring;
}

/* It is of no more use: the child of a fork() has none. */
static void
lose_ring(struct evtun_ring **ring, int *may)
{
	evtun_ring_free_(*ring);
	*ring = NULL;
	*may = 0;
}

void
evtun_rings_free_(struct evtun *tun)
{
	evtun_ring_free_(tun->ring_in);
	evtun_ring_free_(tun->ring_out);
	tun->ring_in = tun->ring_out = NULL;
}

/* ---- reading ---- */

int
evtun_system_read_ahead_(struct evtun *tun, int want, size_t mean)
{
	int n;

	if (want < READS_MIN || mean > READ_SIZE_MAX ||
	    get_ring(tun, &tun->ring_in, &tun->may_ring_in, 0) == NULL)
		return 0;
	n = evtun_ring_read_(tun->ring_in, want);
	if (n < 0) {
		lose_ring(&tun->ring_in, &tun->may_ring_in);
		return 0;
	}
	return tun->waiting = n;
}

ev_ssize_t
evtun_system_take_(struct evtun *tun, void *packet, size_t space)
{
	ev_ssize_t n;

	/* What a read was refused for, the next plain call will meet too. */
	do
		n = evtun_ring_take_(tun->ring_in, packet, space);
	while (n < 0 && errno != EAGAIN);
	if (n < 0) {
		tun->waiting = 0;
		return -1;
	}
	tun->waiting--;
	if ((size_t)n <= space)
		return n;
	errno = EMSGSIZE;
	return -1;
}

/* ---- writing ---- */

static int
send_in_ring(struct evtun *tun, const struct evbuffer_iovec *pkts, int n,
    int *errs)
{
	int i, tried;

	if (n < WRITES_MIN ||
	    get_ring(tun, &tun->ring_out, &tun->may_ring_out, 1) == NULL)
		return 0;
	tried = evtun_ring_write_(tun->ring_out, pkts, n, errs);
	if (tried < 0) {
		lose_ring(&tun->ring_out, &tun->may_ring_out);
		return 0;
	}
	for (i = 0; i < tried; i++)
		errs[i] = errs[i] ? evtun_write_error_(errs[i]) : 0;
	return tried;
}

void
evtun_system_send_many_(struct evtun *tun, const struct evbuffer_iovec *pkts,
    int n, int *errs)
{
	int i = 0, tried, err = 0;

	while (i < n) {
		if (evtun_is_the_end_(err)) {
			errs[i++] = err;
			continue;
		}
		tried = send_in_ring(tun, &pkts[i], n - i, &errs[i]);
		if (tried == 0) {
			errs[i] = evtun_send_(tun, &pkts[i], 1);
			tried = 1;
		}
		i += tried;
		err = errs[i - 1];
	}
}
