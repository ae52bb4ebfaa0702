/*
 * What a config chooses when a device is opened: its index, NAPI, the header,
 * no carrier.  Namespaces are in test_tun_netns.c.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <arpa/inet.h>
#include <net/if.h>

#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040
#endif

static struct evtun_config *cfg;

static void
begin(void)
{
	kit_netns();
	cfg = evtun_config_new();
	ck_assert_ptr_nonnull(cfg);
}

static struct evtun *
new_with(const char *name, int options)
{
	struct evtun *tun = evtun_new_config(name, options, cfg);

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	return tun;
}

static void
need_feature(unsigned flag, const char *what)
{
	unsigned features = 0;
	int fd = look_open("probe", IFF_TUN | IFF_NO_PI);

	ck_assert_int_eq(ioctl(fd, TUNGETFEATURES, &features), 0);
	close(fd);
	if (!(features & flag))
		kit_skip("this kernel has no %s", what);
}

/* ---- nothing, and the index ---- */

START_TEST(test_nothing)
{
	struct evtun *tun;
	char *plain, *other;

	begin();
	tun = look_new("vpn0", 0);
	plain = ip_json("link show dev vpn0 type tun");
	evtun_free(tun);
	tun = evtun_new_config("vpn0", 0, NULL);
	ck_assert_ptr_nonnull(tun);
	evtun_free(tun);
	tun = new_with("vpn0", 0);
	other = ip_json("link show dev vpn0 type tun");
	/* But for the index, which stands first. */
	ck_assert_str_eq(strchr(plain, ','), strchr(other, ','));
	free(plain);
	free(other);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

START_TEST(test_index)
{
	struct evtun *tun, *more;
	char words[64];

	begin();
	kit_ok(evtun_config_set_index(cfg, 54321));
	tun = new_with(_i ? "vpn%d" : "vpn0", _i ? EVTUN_OPT_MULTIQUEUE : 0);
	snprintf(words, sizeof(words), "\"ifindex\":%d,", 54321);
	ip_must_say(words, "link show dev vpn0");
	ck_assert_uint_eq(evtun_get_index(tun), 54321);
	look_refused(evtun_new_config("vpn1", 0, cfg), EBUSY);
	look_text("54321");
	look_text("another interface");
	ck_assert_uint_eq(look_index("vpn1"), 0);
	/* The same interface has it. */
	if (_i) {
		more = new_with("vpn0", EVTUN_OPT_MULTIQUEUE);
		evtun_free(more);
	}
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* An interface that exists keeps its index, and its flags. */
START_TEST(test_index_of_another)
{
	char *before, *after;

	begin();
	look_make_persistent("vpn0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	before = ip_json("link show dev vpn0");
	kit_ok(evtun_config_set_index(cfg, 54321));
	look_refused(evtun_new_config("vpn0", 0, cfg), EINVAL);
	look_text("exists");
	after = ip_json("link show dev vpn0");
	ck_assert_str_eq(before, after);
	free(before);
	free(after);
	look_refused(evtun_new_config("lo", 0, cfg), EINVAL);
	look_text("no TUN or TAP device");
	kit_ok(evtun_config_set_index(cfg, look_index("vpn0")));
	evtun_free(new_with("vpn0", 0));
	evtun_config_free(cfg);
	cfg = evtun_config_new();
	look_refused(evtun_new_config("lo", 0, cfg), EINVAL);
	look_text("no TUN or TAP device");
	evtun_config_free(cfg);
}
END_TEST

/* ---- carrier ---- */

START_TEST(test_no_carrier)
{
	struct evtun_link *link;
	struct evtun *tun;

	begin();
	need_feature(IFF_NO_CARRIER, "IFF_NO_CARRIER");
	kit_ok(evtun_config_set_no_carrier(cfg, 1));
	kit_ok(evtun_config_set_up(cfg, 1));
	tun = new_with("vpn0", 0);
	ip_must_say("\"NO-CARRIER\"", "link show dev vpn0");
	link = evtun_link_new_tun(tun);
	ck_assert_ptr_nonnull(link);
	kit_ok(evtun_link_set_carrier(link, 1));
	evtun_link_free(link);
	ip_must_not_say("\"NO-CARRIER\"", "link show dev vpn0");
	evtun_free(tun);
	kit_ok(evtun_config_set_no_carrier(cfg, 0));
	tun = new_with("vpn0", 0);
	ip_must_not_say("\"NO-CARRIER\"", "link show dev vpn0");
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* It is for new ones. */
START_TEST(test_no_carrier_of_another)
{
	struct evtun *tun;

	begin();
	need_feature(IFF_NO_CARRIER, "IFF_NO_CARRIER");
	look_make_persistent("vpn0", IFF_TUN | IFF_NO_PI);
	kit_link_up("vpn0", 1);
	kit_ok(evtun_config_set_no_carrier(cfg, 1));
	tun = new_with("vpn0", 0);
	ip_must_not_say("\"NO-CARRIER\"", "link show dev vpn0");
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* ---- NAPI ---- */

static int
get_flags(struct evtun *tun)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETIFF, &ifr), 0);
	return ifr.ifr_flags;
}

static void
receive(int fd, const void *packet, size_t len)
{
	struct pollfd pfd = { fd, POLLIN, 0 };
	unsigned char *got = malloc(len + 1);

	ck_assert_ptr_nonnull(got);
	ck_assert_int_eq(poll(&pfd, 1, (int)(10000 * kit_patience())), 1);
	ck_assert_int_eq((int)recv(fd, got, len + 1, 0), (int)len);
	ck_assert_int_eq(memcmp(got, packet, len), 0);
	free(got);
}

static void
read_back(struct evtun *tun, const void *packet, size_t len)
{
	struct pollfd pfd = { evtun_get_fd(tun), POLLIN, 0 };
	unsigned char got[4000];

	ck_assert_int_eq(poll(&pfd, 1, (int)(10000 * kit_patience())), 1);
	ck_assert_int_eq(evtun_read(tun, got, sizeof(got)), (int)len);
	ck_assert_int_eq(memcmp(got, packet, len), 0);
}

/* Some sizes, both ways. */
static void
check_packets(struct evtun *tun, enum kit_kind kind)
{
	static const size_t sizes[] = { 60, 61, 1000, 1400 };
	unsigned char packet[2000];
	int fd = kit_packet_socket("vpn0");
	unsigned i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		kit_fill(kind, packet, i, sizes[i]);
		kit_ok(evtun_write(tun, packet, sizes[i]));
		receive(fd, packet, sizes[i]);
		kit_fill(kind, packet, 100 + i, sizes[i]);
		ck_assert_int_eq((int)send(fd, packet, sizes[i], 0),
		    (int)sizes[i]);
		read_back(tun, packet, sizes[i]);
	}
	close(fd);
}

static const int napi_options[] = { 0, EVTUN_OPT_TAP, EVTUN_OPT_OFFLOAD,
	EVTUN_OPT_TAP | EVTUN_OPT_OFFLOAD, EVTUN_OPT_MULTIQUEUE,
	EVTUN_OPT_TAP | EVTUN_OPT_MULTIQUEUE };
#define N_NAPI ((int)(sizeof(napi_options) / sizeof(napi_options[0])))

START_TEST(test_napi)
{
	int options = napi_options[_i];
	struct evtun *tun, *queue = NULL;

	begin();
	need_feature(IFF_NAPI, "IFF_NAPI");
	kit_ok(evtun_config_set_napi(cfg, EVTUN_NAPI_ON));
	kit_ok(evtun_config_set_up(cfg, 1));
	tun = new_with("vpn0", options);
	ck_assert_int_eq(get_flags(tun) & (IFF_NAPI | IFF_NAPI_FRAGS),
	    IFF_NAPI);
	if (options & EVTUN_OPT_MULTIQUEUE) {
		queue = evtun_new_queue(tun);
		ck_assert_msg(queue != NULL, "%s", evtun_get_error());
		ck_assert_int_eq(get_flags(queue) & IFF_NAPI, IFF_NAPI);
		evtun_free(tun);
		tun = queue;
	}
	check_packets(tun, options & EVTUN_OPT_TAP ? KIT_TAP : KIT_TUN);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* A packet in pieces: more of them, larger and smaller ones than the kernel
 * takes as fragments. */
static void
write_pieces(struct packetevent *pev, unsigned char *packet, const size_t *len,
    int n)
{
	struct evbuffer_iovec vec[64];
	unsigned char *p = packet;
	int i;

	for (i = 0; i < n; i++) {
		vec[i].iov_base = p;
		vec[i].iov_len = len[i];
		p += len[i];
	}
	kit_ok(packetevent_write_iovec(pev, vec, n));
}

static void
check_pieces(struct packetevent *pev, int fd)
{
	static unsigned char packet[60000];
	static const size_t few[] = { 14, 100, 4096, 1 };
	static const size_t empty[] = { 0, 14, 0, 500, 0 };
	static const size_t large[] = { 14, 4097 };
	static const size_t first[] = { 5000, 20 };
	size_t many[60], len;
	int i, n;

	kit_fill(KIT_TAP, packet, 1, 14 + 100 + 4096 + 1);
	write_pieces(pev, packet, few, 4);
	receive(fd, packet, 14 + 100 + 4096 + 1);
	kit_fill(KIT_TAP, packet, 2, 514);
	write_pieces(pev, packet, empty, 5);
	receive(fd, packet, 514);
	kit_fill(KIT_TAP, packet, 3, 14 + 4097);
	write_pieces(pev, packet, large, 2);
	receive(fd, packet, 14 + 4097);
	kit_fill(KIT_TAP, packet, 4, 5020);
	write_pieces(pev, packet, first, 2);
	receive(fd, packet, 5020);
	for (n = 16; n <= 60; n += n < 20 ? 1 : 40) {
		for (len = 0, i = 0; i < n; len += many[i], i++)
			many[i] = (size_t)(20 + i);
		kit_fill(KIT_TAP, packet, (unsigned)n, len);
		write_pieces(pev, packet, many, n);
		receive(fd, packet, len);
	}
	ck_assert_uint_eq(packetevent_get_count(pev,
	    PEV_COUNT_WRITE_DROPPED), 0);
}

START_TEST(test_napi_frags)
{
	struct event_base *base;
	struct packetevent *pev;
	struct evtun *tun;
	int fd;

	begin();
	need_feature(IFF_NAPI_FRAGS, "IFF_NAPI_FRAGS");
	kit_ok(evtun_config_set_napi(cfg, EVTUN_NAPI_FRAGS));
	kit_ok(evtun_config_set_mtu(cfg, 65521));
	kit_ok(evtun_config_set_up(cfg, 1));
	tun = new_with("vpn0", EVTUN_OPT_TAP | (_i ? EVTUN_OPT_OFFLOAD : 0));
	ck_assert_int_eq(get_flags(tun) & (IFF_NAPI | IFF_NAPI_FRAGS),
	    IFF_NAPI | IFF_NAPI_FRAGS);
	check_packets(tun, KIT_TAP);
	fd = kit_packet_socket("vpn0");
	base = event_base_new();
	pev = packetevent_tun_new(base, tun, 0);
	ck_assert_ptr_nonnull(pev);
	kit_ok(packetevent_enable(pev, EV_WRITE));
	check_pieces(pev, fd);
	packetevent_free(pev);
	event_base_free(base);
	close(fd);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

/* In a user namespace the kernel refuses it, and nothing stays. */
START_TEST(test_napi_frags_refused)
{
	struct evtun *tun;

	begin();
	need_feature(IFF_NAPI_FRAGS, "IFF_NAPI_FRAGS");
	kit_ok(evtun_config_set_napi(cfg, EVTUN_NAPI_FRAGS));
	tun = evtun_new_config("vpn0", EVTUN_OPT_TAP, cfg);
	if (tun == NULL) {
		ck_assert_int_eq(errno, EPERM);
		look_text("CAP_NET_ADMIN");
	}
	evtun_free(tun);
	ck_assert_uint_eq(look_index("vpn0"), 0);
	evtun_config_free(cfg);
}
END_TEST

/* ---- the header ---- */

static const int sizes[] = { 0, 10, 12, 20, 24 };
#define N_SIZES ((int)(sizeof(sizes) / sizeof(sizes[0])))
#define N_HEADERS (N_SIZES * 3)

/* Whether the kernel has headers in that order. */
static int
has_order(enum evtun_byte_order order)
{
	int one = 1, r, fd;

	if (order != EVTUN_ORDER_BIG || htons(1) == 1)
		return 1;
	fd = look_open("probe", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	r = ioctl(fd, TUNSETVNETBE, &one);
	close(fd);
	return r == 0;
}

static void
check_header(struct evtun *tun, int size, enum evtun_byte_order order)
{
	int now = 0, little = 0;

	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETVNETHDRSZ, &now), 0);
	if (size != 0)
		ck_assert_int_eq(now, size);
	else
		ck_assert(now == 10 || now == 24);
	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETVNETLE, &little), 0);
	ck_assert_int_eq(little, order == EVTUN_ORDER_LITTLE);
}

