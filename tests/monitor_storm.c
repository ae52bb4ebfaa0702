#include "config.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <net/if.h>

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "monitor_storm.h"
#include "tun_look.h"

#define ADDRESSES 64	/* of each device, at most */

struct device {
	char name[16];
	int up;
	int renamed;
	unsigned char has[ADDRESSES];
};

struct storm {
	struct mnl_socket *nl;
	unsigned seed;
	unsigned serial;
	struct device devices[STORM_DEVICES];
};

void
storm_prepare(void)
{
	char name[16];
	int i;

	for (i = 0; i < STORM_DEVICES; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		look_make_persistent(name, IFF_TUN | IFF_NO_PI);
	}
}

static unsigned
pick(struct storm *storm, unsigned n)
{
	storm->seed = storm->seed * 1103515245u + 12345u;
	return (storm->seed >> 16) % n;
}

/* It must be granted: each is a change. */
static void
request(struct storm *storm, struct nlmsghdr *nlh)
{
	char buf[8192];
	ssize_t n;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	n = mnl_socket_sendto(storm->nl, nlh, nlh->nlmsg_len);
	if (n > 0)
		n = mnl_socket_recvfrom(storm->nl, buf, sizeof(buf));
	if (n <= 0 || mnl_cb_run(buf, (size_t)n, 0,
	    mnl_socket_get_portid(storm->nl), NULL, NULL) < 0) {
		fprintf(stderr, "storm: type %u: %s\n", nlh->nlmsg_type,
		    strerror(errno));
		_exit(1);
	}
}

static struct ifinfomsg *
begin_link(char *buf, uint16_t type, const struct device *device)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	memset(buf, 0, 256);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)if_nametoindex(device->name);
	return ifi;
}

static void
change_up(struct storm *storm, struct device *device)
{
	_Alignas(struct nlmsghdr) char buf[256];
	struct ifinfomsg *ifi = begin_link(buf, RTM_NEWLINK, device);

	device->up = !device->up;
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = device->up ? IFF_UP : 0;
	request(storm, (struct nlmsghdr *)buf);
}

static void
change_mtu(struct storm *storm, struct device *device)
{
	_Alignas(struct nlmsghdr) char buf[256];

	begin_link(buf, RTM_NEWLINK, device);
	mnl_attr_put_u32((struct nlmsghdr *)buf, IFLA_MTU,
	    STORM_MTU + storm->serial);
	request(storm, (struct nlmsghdr *)buf);
}

static void
change_name(struct storm *storm, struct device *device)
{
	_Alignas(struct nlmsghdr) char buf[256];

	begin_link(buf, RTM_NEWLINK, device);
	snprintf(device->name, sizeof(device->name), "n%u", storm->serial);
	mnl_attr_put_strz((struct nlmsghdr *)buf, IFLA_IFNAME, device->name);
	request(storm, (struct nlmsghdr *)buf);
}

static void
change_address(struct storm *storm, struct device *device)
{
	_Alignas(struct nlmsghdr) char buf[256];
	unsigned i = pick(storm, ADDRESSES);
	uint32_t addr = htonl(0x0a000001u + (i << 8) +
	    ((unsigned)(device - storm->devices) << 16));
	struct nlmsghdr *nlh;
	struct ifaddrmsg *ifa;

	memset(buf, 0, sizeof(buf));
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = device->has[i] ? RTM_DELADDR : RTM_NEWADDR;
	if (!device->has[i])
		nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 24;
	ifa->ifa_index = if_nametoindex(device->name);
	mnl_attr_put(nlh, IFA_LOCAL, sizeof(addr), &addr);
	mnl_attr_put(nlh, IFA_ADDRESS, sizeof(addr), &addr);
	request(storm, nlh);
	device->has[i] = !device->has[i];
}

/* Deleting one takes the kernel as long as a hundred other changes. */
static void
change_device(struct storm *storm, struct device *device)
{
	_Alignas(struct nlmsghdr) char buf[256];

	begin_link(buf, RTM_DELLINK, device);
	request(storm, (struct nlmsghdr *)buf);
	memset(device, 0, sizeof(*device));
	snprintf(device->name, sizeof(device->name), "d%u", storm->serial);
	look_make_persistent(device->name, IFF_TUN | IFF_NO_PI);
}

static void
change(struct storm *storm)
{
	struct device *device = &storm->devices[pick(storm, STORM_DEVICES)];
	unsigned kind = pick(storm, 400);

	storm->serial++;
	if (kind == 0)
		change_device(storm, device);
	else if (kind < 80)
		change_up(storm, device);
	else if (kind < 160)
		change_mtu(storm, device);
	else if (kind < 200)
		change_name(storm, device);
	else
		change_address(storm, device);
}

static void
blow(unsigned n, unsigned seed)
{
	static struct storm storm;
	int i;

	/* Not to outlive a test that has failed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	storm.seed = seed;
	storm.nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (storm.nl == NULL ||
	    mnl_socket_bind(storm.nl, 0, MNL_SOCKET_AUTOPID) < 0)
		_exit(1);
	for (i = 0; i < STORM_DEVICES; i++)
		snprintf(storm.devices[i].name, 16, "s%d", i);
	while (n-- > 0)
		change(&storm);
	_exit(0);
}

void
storm_begin(struct storming *storming, unsigned n, unsigned seed)
{
	int pipefd[2];

	ck_assert_int_eq(pipe2(pipefd, O_CLOEXEC | O_NONBLOCK), 0);
	storming->pid = fork();
	ck_assert_int_ge(storming->pid, 0);
	if (storming->pid == 0)
		blow(n, seed);
	close(pipefd[1]);
	storming->fd = pipefd[0];
}

void
storm_end(struct storming *storming)
{
	int status;

	ck_assert_int_eq(waitpid(storming->pid, &status, 0), storming->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the storm failed: status %x", (unsigned)status);
	close(storming->fd);
}
