#include "config.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

/* ---- interfaces ---- */

unsigned
look_index(const char *name)
{
	return if_nametoindex(name);
}

/* One of the old ioctls for interfaces. */
static struct ifreq
ask(const char *name, unsigned long request)
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ck_assert_msg(ioctl(fd, request, &ifr) == 0, "%s: %s", name,
	    strerror(errno));
	close(fd);
	return ifr;
}

int
look_mtu(const char *name)
{
	return ask(name, SIOCGIFMTU).ifr_mtu;
}

int
look_up(const char *name)
{
	return (ask(name, SIOCGIFFLAGS).ifr_flags & IFF_UP) != 0;
}

int
look_type(const char *name, unsigned char addr[6])
{
	struct ifreq ifr = ask(name, SIOCGIFHWADDR);

	memcpy(addr, ifr.ifr_hwaddr.sa_data, 6);
	return ifr.ifr_hwaddr.sa_family;
}

static unsigned
count_bits(const struct sockaddr *sa)
{
	const unsigned char *p = sa->sa_family == AF_INET ?
	    (const void *)&((const struct sockaddr_in *)sa)->sin_addr :
	    (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;
	unsigned n = 0, size = sa->sa_family == AF_INET ? 32 : 128;

	while (n < size && (p[n / 8] & (0x80 >> n % 8)))
		n++;
	return n;
}

static int
is_address(const struct sockaddr *sa, const char *text)
{
	char buf[INET6_ADDRSTRLEN];

	if (sa == NULL)
		return 0;
	if (sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)sa)->sin_addr,
		    buf, sizeof(buf));
	else
		inet_ntop(AF_INET6,
		    &((const struct sockaddr_in6 *)sa)->sin6_addr, buf,
		    sizeof(buf));
	return strcmp(buf, text) == 0;
}

/* The peer and the broadcast address share a place; an address without
 * either stands there itself, or nothing does. */
static int
has_other(const struct ifaddrs *ifa, const char *addr, const char *other)
{
	if (other == NULL)
		return ifa->ifa_dstaddr == NULL ||
		    is_address(ifa->ifa_dstaddr, addr);
	return is_address(ifa->ifa_dstaddr, other);
}

static int
is_of(const struct ifaddrs *ifa, const char *name)
{
	return strcmp(ifa->ifa_name, name) == 0 && ifa->ifa_addr != NULL &&
	    (ifa->ifa_addr->sa_family == AF_INET ||
	    ifa->ifa_addr->sa_family == AF_INET6);
}

static int
is_link_local(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(
	    &((const struct sockaddr_in6 *)sa)->sin6_addr);
}

int
look_count_addresses(const char *name)
{
	struct ifaddrs *all, *ifa;
	int n = 0;

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (ifa = all; ifa != NULL; ifa = ifa->ifa_next)
		n += is_of(ifa, name) && !is_link_local(ifa->ifa_addr);
	freeifaddrs(all);
	return n;
}

int
look_has_address(const char *name, const char *addr, unsigned prefix_len,
    const char *other)
{
	struct ifaddrs *all, *ifa;
	int found = 0;

	ck_assert_int_eq(getifaddrs(&all), 0);
	for (ifa = all; ifa != NULL; ifa = ifa->ifa_next)
		found |= is_of(ifa, name) && is_address(ifa->ifa_addr, addr) &&
		    count_bits(ifa->ifa_netmask) == prefix_len &&
		    has_other(ifa, addr, other);
	freeifaddrs(all);
	return found;
}

void
look_rename(const char *name, const char *to)
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	memcpy(ifr.ifr_newname, to, strlen(to) + 1);
	ck_assert_int_eq(ioctl(fd, SIOCSIFNAME, &ifr), 0);
	close(fd);
}

int
look_netns(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

void
look_enter(int netns)
{
	ck_assert_int_eq(setns(netns, CLONE_NEWNET), 0);
}

/* ---- netlink ---- */

/* Ask about one interface, or change it: the first message of the answer. */
static void
exchange(struct nlmsghdr *nlh, void *buf, size_t size, mnl_cb_t cb, void *arg)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n;

	ck_assert_ptr_nonnull(nl);
	ck_assert_int_eq(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	ck_assert_int_gt(mnl_socket_sendto(nl, nlh, nlh->nlmsg_len), 0);
	n = mnl_socket_recvfrom(nl, buf, size);
	ck_assert_int_gt(n, 0);
	ck_assert_msg(mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl),
	    cb, arg) >= 0, "netlink: %s", strerror(errno));
	mnl_socket_close(nl);
}

