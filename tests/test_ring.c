/*
 * Many packets in one system call: which, in which order, and what of those
 * that are refused in the middle.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_tun.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ring_line.h"
#include "tun_look.h"

#define MANY 100

/* ---- reading ---- */

START_TEST(test_read_nothing)
{
	line_open(line_kinds[_i]);
	take_none();
	ck_assert_int_eq(evtun_ring_read_(line.in, 5), 5);
	take_none();
	put_one(1, 100);
	ck_assert_int_eq(evtun_ring_read_(line.in, 0), 0);
	take_none();
	read_plain(1, 100);
	line_close();
}
END_TEST

START_TEST(test_read_sizes)
{
	size_t sizes[] = { 20, 21, 63, 64, 65, 1499, 1500, 4096, 9000, 32768,
		65000, 65534, 65535 };
	unsigned i, n = sizeof(sizes) / sizeof(sizes[0]);

	line_open(line_kinds[_i]);
	for (i = 0; i < n; i++) {
		put_one(i, sizes[i]);
		put_one(i + MANY, 30);
	}
	ck_assert_int_eq(evtun_ring_read_(line.in, 1000), EVTUN_RING_READS_);
	for (i = 0; i < n; i++) {
		take_one(i, sizes[i]);
		take_one(i + MANY, 30);
	}
	take_none();
	line_close();
}
END_TEST

START_TEST(test_read_in_order)
{
	unsigned i, got = 0;
	int n;

	line_open(line_kinds[_i]);
	for (i = 0; i < MANY; i++)
		put_one(i, size_of(i));
	/* Not all there are, and plain reads in between. */
	while (got + 8 <= MANY) {
		ck_assert_int_eq(evtun_ring_read_(line.in, 7), 7);
		for (n = 0; n < 7; n++, got++)
			take_one(got, size_of(got));
		take_none();
		read_plain(got, size_of(got));
		got++;
	}
	ck_assert_int_eq(evtun_ring_read_(line.in, 20), 20);
	for (; got < MANY; got++)
		take_one(got, size_of(got));
	take_none();
	line_close();
}
END_TEST

/* What does not fit is cut, but its length is told. */
START_TEST(test_read_without_room)
{
	line_open(line_kinds[_i]);
	put_one(1, 1000);
	put_one(2, 100);
	ck_assert_int_eq(evtun_ring_read_(line.in, 2), 2);
	memset(line.data, 0xa5, 1001);
	ck_assert_int_eq((int)evtun_ring_take_(line.in, line.data, 999), 1000);
	ck_assert_int_eq(line.data[999], 0xa5);
	take_one(2, 100);
	/* What is not taken is gone with the next call. */
	put_one(3, 100);
	put_one(4, 100);
	ck_assert_int_eq(evtun_ring_read_(line.in, 1), 1);
	ck_assert_int_eq(evtun_ring_read_(line.in, 1), 1);
	take_one(4, 100);
	take_none();
	line_close();
}
END_TEST

static void
put_three(struct io_uring *uring)
{
	unsigned i;

	(void)uring;
	fault.after = NULL;
	for (i = 0; i < 3; i++)
		put_one(i, 100);
}

/* While others of the same call have found nothing. */
START_TEST(test_read_what_comes_late)
{
	unsigned i;

	line_open(line_kinds[_i]);
	fault.max = 10;
	fault.after = put_three;
	ck_assert_int_eq(evtun_ring_read_(line.in, 32), 32);
	for (i = 0; i < 3; i++)
		take_one(i, 100);
	take_none();
	line_close();
}
END_TEST

