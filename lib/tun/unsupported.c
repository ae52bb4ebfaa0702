/*
 * A system without a backend: everything links, and answers ENOTSUP.
 */
#include "config.h"

#include <errno.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/system-internal.h"
#include "tun/tun-internal.h"

static int
refuse(void)
{
	return evtun_fail_(ENOTSUP, "use a device",
	    "this library was built without support for this system");
}

int
evtun_system_open_(struct evtun *tun, const char *name, int options,
    struct evtun_opening *how)
{
	(void)how;
	(void)tun;
	(void)name;
	(void)options;
	return refuse();
}

int
evtun_system_adopt_(struct evtun *tun, evutil_socket_t fd, int options)
{
	(void)tun;
	(void)fd;
	(void)options;
	return refuse();
}

int
evtun_system_queue_(struct evtun *tun, struct evtun *from)
{
	(void)tun;
	(void)from;
	return refuse();
}

void
evtun_system_close_(struct evtun *tun)
{
	(void)tun;
}

evutil_socket_t
evtun_system_release_(struct evtun *tun)
{
	(void)tun;
	return refuse();
}

void
evtun_system_name_(struct evtun *tun)
{
	(void)tun;
}

int
evtun_system_options_(const struct evtun *tun)
{
	return tun->options;
}

ev_ssize_t
evtun_system_read_(struct evtun *tun, void *data, size_t len)
{
	(void)tun;
	(void)data;
	(void)len;
	errno = ENOTSUP;
	return -1;
}

ev_ssize_t
evtun_recv_(struct evtun *tun, void *packet, size_t space)
{
	return evtun_system_read_(tun, packet, space);
}

int
evtun_send_(struct evtun *tun, const struct evbuffer_iovec *vec, int n_vec)
{
	(void)tun;
	(void)vec;
	(void)n_vec;
	return ENOTSUP;
}

ev_ssize_t
evtun_system_recv_frame_(struct evtun *tun, void *frame, size_t space,
    struct evtun_offload *offload)
{
	(void)offload;
	return evtun_system_read_(tun, frame, space);
}

int
evtun_system_send_frame_(struct evtun *tun, const struct evbuffer_iovec *vec,
    int n_vec, const struct evtun_offload *offload)
{
	(void)offload;
	return evtun_send_(tun, vec, n_vec);
}

int
evtun_system_send_placed_(struct evtun *tun, unsigned char *frame, size_t len,
    const struct evtun_offload *offload)
{
	struct evbuffer_iovec vec;

	vec.iov_base = frame;
	vec.iov_len = len;
	return evtun_system_send_frame_(tun, &vec, 1, offload);
}

int
evtun_system_read_ahead_(struct evtun *tun, int want, size_t mean)
{
	(void)tun;
	(void)want;
	(void)mean;
	return 0;
}

ev_ssize_t
evtun_system_take_(struct evtun *tun, void *packet, size_t space)
{
	return evtun_system_read_(tun, packet, space);
}

void
evtun_system_send_many_(struct evtun *tun, const struct evbuffer_iovec *pkts,
    int n, int *errs)
{
	int i;

	for (i = 0; i < n; i++)
		errs[i] = evtun_send_(tun, &pkts[i], 1);
}

int
evtun_probe_(struct evtun *tun)
{
	(void)tun;
	return ENXIO;
}

unsigned
evtun_system_index_(struct evtun *tun)
{
	(void)tun;
	refuse();
	return 0;
}

int
evtun_system_get_mtu_(struct evtun *tun)
{
	(void)tun;
	return refuse();
}

int
evtun_system_set_mtu_(struct evtun *tun, int mtu)
{
	(void)tun;
	(void)mtu;
	return refuse();
}

int
evtun_system_get_up_(struct evtun *tun)
{
	(void)tun;
	return refuse();
}

int
evtun_system_set_up_(struct evtun *tun, int up)
{
	(void)tun;
	(void)up;
	return refuse();
}

int
evtun_system_get_hwaddr_(struct evtun *tun, ev_uint8_t addr[6])
{
	(void)tun;
	(void)addr;
	return refuse();
}

int
evtun_system_set_hwaddr_(struct evtun *tun, const ev_uint8_t addr[6])
{
	(void)tun;
	(void)addr;
	return refuse();
}

int
evtun_system_add_address_(struct evtun *tun, const struct evtun_address *addr)
{
	(void)tun;
	(void)addr;
	return refuse();
}

int
evtun_system_del_address_(struct evtun *tun, const struct evtun_address *addr)
{
	(void)tun;
	(void)addr;
	return refuse();
}

int
evtun_system_set_owner_(struct evtun *tun, long uid, long gid)
{
	(void)tun;
	(void)uid;
	(void)gid;
	return refuse();
}

int
evtun_system_set_persist_(struct evtun *tun, int persist)
{
	(void)tun;
	(void)persist;
	return refuse();
}
