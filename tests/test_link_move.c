/*
 * Interfaces that are moved to another network namespace, and removed.
 */
#include "config.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"

/* Two namespaces, a device here, and a link for it. */
struct stage {
	int here, there;
	struct evtun *tun;
	struct evtun_link *link;
	int fds;
};

static void
begin(struct stage *s, int options)
{
	kit_netns();
	s->there = look_netns();
	kit_netns();
	s->here = look_netns();
	s->fds = kit_count_fds();
	s->tun = look_new("vpn0", options);
	s->link = link_look("vpn0", -1);
}

static void
end(struct stage *s)
{
	evtun_link_free(s->link);
	evtun_free(s->tun);
	ck_assert_int_eq(kit_count_fds(), s->fds);
	close(s->here);
	close(s->there);
}

/* That the link says what ip(8) says there, and what is set is set there. */
static void
check_there(struct stage *s, int netns)
{
	struct stat wanted, got;
	int fd = evtun_link_get_netns(s->link);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(fd, &got), 0);
	ck_assert_int_eq(fstat(netns, &wanted), 0);
	ck_assert(got.st_dev == wanted.st_dev && got.st_ino == wanted.st_ino);
	close(fd);
	kit_ok(evtun_link_set_mtu(s->link, 1400));
	look_enter(netns);
	ip_must_say("\"mtu\":1400,", "link show dev %s",
	    evtun_link_get_name(s->link));
	ck_assert_uint_eq(look_index(evtun_link_get_name(s->link)),
	    evtun_link_get_index(s->link));
	look_enter(s->here);
	kit_ok(evtun_link_set_mtu(s->link, 1500));
}

START_TEST(test_move)
{
	struct stage s;
	unsigned char packet[64];

	begin(&s, _i ? EVTUN_OPT_TAP : 0);
	ip_do("link set vpn0 up alias \"it is the same\"");
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	kit_ok(evtun_link_move(s.link, s.there, NULL));
	ck_assert_uint_eq(look_index("vpn0"), 0);
	ck_assert_str_eq(evtun_link_get_alias(s.link), "it is the same");
	ck_assert_int_eq(evtun_link_get_flags(s.link) & EVTUN_LINK_UP, 0);
	check_there(&s, s.there);
	look_enter(s.there);
	ip_must_say("\"addr_info\":[]", "addr show dev vpn0");
	look_enter(s.here);
	/* The descriptor is good. */
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x45;
	kit_fails(evtun_write(s.tun, packet, sizeof(packet)), ENETDOWN);
	kit_ok(evtun_link_set_up(s.link, 1));
	kit_ok(evtun_write(s.tun, packet, sizeof(packet)));
	kit_ok(evtun_link_update(s.link));
	ck_assert_int_eq(evtun_link_get_count(s.link, EVTUN_LINK_IN_PACKETS),
	    1);
	/* And back. */
	kit_ok(evtun_link_move(s.link, _i ? -1 : s.here, NULL));
	check_there(&s, s.here);
	link_check(s.link);
	end(&s);
}
END_TEST

START_TEST(test_rename)
{
	struct stage s;

	begin(&s, 0);
	kit_ok(evtun_link_move(s.link, s.there, "new"));
	ck_assert_str_eq(evtun_link_get_name(s.link), "new");
	check_there(&s, s.there);
	/* Within the namespace. */
	kit_ok(evtun_link_move(s.link, s.there, "newer"));
	ck_assert_str_eq(evtun_link_get_name(s.link), "newer");
	check_there(&s, s.there);
	kit_ok(evtun_link_set_up(s.link, 1));
	kit_ok(evtun_link_move(s.link, s.there, NULL));
	kit_ok(evtun_link_move(s.link, s.there, "newer"));
	ck_assert_int_ne(evtun_link_get_flags(s.link) & EVTUN_LINK_UP, 0);
	kit_ok(evtun_link_move(s.link, -1, "vpn0"));
	link_check(s.link);
	kit_ok(evtun_link_move(s.link, -1, "vpn1"));
	kit_ok(evtun_link_move(s.link, s.here, "vpn2"));
	link_check(s.link);
	ck_assert_str_eq(evtun_link_get_name(s.link), "vpn2");
	end(&s);
}
END_TEST

/* The index is another one's there, and perhaps the name. */
START_TEST(test_index_taken)
{
	struct stage s;
	int fd;

	begin(&s, 0);
	look_enter(s.there);
	fd = look_open(_i ? "vpn0" : "other", IFF_TAP | IFF_NO_PI);
	ck_assert_uint_eq(look_index(_i ? "vpn0" : "other"),
	    evtun_link_get_index(s.link));
	look_enter(s.here);
	kit_ok(evtun_link_move(s.link, s.there, _i ? "new" : NULL));
	ck_assert_str_eq(evtun_link_get_name(s.link), _i ? "new" : "vpn0");
	ck_assert_int_eq(evtun_link_get_kind(s.link), EVTUN_LINK_TUN);
	check_there(&s, s.there);
	look_enter(s.there);
	ip_must_say("\"mtu\":1500,", "link show dev %s", _i ? "vpn0" :
	    "other");
	look_enter(s.here);
	close(fd);
	end(&s);
}
END_TEST

