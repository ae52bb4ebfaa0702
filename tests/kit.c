#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"

/* Patient enough for valgrind on a busy machine. */
#define TIMEOUT_SECONDS 60
#define SKIP_MARK "SKIP: "

/* Check keeps the names of what it ran to itself, but not the order. */
struct entry {
	char *name;
	const char *lack;	/* why it was not run, or NULL */
};
struct kit_tcase {
	const char *name;
	const char *lack;
	TCase *tcase;
	struct entry *entries;
	int n_entries;
};

static struct {
	const char *name;
	Suite *suite;
	struct kit_tcase *cases;
	int n_cases;
	int n_printed, n_failed;
} kit;

int
kit_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	/* ".", ".." and the descriptor that was used for looking. */
	return n - 3;
}

/* ---- network namespaces ---- */

/* Write to a file of /proc.  Return 0, or why not. */
static int
put(const char *path, const char *text)
{
	int err = 0, fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

static int
put_number(const char *path, const char *fmt, unsigned n)
{
	char text[64];

	snprintf(text, sizeof(text), fmt, n);
	return put(path, text);
}

/* Return 0, or why not. */
static int
enter_netns(void)
{
	unsigned uid = geteuid(), gid = getegid();
	int err;

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return errno;
	if ((err = put("/proc/self/setgroups", "deny")) != 0)
		return err;
	if ((err = put_number("/proc/self/uid_map", "0 %u 1", uid)) != 0)
		return err;
	return put_number("/proc/self/gid_map", "0 %u 1", gid);
}

static int
set_ipv6(int on)
{
	static const char *const paths[] = {
		"/proc/sys/net/ipv6/conf/all/disable_ipv6",
		"/proc/sys/net/ipv6/conf/default/disable_ipv6"
	};
	size_t i;
	int err;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		err = put(paths[i], on ? "0" : "1");
		/* A kernel without IPv6 sends none. */
		if (err != 0 && (err != ENOENT || on))
			return err;
	}
	return 0;
}

static int
loopback_up(void)
{
	struct ifreq ifr;
	int err = 0, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	memset(&ifr, 0, sizeof(ifr));
	strcpy(ifr.ifr_name, "lo");
	ifr.ifr_flags = IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		err = errno;
	close(fd);
	return err;
}

static int
try_netns(void)
{
	int err = enter_netns();

	if (err == 0)
		err = set_ipv6(0);
	return err != 0 ? err : loopback_up();
}

static int
try_tun(void)
{
	struct ifreq ifr;
	int err = 0, fd;

	if ((err = try_netns()) != 0)
		return err;
	if ((fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC)) < 0)
		return errno;
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		err = errno;
	close(fd);
	return err;
}

void
kit_netns(void)
{
	int err = try_netns();

	ck_assert_msg(err == 0, "network namespace: %s", strerror(err));
}

void
kit_ipv6(int on)
{
	int err = set_ipv6(on);

	ck_assert_msg(err == 0, "IPv6 %s: %s", on ? "on" : "off",
	    strerror(err));
}

/* ---- what this machine lets us do ---- */

