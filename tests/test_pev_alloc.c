/*
 * Memory runs out, at every allocation in turn: a call fails with ENOMEM or
 * succeeds, every packet is either delivered or counted as dropped, and
 * nothing is left behind.
 */
#include "config.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"
#include "memory.h"

/* ---- two ends ---- */

#define MAX_PACKETS 128

/* What one end was given to write; it keeps nothing in memory of its own. */
struct side {
	struct packetevent *pev;
	unsigned offered;
	unsigned n_taken;
	unsigned taken[MAX_PACKETS];	/* their indices */
	unsigned n_read;	/* packets that came from the other one */
	unsigned next;		/* of what that has taken */
};

struct scene {
	int setup;
	enum kit_kind kind;
	struct event_base *base;
	struct evtun *tun;
	struct bufferevent *bev[2];
	evutil_socket_t fd[2];
	struct side side[2];
	int ended;		/* a stream may end when memory does */
};

static size_t
size_of(unsigned index)
{
	return 60 + index * 613 % 1400;
}

/* Each packet is the next, or one after it: those between were dropped. */
static void
read_side(struct side *side, struct side *other, enum kit_kind kind,
    const struct evbuffer_iovec *pkt)
{
	unsigned index;

	for (; side->next < other->n_taken; side->next++) {
		index = other->taken[side->next];
		if (pkt->iov_len == size_of(index) &&
		    kit_matches(kind, pkt->iov_base, index, size_of(index)))
			break;
	}
	kit_check(side->next < other->n_taken, "a packet that nobody wrote");
	side->next++;
	side->n_read++;
}

static void
readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n, void *ctx)
{
	struct scene *scene = ctx;
	int i, end = pev == scene->side[1].pev;

	for (i = 0; i < n; i++)
		read_side(&scene->side[end], &scene->side[!end], scene->kind,
		    &pkts[i]);
}

static void
eventcb(struct packetevent *pev, short what, void *ctx)
{
	struct scene *scene = ctx;

	(void)pev;
	kit_check(KIT_BIT(scene->kind) & KIT_STREAMS,
	    "event 0x%x: %s", what, evtun_get_error());
	scene->ended = 1;
}

/* What lies underneath is there before memory runs out. */
static void
make_ground(struct scene *scene)
{
	int i, options = BEV_OPT_CLOSE_ON_FREE |
	    (KIT_TS_OF(scene->setup) ? BEV_OPT_THREADSAFE : 0);

	scene->base = kit_base_new(scene->setup);
	scene->fd[0] = scene->fd[1] = -1;
	if (KIT_BIT(scene->kind) & KIT_SOCKETS) {
		kit_sockets(scene->kind, scene->fd);
	} else if (KIT_BIT(scene->kind) & KIT_DEVICES) {
		scene->tun = kit_tun_new(scene->kind, "kit%d", 0);
		scene->fd[1] = kit_packet_socket(evtun_get_name(scene->tun));
	} else if (scene->kind == KIT_STREAM_PAIR) {
		ck_assert_int_eq(bufferevent_pair_new(scene->base, options,
		    scene->bev), 0);
	} else if (scene->kind != KIT_PAIR) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM |
		    SOCK_NONBLOCK | SOCK_CLOEXEC, 0, scene->fd), 0);
		for (i = 0; i < 2; i++) {
			scene->bev[i] = bufferevent_socket_new(scene->base,
			    scene->fd[i], options);
			ck_assert_ptr_nonnull(scene->bev[i]);
			scene->fd[i] = -1;
		}
	}
}

static struct packetevent *
make_end(struct scene *scene, int i)
{
	int options = kit_options(scene->setup);

	if (scene->bev[i] != NULL)
		return packetevent_stream_new(scene->bev[i],
		    scene->kind == KIT_STREAM32 ? PEV_FRAMING_LEN32 :
		    PEV_FRAMING_LEN16, options);
	if (scene->fd[i] >= 0)
		return packetevent_fd_new(scene->base, scene->fd[i], options);
	return packetevent_tun_new(scene->base, scene->tun, options);
}

/* A call that returned -1, or a constructor that made nothing. */
static void
check_enomem(int err)
{
	kit_check(memory.failed > 0, "it failed with no failure before: %s",
	    evtun_get_error());
	kit_check(err == ENOMEM, "errno is %d: %s", err, evtun_get_error());
	kit_check(strstr(evtun_get_error(), strerror(ENOMEM)) != NULL,
	    "the text is: %s", evtun_get_error());
}

