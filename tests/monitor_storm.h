#ifndef EVTUN_TESTS_MONITOR_STORM_H_INCLUDED_
#define EVTUN_TESTS_MONITOR_STORM_H_INCLUDED_
/*
 * Another process, which changes interfaces and addresses as fast as it can.
 */
#include <sys/types.h>

/* So many devices there are, s0 and so on; make them. */
#define STORM_DEVICES 16
void storm_prepare(void);

struct storming {
	pid_t pid;
	int fd;			/* readable when it is over */
};
/* Begin n changes, at random but for the seed: up and down, the MTU (which
 * grows), the name, addresses and, now and then, the device. */
#define STORM_MTU 2000
void storm_begin(struct storming *storming, unsigned n, unsigned seed);
/* Wait for its end; it must not have failed. */
void storm_end(struct storming *storming);

#endif /* EVTUN_TESTS_MONITOR_STORM_H_INCLUDED_ */
