/*
 * Devices with EVTUN_OPT_OFFLOAD: what the kernel has joined, or not
 * finished, is read as ordinary packets, byte for byte and in order, and what
 * a batch does not hold waits.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deletion.h"
#include "device_rig.h"
#include "kit.h"
#include "segments.h"
#include "tun_look.h"

/* A device that is read, and what is sent into it. */
struct stage {
	struct kit_rig *rig;
	struct kit_log *log;		/* what has come */
	evutil_socket_t fd;		/* the other side */
	struct segments_list list;	/* what is to come */
	unsigned sent;			/* frames */
	size_t head, tail, got;
	int batch;			/* the most packets of the next */
	size_t at_event;		/* packets that came before it */
	int n_others;			/* callbacks of another event */
};

static void
stage_over(struct stage *s, struct kit_rig *rig)
{
	memset(s, 0, sizeof(*s));
	s->rig = rig;
	s->log = &rig->log[0];
	s->fd = segments_socket(rig->name);
}

static void
stage_begin(struct stage *s, int setup)
{
	stage_over(s, deletion_rig(setup));
}

static void
stage_end(struct stage *s)
{
	segments_list_clear(&s->list);
	close(s->fd);
	kit_rig_free(s->rig);
}

/* A device without PEV_OPT_CLOSE_ON_FREE: s->rig->tun is to be freed. */
static struct packetevent *
stage_reader(struct stage *s)
{
	struct kit_rig *rig = s->rig;
	struct packetevent *pev = packetevent_tun_new(rig->base, rig->tun,
	    kit_options(rig->setup) & ~PEV_OPT_CLOSE_ON_FREE);

	ck_assert_msg(pev != NULL, "%s", evtun_get_error());
	packetevent_setcb(pev, kit_readcb, NULL, kit_eventcb, s->log);
	return rig->pev[0] = pev;
}

static void
stage_begin_open(struct stage *s, int setup)
{
	struct kit_rig *rig = device_rig_begin(setup);

	rig->base = kit_base_new(setup);
	rig->tun = kit_tun_new(rig->kind, "kit0", kit_tun_options(setup));
	strcpy(rig->name, "kit0");
	stage_over(s, rig);
	stage_reader(s);
}

static void
stage_end_open(struct stage *s)
{
	packetevent_free(s->rig->pev[0]);
	s->rig->pev[0] = NULL;
	if (s->rig->threadsafe)
		event_base_loop(s->rig->base, EVLOOP_NONBLOCK);
	evtun_free(s->rig->tun);
	stage_end(s);
}

/* ---- what is sent ---- */

/* Of payload, and of a segment: large frames, and others. */
static const size_t sizes[][2] = {
	{ 100, 0 }, { 3000, 1000 }, { 1, 0 }, { 40000, 1400 }, { 1001, 1000 },
	{ 1200, 1200 }, { 500, 8 }, { 64, 1 }, { 65000, 9000 }, { 700, 0 },
	{ 65468, 1460 }
};
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))
static const unsigned tcp_flags[] = { 0, 0x18, 0x19, 0x90, 0x99, 0x30 };
#define N_FLAGS (sizeof(tcp_flags) / sizeof(tcp_flags[0]))

static void
make_form(struct segments_form *form, enum kit_kind kind, unsigned i)
{
	memset(form, 0, sizeof(*form));
	form->sort = (enum segments_sort)(i % SEGMENTS_N_SORTS);
	form->ethernet = kind == KIT_TAP;
	form->tags = form->ethernet ? (int)(i / 4 % 3) : 0;
	form->flow = i % 5;
	form->id = 65530 + i;
	form->seq = 0xffffff00u + i * 1001;
	form->flags = tcp_flags[i % N_FLAGS];
	form->payload = sizes[i % N_SIZES][0];
	form->gso_size = sizes[i % N_SIZES][1];
}

/* Frames of all sorts and sizes; every third of those that need not be large
 * is an ordinary packet. */
static void
send_some(struct stage *s, unsigned n)
{
	static struct segments_frame frame;
	struct segments_form form;

	for (; n > 0; n--) {
		make_form(&form, s->rig->kind, s->sent++);
		segments_make(&frame, &form);
		if (form.gso_size == 0 && s->sent % 3 == 0)
			segments_complete(&frame);
		segments_send(s->fd, &frame);
		segments_list_split(&s->list, &frame);
	}
}

