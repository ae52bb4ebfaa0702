/*
 * Who has a device open.
 *
 * /proc/PID/fdinfo gives the name of the interface alone, and there may be
 * others of that name in other network namespaces.  A process that is in the
 * interface's own is taken to mean that one.  Of any other the kernel is
 * asked, which takes a copy of the descriptor, and the right to trace the
 * process: so it is not done where it need not be.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/holders-internal.h"
#include "tun/linux-internal.h"
#include "tun/list-internal.h"
#include "tun/rtnetlink-internal.h"

/* For headers older than the kernel (5.6); the same on all machines. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Room for a line of fdinfo, and for a path below /proc. */
#define LINE_SIZE (EVTUN_NAME_SIZE + 8)
#define PATH_SIZE 64

struct search {
	const ev_uint64_t *home;
	/* What fdinfo says of the interface. */
	char line[LINE_SIZE];
	/* Whether processes in its namespace are looked at, or all others. */
	int neighbours;
	long left;
	evtun_held_cb fn;
	void *arg;
	/* What fn has returned. */
	int result;
};

/* The process that is looked at. */
struct process {
	int proc;		/* /proc */
	const char *number;
	/* It is in the interface's namespace. */
	int is_neighbour;
};

/*
 * What follows returns 1 or 0, or -1 with errno.  That a process is not to be
 * looked at, or has gone, is 0; but not that there is no room to look.
 */
static int
pass_over(void)
{
	return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
}

static int
is_number(const char *name)
{
	return name[0] != '\0' && strspn(name, "0123456789") == strlen(name);
}

/* 1 if there is text. */
static int
read_text(int dir, const char *path, char *text, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return pass_over();
	n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return 1;
}

static int
is_same(const struct stat *st, const ev_uint64_t home[2])
{
	return st->st_dev == home[0] && st->st_ino == home[1];
}

/* ---- a descriptor ---- */

static int
is_at_home(int fd, const ev_uint64_t home[2])
{
	int netns = ioctl(fd, TUNGETDEVNETNS), is_home;
	struct stat st;

	if (netns < 0)
		return pass_over();
	is_home = fstat(netns, &st) == 0 && is_same(&st, home);
	close(netns);
	return is_home;
}

static int
copy_descriptor(const struct evtun_held *held)
{
	int pidfd = (int)syscall(SYS_pidfd_open, held->pid, 0U), fd;

	if (pidfd < 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, held->fd, 0U);
	close(pidfd);
	return fd;
}

static int
is_proven(const struct evtun_held *held, const ev_uint64_t home[2])
{
	int fd, r;

	if (held->pid == (long)getpid())
		return is_at_home(held->fd, home);
	if ((fd = copy_descriptor(held)) < 0)
		return pass_over();
	r = is_at_home(fd, home);
	close(fd);
	return r;
}

/* What a process calls itself may hold any byte. */
static int
get_command(const struct process *p, char *command)
{
	char path[PATH_SIZE];
	size_t i, n;

	snprintf(path, sizeof(path), "%.20s/comm", p->number);
	if (read_text(p->proc, path, command, EVTUN_COMMAND_SIZE) < 0)
		return -1;
	n = strlen(command);
	if (n > 0 && command[n - 1] == '\n')
		command[--n] = '\0';
	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)command[i]) &&
		    strchr("._-:/ ", command[i]) == NULL)
			command[i] = '?';
	return 1;
}

/* drivers/net/tun.c: tun_chr_show_fdinfo() */
static int
look_at(const struct search *s, const struct process *p, int fdinfo,
    const char *number, struct evtun_held *held)
{
	char text[512];
	int r = read_text(fdinfo, number, text, sizeof(text));

	if (r <= 0 || strstr(text, s->line) == NULL)
		return r < 0 ? -1 : 0;
	held->pid = strtol(p->number, NULL, 10);
	held->fd = (int)strtol(number, NULL, 10);
	if (!p->is_neighbour && (r = is_proven(held, s->home)) <= 0)
		return r;
	return get_command(p, held->command);
}

/* ---- a process ---- */

static int
is_neighbour(int proc, const char *pid, const ev_uint64_t home[2])
{
	char path[PATH_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), "%.20s/ns/net", pid);
	return fstatat(proc, path, &st, 0) == 0 && is_same(&st, home);
}

static void
search_descriptors(struct search *s, const struct process *p, DIR *fdinfo)
{
	struct evtun_held held;
	struct dirent *entry;
	int r;

	while (s->result == 0 && s->left-- > 0 &&
	    (entry = readdir(fdinfo)) != NULL) {
		if (!is_number(entry->d_name))
			continue;
		r = look_at(s, p, dirfd(fdinfo), entry->d_name, &held);
		s->result = r > 0 ? s->fn(&held, s->arg) : r;
	}
}

