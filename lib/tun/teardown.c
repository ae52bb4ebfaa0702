#include "config.h"

#include <errno.h>

#include "evtun/tun.h"
#include "tun/system-internal.h"

void
evtun_free_many(struct evtun **tuns, size_t n)
{
	int err = errno;

	evtun_system_free_many_(tuns, n);
	errno = err;
}
