/*
 * A monitor whose system calls fail, whose messages are lost or cut, and whose
 * memory runs out.
 */
#include "config.h"

#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <libmnl/libmnl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "memory.h"
#include "monitor_rig.h"
#include "tun_look.h"

/* ---- what goes wrong ---- */

enum fault {
	NOTHING,
	FAIL,		/* with err */
	CUT,		/* there was more than fits */
	LOST,		/* it is of the type err, and there was no room */
	FOREIGN,	/* it is from another process */
	WIRELESS,	/* it is of a driver's own things */
	INTERRUPTED	/* the list is inconsistent */
};

static struct {
	enum fault fault;
	int err;
	int at;		/* the call to fail at, from 1; and */
	int n;		/* so many in all */
	int calls, done;
	int send_err, sends;
} plan;

static int
is_due(enum fault fault)
{
	if (plan.fault != fault || plan.calls < plan.at || plan.done >= plan.n)
		return 0;
	plan.done++;
	return 1;
}

ssize_t __real_recvfrom(int fd, void *buf, size_t len, int flags,
    struct sockaddr *from, socklen_t *fromlen);
ssize_t __wrap_recvfrom(int fd, void *buf, size_t len, int flags,
    struct sockaddr *from, socklen_t *fromlen);

static int
has_list(const void *buf, ssize_t n)
{
	const struct nlmsghdr *nlh = buf;
	int left = (int)n;

	for (; n > 0 && mnl_nlmsg_ok(nlh, left);
	    nlh = mnl_nlmsg_next(nlh, &left))
		if (nlh->nlmsg_flags & NLM_F_MULTI)
			return 1;
	return 0;
}

/* Those to come carry no such mark. */
static void
interrupt_list(void *buf, ssize_t n)
{
	struct nlmsghdr *nlh = buf;

	if (has_list(buf, n) && is_due(INTERRUPTED))
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
}

static int
is_type(const void *buf, ssize_t n, int type)
{
	return n > 0 && ((const struct nlmsghdr *)buf)->nlmsg_type == type;
}

/* The name, and what is not for us: nothing else. */
static ssize_t
make_wireless(void *buf)
{
	struct nlmsghdr *nlh = buf;

	nlh->nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "w0");
	mnl_attr_put_u32(nlh, IFLA_WIRELESS, 4711);
	return (ssize_t)nlh->nlmsg_len;
}

ssize_t
__wrap_recvfrom(int fd, void *buf, size_t len, int flags,
    struct sockaddr *from, socklen_t *fromlen)
{
	ssize_t n;

	plan.calls++;
	if (is_due(FAIL)) {
		errno = plan.err;
		return -1;
	}
	n = __real_recvfrom(fd, buf, len, flags, from, fromlen);
	interrupt_list(buf, n);
	if (is_type(buf, n, plan.err) && is_due(LOST)) {
		errno = ENOBUFS;
		return -1;
	}
	if (is_type(buf, n, RTM_NEWLINK) && is_due(WIRELESS))
		return make_wireless(buf);
	if (n > 0 && is_due(FOREIGN))
		((struct sockaddr_nl *)from)->nl_pid = 4711;
	if (n > 0 && is_due(CUT)) {
		memset(buf, 0xff, (size_t)n);
		return (ssize_t)len * 2;
	}
	return n;
}

ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl,
    const void *req, size_t size);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl,
    const void *req, size_t size);

ssize_t
__wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *req,
    size_t size)
{
	plan.sends++;
	if (plan.send_err == 0)
		return __real_mnl_socket_sendto(nl, req, size);
	errno = plan.send_err;
	/* No room is a thing that passes. */
	if (plan.send_err == ENOBUFS)
		plan.send_err = 0;
	return -1;
}

static void
plan_fault(enum fault fault, int err, int at, int n)
{
	memset(&plan, 0, sizeof(plan));
	plan.fault = fault;
	plan.err = err;
	plan.at = at;
	plan.n = n;
}

/* ---- while it is made ---- */

static struct rig *
stage(void)
{
	kit_netns();
	ip_do("tuntap add dev w0 mode tun");
	ip_do("addr add 10.9.0.1 peer 10.9.0.2/32 dev w0");
	return rig_base_new();
}

static void
make(struct rig *rig)
{
	rig->model.is_whole = 1;
	rig->mon = evtun_monitor_new(rig->base, -1, 0, EVTUN_MONITOR_EXISTING,
	    rig_cb, rig);
}

static void
check_made(struct rig *rig)
{
	ck_assert_msg(rig->mon != NULL, "%s", evtun_get_error());
	rig_expect(rig, "new lo", "mtu lo 65536", "up lo 1", "carrier lo 1",
	    "added lo 127.0.0.1/8", "new w0", "mtu w0 1500",
	    "added w0 10.9.0.1/32 10.9.0.2", NULL);
	ck_assert_uint_eq(evtun_monitor_get_overruns(rig->mon), 0);
	rig_agree(rig);
}

