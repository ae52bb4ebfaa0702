/*
 * Large frames in UDP tunnels, as VXLAN and Geneve are, with VLAN tags and
 * without: read split, as they are, and handed through, they are the packets
 * that the kernel itself makes of them.
 *
 *	in - bridge - out, without offload
 *	        |
 *	      third, with EVTUN_OPT_OFFLOAD, is what is tested
 *
 * A bridge takes the outer tag out of a frame, and a TAP device puts it back:
 * what Linux says of the frame then is not what it says of one without.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel_path.h"
#include "kit.h"
#include "netlink.h"
#include "random_frames.h"
#include "tun_look.h"

#define SEED 7
#define SETUP KIT_SETUP(KIT_TAP, 0, KIT_EPOLL)
#define MTU 65521
/* Frames of a test: TUNNEL_FRAMES is for longer ones. */
#define FRAMES 60
/* Where the type of a frame is without a tag. */
#define TYPE_AT 12

/* What a packet begins with that says that all before it has come. */
#define SYNC_TYPE 0x88b5

static unsigned
get16(const unsigned char *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static int
is_sync(const struct evbuffer_iovec *pkt)
{
	return get16((unsigned char *)pkt->iov_base + TYPE_AT) == SYNC_TYPE;
}

static int
is_tagged(const unsigned char *frame)
{
	unsigned type = get16(frame + TYPE_AT);

	return type == 0x8100 || type == 0x88a8;
}

/* ---- the third device ---- */

struct third {
	struct kernel_path path;
	struct event_base *base;
	struct evtun *tun;
	struct packetevent *pev;
	struct kit_log log;
	unsigned synced;
	/* Where what is read goes on to, or NULL. */
	struct packetevent *to;
	/* The frame that is on its way, and how often it came as it is. */
	const struct random_frame *frame;
	unsigned n_whole;
	/* Frames there were, with a tag and without. */
	unsigned n_tested[2];
};

static void
add_to_bridge(const char *name)
{
	unsigned char buf[256];
	struct nlmsghdr *nlh = netlink_begin(buf, sizeof(buf), RTM_NEWLINK);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = (int)look_index(name);
	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	mnl_attr_put_u32(nlh, IFLA_MTU, MTU);
	mnl_attr_put_u32(nlh, IFLA_TXQLEN, KERNEL_PATH_ROOM);
	mnl_attr_put_u32(nlh, IFLA_MASTER, look_index("bridge"));
	netlink_request(nlh);
}

static void
third_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct third *third = ctx;

	if (n > 0 && is_sync(&pkts[n - 1])) {
		third->synced++;
		n--;
	}
	if (n > 0)
		kit_readcb(pev, pkts, n, &third->log);
	if (n > 0 && third->to != NULL)
		packetevent_forward(pev, pkts, n, third->to);
}

static void
third_open(struct third *third, struct evtun *(*make)(void),
    packetevent_read_cb readcb, int large)
{
	memset(third, 0, sizeof(*third));
	kit_netns();
	kernel_path_open(&third->path);
	if (!third->path.tunnels)
		kit_skip("this kernel has no offload for UDP tunnels");
	third->tun = make();
	ck_assert_msg(third->tun != NULL, "%s", evtun_get_error());
	add_to_bridge("third");
	third->synced = third->path.synced;
	third->base = kit_base_new(SETUP);
	third->pev = packetevent_tun_new(third->base, third->tun,
	    PEV_OPT_CLOSE_ON_FREE);
	ck_assert_ptr_nonnull(third->pev);
	kit_ok(packetevent_set_large(third->pev, large));
	packetevent_setcb(third->pev, readcb, NULL, kit_eventcb, third);
	kit_ok(packetevent_enable(third->pev, EV_READ));
}

static void
third_close(struct third *third)
{
	ck_assert_int_eq(third->log.n_events, 0);
	kit_log_clear(&third->log);
	packetevent_free(third->pev);
	event_base_free(third->base);
	kernel_path_close(&third->path);
}

static struct evtun *
make_third(void)
{
	return look_new("third", EVTUN_OPT_TAP | EVTUN_OPT_OFFLOAD);
}

static int
is_synced(void *arg)
{
	struct third *third = arg;

	return third->synced == third->path.synced;
}

/* Send a frame to both, and read all that comes of it; 0 if the kernel does
 * not take it. */