/* In kB. */
static long
memory_in_use(void)
{
	long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

START_TEST(test_read_gives_memory_back)
{
	unsigned i;
	long used;

	line_open(KIT_TUN);
	for (i = 0; i < EVTUN_RING_READS_; i++)
		put_one(i, 65535);
	ck_assert_int_eq(evtun_ring_read_(line.in, 32), 32);
	for (i = 0; i < EVTUN_RING_READS_; i++)
		take_one(i, 65535);
	used = memory_in_use();
	put_one(1, 100);
	ck_assert_int_eq(evtun_ring_read_(line.in, 32), 32);
	take_one(1, 100);
	take_none();
	ck_assert_int_lt(memory_in_use(), used - 1500);
	line_close();
}
END_TEST

#define STREAM 3000
#define WINDOW 400
static unsigned stream_got;

static void *
send_stream(void *arg)
{
	unsigned i;

	for (i = 0; i < STREAM; i++) {
		/* No more than the device holds. */
		while (i - __atomic_load_n(&stream_got, __ATOMIC_ACQUIRE) >=
		    WINDOW)
			sched_yield();
		put_one(i, size_of(i));
	}
	return arg;
}

static void
take_stream(void)
{
	unsigned i = stream_got;
	ssize_t n;

	for (;;) {
		n = evtun_ring_take_(line.in, line.data, sizeof(line.data));
		if (n < 0)
			break;
		check_data(n, i, size_of(i));
		i++;
	}
	kit_check(errno == EAGAIN, "%s", strerror(errno));
	__atomic_store_n(&stream_got, i, __ATOMIC_RELEASE);
}

START_TEST(test_read_a_stream)
{
	pthread_t thread;

	line_open(KIT_TUN);
	stream_got = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, send_stream, NULL), 0);
	while (stream_got < STREAM) {
		wait_readable(line.fd);
		kit_check(evtun_ring_read_(line.in, 32) == 32, "no ring");
		take_stream();
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_uint_eq(stream_got, STREAM);
	line_close();
}
END_TEST

/* The system's header is part of what is read and written. */
START_TEST(test_header)
{
	struct evbuffer_iovec pkt;
	unsigned char data[10 + 300] = { 0 };
	int err = 0;

	kit_netns();
	line.kind = KIT_TUN;
	line.fd = look_open("ring0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	kit_link_up("ring0", 1);
	line.sock = kit_packet_socket("ring0");
	line.in = evtun_ring_new_(line.fd, 0);
	line.out = evtun_ring_new_(line.fd, 1);
	if (line.in == NULL || line.out == NULL)
		kit_skip("no io_uring for devices here");
	put_one(1, 300);
	ck_assert_int_eq(evtun_ring_read_(line.in, 1), 1);
	ck_assert_int_eq((int)evtun_ring_take_(line.in, line.data, 400), 310);
	ck_assert(kit_matches(KIT_TUN, line.data + 10, 1, 300));
	kit_fill(KIT_TUN, data + 10, 2, 300);
	pkt.iov_base = data;
	pkt.iov_len = sizeof(data);
	ck_assert_int_eq(evtun_ring_write_(line.out, &pkt, 1, &err), 1);
	ck_assert_int_eq(err, 0);
	expect(2, 300);
	/* Shorter than the header. */
	pkt.iov_len = 9;
	ck_assert_int_eq(evtun_ring_write_(line.out, &pkt, 1, &err), 1);
	ck_assert_int_eq(err, EINVAL);
	evtun_ring_free_(line.in);
	evtun_ring_free_(line.out);
	close(line.fd);
	close(line.sock);
}
END_TEST

/* ---- writing ---- */

static size_t
any_size(unsigned index)
{
	static const size_t sizes[] = { 20, 64, 1500, 14, 9000, 65535, 65534,
		40, 33000, 21 };

	return sizes[index % 10];
}

START_TEST(test_write_sizes)
{
	struct evbuffer_iovec *pkts;
	int errs[20];
	unsigned i;

	line_open(line_kinds[_i]);
	pkts = make_packets(20, any_size);
	memset(errs, 0xff, sizeof(errs));
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 20, errs), 20);
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(errs[i], 0);
		expect(i, any_size(i));
	}
	expect_none();
	free_packets(pkts, 20);
	line_close();
}
END_TEST

START_TEST(test_write_in_order)
{
	struct evbuffer_iovec *pkts;
	int n, done = 0, errs[MANY];
	unsigned i;

	line_open(line_kinds[_i]);
	pkts = make_packets(MANY, size_of);
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 0, errs), 0);
	while (done < MANY) {
		n = evtun_ring_write_(line.out, pkts + done, MANY - done,
		    errs + done);
		ck_assert_int_eq(n, MANY - done > EVTUN_RING_WRITES_ ?
		    EVTUN_RING_WRITES_ : MANY - done);
		done += n;
	}
	for (i = 0; i < MANY; i++) {
		ck_assert_int_eq(errs[i], 0);
		expect(i, size_of(i));
	}
	expect_none();
	free_packets(pkts, MANY);
	line_close();
}
END_TEST

