/*
 * Many devices: what a packet costs if it may come from any of them.
 *
 * All devices get the same number of packets, at least one each, and then
 * those are read, by one thread, whose processor time is measured.  Sending
 * them is not.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define MAX_FARMS 3
#define MAX_DEVICES 1000
/* Packets that a device's queue surely holds. */
#define ROUND 400
/* Packets of one measurement. */
#define TOTAL 40000
/* Rounds before the first that is measured. */
#define WARM_UP 4

struct farm {
	int n;
	struct evtun *tun[MAX_DEVICES];
	struct sockaddr_in to[MAX_DEVICES];
	int sender;
};

static struct farm *farms[MAX_FARMS];
static int n_farms;

static void
add_device(struct farm *farm, int i)
{
	struct sockaddr_in *to = &farm->to[i];
	char addr[32];

	snprintf(addr, sizeof(addr), "10.%d.%d.1/24", 16 + i / 256, i % 256);
	farm->tun[i] = evtun_new("bench%d", 0);
	if (farm->tun[i] == NULL ||
	    evtun_add_address(farm->tun[i], addr, NULL) < 0 ||
	    evtun_set_up(farm->tun[i], 1) < 0)
		die("cannot make one of many devices");
	to->sin_family = AF_INET;
	to->sin_port = htons(9);
	to->sin_addr.s_addr = htonl((ev_uint32_t)(10 << 24 |
	    (16 + i / 256) << 16 | i % 256 << 8 | 2));
}

static struct farm *
farm_get(int n)
{
	struct farm *farm;
	int i;

	for (i = 0; i < n_farms; i++)
		if (farms[i]->n == n)
			return farms[i];
	farm = calloc(1, sizeof(*farm));
	if (n_farms == MAX_FARMS || n > MAX_DEVICES || n < 1 ||
	    farm == NULL)
		wrong("no room for so many devices");
	enter_namespace();
	for (farm->n = 0; farm->n < n; farm->n++)
		add_device(farm, farm->n);
	farm->sender = socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0);
	if (farm->sender < 0)
		die("socket");
	enlarge_buffers(farm->sender);
	leave_namespace();
	farms[n_farms++] = farm;
	return farm;
}

void
farm_prepare(int n)
{
	farm_get(n);
}

void
farm_free_all(void)
{
	struct farm *farm;
	int i;

	while (n_farms > 0) {
		farm = farms[--n_farms];
		for (i = 0; i < farm->n; i++)
			evtun_free(farm->tun[i]);
		close(farm->sender);
		free(farm);
	}
}

/* Returns how many packets there are now. */
static int
sow(const struct farm *farm)
{
	unsigned char payload[SMALL_PAYLOAD] = {0};
	int each = ROUND / farm->n, i, j;

	if (each == 0)
		each = 1;
	for (j = 0; j < each; j++)
		for (i = 0; i < farm->n; i++)
			if (sendto(farm->sender, payload, sizeof(payload), 0,
			    (const struct sockaddr *)&farm->to[i],
			    sizeof(farm->to[i])) < 0)
				die("sendto");
	return each * farm->n;
}

static int
read_some(int fd, unsigned char *buf)
{
	int i;

	for (i = 0; i < BUDGET; i++)
		if (read(fd, buf, FRAME_ROOM) < 0)
			break;
	if (i < BUDGET && errno != EAGAIN)
		die("read");
	return i;
}

/* What one of the two ways to read has to keep. */
struct reader {
	void (*reap)(struct reader *r, int want);
	int n;
	struct pollfd *p;
	struct event_base *base;
	int got;
	int want;
};

static void
measure(const struct job *job, const struct farm *farm, struct reader *r)
{
	double took = 0, since;
	int i, n, total = 0;

	for (i = 0; total < TOTAL; i++) {
		n = sow(farm);
		since = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
		r->reap(r, n);
		if (i < WARM_UP)
			continue;
		took += clock_seconds(CLOCK_THREAD_CPUTIME_ID) - since;
		total += n;
	}
	job->tally->value = took / total * 1e9;
}

static void
reap_bare(struct reader *r, int want)
{
	static unsigned char buf[FRAME_ROOM];
	int got = 0, i;

	while (got < want) {
		if (poll(r->p, (nfds_t)r->n, 1000) <= 0)
			die("packets are missing");
		for (i = 0; i < r->n; i++)
			if (r->p[i].revents != 0)
				got += read_some(r->p[i].fd, buf);
	}
}

void
farm_run_bare(const struct job *job)
{
	static struct pollfd p[MAX_DEVICES];
	const struct farm *farm = farm_get(job->n);
	struct reader r = {reap_bare, farm->n, p, NULL, 0, 0};
	int i;

	for (i = 0; i < farm->n; i++) {
		p[i].fd = evtun_get_fd(farm->tun[i]);
		p[i].events = POLLIN;
	}
	measure(job, farm, &r);
}

static void
count_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	struct reader *r = ctx;

	(void)pev, (void)pkts;
	r->got += n_pkts;
	if (r->got >= r->want)
		event_base_loopbreak(r->base);
}

static void
reap_with_library(struct reader *r, int want)
{
	r->got = 0;
	r->want = want;
	event_base_dispatch(r->base);
	if (r->got != want)
		wrong("packets came too often, or not at all");
}

void
farm_run_library(const struct job *job)
{
	const struct farm *farm = farm_get(job->n);
	struct reader r = {reap_with_library, farm->n, NULL, NULL, 0, 0};
	struct packetevent *pev;
	int i;

	r.base = event_base_new();
	if (r.base == NULL)
		die("event_base_new");
	for (i = 0; i < farm->n; i++) {
		pev = packetevent_tun_new(r.base, farm->tun[i], 0);
		if (pev == NULL)
			die("packetevent_tun_new");
		packetevent_setcb(pev, count_cb, NULL, NULL, &r);
		if (packetevent_enable(pev, EV_READ) < 0)
			die("packetevent_enable");
	}
	measure(job, farm, &r);
}
