#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "packetevent-internal.h"

/* Of an array with an element for each packet of a batch. */
#define ARRAY_SIZE(element) PEV_ALIGN_UP_(PEV_BATCH_PACKETS_MAX_ * (element))

unsigned char *
pev_reserve_(struct evbuffer *memory, size_t size)
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
pev_arena_new_(unsigned traits, int with_lock)
{
	struct pev_arena_ *arena;
	size_t packets = ARRAY_SIZE(sizeof(*arena->packets));
	size_t sources = traits & PEV_HAS_SOURCES_ ?
	    ARRAY_SIZE(sizeof(*arena->sources)) : 0;
	size_t large = traits & PEV_HAS_LARGE_ ?
	    ARRAY_SIZE(sizeof(*arena->large)) : 0;
	unsigned char *p;

	arena = calloc(1, sizeof(*arena));
	if (arena == NULL)
		goto nomem;
	arena->memory = evbuffer_new();
	if (arena->memory == NULL)
		goto nomem;
	if (with_lock && evbuffer_enable_locking(arena->memory, NULL) < 0)
		goto nomem;
	p = pev_reserve_(arena->memory,
	    packets + sources + large + PEV_BATCH_BYTES_);
	if (p == NULL)
		goto nomem;
	arena->packets = (void *)p;
	if (sources > 0)
		arena->sources = (void *)(p + packets);
	if (large > 0)
		arena->large = (void *)(p + packets + sources);
	arena->data = p + packets + sources + large;
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
