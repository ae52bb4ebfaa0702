/*
 * Everything that links tell, of an interface in another network namespace.
 * Where the caller is there is another one of the same name and index, and of
 * the other kind.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <net/if.h>
#include <net/if_arp.h>

#include <linux/if_tun.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "netns_rig.h"
#include "tun_look.h"

/* How the interface is found. */
enum way { BY_NAME, BY_INDEX, BY_DEVICE, N_WAYS };

static const unsigned char mac[6] = { 2, 3, 5, 7, 11, 13 };

static struct stage {
	int is_tap;
	struct evtun *tun;		/* there */
	struct evtun_link *link;
	int namesake;			/* here */
} stage;

static struct evtun_link *
find(enum way way)
{
	struct evtun_link *link = way == BY_NAME ?
	    evtun_link_new("vpn0", netns_other) : way == BY_INDEX ?
	    evtun_link_new_index(look_index("vpn0"), netns_other) :
	    evtun_link_new_tun(stage.tun);

	ck_assert_msg(link != NULL, "%s", evtun_get_error());
	return link;
}

/* i: a kind and a way. */
static void
begin(int i, int options)
{
	unsigned index;

	netns_two();
	stage.is_tap = i % 2;
	stage.tun = netns_new_there("vpn0",
	    options | (stage.is_tap ? EVTUN_OPT_TAP : 0));
	stage.namesake = look_open("vpn0",
	    (stage.is_tap ? IFF_TUN : IFF_TAP) | IFF_NO_PI);
	look_enter(netns_other);
	index = look_index("vpn0");
	look_enter(netns_home);
	ck_assert_uint_ne(index, 0);
	ck_assert_uint_eq(look_index("vpn0"), index);
	stage.link = find((enum way)(i / 2));
}

static void
end(void)
{
	netns_check_home();
	evtun_link_free(stage.link);
	evtun_free(stage.tun);
	close(stage.namesake);
	close(netns_home);
	close(netns_other);
}

/* ---- settings and counters ---- */

/* What ip(8) says there. */
static char *
there(const char *ask)
{
	char *text;

	look_enter(netns_other);
	text = ip_json("%s", ask);
	look_enter(netns_home);
	return text;
}

