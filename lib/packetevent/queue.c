#include "config.h"

#include <errno.h>
#include <string.h>

#include "packetevent-internal.h"

/* Stands before every packet in the buffer. */
struct record {
	size_t len;
	socklen_t addrlen;
};

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

/*
 * One reservation and one commit: evbuffer_add() twice would leave half a
 * record behind when memory runs out.  So a record is also contiguous, and
 * taking it out needs no copy.
 */
int
pev_queue_add_(struct pev_queue_ *queue, const struct pev_packet_ *packet)
{
	struct record record = {packet->len, packet->addrlen};
	struct evbuffer_iovec space;
	unsigned char *p;

	if (evbuffer_reserve_space(queue->buf,
	    (ev_ssize_t)(sizeof(record) + packet->addrlen + packet->len),
	    &space, 1) != 1) {
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
	space.iov_len = sizeof(record) + packet->addrlen + packet->len;
	if (evbuffer_commit_space(queue->buf, &space, 1) < 0) {
		errno = ENOMEM;
		return -1;
	}
	queue->packets++;
	queue->bytes += packet->len;
	return 0;
}

int
pev_queue_peek_(struct pev_queue_ *queue, struct pev_packet_ *packet,
    struct evbuffer_iovec *piece)
{
	struct record record;
	unsigned char *p;

	if (queue->packets == 0)
		return 0;
	p = evbuffer_pullup(queue->buf, sizeof(record));
	memcpy(&record, p, sizeof(record));
	p = evbuffer_pullup(queue->buf,
	    (ev_ssize_t)(sizeof(record) + record.addrlen + record.len));
	p += sizeof(record);
	piece->iov_base = p + record.addrlen;
	piece->iov_len = record.len;
	packet->vec = piece;
	packet->n_vec = 1;
	packet->len = record.len;
	packet->addr = record.addrlen > 0 ?
	    (struct sockaddr *)(void *)p : NULL;
	packet->addrlen = record.addrlen;
	return 1;
}

void
pev_queue_drop_(struct pev_queue_ *queue, const struct pev_packet_ *head)
{
	size_t len = head->len;

	evbuffer_drain(queue->buf,
	    sizeof(struct record) + head->addrlen + len);
	queue->packets--;
	queue->bytes -= len;
}
