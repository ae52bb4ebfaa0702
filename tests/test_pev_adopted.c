/*
 * A packetevent over a device that another process has opened, and has sent
 * over a socket; also where that one has the privilege and this one has none.
 * And over one that was opened with IFF_NAPI.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <net/if.h>

#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "device_rig.h"
#include "kit.h"
#include "tun_look.h"

union fd_control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static void
send_fd(int sock, int fd)
{
	union fd_control control;
	struct iovec iov = {(char[]){0}, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg;

	memset(&control, 0, sizeof(control));
	cmsg = CMSG_FIRSTHDR(&msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	ck_assert_int_eq(sendmsg(sock, &msg, 0), 1);
}

static int
receive_fd(int sock)
{
	union fd_control control;
	struct iovec iov = {(char[]){0}, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg;
	int fd;

	ck_assert_int_eq(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), 1);
	cmsg = CMSG_FIRSTHDR(&msg);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_type, SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

struct helper {
	int sock[2];	/* the test's, and the helper's */
	int setup;
	pid_t pid;
};

/* Make a device, send it, and end. */
static void
give_device(void *arg)
{
	struct helper *helper = arg;
	struct evtun *tun = kit_tun_new(KIT_KIND_OF(helper->setup), "vpn0", 0);

	send_fd(helper->sock[1], evtun_get_fd(tun));
	close(evtun_release(tun));
}

START_TEST(test_from_a_process)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct helper helper;

	helper.setup = _i;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    helper.sock), 0);
	look_in_child(give_device, &helper);
	device_rig_over(rig, evtun_new_fd(receive_fd(helper.sock[0]),
	    device_options(rig->kind)));
	close(helper.sock[0]);
	close(helper.sock[1]);
	ck_assert_str_eq(rig->name, "vpn0");
	device_rig_carry(rig);
	/* It still tells when it is gone. */
	kit_ok(packetevent_disable(rig->pev[0], EV_READ));
	kit_link_delete("vpn0");
	kit_until_events(rig, 0, 1);
	ck_assert_int_eq(rig->log[0].events[0].err, ENXIO);
	kit_rig_free(rig);
}
END_TEST

#define N_ECHOES 40

static void
echo_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	unsigned *count = ctx;

	ck_assert_int_eq(packetevent_write_batch(pev, pkts, n), n);
	*count += (unsigned)n;
}

static int
has_echoed(void *arg)
{
	return *(unsigned *)arg == N_ECHOES;
}

/* As nobody: take the device, and send back what comes. */
static void
serve_as_nobody(struct helper *helper)
{
	struct packetevent *pev;
	struct event_base *base;
	struct evtun *tun;
	unsigned count = 0;

	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(setresgid(65534, 65534, 65534), 0);
	ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	base = kit_base_new(helper->setup);
	tun = evtun_new_fd(receive_fd(helper->sock[1]),
	    device_options(KIT_KIND_OF(helper->setup)));
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	/* It is nobody indeed. */
	ck_assert_int_eq(evtun_set_mtu(tun, 1400), -1);
	pev = packetevent_tun_new(base, tun, kit_options(helper->setup));
	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, echo_readcb, NULL, NULL, &count);
	kit_ok(packetevent_enable(pev, EV_READ));
	ck_assert_int_eq(write(helper->sock[1], "", 1), 1);
	kit_until(base, has_echoed, &count, "packets to send back");
	/* The device lives until the other side has seen the last one. */
	ck_assert_int_eq(read(helper->sock[1], &(char){0}, 1), 0);
	packetevent_free(pev);
	event_base_free(base);
}

static void
helper_start(struct helper *helper, int setup)
{
	helper->setup = setup;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    helper->sock), 0);
	helper->pid = fork();
	ck_assert_int_ge(helper->pid, 0);
	if (helper->pid == 0) {
		close(helper->sock[0]);
		serve_as_nobody(helper);
		_exit(0);
	}
	close(helper->sock[1]);
}

