/*
 * Everything may be freed, disabled and replaced in every callback: one's own
 * packetevent, the other end, or both.
 */
#include "config.h"

#include <sys/socket.h>

#include <string.h>

#include "kit.h"

enum action {
	FREE_SELF,
	FREE_OTHER,
	FREE_BOTH,
	DISABLE_SELF,
	DISABLE_OTHER,
	NO_CALLBACKS,
	OTHER_CALLBACKS,
	ENABLE_AGAIN,
	N_ACTIONS
};

/* What the callbacks of both ends see. */
struct scene {
	struct kit_rig *rig;
	enum action action;
	int acted;		/* in this end's callback: 1 + end */
	int after[2];		/* callbacks of an end since then */
	int replaced;		/* callbacks that took over */
};

static int
find_end(struct scene *scene, struct packetevent *pev)
{
	if (pev == scene->rig->pev[0])
		return 0;
	kit_check(pev == scene->rig->pev[1], "called back after being freed");
	return 1;
}

static void
free_end(struct scene *scene, int end)
{
	packetevent_free(scene->rig->pev[end]);
	scene->rig->pev[end] = NULL;
}

static void
new_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	(void)pkts;
	(void)n;
	find_end(ctx, pev);
	((struct scene *)ctx)->replaced++;
}

static void
new_writecb(struct packetevent *pev, void *ctx)
{
	find_end(ctx, pev);
	((struct scene *)ctx)->replaced++;
}

static void
new_eventcb(struct packetevent *pev, short what, void *ctx)
{
	(void)what;
	find_end(ctx, pev);
	((struct scene *)ctx)->replaced++;
}

static void
act(struct scene *scene, int end)
{
	struct packetevent *self = scene->rig->pev[end];
	struct packetevent *other = scene->rig->pev[!end];
	short both = EV_READ | EV_WRITE;

	switch (scene->action) {
	case FREE_SELF:
		free_end(scene, end);
		break;
	case FREE_OTHER:
		free_end(scene, !end);
		break;
	case FREE_BOTH:
		free_end(scene, !end);
		free_end(scene, end);
		break;
	case DISABLE_SELF:
		kit_ok(packetevent_disable(self, both));
		break;
	case DISABLE_OTHER:
		kit_ok(packetevent_disable(other, both));
		break;
	case NO_CALLBACKS:
		packetevent_setcb(self, NULL, NULL, NULL, NULL);
		break;
	case OTHER_CALLBACKS:
		packetevent_setcb(self, new_readcb, new_writecb, new_eventcb,
		    scene);
		break;
	case ENABLE_AGAIN:
		kit_ok(packetevent_disable(self, both));
		kit_ok(packetevent_enable(self, both));
		break;
	case N_ACTIONS:
		break;
	}
}

static void
called_back(struct scene *scene, int end)
{
	if (scene->acted != 0) {
		scene->after[end]++;
		return;
	}
	scene->acted = end + 1;
	act(scene, end);
}

/* The packets are there until the callback returns, whatever was freed. */
static void
scene_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	static unsigned char copy[200 * 1024];
	struct scene *scene = ctx;
	size_t used = 0;
	int i, end = find_end(scene, pev);

	for (i = 0; i < n; i++) {
		memcpy(copy + used, pkts[i].iov_base, pkts[i].iov_len);
		used += pkts[i].iov_len;
	}
	called_back(scene, end);
	for (used = 0, i = 0; i < n; i++) {
		kit_check(memcmp(copy + used, pkts[i].iov_base,
		    pkts[i].iov_len) == 0, "the packets have changed");
		/* And they are still ours to change. */
		memset(pkts[i].iov_base, 0xee, pkts[i].iov_len);
		used += pkts[i].iov_len;
	}
}

static void
scene_writecb(struct packetevent *pev, void *ctx)
{
	struct scene *scene = ctx;

	called_back(scene, find_end(scene, pev));
}

static void
scene_eventcb(struct packetevent *pev, short what, void *ctx)
{
	struct scene *scene = ctx;

	(void)what;
	called_back(scene, find_end(scene, pev));
}

static int
has_acted(void *arg)
{
	return ((struct scene *)arg)->acted != 0;
}

/* What may still come once an action has been taken. */
static void
check_aftermath(struct scene *scene)
{
	int end = scene->acted - 1;

	switch (scene->action) {
	case DISABLE_SELF:
	case NO_CALLBACKS:
		ck_assert_int_eq(scene->after[end], 0);
		break;
	case OTHER_CALLBACKS:
		ck_assert_int_eq(scene->after[end], 0);
		ck_assert_int_gt(scene->replaced, 0);
		break;
	default:
		/* find_end() fails in a callback of one that was freed. */
		break;
	}
}

