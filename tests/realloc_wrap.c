/*
 * The linker's --wrap puts these functions before the library's calls.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>

#include "realloc_wrap.h"

struct realloc_wrap realloc_wrap;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int
fails(void)
{
	if (!realloc_wrap.armed ||
	    ++realloc_wrap.calls != realloc_wrap.fail_at)
		return 0;
	errno = ENOMEM;
	return 1;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}
