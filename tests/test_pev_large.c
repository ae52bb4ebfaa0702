/*
 * Large frames as they are: read with their description, passed on between
 * devices, and written; and split on the way to what takes none.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"
#include "segments.h"

/* Before every packet, in one test. */
#define ROOM 8

/* Frames, whole: what was sent, or what has come. */
struct frames {
	struct segments_frame *frame[64];
	size_t n;
};

static void
frames_add(struct frames *frames, const struct segments_frame *frame)
{
	struct segments_frame *copy = malloc(sizeof(*copy));

	ck_assert_ptr_nonnull(copy);
	kit_check(frames->n < 64, "too many frames");
	memcpy(copy, frame, sizeof(*copy));
	frames->frame[frames->n++] = copy;
}

static void
frames_clear(struct frames *frames)
{
	while (frames->n > 0)
		free(frames->frame[--frames->n]);
}

/* A device that is read, and, for some tests, what is written to. */
struct stage {
	struct kit_rig *rig;
	struct packetevent *pev;
	evutil_socket_t fd;		/* the other side */
	int ethernet;
	struct frames sent, got;
	struct segments_list list;	/* the packets in what was sent */
	unsigned n;
	/* The second device. */
	struct packetevent *to;
	evutil_socket_t to_fd;
	int odd_alone;			/* pass on every other one */
};

static void
stage_begin(struct stage *s, int setup)
{
	memset(s, 0, sizeof(*s));
	s->rig = kit_rig_new(setup);
	s->pev = s->rig->pev[0];
	s->fd = segments_socket(s->rig->name);
	s->ethernet = s->rig->kind == KIT_TAP;
	s->to_fd = -1;
}

static void
stage_end(struct stage *s)
{
	frames_clear(&s->sent);
	frames_clear(&s->got);
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

static void
stage_add_device(struct stage *s, int options)
{
	struct evtun *tun = kit_tun_new(s->rig->kind, "two%d", options);

	s->to = packetevent_tun_new(s->rig->base, tun,
	    kit_options(s->rig->setup));
	ck_assert_msg(s->to != NULL, "%s", evtun_get_error());
	s->to_fd = segments_socket(evtun_get_name(tun));
}

/* ---- frames ---- */

/* Payload, and segment size: large, to be finished, and (0) complete. */
static const size_t sizes[][2] = {
	{ 3000, 1000 }, { 700, 1000 }, { 60000, 1400 }, { 500, 0 },
	{ 1001, 1000 }, { 90, 1 }, { 1, 0 }
};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define N_FRAMES (N_SIZES * SEGMENTS_N_SORTS)

static void
make_frame(struct stage *s, struct segments_frame *frame, unsigned i)
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
	form.payload = sizes[i % N_SIZES][0];
	form.gso_size = sizes[i % N_SIZES][1];
	segments_make(frame, &form);
	if (form.gso_size == 0)
		segments_complete(frame);
}

static void
send_frames(struct stage *s, unsigned n)
{
	static struct segments_frame frame;

	for (; n > 0; n--) {
		make_frame(s, &frame, s->n++);
		segments_send(s->fd, &frame);
		frames_add(&s->sent, &frame);
		segments_list_split(&s->list, &frame);
	}
}

/* Frames at the other side of the second device: those, and no more. */
static void
check_arrived(struct stage *s, const struct frames *wanted)
{
	static struct segments_frame frame;
	size_t i;

	for (i = 0; i < wanted->n; i++) {
		segments_await(s->to_fd, s->ethernet, &frame);
		segments_same(&frame, wanted->frame[i]);
	}
	ck_assert_int_eq(segments_receive(s->to_fd, s->ethernet, &frame), 0);
}

/* Packets at the other side of the second device: whatever they come in. */
static void
check_split(struct stage *s, const struct segments_list *wanted)
{
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

/* ---- reading ---- */

/* Keep every frame with its description. */
static void
keep_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	static struct segments_frame frame;
	struct stage *s = ctx;
	int i;

	for (i = 0; i < n_pkts; i++) {
		kit_ok(packetevent_get_offload(pev, i, &frame.offload));
		frame.ethernet = s->ethernet;
		frame.len = pkts[i].iov_len;
		memcpy(frame.data, pkts[i].iov_base, frame.len);
		frames_add(&s->got, &frame);
	}
	kit_fails(packetevent_get_offload(pev, -1, &frame.offload), EINVAL);
	kit_fails(packetevent_get_offload(pev, n_pkts, &frame.offload),
	    EINVAL);
	kit_fails(packetevent_set_large(pev, 0), EBUSY);
}