/* On one that is new, and on one where the last user had another. */
START_TEST(test_header)
{
	int size = sizes[_i / 3], stale = 20, one = 1, fd;
	enum evtun_byte_order order = (enum evtun_byte_order)(_i % 3);
	struct evtun *tun, *more;
	int options;

	begin();
	kit_ok(evtun_config_set_header(cfg, size, order));
	if (!has_order(order)) {
		look_refused(evtun_new_config("vpn0", EVTUN_OPT_OFFLOAD, cfg),
		    ENOTSUP);
		ck_assert_uint_eq(look_index("vpn0"), 0);
		evtun_config_free(cfg);
		return;
	}
	kit_ok(evtun_config_set_up(cfg, 1));
	for (options = 0; options < 4; options++) {
		int all = EVTUN_OPT_OFFLOAD |
		    (options & 1 ? EVTUN_OPT_TAP : 0) |
		    (options & 2 ? EVTUN_OPT_MULTIQUEUE : 0);
		int flags = (options & 1 ? IFF_TAP : IFF_TUN) | IFF_NO_PI |
		    IFF_VNET_HDR | (options & 2 ? IFF_MULTI_QUEUE : 0);

		tun = new_with("vpn0", all);
		check_header(tun, size, order);
		check_packets(tun, options & 1 ? KIT_TAP : KIT_TUN);
		if (options & 2) {
			more = new_with("vpn0", all);
			check_header(more, size, order);
			evtun_free(more);
		}
		evtun_free(tun);
		fd = look_open("vpn0", flags);
		ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
		ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &stale), 0);
		ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &one), 0);
		close(fd);
		tun = new_with("vpn0", all);
		/* What is not asked for may stay, where others may come. */
		if (size != 0 || order != EVTUN_ORDER_NATIVE)
			check_header(tun, size, order);
		check_packets(tun, options & 1 ? KIT_TAP : KIT_TUN);
		kit_ok(evtun_set_persist(tun, 0));
		evtun_free(tun);
	}
	evtun_config_free(cfg);
}
END_TEST

