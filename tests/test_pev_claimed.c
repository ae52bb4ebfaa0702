/*
 * With threads, a device is its packetevent's until the thread that reads it
 * is done: the next one would read with the same memory.
 */
#include "config.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <netpacket/packet.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/thread.h>

#include "kit.h"
#include "tun_look.h"

/* ---- a read that takes its time ---- */

static atomic_int slow_fd = -1;
static sem_t reading, go_on;

ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);

ssize_t
__wrap_read(int fd, void *data, size_t len)
{
	if (fd == atomic_load(&slow_fd)) {
		atomic_store(&slow_fd, -1);
		sem_post(&reading);
		while (sem_wait(&go_on) != 0)
			;
	}
	return __real_read(fd, data, len);
}

/* ---- locks that tell that somebody waits for one ---- */

static atomic_int n_waiting;

static void *
lock_new(unsigned type)
{
	pthread_mutex_t *lock = malloc(sizeof(*lock));
	pthread_mutexattr_t attr;

	(void)type;
	ck_assert_ptr_nonnull(lock);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return lock;
}

static void
lock_free(void *lock, unsigned type)
{
	(void)type;
	pthread_mutex_destroy(lock);
	free(lock);
}

static int
lock_take(unsigned mode, void *lock)
{
	int err = pthread_mutex_trylock(lock);

	if (err == 0 || mode & EVTHREAD_TRY)
		return err;
	atomic_fetch_add(&n_waiting, 1);
	err = pthread_mutex_lock(lock);
	atomic_fetch_sub(&n_waiting, 1);
	return err;
}

static int
lock_release(unsigned mode, void *lock)
{
	(void)mode;
	return pthread_mutex_unlock(lock);
}

static unsigned long
get_id(void)
{
	return (unsigned long)pthread_self();
}

static void
use_locks(void)
{
	static const struct evthread_lock_callbacks locks = {
		EVTHREAD_LOCK_API_VERSION, EVTHREAD_LOCKTYPE_RECURSIVE,
		lock_new, lock_free, lock_take, lock_release
	};

	ck_assert_int_eq(evthread_set_lock_callbacks(&locks), 0);
	evthread_set_id_callback(get_id);
}

/* ---- three threads ---- */

static void *
run_loop(void *base)
{
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	return NULL;
}

static void *
run_free(void *pev)
{
	packetevent_free(pev);
	return NULL;
}

static pthread_t
spawn(void *(*run)(void *), void *arg)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

/* Until the loop's thread is inside of read(). */
static struct packetevent *
start_reading(struct event_base *base, struct evtun *tun)
{
	struct packetevent *pev = packetevent_tun_new(base, tun,
	    PEV_OPT_THREADSAFE);
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(0x0800),
		.sll_ifindex = (int)look_index("vpn0") };
	unsigned char packet[100];
	int sock = kit_packet_socket("vpn0");

	ck_assert_msg(pev != NULL, "%s", evtun_get_error());
	atomic_store(&slow_fd, evtun_get_fd(tun));
	kit_ok(packetevent_enable(pev, EV_READ));
	kit_fill(KIT_TUN, packet, 0, sizeof(packet));
	ck_assert_int_eq(sendto(sock, packet, sizeof(packet), 0,
	    (struct sockaddr *)&to, sizeof(to)), sizeof(packet));
	while (sem_wait(&reading) != 0)
		;
	close(sock);
	return pev;
}

START_TEST(test_claimed_while_read)
{
	struct packetevent *pev, *next;
	struct event_base *base;
	pthread_t loop, other;
	struct evtun *tun;

	kit_netns();
	use_locks();
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(evthread_make_base_notifiable(base), 0);
	sem_init(&reading, 0, 0);
	sem_init(&go_on, 0, 0);
	tun = kit_tun_new(KIT_TUN, "vpn0", _i ? EVTUN_OPT_OFFLOAD : 0);
	loop = spawn(run_loop, base);
	pev = start_reading(base, tun);
	other = spawn(run_free, pev);
	while (atomic_load(&n_waiting) == 0)
		sched_yield();
	next = packetevent_tun_new(base, tun, 0);
	ck_assert_msg(next == NULL, "it was free already");
	ck_assert_int_eq(errno, EBUSY);
	sem_post(&go_on);
	pthread_join(other, NULL);
	next = packetevent_tun_new(base, tun, PEV_OPT_THREADSAFE);
	ck_assert_msg(next != NULL, "%s", evtun_get_error());
	packetevent_free(next);
	event_base_loopexit(base, NULL);
	pthread_join(loop, NULL);
	event_base_free(base);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("pev_claimed");
	kit_case("claimed", KIT_NEEDS_TUN);
	kit_loop(test_claimed_while_read, 0, 2);
	return kit_run();
}
