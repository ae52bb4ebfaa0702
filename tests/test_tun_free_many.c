/*
 * Many devices, freed together: the interfaces that go with them, and those
 * that stay.
 */
#include "config.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"

#define N_MANY 100

/* ---- threads, which may be refused ---- */

static int threads, threads_allowed = -1;
static sigset_t mask_of_thread;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*fn)(void *), void *arg)
{
	if (threads_allowed >= 0 && threads >= threads_allowed)
		return EAGAIN;
	threads++;
	/* A thread has the mask of the one that makes it. */
	pthread_sigmask(SIG_SETMASK, NULL, &mask_of_thread);
	return __real_pthread_create(thread, attr, fn, arg);
}

/* ---- the interfaces that are there ---- */

static int
count_words(const char *text, const char *words)
{
	int n = 0;

	while ((text = strstr(text, words)) != NULL) {
		n++;
		text += strlen(words);
	}
	return n;
}

static int
count_links(void)
{
	char *text = ip_json("link show type tun");
	int n = count_words(text, "\"ifname\":");

	free(text);
	return n;
}

static int
is_there(const char *name)
{
	char words[64];

	snprintf(words, sizeof(words), "\"ifname\":\"%s\"", name);
	return ip_says(words, "link show type tun");
}

static void
make_many(struct evtun **tuns, int n)
{
	char name[16], addr[32];
	int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "many%d", i);
		snprintf(addr, sizeof(addr), "10.9.%d.1/24", i);
		tuns[i] = look_new(name, (i & 1 ? EVTUN_OPT_TAP : 0) |
		    (i & 2 ? EVTUN_OPT_OFFLOAD : 0));
		kit_ok(evtun_add_address(tuns[i], addr, NULL));
		kit_ok(evtun_set_up(tuns[i], 1));
	}
}

