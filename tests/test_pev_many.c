/*
 * Very many devices in one base: each has its own packets, and is told of its
 * own end.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "netlink.h"

#define N_MANY 200
#define GROUP 77
#define ROUNDS 3

struct many {
	struct event_base *base;
	int fd;			/* at the other side of them all */
	struct one {
		struct packetevent *pev;
		struct kit_log log;
		int ifindex;
	} one[N_MANY];
};

/* That is for deleting them together: one by one it takes much longer. */
static void
set_group(unsigned index)
{
	unsigned char buf[256];
	struct nlmsghdr *nlh = netlink_begin(buf, sizeof(buf), RTM_NEWLINK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)index;
	mnl_attr_put_u32(nlh, IFLA_GROUP, GROUP);
	netlink_request(nlh);
}

static void
delete_group(void)
{
	unsigned char buf[256];
	struct nlmsghdr *nlh = netlink_begin(buf, sizeof(buf), RTM_DELLINK);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(nlh, IFLA_GROUP, GROUP);
	netlink_request(nlh);
}

static void
many_init(struct many *many, int setup)
{
	int i, one = 1;
	struct evtun *tun;

	memset(many, 0, sizeof(*many));
	many->base = kit_base_new(setup);
	for (i = 0; i < N_MANY; i++) {
		tun = kit_tun_new(KIT_TUN, "many%d", 0);
		many->one[i].ifindex = (int)evtun_get_index(tun);
		set_group(evtun_get_index(tun));
		many->one[i].pev = packetevent_tun_new(many->base, tun,
		    kit_options(setup));
		ck_assert_ptr_nonnull(many->one[i].pev);
		packetevent_setcb(many->one[i].pev, kit_readcb, NULL,
		    kit_eventcb, &many->one[i].log);
		kit_ok(packetevent_enable(many->one[i].pev, EV_READ));
	}
	many->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
	    htons(ETH_P_ALL));
	ck_assert_int_ge(many->fd, 0);
	ck_assert_int_eq(setsockopt(many->fd, SOL_PACKET,
	    PACKET_IGNORE_OUTGOING, &one, sizeof(one)), 0);
}

static void
send_to(struct many *many, int i, unsigned index)
{
	struct sockaddr_ll to;
	unsigned char data[200];

	memset(&to, 0, sizeof(to));
	to.sll_family = AF_PACKET;
	to.sll_protocol = htons(ETH_P_IP);
	to.sll_ifindex = many->one[i].ifindex;
	kit_fill(KIT_TUN, data, index, sizeof(data));
	ck_assert_int_eq(sendto(many->fd, data, sizeof(data), 0,
	    (struct sockaddr *)&to, sizeof(to)), sizeof(data));
}

static int
all_have_packets(void *arg)
{
	struct many *many = arg;
	int i;

	for (i = 0; i < N_MANY; i++)
		if (many->one[i].log.n_packets < ROUNDS)
			return 0;
	return 1;
}

static int
all_have_events(void *arg)
{
	struct many *many = arg;
	int i;

	for (i = 0; i < N_MANY; i++)
		if (many->one[i].log.n_events == 0)
			return 0;
	return 1;
}

static void
check_one(struct one *one, unsigned i)
{
	unsigned char data[200];
	unsigned round;

	ck_assert_uint_eq(one->log.n_packets, ROUNDS);
	for (round = 0; round < ROUNDS; round++) {
		ck_assert_uint_eq(one->log.packets[round].len, sizeof(data));
		kit_check(kit_matches(KIT_TUN, one->log.packets[round].data,
		    round * N_MANY + i, sizeof(data)), "other bytes");
	}
	kit_fill(KIT_TUN, data, 1000 + i, sizeof(data));
	kit_ok(packetevent_write(one->pev, data, sizeof(data)));
}

/* What it has written comes out, of its interface.  One at a time: the socket
 * of an ordinary user does not hold what all of them write. */
static void
receive_from(struct many *many, int i)
{
	struct pollfd pfd = {many->fd, POLLIN, 0};
	unsigned char data[300];
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);

	ck_assert_int_eq(poll(&pfd, 1, (int)(20000 * kit_patience())), 1);
	ck_assert_int_eq(recvfrom(many->fd, data, sizeof(data), 0,
	    (struct sockaddr *)&from, &len), 200);
	ck_assert_int_eq(from.sll_ifindex, many->one[i].ifindex);
	kit_check(kit_matches(KIT_TUN, data, (unsigned)(1000 + i), 200),
	    "other bytes");
}

START_TEST(test_many)
{
	static struct many many;
	int i, round, fds;

	kit_netns();
	fds = kit_count_fds();
	many_init(&many, _i);
	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < N_MANY; i++)
			send_to(&many, i, (unsigned)(round * N_MANY + i));
	kit_until(many.base, all_have_packets, &many, "packets");
	kit_settle(many.base);
	for (i = 0; i < N_MANY; i++) {
		check_one(&many.one[i], (unsigned)i);
		receive_from(&many, i);
	}
	delete_group();
	kit_until(many.base, all_have_events, &many, "the end of all");
	kit_settle(many.base);
	for (i = 0; i < N_MANY; i++) {
		ck_assert_int_eq(many.one[i].log.n_events, 1);
		ck_assert_int_eq(many.one[i].log.events[0].err, ENXIO);
		kit_log_clear(&many.one[i].log);
		packetevent_free(many.one[i].pev);
	}
	event_base_free(many.base);
	close(many.fd);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

int
main(void)
{
	kit_suite("pev_many");
	kit_case("many", KIT_NEEDS_TUN);
	kit_setups(test_many, KIT_BIT(KIT_TUN));
	return kit_run();
}
