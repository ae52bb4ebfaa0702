/*
 * The kernel refuses to watch a descriptor (it has watched enough, or is out
 * of memory): nothing has changed, and the reason is told.
 */
#include "config.h"

#include <sys/epoll.h>

#include <dlfcn.h>
#include <string.h>

#include "kit.h"

/* How many calls that add or change something still succeed; -1 is all. */
static int left = -1;

/* Stands before the C library's own, also for libevent. */
__attribute__((visibility("default"))) int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	static int (*real)(int, int, int, struct epoll_event *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "epoll_ctl");
	if (op != EPOLL_CTL_DEL && left == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (op != EPOLL_CTL_DEL && left > 0)
		left--;
	return real(epfd, op, fd, event);
}

#define SETUP(kind) KIT_SETUP(kind, 0, KIT_EPOLL)

static void
check_text(const char *part)
{
	ck_assert_msg(strstr(evtun_get_error(), part) != NULL, "%s",
	    evtun_get_error());
}

START_TEST(test_a_device)
{
	struct event_base *base;
	struct packetevent *pev;
	struct evtun *tun;

	kit_netns();
	base = kit_base_new(SETUP(KIT_TUN));
	tun = kit_tun_new(KIT_TUN, "refused0", 0);
	/* Another failure before must not be taken for the reason. */
	kit_fails(evtun_set_mtu(tun, 1), EINVAL);
	left = 0;
	pev = packetevent_tun_new(base, tun, 0);
	ck_assert_ptr_null(pev);
	ck_assert_int_eq(errno, ENOSPC);
	check_text("watch a descriptor: No space left");
	left = -1;
	pev = packetevent_tun_new(base, tun, PEV_OPT_CLOSE_ON_FREE);
	ck_assert_ptr_nonnull(pev);
	packetevent_free(pev);
	event_base_free(base);
}
END_TEST

START_TEST(test_enable)
{
	struct kit_rig *rig = kit_rig_new(SETUP(KIT_DGRAM));

	left = 0;
	kit_fails(packetevent_enable(rig->pev[1], EV_READ), ENOSPC);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[1]), EV_WRITE);
	left = -1;
	kit_traffic(rig, 5);
	kit_rig_free(rig);
}
END_TEST

/* A packet that nothing would ever send is not taken. */
START_TEST(test_write)
{
	struct kit_rig *rig = kit_rig_new(SETUP(KIT_DGRAM));
	unsigned sent = 0;

	left = 0;
	while (kit_write(rig, 0, sent, 1000) == 0)
		sent++;
	left = -1;
	ck_assert_uint_gt(sent, 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), 1);
	kit_check_counts(rig, 0, sent + 1);
	kit_ok(kit_write(rig, 0, sent, 1000));
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_QUEUED_PACKETS), 1);
	kit_enable(rig, 1, EV_READ);
	kit_until_packets(rig, 1, sent + 1);
	kit_check_packet(rig, 1, sent, sent, 1000);
	kit_rig_free(rig);
}
END_TEST

/* A device changes from one way of watching to the other.  Where neither can
 * be had it is of no more use, and says so, once. */
START_TEST(test_neither)
{
	struct kit_rig *rig = kit_rig_new(SETUP(KIT_TUN));
	struct kit_log *log = &rig->log[0];

	left = 0;
	kit_fails(packetevent_enable(rig->pev[0], EV_READ), ENOSPC);
	left = -1;
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), 0);
	kit_until_events(rig, 0, 1);
	kit_settle(rig->base);
	ck_assert_int_eq(log->n_events, 1);
	ck_assert_int_eq(log->events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_ERROR);
	ck_assert_int_eq(log->events[0].err, ENOSPC);
	ck_assert_int_eq(packetevent_get_enabled(rig->pev[0]), 0);
	kit_fails(packetevent_enable(rig->pev[0], EV_READ), ENOSPC);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_unwatched");
	kit_case("descriptors", 0);
	kit_test(test_enable);
	kit_test(test_write);
	kit_case("devices", KIT_NEEDS_TUN);
	kit_test(test_a_device);
	kit_test(test_neither);
	return kit_run();
}
