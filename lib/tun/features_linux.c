/*
 * What the kernel offers, and what it offers a device.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/ethtool.h>

#include "evtun/linux.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/netlink-internal.h"

/* For headers older than the kernel. */
#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040
#endif

/* More than any kernel has; 6.18 has 64. */
#define MAX_FEATURES 256
#define N_BLOCKS (MAX_FEATURES / 32)

static const struct {
	unsigned flag;
	int feature;
} flags[] = {
	{ IFF_TUN, EVTUN_LINUX_TUN },
	{ IFF_TAP, EVTUN_LINUX_TAP },
	{ IFF_MULTI_QUEUE, EVTUN_LINUX_MULTIQUEUE },
	{ IFF_NAPI, EVTUN_LINUX_NAPI },
	{ IFF_NAPI_FRAGS, EVTUN_LINUX_NAPI_FRAGS },
	{ IFF_NO_CARRIER, EVTUN_LINUX_NO_CARRIER },
	{ IFF_VNET_HDR, EVTUN_LINUX_HEADER }
};

/* net/ethtool/common.c: netdev_features_strings */
static const struct {
	const char *name;
	int feature;
} offloads[] = {
	{ "tx-tcp-segmentation", EVTUN_LINUX_TCP4 },
	{ "tx-tcp6-segmentation", EVTUN_LINUX_TCP6 },
	{ "tx-tcp-ecn-segmentation", EVTUN_LINUX_ECN },
	{ "tx-udp-segmentation", EVTUN_LINUX_UDP },
	{ "tx-udp_tnl-segmentation", EVTUN_LINUX_TUNNEL },
	{ "tx-udp_tnl-csum-segmentation", EVTUN_LINUX_TUNNEL_CSUM }
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int
evtun_linux_get_features(void)
{
	unsigned offered = 0;
	int fd, err, found = 0;
	size_t i;

	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return evtun_explain_open_(errno);
	err = ioctl(fd, TUNGETFEATURES, &offered) < 0 ? errno : 0;
	close(fd);
	if (err != 0)
		return evtun_fail_(err, "ask what the system can do", NULL);
	for (i = 0; i < COUNT(flags); i++)
		if (offered & flags[i].flag)
			found |= flags[i].feature;
	return found;
}

int
evtun_linux_get_header(struct evtun *tun)
{
	return (int)tun->prefix;
}

/* ---- offload: setting it to see what is taken would change it ---- */

union count {
	struct ethtool_sset_info head;
	unsigned char room[sizeof(struct ethtool_sset_info) +
	    sizeof(ev_uint32_t)];
};

union names {
	struct ethtool_gstrings head;
	unsigned char room[sizeof(struct ethtool_gstrings) +
	    MAX_FEATURES * ETH_GSTRING_LEN];
};

union values {
	struct ethtool_gfeatures head;
	unsigned char room[sizeof(struct ethtool_gfeatures) +
	    N_BLOCKS * sizeof(struct ethtool_get_features_block)];
};

static int
ask(int sock, const char *name, void *request)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_data = request;
	return ioctl(sock, SIOCETHTOOL, &ifr);
}

/* How many features there are, or -1. */
static int
count_features(int sock, const char *name)
{
	union count info;
	ev_uint32_t count;

	memset(&info, 0, sizeof(info));
	info.head.cmd = ETHTOOL_GSSET_INFO;
	info.head.sset_mask = 1ULL << ETH_SS_FEATURES;
	if (ask(sock, name, &info) < 0)
		return -1;
	memcpy(&count, info.room + sizeof(info.head), sizeof(count));
	if (count > MAX_FEATURES) {
		errno = EOVERFLOW;
		return -1;
	}
	return (int)count;
}

static int
is_available(const union values *values, size_t i)
{
	struct ethtool_get_features_block block;

	memcpy(&block, values->room + sizeof(values->head) +
	    i / 32 * sizeof(block), sizeof(block));
	return (block.available & 1U << i % 32) != 0;
}

/* The EVTUN_LINUX_* bit of feature i, or 0. */
static int
get_offload(const union names *names, size_t i)
{
	const unsigned char *name = names->room + sizeof(names->head) +
	    i * ETH_GSTRING_LEN;
	size_t k;

	for (k = 0; k < COUNT(offloads); k++)
		if (strncmp((const char *)name, offloads[k].name,
		    ETH_GSTRING_LEN) == 0)
			return offloads[k].feature;
	return 0;
}

static int
find_offload(int sock, const char *name)
{
	union names names;
	union values values;
	int found = 0, n = count_features(sock, name);
	size_t i;

	memset(&names, 0, sizeof(names));
	memset(&values, 0, sizeof(values));
	names.head.cmd = ETHTOOL_GSTRINGS;
	names.head.string_set = ETH_SS_FEATURES;
	names.head.len = (ev_uint32_t)n;
	values.head.cmd = ETHTOOL_GFEATURES;
	values.head.size = N_BLOCKS;
	if (n < 0 || ask(sock, name, &names) < 0 ||
	    ask(sock, name, &values) < 0)
		return -1;
	for (i = 0; i < (size_t)n; i++)
		if (is_available(&values, i))
			found |= get_offload(&names, i);
	return found;
}

int
evtun_linux_get_offload(struct evtun *tun)
{
	static const char step[] = "ask what offload there is";
	struct evtun_facts link;
	int sock, found, err, big;

	if (!(tun->options & EVTUN_OPT_OFFLOAD))
		return 0;
	if (evtun_linux_find_(tun, &link, step) < 0)
		return -1;
	sock = evtun_netns_open_socket_(tun->netns, AF_INET,
	    SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return evtun_fail_(errno, step, NULL);
	found = find_offload(sock, tun->name);
	err = errno;
	close(sock);
	if (found < 0)
		return evtun_explain_link_(err, step);
	/* The other one is there always. */
	if (ioctl(tun->fd, TUNGETVNETBE, &big) == 0)
		found |= EVTUN_LINUX_BIG_ENDIAN;
	return found;
}
