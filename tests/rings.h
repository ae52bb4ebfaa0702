#ifndef EVTUN_TESTS_RINGS_H_INCLUDED_
#define EVTUN_TESTS_RINGS_H_INCLUDED_
/*
 * Whether the library uses io_uring: for tests with its internal symbols.
 */
#include "kit.h"

/* How many rings this process has. */
int rings_count(void);
/* Whether the way of a device has them, and the system. */
int rings_exist(struct kit_rig *rig);

#endif /* EVTUN_TESTS_RINGS_H_INCLUDED_ */
