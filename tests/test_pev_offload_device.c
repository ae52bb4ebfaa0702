/*
 * Devices with EVTUN_OPT_OFFLOAD of other sorts, with several queues, and
 * deleted ones.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deletion.h"
#include "device_rig.h"
#include "kit.h"
#include "offload_stage.h"
#include "segments.h"
#include "tun_look.h"

/* ---- other devices ---- */

/* Before every packet stands its packet information. */
static void
check_information(struct stage *s)
{
	unsigned char info[4] = { 0, 0, 0, 0 };
	const unsigned char *p;
	size_t i;

	for (i = 0; i < s->log->n_packets; i++) {
		p = s->log->packets[i].data;
		if (s->rig->kind == KIT_TAP)
			memcpy(info + 2, p + 4 + 12, 2);
		else
			memcpy(info + 2, p[4] >> 4 == 4 ? "\x08\0" :
			    "\x86\xdd", 2);
		ck_assert_mem_eq(p, info, 4);
		segments_list_check(&s->list, i, p + 4,
		    s->log->packets[i].len - 4);
	}
	ck_assert_uint_eq(i, s->list.n);
}

START_TEST(test_packet_information)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct stage s;

	device_rig_over(rig, kit_tun_new(rig->kind, "kit0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_PACKET_INFO));
	stage_over(&s, rig);
	kit_ok(packetevent_set_max_batch(rig->pev[0], 5));
	kit_enable(rig, 0, EV_READ);
	stage_send_some(&s, 4 * STAGE_N_SIZES);
	kit_until_packets(rig, 0, s.list.n);
	kit_settle(rig->base);
	check_information(&s);
	stage_end(&s);
}
END_TEST

/* Of a header: size, and byte order (none set, little, big). */
static const int header_sizes[] = { 10, 12, 20, 24 };
#define N_HEADERS (2 * 4 * 3)

static void
set_order(int fd, int order)
{
	int one = 1;

	if (order == 0)
		return;
	if (ioctl(fd, order == 1 ? TUNSETVNETLE : TUNSETVNETBE, &one) == 0)
		return;
	ck_assert_int_eq(errno, EINVAL);
	kit_skip("this kernel has one byte order alone");
}

static int
open_by_hand(enum kit_kind kind, int size, int order, int flags)
{
	int fd = look_open("vnet0", (kind == KIT_TAP ? IFF_TAP : IFF_TUN) |
	    IFF_VNET_HDR | IFF_NO_PI | flags);

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM |
	    TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)), 0);
	set_order(fd, order);
	return fd;
}

START_TEST(test_header)
{
	enum kit_kind kind = _i % 2 ? KIT_TAP : KIT_TUN;
	struct kit_rig *rig = device_rig_begin(KIT_SETUP(kind, 0, KIT_EPOLL));
	int fd = open_by_hand(kind, header_sizes[_i / 2 % 4], _i / 8, 0);
	struct evtun *tun = evtun_new_fd(fd, device_options(kind));
	struct stage s;

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_mtu(tun, kind == KIT_TAP ? 65521 : 65535));
	kit_ok(evtun_set_up(tun, 1));
	device_rig_over(rig, tun);
	stage_over(&s, rig);
	kit_enable(rig, 0, EV_READ);
	stage_send_some(&s, 4 * STAGE_N_SIZES);
	stage_check_all(&s);
	stage_end(&s);
}
END_TEST

/* ---- another queue ---- */

#define N_FLOWS 40

static void
check_flows(const struct kit_log *log, int ethernet,
    const struct segments_list *lists, size_t *got)
{
	size_t i, at = ethernet ? 34 : 20;
	const unsigned char *p;
	unsigned flow;

	for (i = 0; i < log->n_packets; i++) {
		p = log->packets[i].data;
		flow = ((unsigned)p[at] << 8 | p[at + 1]) - 1000;
		kit_check(flow < N_FLOWS, "a packet of flow %u", flow);
		segments_list_check(&lists[flow], got[flow]++, p,
		    log->packets[i].len);
	}
}

/* Several large frames of every flow. */
static void
send_flows(struct stage *s, struct segments_list *lists)
{
	struct segments_form form;
	unsigned i;

	memset(&form, 0, sizeof(form));
	form.ethernet = s->rig->kind == KIT_TAP;
	form.gso_size = 100;
	for (i = 0; i < 5 * N_FLOWS; i++) {
		form.flow = i % N_FLOWS;
		form.seq = i * 1000;
		form.payload = 150 + i * 10;
		segments_flood(s->fd, &form, &lists[form.flow]);
	}
}

