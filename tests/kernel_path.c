#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel_path.h"
#include "kit.h"
#include "netlink.h"
#include "tun_look.h"

/* struct virtio_net_hdr, and with what Linux 6.17 has put behind it. */
#define HEADER 10
#define TUNNEL_HEADER 24
/* All that TUNSETOFFLOAD knows, and less and less of it: without UDP tunnels
 * (before 6.17), without UDP (before 6.2). */
#define OFFLOADS_TUNNELS 0x1ffUL
#define OFFLOADS_UDP 0x7fUL
#define OFFLOADS_TCP 0x1fUL

#define MTU 65521		/* the most that a TAP device may have */
#define ARENA_SIZE (64u << 20)
#define READ_SIZE 70000
#define SYNC_TYPE 0x88b5	/* for experiments (IEEE 802) */
#define SYNC_NUMBER 0xffffffffu
#define PATIENCE_MS 20000

/* The most segments of UDP that Linux takes, and took before 6.9. */
#define UDP_SEGMENTS 128
#define UDP_SEGMENTS_OLD 64

void *
kernel_path_alloc(size_t size)
{
	void *p = malloc(size > 0 ? size : 1);

	kit_check(p != NULL, "no memory");
	return p;
}

/* ---- the devices ---- */

static void
put_sysctl(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* There is none if the bridge does not ask a packet filter. */
	if (fd < 0)
		return;
	ck_assert_int_eq(write(fd, "0", 1), 1);
	close(fd);
}

/* It is to look at nothing but the addresses of a frame. */
static void
make_bridge(const char *name)
{
	unsigned char buf[512];
	struct nlmsghdr *nlh = netlink_begin(buf, sizeof(buf), RTM_NEWLINK);
	struct nlattr *info, *data;

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u8(nlh, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	netlink_request(nlh);
	put_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables");
	put_sysctl("/proc/sys/net/bridge/bridge-nf-call-ip6tables");
	put_sysctl("/proc/sys/net/bridge/bridge-nf-call-arptables");
}

static void
bring_up(const char *name, const char *bridge)
{
	unsigned char buf[256];
	struct nlmsghdr *nlh = netlink_begin(buf, sizeof(buf), RTM_NEWLINK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)look_index(name);
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	if (bridge != NULL) {
		mnl_attr_put_u32(nlh, IFLA_MTU, MTU);
		mnl_attr_put_u32(nlh, IFLA_TXQLEN, KERNEL_PATH_ROOM);
		mnl_attr_put_u32(nlh, IFLA_MASTER, look_index(bridge));
	}
	netlink_request(nlh);
}

static void
set_offload(struct kernel_path *path)
{
	int fd = path->in, one = 1, size = HEADER;

	path->tunnels = ioctl(fd, TUNSETOFFLOAD, OFFLOADS_TUNNELS) == 0;
	if (path->tunnels)
		size = TUNNEL_HEADER;
	else if (ioctl(fd, TUNSETOFFLOAD, OFFLOADS_UDP) < 0)
		ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, OFFLOADS_TCP), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &one), 0);
}

/* ---- frames ---- */

static void
put32(unsigned char *p, uint32_t n)
{
	p[0] = (unsigned char)(n >> 24);
	p[1] = (unsigned char)(n >> 16);
	p[2] = (unsigned char)(n >> 8);
	p[3] = (unsigned char)n;
}

static uint32_t
get32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Every address of a frame begins with that. */
static const unsigned char prefix[2] = {2, 0x70};

/* Local addresses; the kernel makes up its own at random, but bridges learn
 * only where frames come from. */
void
kernel_path_address(unsigned char *frame, uint32_t number)
{
	static const unsigned char from[6] = {2, 0x66, 0, 0, 0, 1};

	memcpy(frame, prefix, sizeof(prefix));
	put32(frame + sizeof(prefix), number);
	memcpy(frame + 6, from, sizeof(from));
}

static void
put_le16(unsigned char *p, unsigned n)
{
	p[0] = (unsigned char)n;
	p[1] = (unsigned char)(n >> 8);
}

int
kernel_path_write(struct kernel_path *path, const struct evtun_offload *hdr,
    const void *frame, size_t len)
{
	unsigned char h[TUNNEL_HEADER] = {0};
	struct iovec vec[2];
	int attempts = 1000;
	ssize_t n;

	h[0] = hdr->flags;
	h[1] = hdr->gso_type;
	put_le16(h + 2, hdr->hdr_len);
	put_le16(h + 4, hdr->gso_size);
	put_le16(h + 6, hdr->csum_start);
	put_le16(h + 8, hdr->csum_offset);
	put_le16(h + 20, hdr->outer_th_offset);
	put_le16(h + 22, hdr->inner_nh_offset);
	vec[0].iov_base = h;
	vec[0].iov_len = path->tunnels ? TUNNEL_HEADER : HEADER;
	vec[1].iov_base = (void *)(uintptr_t)frame;
	vec[1].iov_len = len;
	/* That memory was short says nothing about the frame. */
	do
		n = writev(path->in, vec, 2);
	while (n < 0 && (errno == ENOMEM || errno == ENOBUFS) &&
	    attempts-- > 0);
	if (n < 0)
		return errno;
	ck_assert_uint_eq((size_t)n, vec[0].iov_len + len);
	return 0;
}

