/*
 * Malformed frames, as a hostile sender could make them: they are refused and
 * counted, each for its reason, and nothing of them is delivered; what comes
 * before and behind them is.
 */
#include "config.h"

#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "feed.h"
#include "kit.h"
#include "segments.h"
#include "tun_look.h"
#include "vectors.h"

/* ---- a device whose frames these are ---- */

struct stage {
	struct evtun *tun;
	struct event_base *base;
	struct packetevent *pev;	/* NULL: evtun_read() */
	evutil_socket_t fd;
	struct kit_log log;
	struct segments_list list;
	struct vector *bad, *split, *whole;
	int n_bad, n_split, n_whole;
};

static void
read_vectors(struct stage *s)
{
	s->bad = vectors_read('M', &s->n_bad);
	s->split = vectors_read('S', &s->n_split);
	s->whole = vectors_read('K', &s->n_whole);
}

static void
stage_begin(struct stage *s, int with_packetevent)
{
	memset(s, 0, sizeof(*s));
	read_vectors(s);
	kit_netns();
	/* The header that the vectors have. */
	feed.fd = look_open("vnet0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	s->tun = evtun_new_fd(feed.fd, 0);
	ck_assert_msg(s->tun != NULL, "%s", evtun_get_error());
	kit_ok(evtun_set_mtu(s->tun, 65535));
	kit_ok(evtun_set_up(s->tun, 1));
	s->fd = segments_socket("vnet0");
	s->base = event_base_new();
	if (!with_packetevent)
		return;
	s->pev = packetevent_tun_new(s->base, s->tun, 0);
	ck_assert_ptr_nonnull(s->pev);
	packetevent_setcb(s->pev, kit_readcb, NULL, kit_eventcb, &s->log);
	kit_ok(packetevent_enable(s->pev, EV_READ));
}

static void
stage_end(struct stage *s)
{
	packetevent_free(s->pev);
	evtun_free(s->tun);
	feed.fd = -1;
	event_base_free(s->base);
	close(s->fd);
	kit_log_clear(&s->log);
	segments_list_clear(&s->list);
	vectors_free(s->bad, s->n_bad);
	vectors_free(s->split, s->n_split);
	vectors_free(s->whole, s->n_whole);
}

static void
feed_good(struct stage *s, const struct vector *v)
{
	int i;

	feed_vector(v);
	for (i = 0; i < v->n_pkts; i++)
		segments_list_add(&s->list, v->pkts[i].iov_base,
		    v->pkts[i].iov_len);
}

/* A packet of the kernel's, which makes the descriptor readable; behind all
 * the others. */
static void
send_last(struct stage *s)
{
	static struct segments_frame frame;
	struct segments_form form;

	memset(&form, 0, sizeof(form));
	form.payload = 10;
	segments_make_complete(&frame, &form);
	segments_send(s->fd, &frame);
	segments_list_split(&s->list, &frame);
}

static int
has_all(void *arg)
{
	struct stage *s = arg;

	return s->log.n_packets >= s->list.n;
}

/* Read until the last one has come. */
static void
read_all(struct stage *s)
{
	static unsigned char buf[KIT_TOO_LARGE];
	struct evbuffer_iovec pkt = { buf, 0 };
	int n;

	send_last(s);
	if (s->pev != NULL) {
		kit_until(s->base, has_all, s, "all packets");
		kit_settle(s->base);
	} else {
		while ((n = evtun_read(s->tun, buf, sizeof(buf))) > 0) {
			pkt.iov_len = (size_t)n;
			kit_readcb(NULL, &pkt, 1, &s->log);
		}
		kit_check(n == 0, "read: %s", evtun_get_error());
	}
	ck_assert_int_eq(feed.first, feed.n);
	segments_list_compare(&s->list, &s->log);
	ck_assert_int_eq(s->log.n_events, 0);
	feed_end();
}

static ev_uint64_t
count(struct stage *s, enum packetevent_count which)
{
	return packetevent_get_count(s->pev, which);
}

/* ---- why ---- */

/* The names of the vectors begin so. */
static const struct {
	const char *name;
	enum packetevent_count why;
} reasons[] = {
	{ "short header", PEV_COUNT_REFUSED_SHORT },
	{ "tcp gso cut to 1", PEV_COUNT_REFUSED_SHORT },
	{ "ip version", PEV_COUNT_REFUSED_TYPE },
	{ "gso_type", PEV_COUNT_REFUSED_TYPE },
	{ "TCPV6 on v4", PEV_COUNT_REFUSED_TYPE },
	{ "frag offset", PEV_COUNT_REFUSED_TYPE },
	{ "doff", PEV_COUNT_REFUSED_LENGTH },
	{ "ihl", PEV_COUNT_REFUSED_LENGTH },
	{ "total_len", PEV_COUNT_REFUSED_LENGTH },
	{ "csum", PEV_COUNT_REFUSED_CSUM },
	{ "none-csum", PEV_COUNT_REFUSED_CSUM },
	{ "gso_size 0", PEV_COUNT_REFUSED_SIZE }
};
#define N_REASONS (sizeof(reasons) / sizeof(reasons[0]))

static int
find_reason(const char *name)
{
	size_t i;

	for (i = 0; i < N_REASONS; i++)
		if (strncmp(name, reasons[i].name,
		    strlen(reasons[i].name)) == 0)
			return (int)reasons[i].why;
	return -1;
}

/* That the last frame was counted, for one reason, and for this one if it is
 * known. */
static void
check_reason(struct stage *s, const char *name, ev_uint64_t *before)
{
	int i, why = find_reason(name), found = 0;
	ev_uint64_t now;

	for (i = PEV_COUNT_REFUSED_SHORT; i <= PEV_COUNT_REFUSED_SEGMENTS;
	    i++) {
		now = count(s, (enum packetevent_count)i);
		if (now != before[i]) {
			ck_assert_uint_eq(now, before[i] + 1);
			kit_check(why < 0 || why == i,
			    "%s: counter %d, not %d", name, i, why);
			found++;
		}
		before[i] = now;
	}
	kit_check(found == 1, "%s: %d reasons", name, found);
}

START_TEST(test_reasons)
{
	ev_uint64_t before[PEV_COUNT_REFUSED_SEGMENTS + 1];
	struct stage s;
	int i;

	stage_begin(&s, 1);
	memset(before, 0, sizeof(before));
	for (i = 0; i < s.n_bad; i++) {
		feed_vector(&s.bad[i]);
		read_all(&s);
		check_reason(&s, s.bad[i].name, before);
		ck_assert_uint_eq(count(&s, PEV_COUNT_READ_REFUSED),
		    (unsigned)i + 1);
	}
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_DROPPED), 0);
	stage_end(&s);
}
END_TEST

