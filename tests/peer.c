#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "netlink.h"
#include "peer.h"
#include "tun_look.h"

#define ETHERNET_HEADER 14
#define IPV4_HEADER 20
#define IPV6_HEADER 40

size_t
peer_header(enum kit_kind kind)
{
	return kind == KIT_TAP ? ETHERNET_HEADER : 0;
}

/* Whoever answers at the other side of a TAP device has an address. */
static void
add_neighbour(const char *ifname, int family, const char *addr)
{
	static const unsigned char mac[6] = {2, 0, 0, 0, 0, 9};
	unsigned char buf[256], ip[16];
	struct nlmsghdr *nlh = netlink_begin(buf, sizeof(buf), RTM_NEWNEIGH);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	ck_assert_int_eq(inet_pton(family, addr, ip), 1);
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	ndm->ndm_family = (unsigned char)family;
	ndm->ndm_ifindex = (int)look_index(ifname);
	ndm->ndm_state = NUD_PERMANENT;
	mnl_attr_put(nlh, NDA_DST, family == AF_INET ? 4 : 16, ip);
	mnl_attr_put(nlh, NDA_LLADDR, sizeof(mac), mac);
	netlink_request(nlh);
}

/* ---- a host that is not there ---- */

#define HOST4 "10.9.0.1"
#define PEER4 "10.9.0.2"
#define HOST6 "fd00:9::1"
#define PEER6 "fd00:9::2"

/* The kernel takes a new IPv6 address into use later, even if it does not
 * look for duplicates: wait until it reaches itself. */
static void
wait_for_address6(void)
{
	struct sockaddr_in6 sin6;
	struct pollfd pfd;
	char byte = 0;

	memset(&sin6, 0, sizeof(sin6));
	sin6.sin6_family = AF_INET6;
	sin6.sin6_port = htons(7);
	inet_pton(AF_INET6, HOST6, &sin6.sin6_addr);
	pfd.fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	pfd.events = POLLIN;
	ck_assert_int_ge(pfd.fd, 0);
	while (bind(pfd.fd, (struct sockaddr *)&sin6, sizeof(sin6)) < 0) {
		ck_assert_int_eq(errno, EADDRNOTAVAIL);
		poll(NULL, 0, 1);
	}
	do
		sendto(pfd.fd, &byte, 1, 0, (struct sockaddr *)&sin6,
		    sizeof(sin6));
	while (poll(&pfd, 1, 10) == 0);
	ck_assert_int_eq(recv(pfd.fd, &byte, 1, 0), 1);
	close(pfd.fd);
}

void
peer_add_addresses(struct evtun *tun, enum kit_kind kind)
{
	char path[80];
	int fd;

	kit_ipv6(1);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_dad",
	    evtun_get_name(tun));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "0", 1), 1);
	close(fd);
	kit_ok(evtun_add_address(tun, HOST4 "/24", NULL));
	kit_ok(evtun_add_address(tun, HOST6 "/64", NULL));
	if (kind == KIT_TAP) {
		add_neighbour(evtun_get_name(tun), AF_INET, PEER4);
		add_neighbour(evtun_get_name(tun), AF_INET6, PEER6);
	}
	wait_for_address6();
}

int
peer_is(const unsigned char *ip, size_t len, int from)
{
	unsigned char addr[16];

	if (len > IPV4_HEADER && ip[0] == 0x45) {
		inet_pton(AF_INET, PEER4, addr);
		return memcmp(ip + (from ? 12 : 16), addr, 4) == 0;
	}
	if (len > IPV6_HEADER && ip[0] >> 4 == 6) {
		inet_pton(AF_INET6, PEER6, addr);
		return memcmp(ip + (from ? 8 : 24), addr, 16) == 0;
	}
	return 0;
}

static void
swap(unsigned char *p, size_t n)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < n; i++) {
		c = p[i];
		p[i] = p[n + i];
		p[n + i] = c;
	}
}

/* An echo request becomes a reply; the sum as RFC 1624 has it. */
static void
answer_echo(unsigned char *icmp, unsigned request_type, unsigned reply_type)
{
	unsigned sum = (unsigned)(icmp[2] << 8 | icmp[3]);

	ck_assert_uint_eq(icmp[0], request_type);
	icmp[0] = (unsigned char)reply_type;
	sum = (~sum & 0xffff) + (~(request_type << 8) & 0xffff) +
	    (reply_type << 8);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	icmp[2] = (unsigned char)(sum >> 8);
	icmp[3] = (unsigned char)sum;
}