/* The second queue takes the place of the packet socket. */
static void
add_queue(struct kit_rig *rig)
{
	struct evtun *queue = evtun_new_queue(rig->tun);

	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	ck_assert_int_ne(evtun_get_options(queue) & EVTUN_OPT_OFFLOAD, 0);
	deletion_free_end(rig, 1);
	rig->pev[1] = packetevent_tun_new(rig->base, queue,
	    kit_options(rig->setup));
	ck_assert_ptr_nonnull(rig->pev[1]);
	packetevent_setcb(rig->pev[1], kit_readcb, NULL, kit_eventcb,
	    &rig->log[1]);
}

static int
has_flows(void *arg)
{
	struct stage *s = arg;

	return s->log[0].n_packets + s->log[1].n_packets >= s->got;
}

START_TEST(test_second_queue)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct segments_list lists[N_FLOWS];
	size_t got[N_FLOWS];
	struct stage s;
	int i;

	memset(lists, 0, sizeof(lists));
	memset(got, 0, sizeof(got));
	device_rig_over(rig, kit_tun_new(rig->kind, "kit0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE));
	add_queue(rig);
	stage_over(&s, rig);
	for (i = 0; i < 2; i++) {
		kit_ok(packetevent_set_max_batch(rig->pev[i], 3));
		kit_enable(rig, i, EV_READ);
	}
	send_flows(&s, lists);
	for (i = 0; i < N_FLOWS; i++)
		s.got += lists[i].n;
	kit_until(rig->base, has_flows, &s, "all packets");
	for (i = 0; i < 2; i++) {
		ck_assert_uint_gt(rig->log[i].n_packets, 0);
		check_flows(&rig->log[i], rig->kind == KIT_TAP, lists, got);
	}
	for (i = 0; i < N_FLOWS; i++) {
		ck_assert_uint_eq(got[i], lists[i].n);
		segments_list_clear(&lists[i]);
	}
	stage_end(&s);
}
END_TEST

/* ---- the interface is deleted ---- */

static void
gone_cb(struct packetevent *pev, short what, void *ctx)
{
	int err = errno;
	struct stage *s = ctx;

	s->at_event = s->log->n_packets;
	errno = err;
	kit_eventcb(pev, what, s->log);
}

static void
delete_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	kit_readcb(pev, pkts, n_pkts, s->log);
	if (s->log->n_batches == 3)
		kit_link_delete(s->rig->name);
}

static void
begin_deletion(struct stage *s, int setup, packetevent_read_cb readcb)
{
	stage_begin(s, setup);
	packetevent_setcb(s->rig->pev[0], readcb, NULL, gone_cb, s);
	kit_ok(packetevent_set_max_batch(s->rig->pev[0], 2));
	stage_send_large(s, 21);
	kit_enable(s->rig, 0, EV_READ);
}

/* What has been read is there. */
START_TEST(test_deleted)
{
	struct stage s;

	begin_deletion(&s, _i, delete_cb);
	kit_until_events(s.rig, 0, 1);
	ck_assert_uint_eq(s.at_event, s.list.n);
	segments_list_compare(&s.list, s.log);
	deletion_check(s.rig, 0, 0);
	stage_end(&s);
}
END_TEST

static void
stop_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	stage_pause_cb(pev, pkts, n_pkts, s->log);
}

/* It is told at once, and what waits is gone as well. */
START_TEST(test_deleted_paused)
{
	struct stage s;

	begin_deletion(&s, _i, stop_cb);
	kit_until_packets(s.rig, 0, 2);
	kit_link_delete(s.rig->name);
	deletion_check(s.rig, 0, 0);
	ck_assert_uint_eq(s.log->n_packets, 2);
	stage_end(&s);
}
END_TEST

/* Nobody has noticed yet when it is read again. */
START_TEST(test_deleted_and_enabled)
{
	struct stage s;

	begin_deletion(&s, _i, stop_cb);
	kit_until_packets(s.rig, 0, 2);
	kit_link_delete(s.rig->name);
	packetevent_setcb(s.rig->pev[0], delete_cb, NULL, gone_cb, &s);
	s.log->n_batches = 100;
	kit_enable(s.rig, 0, EV_READ);
	kit_until_events(s.rig, 0, 1);
	ck_assert_uint_eq(s.at_event, s.list.n);
	segments_list_compare(&s.list, s.log);
	deletion_check(s.rig, 0, 0);
	stage_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_offload_device");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("devices", KIT_NEEDS_TUN);
	kit_setups(test_packet_information, KIT_DEVICES);
	kit_loop(test_header, 0, N_HEADERS);
	kit_setups(test_second_queue, KIT_DEVICES);
	kit_case("deleted", 0);
	kit_setups(test_deleted, KIT_DEVICES);
	kit_setups(test_deleted_paused, KIT_DEVICES);
	kit_setups(test_deleted_and_enabled, KIT_DEVICES);
	return kit_run();
}
