#include "config.h"

#include <sys/stat.h>
#include <arpa/inet.h>
#include <net/if.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "evtun/config.h"
#include "ip_json.h"
#include "kit.h"
#include "netns_rig.h"
#include "tun_look.h"

int netns_home, netns_other;

/* A namespace at hand, and another one. */
void
netns_two(void)
{
	kit_netns();
	netns_home = look_netns();
	kit_netns();
	netns_other = look_netns();
	look_enter(netns_home);
}

ino_t
netns_inode_of(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* The thread is where it was. */
void
netns_check_home(void)
{
	int fd = look_netns();

	ck_assert_uint_eq(netns_inode_of(fd), netns_inode_of(netns_home));
	close(fd);
}

/* In the other one, ip says so of an interface, or not. */
void
netns_check_there(const char *name, const char *words, int does)
{
	look_enter(netns_other);
	ck_assert_msg(ip_says(words, "address show dev %s", name) == does,
	    "%s: \"%s\" is %s there", name, words, does ? "not" : "");
	look_enter(netns_home);
}

int
netns_is_there(int netns, const char *name)
{
	int found;

	look_enter(netns);
	found = look_index(name) != 0;
	look_enter(netns_home);
	return found;
}

struct evtun *
netns_try_there(const char *name, int options)
{
	struct evtun_config *cfg = evtun_config_new();
	struct evtun *tun;
	int err;

	ck_assert_ptr_nonnull(cfg);
	kit_ok(evtun_config_set_netns(cfg, netns_other));
	tun = evtun_new_config(name, options, cfg);
	err = errno;
	evtun_config_free(cfg);
	errno = err;
	return tun;
}

struct evtun *
netns_new_there(const char *name, int options)
{
	struct evtun *tun = netns_try_there(name, options);

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	netns_check_home();
	return tun;
}

/* Wait for a packet that the device has been sent. */
static int
read_one(struct evtun *tun, unsigned char *buf, size_t size)
{
	struct pollfd pfd = { evtun_get_fd(tun), POLLIN, 0 };

	ck_assert_int_eq(poll(&pfd, 1, (int)(10000 * kit_patience())), 1);
	return evtun_read(tun, buf, size);
}

void
netns_check_packets(struct evtun *tun, int netns, const char *name)
{
	unsigned char packet[100], got[2000];
	struct pollfd pfd;
	int fd;

	look_enter(netns);
	fd = kit_packet_socket(name);
	look_enter(netns_home);
	kit_fill(KIT_TUN, packet, 1, sizeof(packet));
	kit_ok(evtun_write(tun, packet, sizeof(packet)));
	pfd.fd = fd;
	pfd.events = POLLIN;
	ck_assert_int_eq(poll(&pfd, 1, (int)(10000 * kit_patience())), 1);
	ck_assert_int_eq((int)recv(fd, got, sizeof(got), 0), sizeof(packet));
	ck_assert_int_eq(memcmp(packet, got, sizeof(packet)), 0);
	kit_fill(KIT_TUN, packet, 2, sizeof(packet));
	ck_assert_int_eq((int)send(fd, packet, sizeof(packet), 0),
	    sizeof(packet));
	ck_assert_int_eq(read_one(tun, got, sizeof(got)), sizeof(packet));
	ck_assert_int_eq(memcmp(packet, got, sizeof(packet)), 0);
	close(fd);
}
