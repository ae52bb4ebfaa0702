#ifndef EVTUN_TESTS_MANAGER_H_INCLUDED_
#define EVTUN_TESTS_MANAGER_H_INCLUDED_
/*
 * A service manager, as far as it passes descriptors: LISTEN_FDS of
 * sd_listen_fds(3), and the messages of sd_notify(3).
 */
#include <sys/types.h>

#include "kit.h"

#define MANAGER_MAX_FDS 8

/* A program to be run, which is this one: its argument, the descriptors that
 * it has from 3 on (-1: not open), and LISTEN_* as they are, or NULL.
 * listen_pid "own" stands for the right number. */
struct manager_unit {
	const char *argument;
	int fds[MANAGER_MAX_FDS];
	int n_fds;
	const char *listen_pid, *listen_fds, *listen_fdnames;
};

/* Run it; *out becomes a pipe of what it prints, unless out is NULL. */
pid_t manager_start(const struct manager_unit *unit, int *out);
/* Wait for it; fail unless it ends with 0. */
void manager_wait(pid_t pid);
/* Both; what it prints, to be freed. */
char *manager_run(const struct manager_unit *unit);

/* A bound socket, of an abstract name or in a directory that goes with the
 * test, and NOTIFY_SOCKET in the environment. */
int manager_bind(int abstract);
/* What comes next, a string; *fd becomes the descriptor with it, or -1. */
void manager_receive(int sock, char *text, size_t size, int *fd);

#endif /* EVTUN_TESTS_MANAGER_H_INCLUDED_ */