/* A last frame, after which nothing else comes. */
static void
write_sync(struct kernel_path *path)
{
	unsigned char frame[KERNEL_PATH_ETHER + 4];
	struct evtun_offload hdr;

	memset(&hdr, 0, sizeof(hdr));
	kernel_path_address(frame, SYNC_NUMBER);
	frame[12] = SYNC_TYPE >> 8;
	frame[13] = SYNC_TYPE & 0xff;
	put32(frame + KERNEL_PATH_ETHER, ++path->synced);
	ck_assert_int_eq(kernel_path_write(path, &hdr, frame, sizeof(frame)),
	    0);
}

static size_t
read_one(struct kernel_path *path)
{
	struct pollfd pfd = {path->out, POLLIN, 0};
	int patience = (int)(PATIENCE_MS * kit_patience());
	unsigned char *data = path->arena + path->used;
	ssize_t n;

	kit_check(path->used + READ_SIZE <= ARENA_SIZE, "too much came out");
	while ((n = read(path->out, data, READ_SIZE)) < 0) {
		kit_check(errno == EAGAIN, "read: %s", strerror(errno));
		kit_check(poll(&pfd, 1, patience) == 1,
		    "the kernel has lost a frame");
	}
	kit_check(n >= KERNEL_PATH_ETHER && n < READ_SIZE, "read %d bytes",
	    (int)n);
	return (size_t)n;
}

static void
keep(struct kernel_path *path, const unsigned char *data, size_t len)
{
	struct kernel_packet *packet;

	kit_check(path->n_packets < KERNEL_PATH_ROOM, "too many came out");
	packet = &path->packets[path->n_packets++];
	packet->number = get32(data + sizeof(prefix));
	packet->data = data;
	packet->len = len;
	path->used += len;
}

void
kernel_path_collect(struct kernel_path *path)
{
	const unsigned char *data;
	size_t len;

	write_sync(path);
	path->used = path->n_packets = 0;
	for (;;) {
		data = path->arena + path->used;
		len = read_one(path);
		/* Nobody else should send anything, but might. */
		if (memcmp(data, prefix, sizeof(prefix)) != 0)
			continue;
		if (get32(data + sizeof(prefix)) == SYNC_NUMBER)
			break;
		keep(path, data, len);
	}
	ck_assert_uint_eq(get32(data + KERNEL_PATH_ETHER), path->synced);
}

/* ---- both ---- */

/* Datagrams of a byte each, as many as the newest take, or as before. */
static void
find_udp_segments(struct kernel_path *path)
{
	static const unsigned most[] = {UDP_SEGMENTS, UDP_SEGMENTS_OLD};
	unsigned char frame[42 + UDP_SEGMENTS] = {0};
	struct evtun_offload hdr = {EVTUN_OFFLOAD_NEEDS_CSUM,
	    EVTUN_OFFLOAD_UDP, 42, 1, 34, 6, 0, 0};
	size_t i;

	kernel_path_address(frame, 0);
	frame[12] = 8;		/* IPv4 */
	frame[14] = 0x45;
	frame[23] = 17;		/* UDP */
	for (i = 0; i < 2 && path->udp_segments == 0; i++)
		if (kernel_path_write(path, &hdr, frame, 42 + most[i]) == 0)
			path->udp_segments = most[i];
	kernel_path_collect(path);
}

void
kernel_path_open(struct kernel_path *path)
{
	memset(path, 0, sizeof(*path));
	path->arena = kernel_path_alloc(ARENA_SIZE);
	path->packets = kernel_path_alloc(KERNEL_PATH_ROOM *
	    sizeof(*path->packets));
	make_bridge("bridge");
	bring_up("bridge", NULL);
	path->in = look_open("in", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
	path->out = look_open("out", IFF_TAP | IFF_NO_PI);
	set_offload(path);
	ck_assert_int_eq(ioctl(path->out, TUNSETOFFLOAD, 0UL), 0);
	bring_up("out", "bridge");
	bring_up("in", "bridge");
	find_udp_segments(path);
}

void
kernel_path_close(struct kernel_path *path)
{
	close(path->in);
	close(path->out);
	free(path->packets);
	free(path->arena);
}
