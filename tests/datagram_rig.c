/*
 * A packetevent over a datagram socket, and the plain socket at its other end.
 */
#include "config.h"

#include <sys/socket.h>

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "datagram_rig.h"

/* ---- sockets ---- */

static evutil_socket_t
udp_socket(int family, struct sockaddr_storage *addr)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)addr;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int room = 212992;
	socklen_t len = sizeof(*addr);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = (sa_family_t)family;
	if (family == AF_INET)
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		sin6->sin6_addr = in6addr_loopback;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)addr, family == AF_INET ?
	    sizeof(*sin) : sizeof(*sin6)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)addr, &len), 0);
	return fd;
}

void
connect_to(evutil_socket_t fd, const struct sockaddr_storage *addr)
{
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)addr,
	    addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
	    sizeof(struct sockaddr_in6)), 0);
}

static void
open_udp(struct ends *ends, int family, int connected)
{
	struct sockaddr_storage addr, peer;

	kit_netns();
	if (family == AF_INET6) {
		if (access("/proc/sys/net/ipv6", F_OK) < 0)
			kit_skip("no IPv6 here");
		kit_ipv6(1);
	}
	ends->fd = udp_socket(family, &addr);
	ends->peer = udp_socket(family, &peer);
	connect_to(ends->peer, &addr);
	if (connected)
		connect_to(ends->fd, &peer);
}

void
ends_open_sockets(struct ends *ends, int loop)
{
	enum sort sort = SORT_OF(loop);
	evutil_socket_t fd[2];

	memset(ends, 0, sizeof(*ends));
	memset(&datagram_wrap, 0, sizeof(datagram_wrap));
	ends->rig.setup = KIT_SETUP(KIT_UDP, loop % 2, KIT_EPOLL);
	ends->rig.kind = KIT_UDP;
	ends->rig.base = kit_base_new(ends->rig.setup);
	if (sort < DGRAM) {
		open_udp(ends, sort == UDP4 || sort == OPEN4 ? AF_INET :
		    AF_INET6, sort < OPEN4);
		return;
	}
	kit_sockets(sort == DGRAM ? KIT_DGRAM : KIT_SEQPACKET, fd);
	ends->fd = fd[0];
	ends->peer = fd[1];
}

struct packetevent *
ends_add(struct ends *ends, int end)
{
	struct packetevent *pev = packetevent_fd_new(ends->rig.base,
	    end == 0 ? ends->fd : ends->peer,
	    kit_options(ends->rig.setup) & ~PEV_OPT_CLOSE_ON_FREE);

	ck_assert_ptr_nonnull(pev);
	packetevent_setcb(pev, kit_readcb, kit_writecb, kit_eventcb,
	    &ends->rig.log[end]);
	ends->rig.pev[end] = pev;
	return pev;
}

void
ends_open(struct ends *ends, int loop)
{
	ends_open_sockets(ends, loop);
	ends_add(ends, 0);
}

void
ends_open_both(struct ends *ends, int loop)
{
	ends_open(ends, loop);
	ends_add(ends, 1);
}

static void
stop_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n,
    void *ctx)
{
	kit_ok(packetevent_disable(pev, EV_READ));
	kit_readcb(pev, pkts, n, ctx);
}

void
ends_stop_reading(struct ends *ends, int max_batch)
{
	packetevent_setcb(ends->rig.pev[0], stop_cb, NULL, kit_eventcb,
	    &ends->rig.log[0]);
	kit_ok(packetevent_set_max_batch(ends->rig.pev[0], max_batch));
}

void
ends_close(struct ends *ends)
{
	int i;

	for (i = 0; i < 2; i++) {
		packetevent_free(ends->rig.pev[i]);
		kit_log_clear(&ends->rig.log[i]);
	}
	kit_settle(ends->rig.base);
	event_base_free(ends->rig.base);
	close(ends->fd);
	close(ends->peer);
}

/* ---- packets ---- */

void
peer_send(struct ends *ends, unsigned start, unsigned n, size_t size)
{
	static unsigned char data[65536];
	unsigned i;

	for (i = start; i < start + n; i++) {
		kit_fill(KIT_UDP, data, i, size);
		ck_assert_int_eq((int)send(ends->peer, data, size, 0),
		    (int)size);
	}
}

static void
peer_check_one(struct ends *ends, unsigned index, size_t size)
{
	static unsigned char data[65536];
	ssize_t n = recv(ends->peer, data, sizeof(data), MSG_DONTWAIT);

	kit_check(n == (ssize_t)size, "packet %u has %d bytes, not %d", index,
	    (int)n, (int)size);
	kit_check(kit_matches(KIT_UDP, data, index, size),
	    "packet %u has other bytes", index);
}

void
peer_check(struct ends *ends, unsigned start, unsigned n, size_t size)
{
	unsigned i;

	for (i = start; i < start + n; i++)
		peer_check_one(ends, i, size);
}

void
peer_check_nothing(struct ends *ends)
{
	char c;

	ck_assert_int_eq((int)recv(ends->peer, &c, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

int
write_sizes(struct packetevent *pev, unsigned start, unsigned n,
    size_t (*get_size)(unsigned))
{
	static unsigned char data[MANY * 9000];
	struct evbuffer_iovec pkts[MANY];
	unsigned char *p = data;
	unsigned i;

	for (i = 0; i < n; i++) {
		pkts[i].iov_base = p;
		pkts[i].iov_len = get_size(start + i);
		kit_fill(KIT_UDP, p, start + i, pkts[i].iov_len);
		p += pkts[i].iov_len;
	}
	return packetevent_write_batch(pev, pkts, (int)n);
}

static size_t the_size;

static size_t
get_the_size(unsigned index)
{
	(void)index;
	return the_size;
}

int
write_many(struct packetevent *pev, unsigned start, unsigned n, size_t size)
{
	the_size = size;
	return write_sizes(pev, start, n, get_the_size);
}

void
check_read(struct ends *ends, unsigned n, size_t size)
{
	unsigned i;

	kit_until_packets(&ends->rig, 0, n);
	kit_settle(ends->rig.base);
	ck_assert_uint_eq(ends->rig.log[0].n_packets, n);
	for (i = 0; i < n; i++)
		kit_check_packet(&ends->rig, 0, i, i, size);
	ck_assert_int_eq(ends->rig.log[0].n_events, 0);
	kit_log_clear(&ends->rig.log[0]);
}

ev_uint64_t
count_unjoined(struct ends *ends)
{
	return kit_count(&ends->rig, 1, PEV_COUNT_WRITE_UNJOINED);
}