static int
third_pass(struct third *third, const struct random_frame *frame)
{
	int err = kernel_path_write(&third->path, &frame->hdr, frame->data,
	    frame->len);

	third->frame = frame;
	kit_log_clear(&third->log);
	kernel_path_collect(&third->path);
	kit_until(third->base, is_synced, third, "the last frame");
	if (err == 0)
		third->n_tested[is_tagged(frame->data)]++;
	return err == 0;
}

static ev_uint64_t
count_refused(const struct third *third)
{
	return packetevent_get_count(third->pev, PEV_COUNT_READ_REFUSED);
}

/* Fail unless that is packet i of those that were to come. */
static void
compare(uint32_t number, const struct kernel_packet *wanted, size_t n_wanted,
    const unsigned char *data, size_t len, size_t i)
{
	size_t at;

	kit_check(i < n_wanted, "frame %u: %zu packets, not %zu",
	    (unsigned)number, i + 1, n_wanted);
	kit_check(len == wanted[i].len, "frame %u: packet %zu has %zu bytes, "
	    "not %zu", (unsigned)number, i, len, wanted[i].len);
	for (at = 0; at < len; at++)
		kit_check(data[at] == wanted[i].data[at], "frame %u: byte "
		    "%zu of packet %zu is %02x, not %02x", (unsigned)number,
		    at, i, data[at], wanted[i].data[at]);
}

/* ---- frames ---- */

/* The next large frame in a tunnel; if several, of more than one packet. */
static void
next_frame(struct random_frame *frame, uint32_t *number, int several)
{
	do {
		random_frame_make(frame, SEED, (*number)++, 1);
		kernel_path_address(frame->data, frame->number);
	} while (frame->layout.outer_udp == 0 ||
	    frame->hdr.gso_type == EVTUN_OFFLOAD_NONE || (several &&
	    frame->len <= frame->layout.payload + frame->hdr.gso_size));
}

static void
each_frame(struct third *third, void (*check)(struct third *))
{
	struct random_frame *frame = kernel_path_alloc(sizeof(*frame));
	unsigned long n = random_setting("TUNNEL_FRAMES", FRAMES);
	uint32_t number = 0;

	while (n-- > 0) {
		next_frame(frame, &number, 0);
		if (third_pass(third, frame))
			check(third);
	}
	/* Both sorts were there. */
	ck_assert_uint_gt(third->n_tested[0], 5);
	ck_assert_uint_gt(third->n_tested[1], 5);
	free(frame);
}

/* ---- split ---- */

static void
check_split(struct third *third)
{
	const struct kernel_path *path = &third->path;
	size_t i;

	for (i = 0; i < third->log.n_packets; i++)
		compare(third->frame->number, path->packets, path->n_packets,
		    third->log.packets[i].data, third->log.packets[i].len, i);
	kit_check(i == path->n_packets, "frame %u: %zu packets, not %zu",
	    (unsigned)third->frame->number, i, path->n_packets);
}

START_TEST(test_split)
{
	static struct third third;

	third_open(&third, make_third, third_readcb, 0);
	each_frame(&third, check_split);
	ck_assert_uint_eq(count_refused(&third), 0);
	third_close(&third);
}
END_TEST

/* ---- described ---- */

/* Headers are where the description says. */
static void
described_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct third *third = ctx;
	const struct random_layout *layout;
	struct evtun_offload offload;
	int i;

	for (i = 0; i < n && !is_sync(&pkts[i]); i++) {
		kit_ok(packetevent_get_offload(pev, i, &offload));
		if (!(offload.gso_type & (EVTUN_OFFLOAD_TUNNEL4 |
		    EVTUN_OFFLOAD_TUNNEL6)))
			continue;
		layout = &third->frame->layout;
		kit_check(offload.outer_th_offset == layout->outer_udp &&
		    offload.inner_nh_offset == layout->ip &&
		    offload.csum_start == layout->transport,
		    "frame %u: %u, %u and %u, not %zu, %zu and %zu",
		    (unsigned)third->frame->number, offload.outer_th_offset,
		    offload.inner_nh_offset, offload.csum_start,
		    layout->outer_udp, layout->ip, layout->transport);
		ck_assert_uint_eq(pkts[i].iov_len, third->frame->len);
		third->n_whole++;
	}
	third_readcb(pev, pkts, n, ctx);
}

