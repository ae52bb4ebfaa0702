/*
 * The devices and sockets that packets are moved between, in namespaces of
 * this process' own.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define PORT 9
#define IN_ADDRESS "10.8.0.1"
#define OUT_ADDRESS "10.8.0.9"
/* Bytes of IP and UDP header before what a socket sends. */
#define HEADERS 28

void
die(const char *what)
{
	fprintf(stderr, "bench: %s: %s (last of the library: %s)\n", what,
	    strerror(errno), evtun_get_error());
	exit(1);
}

static void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY|O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* A new network namespace, in which nobody sends on his own account. */
static void
enter_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		die("cannot make a network namespace");
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		put_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

/* Without root, a namespace of users makes this one root inside. */
static void
become_root(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (uid == 0)
		return;
	if (unshare(CLONE_NEWUSER) < 0)
		die("cannot make a user namespace, and this is not root");
	put_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	put_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	put_file("/proc/self/gid_map", map);
}

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
	int size = 8 << 20;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons((unsigned short)port);
	inet_pton(AF_INET, address, &sin.sin_addr);
	if (fd < 0 || (to ? connect : bind)(fd, (struct sockaddr *)&sin,
	    sizeof(sin)) < 0)
		die("cannot make a socket");
	/* A round must fit; in a user namespace what is allowed must do. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return fd;
}

void
rig_setup(struct rig *rig, int options)
{
	become_root();
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
