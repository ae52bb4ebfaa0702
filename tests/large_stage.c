#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"
#include "large_stage.h"
#include "segments.h"

/* ---- frames ---- */

void
large_frames_add(struct large_frames *frames,
    const struct segments_frame *frame)
{
	struct segments_frame *copy = malloc(sizeof(*copy));

	ck_assert_ptr_nonnull(copy);
	kit_check(frames->n < LARGE_MAX_FRAMES, "too many frames");
	memcpy(copy, frame, sizeof(*copy));
	frames->frame[frames->n++] = copy;
}

void
large_frames_cut(struct large_frames *frames, size_t n)
{
	while (frames->n > n)
		free(frames->frame[--frames->n]);
}

/* ---- devices ---- */

void
large_begin(struct large_stage *s, int setup)
{
	memset(s, 0, sizeof(*s));
	s->rig = kit_rig_new(setup);
	s->pev = s->rig->pev[0];
	s->fd = segments_socket(s->rig->name);
	s->ethernet = s->rig->kind == KIT_TAP;
	s->to_fd = -1;
}

void
large_end(struct large_stage *s)
{
	large_frames_cut(&s->sent, 0);
	large_frames_cut(&s->got, 0);
	segments_list_clear(&s->list);
	close(s->fd);
	packetevent_free(s->rig->pev[0]);
	s->rig->pev[0] = NULL;
	packetevent_free(s->to);
	if (s->to_fd >= 0)
		close(s->to_fd);
	if (s->rig->threadsafe)
		event_base_loop(s->rig->base, EVLOOP_NONBLOCK);
	kit_rig_free(s->rig);
}

void
large_add_device(struct large_stage *s, int options)
{
	struct evtun *tun = kit_tun_new(s->rig->kind, "two%d", options);

	s->to = packetevent_tun_new(s->rig->base, tun,
	    kit_options(s->rig->setup));
	ck_assert_msg(s->to != NULL, "%s", evtun_get_error());
	s->to_fd = segments_socket(evtun_get_name(tun));
}

void
large_make_ends(struct large_stage *s, enum kit_kind kind,
    struct packetevent *end[2])
{
	int i, options = kit_options(s->rig->setup);
	int bev_options = BEV_OPT_CLOSE_ON_FREE |
	    (s->rig->threadsafe ? BEV_OPT_THREADSAFE : 0);
	struct bufferevent *bev[2];
	evutil_socket_t fd[2];

	if (kind == KIT_PAIR) {
		kit_ok(packetevent_pair_new(s->rig->base, options, end));
		return;
	}
	if (kind == KIT_STREAM16)
		ck_assert_int_eq(bufferevent_pair_new(s->rig->base,
		    bev_options, bev), 0);
	else
		kit_sockets(kind, fd);
	for (i = 0; i < 2; i++) {
		end[i] = kind == KIT_STREAM16 ?
		    packetevent_stream_new(bev[i], PEV_FRAMING_LEN16,
		    options) : packetevent_fd_new(s->rig->base, fd[i],
		    options);
		ck_assert_ptr_nonnull(end[i]);
	}
}

/* ---- what is sent, and has to arrive ---- */

/* Payload, and segment size: large, to be finished, and (0) complete. */
static const size_t sizes[][2] = {
	{ 3000, 1000 }, { 700, 1000 }, { 60000, 1400 }, { 500, 0 },
	{ 1001, 1000 }, { 90, 1 }, { 1, 0 }
};
_Static_assert(sizeof(sizes) / sizeof(sizes[0]) == LARGE_N_SIZES,
    "as many as the header says");

void
large_make_frame(struct large_stage *s, struct segments_frame *frame,
    unsigned i)
{
	struct segments_form form;

	memset(&form, 0, sizeof(form));
	form.sort = (enum segments_sort)(i % SEGMENTS_N_SORTS);
	form.ethernet = s->ethernet;
	form.tags = s->ethernet && i % 3 == 1;
	form.flow = i;
	form.id = 65530 + i;
	form.seq = 0xffffff00u + i * 1001;
	form.flags = i % 2 ? 0x19 : 0x90;
	form.payload = sizes[i % LARGE_N_SIZES][0];
	form.gso_size = sizes[i % LARGE_N_SIZES][1];
	segments_make(frame, &form);
	if (form.gso_size == 0)
		segments_complete(frame);
}

void
large_make(struct large_stage *s, unsigned n)
{
	static struct segments_frame frame;

	for (; n > 0; n--) {
		large_make_frame(s, &frame, s->n++);
		large_frames_add(&s->sent, &frame);
		segments_list_split(&s->list, &frame);
	}
}

void
large_send(struct large_stage *s, unsigned n)
{
	size_t i = s->sent.n;

	large_make(s, n);
	for (; i < s->sent.n; i++)
		segments_send(s->fd, s->sent.frame[i]);
}

int
large_is_written(void *arg)
{
	struct large_stage *s = arg;

	return packetevent_get_count(s->to, PEV_COUNT_WRITTEN_PACKETS) +
	    packetevent_get_count(s->to, PEV_COUNT_WRITE_DROPPED) >=
	    s->sent.n;
}

void
large_check_arrived(struct large_stage *s,
    const struct large_frames *wanted)
{
	static struct segments_frame frame;
	size_t i;

	for (i = 0; i < wanted->n; i++) {
		segments_await(s->to_fd, s->ethernet, &frame);
		segments_same(&frame, wanted->frame[i]);
	}
	ck_assert_int_eq(segments_receive(s->to_fd, s->ethernet, &frame), 0);
}

void
large_check_split(struct large_stage *s)
{
	const struct segments_list *wanted = &s->list;
	static struct segments_frame frame;
	size_t i;

	for (i = 0; i < wanted->n; i++) {
		segments_await(s->to_fd, s->ethernet, &frame);
		ck_assert_int_eq(frame.offload.gso_type, 0);
		ck_assert_int_eq(frame.offload.flags &
		    EVTUN_OFFLOAD_NEEDS_CSUM, 0);
		segments_list_check(wanted, i, frame.data, frame.len);
	}
	ck_assert_int_eq(segments_receive(s->to_fd, s->ethernet, &frame), 0);
}
