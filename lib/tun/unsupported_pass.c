/*
 * A system without a backend has no devices to pass.
 */
#include "config.h"

#include <errno.h>

#include "error-internal.h"
#include "tun/pass-internal.h"

static int
refuse(void)
{
	return evtun_fail_(ENOTSUP, "pass a device",
	    "this library was built without support for this system");
}

int
evtun_system_describe_(struct evtun *tun, struct evtun_sent *sent)
{
	(void)tun;
	(void)sent;
	return refuse();
}

void
evtun_system_handed_over_(struct evtun *tun)
{
	(void)tun;
}

int
evtun_system_check_sent_(evutil_socket_t fd, const struct evtun_sent *sent)
{
	(void)fd;
	(void)sent;
	return refuse();
}

int
evtun_system_take_sent_(struct evtun *tun, const struct evtun_sent *sent)
{
	(void)tun;
	(void)sent;
	return refuse();
}

int
evtun_system_is_device_(evutil_socket_t fd, int options)
{
	(void)fd;
	(void)options;
	return refuse();
}

int
evtun_rights_check_(evutil_socket_t sock)
{
	(void)sock;
	return refuse();
}

int
evtun_rights_send_(evutil_socket_t sock, const void *data, size_t len,
    evutil_socket_t fd)
{
	(void)sock;
	(void)data;
	(void)len;
	(void)fd;
	return refuse();
}

int
evtun_rights_receive_(evutil_socket_t sock, void *data, size_t size,
    evutil_socket_t *fd)
{
	(void)sock;
	(void)data;
	(void)size;
	(void)fd;
	return refuse();
}

int
evtun_rights_notify_(const char *address, const void *data, size_t len,
    evutil_socket_t fd)
{
	(void)address;
	(void)data;
	(void)len;
	(void)fd;
	return refuse();
}