/* A large frame of n segments. */
static void
send_large(struct stage *s, size_t n)
{
	struct segments_form form;

	make_form(&form, s->rig->kind, s->sent++);
	form.gso_size = 100;
	form.payload = n * 100 - 1;
	segments_flood(s->fd, &form, &s->list);
}

static void
check_all(struct stage *s)
{
	kit_until_packets(s->rig, 0, s->list.n);
	kit_settle(s->rig->base);
	segments_list_compare(&s->list, s->log);
	ck_assert_int_eq(s->log->n_events, 0);
	ck_assert_uint_eq(kit_count(s->rig, 0, PEV_COUNT_READ_PACKETS),
	    s->list.n);
	ck_assert_uint_eq(kit_count(s->rig, 0, PEV_COUNT_READ_DROPPED), 0);
	ck_assert_uint_eq(kit_count(s->rig, 0, PEV_COUNT_READ_REFUSED), 0);
}

/* ---- every packet, byte for byte ---- */

static void
run_mixture(int setup, int batch)
{
	struct stage s;

	stage_begin(&s, setup);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], batch));
	/* Some before it is enabled, some after. */
	send_some(&s, 20);
	kit_enable(s.rig, 0, EV_READ);
	check_all(&s);
	kit_check_idle(s.rig->base);
	send_some(&s, 3 * N_SIZES * SEGMENTS_N_SORTS);
	check_all(&s);
	ck_assert_int_le(s.log->max_batch, batch);
	ck_assert_uint_lt(s.log->max_bytes, 192 * 1024);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}

START_TEST(test_mixture)
{
	run_mixture(_i, 64);
}
END_TEST

START_TEST(test_mixture_by_three)
{
	run_mixture(_i, 3);
}
END_TEST

START_TEST(test_mixture_singly)
{
	run_mixture(_i, 1);
}
END_TEST

static size_t
max_len(const struct stage *s)
{
	return s->rig->kind == KIT_TAP ? EVTUN_MAX_FRAME : EVTUN_MAX_PACKET;
}

/* With a size of segments above its payload, a packet can be longer than any
 * may be, whatever the MTU. */
static void
send_long(struct stage *s, size_t len)
{
	static struct segments_frame frame;
	struct segments_form form;

	make_form(&form, s->rig->kind, 0);
	form.payload = len - (form.ethernet ? 54 : 40);
	form.gso_size = 0;
	segments_make(&frame, &form);
	frame.offload.gso_type = EVTUN_OFFLOAD_TCP4;
	frame.offload.gso_size = 65534;
	segments_send(s->fd, &frame);
	frame.offload.gso_type = EVTUN_OFFLOAD_NONE;
	if (len <= max_len(s))
		segments_list_split(&s->list, &frame);
}

/* It is lost, alone. */
START_TEST(test_too_long)
{
	size_t i, lost = 0;
	struct stage s;

	stage_begin(&s, _i);
	kit_enable(s.rig, 0, EV_READ);
	for (i = EVTUN_MAX_PACKET - 10; i <= EVTUN_MAX_FRAME + 12; i += 3) {
		send_long(&s, i);
		lost += i > max_len(&s);
		send_some(&s, 1);
	}
	kit_until_packets(s.rig, 0, s.list.n);
	kit_settle(s.rig->base);
	segments_list_compare(&s.list, s.log);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(kit_count(s.rig, 0, PEV_COUNT_READ_DROPPED), lost);
	stage_end(&s);
}
END_TEST

/* ---- a batch that does not hold it all ---- */

static void
pause_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
}

/* What one turn at reading brings: a batch, and nothing while it is off. */
static void
read_one_batch(struct stage *s)
{
	int n = s->log->n_batches;

	kit_enable(s->rig, 0, EV_READ);
	kit_settle(s->rig->base);
	ck_assert_int_eq(s->log->n_batches, n + 1);
	ck_assert_int_eq(packetevent_get_enabled(s->rig->pev[0]), EV_WRITE);
}

START_TEST(test_pause)
{
	struct stage s;
	int turns = 0;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], pause_cb, NULL, kit_eventcb, s.log);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 3));
	send_large(&s, 10);
	while (s.log->n_packets < s.list.n) {
		read_one_batch(&s);
		/* More arrives while it is off. */
		if (++turns % 3 == 0 && turns < 30)
			send_some(&s, 2);
		if (turns == 1 && KIT_BACKEND_OF(_i) == KIT_EPOLL)
			kit_check_idle(s.rig->base);
	}
	ck_assert_int_le(s.log->max_batch, 3);
	kit_enable(s.rig, 0, EV_READ);
	check_all(&s);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}
