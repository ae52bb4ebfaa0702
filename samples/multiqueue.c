/*
 * A device with many queues, and a thread for each of them:
 *
 *	multiqueue tun0 10.9.0.1/24 4
 *
 * The kernel spreads what is sent to 10.9.0.0/24 over the queues, by flow.
 * Each thread has an event_base, a queue and a packetevent of its own, shares
 * nothing with the others, and counts what it gets.  On a signal, or when the
 * device is gone, the main thread ends their loops and prints the counts.
 */
#include "sample.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_WORKERS 64

struct worker {
	pthread_t thread;
	struct event_base *base;
	struct packetevent *pev;
};

static void *
run(void *arg)
{
	struct worker *worker = arg;

	event_base_dispatch(worker->base);
	return NULL;
}

static void
start(struct worker *worker, struct evtun *queue)
{
	worker->base = event_base_new();
	if (worker->base == NULL)
		sample_die("cannot make an event base");
	worker->pev = packetevent_tun_new(worker->base, queue,
	    PEV_OPT_CLOSE_ON_FREE);
	if (worker->pev == NULL)
		sample_die(evtun_get_error());
	/* Without a read callback packets are read, counted and dropped. */
	packetevent_setcb(worker->pev, NULL, NULL, sample_event_cb, NULL);
	if (packetevent_enable(worker->pev, EV_READ) != 0)
		sample_die(evtun_get_error());
	if (pthread_create(&worker->thread, NULL, run, worker) != 0)
		sample_die("cannot start a thread");
}

/* A base may be told to end from any thread, once evthread_use_pthreads()
 * was called; everything else waits until its thread has ended. */
static void
end(struct worker *worker, long i)
{
	event_base_loopexit(worker->base, NULL);
	pthread_join(worker->thread, NULL);
	printf("queue %ld: %llu packets, %llu bytes\n", i,
	    (unsigned long long)packetevent_get_count(worker->pev,
	    PEV_COUNT_READ_PACKETS),
	    (unsigned long long)packetevent_get_count(worker->pev,
	    PEV_COUNT_READ_BYTES));
	packetevent_free(worker->pev);
	event_base_free(worker->base);
}

int
main(int argc, char **argv)
{
	long i, n = argc == 4 ? strtol(argv[3], NULL, 10) : 0;
	char *addresses[2] = {NULL, NULL};
	struct worker workers[MAX_WORKERS];
	struct event_base *base;
	struct evtun *tun, *queue;
	char name[16];

	if (n < 1 || n > MAX_WORKERS) {
		fprintf(stderr, "usage: multiqueue NAME ADDRESS/LENGTH "
		    "1...%d\n", MAX_WORKERS);
		return 2;
	}
	evthread_use_pthreads();
	base = sample_new_base();
	addresses[0] = argv[2];
	tun = sample_open(argv[1], EVTUN_OPT_MULTIQUEUE, addresses);
	/* While the device is ours: soon it is a worker's. */
	snprintf(name, sizeof(name), "%s", evtun_get_name(tun));
	for (i = 0; i < n; i++) {
		queue = i == 0 ? tun : evtun_new_queue(tun);
		if (queue == NULL)
			sample_die(evtun_get_error());
		start(&workers[i], queue);
	}
	fprintf(stderr, "%s has %ld queues\n", name, n);
	event_base_dispatch(base);
	for (i = 0; i < n; i++)
		end(&workers[i], i);
	return sample_free_base(base);
}