static int
has_all(void *arg)
{
	struct stage *s = arg;

	return s->got.n >= s->sent.n;
}

static void
check_kept(struct stage *s)
{
	size_t i;

	kit_until(s->rig->base, has_all, s, "all frames");
	kit_settle(s->rig->base);
	ck_assert_uint_eq(s->got.n, s->sent.n);
	for (i = 0; i < s->got.n; i++)
		segments_same(s->got.frame[i], s->sent.frame[i]);
	ck_assert_uint_eq(packetevent_get_count(s->pev,
	    PEV_COUNT_READ_PACKETS), s->sent.n);
}

START_TEST(test_read)
{
	struct evtun_offload offload;
	struct stage s;

	stage_begin(&s, _i);
	packetevent_setcb(s.pev, keep_cb, NULL, NULL, &s);
	kit_ok(packetevent_set_room(s.pev, _i % 5 * 8, 16));
	kit_ok(packetevent_set_large(s.pev, 1));
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_fails(packetevent_set_large(s.pev, 1), EBUSY);
	kit_fails(packetevent_get_offload(s.pev, 0, &offload), EINVAL);
	send_frames(&s, N_FRAMES);
	check_kept(&s);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}
END_TEST

/* Without having asked for it, there are ordinary packets alone. */
static void
zero_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	static const struct evtun_offload none;
	struct evtun_offload offload;
	int i;

	for (i = 0; i < n_pkts; i++) {
		memset(&offload, 0xff, sizeof(offload));
		kit_ok(packetevent_get_offload(pev, i, &offload));
		kit_check(memcmp(&offload, &none, sizeof(none)) == 0,
		    "packet %d has a description", i);
	}
	kit_fails(packetevent_get_offload(pev, n_pkts, &offload), EINVAL);
	kit_readcb(pev, pkts, n_pkts, ctx);
}

START_TEST(test_read_split)
{
	struct stage s;

	stage_begin(&s, _i);
	packetevent_setcb(s.pev, zero_cb, NULL, NULL, &s.rig->log[0]);
	kit_ok(packetevent_set_large(s.pev, 1));
	kit_ok(packetevent_set_large(s.pev, 0));
	kit_ok(packetevent_enable(s.pev, EV_READ));
	send_frames(&s, N_FRAMES);
	kit_until_packets(s.rig, 0, s.list.n);
	segments_list_compare(&s.list, &s.rig->log[0]);
	stage_end(&s);
}
END_TEST

/* ---- asked for while segments wait ---- */

static void
pause_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
}

static void
add_ordinary(struct frames *frames, const struct kit_packet *packet,
    int ethernet)
{
	static struct segments_frame frame;

	memset(&frame.offload, 0, sizeof(frame.offload));
	frame.ethernet = ethernet;
	frame.len = packet->len;
	memcpy(frame.data, packet->data, packet->len);
	frames_add(frames, &frame);
}

/* The rest of the frame comes as the packets that it has become. */
START_TEST(test_asked_late)
{
	struct stage s;
	size_t i, n;

	stage_begin(&s, _i);
	packetevent_setcb(s.pev, pause_cb, NULL, NULL, &s.rig->log[0]);
	kit_ok(packetevent_set_max_batch(s.pev, 1));
	send_frames(&s, 1);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_until_packets(s.rig, 0, 1);
	segments_list_check(&s.list, 0, s.rig->log[0].packets[0].data,
	    s.rig->log[0].packets[0].len);
	n = s.list.n;
	frames_clear(&s.sent);
	for (i = 1; i < n; i++)
		add_ordinary(&s.sent, &s.list.packets[i], s.ethernet);
	send_frames(&s, 8);
	kit_ok(packetevent_set_large(s.pev, 1));
	packetevent_setcb(s.pev, keep_cb, NULL, NULL, &s);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_until(s.rig->base, has_all, &s, "all frames");
	for (i = 0; i < s.got.n; i++)
		segments_same(s.got.frame[i], s.sent.frame[i]);
	stage_end(&s);
}
END_TEST