END_TEST

/* Switched off and on again at once, inside the callback and out of it. */
static void
blink_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
	kit_ok(packetevent_enable(pev, EV_READ));
}

START_TEST(test_blink)
{
	struct stage s;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], blink_cb, NULL, kit_eventcb, s.log);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 2));
	send_some(&s, 30);
	kit_enable(s.rig, 0, EV_READ);
	while (s.log->n_packets < s.list.n / 2) {
		ck_assert_int_eq(event_base_loop(s.rig->base, EVLOOP_ONCE), 0);
		kit_ok(packetevent_disable(s.rig->pev[0], EV_READ));
		kit_enable(s.rig, 0, EV_READ);
	}
	check_all(&s);
	kit_check_idle(s.rig->base);
	stage_end(&s);
}
END_TEST

/* The size of the batch may change while a frame is spread over several. */
static void
grow_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	ck_assert_int_le(n_pkts, s->batch);
	s->batch = s->batch % 5 + 1;
	kit_ok(packetevent_set_max_batch(pev, s->batch));
	kit_readcb(pev, pkts, n_pkts, s->log);
}

START_TEST(test_batch_changes)
{
	struct stage s;

	stage_begin(&s, _i);
	s.batch = 1;
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 1));
	packetevent_setcb(s.rig->pev[0], grow_cb, NULL, NULL, &s);
	send_large(&s, 128);
	send_some(&s, 20);
	kit_enable(s.rig, 0, EV_READ);
	check_all(&s);
	stage_end(&s);
}
END_TEST

/* A frame of more packets than a batch holds fills every batch but the last,
 * and one that fits is not spread over two. */
START_TEST(test_batches_are_full)
{
	struct stage s;

	stage_begin(&s, _i);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 10));
	send_large(&s, 45);
	kit_enable(s.rig, 0, EV_READ);
	check_all(&s);
	ck_assert_int_eq(s.log->n_batches, 5);
	send_large(&s, 6);
	send_large(&s, 6);
	check_all(&s);
	ck_assert_int_eq(s.log->n_batches, 7);
	ck_assert_int_eq(s.log->max_batch, 10);
	stage_end(&s);
}
END_TEST

static void
count_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stage *s = arg;

	(void)fd;
	(void)what;
	s->n_others++;
}

/* Others get their turn after two batches at most: what waits, and what the
 * descriptor has. */
static void
fair_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	kit_readcb(pev, pkts, n_pkts, s->log);
	kit_check(s->log->n_batches <= 2 * s->n_others + 2,
	    "%d batches, and %d turns of another event", s->log->n_batches,
	    s->n_others);
}

/* Read what was sent, with another event that is ready all the time. */
static void
share_with_another(struct stage *s, int batch, packetevent_read_cb cb)
{
	struct event *ev;
	int pipes[2];

	ck_assert_int_eq(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(write(pipes[1], "x", 1), 1);
	ev = event_new(s->rig->base, pipes[0], EV_READ | EV_PERSIST, count_cb,
	    s);
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	packetevent_setcb(s->rig->pev[0], cb, NULL, NULL, s);
	kit_ok(packetevent_set_max_batch(s->rig->pev[0], batch));
	kit_enable(s->rig, 0, EV_READ);
	kit_until_packets(s->rig, 0, s->list.n);
	event_free(ev);
	check_all(s);
	close(pipes[0]);
	close(pipes[1]);
}

START_TEST(test_others_get_their_turn)
{
	struct stage s;

	stage_begin(&s, _i);
	send_large(&s, 100);
	send_large(&s, 100);
	share_with_another(&s, 1, fair_cb);
	stage_end(&s);
}
END_TEST

/* Four batches, each of one frame, so that nothing waits in the library. */
static void
four_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	kit_readcb(pev, pkts, n_pkts, s->log);
	ck_assert_int_le(n_pkts, 2);
	kit_check(s->log->n_batches <= 4 * s->n_others + 4,
	    "%d batches, and %d turns of another event", s->log->n_batches,
	    s->n_others);
}