/* Something has come, if anything comes of it at all. */
static void
check_some(struct third *third)
{
	ck_assert_int_eq(third->log.n_packets > 0,
	    third->path.n_packets > 0);
}

START_TEST(test_described)
{
	static struct third third;

	third_open(&third, make_third, described_readcb, 1);
	each_frame(&third, check_some);
	/* Some were not split on the way. */
	ck_assert_uint_gt(third.n_whole, 20);
	third_close(&third);
}
END_TEST

/* ---- handed through ---- */

/* Through a bridge in another namespace. */
static struct kernel_path beyond;

static void
check_beyond(struct third *third)
{
	const struct kernel_path *path = &third->path;
	size_t i;

	kernel_path_collect(&beyond);
	for (i = 0; i < beyond.n_packets; i++)
		compare(third->frame->number, path->packets, path->n_packets,
		    beyond.packets[i].data, beyond.packets[i].len, i);
	kit_check(i == path->n_packets, "frame %u: %zu packets, not %zu",
	    (unsigned)third->frame->number, i, path->n_packets);
}

START_TEST(test_handed_through)
{
	static struct third third;
	int fd;

	third_open(&third, make_third, described_readcb, 1);
	kit_netns();
	kernel_path_open(&beyond);
	fd = dup(beyond.in);
	ck_assert_int_ge(fd, 0);
	third.to = packetevent_tun_new(third.base, evtun_new_fd(fd,
	    EVTUN_OPT_TAP), PEV_OPT_CLOSE_ON_FREE);
	ck_assert_msg(third.to != NULL, "%s", evtun_get_error());
	each_frame(&third, check_beyond);
	ck_assert_uint_gt(third.n_whole, 20);
	ck_assert_uint_eq(packetevent_get_count(third.to,
	    PEV_COUNT_WRITE_DROPPED), 0);
	ck_assert_uint_eq(packetevent_get_count(third.to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
	packetevent_free(third.to);
	third.to = NULL;
	kernel_path_close(&beyond);
	third_close(&third);
}
END_TEST

/* ---- a header that has no place for it ---- */

/* Whoever made it has asked for tunnels all the same. */
static struct evtun *
make_short(void)
{
	int fd = look_open("third", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, 0x1ffUL), 0);
	return evtun_new_fd(fd, EVTUN_OPT_TAP);
}

/* Two frames, and what is sent behind each. */
static int
has_refused_four(void *arg)
{
	return count_refused(arg) == 4;
}

/* Linux has no way to hand over a frame then: each is refused, and counted,
 * and the device lives. */
START_TEST(test_short_header)
{
	static struct third third;
	struct random_frame *frame = kernel_path_alloc(sizeof(*frame));
	unsigned char data[100] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8 };
	uint32_t number = 0;
	int i;

	third_open(&third, make_short, third_readcb, 0);
	for (i = 0; i < 2; i++) {
		next_frame(frame, &number, 1);
		ck_assert_int_eq(kernel_path_write(&third.path, &frame->hdr,
		    frame->data, frame->len), 0);
		kernel_path_collect(&third.path);
	}
	kit_until(third.base, has_refused_four, &third, "four are refused");
	kit_settle(third.base);
	ck_assert_uint_eq(count_refused(&third), 4);
	ck_assert_uint_eq(third.log.n_packets, 0);
	ck_assert_int_eq(third.log.n_events, 0);
	kit_ok(packetevent_write(third.pev, data, sizeof(data)));
	/* Until somebody asks for no tunnels. */
	ck_assert_int_eq(ioctl(packetevent_getfd(third.pev), TUNSETOFFLOAD,
	    0x7fUL), 0);
	third.synced = third.path.synced;
	for (i = 0; i < 20; i++) {
		/* A tunnel of one packet Linux loses with this header. */
		next_frame(frame, &number, 1);
		if (third_pass(&third, frame))
			check_split(&third);
	}
	ck_assert_uint_gt(third.n_tested[0], 5);
	ck_assert_uint_eq(count_refused(&third), 4);
	free(frame);
	third_close(&third);
}
END_TEST

int
main(void)
{
	kit_suite("tun_tunnel");
	kit_case("tunnels", KIT_NEEDS_TUN);
	kit_test(test_split);
	kit_test(test_described);
	kit_test(test_handed_through);
	kit_test(test_short_header);
	return kit_run();
}
