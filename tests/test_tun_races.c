/*
 * What others do between two system calls of ours, and kernels that do
 * something else than they were told.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun/tun-internal.h"
#include "tun_look.h"
#include "tun_wrap.h"

static struct evtun *tun;
static int times;

static void
arm(void)
{
	tun_wrap.armed = 1;
}

static void
disarm(void)
{
	memset(&tun_wrap, 0, sizeof(tun_wrap));
}

/* ---- names that change ---- */

static void
rename_before_look(int type)
{
	if (type != RTM_GETLINK || times == 0)
		return;
	times--;
	if (look_index("vpn0") != 0)
		look_rename("vpn0", "vpn1");
	else
		look_rename("vpn1", "vpn0");
}

/* Looking for a name that it has no longer is no reason to give up. */
START_TEST(test_renamed)
{
	kit_netns();
	tun = look_new("vpn0", 0);
	tun_wrap.before_send = rename_before_look;
	times = 1;
	arm();
	kit_ok(evtun_set_mtu(tun, 1400));
	disarm();
	ck_assert_int_eq(times, 0);
	ck_assert_int_eq(look_mtu("vpn1"), 1400);
	ck_assert_str_eq(evtun_get_name(tun), "vpn1");
	evtun_free(tun);
}
END_TEST

START_TEST(test_renamed_for_ever)
{
	kit_netns();
	tun = look_new("vpn0", 0);
	tun_wrap.before_send = rename_before_look;
	times = 1000;
	arm();
	kit_fails(evtun_set_mtu(tun, 1400), ENODEV);
	disarm();
	look_text("name changes");
	ck_assert_int_gt(times, 0);
	ck_assert_int_eq(look_mtu(evtun_get_name(tun)), 1500);
	evtun_free(tun);
}
END_TEST

/* ---- another queue of what is no longer there ---- */

static void
rename_before_attach(unsigned long request)
{
	if (request == TUNSETIFF)
		look_rename("vpn0", "other");
}

static void
delete_before_attach(unsigned long request)
{
	if (request == TUNSETIFF)
		kit_link_delete("vpn0");
}

static void
replace_before_attach(unsigned long request)
{
	if (request != TUNSETIFF)
		return;
	look_rename("vpn0", "other");
	look_make_persistent("vpn0", IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE);
}

START_TEST(test_queue)
{
	static void (*const hooks[])(unsigned long) = { rename_before_attach,
		delete_before_attach, replace_before_attach };
	int fds;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	fds = kit_count_fds();
	tun_wrap.before_ioctl = hooks[_i];
	arm();
	look_refused(evtun_new_queue(tun), ENXIO);
	disarm();
	ck_assert_int_eq(kit_count_fds(), fds);
	/* What this made is gone again, and nobody else's is. */
	ck_assert_int_eq(look_index("vpn0") != 0, _i == 2);
	ck_assert_int_eq(look_index("other") != 0, _i != 1);
	evtun_free(tun);
}
END_TEST

/* ---- the end between looking and doing ---- */

static unsigned long last_request;
static int last_message;

static void
delete_at_request(unsigned long request)
{
	if (request == last_request)
		kit_link_delete("vpn0");
}

static void
delete_at_message(int type)
{
	if (type == last_message)
		kit_link_delete("vpn0");
}

static void
start_deleting(unsigned long request, int type)
{
	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_TAP);
	last_request = request;
	last_message = type;
	tun_wrap.before_ioctl = delete_at_request;
	tun_wrap.before_send = delete_at_message;
	arm();
}

static void
check_deleted(void)
{
	disarm();
	look_text("gone");
	ck_assert_uint_eq(look_index("vpn0"), 0);
	evtun_free(tun);
}

START_TEST(test_gone_before_ioctl)
{
	static const unsigned long requests[] = { SIOCGIFHWADDR,
		SIOCSIFHWADDR, TUNSETOWNER, TUNSETGROUP, TUNSETPERSIST };
	unsigned char mac[6] = { 2 };

	start_deleting(requests[_i], 0);
	if (_i < 2)
		kit_fails(evtun_set_hwaddr(tun, mac), ENXIO);
	else if (_i < 4)
		kit_fails(evtun_set_owner(tun, 0, 0), ENXIO);
	else
		kit_fails(evtun_set_persist(tun, 1), ENXIO);
	check_deleted();
}
END_TEST