START_TEST(test_four_batches_in_a_turn)
{
	struct stage s;
	int i;

	stage_begin(&s, _i);
	for (i = 0; i < 40; i++)
		send_large(&s, 2);
	share_with_another(&s, 2, four_cb);
	ck_assert_int_eq(s.log->n_batches, 40);
	stage_end(&s);
}
END_TEST

/* It is over when nothing has come for a while, not while packets wait; and
 * it does not run while reading is disabled. */
START_TEST(test_timeout)
{
	static const struct timeval soon = { 0, 20000 };
	struct stage s;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], pause_cb, NULL, kit_eventcb, s.log);
	kit_ok(packetevent_set_max_batch(s.rig->pev[0], 1));
	kit_ok(packetevent_set_timeouts(s.rig->pev[0], &soon, NULL));
	send_large(&s, 40);
	read_one_batch(&s);
	usleep(40000);
	kit_settle(s.rig->base);
	ck_assert_int_eq(s.log->n_events, 0);
	packetevent_setcb(s.rig->pev[0], kit_readcb, NULL, kit_eventcb,
	    s.log);
	kit_enable(s.rig, 0, EV_READ);
	kit_until_events(s.rig, 0, 1);
	segments_list_compare(&s.list, s.log);
	ck_assert_int_eq(s.log->events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_TIMEOUT);
	stage_end(&s);
}
END_TEST

/* ---- somebody else reads on ---- */

static void
free_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	packetevent_free(pev);
	s->rig->pev[0] = NULL;
	/* The batch is still there. */
	kit_readcb(NULL, pkts, n_pkts, s->log);
}

static int
is_freed(void *arg)
{
	return ((struct stage *)arg)->rig->pev[0] == NULL;
}

static void
free_inside(struct stage *s)
{
	packetevent_setcb(s->rig->pev[0], free_cb, NULL, NULL, s);
	kit_ok(packetevent_set_max_batch(s->rig->pev[0], 3));
	kit_enable(s->rig, 0, EV_READ);
	kit_until(s->rig->base, is_freed, s, "the callback");
	if (s->rig->threadsafe)
		kit_settle(s->rig->base);
}

START_TEST(test_next_packetevent)
{
	struct stage s;
	int i;

	stage_begin_open(&s, _i);
	send_some(&s, 2);
	send_large(&s, 17);
	send_some(&s, 5);
	for (i = 0; i < 4; i++) {
		free_inside(&s);
		stage_reader(&s);
	}
	kit_enable(s.rig, 0, EV_READ);
	kit_until_packets(s.rig, 0, s.list.n);
	kit_settle(s.rig->base);
	segments_list_compare(&s.list, s.log);
	kit_check_idle(s.rig->base);
	stage_end_open(&s);
}
END_TEST

static unsigned char buf[KIT_TOO_LARGE];

/* All that is there now. */
static void
read_rest(struct stage *s)
{
	size_t i = s->log->n_packets;
	int n;

	while ((n = evtun_read(s->rig->tun, buf, sizeof(buf))) > 0)
		segments_list_check(&s->list, i++, buf, (size_t)n);
	kit_check(n == 0, "read: %s", evtun_get_error());
	ck_assert_uint_eq(i, s->list.n);
}

START_TEST(test_evtun_read_next)
{
	struct stage s;

	stage_begin_open(&s, _i);
	send_large(&s, 17);
	send_some(&s, 30);
	free_inside(&s);
	ck_assert_uint_eq(s.log->n_packets, 3);
	read_rest(&s);
	evtun_free(s.rig->tun);
	stage_end(&s);
}
END_TEST

/* ---- room ---- */

static unsigned char
mark(int i, int where)
{
	return (unsigned char)(1 + i * 3 + where);
}

static void
check_bytes(const unsigned char *p, size_t n, unsigned char c)
{
	size_t i;

	for (i = 0; i < n; i++)
		kit_check(p[i] == c, "byte %zu of %zu is %d, not %d", i, n,
		    p[i], c);
}

static void
check_place(struct stage *s, const struct evbuffer_iovec *pkt)
{
	size_t ip = s->rig->kind == KIT_TAP ? 14 : 0;

	if (s->head % 4 == 0)
		ck_assert_uint_eq(((uintptr_t)pkt->iov_base + ip) % 4, 0);
}

