/*
 * The packetevent of a queue that is out of use.
 */
#include "config.h"

#include <string.h>

#include "deletion.h"
#include "device_rig.h"
#include "evtun/linux.h"
#include "kit.h"

static struct kit_rig *
begin(int setup)
{
	struct kit_rig *rig = device_rig_begin(setup);

	device_rig_over(rig, kit_tun_new(rig->kind, "vpn0",
	    EVTUN_OPT_MULTIQUEUE | kit_tun_options(setup)));
	return rig;
}

/* Idle, but that it writes; then it is as it was. */
START_TEST(test_detached)
{
	struct kit_rig *rig = begin(_i);
	unsigned i;

	kit_enable(rig, 0, EV_READ);
	kit_enable(rig, 1, EV_READ);
	kit_ok(evtun_linux_set_attached(rig->tun, 0));
	kit_check_idle(rig->base);
	for (i = 0; i < 20; i++)
		kit_ok(kit_write(rig, 0, i, 100));
	kit_until_packets(rig, 1, 20);
	for (i = 0; i < 20; i++)
		kit_check_packet(rig, 1, i, i, 100);
	/* These find no queue. */
	for (i = 0; i < 3; i++)
		kit_ok(kit_write(rig, 1, i, 100));
	kit_settle(rig->base);
	kit_check_idle(rig->base);
	ck_assert_uint_eq(rig->log[0].n_packets, 0);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	kit_ok(evtun_linux_set_attached(rig->tun, 1));
	kit_log_clear(&rig->log[1]);
	kit_traffic(rig, 50);
	kit_rig_free(rig);
}
END_TEST

/* From a callback, which may ask for it. */
static void
detach_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct kit_rig *rig = ctx;

	kit_readcb(pev, pkts, n, &rig->log[0]);
	kit_ok(evtun_linux_set_attached(rig->tun, 0));
}

START_TEST(test_detached_inside)
{
	struct kit_rig *rig = begin(_i);

	packetevent_setcb(rig->pev[0], detach_readcb, NULL, NULL, rig);
	kit_enable(rig, 0, EV_READ);
	kit_ok(kit_write(rig, 1, 7, 100));
	kit_until_packets(rig, 0, 1);
	kit_check_packet(rig, 0, 0, 7, 100);
	kit_check_idle(rig->base);
	packetevent_setcb(rig->pev[0], kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[0]);
	kit_ok(evtun_linux_set_attached(rig->tun, 1));
	kit_log_clear(&rig->log[0]);
	kit_traffic(rig, 50);
	kit_rig_free(rig);
}
END_TEST

/* ---- the interface is deleted meanwhile ---- */

static struct kit_rig *
begin_alone(int setup)
{
	struct kit_rig *rig = begin(setup);

	deletion_free_end(rig, 1);
	return rig;
}

START_TEST(test_deleted_reading)
{
	struct kit_rig *rig = begin_alone(_i);

	kit_enable(rig, 0, EV_READ);
	kit_ok(evtun_linux_set_attached(rig->tun, 0));
	kit_settle(rig->base);
	kit_link_delete(rig->name);
	deletion_check(rig, 0, 0);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_deleted_paused)
{
	struct kit_rig *rig = begin_alone(_i);

	deletion_pause(rig->pev[0]);
	kit_ok(evtun_linux_set_attached(rig->tun, 0));
	kit_settle(rig->base);
	kit_link_delete(rig->name);
	deletion_check(rig, 0, 0);
	kit_rig_free(rig);
}
END_TEST

/* Made when it was out of use already. */
START_TEST(test_deleted_later)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct evtun *tun = kit_tun_new(rig->kind, "vpn0",
	    EVTUN_OPT_MULTIQUEUE | kit_tun_options(_i));

	kit_ok(evtun_linux_set_attached(tun, 0));
	device_rig_over(rig, tun);
	deletion_free_end(rig, 1);
	kit_enable(rig, 0, EV_READ);
	kit_check_idle(rig->base);
	kit_link_delete(rig->name);
	deletion_check(rig, 0, 0);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("linux_queue_pev");
	kit_case("detached", KIT_NEEDS_TUN);
	kit_setups(test_detached, KIT_DEVICES);
	kit_plain(test_detached_inside, KIT_DEVICES);
	kit_case("deleted", KIT_NEEDS_TUN);
	kit_setups(test_deleted_reading, KIT_DEVICES);
	kit_setups(test_deleted_paused, KIT_DEVICES);
	kit_plain(test_deleted_later, KIT_DEVICES);
	return kit_run();
}
