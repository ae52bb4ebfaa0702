/*
 * Devices without offload: packets are written in one system call, or in many,
 * and nobody sees a difference.
 */
#include "config.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "device_rig.h"
#include "kit.h"
#include "rings.h"

#define BATCH_MAX 200

/* Write n packets at once, of which every tenth is bad, or none; return what
 * packetevent_write_batch() does. */
static int
write_batch(struct kit_rig *rig, unsigned from, unsigned n, int with_bad)
{
	struct evbuffer_iovec vec[BATCH_MAX] = { { NULL, 0 } };
	unsigned i;
	int result, err;

	for (i = 0; i < n; i++) {
		vec[i].iov_len = kit_flow_size(rig->kind, from + i);
		vec[i].iov_base = malloc(vec[i].iov_len);
		ck_assert_ptr_nonnull(vec[i].iov_base);
		kit_fill(rig->kind, vec[i].iov_base, from + i,
		    vec[i].iov_len);
		if (!with_bad || i % 10 != 9)
			continue;
		/* Neither IPv4 nor IPv6, or no Ethernet header. */
		*(unsigned char *)vec[i].iov_base = 0x11;
		if (rig->kind == KIT_TAP)
			vec[i].iov_len = 13;
	}
	result = packetevent_write_batch(rig->pev[0], vec, (int)n);
	err = errno;
	for (i = 0; i < n; i++)
		free(vec[i].iov_base);
	errno = err;
	return result;
}

static void
check_written(struct kit_rig *rig, unsigned from, unsigned n, int with_bad)
{
	unsigned i, at = 0, bad = with_bad ? n / 10 : 0;

	kit_until_packets(rig, 1, n - bad);
	for (i = 0; i < n; i++)
		if (!with_bad || i % 10 != 9)
			kit_check_packet(rig, 1, at++, from + i,
			    kit_flow_size(rig->kind, from + i));
	kit_settle(rig->base);
	ck_assert_uint_eq(rig->log[1].n_packets, n - bad);
	kit_log_clear(&rig->log[1]);
}

START_TEST(test_writes)
{
	static const unsigned sizes[] = { 1, 2, 7, 8, 9, 63, 64, 65, 66, 127,
		128, 129, 192, 200 };
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i, n, bad, from = 0, lost = 0;

	kit_enable(rig, 1, EV_READ);
	for (i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		n = sizes[i / 2];
		bad = i % 2 ? n / 10 : 0;
		ck_assert_int_eq(write_batch(rig, from, n, i % 2),
		    (int)(n - bad));
		if (bad > 0)
			ck_assert_int_eq(errno, EINVAL);
		check_written(rig, from, n, i % 2);
		from += n;
		lost += bad;
	}
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), lost);
	kit_check_counts(rig, 0, from);
	ck_assert_int_eq(rings_count(), rings_exist(rig));
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_writes_while_down)
{
	struct kit_rig *rig = kit_rig_new(_i);
	unsigned i;

	/* Once with no ring yet, and once with one. */
	for (i = 0; i < 2; i++) {
		kit_link_up(rig->name, 0);
		errno = 0;
		ck_assert_int_eq(write_batch(rig, 0, 100, 0), 0);
		ck_assert_int_eq(errno, ENETDOWN);
		kit_link_up(rig->name, 1);
		ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED),
		    100 * (i + 1));
		kit_check_counts(rig, 0, 100 * (2 * i + 1));
		ck_assert_int_eq(write_batch(rig, 0, 100, 0), 100);
		kit_check_counts(rig, 0, 200 * (i + 1));
	}
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_writes_queued_while_down)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	ck_assert_int_eq(write_batch(rig, 0, 40, 0), 40);
	kit_link_up(rig->name, 0);
	kit_enable(rig, 0, EV_WRITE);
	ck_assert_int_eq(packetevent_flush(rig->pev[0]), 40);
	kit_settle(rig->base);
	kit_link_up(rig->name, 1);
	kit_until_writecbs(rig, 0, 1);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITTEN_PACKETS), 40);
	/* The packet socket tells that it was down. */
	packetevent_setcb(rig->pev[1], kit_readcb, NULL, NULL, &rig->log[1]);
	kit_enable(rig, 1, EV_READ);
	check_written(rig, 0, 40, 0);
	kit_check_counts(rig, 0, 40);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_writes_to_deleted)
{
	struct kit_rig *rig = kit_rig_new(_i);

	ck_assert_int_eq(write_batch(rig, 0, 100, 0), 100);
	kit_link_delete(rig->name);
	ck_assert_int_eq(write_batch(rig, 0, 200, 0), 0);
	ck_assert_int_eq(errno, ENXIO);
	kit_until_events(rig, 0, 1);
	kit_settle(rig->base);
	ck_assert_int_eq(rig->log[0].n_events, 1);
	ck_assert_int_eq(rig->log[0].events[0].err, ENXIO);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), 200);
	kit_check_counts(rig, 0, 300);
	kit_rig_free(rig);
}
END_TEST

