/*
 * Once packetevent_free() has returned, nothing underneath is touched any
 * more, also when another thread runs the loop: it may be freed, and the
 * number of a descriptor may be somebody else's.
 */
#include "config.h"

#include <sys/socket.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

#define ROUNDS 300

static void *
run_loop(void *base)
{
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static atomic_int n_read;

static void
count_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	(void)pev;
	(void)pkts;
	(void)ctx;
	atomic_fetch_add(&n_read, n_pkts);
}

/* Keep a reader busy: what is to be read is always there. */
static atomic_int stop_sending;

static void *
keep_sending(void *arg)
{
	evutil_socket_t fd = *(evutil_socket_t *)arg;

	/* The others have to get on as well, on a machine that is busy. */
	while (!atomic_load(&stop_sending)) {
		(void)send(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		sched_yield();
	}
	return NULL;
}

/* Another socket with the same number, and one packet to be read from it. */
static void
take_number(evutil_socket_t number, evutil_socket_t peer[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
	    peer), 0);
	ck_assert_int_eq(send(peer[1], "mine", 4, 0), 4);
	ck_assert_int_eq(dup2(peer[0], number), number);
}

static void
one_round(struct event_base *base, int setup)
{
	evutil_socket_t fd[2], peer[2];
	struct packetevent *pev;
	pthread_t sender;
	char buf[8];
	int before;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	atomic_store(&stop_sending, 0);
	ck_assert_int_eq(pthread_create(&sender, NULL, keep_sending, &fd[1]),
	    0);
	pev = packetevent_fd_new(base, fd[0],
	    kit_options(setup) & PEV_OPT_THREADSAFE);
	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, count_readcb, NULL, NULL, NULL);
	before = atomic_load(&n_read);
	kit_ok(packetevent_enable(pev, EV_READ));
	while (atomic_load(&n_read) == before)
		sched_yield();
	packetevent_free(pev);
	take_number(fd[0], peer);
	atomic_store(&stop_sending, 1);
	ck_assert_int_eq(pthread_join(sender, NULL), 0);
	ck_assert_int_eq(read(fd[0], buf, sizeof(buf)), 4);
	close(fd[0]);
	close(fd[1]);
	close(peer[0]);
	close(peer[1]);
}

START_TEST(test_the_descriptor_is_free)
{
	struct event_base *base = kit_base_new(_i);
	pthread_t loop;
	int i;

	ck_assert_int_eq(pthread_create(&loop, NULL, run_loop, base), 0);
	for (i = 0; i < ROUNDS; i++)
		one_round(base, _i);
	event_base_loopbreak(base);
	ck_assert_int_eq(pthread_join(loop, NULL), 0);
	event_base_free(base);
}
END_TEST

/* The same with a device, which is freed next. */
START_TEST(test_the_device_is_free)
{
	struct event_base *base;
	struct packetevent *pev;
	evutil_socket_t fd;
	pthread_t loop, sender;
	struct evtun *tun;
	int i, before;

	kit_netns();
	base = kit_base_new(_i);
	ck_assert_int_eq(pthread_create(&loop, NULL, run_loop, base), 0);
	for (i = 0; i < 20; i++) {
		/* poll() and select() hold a descriptor that is closed under
		 * them: the old interface may go a little later. */
		tun = kit_tun_new(KIT_TAP, "gone%d", 0);
		fd = kit_packet_socket(evtun_get_name(tun));
		atomic_store(&stop_sending, 0);
		pev = packetevent_tun_new(base, tun,
		    kit_options(_i) & PEV_OPT_THREADSAFE);
		ck_assert_ptr_nonnull(pev);
		packetevent_setcb(pev, count_readcb, NULL, NULL, NULL);
		before = atomic_load(&n_read);
		kit_ok(packetevent_enable(pev, EV_READ));
		ck_assert_int_eq(pthread_create(&sender, NULL, keep_sending,
		    &fd), 0);
		while (atomic_load(&n_read) == before &&
		    send(fd, "0123456789abcdef", 16, MSG_DONTWAIT) != 0)
			sched_yield();
		packetevent_free(pev);
		evtun_free(tun);
		atomic_store(&stop_sending, 1);
		ck_assert_int_eq(pthread_join(sender, NULL), 0);
		close(fd);
	}
	event_base_loopbreak(base);
	ck_assert_int_eq(pthread_join(loop, NULL), 0);
	event_base_free(base);
}
END_TEST

/* ---- and may be another's ---- */

START_TEST(test_one_after_the_other)
{
	struct event_base *base;
	struct packetevent *pev;
	struct evtun *tun;
	int i;

	kit_netns();
	base = kit_base_new(_i);
	tun = kit_tun_new(KIT_TUN, "taken0", 0);
	for (i = 0; i < 3; i++) {
		pev = packetevent_tun_new(base, tun,
		    kit_options(_i) & PEV_OPT_THREADSAFE);
		ck_assert_ptr_nonnull(pev);
		ck_assert_ptr_null(packetevent_tun_new(base, tun, 0));
		ck_assert_int_eq(errno, EBUSY);
		ck_assert_ptr_nonnull(strstr(evtun_get_error(),
		    "another packetevent has the device"));
		packetevent_free(pev);
	}
	kit_settle(base);
	evtun_free(tun);
	event_base_free(base);
}
END_TEST

/* ---- in a callback, and what lies underneath with it ---- */

static int n_freed;

