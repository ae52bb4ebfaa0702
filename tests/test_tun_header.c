/*
 * Descriptors with a header for offload: packets are bare all the same, and
 * what the kernel has joined, or not finished, is split and finished.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <arpa/inet.h>
#include <netpacket/packet.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

static const int sizes[] = { 10, 12, 20, 24 };

/* What a test runs with, as a number: kind, header size, information. */
#define N_SETUPS (2 * 4 * 2)
struct line {
	enum kit_kind kind;
	size_t info;		/* bytes of packet information */
	int flags, options, size;
	struct evtun *tun;
	int sock;
};

static int
open_with_header(const char *name, int flags, int size)
{
	int fd = look_open(name, flags | IFF_VNET_HDR);

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	/* What such a user would have wanted. */
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM |
	    TUN_F_TSO4 | TUN_F_TSO6)), 0);
	return fd;
}

static void
line_open(struct line *line, int i, int more_flags)
{
	memset(line, 0, sizeof(*line));
	line->kind = i % 2 ? KIT_TAP : KIT_TUN;
	line->size = sizes[i / 2 % 4];
	line->info = i / 8 ? 4 : 0;
	line->flags = (i % 2 ? IFF_TAP : IFF_TUN) |
	    (line->info ? 0 : IFF_NO_PI) | more_flags;
	line->options = (i % 2 ? EVTUN_OPT_TAP : 0) |
	    (line->info ? EVTUN_OPT_PACKET_INFO : 0);
	kit_netns();
	line->tun = evtun_new_fd(open_with_header("vpn0", line->flags,
	    line->size), line->options);
	ck_assert_msg(line->tun != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_mtu(line->tun, i % 2 ? 65521 : 65535));
	kit_ok(evtun_set_up(line->tun, 1));
	line->sock = kit_packet_socket("vpn0");
}

static void
line_close(struct line *line)
{
	evtun_free(line->tun);
	close(line->sock);
}

static void
wait_readable(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	ck_assert_msg(poll(&pfd, 1, 30000) == 1, "nothing to read");
}

static unsigned char buf[KIT_TOO_LARGE], in[KIT_TOO_LARGE];

/* The packet information of what kit_fill() makes. */
static void
put_info(struct line *line, unsigned char *p)
{
	static const unsigned char tun[] = { 0, 0, 0x08, 0 };
	static const unsigned char tap[] = { 0, 0, 0x88, 0xb5 };

	memcpy(p, line->kind == KIT_TAP ? tap : tun, line->info);
}

static void
check_write(struct line *line, struct evtun *tun, unsigned i, size_t size)
{
	put_info(line, buf);
	kit_fill(line->kind, buf + line->info, i, size);
	kit_ok(evtun_write(tun, buf, line->info + size));
	wait_readable(line->sock);
	ck_assert_int_eq(recv(line->sock, in, sizeof(in), 0), (int)size);
	ck_assert(kit_matches(line->kind, in, i, size));
}

static void
line_send(struct line *line, const void *data, size_t size)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(line->kind == KIT_TAP ? 0x88b5 :
		    0x0800), .sll_ifindex = (int)look_index("vpn0") };

	ck_assert_int_eq(sendto(line->sock, data, size, 0,
	    (const struct sockaddr *)&to, sizeof(to)), (int)size);
}

static void
check_read(struct line *line, unsigned i, size_t size, size_t room)
{
	unsigned char info[4];

	memset(in, 0xa5, room + 1);
	wait_readable(evtun_get_fd(line->tun));
	ck_assert_int_eq(evtun_read(line->tun, in, room),
	    (int)(line->info + size));
	put_info(line, info);
	ck_assert_mem_eq(in, info, line->info);
	ck_assert(kit_matches(line->kind, in + line->info, i, size));
	ck_assert_int_eq(in[room], 0xa5);
}