static void
finish(struct scene *scene)
{
	kit_until(scene->rig->base, has_acted, scene, "the callback");
	kit_settle(scene->rig->base);
	check_aftermath(scene);
	kit_rig_free(scene->rig);
}

/* Freed in the callback, and then the base without a turn of the loop. */
static int
frees(int action)
{
	return action <= FREE_BOTH;
}

static void
finish_at_once(struct scene *scene)
{
	kit_until(scene->rig->base, has_acted, scene, "the callback");
	kit_rig_free(scene->rig);
}

static void
start(struct scene *scene, int setup, enum action action)
{
	memset(scene, 0, sizeof(*scene));
	scene->rig = kit_rig_new(setup);
	scene->action = action;
}

/* Packets come by ones, so that more of them wait behind the first. */
static void
start_reading(struct scene *scene, int setup, enum action action)
{
	struct kit_rig *rig;
	unsigned i;

	start(scene, setup, action);
	rig = scene->rig;
	packetevent_setcb(rig->pev[0], scene_readcb, NULL, NULL, scene);
	kit_ok(packetevent_set_max_batch(rig->pev[0], 1));
	for (i = 0; i < 8; i++)
		kit_ok(kit_write(rig, 1, i, 1000));
	kit_enable(rig, 0, EV_READ);
}

START_TEST(test_in_the_read_callback)
{
	struct scene scene;
	int action;

	for (action = 0; action < N_ACTIONS; action++) {
		start_reading(&scene, _i, (enum action)action);
		finish(&scene);
		if (!frees(action))
			continue;
		start_reading(&scene, _i, (enum action)action);
		finish_at_once(&scene);
	}
}
END_TEST

/* Packets wait at both ends, and both write callbacks come due. */
static void
start_writing(struct scene *scene, int setup, enum action action)
{
	struct kit_rig *rig;
	int end;

	start(scene, setup, action);
	rig = scene->rig;
	for (end = 0; end < 2; end++) {
		packetevent_setcb(rig->pev[end], NULL, scene_writecb, NULL,
		    scene);
		packetevent_setwatermark(rig->pev[end], 500, 100000);
		kit_ok(packetevent_set_max_batch(rig->pev[end], 1));
		kit_ok(packetevent_disable(rig->pev[end], EV_WRITE));
		kit_ok(kit_write(rig, end, 0, 300));
		kit_ok(kit_write(rig, end, 1, 300));
	}
	for (end = 0; end < 2; end++)
		kit_enable(rig, end, EV_READ | EV_WRITE);
}

/* No second write callback need come: what takes over is not waited for. */
static void
finish_writing(struct scene *scene)
{
	scene->replaced++;
	finish(scene);
}

START_TEST(test_in_the_write_callback)
{
	struct scene scene;
	int action;

	for (action = 0; action < N_ACTIONS; action++) {
		start_writing(&scene, _i, (enum action)action);
		finish_writing(&scene);
		if (!frees(action))
			continue;
		start_writing(&scene, _i, (enum action)action);
		finish_at_once(&scene);
	}
}
END_TEST

/* Both ends time out at the same time. */
static void
start_timeouts(struct scene *scene, int setup, enum action action)
{
	static const struct timeval tv = {0, 1000};
	struct kit_rig *rig;
	int end;

	start(scene, setup, action);
	rig = scene->rig;
	for (end = 0; end < 2; end++) {
		packetevent_setcb(rig->pev[end], NULL, NULL, scene_eventcb,
		    scene);
		kit_ok(packetevent_set_timeouts(rig->pev[end], &tv, &tv));
		kit_enable(rig, end, EV_READ);
	}
}

START_TEST(test_in_the_event_callback)
{
	struct scene scene;
	int action;

	for (action = 0; action < N_ACTIONS; action++) {
		start_timeouts(&scene, _i, (enum action)action);
		finish_writing(&scene);
		if (!frees(action))
			continue;
		start_timeouts(&scene, _i, (enum action)action);
		finish_at_once(&scene);
	}
}
END_TEST

/* In the event callback at the end of file, the other end being gone. */
START_TEST(test_at_the_end_of_file)
{
	struct scene scene;
	int action;

	for (action = 0; action < N_ACTIONS; action++) {
		if (action == FREE_OTHER || action == FREE_BOTH ||
		    action == DISABLE_OTHER || action == ENABLE_AGAIN)
			continue;
		start(&scene, _i, (enum action)action);
		packetevent_setcb(scene.rig->pev[0], NULL, NULL,
		    scene_eventcb, &scene);
		kit_enable(scene.rig, 0, EV_READ);
		free_end(&scene, 1);
		finish_writing(&scene);
	}
}
END_TEST