static void
free_device_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	struct kit_rig *rig = ctx;
	unsigned char first = *(unsigned char *)pkts[0].iov_base;

	packetevent_free(pev);
	evtun_free(rig->tun);
	rig->pev[0] = NULL;
	rig->tun = NULL;
	/* The packets stay. */
	ck_assert_int_eq(*(unsigned char *)pkts[0].iov_base, first);
	(void)n_pkts;
	n_freed++;
}

static int
has_freed(void *arg)
{
	(void)arg;
	return n_freed > 0;
}

START_TEST(test_device_in_the_read_callback)
{
	struct kit_rig rig;
	evutil_socket_t fd;

	memset(&rig, 0, sizeof(rig));
	kit_netns();
	rig.base = kit_base_new(_i);
	rig.tun = kit_tun_new(KIT_TAP, "freed0", 0);
	fd = kit_packet_socket("freed0");
	rig.pev[0] = packetevent_tun_new(rig.base, rig.tun, 0);
	ck_assert_ptr_nonnull(rig.pev[0]);
	packetevent_setcb(rig.pev[0], free_device_readcb, NULL, NULL, &rig);
	kit_ok(packetevent_enable(rig.pev[0], EV_READ));
	ck_assert_int_eq(send(fd, "0123456789abcdef", 16, 0), 16);
	ck_assert_int_eq(send(fd, "0123456789abcdef", 16, 0), 16);
	kit_until(rig.base, has_freed, NULL, "the callback");
	kit_settle(rig.base);
	ck_assert_int_eq(n_freed, 1);
	close(fd);
	event_base_free(rig.base);
}
END_TEST

static void
free_socket_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	evutil_socket_t fd = packetevent_getfd(pev);

	(void)pkts;
	(void)n_pkts;
	(void)ctx;
	packetevent_free(pev);
	close(fd);
	n_freed++;
}

START_TEST(test_socket_in_the_read_callback)
{
	struct event_base *base = kit_base_new(_i);
	struct packetevent *pev;
	evutil_socket_t fd[2];

	kit_sockets(KIT_KIND_OF(_i), fd);
	pev = packetevent_fd_new(base, fd[0], 0);
	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, free_socket_readcb, NULL, NULL, NULL);
	kit_ok(packetevent_enable(pev, EV_READ));
	ck_assert_int_eq(send(fd[1], "one", 3, 0), 3);
	ck_assert_int_eq(send(fd[1], "two", 3, 0), 3);
	kit_until(base, has_freed, NULL, "the callback");
	kit_settle(base);
	ck_assert_int_eq(n_freed, 1);
	close(fd[1]);
	event_base_free(base);
}
END_TEST

/* ---- a write callback that writes on ---- */

static int n_calls;

static void
greedy_writecb(struct packetevent *pev, void *ctx)
{
	static const unsigned char packet[20] = {0x45};
	int i;

	(void)ctx;
	n_calls++;
	kit_ok(packetevent_disable(pev, EV_WRITE));
	for (i = 0; i < 4; i++)
		(void)packetevent_write(pev, packet, sizeof(packet));
	kit_ok(packetevent_enable(pev, EV_WRITE));
	(void)packetevent_flush(pev);
}

static void
end_cb(evutil_socket_t fd, short what, void *base)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(base);
}

/* Others have their turn, though it would go on for ever. */
START_TEST(test_flushing_in_the_write_callback)
{
	static const struct timeval soon = {0, 1000};
	struct kit_rig *rig = kit_rig_new(_i);
	struct event *ev = event_new(rig->base, -1, 0, end_cb, rig->base);

	packetevent_setcb(rig->pev[0], NULL, greedy_writecb, NULL, NULL);
	greedy_writecb(rig->pev[0], NULL);
	ck_assert_int_eq(event_add(ev, &soon), 0);
	ck_assert_int_eq(event_base_dispatch(rig->base), 0);
	ck_assert_int_gt(n_calls, 1);
	event_free(ev);
	kit_rig_free(rig);
}
END_TEST

/* ---- what is refused for its arguments ---- */

START_TEST(test_refused_arguments_are_counted)
{
	static struct evbuffer_iovec pieces[1001];
	static const struct sockaddr nowhere;
	struct kit_rig *rig = kit_rig_new(_i);
	int i;

	for (i = 0; i < 1001; i++) {
		pieces[i].iov_base = (void *)"x";
		pieces[i].iov_len = 1;
	}
	kit_fails(packetevent_write_iovec(rig->pev[0], pieces, 1001), EINVAL);
	kit_fails(packetevent_write_to(rig->pev[0], &nowhere, -1, "x", 1),
	    EINVAL);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_WRITE_DROPPED), 2);
	kit_check_counts(rig, 0, 2);
	kit_rig_free(rig);
}
END_TEST

int
main(void)
{
	kit_suite("pev_freed");
	kit_case("another_thread", 0);
	kit_threadsafe(test_the_descriptor_is_free, KIT_BIT(KIT_DGRAM));
	kit_case("device", KIT_NEEDS_TUN);
	kit_threadsafe(test_the_device_is_free, KIT_BIT(KIT_TAP));
	kit_setups(test_one_after_the_other, KIT_BIT(KIT_TUN));
	kit_setups(test_device_in_the_read_callback, KIT_BIT(KIT_TAP));
	kit_case("underneath", 0);
	kit_setups(test_socket_in_the_read_callback, KIT_SOCKETS);
	kit_case("turns", 0);
	kit_setups(test_flushing_in_the_write_callback, KIT_UNIX);
	kit_case("arguments", 0);
	kit_kinds(test_refused_arguments_are_counted, KIT_ALL);
	return kit_run();
}