static int
make_pair(struct scene *scene)
{
	struct packetevent *untouched = (struct packetevent *)scene;
	struct packetevent *pair[2] = {untouched, untouched};

	if (packetevent_pair_new(scene->base, kit_options(scene->setup),
	    pair) < 0) {
		check_enomem(errno);
		kit_check(pair[0] == untouched && pair[1] == untouched,
		    "the pair was changed");
		return -1;
	}
	scene->side[0].pev = pair[0];
	scene->side[1].pev = pair[1];
	return 0;
}

static int
make_ends(struct scene *scene)
{
	int i;

	if (scene->kind == KIT_PAIR)
		return make_pair(scene);
	for (i = 0; i < 2; i++) {
		scene->side[i].pev = make_end(scene, i);
		if (scene->side[i].pev == NULL) {
			check_enomem(errno);
			return -1;
		}
		scene->fd[i] = -1;
		scene->bev[i] = NULL;
		scene->tun = NULL;
	}
	return 0;
}

/* What a constructor that failed has left to us: all of it, unharmed. */
static void
free_ground(struct scene *scene)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (scene->fd[i] >= 0)
			ck_assert_int_eq(close(scene->fd[i]), 0);
		if (scene->bev[i] != NULL)
			bufferevent_free(scene->bev[i]);
	}
	evtun_free(scene->tun);
}

/* ---- what they do ---- */

static void
took(struct side *side, unsigned index)
{
	kit_check(side->n_taken < MAX_PACKETS, "too many packets");
	side->taken[side->n_taken++] = index;
}

static void
offer(struct scene *scene, int end)
{
	static unsigned char data[2048];
	struct side *side = &scene->side[end];
	unsigned index = side->offered++;
	struct evbuffer_iovec vec[2];
	int result;

	kit_fill(scene->kind, data, index, size_of(index));
	vec[0].iov_base = data;
	vec[0].iov_len = 20;
	vec[1].iov_base = data + 20;
	vec[1].iov_len = size_of(index) - 20;
	if (index % 2)
		result = packetevent_write_iovec(side->pev, vec, 2);
	else
		result = packetevent_write(side->pev, data, size_of(index));
	if (result == 0)
		took(side, index);
	else if (!scene->ended)
		check_enomem(errno);
}

/* Those that are taken are some of them, in their order. */
static void
offer_batch(struct scene *scene, int end)
{
	static unsigned char data[3][2048];
	struct side *side = &scene->side[end];
	struct evbuffer_iovec pkts[3];
	int i, n;

	for (i = 0; i < 3; i++) {
		kit_fill(scene->kind, data[i], side->offered,
		    size_of(side->offered));
		pkts[i].iov_base = data[i];
		pkts[i].iov_len = size_of(side->offered);
		took(side, side->offered++);
	}
	n = packetevent_write_batch(side->pev, pkts, 3);
	if (n < 3 && !scene->ended)
		check_enomem(errno);
}

/* One that fails has changed nothing, and may be tried again. */
static void
change(struct scene *scene, int end, short events,
    int (*fn)(struct packetevent *, short))
{
	struct packetevent *pev = scene->side[end].pev;
	short before = packetevent_get_enabled(pev);

	if (fn(pev, events) == 0 || scene->ended)
		return;
	check_enomem(errno);
	kit_check(packetevent_get_enabled(pev) == before,
	    "it failed, and changed what is enabled");
}

static void
turn(struct scene *scene)
{
	int i;

	/* select() needs memory of its own. */
	for (i = 0; i < 6; i++)
		kit_check(event_base_loop(scene->base, EVLOOP_NONBLOCK) >= 0 ||
		    memory.failed > 0, "the loop failed");
}

static void
play(struct scene *scene)
{
	static const struct timeval never = {1000, 0};
	struct packetevent *pev;
	int i, j;

	for (i = 0; i < 2; i++) {
		pev = scene->side[i].pev;
		packetevent_setcb(pev, readcb, NULL, eventcb, scene);
		if (packetevent_set_timeouts(pev, &never, &never) < 0)
			check_enomem(errno);
		change(scene, i, EV_READ, packetevent_enable);
	}
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 3; j++)
			offer(scene, i);
		offer_batch(scene, i);
		turn(scene);
		change(scene, i, EV_WRITE, packetevent_disable);
		for (j = 0; j < 8; j++)
			offer(scene, i);
		offer_batch(scene, i);
		change(scene, !i, EV_READ, packetevent_disable);
		change(scene, i, EV_WRITE, packetevent_enable);
		if (packetevent_flush(scene->side[i].pev) < 0)
			kit_check(scene->ended, "flush failed");
		turn(scene);
		change(scene, !i, EV_READ, packetevent_enable);
		turn(scene);
	}
}

/* ---- and what became of it ---- */

