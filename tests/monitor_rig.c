#include "config.h"

#include <sys/socket.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "monitor_rig.h"

/* ---- what was told ---- */

static void
add_line(struct rig *rig, const char *line)
{
	if (rig->n_lines == rig->room) {
		rig->room = rig->room * 2 + 16;
		rig->lines = realloc(rig->lines,
		    rig->room * sizeof(*rig->lines));
		ck_assert_ptr_nonnull(rig->lines);
	}
	rig->lines[rig->n_lines] = strdup(line);
	ck_assert_ptr_nonnull(rig->lines[rig->n_lines]);
	rig->n_lines++;
}

static const char *const words[] = {
	[EVTUN_CHANGE_NEW] = "new",
	[EVTUN_CHANGE_GONE] = "gone",
	[EVTUN_CHANGE_MOVED] = "moved",
	[EVTUN_CHANGE_UP] = "up",
	[EVTUN_CHANGE_CARRIER] = "carrier",
	[EVTUN_CHANGE_MTU] = "mtu",
	[EVTUN_CHANGE_NAME] = "name",
	[EVTUN_CHANGE_ADDRESS_ADDED] = "added",
	[EVTUN_CHANGE_ADDRESS_REMOVED] = "removed",
	[EVTUN_CHANGE_OVERRUN] = "overrun",
	[EVTUN_CHANGE_FAILED] = "failed"
};

static void
describe(const struct evtun_change *change, char *line, size_t size)
{
	const char *word = words[change->what];

	switch (change->what) {
	case EVTUN_CHANGE_NEW:
	case EVTUN_CHANGE_GONE:
		snprintf(line, size, "%s %s", word, change->name);
		break;
	case EVTUN_CHANGE_NAME:
		snprintf(line, size, "%s %s %s", word, change->name,
		    change->old_name);
		break;
	case EVTUN_CHANGE_ADDRESS_ADDED:
	case EVTUN_CHANGE_ADDRESS_REMOVED:
		snprintf(line, size, "%s %s %s%s%s", word, change->name,
		    change->address, change->peer != NULL ? " " : "",
		    change->peer != NULL ? change->peer : "");
		break;
	case EVTUN_CHANGE_OVERRUN:
	case EVTUN_CHANGE_FAILED:
		snprintf(line, size, "%s", word);
		break;
	default:
		snprintf(line, size, "%s %s %ld", word, change->name,
		    change->value);
		break;
	}
}

static void
check_members(const struct evtun_change *change)
{
	int of_none = change->what == EVTUN_CHANGE_OVERRUN ||
	    change->what == EVTUN_CHANGE_FAILED;

	kit_check((change->index == 0) == of_none, "index %u in %s",
	    change->index, words[change->what]);
	kit_check((change->name[0] == '\0') == of_none, "name %s in %s",
	    change->name, words[change->what]);
	kit_check((change->old_name != NULL) ==
	    (change->what == EVTUN_CHANGE_NAME), "an old name in %s",
	    words[change->what]);
	kit_check((change->address != NULL) ==
	    (change->what == EVTUN_CHANGE_ADDRESS_ADDED ||
	    change->what == EVTUN_CHANGE_ADDRESS_REMOVED),
	    "an address in %s", words[change->what]);
}

void
rig_cb(struct evtun_monitor *mon, const struct evtun_change *change,
    void *arg)
{
	struct rig *rig = arg;
	char line[160];
	int err = errno;

	kit_check(rig->mon == mon, "called back after it was freed");
	check_members(change);
	describe(change, line, sizeof(line));
	add_line(rig, line);
	if (change->what == EVTUN_CHANGE_FAILED) {
		rig->failed = err;
		snprintf(rig->error, sizeof(rig->error), "%s",
		    evtun_get_error());
	} else if (change->what == EVTUN_CHANGE_OVERRUN) {
		rig->n_overruns++;
	} else {
		model_apply(&rig->model, change);
	}
	if (rig->n_lines == rig->free_at) {
		evtun_monitor_free(mon);
		rig->mon = NULL;
	}
}

/* ---- the rig ---- */

struct rig *
rig_base_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	ck_assert_ptr_nonnull(rig);
	rig->base = kit_base_new(KIT_SETUP(KIT_PAIR, 0, KIT_EPOLL));
	return rig;
}

struct rig *
rig_new(int netns, unsigned index, int options)
{
	struct rig *rig = rig_base_new();

	rig->options = options;
	rig->model.is_whole = (options & EVTUN_MONITOR_EXISTING) != 0;
	rig->mon = evtun_monitor_new(rig->base, netns, index, options, rig_cb,
	    rig);
	ck_assert_msg(rig->mon != NULL, "%s", evtun_get_error());
	ck_assert_uint_eq(rig->n_lines, 0);
	return rig;
}