static void
check_refused(struct rig *rig, int err, int fds)
{
	ck_assert_ptr_null(rig->mon);
	ck_assert_int_eq(errno, err);
	look_text(strerror(err));
	ck_assert_int_eq(kit_count_fds(), fds);
}

/* In the first list at any message, and nobody need know. */
START_TEST(test_made_all_the_same)
{
	static const struct {
		enum fault fault;
		int err;
	} faults[] = {
		{ FAIL, EINTR }, { FAIL, ENOBUFS }, { CUT, 0 },
		{ INTERRUPTED, 0 }
	};
	struct rig *rig = stage();
	int at = 0, done;

	do {
		plan_fault(faults[_i].fault, faults[_i].err, ++at, 1);
		make(rig);
		done = plan.done;
		plan_fault(NOTHING, 0, 0, 0);
		check_made(rig);
		evtun_monitor_free(rig->mon);
		rig->mon = NULL;
		model_clear(&rig->model);
	} while (done > 0);
	ck_assert_int_gt(at, 3);
	rig_free(rig);
}
END_TEST

START_TEST(test_not_made)
{
	struct rig *rig = stage();
	int i, fds = kit_count_fds();

	for (i = 1; i < 5; i++) {
		plan_fault(FAIL, EIO, i, 1);
		make(rig);
		check_refused(rig, EIO, fds);
	}
	plan_fault(NOTHING, 0, 0, 0);
	plan.send_err = EPERM;
	make(rig);
	check_refused(rig, EPERM, fds);
	/* It does not try for ever. */
	plan_fault(INTERRUPTED, 0, 1, 10000);
	make(rig);
	check_refused(rig, EAGAIN, fds);
	look_text("all the time");
	ck_assert_int_gt(plan.sends, 10);
	ck_assert_int_lt(plan.sends, 100);
	plan_fault(NOTHING, 0, 0, 0);
	plan.send_err = ENOBUFS;
	make(rig);
	check_made(rig);
	rig_free(rig);
}
END_TEST

/* ---- while it watches ---- */

static struct rig *
watch(void)
{
	struct rig *rig = stage();

	plan_fault(NOTHING, 0, 0, 0);
	make(rig);
	check_made(rig);
	return rig;
}

/* Messages are lost, among them some of the list that is to make up for it:
 * at each place there is. */
START_TEST(test_lost)
{
	struct rig *rig = watch();
	ev_uint64_t overruns;
	int at = 0;

	do {
		overruns = rig->n_overruns;
		plan_fault(_i ? CUT : FAIL, ENOBUFS, ++at, 2);
		ip_do("link set w0 mtu %d", 1400 + at);
		ip_do("addr %s 10.9.1.1/24 dev w0", at % 2 ? "add" : "del");
		rig_agree(rig);
		/* The second one is part of the first, or another one. */
		ck_assert_uint_le(rig->n_overruns - overruns, 2);
		ck_assert_uint_eq(rig->n_overruns,
		    evtun_monitor_get_overruns(rig->mon));
	} while (plan.done > 0 && at < 20);
	ck_assert_uint_gt(rig->n_overruns, 1);
	rig_free(rig);
}
END_TEST

/* It asks again for as long as it takes. */
START_TEST(test_inconsistent)
{
	struct rig *rig = watch();

	plan_fault(FAIL, ENOBUFS, 1, 1);
	ip_do("link set w0 mtu 1400");
	kit_settle(rig->base);
	rig_expect(rig, "overrun", "mtu w0 1400", NULL);
	/* The next time, each list is inconsistent for a while. */
	plan_fault(FAIL, ENOBUFS, 1, 1);
	ip_do("link del w0");
	ck_assert_int_ge(event_base_loop(rig->base, EVLOOP_NONBLOCK), 0);
	rig_agree(rig);
	rig_forget(rig);
	plan_fault(INTERRUPTED, 0, 1, 200);
	ip_do("link add br0 type bridge");
	rig_expect(rig, "new br0", "mtu br0 1500", NULL);
	rig_free(rig);
}
END_TEST

START_TEST(test_foreign)
{
	struct rig *rig = watch();

	plan_fault(FOREIGN, 0, 1, 1);
	ip_do("link set w0 mtu 1400");
	rig_expect(rig, NULL);
	ck_assert_int_eq(plan.done, 1);
	ip_do("link set w0 mtu 1300");
	rig_expect(rig, "mtu w0 1300", NULL);
	rig_free(rig);
}
END_TEST

START_TEST(test_wireless)
{
	struct rig *rig = watch();

	plan_fault(WIRELESS, 0, 1, 1);
	ip_do("link set w0 mtu 1400");
	rig_expect(rig, NULL);
	ck_assert_int_eq(plan.done, 1);
	ip_do("link set w0 mtu 1300");
	rig_expect(rig, "mtu w0 1300", NULL);
	rig_free(rig);
}
END_TEST

/* That addresses go is lost, and that the interface goes is not: each is told,
 * before it, and other events have their turn. */