static DIR *
open_descriptors(const struct process *p)
{
	char path[PATH_SIZE];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%.20s/fdinfo", p->number);
	fd = openat(p->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if ((dir = fdopendir(fd)) == NULL)
		close(fd);
	return dir;
}

static void
search_process(struct search *s, int proc, const char *number)
{
	struct process p = { proc, number,
	    is_neighbour(proc, number, s->home) };
	DIR *dir;
	int err;

	if (p.is_neighbour != s->neighbours)
		return;
	if ((dir = open_descriptors(&p)) == NULL) {
		s->result = pass_over();
		return;
	}
	search_descriptors(s, &p, dir);
	err = errno;
	closedir(dir);
	errno = err;
}

static void
search_processes(struct search *s, DIR *proc)
{
	struct dirent *entry;

	rewinddir(proc);
	while (s->result == 0 && s->left > 0 &&
	    (entry = readdir(proc)) != NULL)
		if (is_number(entry->d_name))
			search_process(s, dirfd(proc), entry->d_name);
}

int
evtun_holders_search_(const char *name, const ev_uint64_t home[2],
    int everywhere, long limit, evtun_held_cb fn, void *arg)
{
	struct search s = { home, "", 1, limit, fn, arg, 0 };
	DIR *proc;
	int err;

	snprintf(s.line, sizeof(s.line), "\niff:\t%.15s\n", name);
	if ((proc = opendir("/proc")) == NULL)
		return -1;
	search_processes(&s, proc);
	s.neighbours = 0;
	if (everywhere)
		search_processes(&s, proc);
	err = errno;
	closedir(proc);
	errno = err;
	return s.result;
}

/* ---- all of them ---- */

static int
add(const struct evtun_held *held, void *arg)
{
	struct evtun_held *place = evtun_grow_(arg, sizeof(*place));

	if (place == NULL)
		return -1;
	*place = *held;
	return 0;
}

/* An array, and the commands behind it, in one block. */
static struct evtun_holder *
make_list(const struct evtun_grown *found)
{
	const struct evtun_held *held = found->list;
	struct evtun_holder *list;
	char *commands;
	size_t i;

	list = calloc(found->n + 1, sizeof(*list) + EVTUN_COMMAND_SIZE);
	if (list == NULL)
		return NULL;
	commands = (char *)(list + found->n + 1);
	for (i = 0; i < found->n; i++) {
		list[i].pid = held[i].pid;
		list[i].fd = held[i].fd;
		list[i].command = commands;
		memcpy(commands, held[i].command, EVTUN_COMMAND_SIZE);
		commands += EVTUN_COMMAND_SIZE;
	}
	return list;
}

int
evtun_get_namespace_(int netns, ev_uint64_t home[2])
{
	struct stat st;

	if (netns < 0)
		return evtun_own_namespace_(home);
	if (fstat(netns, &st) < 0)
		return -1;
	home[0] = st.st_dev;
	home[1] = st.st_ino;
	return 0;
}

static int
get_home(const struct evtun_link *link, ev_uint64_t home[2])
{
	if (link->netns >= 0 || link->home[1] == 0)
		return evtun_get_namespace_(link->netns, home);
	memcpy(home, link->home, sizeof(link->home));
	return 0;
}

/* In the link's namespace, whichever the thread is in now; it may have another
 * name by now. */
static int
look_again(const struct evtun_link *link, struct evtun_facts *facts,
    const char *step)
{
	struct evtun_link *now = evtun_link_allocate_(link->netns);
	int r = 0;

	if (now == NULL)
		return -1;
	memcpy(now->home, link->home, sizeof(now->home));
	if (evtun_system_link_read_(now, NULL, link->facts.index) < 0)
		r = evtun_explain_link_(errno, step);
	*facts = now->facts;
	evtun_link_free(now);
	return r;
}

int
evtun_system_link_holders_(const struct evtun_link *link,
    struct evtun_holder **list)
{
	static const char step[] = "look for who has the device open";
	struct evtun_grown found = { NULL, 0, 0 };
	struct evtun_facts facts;
	ev_uint64_t home[2];
	int r;

	if (look_again(link, &facts, step) < 0)
		return -1;
	if (get_home(link, home) < 0)
		return evtun_fail_(errno, step, "it takes /proc");
	r = !facts.is_tun ? 0 : evtun_holders_search_(facts.name, home, 1,
	    LONG_MAX, add, &found);
	if (r == 0 && (*list = make_list(&found)) == NULL)
		r = -1;
	if (r < 0)
		evtun_fail_(errno, step, errno == ENOENT ||
		    errno == EACCES ? "it takes /proc" : NULL);
	free(found.list);
	return r < 0 ? -1 : (int)found.n;
}
