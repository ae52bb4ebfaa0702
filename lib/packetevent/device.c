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

/* A device has no end of file, and no empty packets. */
static ev_ssize_t
device_read(struct fd_pev *fp, unsigned char *packet, size_t space)
{
	ev_ssize_t n = evtun_recv_(fp->tun, packet, space);

	if (n != 0)
		return n;
	errno = EAGAIN;
	return -1;
}

static int
device_write(struct fd_pev *fp, const struct pev_packet_ *packet)
{
	return evtun_send_(fp->tun, packet->vec, packet->n_vec);
}

static int
device_check(const struct fd_pev *fp, const void *head, size_t n, size_t len)
{
	return evtun_check_(fp->tun, head, n, len);
}

static int
device_is_fatal(const struct fd_pev *fp, int err)
{
	(void)fp;
	switch (err) {
	case EINVAL:
	case EMSGSIZE:
	case EBADMSG:
	case ENOBUFS:
	case ENOMEM:
	case ENETDOWN:
		return 0;
	default:
		return 1;
	}
}

static int
device_probe(struct fd_pev *fp)
{
	return evtun_probe_(fp->tun);
}

static void
device_close(struct fd_pev *fp)
{
	evtun_free(fp->tun);
}

static const struct fd_io device_io = {
	.read = device_read,
	.write = device_write,
	.check = device_check,
	.is_fatal = device_is_fatal,
	.probe = device_probe,
	.close = device_close
};

struct packetevent *
packetevent_tun_new(struct event_base *base, struct evtun *tun, int options)
{
	struct fd_pev like;

	if (pev_check_options_(base, options) < 0)
		return NULL;
	if (tun == NULL) {
		evtun_fail_(EINVAL, "create a packetevent",
		    "it needs a device");
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
	return fd_new_(base, &like, options);
}