/* Bad ones do not keep the others from being written. */
START_TEST(test_write_bad_ones)
{
	struct evbuffer_iovec *pkts;
	int errs[10], bad[10] = { 0, 1, 0, 0, 1, 1, 0, 1, 0, 1 };
	unsigned i;

	line_open(line_kinds[_i]);
	pkts = make_packets(10, size_of);
	for (i = 0; i < 10; i++) {
		if (bad[i] && line.kind == KIT_TUN)
			*(unsigned char *)pkts[i].iov_base = 0x50;
		if (bad[i] && (line.kind == KIT_TAP || i == 4))
			pkts[i].iov_len = i == 4 ? 0 : 13;
	}
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 10, errs), 10);
	for (i = 0; i < 10; i++) {
		ck_assert_int_eq(errs[i], bad[i] ? EINVAL : 0);
		if (!bad[i])
			expect(i, size_of(i));
	}
	expect_none();
	free_packets(pkts, 10);
	line_close();
}
END_TEST

/* As if the device had had no room for some, or had been down. */
static const char *no_room;

static int
error_of(char c)
{
	static const char letters[] = ".aedl";
	static const int errors[] = { 0, EAGAIN, EINVAL, EIO, ENOBUFS };

	return errors[strchr(letters, c) - letters];
}

static void
lie(struct io_uring *uring)
{
	unsigned head = *uring->cq.khead, i;

	for (i = 0; no_room[i] != '\0'; i++)
		if (no_room[i] != '.')
			uring->cq.cqes[(head + i) & *uring->cq.kring_mask].res
			    = -error_of(no_room[i]);
}

/* '.' is sent, 'a' has to wait, 'e' is refused, 'd' finds the interface down,
 * 'l' is lost. */
START_TEST(test_write_without_room)
{
	static const char *const cases[][2] = {
		{ "....", "...." }, { "aaaa", "aaaa" }, { "..aa", "..aa" },
		{ "a...", "l..." }, { ".a.a", ".l.a" }, { ".aea", ".aaa" },
		{ "ea.e", "el.e" }, { "aae.", "lle." },
		{ "e.ae", "e.aa" }, { "eeee", "eeee" },
		{ "..dd", "..dd" }, { ".d..", ".l.." }, { "dd.d", "ll.d" },
		{ "da.d", "ll.d" }, { "ade.", "lle." }, { ".dae", ".daa" }
	};
	struct evbuffer_iovec *pkts;
	int n, errs[4];

	line_open(KIT_TUN);
	pkts = make_packets(4, size_of);
	no_room = cases[_i][0];
	fault.after = lie;
	ck_assert_int_eq(evtun_ring_write_(line.out, pkts, 4, errs), 4);
	for (n = 0; n < 4; n++)
		ck_assert_int_eq(errs[n], error_of(cases[_i][1][n]));
	free_packets(pkts, 4);
	line_close();
}
END_TEST

START_TEST(test_write_with_limit)
{
	int limit = 20000;

	line_open(line_kinds[_i]);
	evtun_ring_free_(line.out);
	ck_assert_int_eq(ioctl(line.fd, TUNSETSNDBUF, &limit), 0);
	line.out = evtun_ring_new_(line.fd, 1);
	ck_assert_ptr_null(line.out);
	evtun_ring_free_(line.in);
	line.in = evtun_ring_new_(line.fd, 0);
	ck_assert_ptr_nonnull(line.in);
	line_close();
}
END_TEST

int
main(void)
{
	kit_suite("ring");
	kit_case("reading", KIT_NEEDS_TUN);
	kit_loop(test_read_nothing, 0, 2);
	kit_loop(test_read_sizes, 0, 2);
	kit_loop(test_read_in_order, 0, 2);
	kit_loop(test_read_without_room, 0, 2);
	kit_loop(test_read_what_comes_late, 0, 2);
	kit_test(test_read_gives_memory_back);
	kit_test(test_read_a_stream);
	kit_test(test_header);
	kit_case("writing", KIT_NEEDS_TUN);
	kit_loop(test_write_sizes, 0, 2);
	kit_loop(test_write_in_order, 0, 2);
	kit_loop(test_write_bad_ones, 0, 2);
	kit_loop(test_write_without_room, 0, 16);
	kit_loop(test_write_with_limit, 0, 2);
	return kit_run();
}