START_TEST(test_bare)
{
	struct line line;
	size_t lens[] = { 14, 15, 40, 1500, 9000, 65534, 65535 };
	size_t i, room;

	line_open(&line, _i, 0);
	ck_assert_int_eq(evtun_get_options(line.tun),
	    line.options | EVTUN_OPT_OFFLOAD);
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		check_write(&line, line.tun, (unsigned)i, lens[i]);
		room = line.info + lens[i];
		kit_fill(line.kind, buf, (unsigned)i, lens[i]);
		line_send(&line, buf, lens[i]);
		check_read(&line, (unsigned)i, lens[i], sizeof(in) - 1);
		line_send(&line, buf, lens[i]);
		check_read(&line, (unsigned)i, lens[i], room);
		/* It is lost, whatever part of it did not fit. */
		line_send(&line, buf, lens[i]);
		kit_fails(evtun_read(line.tun, in, room - 1), EMSGSIZE);
		line_send(&line, buf, lens[i]);
		kit_fails(evtun_read(line.tun, in, 1), EMSGSIZE);
		kit_ok(evtun_read(line.tun, in, sizeof(in)));
	}
	line_close(&line);
}
END_TEST

/* Another queue has the same header, and the same bare packets. */
START_TEST(test_queue)
{
	struct evtun *queue;
	struct line line;

	line_open(&line, _i, IFF_MULTI_QUEUE);
	queue = evtun_new_queue(line.tun);
	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(evtun_get_options(queue), line.options |
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE);
	check_write(&line, line.tun, 1, 100);
	check_write(&line, queue, 2, 1000);
	evtun_free(line.tun);
	line.tun = queue;
	check_write(&line, queue, 3, 1000);
	kit_fill(line.kind, buf, 4, 1000);
	line_send(&line, buf, 1000);
	check_read(&line, 4, 1000, 2000);
	line_close(&line);
}
END_TEST

static const int odd_sizes[] = { 11, 13, 14, 16, 25, 64, 65536 };
#define N_ODD ((int)(sizeof(odd_sizes) / sizeof(odd_sizes[0])))

START_TEST(test_odd_size)
{
	int fd, flags;

	kit_netns();
	fd = open_with_header("vpn0", IFF_TUN | IFF_NO_PI, odd_sizes[_i]);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	flags = fcntl(fd, F_GETFL);
	look_refused(evtun_new_fd(fd, 0), EINVAL);
	look_text("header for offload");
	ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
	close(fd);
}
END_TEST

/* ---- the same through a packetevent ---- */

static int
has_four(void *log)
{
	return ((struct kit_log *)log)->n_packets >= 4;
}

/* Write packet i in pieces, the information in two of them, some empty. */
static void
write_pieces(struct line *line, struct packetevent *pev, unsigned i,
    size_t size)
{
	size_t cut = line->info ? 3 : 5;
	struct evbuffer_iovec vec[5] = {
		{ buf, 0 }, { buf, cut }, { NULL, 0 }, { buf + cut, 2 },
		{ buf + cut + 2, line->info + size - cut - 2 }
	};

	put_info(line, buf);
	kit_fill(line->kind, buf + line->info, i, size);
	kit_ok(packetevent_write_iovec(pev, vec, 5));
	wait_readable(line->sock);
	ck_assert_int_eq(recv(line->sock, in, sizeof(in), 0), (int)size);
	ck_assert(kit_matches(line->kind, in, i, size));
}

START_TEST(test_packetevent)
{
	struct event_base *base = event_base_new();
	struct packetevent *pev;
	struct line line;
	struct kit_log log;
	size_t lens[] = { 14, 100, 9000, 65535 };
	unsigned char info[4];
	unsigned i;

	memset(&log, 0, sizeof(log));
	line_open(&line, _i, 0);
	pev = packetevent_tun_new(base, line.tun, 0);
	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, kit_readcb, NULL, kit_eventcb, &log);
	kit_ok(packetevent_enable(pev, EV_READ));
	for (i = 0; i < 4; i++) {
		write_pieces(&line, pev, i, lens[i]);
		kit_fill(line.kind, buf, i, lens[i]);
		line_send(&line, buf, lens[i]);
	}
	kit_until(base, has_four, &log, "four packets");
	put_info(&line, info);
	for (i = 0; i < 4; i++) {
		ck_assert_uint_eq(log.packets[i].len, line.info + lens[i]);
		ck_assert_mem_eq(log.packets[i].data, info, line.info);
		ck_assert(kit_matches(line.kind,
		    log.packets[i].data + line.info, i, lens[i]));
	}
	packetevent_free(pev);
	kit_log_clear(&log);
	line_close(&line);
	event_base_free(base);
}
END_TEST

