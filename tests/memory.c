#include "config.h"

#include <malloc.h>
#include <stdlib.h>

#include "kit.h"
#include "memory.h"

struct memory memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void __real_free(void *p);
void __wrap_free(void *p);

/* Tell whether this call is to fail. */
static int
fails(void)
{
	if (!memory.watching)
		return 0;
	memory.calls++;
	if (memory.fail_at == 0 || memory.calls < memory.fail_at ||
	    (memory.calls > memory.fail_at && !memory.go_on))
		return 0;
	memory.failed++;
	errno = ENOMEM;
	return 1;
}

static void *
remember(void *p)
{
	size_t i = 0;

	if (!memory.watching || p == NULL)
		return p;
	while (i < MEMORY_MAX_LIVE && memory.live[i] != NULL)
		i++;
	kit_check(i < MEMORY_MAX_LIVE, "more than %d live allocations",
	    MEMORY_MAX_LIVE);
	memory.live[i] = p;
	memory.n_live++;
	memory.bytes += malloc_usable_size(p);
	return p;
}

/* Whoever frees it, and whenever. */
static void
forget(void *p)
{
	size_t i;

	for (i = 0; p != NULL && i < MEMORY_MAX_LIVE; i++) {
		if (memory.live[i] != p)
			continue;
		memory.live[i] = NULL;
		memory.n_live--;
		memory.bytes -= malloc_usable_size(p);
		return;
	}
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : remember(__real_calloc(n, size));
}

void
__wrap_free(void *p)
{
	forget(p);
	__real_free(p);
}

static void *
event_malloc(size_t size)
{
	return fails() ? NULL : remember(malloc(size));
}

static void *
event_realloc(void *p, size_t size)
{
	if (fails())
		return NULL;
	forget(p);
	return remember(realloc(p, size));
}

void
memory_watch_libevent(void)
{
	kit_debug = 0;
	event_set_mem_functions(event_malloc, event_realloc, free);
}