/* Others have it open, with another header: theirs stays. */
START_TEST(test_header_of_others)
{
	struct evtun *tun, *same;
	int options = EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE;

	begin();
	kit_ok(evtun_config_set_header(cfg, 12, EVTUN_ORDER_NATIVE));
	tun = new_with("vpn0", options);
	kit_ok(evtun_config_set_header(cfg, 20, EVTUN_ORDER_NATIVE));
	look_refused(evtun_new_config("vpn0", options, cfg), EINVAL);
	look_text("another header");
	kit_ok(evtun_config_set_header(cfg, 12, htons(1) == 1 ?
	    EVTUN_ORDER_LITTLE : EVTUN_ORDER_NATIVE));
	if (htons(1) != 1) {
		same = new_with("vpn0", options);
		evtun_free(same);
	}
	check_header(tun, 12, EVTUN_ORDER_NATIVE);
	evtun_free(tun);
	evtun_config_free(cfg);
}
END_TEST

int
main(void)
{
	kit_suite("config_open");
	kit_case("index", KIT_NEEDS_TUN);
	kit_test(test_nothing);
	kit_loop(test_index, 0, 2);
	kit_test(test_index_of_another);
	kit_case("carrier", KIT_NEEDS_TUN);
	kit_test(test_no_carrier);
	kit_test(test_no_carrier_of_another);
	kit_case("napi", KIT_NEEDS_TUN);
	kit_loop(test_napi, 0, N_NAPI);
	kit_test(test_napi_frags_refused);
	kit_case("napi_frags", KIT_NEEDS_TUN_ROOT);
	kit_loop(test_napi_frags, 0, 2);
	kit_case("header", KIT_NEEDS_TUN);
	kit_loop(test_header, 0, N_HEADERS);
	kit_test(test_header_of_others);
	return kit_run();
}
