/*
 * A service manager that keeps descriptors: sd_listen_fds(3), sd_notify(3).
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/pass.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/pass-internal.h"

/* Where they begin. */
#define FIRST 3
/* What those are called that have no name. */
#define NO_NAME "unknown"
/* Its longest name. */
#define NAME_MAX_LEN 255

#define ADOPT_OPTIONS \
	(EVTUN_OPT_TAP | EVTUN_OPT_PERSIST | EVTUN_OPT_MULTIQUEUE | \
	EVTUN_OPT_PACKET_INFO | EVTUN_OPT_OFFLOAD | EVTUN_OPT_INHERIT)

static const char listening[] = "adopt what a service manager has passed";

/* ---- adopting ---- */

/* Digits alone; -1 if it is anything else. */
static long
parse_number(const char *s)
{
	long n = 0;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || n > (LONG_MAX - 9) / 10)
			return -1;
		n = n * 10 + (*s - '0');
	}
	return n;
}

static int
count_names(const char *names)
{
	int n = 1;

	for (; *names != '\0'; names++)
		n += *names == ':';
	return n;
}

/* How many descriptors there are for us. */
static int
count_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	long n, open_max = sysconf(_SC_OPEN_MAX);

	if (pid == NULL || fds == NULL)
		return 0;
	n = parse_number(pid);
	if (n <= 0)
		return evtun_fail_(EINVAL, listening,
		    "LISTEN_PID is no process");
	if (n != (long)getpid())
		return 0;
	n = parse_number(fds);
	if (n < 0 || n > INT_MAX - FIRST ||
	    (open_max >= 0 && n > open_max))
		return evtun_fail_(EINVAL, listening,
		    "LISTEN_FDS is no number of descriptors");
	if (names != NULL && n > 0 && count_names(names) != n)
		return evtun_fail_(EINVAL, listening, "LISTEN_FDNAMES has "
		    "more names, or less, than there are descriptors");
	return (int)n;
}

/* Whether the name at the start of a list is that one. */
static int
is_called(const char *names, const char *name)
{
	size_t n = strlen(name);

	if (names == NULL)
		return strcmp(name, NO_NAME) == 0;
	return strcspn(names, ":") == n && strncmp(names, name, n) == 0;
}

static const char *
next_name(const char *names)
{
	if (names == NULL)
		return NULL;
	names += strcspn(names, ":");
	return *names == ':' ? names + 1 : names;
}

/* As they were before, but for the flags of the descriptors. */
static void
let_go(struct evtun **tuns, int n)
{
	int err = errno;

	while (n > 0)
		(void)evtun_release(tuns[--n]);
	free(tuns);
	errno = err;
}

/* Adopt those of n descriptors that are meant; return how many. */
static int
adopt(struct evtun **tuns, int n, const char *name, int options)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int i, r, found = 0;

	for (i = 0; i < n; i++, names = next_name(names)) {
		if (name != NULL && !is_called(names, name))
			continue;
		r = evtun_system_is_device_(FIRST + i, options);
		if (r == 0)
			continue;
		if (r > 0)
			tuns[found] = evtun_new_fd(FIRST + i, options);
		if (r < 0 || tuns[found] == NULL) {
			let_go(tuns, found);
			return -1;
		}
		found++;
	}
	return found;
}

int
evtun_listen_devices(const char *name, int options, struct evtun ***tuns)
{
	struct evtun **found;
	int n;

	*tuns = NULL;
	if (options & ~ADOPT_OPTIONS)
		return evtun_fail_(EINVAL, listening,
		    "an option has no meaning for a descriptor");
	n = count_passed();
	if (n < 0)
		return -1;
	found = calloc((size_t)n + 1, sizeof(void *));
	if (found == NULL)
		return evtun_fail_(ENOMEM, listening, NULL);
	n = adopt(found, n, name, options);
	if (n >= 0)
		*tuns = found;
	return n;
}

/* ---- storing ---- */

static int
check_name(const char *name, const char *step)
{
	size_t i, n = strlen(name);

	for (i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~' || name[i] == ':')
			break;
	if (n >= 1 && n <= NAME_MAX_LEN && i == n)
		return 0;
	return evtun_fail_(EINVAL, step,
	    "a name has 1 to 255 printable ASCII characters and no ':'");
}

static const char *
explain_notifying(int err)
{
	switch (err) {
	case EINVAL:
		return "NOTIFY_SOCKET is neither a path nor an abstract name";
	case ECONNREFUSED:
	case EACCES:
		return "the service manager does not take it";
	default:
		return NULL;
	}
}

static int
notify(const char *what, const char *name, evutil_socket_t fd,
    const char *step)
{
	const char *address = getenv("NOTIFY_SOCKET");
	char text[64 + NAME_MAX_LEN];
	int n;

	if (address == NULL)
		return evtun_fail_(ENOENT, step,
		    "there is no service manager: NOTIFY_SOCKET is not set");
	n = snprintf(text, sizeof(text), "%s\nFDNAME=%s", what, name);
	if (evtun_rights_notify_(address, text, (size_t)n, fd) < 0)
		return evtun_fail_(errno, step, explain_notifying(errno));
	return 0;
}

int
evtun_store_device(struct evtun *tun, const char *name)
{
	static const char step[] = "have the service manager keep a device";

	if (check_name(name, step) < 0 ||
	    notify("FDSTORE=1", name, tun->fd, step) < 0)
		return -1;
	evtun_system_handed_over_(tun);
	return 0;
}

int
evtun_unstore_device(const char *name)
{
	static const char step[] = "have the service manager forget a device";

	if (check_name(name, step) < 0)
		return -1;
	return notify("FDSTOREREMOVE=1", name, -1, step);
}
