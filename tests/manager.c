#include "config.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "manager.h"

/* Where descriptors are out of the way of those from 3 on. */
#define ASIDE 100
#define PATIENCE 30

static void
put_variable(const char *name, const char *value)
{
	char own[24];

	snprintf(own, sizeof(own), "%ld", (long)getpid());
	if (value == NULL)
		unsetenv(name);
	else
		setenv(name, strcmp(value, "own") == 0 ? own : value, 1);
}

/* In the new process: all that it is given stays open, nothing else does. */
static void
put_descriptors(const struct manager_unit *unit)
{
	int aside[MANAGER_MAX_FDS], i, fd;

	for (i = 0; i < unit->n_fds; i++)
		aside[i] = unit->fds[i] < 0 ? -1 :
		    fcntl(unit->fds[i], F_DUPFD_CLOEXEC, ASIDE);
	for (fd = 3; fd < ASIDE; fd++)
		close(fd);
	for (i = 0; i < unit->n_fds; i++)
		if (aside[i] >= 0 && dup2(aside[i], 3 + i) < 0)
			_exit(97);
}

static void
become(const struct manager_unit *unit, int out)
{
	char program[4096], *argv[] = { program, (char *)unit->argument,
		NULL };
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n < 0)
		_exit(98);
	program[n] = '\0';
	if (out >= 0 && dup2(out, STDOUT_FILENO) < 0)
		_exit(99);
	put_descriptors(unit);
	put_variable("LISTEN_PID", unit->listen_pid);
	put_variable("LISTEN_FDS", unit->listen_fds);
	put_variable("LISTEN_FDNAMES", unit->listen_fdnames);
	execv(program, argv);
	_exit(100);
}

pid_t
manager_start(const struct manager_unit *unit, int *out)
{
	int fd[2] = { -1, -1 };
	pid_t pid;

	if (out != NULL)
		ck_assert_int_eq(pipe2(fd, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become(unit, fd[1]);
	if (out != NULL) {
		close(fd[1]);
		*out = fd[0];
	}
	return pid;
}

void
manager_wait(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the program failed: status %x", (unsigned)status);
}

char *
manager_run(const struct manager_unit *unit)
{
	size_t size = 4096, n = 0;
	char *text = malloc(size);
	int out;
	pid_t pid = manager_start(unit, &out);
	ssize_t got;

	ck_assert_ptr_nonnull(text);
	while ((got = read(out, text + n, size - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	close(out);
	manager_wait(pid);
	return text;
}

/* ---- messages ---- */

static char directory[] = "/tmp/evtun-manager-XXXXXX";
static struct sockaddr_un bound = { .sun_family = AF_UNIX };

static void
clean_up(void)
{
	unlink(bound.sun_path);
	rmdir(directory);
}

int
manager_bind(int abstract)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { PATIENCE, 0 };
	socklen_t len;
	char *path = bound.sun_path;

	ck_assert_int_ge(sock, 0);
	if (abstract) {
		snprintf(path, sizeof(bound.sun_path),
		    "@evtun-manager-%ld", (long)getpid());
	} else {
		ck_assert_ptr_nonnull(mkdtemp(directory));
		snprintf(path, sizeof(bound.sun_path), "%s/notify",
		    directory);
		atexit(clean_up);
	}
	setenv("NOTIFY_SOCKET", path, 1);
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    strlen(path) + (abstract ? 0 : 1));
	if (abstract)
		path[0] = '\0';
	ck_assert_int_eq(bind(sock, (struct sockaddr *)&bound, len), 0);
	ck_assert_int_eq(setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience)), 0);
	return sock;
}

void
manager_receive(int sock, char *text, size_t size, int *fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { text, size - 1 };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	ssize_t n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg;

	ck_assert_msg(n >= 0, "no message: %s", strerror(errno));
	ck_assert(!(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)));
	text[n] = '\0';
	*fd = -1;
	cmsg = CMSG_FIRSTHDR(&h);
	if (cmsg != NULL) {
		ck_assert_uint_eq(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
		memcpy(fd, CMSG_DATA(cmsg), sizeof(int));
	}
}
