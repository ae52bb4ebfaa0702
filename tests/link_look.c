#include "config.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <net/if_arp.h>
#include <netinet/in.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"

struct evtun_link *
link_look(const char *name, int netns)
{
	struct evtun_link *link = evtun_link_new(name, netns);

	ck_assert_msg(link != NULL, "evtun_link_new: %s", evtun_get_error());
	return link;
}

static void must_have(const char *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
must_have(const char *text, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	ck_assert_msg(strstr(text, words) != NULL, "not in: %s\n%s", words,
	    text);
}

static void
check_flags(const char *text, int flags)
{
	static const struct {
		int flag;
		const char *word;
	} map[] = {
		{ EVTUN_LINK_UP, "\"UP\"" },
		{ EVTUN_LINK_POINT_TO_POINT, "\"POINTOPOINT\"" },
		{ EVTUN_LINK_MULTICAST, "\"MULTICAST\"" },
		{ EVTUN_LINK_NO_ARP, "\"NOARP\"" },
		{ EVTUN_LINK_PROMISCUOUS, "\"PROMISC\"" }
	};
	char list[256];
	size_t i;

	ck_assert_int_eq(sscanf(strstr(text, "\"flags\":["),
	    "\"flags\":[%255[^]]", list), 1);
	for (i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		ck_assert_msg(!(flags & map[i].flag) ==
		    !strstr(list, map[i].word), "flags %x: %s", flags, list);
	/* ip(8) tells of the carrier only while it is up. */
	if (!(flags & EVTUN_LINK_UP))
		return;
	ck_assert_msg(!(flags & EVTUN_LINK_RUNNING) ==
	    !!strstr(list, "\"NO-CARRIER\""), "flags %x: %s", flags, list);
	ck_assert_msg(!(flags & EVTUN_LINK_CARRIER) ==
	    !strstr(list, "\"LOWER_UP\""), "flags %x: %s", flags, list);
}

static const char *
truth(int value)
{
	return value ? "true" : "false";
}

/* Of a number that ip(8) leaves out where there is none. */
static void
check_optional(const char *text, const char *key, long value, long none)
{
	if (value == none)
		ck_assert_msg(strstr(text, key) == NULL, "%s: %s", key, text);
	else
		must_have(text, "%s%ld", key, value);
}

static void
check_device(const char *text, struct evtun_link *link)
{
	const char *info = strstr(text, "\"info_data\":{");
	char data[512];
	int flags = evtun_link_get_flags(link);

	if (evtun_link_get_kind(link) == EVTUN_LINK_OTHER) {
		ck_assert_ptr_null(strstr(text, "\"info_kind\":\"tun\""));
		ck_assert_int_eq(evtun_link_get_owner(link), -1);
		ck_assert_int_eq(evtun_link_get_owner_group(link), -1);
		return;
	}
	must_have(text, "\"info_kind\":\"tun\"");
	ck_assert_int_eq(sscanf(info, "%511[^}]", data), 1);
	must_have(data, "\"type\":\"%s\",\"pi\":%s,\"vnet_hdr\":%s,"
	    "\"multi_queue\":%s",
	    evtun_link_get_kind(link) == EVTUN_LINK_TAP ? "tap" : "tun",
	    truth(flags & EVTUN_LINK_PACKET_INFO),
	    truth(flags & EVTUN_LINK_OFFLOAD),
	    truth(flags & EVTUN_LINK_MULTIQUEUE));
	must_have(data, "\"persist\":%s", truth(flags & EVTUN_LINK_PERSIST));
	if (flags & EVTUN_LINK_MULTIQUEUE)
		must_have(data, "\"numqueues\":%u,\"numdisabled\":%u",
		    evtun_link_get_queues(link),
		    evtun_link_get_detached_queues(link));
	check_optional(data, "\"user\":", evtun_link_get_owner(link), -1);
	check_optional(data, "\"group\":", evtun_link_get_owner_group(link),
	    -1);
}

static void
check_hwaddr(const char *text, struct evtun_link *link)
{
	unsigned char addr[32], *p = addr;
	size_t n = evtun_link_get_hwaddr(link, addr, sizeof(addr));

	if (n == 0) {
		ck_assert_ptr_null(strstr(text, "\"address\":"));
		return;
	}
	ck_assert_uint_eq(n, 6);
	must_have(text, "\"address\":\"%02x:%02x:%02x:%02x:%02x:%02x\"",
	    p[0], p[1], p[2], p[3], p[4], p[5]);
}

static void
check_type(const char *text, int type)
{
	must_have(text, "\"link_type\":\"%s\"", type == ARPHRD_NONE ? "none" :
	    type == ARPHRD_ETHER ? "ether" :
	    type == ARPHRD_LOOPBACK ? "loopback" : "?");
}

static void
check_names(const char *text, struct evtun_link *link)
{
	char words[1024] = "";
	size_t i, n = 0;
	const char *name;

	for (i = 0; (name = evtun_link_get_altname(link, i)) != NULL; i++)
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s\"%s\"",
		    i > 0 ? "," : "", name);
	if (i > 0)
		must_have(text, "\"altnames\":[%s]", words);
	else
		ck_assert_ptr_null(strstr(text, "\"altnames\""));
	if (evtun_link_get_alias(link)[0] != '\0')
		must_have(text, "\"ifalias\":\"%s\"",
		    evtun_link_get_alias(link));
	else
		ck_assert_ptr_null(strstr(text, "\"ifalias\""));
}

static unsigned long long
count(struct evtun_link *link, enum evtun_link_count what)
{
	return evtun_link_get_count(link, what);
}

static void
check_counts(const char *text, struct evtun_link *link)
{
	must_have(text, "\"rx\":{\"bytes\":%llu,\"packets\":%llu,"
	    "\"errors\":%llu,\"dropped\":%llu,",
	    count(link, EVTUN_LINK_IN_BYTES),
	    count(link, EVTUN_LINK_IN_PACKETS),
	    count(link, EVTUN_LINK_IN_ERRORS),
	    count(link, EVTUN_LINK_IN_DROPPED));
	must_have(text, "\"tx\":{\"bytes\":%llu,\"packets\":%llu,"
	    "\"errors\":%llu,\"dropped\":%llu,",
	    count(link, EVTUN_LINK_OUT_BYTES),
	    count(link, EVTUN_LINK_OUT_PACKETS),
	    count(link, EVTUN_LINK_OUT_ERRORS),
	    count(link, EVTUN_LINK_OUT_DROPPED));
}

void
link_check(struct evtun_link *link)
{
	static const char *const addrgen[] = {
		"eui64", "none", "stable_secret", "random"
	};
	long group;
	char *text;

	kit_ok(evtun_link_update(link));
	text = ip_json("-s link show dev %s", evtun_link_get_name(link));
	must_have(text, "\"ifindex\":%u,\"ifname\":\"%s\"",
	    evtun_link_get_index(link), evtun_link_get_name(link));
	must_have(text, "\"mtu\":%d,", evtun_link_get_mtu(link));
	check_optional(text, "\"txqlen\":", evtun_link_get_txqueuelen(link),
	    0);
	if ((group = evtun_link_get_group(link)) == 0)
		must_have(text, "\"group\":\"default\"");
	else
		must_have(text, "\"group\":\"%ld\"", group);
	if (evtun_link_get_addrgen(link) == -1)
		ck_assert_ptr_null(strstr(text, "inet6_addr_gen_mode"));
	else
		must_have(text, "\"inet6_addr_gen_mode\":\"%s\"",
		    addrgen[evtun_link_get_addrgen(link)]);
	check_type(text, evtun_link_get_type(link));
	check_hwaddr(text, link);
	check_flags(text, evtun_link_get_flags(link));
	check_device(text, link);
	check_names(text, link);
	check_counts(text, link);
	free(text);
}

char *
link_remember(const char *name)
{
	return ip_json("link show dev %s", name);
}

void
link_check_same(const char *name, char *before)
{
	char *after = link_remember(name);

	ck_assert_str_eq(before, after);
	free(before);
	free(after);
}

void
link_send_one(void)
{
	struct sockaddr_in sin;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(9);
	sin.sin_addr.s_addr = inet_addr("10.9.0.2");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&sin,
	    sizeof(sin)), 1);
	close(fd);
}
