/*
 * The routes through an interface: evtun/link.h.
 */
#include "config.h"

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/address-internal.h"
#include "tun/link-internal.h"

/* A route's strings. */
struct strings {
	char to[INET6_ADDRSTRLEN + sizeof("/128")];
	char via[INET6_ADDRSTRLEN];
	char source[INET6_ADDRSTRLEN];
};

static void
tell(struct evtun_link_route *out, struct strings *s,
    const struct evtun_route *in)
{
	size_t n;

	inet_ntop(in->family, in->to, s->to, sizeof(s->to));
	n = strlen(s->to);
	snprintf(s->to + n, sizeof(s->to) - n, "/%u", in->prefix_len);
	memset(out, 0, sizeof(*out));
	out->to = s->to;
	if (in->via_family != 0)
		out->via = inet_ntop(in->via_family, in->via, s->via,
		    sizeof(s->via));
	if (in->has_source)
		out->source = inet_ntop(in->family, in->source, s->source,
		    sizeof(s->source));
	out->metric = in->metric;
	out->table = in->table;
	out->mtu = in->mtu;
	out->scope = in->scope;
	out->protocol = in->protocol;
}

/* One block, so that one free() does. */
static struct evtun_link_route *
tell_all(const struct evtun_route *list, size_t n)
{
	struct evtun_link_route *out;
	struct strings *strings;
	size_t i;

	out = calloc(n, sizeof(*out) + sizeof(*strings));
	if (out == NULL)
		return NULL;
	strings = (struct strings *)(out + n);
	for (i = 0; i < n; i++)
		tell(&out[i], &strings[i], &list[i]);
	return out;
}

int
evtun_link_get_routes(struct evtun_link *link, struct evtun_link_route **list)
{
	static const char step[] = "get the routes";
	struct evtun_route *have;
	int n;

	*list = NULL;
	if (evtun_link_refresh_(link, step) < 0 ||
	    (n = evtun_system_get_routes_(link, &have)) < 0)
		return -1;
	if (n > 0 && (*list = tell_all(have, (size_t)n)) == NULL)
		n = evtun_fail_(ENOMEM, step, NULL);
	free(have);
	return n;
}

int
evtun_link_add_route(struct evtun_link *link,
    const struct evtun_link_route *route)
{
	struct evtun_route parsed;

	if (evtun_parse_route_(&parsed, route) < 0 ||
	    evtun_link_refresh_(link, "add the route") < 0)
		return -1;
	return evtun_system_add_route_(link, &parsed);
}

int
evtun_link_replace_route(struct evtun_link *link,
    const struct evtun_link_route *route)
{
	struct evtun_route parsed;

	if (evtun_parse_route_(&parsed, route) < 0 ||
	    evtun_link_refresh_(link, "replace the route") < 0)
		return -1;
	return evtun_system_replace_route_(link, &parsed);
}

int
evtun_link_del_route(struct evtun_link *link,
    const struct evtun_link_route *route)
{
	struct evtun_route parsed;

	if (evtun_parse_route_(&parsed, route) < 0 ||
	    evtun_link_refresh_(link, "remove the route") < 0)
		return -1;
	return evtun_system_del_route_(link, &parsed);
}
