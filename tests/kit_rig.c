#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>
#include <event2/thread.h>

#include "kit.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* The largest MTU that the kernel gives a device of the kind. */
#define TUN_MTU 65535
#define TAP_MTU 65521

static const char *const kind_names[KIT_N_KINDS] = {
	"pair", "dgram", "seqpacket", "udp", "stream16", "stream32",
	"stream_pair", "tun", "tap"
};
static const char *const way_names[KIT_N_WAYS] = {
	"", ",offload", ",no_ring"
};
static const char *const backend_names[KIT_N_BACKENDS] = {
	"epoll", "poll", "select"
};

int kit_debug = 1;

const char *
kit_kind_name(enum kit_kind kind)
{
	return kind_names[kind];
}

const char *
kit_setup_name(int setup)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s,%s,%s%s",
	    kind_names[KIT_KIND_OF(setup)],
	    KIT_TS_OF(setup) ? "threadsafe" : "plain",
	    backend_names[KIT_BACKEND_OF(setup)],
	    way_names[KIT_WAY_OF(setup)]);
	return text;
}

int
kit_tun_options(int setup)
{
	return KIT_WAY_OF(setup) == KIT_OFFLOAD ? EVTUN_OPT_OFFLOAD : 0;
}

/* ---- the base ---- */

int
kit_options(int setup)
{
	return PEV_OPT_CLOSE_ON_FREE |
	    (KIT_TS_OF(setup) ? PEV_OPT_THREADSAFE : 0) |
	    (KIT_WAY_OF(setup) == KIT_NO_RING ? PEV_OPT_NO_IO_URING : 0);
}

/* Once in a process, before anything else of libevent. */
static void
prepare_libevent(int threadsafe)
{
	static int done;

	if (done)
		return;
	done = 1;
	if (threadsafe) {
		if (kit_debug)
			evthread_enable_lock_debugging();
		ck_assert_int_eq(evthread_use_pthreads(), 0);
	} else if (kit_debug) {
		event_enable_debug_mode();
	}
}

struct event_base *
kit_base_new(int setup)
{
	struct event_config *cfg;
	struct event_base *base;
	int i, backend = KIT_BACKEND_OF(setup);

	prepare_libevent(KIT_TS_OF(setup));
	cfg = event_config_new();
	ck_assert_ptr_nonnull(cfg);
	for (i = 0; i < KIT_N_BACKENDS; i++)
		if (i != backend)
			event_config_avoid_method(cfg, backend_names[i]);
	base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	ck_assert_ptr_nonnull(base);
	ck_assert_str_eq(event_base_get_method(base), backend_names[backend]);
	return base;
}

/* ---- the parts ---- */

