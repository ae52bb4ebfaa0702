/*
 * More queues of one interface, ours and those of others.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <net/if.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

#define MANY (IFF_TUN | IFF_MULTI_QUEUE)

static struct evtun *
new_queue(struct evtun *tun)
{
	struct evtun *queue = evtun_new_queue(tun);

	ck_assert_msg(queue != NULL, "evtun_new_queue: %s",
	    evtun_get_error());
	return queue;
}

static int
count_queues(const char *name)
{
	struct look_tun look;

	look_tun(name, &look);
	return look.queues;
}

START_TEST(test_new_queue)
{
	int options = EVTUN_OPT_MULTIQUEUE | (_i & 1 ? EVTUN_OPT_TAP : 0) |
	    (_i & 2 ? EVTUN_OPT_PACKET_INFO : 0) |
	    (_i & 4 ? EVTUN_OPT_INHERIT : 0);
	struct evtun *a, *b, *c;
	int fds = kit_count_fds();

	kit_netns();
	a = look_new("vpn%d", options | EVTUN_OPT_EXCLUSIVE);
	b = new_queue(a);
	c = new_queue(b);
	ck_assert_int_eq(evtun_get_options(a), options | EVTUN_OPT_EXCLUSIVE);
	ck_assert_int_eq(evtun_get_options(b), options);
	ck_assert_int_eq(evtun_get_options(c), options);
	ck_assert_str_eq(evtun_get_name(b), "vpn0");
	ck_assert_uint_eq(evtun_get_index(b), evtun_get_index(a));
	ck_assert_uint_eq(evtun_get_index(c), evtun_get_index(a));
	ck_assert_int_ne(evtun_get_fd(a), evtun_get_fd(b));
	ck_assert_int_eq(fcntl(evtun_get_fd(b), F_GETFD),
	    _i & 4 ? 0 : FD_CLOEXEC);
	ck_assert(fcntl(evtun_get_fd(b), F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(count_queues("vpn0"), 3);
	/* The first may be the first to go. */
	evtun_free(a);
	a = new_queue(c);
	ck_assert_int_eq(count_queues("vpn0"), 3);
	evtun_free(c);
	evtun_free(b);
	evtun_free(a);
	ck_assert_uint_eq(look_index("vpn0"), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

START_TEST(test_single)
{
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", 0);
	look_refused(evtun_new_queue(tun), EINVAL);
	look_text("EVTUN_OPT_MULTIQUEUE");
	evtun_free(tun);
}
END_TEST

START_TEST(test_renamed)
{
	struct evtun *a, *b;

	kit_netns();
	a = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	look_rename("vpn0", "other");
	b = new_queue(a);
	ck_assert_str_eq(evtun_get_name(b), "other");
	ck_assert_uint_eq(look_index("vpn0"), 0);
	evtun_free(a);
	evtun_free(b);
}
END_TEST

START_TEST(test_gone)
{
	struct evtun *tun;
	int fds;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	kit_link_delete("vpn0");
	fds = kit_count_fds();
	look_refused(evtun_new_queue(tun), ENXIO);
	ck_assert_int_eq(kit_count_fds(), fds);
	ck_assert_uint_eq(look_index("vpn0"), 0);
	evtun_free(tun);
}
END_TEST

START_TEST(test_too_many)
{
	struct evtun *tun[256];
	size_t i, n = sizeof(tun) / sizeof(tun[0]);

	kit_netns();
	tun[0] = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	for (i = 1; i < n; i++)
		tun[i] = new_queue(tun[0]);
	look_refused(evtun_new_queue(tun[0]), E2BIG);
	look_text("256");
	for (i = 0; i < n; i++)
		evtun_free(tun[i]);
}
END_TEST

/* ---- others have it ---- */

/* What cannot be set any more must be as it was asked for, or be refused; but
 * for offload, which is as it is. */
START_TEST(test_shared)
{
	int flags = (_i & 1 ? IFF_NO_PI : 0) | (_i & 2 ? IFF_VNET_HDR : 0);
	int options = EVTUN_OPT_MULTIQUEUE |
	    (_i & 4 ? EVTUN_OPT_PACKET_INFO : 0);
	int fits = !(flags & IFF_NO_PI) ==
	    !!(options & EVTUN_OPT_PACKET_INFO);
	int offload = flags & IFF_VNET_HDR ? EVTUN_OPT_OFFLOAD : 0;
	int size = 12, fd;
	struct evtun *tun;

	kit_netns();
	fd = look_open("vpn0", MANY | flags);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	if (fits) {
		tun = look_new("vpn0", options);
		ck_assert_int_eq(evtun_get_options(tun), options | offload);
		ck_assert_int_eq(count_queues("vpn0"), 2);
		evtun_free(tun);
	} else {
		look_refused(evtun_new("vpn0", options), EINVAL);
		look_text("others have");
	}
	ck_assert_int_eq(count_queues("vpn0"), 1);
	ck_assert_int_eq(ioctl(fd, TUNGETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(size, 12);
	close(fd);
}
END_TEST

/* A queue that is detached has its user still. */
START_TEST(test_shared_detached)
{
	struct ifreq ifr;
	int fd;

	kit_netns();
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = IFF_DETACH_QUEUE;
	fd = look_open("vpn0", MANY);
	ck_assert_int_eq(ioctl(fd, TUNSETQUEUE, &ifr), 0);
	look_refused(evtun_new("vpn0", EVTUN_OPT_MULTIQUEUE), EINVAL);
	look_text("others have");
	close(fd);
}
END_TEST

/* Nobody has it now: whoever had, it is set anew. */
START_TEST(test_left)
{
	struct look_tun look;
	struct evtun *tun;
	int size;

	kit_netns();
	look_make_persistent("vpn0", MANY | IFF_VNET_HDR);
	tun = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	look_tun("vpn0", &look);
	ck_assert_int_eq(look.vnet_hdr, 0);
	ck_assert_int_eq(look.packet_info, 0);
	ck_assert_int_eq(ioctl(evtun_get_fd(tun), TUNGETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(size, 10);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("tun_queue");
	kit_case("ours", KIT_NEEDS_TUN);
	kit_loop(test_new_queue, 0, 8);
	kit_test(test_single);
	kit_test(test_renamed);
	kit_test(test_gone);
	kit_test(test_too_many);
	kit_case("others", KIT_NEEDS_TUN);
	kit_loop(test_shared, 0, 8);
	kit_test(test_shared_detached);
	kit_test(test_left);
	return kit_run();
}