static ev_uint64_t
count(struct side *side, enum packetevent_count which)
{
	return packetevent_get_count(side->pev, which);
}

static void
check_side(struct scene *scene, int end)
{
	struct side *side = &scene->side[end], *other = &scene->side[!end];
	ev_uint64_t written = count(side, PEV_COUNT_WRITTEN_PACKETS);

	kit_check(written + count(side, PEV_COUNT_WRITE_DROPPED) +
	    count(side, PEV_COUNT_QUEUED_PACKETS) == side->offered,
	    "the counters do not add up");
	kit_check(count(other, PEV_COUNT_READ_PACKETS) == other->n_read,
	    "packets were counted that were not read");
	if (scene->ended) {
		kit_check(other->n_read <= written, "more than were written");
		return;
	}
	kit_check(other->n_read == written, "end %d wrote %llu, %u came", end,
	    (unsigned long long)written, other->n_read);
	kit_check(count(side, PEV_COUNT_QUEUED_PACKETS) == 0,
	    "packets are still queued");
	/* Those that a call refused, or the queue lost. */
	kit_check(memory.failed > 0 || written == side->offered,
	    "packets were lost for nothing");
}

static int
is_settled(void *arg)
{
	struct scene *scene = arg;
	int i;

	for (i = 0; i < 2 && !scene->ended; i++)
		if (scene->side[!i].n_read <
		    count(&scene->side[i], PEV_COUNT_WRITTEN_PACKETS) ||
		    count(&scene->side[i], PEV_COUNT_QUEUED_PACKETS) > 0)
			return 0;
	return 1;
}

/* There is memory again: all goes on. */
static void
recover(struct scene *scene)
{
	unsigned before[2];
	int i;

	for (i = 0; i < 2; i++)
		change(scene, i, EV_READ | EV_WRITE, packetevent_enable);
	kit_until(scene->base, is_settled, scene, "what was written");
	for (i = 0; i < 2; i++) {
		before[i] = scene->side[i].n_taken;
		offer(scene, i);
		kit_check(scene->ended ||
		    scene->side[i].n_taken == before[i] + 1,
		    "refused: %s", evtun_get_error());
	}
	kit_until(scene->base, is_settled, scene, "one packet more");
	for (i = 0; i < 2; i++)
		check_side(scene, i);
}

/* Return the number of allocations that failed. */
static int
perform(int setup, int fail_at, int go_on)
{
	static struct scene scene;
	int i, made;

	memset(&scene, 0, sizeof(scene));
	scene.setup = setup;
	scene.kind = KIT_KIND_OF(setup);
	memory.watching = 1;
	memory.fail_at = 0;
	make_ground(&scene);
	memory.calls = memory.failed = 0;
	memory.go_on = go_on;
	memory.fail_at = fail_at;
	made = make_ends(&scene) == 0;
	if (made)
		play(&scene);
	memory.fail_at = 0;
	if (made)
		recover(&scene);
	for (i = 0; i < 2; i++)
		packetevent_free(scene.side[i].pev);
	free_ground(&scene);
	/* libevent 2.1 loses half a pair if a callback of it is due now. */
	if (scene.kind == KIT_STREAM_PAIR)
		turn(&scene);
	event_base_free(scene.base);
	memory.watching = 0;
	return memory.failed;
}

static void
run_out(int setup, int go_on)
{
	size_t live, bytes;
	int k, fds, failed;

	memory_watch_libevent();
	if (KIT_BIT(KIT_KIND_OF(setup)) & KIT_DEVICES)
		kit_netns();
	/* What libevent makes once, and keeps. */
	perform(setup, 0, 0);
	live = memory.n_live;
	bytes = memory.bytes;
	fds = kit_count_fds();
	k = 0;
	do {
		failed = perform(setup, ++k, go_on);
		kit_check(memory.n_live == live && memory.bytes == bytes,
		    "allocation %d: %zu more are left, %zu bytes more", k,
		    memory.n_live - live, memory.bytes - bytes);
		kit_check(kit_count_fds() == fds,
		    "allocation %d: a descriptor is left", k);
	} while (failed > 0);
	/* The object, its queue, its events, the batch: this many at least. */
	ck_assert_int_gt(k, 8);
}

START_TEST(test_one_fails)
{
	run_out(_i, 0);
}
END_TEST

START_TEST(test_all_fail_from_there_on)
{
	run_out(_i, 1);
}
END_TEST

int
main(void)
{
	kit_suite("pev_alloc");
	kit_case("runs_out", 0);
	kit_setups(test_one_fails, KIT_ALL);
	kit_setups(test_all_fail_from_there_on, KIT_ALL);
	return kit_run();
}