/* ---- between good ones ---- */

static void
feed_all(struct stage *s)
{
	int i;

	for (i = 0; i < s->n_bad || i < s->n_split || i < s->n_whole; i++) {
		feed_vector(&s->bad[i % s->n_bad]);
		feed_good(s, &s->split[i % s->n_split]);
		feed_vector(&s->bad[(i + 1) % s->n_bad]);
		feed_vector(&s->bad[(i + 2) % s->n_bad]);
		feed_good(s, &s->whole[i % s->n_whole]);
	}
}

static const int batches[] = { 64, 3, 1 };

START_TEST(test_between)
{
	struct stage s;
	int bad;

	stage_begin(&s, 1);
	kit_ok(packetevent_set_max_batch(s.pev, batches[_i]));
	feed_all(&s);
	bad = feed.n / 5 * 3;
	read_all(&s);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_REFUSED), bad);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_PACKETS), s.list.n);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_DROPPED), 0);
	stage_end(&s);
}
END_TEST

/* In the other byte order. */
START_TEST(test_swapped)
{
	struct stage s;

	feed.swapped = 1;
	stage_begin(&s, 1);
	feed_all(&s);
	read_all(&s);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_PACKETS), s.list.n);
	stage_end(&s);
}
END_TEST

/* evtun_read() passes over them. */
START_TEST(test_evtun_read)
{
	struct stage s;

	stage_begin(&s, 0);
	feed_all(&s);
	read_all(&s);
	stage_end(&s);
}
END_TEST