/* ---- handed through ---- */

static int
is_written(void *arg)
{
	struct stage *s = arg;

	return packetevent_get_count(s->to, PEV_COUNT_WRITTEN_PACKETS) +
	    packetevent_get_count(s->to, PEV_COUNT_WRITE_DROPPED) >=
	    s->sent.n;
}

START_TEST(test_forward)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setcb(s.pev, packetevent_forward, NULL, NULL, s.to);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	send_frames(&s, N_FRAMES);
	kit_until(s.rig->base, is_written, &s, "all frames");
	check_arrived(&s, &s.sent);
	ck_assert_uint_eq(packetevent_get_count(s.pev,
	    PEV_COUNT_READ_PACKETS), N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
	/* The other one is not read, and looked after without epoll. */
	if (KIT_BACKEND_OF(_i) == KIT_EPOLL)
		kit_check_idle(s.rig->base);
	stage_end(&s);
}
END_TEST

/* They wait whole, in order, while the other one is not enabled. */
START_TEST(test_forward_queued)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setwatermark(s.to, 0, 1 << 22);
	kit_ok(packetevent_disable(s.to, EV_WRITE));
	packetevent_setcb(s.pev, packetevent_forward, NULL, NULL, s.to);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	send_frames(&s, N_FRAMES);
	kit_settle(s.rig->base);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_QUEUED_PACKETS), N_FRAMES);
	kit_ok(packetevent_enable(s.to, EV_WRITE));
	ck_assert_int_eq(packetevent_flush(s.to), 0);
	check_arrived(&s, &s.sent);
	stage_end(&s);
}
END_TEST

/* What a device would take for a packet. */
static void
take_room(struct evbuffer_iovec *pkt)
{
	pkt->iov_base = (char *)pkt->iov_base - ROOM;
	pkt->iov_len += ROOM;
	memset(pkt->iov_base, 0x45, ROOM);
}

/* Frames 0, 4, ... are left out, and 2, 6, ... changed: one byte is cut off
 * or, if they are described, the room before them is taken in as well. */
static void
some_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct evtun_offload offload;
	struct stage *s = ctx;
	int i, n = 0;

	for (i = 0; i < n_pkts; i++, s->n++) {
		if (s->n % 4 == 0)
			continue;
		kit_ok(packetevent_get_offload(pev, i, &offload));
		pkts[n] = pkts[i];
		if (s->n % 8 == 2 && offload.flags != 0)
			take_room(&pkts[n]);
		else if (s->n % 4 == 2)
			pkts[n].iov_len--;
		n++;
	}
	packetevent_forward(pev, pkts, n, s->to);
}

/* An ordinary packet is written as it has become. */
START_TEST(test_forward_some)
{
	struct frames wanted = { { NULL }, 0 };
	struct segments_frame *f;
	struct stage s;
	size_t i, dropped = 0;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setcb(s.pev, some_cb, NULL, NULL, &s);
	kit_ok(packetevent_set_room(s.pev, ROOM, 0));
	kit_ok(packetevent_set_large(s.pev, 1));
	send_frames(&s, N_FRAMES);
	for (i = 0; i < N_FRAMES; i++) {
		f = s.sent.frame[i];
		if (i % 4 == 0)
			continue;
		if (i % 4 == 2 && f->offload.flags != 0) {
			dropped++;
			continue;
		}
		f->len -= i % 4 == 2;
		frames_add(&wanted, f);
	}
	s.n = 0;
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_settle(s.rig->base);
	check_arrived(&s, &wanted);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), dropped);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), wanted.n);
	frames_clear(&wanted);
	stage_end(&s);
}
END_TEST

