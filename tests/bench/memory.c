/*
 * Memory of a device: by how much a process grows (the resident set) for each
 * device that it makes, watches and reads 64 packets of 1,400 bytes from.
 * What the kernel needs for it is not in that.
 */
#include "config.h"

#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define MAX_DEVICES 1000
#define PAYLOAD 1372

static double
resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[256], *resident;
	long pages;

	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		die("/proc/self/statm");
	fclose(f);
	/* The first number is the size of the address space. */
	strtol(line, &resident, 10);
	pages = strtol(resident, NULL, 10);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void
fill(int i, struct evtun *tun)
{
	static unsigned char payload[PAYLOAD];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	char addr[32];
	int s = socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0), n;

	snprintf(addr, sizeof(addr), "10.%d.%d.1/24", 16 + i / 256, i % 256);
	if (s < 0 || evtun_add_address(tun, addr, NULL) < 0 ||
	    evtun_set_up(tun, 1) < 0)
		die("cannot set a device up");
	to.sin_addr.s_addr = htonl((ev_uint32_t)(10 << 24 |
	    (16 + i / 256) << 16 | i % 256 << 8 | 2));
	enlarge_buffers(s);
	for (n = 0; n < BUDGET; n++)
		if (sendto(s, payload, sizeof(payload), 0,
		    (struct sockaddr *)&to, sizeof(to)) < 0)
			die("sendto");
	close(s);
}

static void
count_cb(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	int *left = ctx;

	(void)pkts;
	*left -= n_pkts;
	if (*left <= 0)
		event_base_loopbreak(packetevent_get_base(pev));
}

static void
run(const struct job *job, int options)
{
	static struct packetevent *pev[MAX_DEVICES];
	struct event_base *base;
	struct evtun *tun;
	double before;
	int i, left = job->n * BUDGET;

	enter_namespace();
	base = event_base_new();
	before = resident_bytes();
	for (i = 0; i < job->n && i < MAX_DEVICES; i++) {
		tun = evtun_new("bench%d", options);
		pev[i] = tun == NULL ? NULL :
		    packetevent_tun_new(base, tun, PEV_OPT_CLOSE_ON_FREE);
		if (pev[i] == NULL)
			die("cannot make a packetevent");
		packetevent_setcb(pev[i], count_cb, NULL, NULL, &left);
		if (packetevent_enable(pev[i], EV_READ) < 0)
			die("packetevent_enable");
		fill(i, tun);
	}
	event_base_dispatch(base);
	if (left != 0)
		wrong("packets came too often, or not at all");
	job->tally->value = (resident_bytes() - before) / job->n;
}

void
memory_run_library(const struct job *job)
{
	run(job, 0);
}

void
memory_run_offload(const struct job *job)
{
	run(job, EVTUN_OPT_OFFLOAD);
}