static void must_have(const char *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
must_have(const char *text, const char *fmt, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	ck_assert_msg(strstr(text, words) != NULL, "not in: %s\n%s", words,
	    text);
}

static void
check_numbers(const struct evtun_link *link, const char *text)
{
	must_have(text, "\"ifindex\":%u,\"ifname\":\"%s\"",
	    evtun_link_get_index(link), evtun_link_get_name(link));
	ck_assert_int_eq(evtun_link_get_kind(link),
	    stage.is_tap ? EVTUN_LINK_TAP : EVTUN_LINK_TUN);
	must_have(text, "\"type\":\"%s\"", stage.is_tap ? "tap" : "tun");
	ck_assert_int_eq(evtun_link_get_type(link),
	    stage.is_tap ? ARPHRD_ETHER : ARPHRD_NONE);
	must_have(text, "\"link_type\":\"%s\"",
	    stage.is_tap ? "ether" : "none");
	ck_assert_int_eq(evtun_link_get_mtu(link), 1450);
	must_have(text, "\"mtu\":1450,");
	ck_assert_int_eq(evtun_link_get_txqueuelen(link), 99);
	must_have(text, "\"txqlen\":99,");
	ck_assert_int_eq(evtun_link_get_group(link), 43);
	must_have(text, "\"group\":\"43\"");
	ck_assert_int_eq(evtun_link_get_addrgen(link), EVTUN_ADDRGEN_RANDOM);
	must_have(text, "\"inet6_addr_gen_mode\":\"random\"");
	ck_assert_uint_eq(evtun_link_get_queues(link), 1);
	ck_assert_uint_eq(evtun_link_get_detached_queues(link), 1);
	must_have(text, "\"numqueues\":1,\"numdisabled\":1");
}

static void
check_words(const struct evtun_link *link, const char *text)
{
	unsigned char got[6];

	ck_assert_str_eq(evtun_link_get_alias(link), "far away");
	must_have(text, "\"ifalias\":\"far away\"");
	ck_assert_str_eq(evtun_link_get_altname(link, 0), "far-one");
	ck_assert_str_eq(evtun_link_get_altname(link, 1), "far-two");
	ck_assert_ptr_null(evtun_link_get_altname(link, 2));
	must_have(text, "\"altnames\":[\"far-one\",\"far-two\"]");
	ck_assert_uint_eq(evtun_link_get_hwaddr(link, got, sizeof(got)),
	    stage.is_tap ? sizeof(mac) : 0);
	if (stage.is_tap) {
		ck_assert_mem_eq(got, mac, sizeof(mac));
		must_have(text, "\"address\":\"02:03:05:07:0b:0d\"");
	}
}

static void
check_flags(const struct evtun_link *link, const char *text)
{
	ck_assert_int_eq(evtun_link_get_flags(link), EVTUN_LINK_UP |
	    EVTUN_LINK_RUNNING | EVTUN_LINK_CARRIER | EVTUN_LINK_NO_ARP |
	    EVTUN_LINK_PROMISCUOUS | EVTUN_LINK_MULTIQUEUE |
	    (stage.is_tap ? 0 : EVTUN_LINK_POINT_TO_POINT));
	must_have(text, "\"flags\":[\"%s\",\"NOARP\",\"PROMISC\",\"UP\","
	    "\"LOWER_UP\"]", stage.is_tap ? "BROADCAST" : "POINTOPOINT");
	must_have(text, "\"multi_queue\":true");
}

static unsigned long long
count(const struct evtun_link *link, enum evtun_link_count what)
{
	return evtun_link_get_count(link, what);
}

static void
check_counts(const struct evtun_link *link, const char *text)
{
	ck_assert_uint_eq(count(link, EVTUN_LINK_IN_PACKETS), 3);
	ck_assert_uint_eq(count(link, EVTUN_LINK_OUT_PACKETS), 2);
	must_have(text, "\"rx\":{\"bytes\":%llu,\"packets\":3,"
	    "\"errors\":%llu,\"dropped\":%llu,",
	    count(link, EVTUN_LINK_IN_BYTES),
	    count(link, EVTUN_LINK_IN_ERRORS),
	    count(link, EVTUN_LINK_IN_DROPPED));
	must_have(text, "\"tx\":{\"bytes\":%llu,\"packets\":2,"
	    "\"errors\":%llu,\"dropped\":%llu,",
	    count(link, EVTUN_LINK_OUT_BYTES),
	    count(link, EVTUN_LINK_OUT_ERRORS),
	    count(link, EVTUN_LINK_OUT_DROPPED));
}

/* A second queue, which is detached; a setting of each sort. */
static struct evtun *
prepare_there(void)
{
	struct evtun *queue = evtun_new_queue(stage.tun);
	struct ifreq ifr;

	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = IFF_DETACH_QUEUE;
	ck_assert_int_eq(ioctl(evtun_get_fd(queue), TUNSETQUEUE, &ifr), 0);
	look_enter(netns_other);
	ip_do("link set vpn0 alias far\\ away mtu 1450 txqueuelen 99");
	ip_do("link set vpn0 group 43 addrgenmode random arp off promisc on");
	ip_do("link set vpn0 multicast off");
	ip_do("link property add dev vpn0 altname far-one altname far-two");
	if (stage.is_tap)
		ip_do("link set vpn0 address 02:03:05:07:0b:0d");
	kit_link_up("vpn0", 1);
	look_enter(netns_home);
	return queue;
}

/* Three packets in, and two out. */
static void
move_packets(void)
{
	const enum kit_kind kind = stage.is_tap ? KIT_TAP : KIT_TUN;
	struct pollfd pfd = { evtun_get_fd(stage.tun), POLLIN, 0 };
	unsigned char packet[100];
	unsigned i;
	int fd;

	look_enter(netns_other);
	fd = kit_packet_socket("vpn0");
	look_enter(netns_home);
	for (i = 0; i < 3; i++) {
		kit_fill(kind, packet, i, sizeof(packet));
		kit_ok(evtun_write(stage.tun, packet, sizeof(packet)));
	}
	/* They count when they are read. */
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq((int)send(fd, packet, sizeof(packet), 0),
		    sizeof(packet));
		ck_assert_int_eq(poll(&pfd, 1,
		    (int)(10000 * kit_patience())), 1);
		ck_assert_int_eq(evtun_read(stage.tun, packet,
		    sizeof(packet)), sizeof(packet));
	}
	close(fd);
}

START_TEST(test_get)
{
	struct evtun *queue;
	char *text;
	int fd;

	begin(_i, EVTUN_OPT_MULTIQUEUE);
	queue = prepare_there();
	move_packets();
	kit_ok(evtun_link_update(stage.link));
	text = there("-s link show dev vpn0");
	check_numbers(stage.link, text);
	check_words(stage.link, text);
	check_flags(stage.link, text);
	check_counts(stage.link, text);
	fd = evtun_link_get_netns(stage.link);
	ck_assert_uint_eq(netns_inode_of(fd), netns_inode_of(netns_other));
	close(fd);
	free(text);
	evtun_free(queue);
	end();
}
END_TEST

/* As numbers that are nobody's here. */
START_TEST(test_owner)
{
	char *text;

	begin(_i, 0);
	ck_assert_int_eq(ioctl(evtun_get_fd(stage.tun), TUNSETOWNER,
	    41231UL), 0);
	ck_assert_int_eq(ioctl(evtun_get_fd(stage.tun), TUNSETGROUP,
	    41232UL), 0);
	kit_ok(evtun_link_update(stage.link));
	ck_assert_int_eq(evtun_link_get_owner(stage.link), 41231);
	ck_assert_int_eq(evtun_link_get_owner_group(stage.link), 41232);
	text = there("link show dev vpn0");
	must_have(text, "\"user\":41231");
	must_have(text, "\"group\":41232");
	free(text);
	end();
}
END_TEST

