/*
 * Devices that a service manager passes: which of its descriptors are adopted.
 * The test runs itself as the program that finds them.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/pass.h"
#include "manager.h"
#include "tun_look.h"

/* ---- the program ---- */

/* A letter for each descriptor: 'c' closed on exec, 'o' not, '-' not open. */
static void
print_descriptors(void)
{
	int fd, flags;

	putchar(' ');
	for (fd = 3; fd < 3 + MANAGER_MAX_FDS; fd++) {
		flags = fcntl(fd, F_GETFD);
		putchar(flags < 0 ? '-' : flags & FD_CLOEXEC ? 'c' : 'o');
	}
}

/* "LISTEN NAME OPTIONS": a number, and each device that it stands for. */
static int
program(const char *argument)
{
	char name[32], fmt[] = "%31s %d";
	int options, i, n;
	struct evtun **tuns;

	if (sscanf(argument, fmt, name, &options) != 2)
		return 1;
	n = evtun_listen_devices(strcmp(name, "ALL") == 0 ? NULL :
	    strcmp(name, "EMPTY") == 0 ? "" : name, options, &tuns);
	printf("%d", n);
	if (n < 0)
		printf(" %s", errno == EINVAL && tuns == NULL ? "EINVAL" :
		    evtun_get_error());
	for (i = 0; i < n; i++)
		printf(" %d=%s/%d", evtun_get_fd(tuns[i]),
		    evtun_get_name(tuns[i]), evtun_get_options(tuns[i]));
	print_descriptors();
	for (i = 0; i < n; i++)
		evtun_free(tuns[i]);
	free(tuns);
	return 0;
}

/* ---- the tests ---- */

static void
expect(const struct manager_unit *unit, const char *words)
{
	char *text = manager_run(unit);

	ck_assert_str_eq(text, words);
	free(text);
}

/* A TUN device, something else, a TAP device, and nothing. */
static void
prepare(struct manager_unit *unit)
{
	memset(unit, 0, sizeof(*unit));
	kit_netns();
	unit->argument = "ALL 0";
	unit->fds[0] = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	unit->fds[1] = open("/dev/null", O_RDWR | O_CLOEXEC);
	unit->fds[2] = look_open("vpn1", IFF_TAP | IFF_NO_PI);
	unit->fds[3] = -1;
	unit->fds[4] = look_open("vpn2", IFF_TUN | IFF_NO_PI);
	unit->n_fds = 5;
	unit->listen_pid = "own";
	unit->listen_fds = "5";
}

START_TEST(test_kinds)
{
	struct manager_unit unit;

	prepare(&unit);
	expect(&unit, "2 3=vpn0/0 7=vpn2/0 coo-c---");
	unit.argument = "ALL 1";
	expect(&unit, "1 5=vpn1/1 ooc-o---");
	/* EVTUN_OPT_INHERIT */
	unit.argument = "ALL 64";
	expect(&unit, "2 3=vpn0/64 7=vpn2/64 ooo-o---");
	unit.listen_fds = "4";
	expect(&unit, "1 3=vpn0/64 ooo-o---");
	unit.listen_fds = "0";
	expect(&unit, "0 ooo-o---");
}
END_TEST

START_TEST(test_names)
{
	struct manager_unit unit;

	prepare(&unit);
	unit.argument = "unknown 0";
	expect(&unit, "2 3=vpn0/0 7=vpn2/0 coo-c---");
	unit.listen_fdnames = "a:a:a:a:ab";
	expect(&unit, "0 ooo-o---");
	unit.argument = "a 0";
	expect(&unit, "1 3=vpn0/0 coo-o---");
	unit.argument = "ab 0";
	expect(&unit, "1 7=vpn2/0 ooo-c---");
	unit.argument = "a:a 0";
	expect(&unit, "0 ooo-o---");
	unit.argument = "ALL 0";
	expect(&unit, "2 3=vpn0/0 7=vpn2/0 coo-c---");
	unit.argument = "EMPTY 0";
	expect(&unit, "0 ooo-o---");
	unit.listen_fdnames = "::::";
	expect(&unit, "2 3=vpn0/0 7=vpn2/0 coo-c---");
}
END_TEST

/* What is passed to somebody else, or not at all. */
START_TEST(test_not_for_us)
{
	struct manager_unit unit;

	prepare(&unit);
	unit.listen_pid = "1";
	expect(&unit, "0 ooo-o---");
	unit.listen_pid = NULL;
	expect(&unit, "0 ooo-o---");
	unit.listen_pid = "own";
	unit.listen_fds = NULL;
	expect(&unit, "0 ooo-o---");
}
END_TEST

START_TEST(test_nonsense)
{
	static const char *const numbers[] = {
		"", "x", "-1", "+1", " 1", "1 ", "1x", "0x1", "1.0",
		"2147483647", "4294967301", "99999999999999999999"
	};
	static const char *const names[] = { "", "a", "a:b:c:d", "::::::" };
	struct manager_unit unit;
	size_t i;

	prepare(&unit);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		unit.listen_fds = numbers[i];
		expect(&unit, "-1 EINVAL ooo-o---");
	}
	unit.listen_fds = "5";
	for (i = 0; i < 9; i++) {
		unit.listen_pid = numbers[i];
		expect(&unit, "-1 EINVAL ooo-o---");
	}
	unit.listen_pid = "0";
	expect(&unit, "-1 EINVAL ooo-o---");
	unit.listen_pid = "own";
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unit.listen_fdnames = names[i];
		expect(&unit, "-1 EINVAL ooo-o---");
	}
}
END_TEST

/* Also where there is nothing to adopt. */
START_TEST(test_options)
{
	struct manager_unit unit;

	prepare(&unit);
	unit.argument = "ALL 2";
	expect(&unit, "-1 EINVAL ooo-o---");
	unit.argument = "ALL 1024";
	expect(&unit, "-1 EINVAL ooo-o---");
	unit.listen_pid = NULL;
	expect(&unit, "-1 EINVAL ooo-o---");
}
END_TEST

/* One that cannot be adopted: none is, and all stay open. */
START_TEST(test_all_or_none)
{
	struct manager_unit unit;
	int size = 16;
	char *text;

	prepare(&unit);
	close(unit.fds[4]);
	unit.fds[4] = look_open("vpn3", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	ck_assert_int_eq(ioctl(unit.fds[4], TUNSETVNETHDRSZ, &size), 0);
	text = manager_run(&unit);
	ck_assert_msg(strncmp(text, "-1 EINVAL ", 10) == 0, "%s", text);
	ck_assert_msg(strchr(text + 10, '-') == strrchr(text, 'o') - 1,
	    "%s", text);
	free(text);
}
END_TEST

int
main(int argc, char **argv)
{
	if (argc > 1)
		return program(argv[1]);
	kit_suite("listen");
	kit_case("descriptors", KIT_NEEDS_TUN);
	kit_test(test_kinds);
	kit_test(test_names);
	kit_test(test_not_for_us);
	kit_test(test_all_or_none);
	kit_case("variables", KIT_NEEDS_TUN);
	kit_test(test_nonsense);
	kit_test(test_options);
	return kit_run();
}
