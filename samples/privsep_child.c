/*
 * The child of privsep.c: it gives up what it does not need, in an order in
 * which each step still can be taken, and only then looks at a packet.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE	/* setresuid(), unshare() */
#endif
#include "privsep.h"
#include "ping_answer.h"
#include "sample.h"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/pass.h>
#include <evtun/tun.h>

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the parent has inherited is none of the child's: 0, 1 and 2 are, and
 * the socket, as 3. */
static int
close_others(int sock)
{
	if (dup2(sock, 3) != 3)
		sample_die("cannot keep the socket");
#ifdef SYS_close_range
	(void)syscall(SYS_close_range, 4, ~0U, 0);
#endif
	return 3;
}

/* In a user namespace there may be no user but one. */
static void
become_user(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0)
		return;
	if (errno != EINVAL && errno != EPERM)
		sample_die("cannot become another user");
	fprintf(stderr, "privsep: cannot become user %ld (%s): "
	    "going on as user %ld\n", (long)uid, strerror(errno),
	    (long)getuid());
}

static void
drop_privileges(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[2];

	if (unshare(CLONE_NEWNET) != 0)
		sample_die("cannot make a network namespace: it takes root");
	become_user(uid, gid);
	memset(none, 0, sizeof(none));
	if (syscall(SYS_capset, &header, none) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
		sample_die("cannot give up privileges");
}

static void
read_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	int i, n = 0;

	(void)ctx;
	for (i = 0; i < n_pkts; i++) {
		size_t len = answer_packet(pkts[i].iov_base, pkts[i].iov_len);

		if (len == 0)
			continue;
		pkts[n].iov_base = pkts[i].iov_base;
		pkts[n++].iov_len = len;
	}
	packetevent_write_batch(pev, pkts, n);
}

static void
event_cb(struct packetevent *pev, short what, void *ctx)
{
	if (!(what & PEV_EVENT_ERROR))
		return;
	fprintf(stderr, "%s\n", evtun_get_error());
	*(int *)ctx = 1;
	event_base_loopbreak(packetevent_get_base(pev));
}

static void
parent_ended_cb(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(ctx);
}

static struct packetevent *
make_packetevent(struct event_base *base, struct evtun *tun, int *status)
{
	/* No ring: its calls are not on the list. */
	struct packetevent *pev = packetevent_tun_new(base, tun,
	    PEV_OPT_CLOSE_ON_FREE | PEV_OPT_NO_IO_URING);

	if (pev == NULL)
		sample_die(evtun_get_error());
	packetevent_setcb(pev, read_cb, NULL, event_cb, status);
	if (packetevent_set_room(pev, 0, ANSWER_TAIL) != 0 ||
	    packetevent_enable(pev, EV_READ) != 0)
		sample_die(evtun_get_error());
	return pev;
}

int
child_run(int sock, uid_t uid, gid_t gid)
{
	struct event_base *base;
	struct event *ended;
	struct evtun *tun;
	struct packetevent *pev;
	char name[16];
	int status = 0;

	/* A terminal sends it to both; the parent decides. */
	signal(SIGINT, SIG_IGN);
	sock = close_others(sock);
	drop_privileges(uid, gid);
	tun = evtun_receive_device(sock, 0);
	/* The parent has said why there is none. */
	if (tun == NULL && errno == ECONNRESET)
		return 1;
	if (tun == NULL)
		sample_die(evtun_get_error());
	/* Later the kernel may not be asked. */
	snprintf(name, sizeof(name), "%s", evtun_get_name(tun));
	base = event_base_new();
	if (base == NULL)
		sample_die("cannot make an event base");
	ended = event_new(base, sock, EV_READ, parent_ended_cb, base);
	if (ended == NULL || event_add(ended, NULL) != 0)
		sample_die("cannot wait for the parent");
	pev = make_packetevent(base, tun, &status);
	if (filter_install() != 0)
		sample_die("cannot install a filter for system calls");
	event_base_dispatch(base);
	sample_print_counts(name, pev);
	packetevent_free(pev);
	event_free(ended);
	event_base_free(base);
	return status;
}
