/*
 * How packets go in and out of a TUN or TAP device.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "error-internal.h"
#include "evtun/tun.h"
#include "fd-internal.h"
#include "tun/tun-internal.h"

static ev_ssize_t
device_read(struct fd_pev *fp, unsigned char *packet, size_t space)
{
	return evtun_recv_(fp->tun, packet, space);
}

static int
device_check(struct packetevent *pev, const void *head, size_t n, size_t len)
{
	return evtun_check_(fd_upcast_(pev)->tun, head, n, len);
}

static int
device_send(struct packetevent *pev, const struct pev_packet_ *packet)
{
	struct fd_pev *fp = fd_upcast_(pev);
	int err = evtun_send_(fp->tun, packet->vec, packet->n_vec);

	return err ? fd_refused_(fp, err) : 0;
}

static int
device_probe(struct fd_pev *fp)
{
	return evtun_probe_(fp->tun);
}

static void
device_detach(struct packetevent *pev)
{
	evtun_unclaim_(fd_upcast_(pev)->tun);
}

static void
device_close(struct packetevent *pev)
{
	evtun_free(fd_upcast_(pev)->tun);
}

static int
device_fill(struct fd_pev *fp, struct pev_arena_ *arena, int limit,
    int lost[2])
{
	return fd_fill_(fp, arena, limit, lost, device_read);
}

static const struct fd_io device_io = {
	.fill = device_fill,
	.is_fatal = fd_is_fatal_,
	.probe = device_probe
};

static const struct pev_ops_ device_ops = {
	FD_SHARED_OPS_,
	.refusal = "the device would not take it: on TUN it must be IPv4 or "
	    "IPv6, on TAP have an Ethernet header",
	.check = device_check,
	.send = device_send,
	.detach = device_detach,
	.close = device_close
};

struct packetevent *
packetevent_tun_new(struct event_base *base, struct evtun *tun, int options)
{
	struct packetevent *pev;
	struct fd_pev like;

	if (pev_check_options_(base, options) < 0)
		return NULL;
	if (tun == NULL) {
		evtun_fail_(EINVAL, "create a packetevent",
		    "it needs a device");
		return NULL;
	}
	if (evtun_claim_(tun) < 0) {
		evtun_fail_(EBUSY, "create a packetevent",
		    "another packetevent has the device");
		return NULL;
	}
	memset(&like, 0, sizeof(like));
	like.io = &device_io;
	like.tun = tun;
	like.fd = evtun_get_fd(tun);
	like.max_len = evtun_get_max_(tun);
	like.prefix = evtun_get_prefix_(tun);
	/* An Ethernet header is 14 bytes. */
	like.bias = evtun_get_options(tun) & EVTUN_OPT_TAP ? 2 : 0;
	pev = fd_new_(base, &device_ops, &like, options);
	if (pev == NULL)
		evtun_unclaim_(tun);
	return pev;
}
