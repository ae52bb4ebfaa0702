#include "config.h"

#include <sys/socket.h>
#include <arpa/inet.h>

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address_look.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

struct evtun_link *
address_start(const char *name, int options, int up)
{
	struct evtun *tun = look_new(name, options);
	struct evtun_link *link;

	ip_do("link set dev %s addrgenmode none", name);
	kit_ok(evtun_set_up(tun, up));
	link = evtun_link_new_tun(tun);
	kit_check(link != NULL, "%s", evtun_get_error());
	/* The interface stays with the descriptor. */
	ck_assert_int_ge(evtun_release(tun), 0);
	return link;
}

char *
address_lines(const char *name)
{
	char command[256], *text = malloc(1 << 20);
	size_t n;
	FILE *f;

	ck_assert_ptr_nonnull(text);
	snprintf(command, sizeof(command), "ip -d -o addr show dev %s | "
	    "cut -d ' ' -f 2- | sed 's/ secondary//' | LC_ALL=C sort", name);
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	ck_assert_int_eq(pclose(f), 0);
	return text;
}

void
address_must_be(const char *name, char *lines)
{
	char *now = address_lines(name);

	ck_assert_msg(strcmp(now, lines) == 0, "there was:\n%sthere is:\n%s",
	    lines, now);
	free(now);
	free(lines);
}

int
address_watch(void)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&local, sizeof(local)),
	    0);
	return fd;
}

static int
take_local(const struct nlattr *attr, void *data)
{
	const struct nlattr **local = data;
	int type = mnl_attr_get_type(attr);

	if (type == IFA_LOCAL || (type == IFA_ADDRESS && *local == NULL))
		*local = attr;
	return MNL_CB_OK;
}

static const char *
next_change(int watch)
{
	static char text[INET6_ADDRSTRLEN + 8];
	_Alignas(struct nlmsghdr) char buf[8192];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	const struct nlattr *local = NULL;
	const struct ifaddrmsg *ifa;
	ssize_t n = recv(watch, buf, sizeof(buf), 0);
	size_t len;

	if (n < 0 && errno == EAGAIN)
		return "";
	ck_assert_msg(n >= (ssize_t)sizeof(*nlh) &&
	    n == (ssize_t)nlh->nlmsg_len, "%s", strerror(errno));
	ifa = mnl_nlmsg_get_payload(nlh);
	mnl_attr_parse(nlh, sizeof(*ifa), take_local, &local);
	ck_assert_ptr_nonnull(local);
	text[0] = nlh->nlmsg_type == RTM_NEWADDR ? '+' : '-';
	ck_assert_ptr_nonnull(inet_ntop(ifa->ifa_family,
	    mnl_attr_get_payload(local), text + 1, sizeof(text) - 1));
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, "/%d", ifa->ifa_prefixlen);
	return text;
}

/* The kernel speaks while it makes a change, so that all is there; but of a
 * new IPv6 address it does later. */
const char *
address_change(int watch)
{
	const char *text;

	do
		text = next_change(watch);
	while (text[0] == '+' && strchr(text, ':') != NULL);
	return text;
}

void
address_changes_are(int watch, const char *const *changes)
{
	size_t i;

	for (i = 0; changes[i] != NULL; i++)
		ck_assert_str_eq(address_change(watch), changes[i]);
	ck_assert_str_eq(address_change(watch), "");
}
