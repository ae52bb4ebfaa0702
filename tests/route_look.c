#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address_look.h"
#include "ip_json.h"
#include "kit.h"
#include "route_look.h"

struct evtun_link *
route_start(int options)
{
	struct evtun_link *link, *other;

	kit_netns();
	kit_ipv6(1);
	link = address_start("vpn0", options, 1);
	other = address_start("vpn1", 0, 1);
	evtun_link_free(other);
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	ip_do("addr add 10.9.1.1/24 dev vpn1");
	ip_do("addr add fd00::1/64 nodad dev vpn0");
	ip_do("addr add fd01::1/64 nodad dev vpn1");
	return link;
}

char *
route_lines(void)
{
	char *text = malloc(1 << 20);
	size_t n;
	FILE *f;

	ck_assert_ptr_nonnull(text);
	f = popen("{ ip -d -o -4 route show table all; "
	    "ip -d -o -6 route show table all; } | "
	    "grep -v 'table local' | LC_ALL=C sort", "re");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, (1 << 20) - 1, f);
	text[n] = '\0';
	ck_assert_int_eq(pclose(f), 0);
	return text;
}

void
route_must_be(char *lines)
{
	char *now = route_lines();

	ck_assert_msg(strcmp(now, lines) == 0, "there was:\n%sthere is:\n%s",
	    lines, now);
	free(now);
	free(lines);
}

int
route_count(const char *words)
{
	char *lines = route_lines(), *line, *rest = NULL;
	int n = 0;

	for (line = strtok_r(lines, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest))
		n += strstr(line, words) != NULL;
	free(lines);
	return n;
}

const struct evtun_link_route *
route_told(struct evtun_link *link, const char *to, ev_uint32_t metric,
    struct evtun_link_route **list)
{
	int i, n = evtun_link_get_routes(link, list);

	ck_assert_msg(n >= 0, "%s", evtun_get_error());
	for (i = 0; i < n; i++)
		if (strcmp((*list)[i].to, to) == 0 &&
		    (*list)[i].metric == metric)
			return &(*list)[i];
	ck_abort_msg("%s is not told", to);
}

int
route_told_count(struct evtun_link *link)
{
	struct evtun_link_route *list;
	int n = evtun_link_get_routes(link, &list);

	evtun_link_free_list(list);
	return n;
}

int
route_watch(void)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
	    .nl_groups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_ROUTE);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&local, sizeof(local)),
	    0);
	return fd;
}

int
route_removed(int watch)
{
	_Alignas(struct nlmsghdr) char buf[8192];
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	ssize_t n;
	int removed = 0;

	while ((n = recv(watch, buf, sizeof(buf), 0)) > 0)
		removed += nlh->nlmsg_type == RTM_DELROUTE;
	ck_assert_int_eq(errno, EAGAIN);
	return removed;
}

void
route_add(struct evtun_link *link, struct evtun_link_route route)
{
	ck_assert_msg(evtun_link_add_route(link, &route) == 0, "%s: %s",
	    route.to, evtun_get_error());
}

void
route_replace(struct evtun_link *link, struct evtun_link_route route)
{
	ck_assert_msg(evtun_link_replace_route(link, &route) == 0, "%s: %s",
	    route.to, evtun_get_error());
}

void
route_del(struct evtun_link *link, struct evtun_link_route route)
{
	ck_assert_msg(evtun_link_del_route(link, &route) == 0, "%s: %s",
	    route.to, evtun_get_error());
}