START_TEST(test_many)
{
	struct evtun *tuns[N_MANY];
	int fds = kit_count_fds();
	/* One after the other they take long. */
	int n = _i < 0 ? N_MANY : 16;

	threads_allowed = _i;
	kit_netns();
	make_many(tuns, n);
	ck_assert_int_eq(count_links(), n);
	evtun_free_many(tuns, (size_t)n);
	ck_assert_int_eq(count_links(), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
	ck_assert_int_eq(threads, _i < 0 ? n - 1 : _i);
}
END_TEST

START_TEST(test_no_one)
{
	struct evtun *tuns[3] = { NULL, NULL, NULL };

	evtun_free_many(NULL, 0);
	evtun_free_many(tuns, 0);
	evtun_free_many(tuns, 3);
	kit_netns();
	threads = 0;
	tuns[0] = look_new("vpn0", 0);
	errno = EXDEV;
	evtun_free_many(tuns, 1);
	ck_assert_int_eq(errno, EXDEV);
	/* One that is alone needs no help. */
	ck_assert_int_eq(threads, 0);
	ck_assert_int_eq(count_links(), 0);
}
END_TEST

/* ---- which stay ---- */

static int
hold_copy(struct evtun *tun)
{
	int fd = fcntl(evtun_get_fd(tun), F_DUPFD_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

START_TEST(test_some_stay)
{
	struct evtun *tuns[10], *queue, *adopted;
	int fds = kit_count_fds(), copy;

	kit_netns();
	make_many(tuns, 4);
	tuns[4] = look_new("keep_persist", EVTUN_OPT_PERSIST);
	tuns[5] = NULL;
	/* Another queue is open, and then both are among them. */
	tuns[6] = look_new("keep_queue", EVTUN_OPT_MULTIQUEUE);
	queue = evtun_new_queue(tuns[6]);
	ck_assert_ptr_nonnull(queue);
	tuns[7] = look_new("both", EVTUN_OPT_MULTIQUEUE);
	tuns[8] = evtun_new_queue(tuns[7]);
	ck_assert_ptr_nonnull(tuns[8]);
	tuns[9] = look_new("keep_copy", 0);
	copy = hold_copy(tuns[9]);
	kit_link_delete("many2");
	evtun_free_many(tuns, 10);
	ck_assert_int_eq(count_links(), 3);
	ck_assert(is_there("keep_persist"));
	ck_assert(is_there("keep_queue"));
	ck_assert(is_there("keep_copy"));
	/* They are what they were. */
	adopted = evtun_new_fd(copy, 0);
	ck_assert_ptr_nonnull(adopted);
	ck_assert_str_eq(evtun_get_name(adopted), "keep_copy");
	kit_ok(evtun_set_mtu(adopted, 1400));
	ck_assert_str_eq(evtun_get_name(queue), "keep_queue");
	tuns[0] = adopted;
	tuns[1] = queue;
	evtun_free_many(tuns, 2);
	ck_assert_int_eq(count_links(), 1);
	ck_assert(is_there("keep_persist"));
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

/* Another process has the first ten open too, until it is told to end. */
static pid_t
start_heir(struct evtun **tuns, int n, int *hold)
{
	int i, end[2], ready[2];
	pid_t pid;
	char byte;

	ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(end[1]);
		for (i = 10; i < n; i++)
			close(evtun_get_fd(tuns[i]));
		close(ready[1]);
		_exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(end[0]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	*hold = end[1];
	return pid;
}

START_TEST(test_inherited)
{
	struct evtun *tuns[20];
	int hold, status;
	pid_t pid;

	kit_netns();
	make_many(tuns, 20);
	pid = start_heir(tuns, 20, &hold);
	evtun_free_many(tuns, 20);
	ck_assert_int_eq(count_links(), 10);
	ck_assert(is_there("many0"));
	ck_assert(is_there("many9"));
	close(hold);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(count_links(), 0);
}
END_TEST

/* ---- where, and who ---- */

START_TEST(test_namespaces)
{
	struct evtun *tuns[20];
	int i, here, there;

	kit_netns();
	here = look_netns();
	make_many(tuns, 10);
	kit_netns();
	there = look_netns();
	for (i = 10; i < 20; i++)
		tuns[i] = look_new("vpn%d", 0);
	evtun_free_many(tuns, 20);
	ck_assert_int_eq(count_links(), 0);
	look_enter(here);
	ck_assert_int_eq(count_links(), 0);
	close(here);
	close(there);
}
END_TEST

START_TEST(test_no_privilege)
{
	struct evtun *tuns[20];

	kit_netns();
	make_many(tuns, 20);
	look_become(65534, 65534);
	evtun_free_many(tuns, 20);
	ck_assert_int_eq(count_links(), 0);
}
END_TEST

/* Signals are for the threads of the program, and its mask is its own. */
START_TEST(test_signals)
{
	struct evtun *tuns[8];
	sigset_t before, after;

	kit_netns();
	make_many(tuns, 8);
	sigemptyset(&before);
	sigaddset(&before, SIGUSR1);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	evtun_free_many(tuns, 8);
	ck_assert_int_eq(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	ck_assert_int_eq(sigismember(&after, SIGUSR1), 1);
	ck_assert_int_eq(sigismember(&after, SIGTERM), 0);
	ck_assert_int_eq(sigismember(&mask_of_thread, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&mask_of_thread, SIGCHLD), 1);
}
END_TEST

/* After their packetevents, from a callback of another one's. */
static void
free_them(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	evtun_free_many(arg, N_MANY);
}

START_TEST(test_after_packetevents)
{
	struct event_base *base = kit_base_new(KIT_SETUP(KIT_TUN, 0,
	    KIT_EPOLL));
	struct packetevent *pevs[N_MANY];
	struct evtun *tuns[N_MANY];
	const struct timeval now = { 0, 0 };
	int i, fds;

	kit_netns();
	fds = kit_count_fds();
	make_many(tuns, N_MANY);
	for (i = 0; i < N_MANY; i++) {
		pevs[i] = packetevent_tun_new(base, tuns[i], 0);
		ck_assert_ptr_nonnull(pevs[i]);
		kit_ok(packetevent_enable(pevs[i], EV_READ));
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
	for (i = 0; i < N_MANY; i++)
		packetevent_free(pevs[i]);
	event_base_once(base, -1, EV_TIMEOUT, free_them, tuns, &now);
	event_base_dispatch(base);
	ck_assert_int_eq(count_links(), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
	event_base_free(base);
}
END_TEST

int
main(void)
{
	kit_suite("tun_free_many");
	kit_case("nothing", KIT_NEEDS_TUN);
	kit_test(test_no_one);
	kit_case("many", KIT_NEEDS_TUN);
	kit_loop(test_many, -1, 2);
	kit_case("some_stay", KIT_NEEDS_TUN);
	kit_test(test_some_stay);
	kit_test(test_inherited);
	kit_case("where", KIT_NEEDS_TUN);
	kit_test(test_namespaces);
	kit_test(test_signals);
	kit_test(test_after_packetevents);
	kit_case("no_privilege", KIT_NEEDS_TUN_ROOT);
	kit_test(test_no_privilege);
	return kit_run();
}