/* ---- what cannot be ---- */

/* Fail unless a move fails so and the interface is here, as it was. */
#define stays(s, call, err, words) do { \
	kit_fails(call, err); \
	look_text(words); \
	ck_assert_int_eq(ip_says("\"10.9.0.1\"", "addr show dev vpn0"), 1); \
	link_check((s)->link); \
	ck_assert_str_eq(evtun_link_get_name((s)->link), "vpn0"); \
} while (0)

START_TEST(test_taken)
{
	char *before, *there;
	struct stage s;
	int fd;

	begin(&s, 0);
	ip_do("link set vpn0 up");
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	ip_do("link property add dev vpn0 altname shared");
	look_enter(s.there);
	fd = look_open("taken", IFF_TUN | IFF_NO_PI);
	ip_do("link property add dev taken altname alt");
	there = ip_json("link");
	look_enter(s.here);
	before = link_remember("vpn0");
	stays(&s, evtun_link_move(s.link, s.there, "taken"), EEXIST, "name");
	stays(&s, evtun_link_move(s.link, s.there, "alt"), EEXIST, "name");
	stays(&s, evtun_link_move(s.link, s.there, "lo"), EEXIST, "name");
	stays(&s, evtun_link_move(s.link, s.there, "shared"), EEXIST,
	    "alternative name");
	stays(&s, evtun_link_move(s.link, -1, "shared"), EEXIST,
	    "alternative name");
	look_enter(s.there);
	ip_must_say(there, "link");
	ip_do("link property add dev taken altname shared");
	look_enter(s.here);
	stays(&s, evtun_link_move(s.link, s.there, NULL), EEXIST,
	    "alternative name");
	look_enter(s.there);
	ip_do("link property del dev taken altname shared");
	ip_do("link set taken name vpn0");
	look_enter(s.here);
	stays(&s, evtun_link_move(s.link, s.there, NULL), EEXIST, "name");
	link_check_same("vpn0", before);
	free(there);
	close(fd);
	end(&s);
}
END_TEST

START_TEST(test_bad_arguments)
{
	struct evtun_link *lo;
	struct stage s;
	char *before;
	int null, sock[2];

	begin(&s, 0);
	ip_do("link set vpn0 up");
	ip_do("addr add 10.9.0.1/24 dev vpn0");
	before = link_remember("vpn0");
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(null, 0);
	ck_assert_int_eq(pipe2(sock, O_CLOEXEC), 0);
	close(sock[1]);
	stays(&s, evtun_link_move(s.link, -2, NULL), EINVAL, "descriptor");
	stays(&s, evtun_link_move(s.link, null, NULL), EINVAL, "namespace");
	stays(&s, evtun_link_move(s.link, sock[0], NULL), EINVAL,
	    "namespace");
	stays(&s, evtun_link_move(s.link, sock[1], NULL), EINVAL, "not open");
	stays(&s, evtun_link_move(s.link, s.there, ""), EINVAL, "name");
	stays(&s, evtun_link_move(s.link, s.there, "a/b"), EINVAL, "name");
	stays(&s, evtun_link_move(s.link, s.there, "vpn%d"), EINVAL, "name");
	link_check_same("vpn0", before);
	lo = link_look("lo", -1);
	kit_fails(evtun_link_move(lo, s.there, "lo0"), EINVAL);
	look_text("this kind");
	kit_fails(evtun_link_move(lo, s.there, NULL), EINVAL);
	look_text("this kind");
	link_check(lo);
	evtun_link_free(lo);
	close(null);
	close(sock[0]);
	end(&s);
}
END_TEST

/* ---- removed ---- */

START_TEST(test_delete)
{
	struct evtun_link *lo, *other;
	struct stage s;
	char byte;
	int fd;

	begin(&s, EVTUN_OPT_TAP);
	fd = look_open("vpn1", IFF_TUN | IFF_NO_PI);
	other = link_look("vpn1", -1);
	if (_i)
		kit_ok(evtun_link_move(s.link, s.there, NULL));
	kit_ok(evtun_link_delete(s.link));
	if (_i)
		look_enter(s.there);
	ck_assert_int_eq(ip_can("link show dev vpn0"), 0);
	look_enter(s.here);
	kit_fails(evtun_read(s.tun, &byte, 1), ENXIO);
	kit_fails(evtun_link_delete(s.link), ENXIO);
	ck_assert_str_eq(evtun_link_get_name(s.link), "vpn0");
	link_check(other);
	lo = link_look("lo", -1);
	kit_fails(evtun_link_delete(lo), ENOTSUP);
	look_text("this kind");
	link_check(lo);
	evtun_link_free(lo);
	evtun_link_free(other);
	close(fd);
	end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("link_move");
	kit_case("moved", KIT_NEEDS_TUN);
	kit_loop(test_move, 0, 2);
	kit_test(test_rename);
	kit_loop(test_index_taken, 0, 2);
	kit_case("refused", KIT_NEEDS_TUN);
	kit_test(test_taken);
	kit_test(test_bad_arguments);
	kit_case("removed", KIT_NEEDS_TUN);
	kit_loop(test_delete, 0, 2);
	return kit_run();
}