/* ---- where there is no ring ---- */

START_TEST(test_offload_has_none)
{
	struct kit_rig *rig = kit_rig_new(_i);

	kit_traffic(rig, 500);
	kit_log_clear(&rig->log[1]);
	ck_assert_int_eq(write_batch(rig, 0, 200, 0), 200);
	check_written(rig, 0, 200, 0);
	ck_assert_int_eq(rings_count(), 0);
	kit_rig_free(rig);
}
END_TEST

/* Joining is not possible there, but many are written at once. */
START_TEST(test_packet_information)
{
	struct kit_rig *rig = device_rig_begin(_i);
	unsigned char data[60][4 + 100];
	struct evbuffer_iovec vec[60];
	unsigned i;

	device_rig_over(rig, kit_tun_new(rig->kind, "pi0",
	    EVTUN_OPT_PACKET_INFO | kit_tun_options(_i)));
	for (i = 0; i < 60; i++) {
		memset(data[i], 0, 4);
		data[i][2] = rig->kind == KIT_TAP ? 0x88 : 0x08;
		data[i][3] = rig->kind == KIT_TAP ? 0xb5 : 0x00;
		kit_fill(rig->kind, data[i] + 4, i, 100);
		vec[i].iov_base = data[i];
		vec[i].iov_len = 104;
	}
	kit_enable(rig, 1, EV_READ);
	ck_assert_int_eq(packetevent_write_batch(rig->pev[0], vec, 60), 60);
	kit_until_packets(rig, 1, 60);
	for (i = 0; i < 60; i++)
		kit_check_packet(rig, 1, i, i, 100);
	kit_check_counts(rig, 0, 60);
	kit_rig_free(rig);
}
END_TEST

static void
refuse_rings(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0,
		    1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {
		sizeof(filter) / sizeof(filter[0]), filter
	};

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L), 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		kit_skip("no seccomp filters: %s", strerror(errno));
}

START_TEST(test_filter)
{
	struct kit_rig *rig = kit_rig_new(_i);

	refuse_rings();
	ck_assert_int_eq(rings_exist(rig), 0);
	kit_enable(rig, 1, EV_READ);
	ck_assert_int_eq(write_batch(rig, 0, 200, 1), 180);
	check_written(rig, 0, 200, 1);
	kit_traffic(rig, 500);
	ck_assert_int_eq(rings_count(), 0);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_together");
	kit_ways = 1u << KIT_PLAIN | 1u << KIT_NO_RING;
	kit_case("writing", 0);
	kit_kinds(test_writes, KIT_DEVICES);
	kit_kinds(test_writes_while_down, KIT_DEVICES);
	kit_kinds(test_writes_queued_while_down, KIT_DEVICES);
	kit_kinds(test_writes_to_deleted, KIT_DEVICES);
	kit_case("no_rings", 0);
	kit_kinds(test_filter, KIT_DEVICES);
	kit_ways = 1u << KIT_OFFLOAD;
	kit_kinds(test_offload_has_none, KIT_DEVICES);
	kit_ways = ~0u;
	kit_kinds(test_packet_information, KIT_DEVICES);
	return kit_run();
}
