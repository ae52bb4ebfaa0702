/*
 * What is so already is not set again: an interface that root has prepared is
 * of use to everybody.  And interfaces that are gone: arguments come first.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"

static const unsigned char mac[6] = { 0x02, 3, 5, 7, 11, 13 };
static const unsigned char other_mac[6] = { 0x02, 3, 5, 7, 11, 17 };

static void
prepare(void)
{
	kit_netns();
	look_make_persistent("tap0", IFF_TAP | IFF_NO_PI);
	ip_do("link set tap0 address 02:03:05:07:0b:0d mtu 1400 group 42");
	ip_do("link set tap0 txqueuelen 77 alias prepared addrgenmode none");
	ip_do("link property add dev tap0 altname other");
	ip_do("link set tap0 promisc on up carrier off");
}

/* Everything as prepare() has it, or as it never was. */
static void
set_same(struct evtun_link *link)
{
	kit_ok(evtun_link_set_name(link, "tap0"));
	kit_ok(evtun_link_set_alias(link, "prepared"));
	kit_ok(evtun_link_add_altname(link, "other"));
	kit_ok(evtun_link_del_altname(link, "never"));
	kit_ok(evtun_link_set_mtu(link, 1400));
	kit_ok(evtun_link_set_up(link, 1));
	kit_ok(evtun_link_set_hwaddr(link, mac));
	kit_ok(evtun_link_set_txqueuelen(link, 77));
	kit_ok(evtun_link_set_group(link, 42));
	kit_ok(evtun_link_set_carrier(link, 0));
	kit_ok(evtun_link_set_flags(link, EVTUN_LINK_PROMISCUOUS,
	    EVTUN_LINK_PROMISCUOUS | EVTUN_LINK_NO_ARP));
	if (evtun_link_get_addrgen(link) != -1)
		kit_ok(evtun_link_set_addrgen(link, EVTUN_ADDRGEN_NONE));
	kit_ok(evtun_link_move(link, -1, NULL));
	kit_ok(evtun_link_move(link, -1, "tap0"));
}

/* Something else, each of which is to fail so. */
static void
set_other(struct evtun_link *link, int netns, int err, const char *words)
{
#define fails(call) do { \
	kit_fails(call, err); \
	look_text(words); \
} while (0)
	fails(evtun_link_set_name(link, "tap1"));
	fails(evtun_link_set_alias(link, "changed"));
	fails(evtun_link_set_alias(link, NULL));
	fails(evtun_link_add_altname(link, "another"));
	fails(evtun_link_del_altname(link, "other"));
	fails(evtun_link_set_mtu(link, 1500));
	fails(evtun_link_set_up(link, 0));
	fails(evtun_link_set_hwaddr(link, other_mac));
	fails(evtun_link_set_txqueuelen(link, 500));
	fails(evtun_link_set_txqueuelen(link, 0x7fffffff));
	fails(evtun_link_set_group(link, 0));
	fails(evtun_link_set_carrier(link, 1));
	fails(evtun_link_set_flags(link, 0, EVTUN_LINK_PROMISCUOUS));
	if (evtun_link_get_addrgen(link) != -1)
		fails(evtun_link_set_addrgen(link, EVTUN_ADDRGEN_EUI64));
	fails(evtun_link_move(link, -1, "tap1"));
	fails(evtun_link_move(link, netns, NULL));
	fails(evtun_link_move(link, netns, "tap1"));
	fails(evtun_link_delete(link));
#undef fails
}

/* What no interface could have. */
static void
set_nonsense(struct evtun_link *link)
{
	static const unsigned char zeros[6];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	kit_fails(evtun_link_set_name(link, "a/b"), EINVAL);
	kit_fails(evtun_link_set_name(link, NULL), EINVAL);
	kit_fails(evtun_link_set_alias(link, "\n"), EINVAL);
	kit_fails(evtun_link_add_altname(link, "a b"), EINVAL);
	kit_fails(evtun_link_del_altname(link, ""), EINVAL);
	kit_fails(evtun_link_set_mtu(link, 67), EINVAL);
	kit_fails(evtun_link_set_mtu(link, -1), EINVAL);
	kit_fails(evtun_link_set_hwaddr(link, zeros), EINVAL);
	kit_fails(evtun_link_set_txqueuelen(link, -1), EINVAL);
	kit_fails(evtun_link_set_group(link, -1), EINVAL);
	kit_fails(evtun_link_set_flags(link, 0, EVTUN_LINK_PERSIST), EINVAL);
	kit_fails(evtun_link_set_addrgen(link, (enum evtun_addrgen)17),
	    EINVAL);
	kit_fails(evtun_link_move(link, -2, NULL), EINVAL);
	kit_fails(evtun_link_move(link, -1, ""), EINVAL);
	kit_fails(evtun_link_move(link, -1, "vpn%d"), EINVAL);
	close(null);
}

START_TEST(test_same)
{
	struct evtun_link *link;
	char *before;

	prepare();
	before = link_remember("tap0");
	link = link_look("tap0", -1);
	set_same(link);
	link_check(link);
	evtun_link_free(link);
	link_check_same("tap0", before);
}
END_TEST

static void
be_unprivileged(void *arg)
{
	int fds = kit_count_fds(), *netns = arg, here;
	struct evtun_link *link;

	look_become(65534, 65534);
	/* To be where one is takes no privilege. */
	here = look_netns();
	link = link_look("tap0", here);
	link_check(link);
	set_same(link);
	evtun_link_free(link);
	close(here);
	link = link_look("tap0", -1);
	link_check(link);
	set_same(link);
	set_other(link, *netns, EPERM, "CAP_");
	set_nonsense(link);
	link_check(link);
	evtun_link_free(link);
	link_refused(evtun_link_new("lo", *netns), EPERM);
	look_text("CAP_SYS_ADMIN");
	ck_assert_int_eq(kit_count_fds(), fds);
}

START_TEST(test_unprivileged)
{
	char *before;
	int there;

	kit_netns();
	there = look_netns();
	prepare();
	before = link_remember("tap0");
	look_in_child(be_unprivileged, &there);
	link_check_same("tap0", before);
	close(there);
}
END_TEST

/* The interface goes, and another one comes that is called the same. */
START_TEST(test_gone)
{
	struct evtun_link *link;
	char *before;
	int there, fd, fds;

	kit_netns();
	there = look_netns();
	prepare();
	link = link_look("tap0", -1);
	kit_link_delete("tap0");
	fd = look_open("tap0", IFF_TAP | IFF_NO_PI);
	before = link_remember("tap0");
	fds = kit_count_fds();
	set_nonsense(link);
	set_other(link, there, ENXIO, "no such interface");
	ck_assert_int_eq(kit_count_fds(), fds);
	link_check_same("tap0", before);
	evtun_link_free(link);
	close(fd);
	close(there);
}
END_TEST

int
main(void)
{
	kit_suite("link_prepared");
	kit_case("prepared", KIT_NEEDS_TUN);
	kit_test(test_same);
	kit_test(test_gone);
	kit_case("unprivileged", KIT_NEEDS_TUN_ROOT);
	kit_test(test_unprivileged);
	return kit_run();
}
