/*
 * A stream as its owner sees it: connected late, or never; given away and
 * taken back; a filter.
 */
#include "config.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <event2/bufferevent.h>

#include "kit.h"
#include "kit_half.h"

/* ---- connecting ---- */

static struct sockaddr_in
loopback(ev_uint16_t port)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = port;
	return sin;
}

/* Listen (or only bind), and return the address that it got. */
static int
tcp_socket(struct sockaddr_in *sin, int listening)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	*sin = loopback(0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)sin, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)sin, &len), 0);
	if (listening)
		ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static void
half_connect(struct kit_half *half, int setup, struct sockaddr_in *sin)
{
	kit_half_init(half, setup);
	half->bev = bufferevent_socket_new(half->rig.base, -1,
	    kit_bev_options(setup));
	kit_half_begin(half, kit_options(setup));
	/* A packet that waits for the connection. */
	kit_ok(kit_write(&half->rig, 0, 0, 20));
	ck_assert_int_eq(bufferevent_socket_connect(half->bev,
	    (struct sockaddr *)sin, sizeof(*sin)), 0);
}

START_TEST(test_connected)
{
	struct kit_bytes bytes = {NULL, {0}, 0, 0};
	unsigned char data[64];
	struct sockaddr_in sin;
	struct kit_half half;
	int listener = tcp_socket(&sin, 1);

	half_connect(&half, _i, &sin);
	kit_enable(&half.rig, 0, EV_READ);
	half.fd = accept(listener, NULL, NULL);
	ck_assert_int_ge(half.fd, 0);
	evutil_make_socket_nonblocking(half.fd);
	kit_until_events(&half.rig, 0, 1);
	ck_assert_int_eq(half.rig.log[0].events[0].what, PEV_EVENT_CONNECTED);
	ck_assert_int_eq(packetevent_get_enabled(half.rig.pev[0]),
	    EV_READ | EV_WRITE);
	bytes.half = &half;
	bytes.wanted = kit_encode(&half, data, 20, 0, 20);
	kit_until(half.rig.base, kit_has_bytes, &bytes, "the packet");
	ck_assert_mem_eq(bytes.data, data, bytes.wanted);
	kit_put_bytes(&half, data, bytes.wanted);
	kit_until_packets(&half.rig, 0, 1);
	kit_check_packet(&half.rig, 0, 0, 0, 20);
	ck_assert_int_eq(half.rig.log[0].n_events, 1);
	kit_half_close(&half);
	close(listener);
}
END_TEST

START_TEST(test_not_connected)
{
	struct sockaddr_in sin;
	struct kit_half half;
	int bound = tcp_socket(&sin, 0);	/* nobody else gets the port */
	struct kit_event *event;

	half_connect(&half, _i, &sin);
	kit_enable(&half.rig, 0, EV_READ);
	half.fd = bound;
	kit_until_events(&half.rig, 0, 1);
	kit_check_idle(half.rig.base);
	ck_assert_int_eq(half.rig.log[0].n_events, 1);
	event = &half.rig.log[0].events[0];
	ck_assert_int_ne(event->what & PEV_EVENT_ERROR, 0);
	ck_assert_int_eq(event->err, ECONNREFUSED);
	ck_assert_int_eq(kit_write(&half.rig, 0, 0, 20), -1);
	kit_half_close(&half);
}
END_TEST

/* ---- what belongs to whom ---- */

