/*
 * Arrays that grow while a dump is read.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "tun/rtnetlink-internal.h"

static int
make_room(struct evtun_grown *grown, size_t size)
{
	size_t room = grown->room * 2 + 16;
	void *list;

	if (grown->n < grown->room)
		return 0;
	if ((list = realloc(grown->list, room * size)) == NULL)
		return -1;
	grown->list = list;
	grown->room = room;
	return 0;
}

void *
evtun_grow_(struct evtun_grown *grown, size_t size)
{
	if (make_room(grown, size) < 0)
		return NULL;
	return memset((char *)grown->list + grown->n++ * size, 0, size);
}