/* The last one first, and the first one twice. */
static void
reverse_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct evbuffer_iovec reversed[65];
	struct stage *s = ctx;
	size_t first = s->got.n;
	int i;

	for (i = 0; i < n_pkts; i++)
		reversed[i] = pkts[n_pkts - 1 - i];
	reversed[n_pkts] = pkts[0];
	packetevent_forward(pev, reversed, n_pkts + 1, s->to);
	for (i = n_pkts - 1; i >= 0; i--)
		frames_add(&s->got, s->sent.frame[s->n + (unsigned)i]);
	frames_add(&s->got, s->got.frame[first + (size_t)n_pkts - 1]);
	s->n += (unsigned)n_pkts;
}

START_TEST(test_forward_reversed)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setcb(s.pev, reverse_cb, NULL, NULL, &s);
	kit_ok(packetevent_set_large(s.pev, 1));
	send_frames(&s, N_FRAMES);
	s.n = 0;
	kit_ok(packetevent_enable(s.pev, EV_READ));
	kit_settle(s.rig->base);
	ck_assert_uint_eq(s.n, N_FRAMES);
	check_arrived(&s, &s.got);
	stage_end(&s);
}
END_TEST

/* ---- to what takes none ---- */

static int large_mode;

/* By itself, and as a part of a callback that has asked for large ones. */
static void
part_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	packetevent_forward(pev, pkts, n_pkts, ctx);
}

static void
start_forward(struct stage *s, struct packetevent *to)
{
	if (large_mode)
		kit_ok(packetevent_set_large(s->pev, 1));
	packetevent_setwatermark(to, 0, 1 << 22);
	packetevent_setcb(s->pev, large_mode ? part_cb : packetevent_forward,
	    NULL, NULL, to);
	kit_ok(packetevent_enable(s->pev, EV_READ));
}

static void
forward_to_plain(int setup, int large)
{
	struct stage s;

	large_mode = large;
	stage_begin(&s, setup);
	stage_add_device(&s, 0);
	start_forward(&s, s.to);
	send_frames(&s, N_FRAMES);
	kit_settle(s.rig->base);
	check_split(&s, &s.list);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), s.list.n);
	stage_end(&s);
}

START_TEST(test_forward_to_plain)
{
	forward_to_plain(_i, 0);
}
END_TEST

START_TEST(test_forward_large_to_plain)
{
	forward_to_plain(_i, 1);
}
END_TEST

/* Both ends of something else, in the base of the device. */
static void
make_ends(struct stage *s, enum kit_kind kind, struct packetevent *end[2])
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

static void
forward_to(int setup, enum kit_kind kind, int large)
{
	struct packetevent *end[2];
	struct kit_log *log;
	struct stage s;

	large_mode = large;
	stage_begin(&s, setup);
	log = &s.rig->log[1];
	make_ends(&s, kind, end);
	packetevent_setcb(end[1], kit_readcb, NULL, NULL, log);
	kit_ok(packetevent_enable(end[1], EV_READ));
	start_forward(&s, end[0]);
	send_frames(&s, 12);
	kit_until_packets(s.rig, 1, s.list.n);
	segments_list_compare(&s.list, log);
	ck_assert_uint_eq(packetevent_get_count(end[0],
	    PEV_COUNT_WRITTEN_PACKETS), s.list.n);
	packetevent_free(s.rig->pev[0]);
	s.rig->pev[0] = NULL;
	packetevent_free(end[0]);
	packetevent_free(end[1]);
	kit_settle(s.rig->base);
	stage_end(&s);
}

START_TEST(test_forward_to_datagram)
{
	forward_to(_i, KIT_SEQPACKET, 0);
	forward_to(_i, KIT_SEQPACKET, 1);
}
END_TEST

START_TEST(test_forward_to_pair)
{
	forward_to(_i, KIT_PAIR, 0);
	forward_to(_i, KIT_PAIR, 1);
}
END_TEST

START_TEST(test_forward_to_stream)
{
	forward_to(_i, KIT_STREAM16, 0);
	forward_to(_i, KIT_STREAM16, 1);
}
END_TEST

/* ---- writing ---- */

static int
write_frame(struct packetevent *pev, const struct segments_frame *frame)
{
	return packetevent_write_large(pev, frame->data, frame->len,
	    &frame->offload);
}