static void
helper_end(struct helper *helper)
{
	int status;

	close(helper->sock[0]);
	ck_assert_int_eq(waitpid(helper->pid, &status, 0), helper->pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the helper failed: status %x", (unsigned)status);
}

/* Blocks: no loop runs in this process. */
static void
check_echo(int fd, enum kit_kind kind, unsigned index, size_t size)
{
	unsigned char data[2048];

	kit_fill(kind, data, index, size);
	ck_assert_int_eq(send(fd, data, size, 0), size);
	memset(data, 0, sizeof(data));
	ck_assert_int_eq(recv(fd, data, sizeof(data), 0), size);
	kit_check(kit_matches(kind, data, index, size), "other bytes");
}

START_TEST(test_by_nobody)
{
	struct helper helper;
	struct evtun *tun;
	char byte;
	int fd;
	unsigned i;

	kit_netns();
	helper_start(&helper, _i);
	tun = kit_tun_new(KIT_KIND_OF(_i), "vpn0", 0);
	fd = kit_packet_socket("vpn0");
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	send_fd(helper.sock[0], evtun_get_fd(tun));
	close(evtun_release(tun));
	ck_assert_int_eq(read(helper.sock[0], &byte, 1), 1);
	for (i = 0; i < N_ECHOES; i++)
		check_echo(fd, KIT_KIND_OF(_i), i, 20 + i * 30);
	helper_end(&helper);
	/* It went with its last descriptor. */
	ck_assert_uint_eq(look_index("vpn0"), 0);
	close(fd);
}
END_TEST

/* ---- IFF_NAPI ---- */

/* Whoever opened it wanted NAPI; with a header for offload, or without. */
static struct evtun *
adopt_napi(enum kit_kind kind, int flags)
{
	int fd = look_try_open("napi0", (kind == KIT_TAP ? IFF_TAP :
	    IFF_TUN) | IFF_NO_PI | IFF_NAPI | flags);
	struct evtun *tun;

	if (fd < 0 && errno == EINVAL)
		kit_skip("this kernel has no IFF_NAPI");
	ck_assert_msg(fd >= 0, "open napi0: %s", strerror(errno));
	if (flags & IFF_VNET_HDR)
		ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD,
		    (unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)),
		    0);
	tun = evtun_new_fd(fd, device_options(kind));
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_int_eq(!(evtun_get_options(tun) & EVTUN_OPT_OFFLOAD),
	    !(flags & IFF_VNET_HDR));
	kit_ok(evtun_set_mtu(tun, kind == KIT_TAP ? 65521 : 65535));
	kit_ok(evtun_set_up(tun, 1));
	return tun;
}

static int
napi_flags(int setup)
{
	return KIT_WAY_OF(setup) == KIT_OFFLOAD ? IFF_VNET_HDR : 0;
}

START_TEST(test_napi)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, adopt_napi(rig->kind, napi_flags(_i)));
	device_rig_carry(rig);
	kit_rig_free(rig);
}
END_TEST

/* Packets 0 to n - 1, each of which comes to one queue or the other. */
struct queues {
	struct kit_rig *rig;
	unsigned n, got;
	unsigned char seen[200];
};

static void
queues_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct queues *queues = ctx;
	unsigned i;
	int j;

	(void)pev;
	for (j = 0; j < n; j++, queues->got++) {
		i = 0;
		while (i < queues->n && (queues->seen[i] ||
		    pkts[j].iov_len != 60 + i || !kit_matches(
		    queues->rig->kind, pkts[j].iov_base, i, 60 + i)))
			i++;
		kit_check(i < queues->n, "%zu bytes that nobody has sent",
		    pkts[j].iov_len);
		queues->seen[i] = 1;
	}
}

static int
queues_done(void *arg)
{
	struct queues *queues = arg;

	return queues->got == queues->n;
}

/* Into the interface, and out of it from both queues. */
static void
use_queues(struct kit_rig *rig, struct packetevent *second)
{
	struct queues queues = { .rig = rig, .n = 200 };
	unsigned char data[260];
	unsigned i;

	packetevent_setcb(rig->pev[0], queues_readcb, NULL, kit_eventcb,
	    &queues);
	packetevent_setcb(second, queues_readcb, NULL, kit_eventcb, &queues);
	kit_enable(rig, 0, EV_READ);
	kit_ok(packetevent_enable(second, EV_READ));
	for (i = 0; i < queues.n; i++)
		kit_ok(kit_write(rig, 1, i, 60 + i));
	kit_until(rig->base, queues_done, &queues, "all packets");
	packetevent_setcb(rig->pev[1], queues_readcb, NULL, kit_eventcb,
	    &queues);
	kit_enable(rig, 1, EV_READ);
	memset(queues.seen, 0, sizeof(queues.seen));
	queues.got = 0;
	for (i = 0; i < queues.n; i++) {
		kit_fill(rig->kind, data, i, 60 + i);
		kit_ok(packetevent_write(i % 2 ? second : rig->pev[0], data,
		    60 + i));
	}
	kit_until(rig->base, queues_done, &queues, "all packets");
}

START_TEST(test_napi_queues)
{
	struct kit_rig *rig = device_rig_begin(_i);
	int flags = IFF_MULTI_QUEUE | napi_flags(_i);
	struct packetevent *second;

	device_rig_over(rig, adopt_napi(rig->kind, flags));
	second = packetevent_tun_new(rig->base, adopt_napi(rig->kind, flags),
	    kit_options(_i));
	ck_assert_ptr_nonnull(second);
	use_queues(rig, second);
	ck_assert_int_eq(rig->log[0].n_events, 0);
	packetevent_free(second);
	kit_settle(rig->base);
	/* What is left has all of them. */
	packetevent_setcb(rig->pev[0], kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[0]);
	packetevent_setcb(rig->pev[1], kit_readcb, kit_writecb, kit_eventcb,
	    &rig->log[1]);
	kit_traffic(rig, 300);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_adopted");
	kit_case("adopted", KIT_NEEDS_TUN);
	kit_setups(test_from_a_process, KIT_DEVICES);
	kit_case("adopted_by_nobody", KIT_NEEDS_TUN_ROOT);
	kit_setups(test_by_nobody, KIT_DEVICES);
	kit_case("napi", KIT_NEEDS_TUN);
	kit_kinds(test_napi, KIT_DEVICES);
	kit_kinds(test_napi_queues, KIT_DEVICES);
	return kit_run();
}
