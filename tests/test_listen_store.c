/*
 * What a service manager is told, and a restart that the interface does not
 * notice.  The test is the manager, and runs itself as the service.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_features.h"
#include "evtun/pass.h"
#include "ip_json.h"
#include "manager.h"
#include "pass_rig.h"
#include "tun_look.h"

/* ---- the service ---- */

#define PACKET_SIZE 500

static int
die(const char *what)
{
	fprintf(stderr, "service: %s: %s\n", what, evtun_get_error());
	return 1;
}

/* The device of the run before, or a new one, which is given away at once. */
static struct evtun *
get_device(void)
{
	struct evtun **tuns, *tun;
	int n = evtun_listen_devices("vpn", 0, &tuns);

	if (n < 0 || n > 1)
		return NULL;
	if (n == 1) {
		tun = tuns[0];
		free(tuns);
		return tun;
	}
	free(tuns);
	tun = evtun_new("vpn0", 0);
	if (tun == NULL || evtun_set_mtu(tun, 1300) != 0 ||
	    evtun_add_address(tun, "10.9.0.1/24", NULL) != 0 ||
	    evtun_set_up(tun, 1) != 0 || evtun_store_device(tun, "vpn") != 0)
		return NULL;
	return tun;
}

/* Write back so many packets, each with its last byte changed, and end
 * without any farewell, as in a crash. */
static int
service(int n)
{
	struct evtun *tun = get_device();
	unsigned char packet[PACKET_SIZE + 1];
	struct pollfd pfd = { -1, POLLIN, 0 };
	int len;

	if (tun == NULL)
		return die("no device");
	pfd.fd = evtun_get_fd(tun);
	while (n > 0) {
		len = evtun_read(tun, packet, sizeof(packet));
		if (len < 0)
			return die("read");
		if (len == 0) {
			if (poll(&pfd, 1, 30000) != 1)
				return die("no packet");
			continue;
		}
		packet[len - 1] ^= 0xff;
		if (evtun_write(tun, packet, (size_t)len) != 0)
			return die("write");
		n--;
	}
	_exit(0);
}

/* ---- restart ---- */

static void
put_packet(int packets, unsigned index)
{
	unsigned char data[PACKET_SIZE];

	kit_fill(KIT_TUN, data, index, sizeof(data));
	ck_assert_int_eq(send(packets, data, sizeof(data), 0), sizeof(data));
}

static void
expect_packet(int packets, unsigned index)
{
	unsigned char data[PACKET_SIZE], seen[PACKET_SIZE + 1];
	struct pollfd pfd = { packets, POLLIN, 0 };

	kit_fill(KIT_TUN, data, index, sizeof(data));
	data[PACKET_SIZE - 1] ^= 0xff;
	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
	ck_assert_int_eq(recv(packets, seen, sizeof(seen), 0), PACKET_SIZE);
	ck_assert_mem_eq(seen, data, PACKET_SIZE);
}

static void
check_interface(const char *index)
{
	ip_must_say(index, "addr show up dev vpn0");
	ip_must_say("\"local\":\"10.9.0.1\",\"prefixlen\":24",
	    "addr show up dev vpn0");
	ip_must_say("\"mtu\":1300", "addr show up dev vpn0");
	ip_must_say("\"dst\":\"10.9.0.0/24\",\"dev\":\"vpn0\"",
	    "route show table main");
}

/* The index, as the kernel's own word for the same interface. */
START_TEST(test_restart)
{
	struct manager_unit unit = { .argument = "1" };
	int sock, packets, fd;
	char text[128], index[32];
	pid_t pid;

	kit_netns();
	sock = manager_bind(_i);
	pid = manager_start(&unit, NULL);
	manager_receive(sock, text, sizeof(text), &fd);
	ck_assert_str_eq(text, "FDSTORE=1\nFDNAME=vpn");
	ck_assert_int_ge(fd, 0);
	packets = kit_packet_socket("vpn0");
	snprintf(index, sizeof(index), "\"ifindex\":%u",
	    look_index("vpn0"));
	put_packet(packets, 1);
	expect_packet(packets, 1);
	manager_wait(pid);
	check_interface(index);
	/* It waits for the next run. */
	put_packet(packets, 2);
	unit = (struct manager_unit) { .argument = "2", .fds = { fd },
		.n_fds = 1, .listen_pid = "own", .listen_fds = "1",
		.listen_fdnames = "vpn" };
	pid = manager_start(&unit, NULL);
	expect_packet(packets, 2);
	put_packet(packets, 3);
	expect_packet(packets, 3);
	manager_wait(pid);
	check_interface(index);
	close(fd);
	pass_until_gone("vpn0");
}
END_TEST

/* ---- messages ---- */