/* ---- lists ---- */

/* The link's interface has 10.DIGIT.0.1 and so on. */
static void
give(int digit)
{
	kit_ipv6(1);
	ip_do("link set vpn0 addrgenmode none");
	ip_do("link set vpn0 up");
	ip_do("addr add 10.%d.0.1/24 brd 10.%d.0.77 dev vpn0", digit, digit);
	ip_do("addr add fd0%d::1/64 nodad dev vpn0", digit);
	ip_do("route add 10.90.0.0/16 via 10.%d.0.9 metric 5", digit);
	ip_do("route add fd90::/64 via fd0%d::9 metric 6 table 100 dev vpn0",
	    digit);
}

static void
give_both(void)
{
	give(7);
	look_enter(netns_other);
	give(9);
	ip_must_say("\"local\":\"10.9.0.1\",\"prefixlen\":24,"
	    "\"broadcast\":\"10.9.0.77\"", "address show dev vpn0");
	ip_must_say("\"local\":\"fd09::1\",\"prefixlen\":64",
	    "address show dev vpn0");
	ip_must_say("\"dst\":\"10.90.0.0/16\",\"gateway\":\"10.9.0.9\"",
	    "route show dev vpn0");
	ip_must_say("\"dst\":\"fd90::/64\",\"gateway\":\"fd09::9\"",
	    "-6 route show dev vpn0 table 100");
	look_enter(netns_home);
}

START_TEST(test_addresses)
{
	struct evtun_link_address *list;

	begin(_i, 0);
	give_both();
	ck_assert_int_eq(evtun_link_get_addresses(stage.link, &list), 2);
	ck_assert_str_eq(list[0].addr, "10.9.0.1/24");
	ck_assert_str_eq(list[0].broadcast, "10.9.0.77");
	ck_assert_str_eq(list[1].addr, "fd09::1/64");
	evtun_link_free_list(list);
	end();
}
END_TEST

/* Beside those for the prefixes of the addresses. */
START_TEST(test_routes)
{
	struct evtun_link_route *list;
	int i, n, found4 = 0, found6 = 0;

	begin(_i, 0);
	give_both();
	n = evtun_link_get_routes(stage.link, &list);
	ck_assert_int_eq(n, 4);
	for (i = 0; i < n; i++)
		if (strcmp(list[i].to, "10.90.0.0/16") == 0) {
			ck_assert_str_eq(list[i].via, "10.9.0.9");
			ck_assert_uint_eq(list[i].metric, 5);
			found4++;
		} else if (strcmp(list[i].to, "fd90::/64") == 0) {
			ck_assert_str_eq(list[i].via, "fd09::9");
			ck_assert_uint_eq(list[i].metric, 6);
			ck_assert_uint_eq(list[i].table, 100);
			found6++;
		} else {
			ck_assert(strcmp(list[i].to, "10.9.0.0/24") == 0 ||
			    strcmp(list[i].to, "fd09::/64") == 0);
		}
	ck_assert_int_eq(found4, 1);
	ck_assert_int_eq(found6, 1);
	evtun_link_free_list(list);
	end();
}
END_TEST

/* This process has both open. */
START_TEST(test_holders)
{
	struct evtun_holder *list;
	int n;

	kit_netns();
	kit_own_proc();
	begin(_i, 0);
	n = evtun_link_get_holders(stage.link, &list);
	ck_assert_msg(n >= 0, "%s", evtun_get_error());
	if (n == 0)
		kit_skip("this system lets nobody look at descriptors");
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(list[0].pid, (long)getpid());
	ck_assert_int_eq(list[0].fd, evtun_get_fd(stage.tun));
	evtun_link_free_list(list);
	end();
}
END_TEST

START_TEST(test_list)
{
	struct evtun_link **links;
	int fd;

	begin(_i, 0);
	ck_assert_int_eq(evtun_link_list(netns_other, &links), 1);
	ck_assert_str_eq(evtun_link_get_name(links[0]), "vpn0");
	ck_assert_int_eq(evtun_link_get_kind(links[0]),
	    stage.is_tap ? EVTUN_LINK_TAP : EVTUN_LINK_TUN);
	fd = evtun_link_get_netns(links[0]);
	ck_assert_uint_eq(netns_inode_of(fd), netns_inode_of(netns_other));
	close(fd);
	evtun_link_free_all(links, 1);
	end();
}
END_TEST

int
main(void)
{
	kit_suite("link_elsewhere_get");
	kit_case("settings", KIT_NEEDS_TUN);
	kit_loop(test_get, 0, 2 * N_WAYS);
	kit_case("owner", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_owner, 0, 2 * N_WAYS);
	kit_case("lists", KIT_NEEDS_TUN);
	kit_loop(test_addresses, 0, 2 * N_WAYS);
	kit_loop(test_routes, 0, 2 * N_WAYS);
	kit_loop(test_holders, 0, 2 * N_WAYS);
	kit_loop(test_list, 0, 2);
	return kit_run();
}
