#include "config.h"

#include <sys/socket.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netpacket/packet.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring_line.h"
#include "tun_look.h"

struct ring_fault fault;
struct ring_line line;

/* ---- what stands before liburing ---- */

int __real_io_uring_submit(struct io_uring *uring);
int __wrap_io_uring_submit(struct io_uring *uring);

int
__wrap_io_uring_submit(struct io_uring *uring)
{
	unsigned tail = uring->sq.sqe_tail;
	int n;

	if (fault.interrupted > 0) {
		fault.interrupted--;
		return -EINTR;
	}
	if (fault.calls > 0 && --fault.calls == 0)
		return -EAGAIN;
	if (fault.max > 0 && tail - uring->sq.sqe_head > fault.max)
		uring->sq.sqe_tail = uring->sq.sqe_head + fault.max;
	n = __real_io_uring_submit(uring);
	uring->sq.sqe_tail = tail;
	if (fault.after != NULL)
		fault.after(uring);
	return n;
}

/* ---- the line ---- */

const enum kit_kind line_kinds[2] = { KIT_TUN, KIT_TAP };

void
line_open(enum kit_kind kind)
{
	kit_netns();
	line.fds_before = kit_count_fds();
	line.kind = kind;
	line.tun = kit_tun_new(kind, "ring0", 0);
	line.fd = evtun_get_fd(line.tun);
	line.sock = kit_packet_socket("ring0");
	line.in = evtun_ring_new_(line.fd, 0);
	if (line.in == NULL)
		kit_skip("no io_uring for devices here");
	line.out = evtun_ring_new_(line.fd, 1);
	ck_assert_ptr_nonnull(line.out);
}

void
line_close(void)
{
	evtun_ring_free_(line.in);
	evtun_ring_free_(line.out);
	evtun_free(line.tun);
	close(line.sock);
	ck_assert_int_eq(kit_count_fds(), line.fds_before);
}

void
put_one(unsigned index, size_t size)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
		.sll_protocol = htons(line.kind == KIT_TAP ? 0x88b5 :
		    ETH_P_IP), .sll_ifindex = (int)look_index("ring0") };
	static unsigned char data[KIT_TOO_LARGE];

	kit_fill(line.kind, data, index, size);
	kit_check(sendto(line.sock, data, size, 0, (struct sockaddr *)&to,
	    sizeof(to)) == (ssize_t)size, "send: %s", strerror(errno));
}

void
check_data(ssize_t n, unsigned index, size_t size)
{
	kit_check(n == (ssize_t)size, "packet %u: %zd of %zu bytes: %s", index,
	    n, size, n < 0 ? strerror(errno) : "");
	kit_check(kit_matches(line.kind, line.data, index, size),
	    "packet %u has other bytes", index);
}

void
take_one(unsigned index, size_t size)
{
	memset(line.data, 0xa5, size + 1);
	check_data(evtun_ring_take_(line.in, line.data, sizeof(line.data)),
	    index, size);
	ck_assert_int_eq(line.data[size], 0xa5);
}

void
take_none(void)
{
	kit_fails((int)evtun_ring_take_(line.in, line.data, 1), EAGAIN);
	kit_fails((int)evtun_ring_take_(line.in, line.data, 1), EAGAIN);
}

void
read_plain(unsigned index, size_t size)
{
	check_data(read(line.fd, line.data, sizeof(line.data)), index, size);
}

void
wait_readable(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	ck_assert_msg(poll(&pfd, 1, 30000) == 1, "nothing to read");
}

void
expect(unsigned index, size_t size)
{
	wait_readable(line.sock);
	check_data(recv(line.sock, line.data, sizeof(line.data), 0), index,
	    size);
}

void
expect_none(void)
{
	kit_fails((int)recv(line.sock, line.data, 1, 0), EAGAIN);
}

size_t
size_of(unsigned index)
{
	return 20 + index * 37 % 1400;
}

struct evbuffer_iovec *
make_packets(unsigned n, size_t (*size)(unsigned))
{
	struct evbuffer_iovec *pkts = calloc(n, sizeof(*pkts));
	unsigned i;

	ck_assert_ptr_nonnull(pkts);
	for (i = 0; i < n; i++) {
		pkts[i].iov_len = size(i);
		pkts[i].iov_base = malloc(pkts[i].iov_len);
		ck_assert_ptr_nonnull(pkts[i].iov_base);
		kit_fill(line.kind, pkts[i].iov_base, i, pkts[i].iov_len);
	}
	return pkts;
}

void
free_packets(struct evbuffer_iovec *pkts, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		free(pkts[i].iov_base);
	free(pkts);
}
