#include "config.h"

#include <net/if.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "pass_rig.h"

/* What the kernel lets be sent at once. */
#define MAX_FDS 253

const int pass_types[PASS_N_TYPES] = {
	SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM
};

union control {
	char buf[CMSG_SPACE(MAX_FDS * sizeof(int))];
	struct cmsghdr align;
};

void
pass_sockets(int type, int sock[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sock), 0);
}

void
pass_nonblocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL,
	    fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

void
pass_capture(struct evtun *tun, struct pass_message *msg)
{
	unsigned char bytes[PASS_LENGTH + 1];
	struct iovec iov = { bytes, sizeof(bytes) };
	union control control;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf) };
	struct cmsghdr *cmsg;
	int sock[2];

	pass_sockets(SOCK_SEQPACKET, sock);
	kit_ok(evtun_send_device(tun, sock[0]));
	ck_assert_int_eq(recvmsg(sock[1], &h, MSG_CMSG_CLOEXEC), PASS_LENGTH);
	cmsg = CMSG_FIRSTHDR(&h);
	ck_assert_ptr_nonnull(cmsg);
	ck_assert_int_eq(cmsg->cmsg_type, SCM_RIGHTS);
	ck_assert_uint_eq(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
	memcpy(&msg->fd, CMSG_DATA(cmsg), sizeof(int));
	memcpy(msg->bytes, bytes, PASS_LENGTH);
	close(sock[0]);
	close(sock[1]);
}

void
pass_set(struct pass_message *msg, enum pass_member which, uint32_t value)
{
	memcpy(msg->bytes + which, &value, sizeof(value));
}

void
pass_put(int sock, const void *data, size_t len, const int *fds, int n)
{
	struct iovec iov = { (void *)data, len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *cmsg;

	ck_assert_int_le(n, MAX_FDS);
	if (n > 0) {
		memset(&control, 0, sizeof(control));
		h.msg_control = control.buf;
		h.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&h);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, (size_t)n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(sock, &h, MSG_NOSIGNAL), len);
}

void
pass_put_message(int sock, const struct pass_message *msg)
{
	pass_put(sock, msg->bytes, PASS_LENGTH, &msg->fd, 1);
}

struct evtun *
pass_receive(int sock, int options)
{
	struct evtun *tun = evtun_receive_device(sock, options);

	ck_assert_msg(tun != NULL, "evtun_receive_device: %s",
	    evtun_get_error());
	return tun;
}

struct evtun *
pass_on(struct evtun *tun, int type, int options)
{
	struct evtun *received;
	int sock[2];

	pass_sockets(type, sock);
	kit_ok(evtun_send_device(tun, sock[0]));
	received = pass_receive(sock[1], options);
	close(sock[0]);
	close(sock[1]);
	return received;
}

void
pass_until_gone(const char *name)
{
	int i;

	for (i = 0; if_nametoindex(name) != 0; i++) {
		kit_check(i < 20000 * kit_patience(), "%s stays", name);
		usleep(1000);
	}
}

static void
wait_for(int fd)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	ck_assert_int_eq(poll(&pfd, 1, 30000), 1);
}

void
pass_check_packets(struct evtun *tun, int packets)
{
	int options = evtun_get_options(tun);
	enum kit_kind kind = options & EVTUN_OPT_TAP ? KIT_TAP : KIT_TUN;
	size_t info = options & EVTUN_OPT_PACKET_INFO ? 4 : 0, n = 700;
	unsigned char out[704] = { 0, 0, 8, 0 }, in[1000];

	kit_fill(kind, out + info, 1, n);
	ck_assert_int_eq(send(packets, out + info, n, 0), n);
	wait_for(evtun_get_fd(tun));
	ck_assert_int_eq(evtun_read(tun, in, sizeof(in)), n + info);
	ck_assert_mem_eq(in + info, out + info, n);
	kit_fill(kind, out + info, 2, n);
	kit_ok(evtun_write(tun, out, n + info));
	wait_for(packets);
	ck_assert_int_eq(recv(packets, in, sizeof(in), 0), n);
	ck_assert_mem_eq(in, out + info, n);
}

void
pass_check_traffic(struct evtun *tun, const char *name)
{
	int packets = kit_packet_socket(name);

	pass_check_packets(tun, packets);
	close(packets);
}