void
rig_forget(struct rig *rig)
{
	while (rig->n_lines > 0)
		free(rig->lines[--rig->n_lines]);
}

void
rig_free(struct rig *rig)
{
	evtun_monitor_free(rig->mon);
	event_base_free(rig->base);
	rig_forget(rig);
	free(rig->lines);
	model_clear(&rig->model);
	free(rig);
}

struct wanted {
	const struct rig *rig;
	size_t n;
};

static int
has_lines(void *arg)
{
	const struct wanted *wanted = arg;

	return wanted->rig->n_lines >= wanted->n;
}

void
rig_run(struct rig *rig, size_t n)
{
	struct wanted wanted = { rig, n };

	kit_until(rig->base, has_lines, &wanted, "changes");
	kit_settle(rig->base);
}

void
rig_expect(struct rig *rig, ...)
{
	const char *line;
	size_t n = 0;
	va_list ap;

	va_start(ap, rig);
	while (va_arg(ap, const char *) != NULL)
		n++;
	va_end(ap);
	rig_run(rig, n);
	va_start(ap, rig);
	for (n = 0; (line = va_arg(ap, const char *)) != NULL; n++)
		ck_assert_str_eq(rig->lines[n], line);
	va_end(ap);
	ck_assert_msg(rig->n_lines == n, "and then: %s",
	    rig->n_lines > n ? rig->lines[n] : "");
	rig_forget(rig);
}

int
rig_has(const struct rig *rig, const char *line)
{
	size_t i;

	for (i = 0; i < rig->n_lines; i++)
		if (strcmp(rig->lines[i], line) == 0)
			return 1;
	return 0;
}

/* ---- many at once ---- */

struct count {
	const struct rig *rig;
	size_t seen, most;
};

static void
look_at(evutil_socket_t fd, short what, void *arg)
{
	struct count *count = arg;
	size_t n = count->rig->n_lines - count->seen;

	(void)fd;
	(void)what;
	if (n > count->most)
		count->most = n;
	count->seen = count->rig->n_lines;
}

size_t
rig_run_turns(struct rig *rig, size_t n)
{
	struct count count = { rig, rig->n_lines, 0 };
	struct event *ev;
	int fd[2];

	ck_assert_int_eq(pipe(fd), 0);
	ck_assert_int_eq(evutil_make_socket_nonblocking(fd[0]), 0);
	close(fd[1]);
	ev = event_new(rig->base, fd[0], EV_READ | EV_PERSIST, look_at,
	    &count);
	ck_assert_ptr_nonnull(ev);
	ck_assert_int_eq(event_add(ev, NULL), 0);
	/* What was told last is to be looked at as well. */
	while (count.seen < n)
		ck_assert_int_eq(event_base_loop(rig->base, EVLOOP_ONCE), 0);
	event_free(ev);
	close(fd[0]);
	return count.most;
}

/* The only netlink socket that stays open here. */
static int
find_socket(void)
{
	int fd, domain;
	socklen_t len;

	for (fd = 0; fd < 1024; fd++) {
		len = sizeof(domain);
		if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain,
		    &len) == 0 && domain == AF_NETLINK)
			return fd;
	}
	ck_abort_msg("there is no netlink socket");
}

void
rig_set_room(int bytes)
{
	ck_assert_int_eq(setsockopt(find_socket(), SOL_SOCKET, SO_RCVBUF,
	    &bytes, sizeof(bytes)), 0);
}

void
rig_batch(int n, const char *fmt)
{
	char name[] = "/tmp/evtun_batch_XXXXXX";
	int i, fd = mkstemp(name);

	ck_assert_int_ge(fd, 0);
	unlink(name);
	for (i = 0; i < n; i++) {
		dprintf(fd, fmt, i / 250, i % 250);
		ck_assert_int_eq(write(fd, "\n", 1), 1);
	}
	ip_do("-batch /proc/%ld/fd/%d", (long)getpid(), fd);
	close(fd);
}

/* ---- what ip says ---- */

struct agreement {
	struct rig *rig;
	char *wanted;
};

static int
agrees(void *arg)
{
	struct agreement *a = arg;
	char *told = model_print(&a->rig->model);
	int same = strcmp(told, a->wanted) == 0;

	free(told);
	return same;
}

void
rig_agree(struct rig *rig)
{
	struct agreement a = { rig, NULL };
	struct model truth;
	char *told;

	model_ask_ip(&truth, rig->options & EVTUN_MONITOR_TUN_ONLY);
	a.wanted = model_print(&truth);
	model_clear(&truth);
	kit_settle(rig->base);
	if (!agrees(&a)) {
		kit_until(rig->base, agrees, &a, "what ip says");
		kit_settle(rig->base);
	}
	told = model_print(&rig->model);
	ck_assert_str_eq(told, a.wanted);
	free(told);
	free(a.wanted);
}
