/*
 * One packet in, one packet out, with evtun_read() and evtun_write(): sizes,
 * what does not fit, what is no packet, and devices that are down or gone.
 */
#include "config.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "tun_look.h"

/* A device that is up, and a packet socket at the other side of it. */
struct line {
	struct evtun *tun;
	int sock;
	enum kit_kind kind;
	unsigned char *out, *in;
};

static void
line_open(struct line *line, enum kit_kind kind, int options)
{
	kit_netns();
	line->kind = kind;
	line->tun = kit_tun_new(kind, "vpn0", options);
	line->sock = kit_packet_socket("vpn0");
	line->out = malloc(KIT_TOO_LARGE);
	line->in = malloc(KIT_TOO_LARGE);
	ck_assert(line->out != NULL && line->in != NULL);
}

static void
line_close(struct line *line)
{
	evtun_free(line->tun);
	close(line->sock);
	free(line->out);
	free(line->in);
}

static void
wait_readable(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	ck_assert_msg(poll(&pfd, 1, 30000) == 1, "nothing to read");
}

/* Send packet i of that size into the interface. */
static void
line_send(struct line *line, unsigned i, size_t size)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(line->kind == KIT_TAP ? 0x88b5 :
		    ETH_P_IP), .sll_ifindex = (int)look_index("vpn0") };

	kit_fill(line->kind, line->out, i, size);
	ck_assert_int_eq(sendto(line->sock, line->out, size, 0,
	    (struct sockaddr *)&to, sizeof(to)), (int)size);
	wait_readable(evtun_get_fd(line->tun));
}

static void
check_read(struct line *line, unsigned i, size_t size, size_t room)
{
	int n;

	/* One byte more than there is room for must stay as it is. */
	memset(line->in, 0xa5, room + 1);
	n = evtun_read(line->tun, line->in, room);
	ck_assert_msg(n >= 0, "%s", evtun_get_error());
	ck_assert_uint_eq((size_t)n, size);
	ck_assert(kit_matches(line->kind, line->in, i, size));
	ck_assert_int_eq(line->in[room], 0xa5);
}

static void
check_write(struct line *line, unsigned i, size_t size)
{
	kit_fill(line->kind, line->out, i, size);
	kit_ok(evtun_write(line->tun, line->out, size));
}

/* That it comes out of the interface. */
static void
check_arrives(struct line *line, unsigned i, size_t size)
{
	wait_readable(line->sock);
	ck_assert_int_eq(recv(line->sock, line->in, KIT_TOO_LARGE, 0),
	    (int)size);
	ck_assert(kit_matches(line->kind, line->in, i, size));
}

static void
check_nothing(struct line *line)
{
	kit_ok(evtun_read(line->tun, line->in, 1));
	kit_ok(evtun_read(line->tun, line->in, KIT_TOO_LARGE));
}

static const enum kit_kind kinds[] = { KIT_TUN, KIT_TAP };

/* ---- reading ---- */

START_TEST(test_read_sizes)
{
	struct line line;
	size_t sizes[] = { 14, 15, 20, 60, 100, 1499, 1500, 1514, 4096, 9000,
		32768, 65000, 65534, 65535 };
	size_t i, n = sizeof(sizes) / sizeof(sizes[0]);

	line_open(&line, kinds[_i], 0);
	check_nothing(&line);
	for (i = 0; i < n; i++) {
		line_send(&line, (unsigned)i, sizes[i]);
		check_read(&line, (unsigned)i, sizes[i], 65536);
		/* Room for it, and not a byte more. */
		line_send(&line, (unsigned)i, sizes[i]);
		check_read(&line, (unsigned)i, sizes[i], sizes[i]);
		check_nothing(&line);
	}
	line_close(&line);
}
END_TEST

/* It is lost, and the next one is whole. */
START_TEST(test_read_too_small)
{
	struct line line;
	size_t rooms[] = { 1, 2, 13, 14, 99, 998, 999 };
	size_t i, n = sizeof(rooms) / sizeof(rooms[0]);

	line_open(&line, kinds[_i], 0);
	for (i = 0; i < n; i++) {
		line_send(&line, 1, 1000);
		line_send(&line, 2, 500);
		memset(line.in, 0xa5, rooms[i] + 1);
		kit_fails(evtun_read(line.tun, line.in, rooms[i]), EMSGSIZE);
		look_text("did not fit");
		ck_assert_int_eq(line.in[rooms[i]], 0xa5);
		check_read(&line, 2, 500, 500);
		check_nothing(&line);
	}
	line_close(&line);
}
END_TEST