START_TEST(test_gone_before_message)
{
	start_deleting(0, _i < 2 ? RTM_NEWLINK : RTM_NEWADDR);
	if (_i == 0)
		kit_fails(evtun_set_mtu(tun, 1400), ENXIO);
	else if (_i == 1)
		kit_fails(evtun_set_up(tun, 1), ENXIO);
	else
		kit_fails(evtun_add_address(tun, "10.9.0.1/24", NULL), ENXIO);
	check_deleted();
}
END_TEST

/* ---- addresses ---- */

static void
add_before(int type)
{
	if (type == RTM_NEWADDR)
		kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
}

START_TEST(test_added_meanwhile)
{
	kit_netns();
	tun = look_new("vpn0", 0);
	tun_wrap.before_send = add_before;
	arm();
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	disarm();
	ck_assert_int_eq(look_count_addresses("vpn0"), 1);
	evtun_free(tun);
}
END_TEST

static void
delete_before(int type)
{
	if (type == RTM_DELADDR)
		kit_ok(evtun_del_address(tun, "10.9.0.1/24", NULL));
}

START_TEST(test_deleted_meanwhile)
{
	kit_netns();
	tun = look_new("vpn0", 0);
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	tun_wrap.before_send = delete_before;
	arm();
	kit_ok(evtun_del_address(tun, "10.9.0.1/24", NULL));
	disarm();
	ck_assert_int_eq(look_count_addresses("vpn0"), 0);
	evtun_free(tun);
}
END_TEST

/* The kernel says that the list changed while it was being sent. */
static void
interrupt_dump(struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type != RTM_NEWADDR || times == 0)
		return;
	times--;
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
}

START_TEST(test_interrupted)
{
	kit_netns();
	tun = look_new("vpn0", 0);
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	tun_wrap.after_receive = interrupt_dump;
	times = 5;
	arm();
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	ck_assert_int_eq(times, 0);
	times = 1000;
	kit_fails(evtun_add_address(tun, "10.9.0.1/24", NULL), EAGAIN);
	ck_assert_int_gt(times, 0);
	disarm();
	ck_assert_int_eq(look_count_addresses("vpn0"), 1);
	evtun_free(tun);
}
END_TEST

/* ---- kernels that are not like this one ---- */

static void
lack_queues(unsigned long request, void *arg)
{
	unsigned *features = arg;

	if (request == TUNGETFEATURES)
		*features &= ~(unsigned)IFF_MULTI_QUEUE;
}