static struct nlmsghdr *
begin(void *buf, uint16_t type, uint16_t flags, const char *name)
{
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi;

	memset(buf, 0, 256);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)look_index(name);
	ck_assert_int_gt(ifi->ifi_index, 0);
	return nlh;
}

void
look_move(const char *name, int netns)
{
	char buf[8192];
	struct nlmsghdr *nlh = begin(buf, RTM_NEWLINK, NLM_F_ACK, name);

	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns);
	exchange(nlh, buf, sizeof(buf), NULL, NULL);
}

static int
parse_data(const struct nlattr *attr, void *arg)
{
	struct look_tun *out = arg;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_TUN_OWNER:
		out->owner = (long)mnl_attr_get_u32(attr);
		break;
	case IFLA_TUN_GROUP:
		out->group = (long)mnl_attr_get_u32(attr);
		break;
	case IFLA_TUN_TYPE:
		out->type = mnl_attr_get_u8(attr);
		break;
	case IFLA_TUN_PI:
		out->packet_info = mnl_attr_get_u8(attr);
		break;
	case IFLA_TUN_VNET_HDR:
		out->vnet_hdr = mnl_attr_get_u8(attr);
		break;
	case IFLA_TUN_PERSIST:
		out->persist = mnl_attr_get_u8(attr);
		break;
	case IFLA_TUN_MULTI_QUEUE:
		out->multi_queue = mnl_attr_get_u8(attr);
		break;
	case IFLA_TUN_NUM_QUEUES:
		out->queues = (int)mnl_attr_get_u32(attr);
		break;
	}
	return MNL_CB_OK;
}

static int
parse_linkinfo(const struct nlattr *attr, void *arg)
{
	struct look_tun *out = arg;

	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		out->is_tun = strcmp(mnl_attr_get_str(attr), "tun") == 0;
	if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
		return mnl_attr_parse_nested(attr, parse_data, out);
	return MNL_CB_OK;
}

static int
parse_attr(const struct nlattr *attr, void *arg)
{
	return mnl_attr_get_type(attr) == IFLA_LINKINFO ?
	    mnl_attr_parse_nested(attr, parse_linkinfo, arg) : MNL_CB_OK;
}

static int
parse_link(const struct nlmsghdr *nlh, void *arg)
{
	return mnl_attr_parse(nlh, sizeof(struct ifinfomsg), parse_attr, arg);
}

void
look_tun(const char *name, struct look_tun *out)
{
	char buf[32768];

	memset(out, 0, sizeof(*out));
	out->owner = out->group = -1;
	exchange(begin(buf, RTM_GETLINK, 0, name), buf, sizeof(buf),
	    parse_link, out);
}

/* ---- devices ---- */

int
look_try_open(const char *name, int flags)
{
	struct ifreq ifr;
	int err, fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -1;
	memset(&ifr, 0, sizeof(ifr));
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

int
look_open(const char *name, int flags)
{
	int fd = look_try_open(name, flags);

	ck_assert_msg(fd >= 0, "open %s by hand: %s", name, strerror(errno));
	return fd;
}

void
look_make_persistent(const char *name, int flags)
{
	int fd = look_open(name, flags);

	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
}

void
look_become(unsigned uid, unsigned gid)
{
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct caps[2];

	ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L), 0);
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(gid, gid, gid), 0);
	ck_assert_int_eq(setresuid(uid, uid, uid), 0);
	memset(&header, 0, sizeof(header));
	memset(caps, 0, sizeof(caps));
	header.version = _LINUX_CAPABILITY_VERSION_3;
	caps[0].effective = caps[0].permitted = 1U << CAP_DAC_OVERRIDE;
	ck_assert_int_eq(syscall(SYS_capset, &header, caps), 0);
	/* Without this /proc/self belongs to root. */
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L), 0);
}

void
look_in_child(void (*fn)(void *), void *arg)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "a child failed: status %x", (unsigned)status);
}

/* ---- what must be so ---- */

struct evtun *
look_new(const char *name, int options)
{
	struct evtun *tun = evtun_new(name, options);

	ck_assert_msg(tun != NULL, "evtun_new: %s", evtun_get_error());
	return tun;
}

void
look_text(const char *words)
{
	ck_assert_msg(strstr(evtun_get_error(), words) != NULL,
	    "not in \"%s\": %s", evtun_get_error(), words);
}
