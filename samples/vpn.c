/*
 * Both ends of a tunnel over TCP:
 *
 *	vpn tun0 10.9.0.1/24 listen 192.0.2.1:5000
 *	vpn tun0 10.9.0.2/24 connect 192.0.2.1:5000
 *
 * THERE IS NO ENCRYPTION, and nobody is asked who he is: whoever is on the
 * way can read and forge every packet.  To have both, give
 * packetevent_stream_new() a bufferevent that speaks TLS.
 *
 * Before every packet stands its length, in two bytes.  Nothing is lost
 * between device and stream: each is read only while the other one keeps up.
 */
#include "sample.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* While TCP has not taken this many bytes, the device is not read.  On top of
 * them a batch, below 192 KiB, still fits below the high watermark. */
#define ENOUGH (32 * 1024)

static struct event_base *base;
static struct evconnlistener *listener;	/* while there is no peer */
static struct bufferevent *bev;		/* the connection to it */
static struct packetevent *stream;	/* packets in the connection */
static struct packetevent *device;

/* The argument of callbacks is the packetevent to write to. */
static void
device_read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *to)
{
	packetevent_forward(pev, pkts, n_pkts, to);
	if (evbuffer_get_length(bufferevent_get_output(bev)) > ENOUGH)
		packetevent_disable(pev, EV_READ);
}

static void
stream_read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *to)
{
	packetevent_forward(pev, pkts, n_pkts, to);
	if (packetevent_get_count(to, PEV_COUNT_QUEUED_PACKETS) > 0)
		packetevent_disable(pev, EV_READ);
}

/* What had to wait is gone: read on at the other side. */
static void
write_cb(struct packetevent *pev, void *other)
{
	(void)pev;
	packetevent_enable(other, EV_READ);
}

static void
stream_event_cb(struct packetevent *pev, short what, void *other)
{
	if (what & PEV_EVENT_EOF) {
		sample_stop("the other end has closed the tunnel");
	} else if (what & PEV_EVENT_CONNECTED) {
		fputs("connected\n", stderr);
		packetevent_enable(other, EV_READ);
	} else {
		sample_event_cb(pev, what, NULL);
	}
}

/* Make packets of the connection, which is there, or will be. */
static void
use_connection(void)
{
	stream = packetevent_stream_new(bev, PEV_FRAMING_LEN16,
	    PEV_OPT_CLOSE_ON_FREE);
	if (stream == NULL)
		sample_die(evtun_get_error());
	packetevent_setcb(stream, stream_read_cb, write_cb, stream_event_cb,
	    device);
	packetevent_setcb(device, device_read_cb, write_cb, sample_event_cb,
	    stream);
	packetevent_enable(stream, EV_READ);
}

/* One peer is enough: the listener goes. */
static void
accept_cb(struct evconnlistener *from, evutil_socket_t fd,
    struct sockaddr *address, int socklen, void *ctx)
{
	(void)address;
	(void)socklen;
	(void)ctx;
	evconnlistener_free(from);
	listener = NULL;
	bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		sample_die("out of memory");
	use_connection();
	stream_event_cb(stream, PEV_EVENT_CONNECTED, device);
}

static void
start(const char *how, const struct sockaddr *address, int socklen)
{
	if (strcmp(how, "listen") == 0) {
		listener = evconnlistener_new_bind(base, accept_cb, NULL,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
		    LEV_OPT_REUSEABLE, 1, address, socklen);
		if (listener == NULL)
			sample_die(strerror(errno));
	} else {
		bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
		if (bev == NULL ||
		    bufferevent_socket_connect(bev, address, socklen) != 0)
			sample_die(strerror(errno));
		use_connection();
	}
}

int
main(int argc, char **argv)
{
	int tap = argc > 1 && strcmp(argv[1], "-t") == 0;
	struct sockaddr_storage storage;
	struct sockaddr *address = (struct sockaddr *)&storage;
	int socklen = sizeof(storage);
	char *addresses[2] = {NULL, NULL};

	argv += tap;
	if (argc != tap + 5 ||
	    (strcmp(argv[3], "listen") && strcmp(argv[3], "connect")) ||
	    evutil_parse_sockaddr_port(argv[4], address, &socklen) != 0) {
		fputs("usage: vpn [-t] NAME ADDRESS/LENGTH listen|connect "
		    "ADDRESS:PORT\n", stderr);
		return 2;
	}
	base = sample_new_base();
	addresses[0] = argv[2];
	device = packetevent_tun_new(base, sample_open(argv[1],
	    (tap ? EVTUN_OPT_TAP : 0) | EVTUN_OPT_OFFLOAD, addresses),
	    PEV_OPT_CLOSE_ON_FREE);
	if (device == NULL)
		sample_die(evtun_get_error());
	packetevent_setcb(device, NULL, NULL, sample_event_cb, NULL);
	start(argv[3], address, socklen);
	event_base_dispatch(base);
	if (listener != NULL)
		evconnlistener_free(listener);
	sample_print_counts("device", device);
	if (stream != NULL) {
		sample_print_counts("stream", stream);
		packetevent_free(stream);
	}
	packetevent_free(device);
	return sample_free_base(base);
}
