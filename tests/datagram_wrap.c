/*
 * The linker's --wrap puts these functions before the library's calls.
 */
#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>

#include "datagram_rig.h"

#define GRO 104			/* UDP_GRO, where headers are older */

struct datagram_wrap datagram_wrap;

ssize_t __real_recvmsg(int fd, struct msghdr *header, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);
int __real_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags,
    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags,
    struct timespec *timeout);
ssize_t __real_sendmsg(int fd, const struct msghdr *header, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *header, int flags);
int __real_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags);

static void
count_received(struct msghdr *header)
{
	struct cmsghdr *control;

	if (header->msg_controllen == 0)
		return;
	for (control = CMSG_FIRSTHDR(header); control != NULL;
	    control = CMSG_NXTHDR(header, control))
		if (control->cmsg_level == IPPROTO_UDP &&
		    control->cmsg_type == GRO)
			datagram_wrap.received_joined++;
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *header, int flags)
{
	ssize_t n = __real_recvmsg(fd, header, flags);

	datagram_wrap.receives++;
	if (n >= 0)
		count_received(header);
	return n;
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags,
    struct timespec *timeout)
{
	int i, got;

	datagram_wrap.receives++;
	if (datagram_wrap.forbid) {
		errno = datagram_wrap.forbid;
		return -1;
	}
	got = __real_recvmmsg(fd, headers, n, flags, timeout);
	for (i = 0; i < got; i++)
		count_received(&headers[i].msg_hdr);
	return got;
}

/* What the kernel is made to say to a message: 0 or an errno. */
static int
answer(const struct msghdr *header)
{
	if (datagram_wrap.limited && datagram_wrap.room == 0)
		return EAGAIN;
	if (header->msg_controllen > 0) {
		if (datagram_wrap.refuse)
			return datagram_wrap.refuse;
		datagram_wrap.sent_joined++;
	}
	datagram_wrap.room--;
	return 0;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *header, int flags)
{
	int err = answer(header);

	datagram_wrap.sends++;
	if (err == 0)
		return __real_sendmsg(fd, header, flags);
	errno = err;
	return -1;
}

int
__wrap_sendmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags)
{
	unsigned i;
	int err = datagram_wrap.forbid;

	datagram_wrap.sends++;
	for (i = 0; i < n && err == 0; i++)
		err = answer(&headers[i].msg_hdr);
	if (err)
		n = datagram_wrap.forbid ? 0 : i - 1;
	if (n > 0)
		return __real_sendmmsg(fd, headers, n, flags);
	errno = err;
	return -1;
}