/* Everything happens to a packetevent in one turn: packets, a drained queue
 * and a timeout. */
START_TEST(test_everything_at_once)
{
	struct scene scene;
	int action, end;

	for (action = 0; action < N_ACTIONS; action++) {
		start_writing(&scene, _i, (enum action)action);
		for (end = 0; end < 2; end++)
			packetevent_setcb(scene.rig->pev[end], scene_readcb,
			    scene_writecb, scene_eventcb, &scene);
		finish_writing(&scene);
	}
}
END_TEST

/* ---- outside of callbacks ---- */

START_TEST(test_never_used)
{
	kit_rig_free(kit_rig_new(_i));
}
END_TEST

START_TEST(test_null)
{
	packetevent_free(NULL);
}
END_TEST

START_TEST(test_with_everything_pending)
{
	static const struct timeval tv = {100, 0};
	struct kit_rig *rig;
	int end, turns;

	for (turns = 0; turns < 4; turns++) {
		rig = kit_rig_new(_i);
		for (end = 0; end < 2; end++) {
			kit_ok(packetevent_set_timeouts(rig->pev[end], &tv,
			    &tv));
			kit_ok(packetevent_set_max_batch(rig->pev[end], 1));
			kit_ok(kit_write(rig, end, 0, 100));
			kit_ok(packetevent_disable(rig->pev[end], EV_WRITE));
			kit_ok(kit_write(rig, end, 1, 100));
			kit_ok(kit_write(rig, end, 2, 100));
			kit_enable(rig, end, EV_READ | EV_WRITE);
		}
		for (end = 0; end < turns; end++)
			event_base_loop(rig->base, EVLOOP_NONBLOCK);
		kit_rig_free(rig);
	}
}
END_TEST

/* Without PEV_OPT_CLOSE_ON_FREE a descriptor, device or stream stays. */
START_TEST(test_what_lies_underneath_stays)
{
	struct event_base *base;
	struct packetevent *pev;
	evutil_socket_t fd[2];
	int i, options = kit_options(_i) & ~PEV_OPT_CLOSE_ON_FREE;
	unsigned char data[20];

	base = kit_base_new(_i);
	kit_sockets(KIT_KIND_OF(_i), fd);
	for (i = 0; i < 3; i++) {
		pev = packetevent_fd_new(base, fd[0], options);
		ck_assert_ptr_nonnull(pev);
		kit_ok(packetevent_enable(pev, EV_READ));
		packetevent_free(pev);
		event_base_loop(base, EVLOOP_NONBLOCK);
		kit_fill(KIT_KIND_OF(_i), data, 0, sizeof(data));
		ck_assert_int_eq((int)send(fd[0], data, sizeof(data), 0),
		    (int)sizeof(data));
		ck_assert_int_eq((int)recv(fd[1], data, sizeof(data), 0),
		    (int)sizeof(data));
	}
	evutil_closesocket(fd[0]);
	evutil_closesocket(fd[1]);
	event_base_free(base);
}
END_TEST

START_TEST(test_the_device_stays)
{
	struct event_base *base;
	struct packetevent *pev;
	struct evtun *tun;
	int i, options = kit_options(_i) & ~PEV_OPT_CLOSE_ON_FREE;

	kit_netns();
	base = kit_base_new(_i);
	tun = kit_tun_new(KIT_KIND_OF(_i), "kit%d", 0);
	for (i = 0; i < 3; i++) {
		pev = packetevent_tun_new(base, tun, options);
		ck_assert_ptr_nonnull(pev);
		kit_ok(packetevent_enable(pev, EV_READ));
		packetevent_free(pev);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_int_eq(evtun_get_up(tun), 1);
	}
	evtun_free(tun);
	event_base_free(base);
}
END_TEST

int
main(void)
{
	kit_suite("pev_free");
	kit_case("in_callbacks", 0);
	kit_setups(test_in_the_read_callback, KIT_ALL);
	kit_setups(test_in_the_write_callback, KIT_ALL);
	kit_setups(test_in_the_event_callback, KIT_ALL);
	kit_setups(test_at_the_end_of_file,
	    KIT_MEMORY | KIT_BIT(KIT_SEQPACKET));
	kit_setups(test_everything_at_once, KIT_ALL);
	kit_case("outside", 0);
	kit_setups(test_never_used, KIT_ALL);
	kit_test(test_null);
	kit_setups(test_with_everything_pending, KIT_ALL);
	kit_setups(test_what_lies_underneath_stays, KIT_SOCKETS);
	kit_setups(test_the_device_stays, KIT_DEVICES);
	return kit_run();
}