/* Read as they are, they are refused on the way to what takes no large
 * frames. */
START_TEST(test_large)
{
	struct packetevent *pair[2];
	struct stage s;
	size_t bad;

	stage_begin(&s, 1);
	kit_ok(packetevent_pair_new(s.base, 0, pair));
	packetevent_setwatermark(pair[0], 0, 1 << 22);
	packetevent_setcb(pair[1], kit_readcb, NULL, kit_eventcb, &s.log);
	kit_ok(packetevent_enable(pair[1], EV_READ));
	kit_ok(packetevent_disable(s.pev, EV_READ));
	kit_ok(packetevent_set_large(s.pev, 1));
	packetevent_setcb(s.pev, packetevent_forward, NULL, NULL, pair[0]);
	kit_ok(packetevent_enable(s.pev, EV_READ));
	feed_all(&s);
	bad = (size_t)feed.n / 5 * 3;
	read_all(&s);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_REFUSED) +
	    count(&s, PEV_COUNT_READ_DROPPED) +
	    packetevent_get_count(pair[0], PEV_COUNT_WRITE_DROPPED), bad);
	packetevent_free(pair[0]);
	packetevent_free(pair[1]);
	stage_end(&s);
}
END_TEST

/* ---- too much ---- */

/* Segments: one more than is allowed. */
static void
feed_segments(struct stage *s, enum segments_sort sort, size_t n, int good)
{
	static struct segments_frame frame;
	struct segments_form form;

	memset(&form, 0, sizeof(form));
	form.sort = sort;
	form.gso_size = 10;
	form.payload = n * 10;
	segments_make(&frame, &form);
	feed_frame(&frame.offload, frame.data, frame.len);
	if (good)
		segments_list_split(&s->list, &frame);
}

START_TEST(test_too_many_segments)
{
	struct stage s;
	int i;

	stage_begin(&s, 1);
	for (i = 0; i < SEGMENTS_N_SORTS; i++) {
		size_t most = i >= SEGMENTS_UDP4 ? 128 : 2048;

		feed_segments(&s, (enum segments_sort)i, most + 1, 0);
		feed_segments(&s, (enum segments_sort)i, most, 1);
	}
	read_all(&s);
	ck_assert_uint_eq(count(&s, PEV_COUNT_REFUSED_SEGMENTS),
	    SEGMENTS_N_SORTS);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_REFUSED),
	    SEGMENTS_N_SORTS);
	stage_end(&s);
}
END_TEST

/* A packet that is longer than any can be is lost, wherever its end is, and
 * the room behind the others is theirs. */
START_TEST(test_too_long)
{
	static const size_t more[] = { 1, 2, 16, 25, 29, 30, 31, 40, 1000 };
	static unsigned char data[KIT_TOO_LARGE];
	static const struct evtun_offload none;
	struct stage s;
	size_t i, n = sizeof(more) / sizeof(more[0]);

	stage_begin(&s, 1);
	for (i = 0; i < n; i++) {
		kit_fill(KIT_TUN, data, (unsigned)i, sizeof(data));
		feed_frame(&none, data, EVTUN_MAX_PACKET + more[i]);
		feed_good(&s, &s.split[i % (size_t)s.n_split]);
		feed_frame(&none, data, EVTUN_MAX_PACKET);
		segments_list_add(&s.list, data, EVTUN_MAX_PACKET);
	}
	read_all(&s);
	ck_assert_uint_eq(count(&s, PEV_COUNT_READ_DROPPED) +
	    count(&s, PEV_COUNT_READ_REFUSED), n);
	stage_end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("pev_malformed");
	kit_case("frames", KIT_NEEDS_TUN);
	kit_test(test_reasons);
	kit_loop(test_between, 0, 3);
	kit_test(test_swapped);
	kit_test(test_evtun_read);
	kit_test(test_large);
	kit_test(test_too_many_segments);
	kit_test(test_too_long);
	return kit_run();
}