static void
make_frames(struct stage *s, unsigned n)
{
	static struct segments_frame frame;

	for (; n > 0; n--) {
		make_frame(s, &frame, s->n++);
		frames_add(&s->sent, &frame);
		segments_list_split(&s->list, &frame);
	}
}

START_TEST(test_write)
{
	struct stage s;
	size_t i;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	make_frames(&s, N_FRAMES);
	for (i = 0; i < s.sent.n; i++)
		kit_ok(write_frame(s.to, s.sent.frame[i]));
	check_arrived(&s, &s.sent);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
	stage_end(&s);
}
END_TEST

/* The packets in it are written, and it counts as one. */
START_TEST(test_write_to_plain)
{
	struct stage s;
	size_t i;

	stage_begin(&s, _i);
	stage_add_device(&s, 0);
	make_frames(&s, N_FRAMES);
	for (i = 0; i < s.sent.n; i++)
		kit_ok(write_frame(s.to, s.sent.frame[i]));
	check_split(&s, &s.list);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITTEN_PACKETS), N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), 0);
	stage_end(&s);
}
END_TEST

/* Queued with ordinary packets in between, they leave in order, and whole. */
START_TEST(test_write_queued)
{
	struct segments_frame *f;
	struct stage s;
	size_t i, bytes = 0;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setwatermark(s.to, 0, 1 << 22);
	make_frames(&s, N_FRAMES);
	kit_ok(packetevent_disable(s.to, EV_WRITE));
	for (i = 0; i < s.sent.n; i++) {
		f = s.sent.frame[i];
		if (f->offload.flags)
			kit_ok(write_frame(s.to, f));
		else
			kit_ok(packetevent_write(s.to, f->data, f->len));
		bytes += f->len;
	}
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_QUEUED_PACKETS), N_FRAMES);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_QUEUED_BYTES), bytes);
	kit_ok(packetevent_enable(s.to, EV_WRITE));
	if (_i % 2)
		ck_assert_int_eq(packetevent_flush(s.to), 0);
	else
		kit_until(s.rig->base, is_written, &s, "all frames");
	check_arrived(&s, &s.sent);
	stage_end(&s);
}
END_TEST

START_TEST(test_write_full)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	packetevent_setwatermark(s.to, 0, 3000);
	make_frames(&s, 3);
	kit_ok(packetevent_disable(s.to, EV_WRITE));
	kit_ok(write_frame(s.to, s.sent.frame[0]));
	kit_fails(write_frame(s.to, s.sent.frame[1]), ENOBUFS);
	kit_fails(write_frame(s.to, s.sent.frame[2]), ENOBUFS);
	ck_assert_uint_eq(packetevent_get_count(s.to, PEV_COUNT_WRITE_FULL),
	    2);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), 2);
	kit_ok(packetevent_enable(s.to, EV_WRITE));
	ck_assert_int_eq(packetevent_flush(s.to), 0);
	free(s.sent.frame[--s.sent.n]);
	free(s.sent.frame[--s.sent.n]);
	check_arrived(&s, &s.sent);
	stage_end(&s);
}
END_TEST

/* What is wrong with a description. */
static void
spoil(struct evtun_offload *o, unsigned how)
{
	switch (how) {
	case 0:
		o->gso_type = EVTUN_OFFLOAD_TCP6;
		break;
	case 1:
		o->gso_type = 2;
		break;
	case 2:
		o->gso_size = 0;
		break;
	case 3:
		o->csum_start++;
		break;
	case 4:
		o->csum_offset = 6;
		break;
	case 5:
		o->csum_start = 65535;
		break;
	case 6:
		o->gso_type = EVTUN_OFFLOAD_UDP;
		break;
	default:
		o->gso_type = EVTUN_OFFLOAD_TCP4 | EVTUN_OFFLOAD_TUNNEL4;
		break;
	}
}
#define N_SPOILED 8

