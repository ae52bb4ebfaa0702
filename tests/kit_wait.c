#include "config.h"

#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/timerfd.h>

#include <dlfcn.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "kit.h"

#define DEADLINE_SECONDS 20

double
kit_patience(void)
{
	const char *s = getenv("CK_TIMEOUT_MULTIPLIER");
	double d = s != NULL ? strtod(s, NULL) : 1;

	return d > 0 ? d : 1;
}

/* ---- counting the system calls that wait ---- */

static atomic_ulong n_waits;

unsigned long
kit_count_waits(void)
{
	return atomic_load(&n_waits);
}

/* The functions of the C library, which ours stand before, also for libevent:
 * found before there is a thread. */
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static int (*real_select)(int, fd_set *, fd_set *, fd_set *,
    struct timeval *);

#define EXPORTED __attribute__((visibility("default")))

static void __attribute__((constructor))
find_real_ones(void)
{
	*(void **)&real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
	*(void **)&real_poll = dlsym(RTLD_NEXT, "poll");
	*(void **)&real_select = dlsym(RTLD_NEXT, "select");
}

EXPORTED int
epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	atomic_fetch_add(&n_waits, 1);
	return real_epoll_wait(epfd, events, max, timeout);
}

EXPORTED int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	atomic_fetch_add(&n_waits, 1);
	return real_poll(fds, n, timeout);
}

EXPORTED int
select(int n, fd_set *r, fd_set *w, fd_set *e, struct timeval *timeout)
{
	atomic_fetch_add(&n_waits, 1);
	return real_select(n, r, w, e, timeout);
}

/* ---- running the loop ---- */

static void
set_flag(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(int *)arg = 1;
}

static struct event *
timer_new(struct event_base *base, double seconds, int *flag)
{
	struct timeval tv;
	struct event *ev = event_new(base, -1, 0, set_flag, flag);

	ck_assert_ptr_nonnull(ev);
	tv.tv_sec = (time_t)seconds;
	tv.tv_usec = (suseconds_t)((seconds - (double)tv.tv_sec) * 1e6);
	ck_assert_int_eq(event_add(ev, &tv), 0);
	return ev;
}

void
kit_until(struct event_base *base, int (*cond)(void *), void *arg,
    const char *what)
{
	int late = 0;
	struct event *ev = timer_new(base,
	    DEADLINE_SECONDS * kit_patience(), &late);

	while (!cond(arg) && !late)
		kit_check(event_base_loop(base, EVLOOP_ONCE) == 0,
		    "the loop has ended");
	event_free(ev);
	kit_check(cond(arg), "in vain: waited for %s", what);
}

struct wanted {
	struct kit_log *log;
	size_t n;
};

static int
enough_packets(void *arg)
{
	struct wanted *w = arg;

	return w->log->n_packets >= w->n;
}

static int
enough_events(void *arg)
{
	struct wanted *w = arg;

	return (size_t)w->log->n_events >= w->n;
}

static int
enough_writecbs(void *arg)
{
	struct wanted *w = arg;

	return (size_t)w->log->n_writecbs >= w->n;
}

static void
until(struct kit_rig *rig, int end, size_t n, int (*cond)(void *),
    const char *what)
{
	struct wanted w = {&rig->log[end], n};
	char text[128];

	snprintf(text, sizeof(text), "%zu %s at end %d", n, what, end);
	kit_until(rig->base, cond, &w, text);
}

void
kit_until_packets(struct kit_rig *rig, int end, size_t n)
{
	until(rig, end, n, enough_packets, "packets");
}

void
kit_until_events(struct kit_rig *rig, int end, int n)
{
	until(rig, end, (size_t)n, enough_events, "events");
}

void
kit_until_writecbs(struct kit_rig *rig, int end, int n)
{
	until(rig, end, (size_t)n, enough_writecbs, "write callbacks");
}

void
kit_settle(struct event_base *base)
{
	int i;

	for (i = 0; i < 10; i++)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

/*
 * Fail if the loop wakes up before it is told to.  By a timerfd: the clock of
 * libevent's own timers lags by some milliseconds, and they wake the loop
 * several times.
 */
static void
check_idle(struct event_base *base, long milliseconds)
{
	struct itimerspec its = {{0, 0}, {0, milliseconds * 1000000}};
	int over = 0, fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_NONBLOCK | TFD_CLOEXEC);
	unsigned long n;
	struct event *ev;

	ck_assert_int_ge(fd, 0);
	kit_settle(base);
	ev = event_new(base, fd, EV_READ, set_flag, &over);
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	ck_assert_int_eq(timerfd_settime(fd, 0, &its, NULL), 0);
	n = kit_count_waits();
	while (!over)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	n = kit_count_waits() - n;
	event_free(ev);
	close(fd);
	ck_assert_msg(n == 1, "%lu wakeups with nothing to do", n - 1);
}

void
kit_check_idle(struct event_base *base)
{
	check_idle(base, 30);
}

void
kit_check_dead(struct event_base *base)
{
	check_idle(base, 130);
}
