#include "config.h"

#include <errno.h>
#include <string.h>

#include "packetevent-internal.h"

/* Stands before every packet in the buffer; between them, its address. */
struct record {
	size_t len;
	socklen_t addrlen;
	unsigned short is_large;
	unsigned short is_gone;	/* and only waits to be swept away */
	struct evtun_offload offload;
};

/* Chains of the buffer that are looked at together: large packets have one
 * each. */
#define CHAINS_MAX PEV_TOGETHER_

int
pev_queue_init_(struct pev_queue_ *queue)
{
	queue->packets = 0;
	queue->bytes = 0;
	queue->buf = evbuffer_new();
	if (queue->buf != NULL)
		return 0;
	errno = ENOMEM;
	return -1;
}

void
pev_queue_free_(struct pev_queue_ *queue)
{
	if (queue->buf != NULL)
		evbuffer_free(queue->buf);
}

void
pev_queue_clear_(struct pev_queue_ *queue)
{
	evbuffer_drain(queue->buf, evbuffer_get_length(queue->buf));
	queue->packets = 0;
	queue->bytes = 0;
}

void
pev_gather_(unsigned char *to, const struct pev_packet_ *packet)
{
	int i;

	for (i = 0; i < packet->n_vec; i++) {
		if (packet->vec[i].iov_len == 0)
			continue;
		memcpy(to, packet->vec[i].iov_base, packet->vec[i].iov_len);
		to += packet->vec[i].iov_len;
	}
}

static size_t
record_size(const struct record *record)
{
	return sizeof(*record) + record->addrlen + record->len;
}

static void
record_fill(struct record *record, const struct pev_packet_ *packet)
{
	memset(record, 0, sizeof(*record));
	record->len = packet->len;
	record->addrlen = packet->addrlen;
	record->is_large = packet->offload != NULL;
	if (packet->offload != NULL)
		record->offload = *packet->offload;
}

/*
 * One reservation and one commit: evbuffer_add() twice would leave half a
 * record behind when memory runs out.  So a record is also contiguous, and
 * taking it out needs no copy.
 */
int
pev_queue_add_(struct pev_queue_ *queue, const struct pev_packet_ *packet)
{
	struct record record;
	struct evbuffer_iovec space;
	unsigned char *p;

	record_fill(&record, packet);
	if (evbuffer_reserve_space(queue->buf,
	    (ev_ssize_t)record_size(&record), &space, 1) != 1) {
		errno = ENOMEM;
		return -1;
	}
	p = space.iov_base;
	memcpy(p, &record, sizeof(record));
	p += sizeof(record);
	if (packet->addrlen > 0) {
		memcpy(p, packet->addr, packet->addrlen);
		p += packet->addrlen;
	}
	pev_gather_(p, packet);
	space.iov_len = record_size(&record);
	if (evbuffer_commit_space(queue->buf, &space, 1) < 0) {
		errno = ENOMEM;
		return -1;
	}
	queue->packets++;
	queue->bytes += packet->len;
	return 0;
}

/* Describe the packet whose record is at p, as one of length 0 if it is gone.
 * Return the size of that, or 0 if the n bytes do not hold all of it. */
static size_t
peek_one(struct pev_packet_ *packet, struct pev_stored_ *stored,
    unsigned char *p, size_t n)
{
	struct record record;

	if (n < sizeof(record))
		return 0;
	memcpy(&record, p, sizeof(record));
	if (n < record_size(&record))
		return 0;
	p += sizeof(record);
	stored->piece.iov_base = p + record.addrlen;
	stored->piece.iov_len = record.len;
	stored->offload = record.offload;
	packet->vec = &stored->piece;
	packet->n_vec = 1;
	packet->len = record.is_gone ? 0 : record.len;
	packet->addr = record.addrlen > 0 ?
	    (struct sockaddr *)(void *)p : NULL;
	packet->addrlen = record.addrlen;
	packet->offload = record.is_large ? &stored->offload : NULL;
	return record_size(&record);
}

int
pev_queue_peek_(struct pev_queue_ *queue, struct pev_packet_ *packets,
    struct pev_stored_ *stored, int max)
{
	struct evbuffer_iovec chains[CHAINS_MAX];
	int i, n = 0, n_chains;
	unsigned char *p;
	size_t left, size;

	if (queue->packets == 0)
		return 0;
	n_chains = evbuffer_peek(queue->buf, max == 1 ? 1 : -1, NULL, chains,
	    CHAINS_MAX);
	for (i = 0; i < n_chains && i < CHAINS_MAX; i++) {
		p = chains[i].iov_base;
		left = chains[i].iov_len;
		while (n < max && (size = peek_one(&packets[n], &stored[n], p,
		    left)) > 0) {
			p += size;
			left -= size;
			n += packets[n].len > 0;
		}
	}
	return n;
}

void
pev_queue_drop_(struct pev_queue_ *queue, const struct pev_packet_ *packet)
{
	unsigned char *p = packet->vec->iov_base;
	struct record record;

	p -= packet->addrlen + sizeof(record);
	memcpy(&record, p, sizeof(record));
	record.is_gone = 1;
	memcpy(p, &record, sizeof(record));
	queue->packets--;
	queue->bytes -= packet->len;
}

void
pev_queue_sweep_(struct pev_queue_ *queue)
{
	struct record record;

	while (evbuffer_copyout(queue->buf, &record, sizeof(record)) ==
	    (ev_ssize_t)sizeof(record) && record.is_gone)
		evbuffer_drain(queue->buf, record_size(&record));
}
