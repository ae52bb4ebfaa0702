/*
 * What a user writes: packets whole, in pieces, to an address, in batches.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>

#include "error-internal.h"
#include "packetevent-internal.h"

/* As many pieces of a packet as one system call takes everywhere, with one
 * to spare for a header of ours. */
#define PIECES_MAX 1000

static const char full[] = "the queue is full";

static const char *
pev_explain(const struct packetevent *pev, const struct pev_verdict_ *verdict)
{
	if (verdict->is_full)
		return full;
	switch (verdict->err) {
	case EMSGSIZE:
		return "it is empty, or larger than a packet can be";
	case EINVAL:
		return pev->ops->refusal;
	case EDESTADDRREQ:
	case ENOTCONN:
		return "the socket is not connected: packetevent_write_to()";
	case EPIPE:
		return "the other end is gone";
	case ENETDOWN:
		return "the interface is down";
	case ENXIO:
		return "the interface was deleted";
	default:
		return NULL;
	}
}

int
pev_fail_write_(const struct packetevent *pev,
    const struct pev_verdict_ *verdict)
{
	return evtun_fail_(verdict->err, "write a packet",
	    pev_explain(pev, verdict));
}

static int
pev_write_packet(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct pev_verdict_ verdict = {0, 0};
	int taken;

	pev_lock_(pev);
	taken = pev_write_packets_(pev, packet, 1, &verdict);
	pev_unlock_(pev);
	return taken == 1 ? 0 : pev_fail_write_(pev, &verdict);
}

/* What cannot even be looked at is dropped, and counted, as well. */
static int
pev_refuse(struct packetevent *pev, const char *why)
{
	pev_lock_(pev);
	pev->counts[PEV_COUNT_WRITE_DROPPED]++;
	pev_unlock_(pev);
	return evtun_fail_(EINVAL, "write a packet", why);
}

/* Sum up the pieces; a sum that overflows becomes one that is refused. */
static size_t
pev_get_total(const struct evbuffer_iovec *vec, int n_vec)
{
	size_t total = 0;
	int i;

	for (i = 0; i < n_vec; i++) {
		if (vec[i].iov_len > SIZE_MAX - total)
			return SIZE_MAX;
		total += vec[i].iov_len;
	}
	return total;
}

int
packetevent_write(struct packetevent *pev, const void *data, size_t len)
{
	struct evbuffer_iovec piece = {(void *)data, len};
	struct pev_packet_ packet = {&piece, 1, len, NULL, 0, NULL};

	return pev_write_packet(pev, &packet);
}

int
packetevent_write_to(struct packetevent *pev, const struct sockaddr *addr,
    int socklen, const void *data, size_t len)
{
	struct evbuffer_iovec piece = {(void *)data, len};
	struct pev_packet_ packet = {&piece, 1, len, addr,
	    (socklen_t)socklen, NULL};

	if (addr == NULL)
		return packetevent_write(pev, data, len);
	if (!(pev_get_traits_(pev) & PEV_HAS_SOURCES_))
		return pev_refuse(pev, "only datagram sockets have addresses");
	if (socklen <= 0 ||
	    (size_t)socklen > sizeof(struct sockaddr_storage))
		return pev_refuse(pev, "no address has that length");
	return pev_write_packet(pev, &packet);
}

int
packetevent_write_iovec(struct packetevent *pev,
    const struct evbuffer_iovec *vec, int n_vec)
{
	struct pev_packet_ packet = {vec, n_vec, 0, NULL, 0, NULL};

	if (n_vec > PIECES_MAX)
		return pev_refuse(pev, "it is in more than 1000 pieces");
	if (n_vec > 0)
		packet.len = pev_get_total(vec, n_vec);
	return pev_write_packet(pev, &packet);
}

static int
pev_write_some(struct packetevent *pev, const struct evbuffer_iovec *pkts,
    int n_pkts, struct pev_verdict_ *verdict)
{
	struct pev_packet_ packets[PEV_TOGETHER_];
	int i;

	for (i = 0; i < n_pkts; i++) {
		packets[i].vec = &pkts[i];
		packets[i].n_vec = 1;
		packets[i].len = pkts[i].iov_len;
		packets[i].addr = NULL;
		packets[i].addrlen = 0;
		packets[i].offload = NULL;
	}
	return pev_write_packets_(pev, packets, n_pkts, verdict);
}

int
packetevent_write_batch(struct packetevent *pev,
    const struct evbuffer_iovec *pkts, int n_pkts)
{
	struct pev_verdict_ verdict = {0, 0};
	int i, n, taken = 0;

	pev_lock_(pev);
	for (i = 0; i < n_pkts; i += n) {
		n = n_pkts - i < PEV_TOGETHER_ ? n_pkts - i : PEV_TOGETHER_;
		taken += pev_write_some(pev, &pkts[i], n, &verdict);
	}
	pev_unlock_(pev);
	if (verdict.err)
		pev_fail_write_(pev, &verdict);
	return taken;
}

int
packetevent_flush(struct packetevent *pev)
{
	int left;

	pev_lock_(pev);
	if (!pev->error[PEV_WRITE_])
		pev_flush_(pev, INT_MAX);
	/* It may have been found out by flushing. */
	if (pev->error[PEV_WRITE_])
		left = evtun_fail_(pev->error[PEV_WRITE_],
		    "flush a packetevent", NULL);
	else
		left = (int)pev->queue->packets;
	pev_unlock_(pev);
	return left;
}