static int
is_same_file(int a, int b)
{
	struct stat st[2];

	return fstat(a, &st[0]) == 0 && fstat(b, &st[1]) == 0 &&
	    st[0].st_ino == st[1].st_ino && st[0].st_rdev == st[1].st_rdev;
}

START_TEST(test_messages)
{
	char text[400], name[256], words[400];
	struct evtun *tun;
	int sock, fd, fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	sock = manager_bind(_i);
	fds = kit_count_fds();
	memset(name, '~', 255);
	name[255] = '\0';
	name[0] = ' ';
	kit_ok(evtun_store_device(tun, name));
	ck_assert_int_eq(kit_count_fds(), fds);
	manager_receive(sock, text, sizeof(text), &fd);
	snprintf(words, sizeof(words), "FDSTORE=1\nFDNAME=%s", name);
	ck_assert_str_eq(text, words);
	ck_assert_int_ge(fd, 0);
	ck_assert(is_same_file(fd, evtun_get_fd(tun)));
	evtun_free(tun);
	ip_must_say("\"ifname\":\"vpn0\"", "link show dev vpn0");
	close(fd);
	kit_ok(evtun_unstore_device("vpn"));
	manager_receive(sock, text, sizeof(text), &fd);
	ck_assert_str_eq(text, "FDSTOREREMOVE=1\nFDNAME=vpn");
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(kit_count_fds(), fds - 1);
}
END_TEST

/* Offload stays for the next run, where the interface does by itself, too. */
START_TEST(test_offload)
{
	int sock, fd, size;
	char text[128];
	struct evtun *tun;

	kit_netns();
	tun = look_new("vpn0", EVTUN_OPT_OFFLOAD | EVTUN_OPT_PERSIST);
	sock = manager_bind(1);
	kit_ok(evtun_store_device(tun, "vpn"));
	evtun_free(tun);
	manager_receive(sock, text, sizeof(text), &fd);
	ck_assert_uint_eq(features_get("vpn0"), features_best(&size));
	close(fd);
}
END_TEST

/* ---- refusals ---- */

/* Before the system is asked: there is no service manager here. */
START_TEST(test_names)
{
	static const char *const names[] = {
		"", ":", "a:b", "a\nb", "a\tb", "\177", "\303\251"
	};
	struct evtun *tun;
	char longer[257];
	size_t i;

	kit_netns();
	unsetenv("NOTIFY_SOCKET");
	tun = look_new("vpn0", 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kit_fails(evtun_store_device(tun, names[i]), EINVAL);
		kit_fails(evtun_unstore_device(names[i]), EINVAL);
		look_text("printable ASCII");
	}
	memset(longer, 'x', 256);
	longer[256] = '\0';
	kit_fails(evtun_store_device(tun, longer), EINVAL);
	kit_fails(evtun_store_device(tun, "vpn"), ENOENT);
	look_text("NOTIFY_SOCKET is not set");
	kit_fails(evtun_unstore_device("vpn"), ENOENT);
	evtun_free(tun);
}
END_TEST

START_TEST(test_addresses)
{
	static const char *const addresses[] = {
		"", "@", "/", "run/notify", "vsock:2:1", "tcp:1"
	};
	struct evtun *tun;
	char longer[120];
	size_t i;
	int fds;

	kit_netns();
	tun = look_new("vpn0", 0);
	fds = kit_count_fds();
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		setenv("NOTIFY_SOCKET", addresses[i], 1);
		kit_fails(evtun_store_device(tun, "vpn"), EINVAL);
		look_text("neither a path nor an abstract name");
	}
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[108] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	kit_fails(evtun_store_device(tun, "vpn"), EINVAL);
	longer[107] = '\0';
	setenv("NOTIFY_SOCKET", longer, 1);
	kit_fails(evtun_store_device(tun, "vpn"), ENOENT);
	setenv("NOTIFY_SOCKET", "@evtun-nobody-is-here", 1);
	kit_fails(evtun_store_device(tun, "vpn"), ECONNREFUSED);
	look_text("does not take it");
	ck_assert_int_eq(kit_count_fds(), fds);
	evtun_free(tun);
}
END_TEST

int
main(int argc, char **argv)
{
	if (argc > 1)
		return service((int)strtol(argv[1], NULL, 10));
	kit_suite("listen_store");
	kit_case("restart", KIT_NEEDS_TUN);
	kit_loop(test_restart, 0, 2);
	kit_case("messages", KIT_NEEDS_TUN);
	kit_loop(test_messages, 0, 2);
	kit_test(test_offload);
	kit_case("refusals", KIT_NEEDS_TUN);
	kit_test(test_names);
	kit_test(test_addresses);
	return kit_run();
}
