#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "packetevent-internal.h"

/*
 * The memory is the reserved and never committed space of an evbuffer, so
 * that it comes from the allocator that the application gave to libevent.
 * Pages that no packet reaches are never touched.
 */
static unsigned char *
arena_reserve(struct evbuffer *memory, size_t size)
{
	struct evbuffer_iovec space;
	size_t skew;

	if (evbuffer_reserve_space(memory, (ev_ssize_t)(size + PEV_ALIGNMENT_),
	    &space, 1) != 1)
		return NULL;
	skew = PEV_ALIGN_UP_((size_t)space.iov_base) -
	    (size_t)space.iov_base;
	return (unsigned char *)space.iov_base + skew;
}

struct pev_arena_ *
pev_arena_new_(int with_sources, int with_lock)
{
	struct pev_arena_ *arena;
	size_t packets = PEV_ALIGN_UP_(
	    PEV_BATCH_PACKETS_MAX_ * sizeof(*arena->packets));
	size_t sources = with_sources ? PEV_ALIGN_UP_(
	    PEV_BATCH_PACKETS_MAX_ * sizeof(*arena->sources)) : 0;
	unsigned char *p;

	arena = calloc(1, sizeof(*arena));
	if (arena == NULL)
		goto nomem;
	arena->memory = evbuffer_new();
	if (arena->memory == NULL)
		goto nomem;
	if (with_lock && evbuffer_enable_locking(arena->memory, NULL) < 0)
		goto nomem;
	p = arena_reserve(arena->memory,
	    packets + sources + PEV_BATCH_BYTES_);
	if (p == NULL)
		goto nomem;
	arena->packets = (void *)p;
	if (with_sources)
		arena->sources = (void *)(p + packets);
	arena->data = p + packets + sources;
	return arena;
nomem:
	pev_arena_free_(arena);
	errno = ENOMEM;
	return NULL;
}

void
pev_arena_free_(struct pev_arena_ *arena)
{
	if (arena == NULL)
		return;
	if (arena->memory != NULL)
		evbuffer_free(arena->memory);
	free(arena);
}