void
peer_answer(unsigned char *frame, size_t header)
{
	unsigned char *ip = frame + header;
	int v4 = ip[0] >> 4 == 4;
	unsigned char *next = ip + (v4 ? IPV4_HEADER : IPV6_HEADER);
	unsigned protocol = ip[v4 ? 9 : 6];

	if (header > 0)
		swap(frame, 6);
	if (v4)
		swap(ip + 12, 4);
	else
		swap(ip + 8, 16);
	if (protocol == IPPROTO_UDP)
		swap(next, 2);
	else if (protocol == IPPROTO_ICMP)
		answer_echo(next, 8, 0);
	else if (protocol == IPPROTO_ICMPV6)
		answer_echo(next, 128, 129);
	else
		ck_abort_msg("protocol %u", protocol);
}

void
peer_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct peer *peer = ctx;
	size_t header = peer_header(peer->rig->kind);
	unsigned char *frame;
	int i;

	for (i = 0; i < n; i++) {
		frame = pkts[i].iov_base;
		if (pkts[i].iov_len < header || !peer_is(frame + header,
		    pkts[i].iov_len - header, 0))
			continue;
		kit_readcb(pev, &pkts[i], 1, &peer->asked);
		peer_answer(frame, header);
		kit_ok(packetevent_write(pev, frame, pkts[i].iov_len));
		kit_readcb(pev, &pkts[i], 1, &peer->answered);
	}
}

/* ---- and who asks it ---- */

struct asker {
	int fd;
	unsigned char data[65536];
	ssize_t n;
};

int
peer_socket(int family, int type, int protocol)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	ck_assert_int_ge(fd, 0);
	memset(&to, 0, sizeof(to));
	to.sa.sa_family = (sa_family_t)family;
	if (family == AF_INET) {
		to.in.sin_port = htons(type == SOCK_DGRAM ? 7 : 0);
		inet_pton(AF_INET, PEER4, &to.in.sin_addr);
	} else {
		to.in6.sin6_port = htons(type == SOCK_DGRAM ? 7 : 0);
		inet_pton(AF_INET6, PEER6, &to.in6.sin6_addr);
	}
	ck_assert_msg(connect(fd, &to.sa, family == AF_INET ? sizeof(to.in) :
	    sizeof(to.in6)) == 0, "no way to the peer: %s", strerror(errno));
	return fd;
}

static int
has_answer(void *arg)
{
	struct asker *asker = arg;

	if (asker->n < 0)
		asker->n = recv(asker->fd, asker->data, sizeof(asker->data),
		    0);
	return asker->n >= 0;
}

void
peer_ask_udp(struct kit_rig *rig, int family, size_t size)
{
	static struct asker asker;
	static unsigned char data[65536];

	asker.n = -1;
	asker.fd = peer_socket(family, SOCK_DGRAM, 0);
	kit_fill(KIT_UDP, data, (unsigned)family, size);
	ck_assert_int_eq(send(asker.fd, data, size, 0), size);
	kit_until(rig->base, has_answer, &asker, "an answer");
	ck_assert_int_eq(asker.n, size);
	ck_assert_mem_eq(asker.data, data, size);
	close(asker.fd);
}

/* With type, no code, no sum yet, an identity and the number. */
void
peer_ping(struct kit_rig *rig, int family, unsigned char number)
{
	static struct asker asker;
	unsigned char echo[64] = {family == AF_INET ? 8 : 128, 0, 0, 0, 7, 7,
		0, number};
	size_t i, header = family == AF_INET ? IPV4_HEADER : 0;
	unsigned sum = 0;

	for (i = 8; i < sizeof(echo); i++)
		echo[i] = (unsigned char)(number + i);
	for (i = 0; i < sizeof(echo); i += 2)
		sum += (unsigned)(echo[i] << 8 | echo[i + 1]);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	echo[2] = (unsigned char)(sum >> 8);	/* of IPv6: the kernel's */
	echo[3] = (unsigned char)sum;
	asker.n = -1;
	asker.fd = peer_socket(family, SOCK_RAW,
	    family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	ck_assert_int_eq(send(asker.fd, echo, sizeof(echo), 0), sizeof(echo));
	kit_until(rig->base, has_answer, &asker, "a reply");
	ck_assert_int_eq(asker.n, header + sizeof(echo));
	ck_assert_uint_eq(asker.data[header], family == AF_INET ? 0 : 129);
	ck_assert_mem_eq(asker.data + header + 4, echo + 4, sizeof(echo) - 4);
	close(asker.fd);
}
