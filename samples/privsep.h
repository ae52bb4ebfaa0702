#ifndef PRIVSEP_H_INCLUDED_
#define PRIVSEP_H_INCLUDED_
/*
 * The parts of privsep.c.
 */
#include <sys/types.h>

/* privsep_child.c: give up every privilege, receive a device over the socket,
 * and answer pings until the socket's other end is closed.  Returns the exit
 * status. */
int child_run(int sock, uid_t uid, gid_t gid);

/* privsep_filter.c: from now on, a system call that moving packets does not
 * take kills the process.  Returns 0, or -1 with errno. */
int filter_install(void);

#endif /* PRIVSEP_H_INCLUDED_ */
