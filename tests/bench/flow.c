/*
 * What is sent through a forwarder: the pattern, and streams of it.
 */
#include "config.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Datagrams begin at one of so many places in the block, PLACE bytes apart. */
#define PLACES 4096
#define PLACE 29

unsigned char *
block(void)
{
	static unsigned char bytes[BLOCK + 8];
	static int made;
	ev_uint64_t x;
	size_t i;

	/* Numbers without a pattern of their own: splitmix64 of a counter. */
	for (i = 0; !made && i < BLOCK; i += 8) {
		x = (i / 8 + 1) * 0x9e3779b97f4a7c15u;
		x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
		x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
		x ^= x >> 31;
		memcpy(bytes + i, &x, 8);
	}
	made = 1;
	return bytes;
}

void
datagram_fill(unsigned char *buf, size_t size, ev_uint64_t number)
{
	memcpy(buf, &number, 8);
	memcpy(buf + 8, block() + 8 + number % PLACES * PLACE, size - 8);
}

ev_uint64_t
datagram_check(const unsigned char *buf, size_t size)
{
	ev_uint64_t number;

	if (size < 8)
		wrong("a datagram that nobody sent");
	memcpy(&number, buf, 8);
	if (memcmp(buf + 8, block() + 8 + number % PLACES * PLACE,
	    size - 8) != 0)
		wrong("a datagram has a wrong byte");
	return number;
}

void
flow_open(struct flow *flow, const struct world *w, int family, int type)
{
	memset(flow, 0, sizeof(*flow));
	flow->at = world_socket(w, 1, family, type, &flow->to);
	flow->from = world_socket(w, 0, family, type, NULL);
	flow->tally = tally_new();
	flow->every = 1;
	if (type == SOCK_STREAM && listen(flow->at, 1) < 0)
		die("listen");
	if (type == SOCK_DGRAM)
		enlarge_buffers(flow->at);
}

void
flow_close(struct flow *flow)
{
	close(flow->at);
	close(flow->from);
	tally_free(flow->tally);
}

/* Blocks until stop; what is begun is sent, so that all of it can be
 * compared. */
void
stream_send(const struct job *job)
{
	const struct flow *flow = job->flow;
	struct tally *tally = flow->tally;
	unsigned char *bytes = block();
	ev_uint64_t number, total = 0;
	size_t at;
	ssize_t n;

	connect_socket(flow->from, &flow->to);
	for (number = 0; !atomic_load(&tally->stop); number++) {
		memcpy(bytes, &number, 8);
		for (at = 0; at < BLOCK; at += (size_t)n) {
			n = send(flow->from, bytes + at, BLOCK - at, 0);
			if (n < 0)
				die("send to a stream");
		}
		total += BLOCK;
	}
	atomic_store(&tally->sent, total);
	if (shutdown(flow->from, SHUT_WR) < 0)
		die("shutdown");
	/* Wait for the other side's end: all has arrived then. */
	if (recv(flow->from, bytes, 1, 0) != 0)
		die("the end of a stream");
}

/* Receive one block, and compare it.  Returns 0 at the end of the stream. */
static int
receive_block(int fd, ev_uint64_t number, int check, struct tally *tally)
{
	static unsigned char buf[BLOCK];
	unsigned char *bytes = block();
	size_t at;
	ssize_t n;

	memcpy(bytes, &number, 8);
	for (at = 0; at < BLOCK; at += (size_t)n) {
		n = recv(fd, buf, BLOCK - at, 0);
		if (n < 0)
			die("receive from a stream");
		if (n == 0 && at == 0)
			return 0;
		if (n == 0)
			wrong("a stream ended within a block");
		if (check && memcmp(buf, bytes + at, (size_t)n) != 0)
			wrong("a stream has a wrong byte");
		tally_add(&tally->bytes, (ev_uint64_t)n);
	}
	return 1;
}

void
stream_receive(const struct job *job)
{
	const struct flow *flow = job->flow;
	struct tally *tally = flow->tally;
	ev_uint64_t number = 0, every = (ev_uint64_t)flow->every;
	int fd = accept(flow->at, NULL, NULL);

	if (fd < 0)
		die("accept");
	while (receive_block(fd, number, number % every == 0, tally))
		number++;
	close(fd);
	atomic_store(&tally->done, 1);
}