START_TEST(test_read_no_room)
{
	struct line line;

	line_open(&line, kinds[_i], 0);
	line_send(&line, 1, 100);
	kit_fails(evtun_read(line.tun, line.in, 0), EINVAL);
	check_read(&line, 1, 100, 100);
	line_close(&line);
}
END_TEST

/* ---- writing ---- */

START_TEST(test_write_sizes)
{
	struct line line;
	size_t sizes[] = { 1, 2, 5, 13, 14, 20, 60, 1500, 1514, 9000, 65534,
		65535, EVTUN_MAX_FRAME - 1, EVTUN_MAX_FRAME };
	size_t i, n = sizeof(sizes) / sizeof(sizes[0]);

	line_open(&line, kinds[_i], 0);
	for (i = 0; i < n; i++) {
		if (sizes[i] < kit_min_size(line.kind) ||
		    sizes[i] > (_i ? EVTUN_MAX_FRAME : EVTUN_MAX_PACKET))
			continue;
		check_write(&line, (unsigned)i, sizes[i]);
		check_arrives(&line, (unsigned)i, sizes[i]);
	}
	line_close(&line);
}
END_TEST

/* Refused by us: the kernel would take some of them. */
START_TEST(test_write_bad_sizes)
{
	struct line line;
	size_t max = _i ? EVTUN_MAX_FRAME : EVTUN_MAX_PACKET;

	line_open(&line, kinds[_i], 0);
	kit_fill(line.kind, line.out, 1, 100);
	kit_fails(evtun_write(line.tun, line.out, 0), EMSGSIZE);
	kit_fails(evtun_write(line.tun, line.out, max + 1), EMSGSIZE);
	kit_fails(evtun_write(line.tun, line.out, (size_t)-1), EMSGSIZE);
	look_text("larger than a packet can be");
	if (_i) {
		kit_fails(evtun_write(line.tun, line.out, 1), EINVAL);
		kit_fails(evtun_write(line.tun, line.out, 13), EINVAL);
		look_text("Ethernet frames");
	}
	check_write(&line, 2, 100);
	check_arrives(&line, 2, 100);
	line_close(&line);
}
END_TEST

START_TEST(test_write_nibble)
{
	struct line line;
	unsigned version;

	line_open(&line, KIT_TUN, 0);
	for (version = 0; version < 16; version++) {
		memset(line.out, 0x5a, 40);
		line.out[0] = (unsigned char)(version << 4 | 5);
		if (version == 4 || version == 6) {
			kit_ok(evtun_write(line.tun, line.out, 40));
			wait_readable(line.sock);
			ck_assert_int_eq(recv(line.sock, line.in, 100, 0),
			    40);
			ck_assert_mem_eq(line.in, line.out, 40);
			continue;
		}
		kit_fails(evtun_write(line.tun, line.out, 40), EINVAL);
		look_text("IPv4 and IPv6");
	}
	ck_assert_int_eq(recv(line.sock, line.in, 100, MSG_DONTWAIT), -1);
	line_close(&line);
}
END_TEST

/* ---- packet information ---- */

/* Linux's EtherTypes, where they are needed. */
static void
put_info(unsigned char *info, int kind)
{
	static const unsigned char tun[] = { 0, 0, 0x08, 0 };
	static const unsigned char tap[] = { 0, 0, 0x88, 0xb5 };

	memcpy(info, kind == KIT_TAP ? tap : tun, 4);
}

START_TEST(test_info)
{
	struct line line;
	unsigned char buf[204], info[4], *in;
	size_t sizes[] = { 14, 100, 65535 }, i;
	int n;

	line_open(&line, kinds[_i], EVTUN_OPT_PACKET_INFO);
	put_info(info, line.kind);
	in = malloc(KIT_TOO_LARGE);
	ck_assert_ptr_nonnull(in);
	for (i = 0; i < 3; i++) {
		line_send(&line, 1, sizes[i]);
		n = evtun_read(line.tun, in, sizes[i] + 4);
		ck_assert_int_eq(n, (int)sizes[i] + 4);
		ck_assert_mem_eq(in, info, 4);
		ck_assert(kit_matches(line.kind, in + 4, 1, sizes[i]));
		/* Nothing may be cut, the information included. */
		line_send(&line, 1, sizes[i]);
		kit_fails(evtun_read(line.tun, in, sizes[i] + 3), EMSGSIZE);
		line_send(&line, 1, sizes[i]);
		kit_fails(evtun_read(line.tun, in, 1), EMSGSIZE);
		line_send(&line, 1, sizes[i]);
		kit_fails(evtun_read(line.tun, in, 4), EMSGSIZE);
		check_nothing(&line);
	}
	put_info(buf, line.kind);
	kit_fill(line.kind, buf + 4, 2, 200);
	kit_ok(evtun_write(line.tun, buf, 204));
	check_arrives(&line, 2, 200);
	free(in);
	line_close(&line);
}
END_TEST

