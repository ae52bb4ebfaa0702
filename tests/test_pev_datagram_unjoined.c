/*
 * What the kernel does not let us join, or not all of it, goes singly, or
 * later: every packet is what it was, in its turn.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "datagram_rig.h"

static const int refusals[] = {EINVAL, EIO, ENOTSUP};

/* The kernel will not: singly, in order, and soon not tried any more. */
START_TEST(test_refused)
{
	struct ends ends;
	int i;

	ends_open_both(&ends, _i % 4);
	datagram_wrap.refuse = refusals[_i / 4];
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 6; i++) {
		ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY,
		    500), MANY);
		ck_assert_uint_eq(count_unjoined(&ends),
		    (ev_uint64_t)(i < 3 ? i + 1 : 3));
		check_read(&ends, MANY, 500);
	}
	kit_check_counts(&ends.rig, 1, 6 * MANY);
	ck_assert_uint_eq(kit_count(&ends.rig, 1, PEV_COUNT_WRITE_DROPPED),
	    0);
	ck_assert_int_eq(datagram_wrap.sent_joined, 0);
	ends_close(&ends);
}
END_TEST

/* As long as it takes one in between, it goes on. */
START_TEST(test_refused_now_and_then)
{
	struct ends ends;
	int i;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 12; i++) {
		datagram_wrap.refuse = i % 3 == 2 ? 0 : EINVAL;
		datagram_wrap.sent_joined = 0;
		ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY,
		    500), MANY);
		ck_assert_int_eq(datagram_wrap.sent_joined, i % 3 == 2);
		check_read(&ends, MANY, 500);
	}
	ck_assert_uint_eq(count_unjoined(&ends), 8);
	kit_check_counts(&ends.rig, 1, 12 * MANY);
	ends_close(&ends);
}
END_TEST

/* There is no memory for so large a message, but for smaller ones: nothing is
 * lost, and that says nothing of the next. */
START_TEST(test_no_memory)
{
	static const int errors[] = {ENOBUFS, ENOMEM};
	struct ends ends;
	int i;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 9; i++) {
		datagram_wrap.refuse = i < 8 ? errors[i % 2] : 0;
		ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY,
		    500), MANY);
		check_read(&ends, MANY, 500);
	}
	ck_assert_int_eq(datagram_wrap.sent_joined, 1);
	ck_assert_uint_eq(count_unjoined(&ends), 0);
	ck_assert_uint_eq(kit_count(&ends.rig, 1, PEV_COUNT_WRITTEN_PACKETS),
	    9 * MANY);
	kit_check_counts(&ends.rig, 1, 9 * MANY);
	ends_close(&ends);
}
END_TEST

static void
set_mtu(int mtu)
{
	struct ifreq ifr;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memset(&ifr, 0, sizeof(ifr));
	strcpy(ifr.ifr_name, "lo");
	ifr.ifr_mtu = mtu;
	ck_assert_int_eq(ioctl(fd, SIOCSIFMTU, &ifr), 0);
	close(fd);
}

/* Segments that would have to be fragmented are refused, and their size is
 * remembered. */
START_TEST(test_larger_than_the_mtu)
{
	static const struct {
		size_t size;
		unsigned refused;	/* until now */
	} cases[] = {
		{3000, 1}, {3000, 1}, {4000, 1}, {1400, 1}, {2500, 2},
		{2800, 2}, {2400, 3}, {2300, 4}, {1400, 4}
	};
	struct ends ends;
	int i;

	ends_open_both(&ends, _i);
	set_mtu(1500);
	kit_enable(&ends.rig, 0, EV_READ);
	for (i = 0; i < 9; i++) {
		datagram_wrap.sent_joined = datagram_wrap.received_joined = 0;
		ck_assert_int_eq(write_many(ends.rig.pev[1], 0, 16,
		    cases[i].size), 16);
		ck_assert_uint_eq(count_unjoined(&ends), cases[i].refused);
		check_read(&ends, 16, cases[i].size);
		ck_assert_int_eq(datagram_wrap.received_joined,
		    cases[i].size == 1400);
	}
	kit_check_counts(&ends.rig, 1, 9 * 16);
	ends_close(&ends);
}
END_TEST

/* What is no refusal to join is told to one packet alone. */
START_TEST(test_another_error)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	datagram_wrap.refuse = ECONNREFUSED;
	ck_assert_int_eq(write_many(ends.rig.pev[1], (unsigned)-1, 33, 500),
	    32);
	ck_assert_int_eq(errno, ECONNREFUSED);
	check_read(&ends, 32, 500);
	ck_assert_uint_eq(count_unjoined(&ends), 0);
	ck_assert_uint_eq(kit_count(&ends.rig, 1, PEV_COUNT_WRITE_DROPPED),
	    1);
	ends_close(&ends);
}
END_TEST

/* The socket is full before the second of two messages. */
START_TEST(test_full_between_messages)
{
	struct ends ends;

	ends_open_both(&ends, _i);
	kit_enable(&ends.rig, 0, EV_READ);
	datagram_wrap.limited = 1;
	datagram_wrap.room = 1;
	ck_assert_int_eq(write_many(ends.rig.pev[1], 0, MANY, 1400), MANY);
	ck_assert_uint_eq(kit_count(&ends.rig, 1, PEV_COUNT_WRITTEN_PACKETS),
	    46);
	ck_assert_uint_eq(kit_count(&ends.rig, 1, PEV_COUNT_QUEUED_PACKETS),
	    MANY - 46);
	datagram_wrap.limited = 0;
	check_read(&ends, MANY, 1400);
	ck_assert_int_eq(datagram_wrap.received_joined, 2);
	kit_check_counts(&ends.rig, 1, MANY);
	ends_close(&ends);
}
END_TEST

int
main(void)
{
	kit_suite("pev_datagram_unjoined");
	kit_case("refused", KIT_NEEDS_NETNS);
	kit_loop(test_refused, 0, 3 * 4);
	kit_loop(test_refused_now_and_then, 0, 2 * OPEN4);
	kit_loop(test_no_memory, 0, 2 * OPEN4);
	kit_loop(test_larger_than_the_mtu, 0, 2 * OPEN4);
	kit_loop(test_another_error, 0, 2 * OPEN4);
	kit_loop(test_full_between_messages, 0, 2 * OPEN4);
	return kit_run();
}
