/*
 * A /proc of the test's own.
 *
 * Whoever looks at /proc/PID/fdinfo of a device holds it open for a moment; if
 * that is when its owner closes it, the interface stays for a while, and
 * another test wonders.
 */
#include "config.h"

#include <sys/mount.h>
#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

/* Leave at once: what else is done at exit would look for this process in the
 * new namespace. */
static void
end_as(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(1);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void
kit_own_proc(void)
{
	const char *fork_mode = getenv("CK_FORK");
	pid_t pid;

	if (fork_mode != NULL && strcmp(fork_mode, "no") == 0)
		return;
	ck_assert_msg(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0,
	    "namespace for processes: %s", strerror(errno));
	pid = check_fork();
	if (pid > 0)
		end_as(pid);
	ck_assert_int_eq(pid, 0);
	ck_assert_int_eq(mount("none", "/", "none", MS_REC | MS_PRIVATE,
	    NULL), 0);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		kit_skip("no /proc of our own: %s", strerror(errno));
}
