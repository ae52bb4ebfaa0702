/*
 * Messages that are not about the device that comes with them, or about none:
 * refused, with every descriptor that came closed.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "pass_rig.h"
#include "tun_look.h"

/* A device, what was said of it, and a socket to say it over. */
static struct {
	struct evtun *tun;
	struct pass_message msg;
	int sock[2];
	int type;
	int fds;
} stage;

static void
begin(int options, int type)
{
	kit_netns();
	stage.type = type;
	stage.tun = look_new("vpn0", options);
	kit_ok(evtun_set_up(stage.tun, 1));
	pass_capture(stage.tun, &stage.msg);
	pass_sockets(type, stage.sock);
	stage.fds = kit_count_fds();
}

/* The device is as it was, and so is the number of descriptors. */
static void
finish(void)
{
	ck_assert_int_eq(kit_count_fds(), stage.fds);
	close(stage.sock[0]);
	close(stage.sock[1]);
	close(stage.msg.fd);
	pass_check_traffic(stage.tun, "vpn0");
	evtun_free(stage.tun);
	pass_until_gone("vpn0");
}

/* What is left of a stream is of no use. */
static void
expect_refusal(const char *words)
{
	look_refused(evtun_receive_device(stage.sock[1], 0), EBADMSG);
	look_text("receive a device");
	look_text(words);
	ck_assert_int_eq(kit_count_fds(), stage.fds);
	close(stage.sock[0]);
	close(stage.sock[1]);
	pass_sockets(stage.type, stage.sock);
}

static void
expect_good(void)
{
	struct evtun *tun;

	pass_put_message(stage.sock[0], &stage.msg);
	tun = pass_receive(stage.sock[1], 0);
	ck_assert_str_eq(evtun_get_name(tun), "vpn0");
	evtun_free(tun);
}

/* ---- the bytes ---- */

static void
refuse_with(enum pass_member which, uint32_t value, const char *words)
{
	struct pass_message msg = stage.msg;

	pass_set(&msg, which, value);
	pass_put_message(stage.sock[0], &msg);
	expect_refusal(words);
}

START_TEST(test_members)
{
	static const char odd[] = "makes no sense";

	begin(_i ? EVTUN_OPT_OFFLOAD : 0, SOCK_SEQPACKET);
	expect_good();
	refuse_with(0, 0, "not about a device");
	refuse_with(4, 0x65646574, "not about a device");
	refuse_with(PASS_VERSION, 0, "another version");
	refuse_with(PASS_VERSION, 2, "another version");
	refuse_with(PASS_SIZE, PASS_LENGTH - 1, "another version");
	refuse_with(PASS_SIZE, 0, "another version");
	refuse_with(PASS_OPTIONS, EVTUN_OPT_EXCLUSIVE, odd);
	refuse_with(PASS_OPTIONS, EVTUN_OPT_INHERIT, odd);
	refuse_with(PASS_OPTIONS, 1u << 31, odd);
	refuse_with(PASS_OPTIONS, _i ? 0 : EVTUN_OPT_OFFLOAD, odd);
	refuse_with(PASS_HEADER, _i ? 0 : 10, odd);
	refuse_with(PASS_HEADER, 16, odd);
	refuse_with(PASS_HEADER, 0x80000000, odd);
	refuse_with(PASS_SWAPPED, _i ? 2 : 1, odd);
	refuse_with(PASS_SEGMENTS, 129, odd);
	refuse_with(PASS_RESETS, 2, odd);
	refuse_with(PASS_MTU, 0xffffffff, odd);
	refuse_with(PASS_INDEX, 0x80000000, odd);
	refuse_with(PASS_NAME, 0x5b1b5b1b, odd);	/* escape, "[" */
	refuse_with(PASS_NAME, 0x2f2f2f2f, odd);	/* "////" */
	memset(stage.msg.bytes + PASS_NAME, 'x', 16);
	pass_put_message(stage.sock[0], &stage.msg);
	expect_refusal(odd);
	finish();
}
END_TEST

/* Every length but one. */
START_TEST(test_lengths)
{
	unsigned char bytes[PASS_LENGTH + 64] = { 0 };
	size_t len;

	begin(0, pass_types[_i]);
	memcpy(bytes, stage.msg.bytes, PASS_LENGTH);
	for (len = 1; len <= sizeof(bytes); len++) {
		/* What else is in a stream is the next message. */
		if (len == PASS_LENGTH ||
		    (len > PASS_LENGTH && stage.type == SOCK_STREAM))
			continue;
		pass_put(stage.sock[0], bytes, len, &stage.msg.fd, 1);
		shutdown(stage.sock[0], SHUT_WR);
		expect_refusal("not about a device");
	}
	expect_good();
	finish();
}
END_TEST

/* A frame of nothing that has a descriptor is no end. */
START_TEST(test_empty)
{
	begin(0, _i ? SOCK_DGRAM : SOCK_SEQPACKET);
	pass_put(stage.sock[0], "", 0, &stage.msg.fd, 1);
	expect_refusal("just one descriptor");
	finish();
}
END_TEST

/* ---- the descriptors ---- */

