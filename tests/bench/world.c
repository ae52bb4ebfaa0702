/*
 * The namespaces and devices that the measurements take place in.
 *
 * Nothing is seen outside of this process and its children, and all of it
 * goes with them.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

static const char *const addresses[2] = {"10.8.0.1", "10.8.0.2"};
static const char *const addresses6[2] = {"fd08::1", "fd08::2"};

static struct world worlds[N_DEVICE_KINDS][2];
static int home = -1;

void
die(const char *what)
{
	fprintf(stderr, "bench: %s: %s (last of the library: %s)\n", what,
	    strerror(errno), evtun_get_error());
	/* A child must not write what its parent had not written yet. */
	_exit(1);
}

void
wrong(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	_exit(1);
}

static void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY|O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

void
enter_namespace(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		die("cannot make a network namespace");
	/* Router solicitations and the like would wake up readers. */
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		put_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

static void
become_root(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (uid == 0)
		return;
	if (unshare(CLONE_NEWUSER) < 0)
		die("cannot make a user namespace, and this is not root");
	put_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	put_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	put_file("/proc/self/gid_map", map);
}

static int
this_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY|O_CLOEXEC);

	if (fd < 0)
		die("/proc/self/ns/net");
	return fd;
}

static void
go_to(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0)
		die("setns");
}

/* What evtun_add_address() and evtun_set_up() do, by hand; addr may be NULL
 * for none. */
static void
set_up_bare(const char *name, const char *addr)
{
	struct ifreq ifr;
	struct sockaddr_in sin = {.sin_family = AF_INET};
	int s = socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0);

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (addr != NULL) {
		inet_pton(AF_INET, addr, &sin.sin_addr);
		memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
		if (ioctl(s, SIOCSIFADDR, &ifr) < 0)
			die("SIOCSIFADDR");
		inet_pton(AF_INET, "255.255.255.0", &sin.sin_addr);
		memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
		if (ioctl(s, SIOCSIFNETMASK, &ifr) < 0)
			die("SIOCSIFNETMASK");
	}
	ifr.ifr_flags = IFF_UP;
	if (ioctl(s, SIOCSIFFLAGS, &ifr) < 0)
		die("SIOCSIFFLAGS");
	close(s);
}

void
leave_namespace(void)
{
	go_to(home);
}

void
enter_private_world(void)
{
	struct rlimit limit;

	/* For the many devices. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	become_root();
	enter_namespace();
	set_up_bare("lo", NULL);
	home = this_namespace();
}

static void
make_library_device(struct end *end, const char *address, int options)
{
	char addr[64];

	snprintf(addr, sizeof(addr), "%s/24", address);
	end->tun = evtun_new("bench%d", options);
	if (end->tun == NULL || evtun_add_address(end->tun, addr, NULL) < 0 ||
	    evtun_set_up(end->tun, 1) < 0)
		die("cannot make a device");
	end->fd = evtun_get_fd(end->tun);
}

/* A new IPv6 address can be used in a moment, not at once. */
static void
wait_for_address(const char *address)
{
	struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6};
	int fd = socket(AF_INET6, SOCK_DGRAM|SOCK_CLOEXEC, 0), tries = 0;

	inet_pton(AF_INET6, address, &sin6.sin6_addr);
	while (bind(fd, (struct sockaddr *)&sin6, sizeof(sin6)) < 0) {
		if (errno != EADDRNOTAVAIL || ++tries == 500)
			die("an IPv6 address is of no use");
		sleep_seconds(0.01);
	}
	close(fd);
}

void
world_add_ipv6(const struct world *w)
{
	char addr[64];
	int i;

	for (i = 0; i < 2; i++) {
		go_to(w->ns[i]);
		put_file("/proc/sys/net/ipv6/conf/bench0/disable_ipv6", "0");
		snprintf(addr, sizeof(addr), "%s/64", addresses6[i]);
		if (evtun_add_address(w->end[i].tun, addr, NULL) < 0)
			die("cannot add an IPv6 address");
		wait_for_address(addresses6[i]);
	}
	go_to(home);
}

static void
make_device(struct world *w, int side, enum device_kind kind)
{
	struct end *end = &w->end[side];

	enter_namespace();
	w->ns[side] = this_namespace();
	end->to = !side;
	if (kind == PLAIN || kind == OFFLOAD) {
		make_library_device(end, addresses[side],
		    kind == OFFLOAD ? EVTUN_OPT_OFFLOAD : 0);
	} else {
		end->fd = reference_open(kind == BARE_LARGE);
		set_up_bare("bench0", addresses[side]);
	}
}

int
world_socket(const struct world *w, int side, int family, int type,
    struct sockaddr_storage *where)
{
	int fd;

	go_to(w->ns[side]);
	fd = bound_socket(family, type, family == AF_INET ? addresses[side] :
	    addresses6[side], where);
	go_to(home);
	return fd;
}

static void
make_world(struct world *w, enum device_kind kind, int tunnel)
{
	make_device(w, 0, kind);
	make_device(w, 1, kind);
	w->n_ends = 2;
	go_to(home);
	if (tunnel)
		tunnel_make(w);
}

const struct world *
world_get(enum device_kind kind, int tunnel)
{
	static unsigned char buf[FRAME_ROOM];
	struct world *w = &worlds[kind][tunnel];
	int i;

	if (w->n_ends == 0)
		make_world(w, kind, tunnel);
	for (i = 0; i < w->n_ends; i++)
		while (read(w->end[i].fd, buf, sizeof(buf)) >= 0)
			continue;
	return w;
}

static void
world_free(struct world *w)
{
	int i;

	for (i = 0; i < w->n_ends; i++) {
		if (w->end[i].tun != NULL)
			evtun_free(w->end[i].tun);
		else
			close(w->end[i].fd);
		if (i < 2)
			close(w->ns[i]);
	}
	memset(w, 0, sizeof(*w));
}

void
world_free_all(void)
{
	int i;

	for (i = 0; i < N_DEVICE_KINDS; i++) {
		world_free(&worlds[i][0]);
		world_free(&worlds[i][1]);
	}
}