START_TEST(test_info_bad_sizes)
{
	size_t least = _i ? 4 + 14 : 4;
	size_t most = 4 + (size_t)(_i ? EVTUN_MAX_FRAME : EVTUN_MAX_PACKET);
	struct line line;

	line_open(&line, kinds[_i], EVTUN_OPT_PACKET_INFO);
	put_info(line.out, line.kind);
	kit_fill(line.kind, line.out + 4, 1, most - 4);
	kit_fails(evtun_write(line.tun, line.out, 0), EMSGSIZE);
	kit_fails(evtun_write(line.tun, line.out, 1), EINVAL);
	kit_fails(evtun_write(line.tun, line.out, least - 1), EINVAL);
	kit_fails(evtun_write(line.tun, line.out, most + 1), EMSGSIZE);
	/* On TUN the first bytes say what it is, and not what follows. */
	kit_ok(evtun_write(line.tun, line.out, most));
	check_arrives(&line, 1, most - 4);
	line_close(&line);
}
END_TEST

/* ---- down, gone, broken ---- */

START_TEST(test_down)
{
	struct line line;

	line_open(&line, kinds[_i], 0);
	line_send(&line, 1, 100);
	kit_ok(evtun_set_up(line.tun, 0));
	kit_fill(line.kind, line.out, 2, 100);
	kit_fails(evtun_write(line.tun, line.out, 100), ENETDOWN);
	look_text("evtun_set_up");
	/* What was sent before is there. */
	check_read(&line, 1, 100, 100);
	check_nothing(&line);
	kit_ok(evtun_set_up(line.tun, 1));
	close(line.sock);
	line.sock = kit_packet_socket("vpn0");
	check_write(&line, 3, 100);
	check_arrives(&line, 3, 100);
	line_close(&line);
}
END_TEST

START_TEST(test_gone)
{
	struct line line;
	int i;

	line_open(&line, kinds[_i], 0);
	line_send(&line, 1, 100);
	kit_link_delete("vpn0");
	kit_fill(line.kind, line.out, 2, 100);
	for (i = 0; i < 3; i++) {
		kit_fails(evtun_read(line.tun, line.in, 1500), ENXIO);
		look_text("gone");
		kit_fails(evtun_write(line.tun, line.out, 100), ENXIO);
		look_text("gone");
	}
	/* Another one of that name is none of its business. */
	evtun_free(look_new("vpn0", 0));
	kit_fails(evtun_read(line.tun, line.in, 1500), ENXIO);
	line_close(&line);
}
END_TEST

START_TEST(test_shared_queue)
{
	struct line line;
	struct evtun *tun;
	int fd;

	line_open(&line, kinds[_i], 0);
	fd = dup(evtun_get_fd(line.tun));
	tun = evtun_new_fd(fd, _i ? EVTUN_OPT_TAP : 0);
	ck_assert_ptr_nonnull(tun);
	/* Two descriptors of one queue: what one reads the other does not. */
	line_send(&line, 1, 100);
	ck_assert_int_eq(evtun_read(tun, line.in, 1500), 100);
	check_nothing(&line);
	evtun_free(tun);
	check_write(&line, 2, 100);
	check_arrives(&line, 2, 100);
	line_close(&line);
}
END_TEST

int
main(void)
{
	kit_suite("tun_io");
	kit_case("read", KIT_NEEDS_TUN);
	kit_loop(test_read_sizes, 0, 2);
	kit_loop(test_read_too_small, 0, 2);
	kit_loop(test_read_no_room, 0, 2);
	kit_case("write", KIT_NEEDS_TUN);
	kit_loop(test_write_sizes, 0, 2);
	kit_loop(test_write_bad_sizes, 0, 2);
	kit_test(test_write_nibble);
	kit_case("packet_info", KIT_NEEDS_TUN);
	kit_loop(test_info, 0, 2);
	kit_loop(test_info_bad_sizes, 0, 2);
	kit_case("states", KIT_NEEDS_TUN);
	kit_loop(test_down, 0, 2);
	kit_loop(test_gone, 0, 2);
	kit_loop(test_shared_queue, 0, 2);
	return kit_run();
}