static void
check_refused(struct stage *s)
{
	static struct segments_frame frame;
	struct evtun_offload good;
	unsigned i, counted;

	counted = (unsigned)packetevent_get_count(s->to,
	    PEV_COUNT_WRITE_DROPPED);
	make_frame(s, &frame, 0);
	good = frame.offload;
	for (i = 0; i < N_SPOILED; i++) {
		frame.offload = good;
		spoil(&frame.offload, i);
		kit_check(write_frame(s->to, &frame) == -1 &&
		    errno == EINVAL, "description %u: errno %d", i, errno);
	}
	ck_assert_uint_eq(packetevent_get_count(s->to,
	    PEV_COUNT_WRITE_DROPPED), counted + N_SPOILED);
	ck_assert_int_eq(segments_receive(s->to_fd, s->ethernet, &frame), 0);
	ck_assert_uint_eq(packetevent_get_count(s->to,
	    PEV_COUNT_WRITE_UNJOINED), 0);
}

START_TEST(test_write_malformed)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD);
	check_refused(&s);
	/* It has switched nothing off. */
	make_frames(&s, N_FRAMES);
	kit_ok(write_frame(s.to, s.sent.frame[0]));
	while (s.sent.n > 1)
		free(s.sent.frame[--s.sent.n]);
	check_arrived(&s, &s.sent);
	stage_end(&s);
}
END_TEST

START_TEST(test_write_malformed_to_plain)
{
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, 0);
	check_refused(&s);
	stage_end(&s);
}
END_TEST

/* Where packet information stands before packets, there is no place for a
 * description: nothing is written. */
START_TEST(test_write_to_packet_information)
{
	static struct segments_frame frame;
	struct stage s;

	stage_begin(&s, _i);
	stage_add_device(&s, EVTUN_OPT_OFFLOAD | EVTUN_OPT_PACKET_INFO);
	make_frame(&s, &frame, 0);
	kit_fails(write_frame(s.to, &frame), ENOTSUP);
	ck_assert_uint_eq(packetevent_get_count(s.to,
	    PEV_COUNT_WRITE_DROPPED), 1);
	ck_assert_int_eq(segments_receive(s.to_fd, s.ethernet, &frame), 0);
	stage_end(&s);
}
END_TEST

START_TEST(test_write_elsewhere)
{
	static const enum kit_kind kinds[] = { KIT_PAIR, KIT_DGRAM,
		KIT_STREAM16 };
	static struct segments_frame frame;
	struct packetevent *end[2];
	struct stage s;
	int i;

	stage_begin(&s, _i);
	make_frame(&s, &frame, 0);
	for (i = 0; i < 3; i++) {
		make_ends(&s, kinds[i], end);
		kit_fails(write_frame(end[0], &frame), ENOTSUP);
		ck_assert_uint_eq(packetevent_get_count(end[0],
		    PEV_COUNT_WRITE_DROPPED), 1);
		packetevent_free(end[0]);
		packetevent_free(end[1]);
		kit_settle(s.rig->base);
	}
	stage_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_large");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("read", 0);
	kit_setups(test_read, KIT_DEVICES);
	kit_setups(test_read_split, KIT_DEVICES);
	kit_setups(test_asked_late, KIT_DEVICES);
	kit_case("forward", 0);
	kit_setups(test_forward, KIT_DEVICES);
	kit_setups(test_forward_queued, KIT_DEVICES);
	kit_setups(test_forward_some, KIT_DEVICES);
	kit_setups(test_forward_reversed, KIT_DEVICES);
	kit_setups(test_forward_to_plain, KIT_DEVICES);
	kit_setups(test_forward_large_to_plain, KIT_DEVICES);
	kit_setups(test_forward_to_datagram, KIT_DEVICES);
	kit_setups(test_forward_to_pair, KIT_DEVICES);
	kit_setups(test_forward_to_stream, KIT_DEVICES);
	kit_case("write", 0);
	kit_setups(test_write, KIT_DEVICES);
	kit_setups(test_write_to_plain, KIT_DEVICES);
	kit_setups(test_write_queued, KIT_DEVICES);
	kit_setups(test_write_full, KIT_DEVICES);
	kit_setups(test_write_malformed, KIT_DEVICES);
	kit_setups(test_write_malformed_to_plain, KIT_DEVICES);
	kit_setups(test_write_to_packet_information, KIT_DEVICES);
	kit_setups(test_write_elsewhere, KIT_DEVICES);
	return kit_run();
}