/* Write into all of the room first, and then look at it and the packets. */
static void
room_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;
	unsigned char *p;
	int i;

	(void)pev;
	for (i = 0; i < n_pkts; i++) {
		p = pkts[i].iov_base;
		memset(p - s->head, mark(i, 0), s->head);
		memset(p + pkts[i].iov_len, mark(i, 1), s->tail);
	}
	for (i = 0; i < n_pkts; i++) {
		p = pkts[i].iov_base;
		segments_list_check(&s->list, s->got++, p, pkts[i].iov_len);
		memset(p, mark(i, 2), pkts[i].iov_len);
		check_place(s, &pkts[i]);
	}
	for (i = 0; i < n_pkts; i++) {
		p = pkts[i].iov_base;
		check_bytes(p - s->head, s->head, mark(i, 0));
		check_bytes(p, pkts[i].iov_len, mark(i, 2));
		check_bytes(p + pkts[i].iov_len, s->tail, mark(i, 1));
	}
}

static int
has_all(void *arg)
{
	struct stage *s = arg;

	return s->got >= s->list.n;
}

START_TEST(test_room)
{
	static const size_t rooms[][2] = { { 0, 0 }, { 4, 16 }, { 8, 0 },
	    { 5, 3 }, { 24, 24 }, { 28, 1 }, { 4096, 4096 } };
	struct stage s;
	size_t i;

	stage_begin(&s, _i);
	packetevent_setcb(s.rig->pev[0], room_cb, NULL, NULL, &s);
	for (i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		s.head = rooms[i][0];
		s.tail = rooms[i][1];
		kit_ok(packetevent_set_room(s.rig->pev[0], s.head, s.tail));
		kit_enable(s.rig, 0, EV_READ);
		send_some(&s, 4 * N_SIZES);
		kit_until(s.rig->base, has_all, &s, "all packets");
		kit_ok(packetevent_disable(s.rig->pev[0], EV_READ));
	}
	ck_assert_uint_eq(s.got, s.list.n);
	stage_end(&s);
}
END_TEST

/* ---- other devices ---- */

/* Before every packet stands its packet information. */
static void
check_information(struct stage *s)
{
	unsigned char info[4] = { 0, 0, 0, 0 };
	const unsigned char *p;
	size_t i;

	for (i = 0; i < s->log->n_packets; i++) {
		p = s->log->packets[i].data;
		if (s->rig->kind == KIT_TAP)
			memcpy(info + 2, p + 4 + 12, 2);
		else
			memcpy(info + 2, p[4] >> 4 == 4 ? "\x08\0" :
			    "\x86\xdd", 2);
		ck_assert_mem_eq(p, info, 4);
		segments_list_check(&s->list, i, p + 4,
		    s->log->packets[i].len - 4);
	}
	ck_assert_uint_eq(i, s->list.n);
}

START_TEST(test_packet_information)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct stage s;

	device_rig_over(rig, kit_tun_new(rig->kind, "kit0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_PACKET_INFO));
	stage_over(&s, rig);
	kit_ok(packetevent_set_max_batch(rig->pev[0], 5));
	kit_enable(rig, 0, EV_READ);
	send_some(&s, 4 * N_SIZES);
	kit_until_packets(rig, 0, s.list.n);
	kit_settle(rig->base);
	check_information(&s);
	stage_end(&s);
}
END_TEST

/* Of a header: size, and byte order (none set, little, big). */
static const int header_sizes[] = { 10, 12, 20, 24 };
#define N_HEADERS (2 * 4 * 3)

static void
set_order(int fd, int order)
{
	int one = 1;

	if (order == 0)
		return;
	if (ioctl(fd, order == 1 ? TUNSETVNETLE : TUNSETVNETBE, &one) == 0)
		return;
	ck_assert_int_eq(errno, EINVAL);
	kit_skip("this kernel has one byte order alone");
}

static int
open_by_hand(enum kit_kind kind, int size, int order, int flags)
{
	int fd = look_open("vnet0", (kind == KIT_TAP ? IFF_TAP : IFF_TUN) |
	    IFF_VNET_HDR | IFF_NO_PI | flags);

	ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &size), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, (unsigned long)(TUN_F_CSUM |
	    TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)), 0);
	set_order(fd, order);
	return fd;
}

