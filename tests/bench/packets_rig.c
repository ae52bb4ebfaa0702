/*
 * The devices and sockets that packets are moved between, in namespaces of
 * this process' own.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"

#define PORT 9
#define IN_ADDRESS "10.8.0.1"
#define OUT_ADDRESS "10.8.0.9"
/* Bytes of IP and UDP header before what a socket sends. */
#define HEADERS 28

static struct evtun *
device(const char *address)
{
	struct evtun *tun = evtun_new("bench%d", 0);

	if (tun == NULL || evtun_add_address(tun, address, NULL) < 0 ||
	    evtun_set_up(tun, 1) < 0)
		die("cannot make a device");
	return tun;
}

static int
udp_socket(const char *address, int port, int to)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0);

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((unsigned short)port);
	inet_pton(AF_INET, address, &sin.sin_addr);
	if (fd < 0 || (to ? connect : bind)(fd, (struct sockaddr *)&sin,
	    sizeof(sin)) < 0)
		die("cannot make a socket");
	/* A round must fit. */
	enlarge_buffers(fd);
	return fd;
}

void
rig_setup(struct rig *rig, int options)
{
	enter_private_world();
	enter_namespace();
	rig->in = device(IN_ADDRESS "/24");
	rig->sender = udp_socket(OUT_ADDRESS, PORT, 1);
	/* Descriptors stay in the namespace that they were made in. */
	enter_namespace();
	rig->out = device(OUT_ADDRESS "/24");
	rig->sink = udp_socket(OUT_ADDRESS, PORT, 0);
	rig->buf = malloc(EVTUN_MAX_PACKET + 1);
	rig->base = event_base_new();
	if (rig->buf == NULL || rig->base == NULL)
		die("no memory");
	rig->reader = packetevent_tun_new(rig->base, rig->in, options);
	rig->writer = packetevent_tun_new(rig->base, rig->out, options);
	if (rig->reader == NULL || rig->writer == NULL)
		die("cannot make a packetevent");
}

void
rig_free(struct rig *rig)
{
	packetevent_free(rig->reader);
	packetevent_free(rig->writer);
	event_base_loop(rig->base, EVLOOP_NONBLOCK);
	event_base_free(rig->base);
	evtun_free(rig->in);
	evtun_free(rig->out);
	close(rig->sender);
	close(rig->sink);
	free(rig->buf);
}

void
rig_send(const struct rig *rig, size_t size, int n)
{
	static char payload[EVTUN_MAX_PACKET];

	while (n-- > 0)
		if (send(rig->sender, payload, size - HEADERS, 0) < 0)
			die("send");
}

void
rig_template(struct rig *rig, size_t size)
{
	rig_send(rig, size, 1);
	if (evtun_read(rig->in, rig->buf, EVTUN_MAX_PACKET) != (int)size)
		die("the packet to write did not arrive");
}

void
rig_drain_sink(const struct rig *rig, int n)
{
	char byte;
	int got = 0;

	while (recv(rig->sink, &byte, 1, MSG_DONTWAIT|MSG_TRUNC) >= 0)
		got++;
	if (got != n) {
		fprintf(stderr, "bench: %d packets arrived, not %d\n", got, n);
		exit(1);
	}
}