/* Beyond the system's limit if we may, or else up to it. */
static void
set_buffers(int fd)
{
	int size = 8 * 1024 * 1024;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
	    sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static void
udp_sockets(evutil_socket_t fd[2])
{
	struct sockaddr_in sin[2];
	socklen_t len = sizeof(sin[0]);
	int i;

	memset(sin, 0, sizeof(sin));
	for (i = 0; i < 2; i++) {
		fd[i] = socket(AF_INET,
		    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(fd[i], 0);
		set_buffers(fd[i]);
		sin[i].sin_family = AF_INET;
		sin[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ck_assert_int_eq(bind(fd[i], (struct sockaddr *)&sin[i],
		    sizeof(sin[i])), 0);
		ck_assert_int_eq(getsockname(fd[i],
		    (struct sockaddr *)&sin[i], &len), 0);
	}
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(connect(fd[i], (struct sockaddr *)&sin[!i],
		    sizeof(sin[!i])), 0);
}

static void
unix_sockets(int type, evutil_socket_t fd[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
}

void
kit_sockets(enum kit_kind kind, evutil_socket_t fd[2])
{
	if (kind == KIT_UDP)
		udp_sockets(fd);
	else
		unix_sockets(kind == KIT_DGRAM ? SOCK_DGRAM : SOCK_SEQPACKET,
		    fd);
}

struct evtun *
kit_tun_new(enum kit_kind kind, const char *name, int options)
{
	struct evtun *tun = evtun_new(name,
	    options | (kind == KIT_TAP ? EVTUN_OPT_TAP : 0));

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_msg(evtun_set_mtu(tun, kind == KIT_TAP ? TAP_MTU : TUN_MTU)
	    == 0, "%s", evtun_get_error());
	ck_assert_msg(evtun_set_up(tun, 1) == 0, "%s", evtun_get_error());
	return tun;
}

evutil_socket_t
kit_packet_socket(const char *ifname)
{
	struct sockaddr_ll sll;
	int one = 1;
	/* Protocol 0 receives nothing before it is bound. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	set_buffers(fd);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING,
	    &one, sizeof(one)), 0);
	memset(&sll, 0, sizeof(sll));
	sll.sll_family = AF_PACKET;
	sll.sll_protocol = htons(ETH_P_ALL);
	sll.sll_ifindex = (int)if_nametoindex(ifname);
	ck_assert_int_gt(sll.sll_ifindex, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), 0);
	return fd;
}

/* ---- the rig ---- */

static void
make_descriptors(struct kit_rig *rig)
{
	evutil_socket_t fd[2];
	int i;

	kit_sockets(rig->kind, fd);
	for (i = 0; i < 2; i++)
		rig->pev[i] = packetevent_fd_new(rig->base, fd[i],
		    kit_options(rig->setup));
}

static void
make_device(struct kit_rig *rig)
{
	int options = kit_options(rig->setup);

	rig->tun = kit_tun_new(rig->kind, "kit%d",
	    kit_tun_options(rig->setup));
	snprintf(rig->name, sizeof(rig->name), "%s",
	    evtun_get_name(rig->tun));
	rig->pev[0] = packetevent_tun_new(rig->base, rig->tun, options);
	rig->pev[1] = packetevent_fd_new(rig->base,
	    kit_packet_socket(rig->name), options);
}

static void
make_bufferevents(struct kit_rig *rig)
{
	evutil_socket_t fd[2];
	int i, options = BEV_OPT_CLOSE_ON_FREE |
	    (rig->threadsafe ? BEV_OPT_THREADSAFE : 0);

	if (rig->kind == KIT_STREAM_PAIR) {
		ck_assert_int_eq(bufferevent_pair_new(rig->base, options,
		    rig->bev), 0);
		return;
	}
	unix_sockets(SOCK_STREAM, fd);
	for (i = 0; i < 2; i++)
		rig->bev[i] = bufferevent_socket_new(rig->base, fd[i],
		    options);
}

static void
make_streams(struct kit_rig *rig)
{
	int i;

	/* bufferevents leave that to the program. */
	signal(SIGPIPE, SIG_IGN);
	make_bufferevents(rig);
	for (i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(rig->bev[i]);
		rig->pev[i] = packetevent_stream_new(rig->bev[i],
		    rig->kind == KIT_STREAM32 ? PEV_FRAMING_LEN32 :
		    PEV_FRAMING_LEN16, kit_options(rig->setup));
	}
}

static void
make_ends(struct kit_rig *rig)
{
	if (KIT_BIT(rig->kind) & KIT_STREAMS)
		make_streams(rig);
	else if (KIT_BIT(rig->kind) & KIT_DEVICES)
		make_device(rig);
	else if (rig->kind != KIT_PAIR)
		make_descriptors(rig);
	else
		ck_assert_int_eq(packetevent_pair_new(rig->base,
		    kit_options(rig->setup), rig->pev), 0);
}

/* All rigs of a test share a namespace. */
static void
enter_netns_once(void)
{
	static pid_t entered;

	if (entered == getpid())
		return;
	kit_netns();
	entered = getpid();
}

struct kit_rig *
kit_rig_new(int setup)
{
	struct kit_rig *rig = calloc(1, sizeof(*rig));
	int i;

	ck_assert_ptr_nonnull(rig);
	rig->setup = setup;
	rig->kind = KIT_KIND_OF(setup);
	rig->threadsafe = KIT_TS_OF(setup);
	if (KIT_BIT(rig->kind) & KIT_DEVICES)
		enter_netns_once();
	rig->fds_before = kit_count_fds();
	rig->base = kit_base_new(setup);
	make_ends(rig);
	for (i = 0; i < 2; i++) {
		ck_assert_msg(rig->pev[i] != NULL, "%s", evtun_get_error());
		packetevent_setcb(rig->pev[i], kit_readcb, kit_writecb,
		    kit_eventcb, &rig->log[i]);
	}
	return rig;
}

void
kit_rig_free(struct kit_rig *rig)
{
	int i;

	for (i = 0; i < 2; i++)
		if (rig->pev[i] != NULL)
			packetevent_free(rig->pev[i]);
	/* A bufferevent_pair whose callback is due is lost with the base:
	 * libevent 2.1.12 holds a reference for it. */
	if (rig->kind == KIT_STREAM_PAIR)
		event_base_loop(rig->base, EVLOOP_NONBLOCK);
	event_base_free(rig->base);
	for (i = 0; i < 2; i++)
		kit_log_clear(&rig->log[i]);
	ck_assert_int_eq(kit_count_fds(), rig->fds_before);
	free(rig);
}
