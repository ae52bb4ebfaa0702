/*
 * A device of two queues, each with a packetevent, a base and a thread of its
 * own: every packet comes out of one of them, in the order of its flow.
 */
#include "config.h"

#include <sys/socket.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "peer.h"
#include "tun_look.h"

/* After the headers of IPv4 and UDP. */
#define UDP_DATA 28
/* All of them fit into the ring of one queue, if it should come to that. */
#define N_FLOWS 48
#define PER_FLOW 10
#define N_IDS (N_FLOWS * PER_FLOW)

struct queues {
	enum kit_kind kind;
	int fd[N_FLOWS];
	atomic_uint seen[N_IDS], total;
	struct queue {
		struct queues *all;
		struct event_base *base;
		struct packetevent *pev;
		unsigned n, last[N_FLOWS];
		pthread_t thread;
	} queue[2];
};

/* The payload is the number of the packet, and one of UDP's. */
static void
queue_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	struct queue *queue = ctx;
	size_t header = peer_header(queue->all->kind);
	unsigned char *frame;
	uint32_t id;
	int i;

	for (i = 0; i < n; i++) {
		frame = pkts[i].iov_base;
		if (pkts[i].iov_len < header || !peer_is(frame + header,
		    pkts[i].iov_len - header, 0))
			continue;
		memcpy(&id, frame + header + UDP_DATA, sizeof(id));
		kit_check(id < N_IDS, "a packet with number %u", id);
		/* In order within every flow. */
		kit_check(id % PER_FLOW >= queue->last[id / PER_FLOW],
		    "out of order: %u", id);
		queue->last[id / PER_FLOW] = id % PER_FLOW;
		queue->n++;
		peer_answer(frame, header);
		kit_ok(packetevent_write(pev, frame, pkts[i].iov_len));
		atomic_fetch_add(&queue->all->seen[id], 1);
		atomic_fetch_add(&queue->all->total, 1);
	}
}

static int
all_seen(void *arg)
{
	return atomic_load(&((struct queues *)arg)->total) >= N_IDS;
}

static void
look_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static void *
run_queue(void *arg)
{
	static const struct timeval interval = {0, 5000};
	struct queue *queue = arg;
	struct event *ev = event_new(queue->base, -1, EV_PERSIST, look_again,
	    NULL);

	/* The other queue may be the last to see one. */
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(event_add(ev, &interval), 0);
	kit_until(queue->base, all_seen, queue->all, "all packets");
	event_free(ev);
	return NULL;
}

static void
queue_init(struct queues *all, int i, int setup, struct evtun *tun)
{
	struct queue *queue = &all->queue[i];

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	queue->all = all;
	queue->base = kit_base_new(setup);
	queue->pev = packetevent_tun_new(queue->base, tun, kit_options(setup));
	ck_assert_ptr_nonnull(queue->pev);
	packetevent_setcb(queue->pev, queue_readcb, NULL, NULL, queue);
	kit_ok(packetevent_enable(queue->pev, EV_READ));
}

static void
send_flows(struct queues *all)
{
	uint32_t id, flow, i;

	for (i = 0; i < PER_FLOW; i++) {
		for (flow = 0; flow < N_FLOWS; flow++) {
			id = flow * PER_FLOW + i;
			ck_assert_int_eq(send(all->fd[flow], &id, sizeof(id),
			    0), sizeof(id));
		}
	}
}

/* Each has come once, and its answer too, in whatever order. */
static void
check_flows(struct queues *all)
{
	unsigned char answered[N_IDS];
	uint32_t id, i;

	memset(answered, 0, sizeof(answered));
	for (i = 0; i < N_IDS; i++) {
		ck_assert_uint_eq(atomic_load(&all->seen[i]), 1);
		ck_assert_int_eq(recv(all->fd[i / PER_FLOW], &id, sizeof(id),
		    0), sizeof(id));
		ck_assert_uint_eq(id / PER_FLOW, i / PER_FLOW);
		ck_assert_uint_eq(answered[id]++, 0);
	}
	ck_assert_uint_eq(all->queue[0].n + all->queue[1].n, N_IDS);
	ck_assert_uint_gt(all->queue[0].n, 0);
	ck_assert_uint_gt(all->queue[1].n, 0);
}

START_TEST(test_two_queues)
{
	static struct queues all;
	struct evtun *tun;
	int i;

	/* Debug mode is not for threads without locks. */
	kit_debug = KIT_TS_OF(_i);
	kit_netns();
	memset(&all, 0, sizeof(all));
	all.kind = KIT_KIND_OF(_i);
	tun = kit_tun_new(all.kind, "mq0", EVTUN_OPT_MULTIQUEUE);
	peer_add_addresses(tun, all.kind);
	queue_init(&all, 1, _i, evtun_new_queue(tun));
	queue_init(&all, 0, _i, tun);
	for (i = 0; i < N_FLOWS; i++)
		all.fd[i] = peer_socket(AF_INET, SOCK_DGRAM, 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&all.queue[i].thread, NULL,
		    run_queue, &all.queue[i]), 0);
	send_flows(&all);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(all.queue[i].thread, NULL), 0);
	check_flows(&all);
	for (i = 0; i < 2; i++) {
		packetevent_free(all.queue[i].pev);
		event_base_free(all.queue[i].base);
	}
	ck_assert_uint_eq(look_index("mq0"), 0);
	for (i = 0; i < N_FLOWS; i++)
		close(all.fd[i]);
}
END_TEST

int
main(void)
{
	kit_suite("pev_multiqueue");
	kit_case("queues", KIT_NEEDS_TUN);
	kit_setups(test_two_queues, KIT_DEVICES);
	return kit_run();
}