START_TEST(test_header)
{
	enum kit_kind kind = _i % 2 ? KIT_TAP : KIT_TUN;
	struct kit_rig *rig = device_rig_begin(KIT_SETUP(kind, 0, KIT_EPOLL));
	int fd = open_by_hand(kind, header_sizes[_i / 2 % 4], _i / 8, 0);
	struct evtun *tun = evtun_new_fd(fd, device_options(kind));
	struct stage s;

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_mtu(tun, kind == KIT_TAP ? 65521 : 65535));
	kit_ok(evtun_set_up(tun, 1));
	device_rig_over(rig, tun);
	stage_over(&s, rig);
	kit_enable(rig, 0, EV_READ);
	send_some(&s, 4 * N_SIZES);
	check_all(&s);
	stage_end(&s);
}
END_TEST

/* ---- another queue ---- */

#define N_FLOWS 40

static void
check_flows(const struct kit_log *log, int ethernet,
    const struct segments_list *lists, size_t *got)
{
	size_t i, at = ethernet ? 34 : 20;
	const unsigned char *p;
	unsigned flow;

	for (i = 0; i < log->n_packets; i++) {
		p = log->packets[i].data;
		flow = ((unsigned)p[at] << 8 | p[at + 1]) - 1000;
		kit_check(flow < N_FLOWS, "a packet of flow %u", flow);
		segments_list_check(&lists[flow], got[flow]++, p,
		    log->packets[i].len);
	}
}

/* Several large frames of every flow. */
static void
send_flows(struct stage *s, struct segments_list *lists)
{
	struct segments_form form;
	unsigned i;

	memset(&form, 0, sizeof(form));
	form.ethernet = s->rig->kind == KIT_TAP;
	form.gso_size = 100;
	for (i = 0; i < 5 * N_FLOWS; i++) {
		form.flow = i % N_FLOWS;
		form.seq = i * 1000;
		form.payload = 150 + i * 10;
		segments_flood(s->fd, &form, &lists[form.flow]);
	}
}

/* The second queue takes the place of the packet socket. */
static void
add_queue(struct kit_rig *rig)
{
	struct evtun *queue = evtun_new_queue(rig->tun);

	ck_assert_msg(queue != NULL, "%s", evtun_get_error());
	ck_assert_int_ne(evtun_get_options(queue) & EVTUN_OPT_OFFLOAD, 0);
	deletion_free_end(rig, 1);
	rig->pev[1] = packetevent_tun_new(rig->base, queue,
	    kit_options(rig->setup));
	ck_assert_ptr_nonnull(rig->pev[1]);
	packetevent_setcb(rig->pev[1], kit_readcb, NULL, kit_eventcb,
	    &rig->log[1]);
}

static int
has_flows(void *arg)
{
	struct stage *s = arg;

	return s->log[0].n_packets + s->log[1].n_packets >= s->got;
}

START_TEST(test_second_queue)
{
	struct kit_rig *rig = device_rig_begin(_i);
	struct segments_list lists[N_FLOWS];
	size_t got[N_FLOWS];
	struct stage s;
	int i;

	memset(lists, 0, sizeof(lists));
	memset(got, 0, sizeof(got));
	device_rig_over(rig, kit_tun_new(rig->kind, "kit0",
	    EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE));
	add_queue(rig);
	stage_over(&s, rig);
	for (i = 0; i < 2; i++) {
		kit_ok(packetevent_set_max_batch(rig->pev[i], 3));
		kit_enable(rig, i, EV_READ);
	}
	send_flows(&s, lists);
	for (i = 0; i < N_FLOWS; i++)
		s.got += lists[i].n;
	kit_until(rig->base, has_flows, &s, "all packets");
	for (i = 0; i < 2; i++) {
		ck_assert_uint_gt(rig->log[i].n_packets, 0);
		check_flows(&rig->log[i], rig->kind == KIT_TAP, lists, got);
	}
	for (i = 0; i < N_FLOWS; i++) {
		ck_assert_uint_eq(got[i], lists[i].n);
		segments_list_clear(&lists[i]);
	}
	stage_end(&s);
}
END_TEST

/* ---- the interface is deleted ---- */

static void
gone_cb(struct packetevent *pev, short what, void *ctx)
{
	int err = errno;
	struct stage *s = ctx;

	s->at_event = s->log->n_packets;
	errno = err;
	kit_eventcb(pev, what, s->log);
}

static void
delete_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	kit_readcb(pev, pkts, n_pkts, s->log);
	if (s->log->n_batches == 3)
		kit_link_delete(s->rig->name);
}