/* What try() says in a process that may be changed by it. */
static int
try_in_child(int (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(try());
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

static const char *
probe(const char *what, int (*try)(void))
{
	static char text[2][128];
	static int n;
	int err = try_in_child(try);

	if (err == 0)
		return NULL;
	n = !n;
	snprintf(text[n], sizeof(text[n]), "%s: %s", what, strerror(err));
	return text[n];
}

/* Whether uid 0 is the machine's, and may become any other. */
static int
is_root(void)
{
	FILE *f = fopen("/proc/self/uid_map", "re");
	unsigned long inside = 1, outside = 1, count = 0;

	if (f != NULL) {
		if (fscanf(f, "%lu %lu %lu", &inside, &outside, &count) != 3)
			count = 0;
		fclose(f);
	}
	return geteuid() == 0 && inside == 0 && outside == 0 &&
	    count == 4294967295ul;
}

/* Return the first thing that is needed and lacking, or NULL. */
static const char *
find_lack(unsigned needs)
{
	static int probed;
	static const char *no_netns, *no_tun;

	if (!probed) {
		probed = 1;
		no_netns = probe("cannot make a network namespace", try_netns);
		if (no_netns == NULL)
			no_tun = probe("no /dev/net/tun for us", try_tun);
	}
	if (needs & KIT_NEEDS_NETNS && no_netns != NULL)
		return no_netns;
	if ((needs & KIT_NEEDS_TUN) == KIT_NEEDS_TUN && no_tun != NULL)
		return no_tun;
	if ((needs & KIT_NEEDS_ROOT) == KIT_NEEDS_ROOT && !is_root())
		return "not root, or only in a user namespace";
	return NULL;
}

/* ---- the list of tests ---- */

static void *
grow(void *array, int n, size_t size)
{
	array = realloc(array, ((size_t)n + 1) * size);
	if (array == NULL)
		abort();
	memset((char *)array + (size_t)n * size, 0, size);
	return array;
}

void
kit_suite(const char *name)
{
	kit.name = name;
	kit.suite = suite_create(name);
}

void
kit_case(const char *name, unsigned needs)
{
	struct kit_tcase *c;

	kit.cases = grow(kit.cases, kit.n_cases, sizeof(*kit.cases));
	c = &kit.cases[kit.n_cases++];
	c->name = name;
	c->lack = find_lack(needs);
	c->tcase = tcase_create(name);
	tcase_set_timeout(c->tcase, TIMEOUT_SECONDS);
	suite_add_tcase(kit.suite, c->tcase);
}

/* Add test with _i = i, under a name that says what i stands for. */
static void
add(const TTest *test, int i, const char *suffix, const char *lack)
{
	struct kit_tcase *c = &kit.cases[kit.n_cases - 1];
	struct entry *e;
	size_t size = strlen(test->name) + strlen(suffix) + 1;

	c->entries = grow(c->entries, c->n_entries, sizeof(*c->entries));
	e = &c->entries[c->n_entries++];
	e->name = malloc(size);
	if (e->name == NULL)
		abort();
	snprintf(e->name, size, "%s%s", test->name, suffix);
	e->lack = c->lack != NULL ? c->lack : lack;
	if (e->lack == NULL)
		tcase_add_loop_test(c->tcase, test, i, i + 1);
}

void
kit_test(const TTest *test)
{
	add(test, 0, "", NULL);
}

void
kit_loop(const TTest *test, int start, int end)
{
	char suffix[16];
	int i;

	for (i = start; i < end; i++) {
		snprintf(suffix, sizeof(suffix), "[%d]", i);
		add(test, i, suffix, NULL);
	}
}

static void
add_setup(const TTest *test, int setup)
{
	char suffix[64];
	int device = KIT_BIT(KIT_KIND_OF(setup)) & KIT_DEVICES;

	snprintf(suffix, sizeof(suffix), "[%s]", kit_setup_name(setup));
	add(test, setup, suffix, device ? find_lack(KIT_NEEDS_TUN) : NULL);
}

unsigned kit_ways = ~0u;

static int
has_way(int setup)
{
	if (KIT_BIT(KIT_KIND_OF(setup)) & KIT_DEVICES)
		return (kit_ways >> KIT_WAY_OF(setup)) & 1;
	return KIT_WAY_OF(setup) == KIT_PLAIN;
}

/* Those with threads, without, or (-1) both. */
static void
add_setups(const TTest *test, unsigned kinds, int threadsafe)
{
	/* Under valgrind one backend has to do for all. */
	const char *backend = getenv("KIT_BACKEND");
	int i;

	for (i = 0; i < KIT_N_WAYS * KIT_N_SETUPS; i++)
		if (kinds & KIT_BIT(KIT_KIND_OF(i)) && has_way(i) &&
		    (threadsafe < 0 || KIT_TS_OF(i) == threadsafe) &&
		    (backend == NULL ||
		    strstr(kit_setup_name(i), backend) != NULL))
			add_setup(test, i);
}

void
kit_setups(const TTest *test, unsigned kinds)
{
	add_setups(test, kinds, -1);
}

void
kit_threadsafe(const TTest *test, unsigned kinds)
{
	add_setups(test, kinds, 1);
}

void
kit_plain(const TTest *test, unsigned kinds)
{
	add_setups(test, kinds, 0);
}

void
kit_kinds(const TTest *test, unsigned kinds)
{
	int i, way, setup;

	for (way = 0; way < KIT_N_WAYS; way++)
		for (i = 0; i < KIT_N_KINDS; i++) {
			setup = way * KIT_N_SETUPS +
			    KIT_SETUP(i, 0, KIT_EPOLL);
			if (kinds & KIT_BIT(i) && has_way(setup))
				add_setup(test, setup);
		}
}

/* ---- TAP ---- */

void
kit_skip(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ck_abort_msg(SKIP_MARK "%s", text);
	abort();
}

/* A message may have lines; TAP has comments. */
static void
print_message(TestResult *tr)
{
	const char *s;

	printf("# %s:%d: ", tr_lfile(tr), tr_lno(tr));
	for (s = tr_msg(tr); *s != '\0'; s++) {
		putchar(*s);
		if (*s == '\n')
			printf("# ");
	}
	putchar('\n');
}

static void
print_line(const char *verdict, struct kit_tcase *c, struct entry *e,
    const char *skip)
{
	printf("%s %d - %s:%s:%s%s%s\n", verdict, ++kit.n_printed, kit.name,
	    c->name, e->name, skip != NULL ? " # SKIP " : "",
	    skip != NULL ? skip : "");
}

static void
print_result(struct kit_tcase *c, struct entry *e, TestResult *tr)
{
	size_t n = strlen(SKIP_MARK);

	if (tr_rtype(tr) == CK_PASS) {
		print_line("ok", c, e, NULL);
	} else if (strncmp(tr_msg(tr), SKIP_MARK, n) == 0) {
		print_line("ok", c, e, tr_msg(tr) + n);
	} else {
		kit.n_failed++;
		print_line("not ok", c, e, NULL);
		print_message(tr);
	}
}

/* The results come in the order of the list, less what was left out. */
static void
print_results(SRunner *sr)
{
	TestResult **results = srunner_results(sr);
	int i, j, r = 0, n = srunner_ntests_run(sr);
	struct kit_tcase *c;

	for (i = 0; i < kit.n_cases; i++) {
		c = &kit.cases[i];
		for (j = 0; j < c->n_entries; j++) {
			if (c->entries[j].lack != NULL)
				print_line("ok", c, &c->entries[j],
				    c->entries[j].lack);
			else if (r < n &&
			    strcmp(tr_tcname(results[r]), c->name) == 0)
				print_result(c, &c->entries[j], results[r++]);
		}
	}
	free(results);
	printf("1..%d\n", kit.n_printed);
}

static void
free_list(void)
{
	int i, j;

	for (i = 0; i < kit.n_cases; i++) {
		for (j = 0; j < kit.cases[i].n_entries; j++)
			free(kit.cases[i].entries[j].name);
		free(kit.cases[i].entries);
	}
	free(kit.cases);
}

int
kit_run(void)
{
	SRunner *sr = srunner_create(kit.suite);

	srunner_run_all(sr, CK_SILENT);
	print_results(sr);
	srunner_free(sr);
	free_list();
	return kit.n_failed != 0;
}