START_TEST(test_how_many)
{
	static const int counts[] = { 0, 2, 3, 124, 125, 253 };
	int fds[253], i, n = counts[_i / PASS_N_TYPES];

	begin(0, pass_types[_i % PASS_N_TYPES]);
	for (i = 0; i < n; i++)
		fds[i] = stage.msg.fd;
	pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, fds, n);
	expect_refusal("just one descriptor");
	expect_good();
	finish();
}
END_TEST

/* One with the first half of a stream, and one with the second. */
START_TEST(test_one_each)
{
	begin(0, SOCK_STREAM);
	pass_put(stage.sock[0], stage.msg.bytes, 30, &stage.msg.fd, 1);
	pass_put(stage.sock[0], stage.msg.bytes + 30, PASS_LENGTH - 30,
	    &stage.msg.fd, 1);
	expect_refusal("just one descriptor");
	finish();
}
END_TEST

static int
open_other(int i)
{
	int fd[2], flags = O_RDWR | O_CLOEXEC;

	switch (i) {
	case 0:
		return open("/dev/null", flags);
	case 1:
		pass_sockets(SOCK_STREAM, fd);
		close(fd[1]);
		return fd[0];
	case 2:
		return epoll_create1(EPOLL_CLOEXEC);
	case 3:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 4:
		return open("/", O_PATH | O_CLOEXEC);
	default:
		return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	}
}
#define N_OTHER 6

/* What is no device is let go as it was. */
START_TEST(test_no_device)
{
	int fd = open_other(_i), flags = fcntl(fd, F_GETFL);

	ck_assert_int_ge(fd, 0);
	begin(0, SOCK_STREAM);
	pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, &fd, 1);
	expect_refusal("no TUN or TAP device");
	ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
	finish();
	close(fd);
}
END_TEST

START_TEST(test_not_attached)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	begin(0, SOCK_STREAM);
	pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, &fd, 1);
	look_refused(evtun_receive_device(stage.sock[1], 0), ENXIO);
	look_text("gone");
	finish();
	close(fd);
}
END_TEST

/* ---- what the kernel says of it ---- */

/* Say what was said of the device at hand of another one. */
static void
refuse_other(int fd, const char *words)
{
	int flags = fcntl(fd, F_GETFL);

	pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, &fd, 1);
	expect_refusal(words);
	/* It is not made ours in any way. */
	ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
}

START_TEST(test_contradictions)
{
	static const struct {
		int options, flags;
		const char *words;
	} cases[] = {
		{ 0, IFF_TAP | IFF_NO_PI, "the other kind" },
		{ EVTUN_OPT_TAP, IFF_TUN | IFF_NO_PI, "the other kind" },
		{ 0, IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE,
		    "EVTUN_OPT_MULTIQUEUE differs" },
		{ EVTUN_OPT_MULTIQUEUE, IFF_TUN | IFF_NO_PI,
		    "EVTUN_OPT_MULTIQUEUE differs" },
		{ 0, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR,
		    "EVTUN_OPT_OFFLOAD differs" },
		{ EVTUN_OPT_OFFLOAD, IFF_TUN | IFF_NO_PI,
		    "EVTUN_OPT_OFFLOAD differs" }
	};
	int fd;

	begin(cases[_i].options, SOCK_STREAM);
	fd = look_open("vpn1", cases[_i].flags);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_RDWR), 0);
	stage.fds++;
	refuse_other(fd, cases[_i].words);
	ip_must_say("\"ifname\":\"vpn1\"", "link show dev vpn1");
	close(fd);
	stage.fds--;
	finish();
}
END_TEST

/* The header may have changed on the way. */
START_TEST(test_header)
{
	static const struct {
		int size, little, big;
		const char *words;
	} cases[] = {
		{ 12, 0, 0, "another size" },
		{ 16, 0, 0, "no size that is known" },
		{ 24, 1, 0, NULL },
		{ 24, 0, 1, "other byte order" }
	};
	int fd;

	begin(EVTUN_OPT_OFFLOAD, SOCK_STREAM);
	pass_set(&stage.msg, PASS_HEADER, 24);
	fd = look_open("vpn1", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &cases[_i].size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETVNETLE, &cases[_i].little), 0);
	if (cases[_i].big && ioctl(fd, TUNSETVNETBE, &cases[_i].big) < 0)
		kit_skip("this kernel has no headers in big-endian order");
	stage.fds++;
	if (cases[_i].words != NULL) {
		refuse_other(fd, cases[_i].words);
	} else {
		pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, &fd, 1);
		evtun_free(pass_receive(stage.sock[1], 0));
	}
	close(fd);
	stage.fds--;
	finish();
}
END_TEST

/* Of a device with a filter the kernel says whether it has packet
 * information; of others it is believed. */
