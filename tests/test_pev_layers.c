/*
 * Streams over more than a socket: filters, and the ends of pairs.
 */
#include "config.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"

#define PACKET 1400
#define MANY 2000
#define HIGHMARK (64 * 1024)
/* What a layer below may hold, beside a packet: see stream.c. */
#define BELOW (16 * 1024)

static void
pump(struct event_base *base, int turns)
{
	while (turns-- > 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

/* A filter over a socket, and the other end of the socket. */
static struct bufferevent *
filter_new(struct event_base *base, int options, evutil_socket_t *other,
    struct bufferevent **below)
{
	evutil_socket_t fd[2];
	struct bufferevent *filter;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	*other = fd[1];
	*below = bufferevent_socket_new(base, fd[0], options);
	ck_assert_ptr_nonnull(*below);
	filter = bufferevent_filter_new(*below, NULL, NULL, options, NULL,
	    NULL);
	ck_assert_ptr_nonnull(filter);
	return filter;
}

/* A base, and a rig of which end 0 is a packetevent over bev. */
static void
rig_init(struct kit_rig *rig, int setup)
{
	memset(rig, 0, sizeof(*rig));
	rig->setup = setup;
	rig->kind = KIT_KIND_OF(setup);
	rig->base = kit_base_new(setup);
}

static int
bev_options(int setup)
{
	return BEV_OPT_CLOSE_ON_FREE |
	    (KIT_TS_OF(setup) ? BEV_OPT_THREADSAFE : 0);
}

static void
rig_over(struct kit_rig *rig, int end, struct bufferevent *bev, int options)
{
	rig->bev[end] = bev;
	rig->pev[end] = packetevent_stream_new(bev, PEV_FRAMING_LEN16,
	    options | (kit_options(rig->setup) & PEV_OPT_THREADSAFE));
	ck_assert_msg(rig->pev[end] != NULL, "%s", evtun_get_error());
	packetevent_setcb(rig->pev[end], kit_readcb, kit_writecb,
	    kit_eventcb, &rig->log[end]);
}

static void
rig_end(struct kit_rig *rig)
{
	int i;

	for (i = 0; i < 2; i++) {
		packetevent_free(rig->pev[i]);
		kit_log_clear(&rig->log[i]);
	}
	pump(rig->base, 4);
	event_base_free(rig->base);
}

/* Offer MANY packets to what nobody reads; return how many were taken. */
static unsigned
fill_up(struct kit_rig *rig)
{
	unsigned i, taken = 0;

	for (i = 0; i < MANY; i++) {
		if (kit_write(rig, 0, taken, PACKET) == 0)
			taken++;
		else
			ck_assert_int_eq(errno, ENOBUFS);
		pump(rig->base, i % 10 == 0);
	}
	return taken;
}

START_TEST(test_a_filter_has_an_end)
{
	struct kit_rig rig;
	struct bufferevent *filter, *below;
	evutil_socket_t other;
	unsigned i, taken;

	rig_init(&rig, _i);
	filter = filter_new(rig.base, bev_options(_i), &other, &below);
	rig_over(&rig, 0, filter, PEV_OPT_CLOSE_ON_FREE);
	packetevent_setwatermark(rig.pev[0], 0, HIGHMARK);
	taken = fill_up(&rig);
	ck_assert_uint_lt(taken, MANY);
	ck_assert_uint_le(evbuffer_get_length(bufferevent_get_output(below)),
	    BELOW + PACKET + 2);
	ck_assert_uint_le(evbuffer_get_length(bufferevent_get_output(filter)),
	    HIGHMARK + PACKET + 2);
	kit_check_counts(&rig, 0, MANY);

	/* All that was taken comes out, in order, and then there is room. */
	rig.log[0].n_writecbs = 0;
	rig_over(&rig, 1, bufferevent_socket_new(rig.base, other,
	    bev_options(_i)), PEV_OPT_CLOSE_ON_FREE);
	kit_enable(&rig, 1, EV_READ);
	kit_until_packets(&rig, 1, taken);
	for (i = 0; i < taken; i++)
		kit_check_packet(&rig, 1, i, i, PACKET);
	kit_until_writecbs(&rig, 0, 1);
	kit_ok(kit_write(&rig, 0, 0, PACKET));
	kit_until_packets(&rig, 1, taken + 1);
	rig_end(&rig);
}
END_TEST

/* With the high watermark 0, one packet after the other. */
START_TEST(test_a_filter_one_at_a_time)
{
	struct kit_rig rig;
	struct bufferevent *filter, *below;
	evutil_socket_t other;
	int i;

	rig_init(&rig, _i);
	filter = filter_new(rig.base, bev_options(_i), &other, &below);
	rig_over(&rig, 0, filter, PEV_OPT_CLOSE_ON_FREE);
	rig_over(&rig, 1, bufferevent_socket_new(rig.base, other,
	    bev_options(_i)), PEV_OPT_CLOSE_ON_FREE);
	kit_enable(&rig, 1, EV_READ);
	packetevent_setwatermark(rig.pev[0], 0, 0);
	for (i = 0; i < 5; i++) {
		kit_ok(kit_write(&rig, 0, (unsigned)i, PACKET));
		kit_until_writecbs(&rig, 0, i + 1);
		kit_until_packets(&rig, 1, (size_t)i + 1);
		kit_check_packet(&rig, 1, (size_t)i, (unsigned)i, PACKET);
	}
	rig_end(&rig);
}
END_TEST

/* Once the packetevent is gone, its bounds are too. */
START_TEST(test_a_filter_is_given_back)
{
	static const char bytes[BELOW * 8];
	struct kit_rig rig;
	struct bufferevent *filter, *below;
	evutil_socket_t other;

	rig_init(&rig, _i);
	filter = filter_new(rig.base, bev_options(_i), &other, &below);
	rig_over(&rig, 0, filter, 0);
	kit_ok(packetevent_disable(rig.pev[0], EV_WRITE));
	packetevent_free(rig.pev[0]);
	rig.pev[0] = NULL;
	ck_assert_int_eq(bufferevent_get_enabled(filter), EV_WRITE);
	ck_assert_int_eq(bufferevent_write(filter, bytes, sizeof(bytes)), 0);
	pump(rig.base, 2);
	ck_assert_uint_eq(
	    evbuffer_get_length(bufferevent_get_output(filter)), 0);
	bufferevent_free(filter);
	close(other);
	rig_end(&rig);
}
END_TEST

/* ---- pairs ---- */

/* A packetevent over one end, and the other end. */
static struct bufferevent *
over_pair(struct kit_rig *rig, int setup)
{
	struct bufferevent *pair[2];

	rig_init(rig, setup);
	ck_assert_int_eq(bufferevent_pair_new(rig->base, bev_options(setup),
	    pair), 0);
	ck_assert_int_eq(bufferevent_enable(pair[1], EV_READ | EV_WRITE), 0);
	rig_over(rig, 0, pair[0], PEV_OPT_CLOSE_ON_FREE);
	return pair[1];
}

/* libevent reports both directions in one call. */
START_TEST(test_the_end_of_both_directions)
{
	struct kit_rig rig;
	struct bufferevent *other = over_pair(&rig, _i);
	int i, seen = 0;

	kit_enable(&rig, 0, EV_READ);
	ck_assert_int_eq(bufferevent_write(other, "\0\3abc", 5), 0);
	ck_assert_int_ge(bufferevent_flush(other, EV_READ | EV_WRITE,
	    BEV_FINISHED), 0);
	kit_until_events(&rig, 0, 1);
	kit_settle(rig.base);
	ck_assert_uint_eq(rig.log[0].n_packets, 1);
	for (i = 0; i < rig.log[0].n_events; i++)
		seen |= rig.log[0].events[i].what ==
		    (PEV_EVENT_READING | PEV_EVENT_EOF);
	ck_assert_int_eq(seen, 1);
	ck_assert_int_eq(packetevent_get_enabled(rig.pev[0]), 0);
	bufferevent_free(other);
	rig_end(&rig);
}
END_TEST

static void
pausing_readcb(struct packetevent *pev, struct evbuffer_iovec *pkts,
    int n_pkts, void *ctx)
{
	kit_readcb(pev, pkts, n_pkts, ctx);
	kit_ok(packetevent_disable(pev, EV_READ));
}

/* What is wrong with the next packet is nobody's business before it is to be
 * read. */
START_TEST(test_a_bad_length_waits_for_a_reader)
{
	struct kit_rig rig;
	struct bufferevent *other = over_pair(&rig, _i);

	packetevent_setcb(rig.pev[0], pausing_readcb, NULL, kit_eventcb,
	    &rig.log[0]);
	kit_enable(&rig, 0, EV_READ);
	ck_assert_int_eq(bufferevent_write(other, "\0\1x\0\0", 5), 0);
	kit_until_packets(&rig, 0, 1);
	kit_settle(rig.base);
	ck_assert_int_eq(rig.log[0].n_events, 0);
	kit_enable(&rig, 0, EV_READ);
	kit_until_events(&rig, 0, 1);
	ck_assert_int_eq(rig.log[0].events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_ERROR);
	ck_assert_int_eq(rig.log[0].events[0].err, EBADMSG);
	bufferevent_free(other);
	rig_end(&rig);
}
END_TEST

/* TLS over a bufferevent reports what breaks below as an error of neither
 * direction: all that came before is read first. */
START_TEST(test_an_error_of_neither_direction)
{
	struct kit_rig rig;
	struct bufferevent *other = over_pair(&rig, _i);
	struct kit_log *log = &rig.log[0];

	kit_enable(&rig, 0, EV_READ);
	ck_assert_int_eq(bufferevent_write(other, "\0\1x", 3), 0);
	kit_until_packets(&rig, 0, 1);
	kit_ok(packetevent_disable(rig.pev[0], EV_READ));
	ck_assert_int_eq(evbuffer_add(bufferevent_get_output(other),
	    "\0\1y\0\1z", 6), 0);
	ck_assert_int_ge(bufferevent_flush(other, EV_WRITE, BEV_FLUSH), 0);
	bufferevent_trigger_event(rig.bev[0], BEV_EVENT_ERROR, 0);
	kit_until_events(&rig, 0, 1);
	kit_settle(rig.base);
	ck_assert_int_eq(log->n_events, 1);
	ck_assert_int_eq(log->events[0].what,
	    PEV_EVENT_WRITING | PEV_EVENT_ERROR);
	kit_fails(packetevent_write(rig.pev[0], "x", 1), log->events[0].err);
	kit_enable(&rig, 0, EV_READ);
	kit_until_events(&rig, 0, 2);
	ck_assert_uint_eq(log->n_packets, 3);
	ck_assert_int_eq(log->packets[2].data[0], 'z');
	ck_assert_int_eq(log->events[1].what,
	    PEV_EVENT_READING | PEV_EVENT_ERROR);
	bufferevent_free(other);
	rig_end(&rig);
}
END_TEST

/* Where nothing ever came it is one of connecting: all is over at once. */
START_TEST(test_an_error_before_all_else)
{
	struct kit_rig rig;
	struct bufferevent *other = over_pair(&rig, _i);

	bufferevent_trigger_event(rig.bev[0], BEV_EVENT_ERROR, 0);
	kit_until_events(&rig, 0, 1);
	kit_settle(rig.base);
	ck_assert_int_eq(rig.log[0].n_events, 1);
	ck_assert_int_eq(rig.log[0].events[0].what,
	    PEV_EVENT_READING | PEV_EVENT_ERROR);
	ck_assert_int_eq(packetevent_get_enabled(rig.pev[0]), 0);
	ck_assert_int_eq(packetevent_enable(rig.pev[0], EV_READ), -1);
	ck_assert_int_eq(packetevent_enable(rig.pev[0], EV_WRITE), -1);
	bufferevent_free(other);
	rig_end(&rig);
}
END_TEST

int
main(void)
{
	unsigned kind = KIT_BIT(KIT_STREAM_PAIR);

	kit_suite("pev_layers");
	kit_case("filters", 0);
	/* A thread-safe filter of libevent 2.1 takes its own lock and that of
	 * what is underneath in either order: not ours to test. */
	kit_plain(test_a_filter_has_an_end, kind);
	kit_plain(test_a_filter_one_at_a_time, kind);
	kit_plain(test_a_filter_is_given_back, kind);
	kit_case("pairs", 0);
	kit_setups(test_the_end_of_both_directions, kind);
	kit_setups(test_a_bad_length_waits_for_a_reader, kind);
	kit_setups(test_an_error_of_neither_direction, kind);
	kit_setups(test_an_error_before_all_else, kind);
	return kit_run();
}
