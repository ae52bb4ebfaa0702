/*
 * evtun/linux.h where the system is another one.
 */
#include "config.h"

#include <errno.h>

#include "evtun/linux.h"
#include "error-internal.h"

static int
refuse(void)
{
	return evtun_fail_(ENOTSUP, "use what Linux has",
	    "this library was built for another system");
}

int
evtun_linux_get_features(void)
{
	return refuse();
}

int
evtun_linux_get_offload(struct evtun *tun)
{
	(void)tun;
	return refuse();
}

int
evtun_linux_get_header(struct evtun *tun)
{
	(void)tun;
	return refuse();
}

int
evtun_linux_set_attached(struct evtun *tun, int attached)
{
	(void)tun;
	(void)attached;
	return refuse();
}

int
evtun_linux_get_attached(struct evtun *tun)
{
	(void)tun;
	return refuse();
}

int
evtun_linux_set_steering(struct evtun *tun, int prog)
{
	(void)tun;
	(void)prog;
	return refuse();
}

int
evtun_linux_set_filter_ebpf(struct evtun *tun, int prog)
{
	(void)tun;
	(void)prog;
	return refuse();
}

int
evtun_linux_set_filter(struct evtun *tun, const void *insns, unsigned n)
{
	(void)tun;
	(void)insns;
	(void)n;
	return refuse();
}

int
evtun_linux_set_rx_addresses(struct evtun *tun, const ev_uint8_t (*addrs)[6],
    size_t n, int flags)
{
	(void)tun;
	(void)addrs;
	(void)n;
	(void)flags;
	return refuse();
}

int
evtun_linux_set_carrier(struct evtun *tun, int on)
{
	(void)tun;
	(void)on;
	return refuse();
}

int
evtun_linux_set_type(struct evtun *tun, int type)
{
	(void)tun;
	(void)type;
	return refuse();
}

int
evtun_linux_set_sndbuf(struct evtun *tun, int bytes)
{
	(void)tun;
	(void)bytes;
	return refuse();
}

int
evtun_linux_get_sndbuf(struct evtun *tun)
{
	(void)tun;
	return refuse();
}