/* ---- what the kernel leaves to us ---- */

#define MSS 1000
#define HEADERS 40

static void
put16(unsigned char *p, unsigned value)
{
	p[0] = (unsigned char)(value >> 8);
	p[1] = (unsigned char)value;
}

/* RFC 1071. */
static unsigned
sum(const unsigned char *p, size_t n, unsigned start)
{
	size_t i;

	for (i = 0; i < n; i++)
		start += (unsigned)p[i] << (i % 2 ? 0 : 8);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* The pseudo header of an IPv4 packet. */
static unsigned
pseudo(const unsigned char *p, size_t size)
{
	return sum(p + 12, 8, 6 + (unsigned)(size - 20));
}

/* A TCP segment with its checksum undone: only the pseudo header is in. */
static void
make_segment(unsigned char *p, size_t payload)
{
	size_t i, size = HEADERS + payload;

	memset(p, 0, HEADERS);
	p[0] = 0x45;
	put16(p + 2, (unsigned)size);
	p[8] = 64;
	p[9] = 6;
	memcpy(p + 12, "\x0a\x09\x00\x01\x0a\x09\x00\x02", 8);
	put16(p + 10, ~sum(p, 20, 0));
	put16(p + 20, 1234);
	put16(p + 22, 4321);
	p[32] = 0x50;
	p[33] = 0x10;
	put16(p + 36, pseudo(p, size));
	for (i = 0; i < payload; i++)
		p[HEADERS + i] = (unsigned char)(i * 7 + (i >> 8));
}

static void
send_segment(int index, int sock, size_t payload)
{
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = payload > MSS ? VIRTIO_NET_HDR_GSO_TCPV4 :
		    VIRTIO_NET_HDR_GSO_NONE,
		.hdr_len = HEADERS, .gso_size = payload > MSS ? MSS : 0,
		.csum_start = 20, .csum_offset = 16
	};
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(0x0800), .sll_ifindex = index };
	struct iovec iov[2] = { { &hdr, sizeof(hdr) },
		{ buf, HEADERS + payload } };
	struct msghdr msg = { .msg_name = &to, .msg_namelen = sizeof(to),
		.msg_iov = iov, .msg_iovlen = 2 };

	make_segment(buf, payload);
	ck_assert_int_eq(sendmsg(sock, &msg, 0),
	    (int)(sizeof(hdr) + HEADERS + payload));
}

/* A packet socket that sends with a header for offload. */
static int
offload_socket(void)
{
	int one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
	    sizeof(one)), 0);
	return fd;
}

/* What follows it waits in the library, and the descriptor is silent then. */
static void
check_segment(const unsigned char *p, size_t from, size_t payload)
{
	size_t i, size = HEADERS + payload;

	ck_assert_uint_eq(p[2] << 8 | p[3], size);
	ck_assert_uint_eq(sum(p, 20, 0), 0xffff);
	ck_assert_uint_eq(sum(p + 20, size - 20, pseudo(p, size)), 0xffff);
	for (i = 0; i < payload; i++)
		ck_assert_uint_eq(p[HEADERS + i],
		    (unsigned char)((from + i) * 7 + ((from + i) >> 8)));
}

static void
read_segment(struct line *line, size_t from, size_t payload)
{
	static const unsigned char info[] = { 0, 0, 0x08, 0 };
	int n = evtun_read(line->tun, in, sizeof(in));

	if (n == 0) {
		wait_readable(evtun_get_fd(line->tun));
		n = evtun_read(line->tun, in, sizeof(in));
	}
	ck_assert_int_eq(n, (int)(line->info + HEADERS + payload));
	ck_assert_mem_eq(in, info, line->info);
	check_segment(in + line->info, from, payload);
}