static void
begin_deletion(struct stage *s, int setup, packetevent_read_cb readcb)
{
	stage_begin(s, setup);
	packetevent_setcb(s->rig->pev[0], readcb, NULL, gone_cb, s);
	kit_ok(packetevent_set_max_batch(s->rig->pev[0], 2));
	send_large(s, 21);
	kit_enable(s->rig, 0, EV_READ);
}

/* What has been read is there. */
START_TEST(test_deleted)
{
	struct stage s;

	begin_deletion(&s, _i, delete_cb);
	kit_until_events(s.rig, 0, 1);
	ck_assert_uint_eq(s.at_event, s.list.n);
	segments_list_compare(&s.list, s.log);
	deletion_check(s.rig, 0, 0);
	stage_end(&s);
}
END_TEST

static void
stop_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct stage *s = ctx;

	pause_cb(pev, pkts, n_pkts, s->log);
}

/* It is told at once, and what waits is gone as well. */
START_TEST(test_deleted_paused)
{
	struct stage s;

	begin_deletion(&s, _i, stop_cb);
	kit_until_packets(s.rig, 0, 2);
	kit_link_delete(s.rig->name);
	deletion_check(s.rig, 0, 0);
	ck_assert_uint_eq(s.log->n_packets, 2);
	stage_end(&s);
}
END_TEST

/* Nobody has noticed yet when it is read again. */
START_TEST(test_deleted_and_enabled)
{
	struct stage s;

	begin_deletion(&s, _i, stop_cb);
	kit_until_packets(s.rig, 0, 2);
	kit_link_delete(s.rig->name);
	packetevent_setcb(s.rig->pev[0], delete_cb, NULL, gone_cb, &s);
	s.log->n_batches = 100;
	kit_enable(s.rig, 0, EV_READ);
	kit_until_events(s.rig, 0, 1);
	ck_assert_uint_eq(s.at_event, s.list.n);
	segments_list_compare(&s.list, s.log);
	deletion_check(s.rig, 0, 0);
	stage_end(&s);
}
END_TEST

/* ---- threads ---- */

#define N_FRAMES 60

struct race {
	struct stage s;
	pthread_t thread;
	atomic_size_t got;
};

static void *
run_loop(void *arg)
{
	struct race *r = arg;

	ck_assert_int_ge(event_base_loop(r->s.rig->base,
	    EVLOOP_NO_EXIT_ON_EMPTY), 0);
	return NULL;
}

static void
race_start(struct race *r)
{
	ck_assert_int_eq(pthread_create(&r->thread, NULL, run_loop, r), 0);
}

static void
race_stop(struct race *r)
{
	ck_assert_int_eq(event_base_loopexit(r->s.rig->base, NULL), 0);
	ck_assert_int_eq(pthread_join(r->thread, NULL), 0);
}

static void
race_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct race *r = ctx;
	size_t got = atomic_load(&r->got);
	int i;

	(void)pev;
	for (i = 0; i < n_pkts; i++)
		segments_list_check(&r->s.list, got++, pkts[i].iov_base,
		    pkts[i].iov_len);
	atomic_store(&r->got, got);
}

/* The list is not touched while others look at it. */
static void
race_prepare(struct race *r, unsigned n)
{
	static struct segments_frame frame;
	struct segments_form form;
	unsigned i;

	for (i = 0; i < n; i++) {
		make_form(&form, r->s.rig->kind, i);
		segments_make(&frame, &form);
		segments_list_split(&r->s.list, &frame);
	}
}

static void
race_send(struct race *r, unsigned i)
{
	static struct segments_frame frame;
	struct segments_form form;

	make_form(&form, r->s.rig->kind, i);
	segments_make(&frame, &form);
	segments_send(r->s.fd, &frame);
}

