/*
 * The processes of a measurement, and their clocks.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

struct tally *
tally_new(void)
{
	void *memory = mmap(NULL, sizeof(struct tally), PROT_READ|PROT_WRITE,
	    MAP_SHARED|MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

void
tally_free(struct tally *tally)
{
	munmap(tally, sizeof(*tally));
}

/* Stay on one processor, if there are so many. */
static void
pin(int wanted)
{
	cpu_set_t set, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(set), &set) < 0 ||
	    CPU_COUNT(&set) < 2)
		return;
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && --wanted == 0)
			break;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		die("sched_setaffinity");
}

pid_t
job_start(const struct job *job)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	if (job->cpu > 0)
		pin(job->cpu);
	job->run(job);
	_exit(0);
}

/* A job that ended badly has said why. */
static void
look_at_status(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
		return;
	fprintf(stderr, "bench: a process ended with status %#x\n",
	    (unsigned)status);
	_exit(1);
}

void
job_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	look_at_status(status);
}

void
job_check(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) == 0)
		return;
	look_at_status(status);
	wrong("a process ended too early");
}

void
job_stop(pid_t pid)
{
	job_check(pid);
	kill(pid, SIGTERM);
	job_wait(pid);
}

double
clock_seconds(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		die("clock_gettime");
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
sleep_seconds(double seconds)
{
	struct timespec t;

	t.tv_sec = (time_t)seconds;
	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		continue;
}

double
cpu_seconds(pid_t pid)
{
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0)
		die("clock_getcpuclockid");
	return clock_seconds(clock);
}

long
sleeps_of(pid_t pid)
{
	static const char key[] = "voluntary_ctxt_switches:";
	char path[64], line[256];
	long n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		die(path);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, key, sizeof(key) - 1) == 0)
			n = strtol(line + sizeof(key) - 1, NULL, 10);
	fclose(f);
	return n;
}
