/*
 * Answers that are not the kernel's: whoever has privileges in the namespace
 * can send to the port of any netlink socket in it.
 */
#include "config.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "evtun/link.h"
#include "evtun/tun.h"
#include "kit.h"
#include "tun_look.h"

/* More than it takes: a forger was believed once in 500 times. */
#define N_TRIES 3000

/* "Done", until it is killed, to whoever has the port that is a process's
 * number: the first netlink socket that it opens. */
static void
forge(pid_t victim)
{
	struct sockaddr_nl to;
	struct {
		struct nlmsghdr nlh;
		struct nlmsgerr err;
	} msg;
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	memset(&to, 0, sizeof(to));
	to.nl_family = AF_NETLINK;
	to.nl_pid = (unsigned)victim;
	memset(&msg, 0, sizeof(msg));
	msg.nlh.nlmsg_len = sizeof(msg);
	msg.nlh.nlmsg_type = NLMSG_ERROR;
	msg.nlh.nlmsg_seq = 1;
	msg.nlh.nlmsg_pid = (unsigned)victim;
	while (sock >= 0 && getppid() == victim)
		(void)sendto(sock, &msg, sizeof(msg), MSG_DONTWAIT,
		    (struct sockaddr *)&to, sizeof(to));
	_exit(0);
}

/* Its answers may crowd out the kernel's, which ENOBUFS says. */
START_TEST(test_forged_success)
{
	struct evtun *tun;
	struct evtun_link *link;
	pid_t victim = getpid(), forger;
	int i, r, mtu;

	kit_netns();
	tun = look_new("forged0", EVTUN_OPT_TAP);
	ck_assert_ptr_nonnull(link = evtun_link_new_tun(tun));
	mtu = evtun_link_get_mtu(link);
	forger = fork();
	ck_assert_int_ge(forger, 0);
	if (forger == 0)
		forge(victim);
	for (i = 0; i < N_TRIES; i++) {
		r = evtun_link_set_mtu(link, 65535);
		if (r != -1 || (errno != EINVAL && errno != ENOBUFS))
			break;
	}
	ck_assert_int_eq(kill(forger, SIGKILL), 0);
	ck_assert_int_eq(waitpid(forger, NULL, 0), forger);
	ck_assert_msg(i == N_TRIES, "try %d: %d (%s)", i, r,
	    evtun_get_error());
	ck_assert_int_eq(look_mtu("forged0"), mtu);
	evtun_link_free(link);
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("link_forged");
	kit_case("answers", KIT_NEEDS_TUN);
	kit_test(test_forged_success);
	return kit_run();
}