START_TEST(test_lacking)
{
	int fds = kit_count_fds();

	kit_netns();
	tun_wrap.after_ioctl = lack_queues;
	arm();
	look_refused(evtun_new("vpn0", EVTUN_OPT_MULTIQUEUE), ENOTSUP);
	look_text("this kernel lacks");
	tun = look_new("vpn0", 0);
	disarm();
	evtun_free(tun);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

static int lie;

/* One thing is not as it was asked for. */
static void
tell_otherwise(unsigned long request, void *arg)
{
	static const char *const names[] = { "vpn", "vpn00x", "vpn0123", "" };
	struct ifreq *ifr = arg;

	if (request != TUNGETIFF)
		return;
	switch (lie) {
	case 0:
		ifr->ifr_flags ^= IFF_TUN | IFF_TAP;
		break;
	case 1:
		ifr->ifr_flags ^= IFF_MULTI_QUEUE;
		break;
	case 2:
		ifr->ifr_flags ^= IFF_VNET_HDR;
		break;
	default:
		strcpy(ifr->ifr_name, names[lie - 3]);
	}
}

START_TEST(test_otherwise)
{
	int fds = kit_count_fds();

	kit_netns();
	lie = _i;
	tun_wrap.after_ioctl = tell_otherwise;
	arm();
	look_refused(evtun_new("vpn0", EVTUN_OPT_PERSIST), EINVAL);
	look_text("check what was opened");
	disarm();
	ck_assert_uint_eq(look_index("vpn0"), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

static void
tell_pattern(unsigned long request, void *arg)
{
	static const char *const names[] = { "vpn", "vpnx", "vpn1x", "up1" };
	struct ifreq *ifr = arg;

	if (request == TUNGETIFF)
		strcpy(ifr->ifr_name, names[lie]);
}

START_TEST(test_other_pattern)
{
	kit_netns();
	lie = _i;
	tun_wrap.after_ioctl = tell_pattern;
	arm();
	look_refused(evtun_new("vpn%d", 0), EINVAL);
	disarm();
	ck_assert_uint_eq(look_index("vpn0"), 0);
}
END_TEST

/* ---- two who open one interface at once ---- */

static struct evtun *other;

static void
open_other(unsigned long request)
{
	(void)request;
	if (--times == 0)
		other = look_new("mq0", EVTUN_OPT_MULTIQUEUE |
		    EVTUN_OPT_OFFLOAD);
}

/* What it puts before packets is what the kernel does. */
static void
check_header(struct evtun *one)
{
	int size = 0;

	ck_assert_int_ne(evtun_get_options(one) & EVTUN_OPT_OFFLOAD, 0);
	ck_assert_int_eq(ioctl(evtun_get_fd(one), TUNGETVNETHDRSZ, &size),
	    0);
	ck_assert_uint_eq(evtun_get_prefix_(one), (size_t)size);
}

static void
check_written(struct evtun *one, int sock, unsigned index)
{
	struct pollfd pfd = { sock, POLLIN, 0 };
	unsigned char data[100];

	kit_fill(KIT_TUN, data, index, sizeof(data));
	kit_ok(evtun_write(one, data, sizeof(data)));
	memset(data, 0, sizeof(data));
	ck_assert_int_eq(poll(&pfd, 1, 20000), 1);
	ck_assert_int_eq(recv(sock, data, sizeof(data), MSG_TRUNC),
	    sizeof(data));
	ck_assert(kit_matches(KIT_TUN, data, index, sizeof(data)));
}

/* It comes to either of them. */
static void
check_read(int sock, unsigned index)
{
	struct pollfd pfd[2] = { { evtun_get_fd(tun), POLLIN, 0 },
		{ evtun_get_fd(other), POLLIN, 0 } };
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(0x0800),
		.sll_ifindex = (int)look_index("mq0") };
	unsigned char data[200];

	kit_fill(KIT_TUN, data, index, 100);
	ck_assert_int_eq(sendto(sock, data, 100, 0, (struct sockaddr *)&to,
	    sizeof(to)), 100);
	memset(data, 0, sizeof(data));
	ck_assert_int_eq(poll(pfd, 2, 20000), 1);
	ck_assert_int_eq(evtun_read(pfd[0].revents ? tun : other, data,
	    sizeof(data)), 100);
	ck_assert(kit_matches(KIT_TUN, data, index, 100));
}

static void
check_both(void)
{
	unsigned i;
	int sock;

	check_header(tun);
	check_header(other);
	kit_ok(evtun_set_up(tun, 1));
	sock = kit_packet_socket("mq0");
	for (i = 0; i < 8; i++) {
		check_written(i % 2 ? tun : other, sock, i);
		check_read(sock, i);
	}
	close(sock);
}

/* The second opens and settles before system call 1, 2, ... of the first,
 * until that has no more of them. */
START_TEST(test_opened_at_once)
{
	int n;

	kit_netns();
	for (n = 1; ; n++) {
		other = NULL;
		times = n;
		tun_wrap.before_ioctl = open_other;
		arm();
		tun = look_new("mq0", EVTUN_OPT_MULTIQUEUE |
		    EVTUN_OPT_OFFLOAD);
		disarm();
		if (other == NULL)
			break;
		check_both();
		evtun_free(tun);
		evtun_free(other);
	}
	evtun_free(tun);
	/* There was something to come between. */
	ck_assert_int_gt(n, 5);
}
END_TEST

int
main(void)
{
	kit_suite("tun_races");
	kit_case("races", KIT_NEEDS_TUN);
	kit_test(test_renamed);
	kit_test(test_renamed_for_ever);
	kit_loop(test_queue, 0, 3);
	kit_loop(test_gone_before_ioctl, 0, 5);
	kit_loop(test_gone_before_message, 0, 3);
	kit_test(test_added_meanwhile);
	kit_test(test_deleted_meanwhile);
	kit_test(test_interrupted);
	kit_test(test_opened_at_once);
	kit_case("kernels", KIT_NEEDS_TUN);
	kit_test(test_lacking);
	kit_loop(test_otherwise, 0, 7);
	kit_loop(test_other_pattern, 0, 4);
	return kit_run();
}
