/*
 * The reference: what every other number of the table is compared with.
 *
 * The leanest loop that leaves others their turn: poll(), then read and write
 * until nothing is left, 64 times at most, with plain system calls, into one
 * buffer that is used again and again.
 *
 * On a device without offload a frame is a packet.  On one with everything
 * that the kernel has, a frame is a header (struct virtio_net_hdr) and a large
 * packet behind it; handed through as they are, nothing is cheaper.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"

/* Of Linux 6.2; the headers may be older. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static unsigned char buf[FRAME_ROOM];

static void
ask_for_offload(int fd)
{
	unsigned basic = TUN_F_CSUM|TUN_F_TSO4|TUN_F_TSO6|TUN_F_TSO_ECN;
	int size = sizeof(struct virtio_net_hdr);

	if (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0)
		die("TUNSETVNETHDRSZ");
	if (ioctl(fd, TUNSETOFFLOAD, basic|TUN_F_USO4|TUN_F_USO6) < 0 &&
	    ioctl(fd, TUNSETOFFLOAD, basic) < 0)
		die("TUNSETOFFLOAD");
}

int
reference_open(int large)
{
	struct ifreq ifr;
	int fd = open("/dev/net/tun", O_RDWR|O_NONBLOCK|O_CLOEXEC);

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "bench%%d");
	ifr.ifr_flags = IFF_TUN|IFF_NO_PI;
	if (large)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		die("cannot make a device without the library");
	if (large)
		ask_for_offload(fd);
	return fd;
}

static void
move(int from, int to, struct tally *tally)
{
	ssize_t len;
	int i;

	for (i = 0; i < BUDGET; i++) {
		len = read(from, buf, sizeof(buf));
		if (len < 0) {
			if (errno != EAGAIN)
				die("read");
			return;
		}
		if (write(to, buf, (size_t)len) < 0)
			tally_add(&tally->dropped, 1);
	}
}

void
reference_forward(const struct job *job)
{
	const struct world *w = job->world;
	struct pollfd p[4];
	int i;

	for (i = 0; i < w->n_ends; i++) {
		p[i].fd = w->end[i].fd;
		p[i].events = POLLIN;
	}
	for (;;) {
		if (poll(p, (nfds_t)w->n_ends, -1) < 0)
			die("poll");
		for (i = 0; i < w->n_ends; i++)
			if (p[i].revents != 0)
				move(p[i].fd, w->end[w->end[i].to].fd,
				    job->tally);
	}
}

/* How many packets a large frame of UDP is. */
static unsigned
segments(size_t len)
{
	struct virtio_net_hdr h;
	size_t headers = sizeof(h) + SMALL_HEADERS;

	memcpy(&h, buf, sizeof(h));
	if (h.gso_type == VIRTIO_NET_HDR_GSO_NONE || len <= headers)
		return 1;
	return (unsigned)((len - headers + h.gso_size - 1) / h.gso_size);
}

static void
read_and_count(const struct job *job, int large)
{
	struct pollfd p = {job->world->end[0].fd, POLLIN, 0};
	unsigned n;
	ssize_t len;
	int i;

	for (;;) {
		if (poll(&p, 1, -1) < 0)
			die("poll");
		for (i = 0, n = 0; i < BUDGET; i++) {
			len = read(p.fd, buf, sizeof(buf));
			if (len < 0)
				break;
			n += large ? segments((size_t)len) : 1;
		}
		if (i < BUDGET && errno != EAGAIN)
			die("read");
		tally_add(&job->tally->packets, n);
	}
}

void
reference_read(const struct job *job)
{
	read_and_count(job, 0);
}

void
reference_read_large(const struct job *job)
{
	read_and_count(job, 1);
}

void
reference_write(const struct job *job)
{
	struct pollfd p = {job->world->end[1].fd, POLLOUT, 0};
	struct source *source = source_new(&job->flow->to);
	struct evbuffer_iovec *pkts;
	int i;

	for (;;) {
		if (poll(&p, 1, -1) < 0)
			die("poll");
		pkts = source_next(source);
		for (i = 0; i < BUDGET; i++)
			if (write(p.fd, pkts[i].iov_base, SMALL_PACKET) < 0)
				die("write");
		tally_add(&job->tally->packets, BUDGET);
	}
}