/* Another thread switches reading off and on. */
START_TEST(test_switched_by_thread)
{
	struct packetevent *pev;
	struct race r;
	unsigned i;

	memset(&r, 0, sizeof(r));
	stage_begin(&r.s, _i);
	race_prepare(&r, N_FRAMES);
	pev = r.s.rig->pev[0];
	packetevent_setcb(pev, race_cb, NULL, NULL, &r);
	kit_ok(packetevent_set_max_batch(pev, 3));
	race_start(&r);
	for (i = 0; i < N_FRAMES; i++) {
		race_send(&r, i);
		kit_ok(packetevent_enable(pev, EV_READ));
		kit_ok(packetevent_set_max_batch(pev, 1 + (int)i % 5));
		kit_ok(packetevent_disable(pev, EV_READ));
	}
	kit_ok(packetevent_enable(pev, EV_READ));
	for (i = 0; i < 20000 && atomic_load(&r.got) < r.s.list.n; i++)
		usleep(1000);
	race_stop(&r);
	ck_assert_uint_eq(atomic_load(&r.got), r.s.list.n);
	stage_end(&r.s);
}
END_TEST

/* A batch that was being read when it was freed is lost, but none after it. */
static void
check_rest(struct race *r)
{
	struct segments_list rest = { NULL, 0 };
	size_t i, first;
	int n;

	while ((n = evtun_read(r->s.rig->tun, buf, sizeof(buf))) > 0)
		segments_list_add(&rest, buf, (size_t)n);
	kit_check(n == 0, "read: %s", evtun_get_error());
	first = r->s.list.n - rest.n;
	kit_check(first >= atomic_load(&r->got) &&
	    first <= atomic_load(&r->got) + 2, "%zu called back, %zu read",
	    atomic_load(&r->got), rest.n);
	for (i = 0; i < rest.n; i++)
		segments_list_check(&r->s.list, first + i,
		    rest.packets[i].data, rest.packets[i].len);
	segments_list_clear(&rest);
}

/* Another thread frees it, and reads what is left. */
static void
run_freed(int setup, unsigned frames)
{
	struct race r;
	unsigned i;

	memset(&r, 0, sizeof(r));
	stage_begin_open(&r.s, setup);
	race_prepare(&r, frames);
	packetevent_setcb(r.s.rig->pev[0], race_cb, NULL, NULL, &r);
	kit_ok(packetevent_set_max_batch(r.s.rig->pev[0], 2));
	kit_enable(r.s.rig, 0, EV_READ);
	race_start(&r);
	for (i = 0; i < frames; i++)
		race_send(&r, i);
	packetevent_free(r.s.rig->pev[0]);
	r.s.rig->pev[0] = NULL;
	race_stop(&r);
	kit_settle(r.s.rig->base);
	check_rest(&r);
	evtun_free(r.s.rig->tun);
	stage_end(&r.s);
}

START_TEST(test_freed_by_thread)
{
	unsigned i;

	for (i = 1; i <= 8; i++)
		run_freed(_i, i);
}
END_TEST

int
main(void)
{
	kit_suite("pev_offload");
	kit_ways = 1u << KIT_OFFLOAD;
	kit_case("packets", 0);
	kit_setups(test_mixture, KIT_DEVICES);
	kit_setups(test_mixture_by_three, KIT_DEVICES);
	kit_setups(test_mixture_singly, KIT_DEVICES);
	kit_setups(test_room, KIT_DEVICES);
	kit_setups(test_too_long, KIT_DEVICES);
	kit_case("batches", 0);
	kit_setups(test_pause, KIT_DEVICES);
	kit_setups(test_blink, KIT_DEVICES);
	kit_setups(test_batch_changes, KIT_DEVICES);
	kit_setups(test_batches_are_full, KIT_DEVICES);
	kit_setups(test_others_get_their_turn, KIT_DEVICES);
	kit_setups(test_four_batches_in_a_turn, KIT_DEVICES);
	kit_setups(test_timeout, KIT_DEVICES);
	kit_case("next", 0);
	kit_setups(test_next_packetevent, KIT_DEVICES);
	kit_setups(test_evtun_read_next, KIT_DEVICES);
	kit_case("devices", KIT_NEEDS_TUN);
	kit_setups(test_packet_information, KIT_DEVICES);
	kit_loop(test_header, 0, N_HEADERS);
	kit_setups(test_second_queue, KIT_DEVICES);
	kit_case("deleted", 0);
	kit_setups(test_deleted, KIT_DEVICES);
	kit_setups(test_deleted_paused, KIT_DEVICES);
	kit_setups(test_deleted_and_enabled, KIT_DEVICES);
	kit_case("threads", 0);
	kit_threadsafe(test_switched_by_thread, KIT_DEVICES);
	kit_threadsafe(test_freed_by_thread, KIT_DEVICES);
	return kit_run();
}
