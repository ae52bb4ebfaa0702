/*
 * Datagrams that are sent through a forwarder, many in a call (UDP_SEGMENT,
 * UDP_GRO; see udp(7)), and requests with their answers.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#define UDP_GRO 104
#endif

#define MAX_REQUESTS 100000
/* How long a sender waits for what seems to be on its way, in 50 us. */
#define MAX_WAITS 400

/* The size of the datagrams of a batch, known to both sides. */
static size_t
size_of(const struct flow *flow, ev_uint64_t number)
{
	ev_uint64_t batch = number / (ev_uint64_t)flow->batch;

	if (!flow->vary)
		return flow->size;
	return 8 + (batch * 0x9e3779b97f4a7c15u >> 33) % (flow->size - 7);
}

/* Not so many at once that queues overflow: losses prove nothing. */
static void
wait_for_window(const struct flow *flow, ev_uint64_t number,
    ev_uint64_t *given_up)
{
	ev_uint64_t seen;
	int i;

	for (i = 0; flow->window > 0 && i < MAX_WAITS; i++) {
		seen = atomic_load(&flow->tally->next);
		if (seen < *given_up)
			seen = *given_up;
		if (number - seen <= (ev_uint64_t)flow->window)
			return;
		sleep_seconds(50e-6);
	}
	*given_up = number;
}

void
datagrams_send(const struct job *job)
{
	static unsigned char buf[EVTUN_MAX_PACKET];
	const struct flow *flow = job->flow;
	ev_uint64_t number = 0, given_up = 0;
	size_t size;
	int i, segment = 0;

	connect_socket(flow->from, &flow->to);
	while (!atomic_load(&flow->tally->stop)) {
		wait_for_window(flow, number, &given_up);
		size = size_of(flow, number);
		if (segment != (int)size) {
			segment = (int)size;
			if (setsockopt(flow->from, IPPROTO_UDP, UDP_SEGMENT,
			    &segment, sizeof(segment)) < 0)
				die("UDP_SEGMENT");
		}
		for (i = 0; i < flow->batch; i++)
			datagram_fill(buf + (size_t)i * size, size, number++);
		if (send(flow->from, buf, (size_t)i * size, 0) < 0 &&
		    errno != ENOBUFS && errno != ECONNREFUSED)
			die("send datagrams");
	}
	atomic_store(&flow->tally->sent, number);
}

/* One call's worth: *segment is the size of each datagram in it. */
static size_t
receive_some(int fd, unsigned char *buf, size_t room, size_t *segment)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {buf, room};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	ssize_t n = recvmsg(fd, &msg, 0);
	int value;

	if (n < 0)
		die("receive datagrams");
	*segment = (size_t)n;
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			memcpy(&value, CMSG_DATA(c), sizeof(value));
			*segment = (size_t)value;
		}
	return (size_t)n;
}

/* Datagrams may be lost, but none may be changed, overtaken or doubled. */
static void
look_at_datagram(const struct flow *flow, const unsigned char *buf,
    size_t size)
{
	struct tally *tally = flow->tally;
	ev_uint64_t number = datagram_check(buf, size);
	ev_uint64_t next = atomic_load(&tally->next);

	if (number < next)
		wrong("a datagram was overtaken, or came twice");
	if (size != size_of(flow, number))
		wrong("a datagram has the wrong size");
	tally_add(&tally->lost, number - next);
	tally_add(&tally->packets, 1);
	tally_add(&tally->bytes, size);
	atomic_store_explicit(&tally->next, number + 1, memory_order_release);
}

void
datagrams_receive(const struct job *job)
{
	static unsigned char buf[EVTUN_MAX_PACKET];
	const struct flow *flow = job->flow;
	size_t n, at, segment;

	if (flow->gro && setsockopt(flow->at, IPPROTO_UDP, UDP_GRO,
	    &flow->gro, sizeof(flow->gro)) < 0)
		die("UDP_GRO");
	for (;;) {
		n = receive_some(flow->at, buf, sizeof(buf), &segment);
		for (at = 0; at < n; at += segment) {
			if (segment > n - at)
				segment = n - at;
			look_at_datagram(flow, buf + at, segment);
		}
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void
echo_request(const struct job *job)
{
	static double took[MAX_REQUESTS];
	unsigned char buf[SMALL_PAYLOAD];
	struct timeval limit = {2, 0};
	const struct flow *flow = job->flow;
	int i;

	connect_socket(flow->from, &flow->to);
	setsockopt(flow->from, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (i = 0; i < job->n && i < MAX_REQUESTS; i++) {
		datagram_fill(buf, sizeof(buf), (ev_uint64_t)i);
		took[i] = clock_seconds(CLOCK_MONOTONIC);
		if (send(flow->from, buf, sizeof(buf), 0) < 0 ||
		    recv(flow->from, buf, sizeof(buf), 0) != sizeof(buf))
			die("no answer came");
		took[i] = clock_seconds(CLOCK_MONOTONIC) - took[i];
		if (datagram_check(buf, sizeof(buf)) != (ev_uint64_t)i)
			wrong("the answer to another request");
	}
	qsort(took, (size_t)i, sizeof(took[0]), compare);
	job->tally->value = took[i / 2] * 1e6;
}

void
echo_reply(const struct job *job)
{
	unsigned char buf[EVTUN_MAX_PACKET];
	struct sockaddr_storage from;
	socklen_t len;
	ssize_t n;

	for (;;) {
		len = sizeof(from);
		n = recvfrom(job->flow->at, buf, sizeof(buf), 0,
		    (struct sockaddr *)&from, &len);
		if (n < 0 || sendto(job->flow->at, buf, (size_t)n, 0,
		    (struct sockaddr *)&from, len) != n)
			die("echo");
	}
}