/* Even set-ups are TUN; some have packet information. */
START_TEST(test_finished)
{
	struct line line;
	int sock, index;

	line_open(&line, _i * 2, 0);
	sock = offload_socket();
	index = (int)look_index("vpn0");
	kit_fill(KIT_TUN, buf, 1, 100);
	line_send(&line, buf, 100);
	send_segment(index, sock, 600);
	send_segment(index, sock, 2 * MSS + 500);
	kit_fill(KIT_TUN, buf, 2, 200);
	line_send(&line, buf, 200);
	check_read(&line, 1, 100, 2000);
	read_segment(&line, 0, 600);
	read_segment(&line, 0, MSS);
	read_segment(&line, MSS, MSS);
	read_segment(&line, 2 * MSS, 500);
	check_read(&line, 2, 200, 2000);
	kit_ok(evtun_read(line.tun, in, sizeof(in)));
	close(sock);
	line_close(&line);
}
END_TEST

/* One that does not fit is lost, and the next one is not. */
START_TEST(test_finished_no_room)
{
	struct line line;
	int sock, i;

	line_open(&line, _i * 2, 0);
	sock = offload_socket();
	send_segment((int)look_index("vpn0"), sock, 2 * MSS + 500);
	wait_readable(evtun_get_fd(line.tun));
	for (i = 0; i < 2; i++)
		kit_fails(evtun_read(line.tun, in,
		    line.info + HEADERS + MSS - 1), EMSGSIZE);
	ck_assert_int_eq(evtun_read(line.tun, in,
	    line.info + HEADERS + 500), (int)(line.info + HEADERS + 500));
	check_segment(in + line.info, 2 * MSS, 500);
	kit_ok(evtun_read(line.tun, in, sizeof(in)));
	close(sock);
	line_close(&line);
}
END_TEST

/* What evtun_read() has left behind comes to the packetevent first. */
START_TEST(test_finished_packetevent)
{
	struct event_base *base = event_base_new();
	struct packetevent *pev;
	struct line line;
	struct kit_log log;
	int sock, index;

	memset(&log, 0, sizeof(log));
	line_open(&line, _i * 2, 0);
	sock = offload_socket();
	index = (int)look_index("vpn0");
	send_segment(index, sock, 2 * MSS + 500);
	read_segment(&line, 0, MSS);
	pev = packetevent_tun_new(base, line.tun, 0);
	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, kit_readcb, NULL, kit_eventcb, &log);
	kit_ok(packetevent_enable(pev, EV_READ));
	send_segment(index, sock, 600);
	send_segment(index, sock, MSS + 1);
	kit_until(base, has_four, &log, "four packets");
	check_segment(log.packets[0].data + line.info, MSS, MSS);
	check_segment(log.packets[1].data + line.info, 2 * MSS, 500);
	check_segment(log.packets[2].data + line.info, 0, 600);
	check_segment(log.packets[3].data + line.info, 0, MSS);
	ck_assert_int_eq(log.n_events, 0);
	packetevent_free(pev);
	/* The last byte has waited, or waits. */
	if (log.n_packets == 4)
		read_segment(&line, MSS, 1);
	else
		check_segment(log.packets[4].data + line.info, MSS, 1);
	kit_log_clear(&log);
	close(sock);
	line_close(&line);
	event_base_free(base);
}
END_TEST

int
main(void)
{
	kit_suite("tun_header");
	kit_case("bare", KIT_NEEDS_TUN);
	kit_loop(test_bare, 0, N_SETUPS);
	kit_loop(test_queue, 0, N_SETUPS);
	kit_loop(test_packetevent, 0, N_SETUPS);
	kit_loop(test_odd_size, 0, N_ODD);
	kit_case("unfinished", KIT_NEEDS_TUN);
	kit_loop(test_finished, 0, N_SETUPS / 2);
	kit_loop(test_finished_no_room, 0, N_SETUPS / 2);
	kit_loop(test_finished_packetevent, 0, N_SETUPS / 2);
	return kit_run();
}
