/*
 * Packets are finished, whatever offload somebody else has left switched on:
 * the checksums that a reader gets are right.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "kit.h"
#include "tun_look.h"

#define MASK ((unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6))
#define UDP_HEADER 8
#define N_PACKETS 20

/* RFC 1071, over the pseudo header of RFC 768 and all that follows the IPv4
 * header: 0xffff if it is right. */
static unsigned
udp_sum(const unsigned char *p, size_t n)
{
	size_t header = (size_t)(p[0] & 15) * 4, i;
	unsigned sum = IPPROTO_UDP + (unsigned)(n - header);

	for (i = 12; i < n; i++) {
		if (i < 20 || i >= header)
			sum += (unsigned)p[i] << (i % 2 ? 0 : 8);
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Send n packets to hosts behind the interface, from ports that spread them
 * over its queues. */
static void
send_some(int n)
{
	struct sockaddr_in to;
	int fd, i;

	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_port = htons(99);
	to.sin_addr.s_addr = inet_addr("10.9.0.2");
	for (i = 0; i < n; i++) {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		ck_assert_int_eq(sendto(fd, "unfinished", 10, 0,
		    (struct sockaddr *)&to, sizeof(to)), 10);
		close(fd);
	}
}

/* Read what is there; return how many packets of UDP, all of them right. */
static int
read_right(struct evtun *tun)
{
	unsigned char buf[2000];
	int n, right = 0;

	while ((n = evtun_read(tun, buf, sizeof(buf))) > 0) {
		if (buf[0] >> 4 != 4 || buf[9] != IPPROTO_UDP)
			continue;
		ck_assert_int_ge(n, 20 + UDP_HEADER);
		kit_check(udp_sum(buf, (size_t)n) == 0xffff,
		    "the checksum is wrong");
		right++;
	}
	kit_check(n == 0, "%s", evtun_get_error());
	return right;
}

static void
bring_up(struct evtun *tun)
{
	kit_ok(evtun_add_address(tun, "10.9.0.1/24", NULL));
	kit_ok(evtun_set_up(tun, 1));
}

/* A parent that has switched it on, without a header to say so. */
START_TEST(test_adopted)
{
	struct evtun *tun;
	int fd;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, MASK), 0);
	tun = evtun_new_fd(fd, 0);
	kit_check(tun != NULL, "%s", evtun_get_error());
	bring_up(tun);
	send_some(N_PACKETS);
	ck_assert_int_eq(read_right(tun), N_PACKETS);
	evtun_free(tun);
}
END_TEST

START_TEST(test_beside_another_queue)
{
	struct pollfd other;
	struct evtun *tun;
	int right, sent = 0;

	kit_netns();
	other.fd = look_open("vpn0", IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE);
	ck_assert_int_eq(ioctl(other.fd, TUNSETOFFLOAD, MASK), 0);
	tun = look_new("vpn0", EVTUN_OPT_MULTIQUEUE);
	bring_up(tun);
	/* Which queue a packet takes is the kernel's choice. */
	for (right = 0; right < N_PACKETS && sent < 1000; sent += 10) {
		send_some(10);
		right += read_right(tun);
	}
	ck_assert_int_ge(right, N_PACKETS);
	evtun_free(tun);
	close(other.fd);
}
END_TEST

START_TEST(test_left_behind)
{
	struct evtun *tun;
	int fd;

	kit_netns();
	fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	ck_assert_int_eq(ioctl(fd, TUNSETOFFLOAD, MASK), 0);
	ck_assert_int_eq(ioctl(fd, TUNSETPERSIST, 1UL), 0);
	close(fd);
	tun = look_new("vpn0", 0);
	bring_up(tun);
	send_some(N_PACKETS);
	ck_assert_int_eq(read_right(tun), N_PACKETS);
	kit_ok(evtun_set_persist(tun, 0));
	evtun_free(tun);
}
END_TEST

int
main(void)
{
	kit_suite("tun_checksum");
	kit_case("unfinished", KIT_NEEDS_TUN);
	kit_test(test_adopted);
	kit_test(test_beside_another_queue);
	kit_test(test_left_behind);
	return kit_run();
}