START_TEST(test_unfinished_bytes_stay)
{
	unsigned char data[200];
	struct kit_half half;
	struct evbuffer *input;
	size_t n, whole;

	kit_half_make(&half, _i);
	kit_half_begin(&half, kit_options(_i) & ~PEV_OPT_CLOSE_ON_FREE);
	kit_enable(&half.rig, 0, EV_READ);
	whole = kit_encode(&half, data, 50, 0, 50);
	n = whole + kit_encode(&half, data + whole, 60, 1, 60);
	kit_put_bytes(&half, data, whole + 10);
	kit_until_packets(&half.rig, 0, 1);
	kit_settle(half.rig.base);
	packetevent_free(half.rig.pev[0]);
	event_base_loop(half.rig.base, EVLOOP_NONBLOCK);
	input = bufferevent_get_input(half.bev);
	ck_assert_uint_eq(evbuffer_get_length(input), 10);
	ck_assert_mem_eq(evbuffer_pullup(input, 10), data + whole, 10);
	/* Another one goes on where that one stopped. */
	kit_half_begin(&half, kit_options(_i));
	kit_enable(&half.rig, 0, EV_READ);
	kit_put_bytes(&half, data + whole + 10, n - whole - 10);
	kit_until_packets(&half.rig, 0, 2);
	kit_check_packet(&half.rig, 0, 1, 1, 60);
	kit_half_close(&half);
}
END_TEST

/* Packets that came before there was a packetevent are found. */
START_TEST(test_bytes_that_were_there)
{
	unsigned char data[2048];
	struct kit_half half;

	kit_half_make(&half, _i);
	ck_assert_int_eq(bufferevent_enable(half.bev, EV_READ), 0);
	kit_put_bytes(&half, data, kit_encode_all(&half, data));
	kit_settle(half.rig.base);
	ck_assert_uint_gt(evbuffer_get_length(
	    bufferevent_get_input(half.bev)), 1000);
	kit_half_begin(&half, kit_options(_i));
	kit_settle(half.rig.base);
	ck_assert_uint_eq(half.rig.log[0].n_packets, 0);
	kit_enable(&half.rig, 0, EV_READ);
	kit_check_all(&half);
	kit_half_close(&half);
}
END_TEST

/* ---- over a filter ---- */

/* Turn every bit around. */
static enum bufferevent_filter_result
invert(struct evbuffer *from, struct evbuffer *to, ev_ssize_t limit,
    enum bufferevent_flush_mode mode, void *ctx)
{
	unsigned char data[1024];
	int i, n, moved = 0;

	(void)limit;
	(void)mode;
	(void)ctx;
	while ((n = evbuffer_remove(from, data, sizeof(data))) > 0) {
		for (i = 0; i < n; i++)
			data[i] = (unsigned char)~data[i];
		evbuffer_add(to, data, (size_t)n);
		moved += n;
	}
	return moved > 0 ? BEV_OK : BEV_NEED_MORE;
}

START_TEST(test_over_a_filter)
{
	struct kit_bytes bytes = {NULL, {0}, 0, 0};
	unsigned char data[2048];
	struct kit_half half;
	size_t i;
	unsigned k;

	kit_half_make(&half, _i);
	half.bev = bufferevent_filter_new(half.bev, invert, invert,
	    kit_bev_options(_i), NULL, NULL);
	ck_assert_ptr_nonnull(half.bev);
	kit_half_begin(&half, kit_options(_i));
	kit_enable(&half.rig, 0, EV_READ);
	for (k = 0; k < KIT_N_SIZES; k++)
		kit_ok(kit_write(&half.rig, 0, k, kit_sizes[k]));
	bytes.half = &half;
	bytes.wanted = kit_encode_all(&half, data);
	kit_until(half.rig.base, kit_has_bytes, &bytes, "all bytes");
	for (i = 0; i < bytes.wanted; i++)
		kit_check(bytes.data[i] == (unsigned char)~data[i],
		    "byte %zu is another", i);
	kit_put_bytes(&half, bytes.data, bytes.wanted);
	kit_check_all(&half);
	kit_half_close(&half);
}
END_TEST

int
main(void)
{
	unsigned both = KIT_BIT(KIT_STREAM16) | KIT_BIT(KIT_STREAM32);

	kit_suite("pev_connect");
	kit_case("connecting", 0);
	kit_setups(test_connected, both);
	kit_setups(test_not_connected, both);
	kit_case("ownership", 0);
	kit_setups(test_unfinished_bytes_stay, both);
	kit_setups(test_bytes_that_were_there, both);
	/* libevent takes the locks of a thread-safe filter and of what is
	 * underneath in either order: not ours to test. */
	kit_plain(test_over_a_filter, both);
	return kit_run();
}