START_TEST(test_packet_info)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct sock_fprog prog = { 1, &all };
	struct evtun *tun;
	int fd;

	begin(EVTUN_OPT_TAP, SOCK_STREAM);
	fd = look_open("vpn1", IFF_TAP);
	stage.fds++;
	pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, &fd, 1);
	tun = pass_receive(stage.sock[1], 0);
	ck_assert_int_eq(evtun_get_options(tun), EVTUN_OPT_TAP);
	evtun_free(tun);
	ck_assert_int_eq(ioctl(fd, TUNATTACHFILTER, &prog), 0);
	refuse_other(fd, "it has packet information");
	pass_set(&stage.msg, PASS_OPTIONS,
	    EVTUN_OPT_TAP | EVTUN_OPT_PACKET_INFO);
	pass_put(stage.sock[0], stage.msg.bytes, PASS_LENGTH, &fd, 1);
	evtun_free(pass_receive(stage.sock[1], 0));
	close(fd);
	stage.fds--;
	finish();
}
END_TEST

START_TEST(test_gone)
{
	int fds;

	begin(0, pass_types[_i]);
	fds = kit_count_fds();
	kit_ok(evtun_send_device(stage.tun, stage.sock[0]));
	ip_do("link del vpn0");
	look_refused(evtun_receive_device(stage.sock[1], 0), ENXIO);
	look_text("gone");
	ck_assert_int_eq(kit_count_fds(), fds);
	kit_fails(evtun_send_device(stage.tun, stage.sock[0]), ENXIO);
	look_text("gone");
	ck_assert_int_eq(recv(stage.sock[1], &fds, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	evtun_free(stage.tun);
}
END_TEST

/* ---- at random ---- */

static unsigned
from_environment(const char *name, unsigned otherwise)
{
	const char *s = getenv(name);

	return s != NULL ? (unsigned)strtoul(s, NULL, 10) : otherwise;
}

/* Other bytes, perhaps fewer, and any descriptors. */
static void
put_at_random(unsigned short state[3])
{
	int fds[3], others[2] = { open_other(0), open_other(2) };
	struct pass_message msg = stage.msg;
	size_t len = PASS_LENGTH;
	int i, n = (int)(nrand48(state) % 6);

	for (i = 0; i < n; i++)
		msg.bytes[nrand48(state) % PASS_LENGTH] ^=
		    (unsigned char)(1 << nrand48(state) % 8);
	if (nrand48(state) % 4 == 0)
		len = (size_t)(nrand48(state) % PASS_LENGTH) + 1;
	n = nrand48(state) % 4 == 0 ? (int)(nrand48(state) % 4) : 1;
	for (i = 0; i < n; i++)
		fds[i] = nrand48(state) % 4 == 0 ?
		    others[nrand48(state) % 2] : stage.msg.fd;
	pass_put(stage.sock[0], msg.bytes, len, fds, n);
	close(others[0]);
	close(others[1]);
}

/* A device as it should be, or no device: and nothing else is left. */
START_TEST(test_at_random)
{
	unsigned seed = from_environment("KIT_SEED", 1), i, good = 0;
	unsigned n = from_environment("KIT_CASES", 1500);
	unsigned short state[3] = { (unsigned short)seed, 1,
		(unsigned short)_i };
	struct evtun *tun;

	begin(EVTUN_OPT_OFFLOAD, pass_types[_i]);
	for (i = 0; i < n; i++) {
		put_at_random(state);
		if (stage.type == SOCK_STREAM)
			shutdown(stage.sock[0], SHUT_WR);
		tun = evtun_receive_device(stage.sock[1], 0);
		kit_check(tun != NULL || errno == EBADMSG,
		    "KIT_SEED=%u, case %u: %s", seed, i, evtun_get_error());
		/* Whether there is packet information cannot be checked. */
		if (tun != NULL)
			kit_check((evtun_get_options(tun) &
			    ~EVTUN_OPT_PACKET_INFO) == EVTUN_OPT_OFFLOAD,
			    "KIT_SEED=%u, case %u: another device", seed, i);
		good += tun != NULL;
		evtun_free(tun);
		close(stage.sock[0]);
		close(stage.sock[1]);
		pass_sockets(stage.type, stage.sock);
		kit_check(kit_count_fds() == stage.fds,
		    "KIT_SEED=%u, case %u: descriptors", seed, i);
	}
	kit_check(n < 100 || (good > n / 20 && good < n),
	    "%u of %u messages were good", good, n);
	finish();
}
END_TEST

int
main(void)
{
	kit_suite("pass_refused");
	kit_case("bytes", KIT_NEEDS_TUN);
	kit_loop(test_members, 0, 2);
	kit_loop(test_lengths, 0, PASS_N_TYPES);
	kit_loop(test_empty, 0, 2);
	kit_case("descriptors", KIT_NEEDS_TUN);
	kit_loop(test_how_many, 0, 6 * PASS_N_TYPES);
	kit_test(test_one_each);
	kit_loop(test_no_device, 0, N_OTHER);
	kit_test(test_not_attached);
	kit_case("kernel", KIT_NEEDS_TUN);
	kit_loop(test_contradictions, 0, 6);
	kit_loop(test_header, 0, 4);
	kit_test(test_packet_info);
	kit_loop(test_gone, 0, PASS_N_TYPES);
	kit_case("random", KIT_NEEDS_TUN);
	kit_loop(test_at_random, 0, PASS_N_TYPES);
	return kit_run();
}