START_TEST(test_gone_with_many)
{
	struct rig *rig = watch();
	const size_t n = 600;

	rig_batch((int)n, "addr add 10.%d.%d.1/24 dev w0");
	rig_agree(rig);
	rig_forget(rig);
	plan_fault(LOST, RTM_DELADDR, 1, 10000);
	ip_do("link del w0");
	/* It had one from the beginning. */
	ck_assert_uint_lt(rig_run_turns(rig, n + 3), 300);
	ck_assert_int_eq(plan.done, (int)n + 1);
	ck_assert_uint_eq(rig->n_lines, n + 3);
	ck_assert_str_eq(rig->lines[0], "overrun");
	ck_assert_str_eq(rig->lines[n + 2], "gone w0");
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

/* Said once, and then it is silent. */
START_TEST(test_failed)
{
	struct rig *rig = watch();

	if (_i == 0) {
		plan_fault(FAIL, EIO, 1, 1);
	} else {
		plan_fault(FAIL, ENOBUFS, 1, 1);
		plan.send_err = EPERM;
	}
	ip_do("link set w0 mtu 1400");
	if (_i == 0)
		rig_expect(rig, "failed", NULL);
	else
		rig_expect(rig, "overrun", "mtu w0 1400", "failed", NULL);
	ck_assert_int_eq(rig->failed, _i == 0 ? EIO : EPERM);
	ck_assert_ptr_nonnull(strstr(rig->error, strerror(rig->failed)));
	plan_fault(NOTHING, 0, 0, 0);
	ip_do("link set w0 mtu 1300");
	rig_expect(rig, NULL);
	kit_check_idle(rig->base);
	rig_free(rig);
}
END_TEST

/* ---- memory ---- */

/* All that is needed to make one, allocation by allocation. */
START_TEST(test_no_memory)
{
	struct rig *rig;
	size_t live, bytes;
	int k = 0, fds;

	memory_watch_libevent();
	rig = stage();
	make(rig);
	check_made(rig);
	evtun_monitor_free(rig->mon);
	rig->mon = NULL;
	model_clear(&rig->model);
	fds = kit_count_fds();
	memory.watching = 1;
	live = memory.n_live;
	bytes = memory.bytes;
	do {
		memory.calls = memory.failed = 0;
		memory.fail_at = ++k;
		make(rig);
		memory.fail_at = 0;
		if (rig->mon == NULL)
			check_refused(rig, ENOMEM, fds);
		evtun_monitor_free(rig->mon);
		rig->mon = NULL;
		kit_check(memory.n_live == live && memory.bytes == bytes,
		    "allocation %d: memory is left", k);
	} while (memory.failed > 0);
	/* The monitor, two tables, the source, the buffer, two events, what
	 * there is. */
	ck_assert_int_gt(k, 10);
	memory.watching = 0;
	rig_free(rig);
}
END_TEST

/* For what is new, there must be some. */
START_TEST(test_no_memory_later)
{
	struct rig *rig;

	memory_watch_libevent();
	rig = watch();
	if (_i == 0)
		ip_do("tuntap add dev w1 mode tun");
	else
		ip_do("addr add 10.9.1.1/24 dev w0");
	memory.watching = 1;
	memory.fail_at = 1;
	ck_assert_int_ge(event_base_loop(rig->base, EVLOOP_NONBLOCK), 0);
	memory.fail_at = 0;
	memory.watching = 0;
	rig_expect(rig, "failed", NULL);
	ck_assert_int_eq(rig->failed, ENOMEM);
	ck_assert_ptr_nonnull(strstr(rig->error, strerror(ENOMEM)));
	kit_check_idle(rig->base);
	rig_free(rig);
}
END_TEST

/* More buckets are a convenience. */
START_TEST(test_no_memory_for_tables)
{
	struct rig *rig;
	int i;

	memory_watch_libevent();
	rig = watch();
	for (i = 0; i < 40; i++)
		ip_do("addr add 10.10.%d.1/24 dev w0", i);
	memory.watching = 1;
	/* There are two, and room for 16; each takes one itself. */
	memory.fail_at = 16;
	ck_assert_int_ge(event_base_loop(rig->base, EVLOOP_NONBLOCK), 0);
	ck_assert_int_eq(memory.failed, 1);
	memory.fail_at = 0;
	memory.watching = 0;
	rig_run(rig, 40);
	ck_assert_uint_eq(rig->n_lines, 40);
	rig_agree(rig);
	rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("monitor_faults");
	kit_case("made", KIT_NEEDS_TUN);
	kit_loop(test_made_all_the_same, 0, 4);
	kit_test(test_not_made);
	kit_case("watching", KIT_NEEDS_TUN);
	kit_loop(test_lost, 0, 2);
	kit_test(test_inconsistent);
	kit_test(test_foreign);
	kit_test(test_wireless);
	kit_test(test_gone_with_many);
	kit_loop(test_failed, 0, 2);
	kit_case("memory", KIT_NEEDS_TUN);
	kit_test(test_no_memory);
	kit_loop(test_no_memory_later, 0, 2);
	kit_test(test_no_memory_for_tables);
	return kit_run();
}
