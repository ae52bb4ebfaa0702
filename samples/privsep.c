/*
 * Two processes: a parent that is root makes a device, and a child without any
 * privilege moves the packets:
 *
 *	privsep [-u USER] tun0 10.9.0.1/24 fd00:9::1/64
 *
 * The child (privsep_child.c) is another user ("nobody"), in an empty network
 * namespace, and may do few system calls (privsep_filter.c).  All it has is
 * the descriptor, which comes over a socket in one message, and with that it
 * answers pings as ping.c does.  Whoever should take it over by a malformed
 * packet has that descriptor, and nothing else.
 *
 * Each of them sees the socket close when the other one ends.
 */
#include "privsep.h"
#include "sample.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <event2/event.h>
#include <evtun/pass.h>
#include <evtun/tun.h>

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
child_ended_cb(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(ctx);
}

/* Wait for the child, say what became of it, and return 0 if all was well. */
static int
wait_for_child(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "privsep: process %ld was killed: %s%s\n",
		    (long)pid, strsignal(WTERMSIG(status)),
		    WTERMSIG(status) == SIGSYS ?
		    ", for a call that its filter forbids" : "");
		return 1;
	}
	return WEXITSTATUS(status);
}

static int
parent_run(int sock, pid_t pid, const char *name, char **addresses)
{
	struct event_base *base = sample_new_base();
	struct event *ended = event_new(base, sock, EV_READ, child_ended_cb,
	    base);
	struct evtun *tun;
	int status;

	if (ended == NULL || event_add(ended, NULL) != 0)
		sample_die("cannot wait for the child");
	tun = sample_open(name, EVTUN_OPT_OFFLOAD, addresses);
	fprintf(stderr, "%s is up, for process %ld\n", evtun_get_name(tun),
	    (long)pid);
	if (evtun_send_device(tun, sock) != 0)
		fprintf(stderr, "%s\n", evtun_get_error());
	/* The interface lives on with the child's descriptor, and ends with
	 * it. */
	evtun_free(tun);
	event_base_dispatch(base);
	event_free(ended);
	close(sock);
	status = wait_for_child(pid);
	return sample_free_base(base) || status;
}

int
main(int argc, char **argv)
{
	int sock[2], first = argc > 2 && strcmp(argv[1], "-u") == 0 ? 3 : 1;
	const char *user = first == 3 ? argv[2] : "nobody";
	struct passwd *pw;
	pid_t pid;

	if (argc < first + 2 || argv[first][0] == '-') {
		fputs("usage: privsep [-u USER] NAME ADDRESS/LENGTH...\n",
		    stderr);
		return 2;
	}
	if ((pw = getpwnam(user)) == NULL) {
		fprintf(stderr, "privsep: there is no user %s\n", user);
		return 1;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) != 0)
		sample_die("cannot make a pair of sockets");
	pid = fork();
	if (pid < 0)
		sample_die("cannot make a process");
	if (pid == 0) {
		close(sock[0]);
		return child_run(sock[1], pw->pw_uid, pw->pw_gid);
	}
	close(sock[1]);
	return parent_run(sock[0], pid, argv[first], argv + first + 1);
}
