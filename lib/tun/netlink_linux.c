#include "config.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#include "tun/netlink-internal.h"

/* The kernel fills replies of up to 32 KiB; a single message may be longer. */
#define REPLY_SIZE 32768

/* A socket carries one request, so that any number will do. */
#define SEQUENCE 1

void *
evtun_request_begin_(struct evtun_request *req, uint16_t type, uint16_t flags,
    size_t header)
{
	/* libmnl leaves the padding of attributes as it finds it. */
	memset(req->buf, 0, sizeof(req->buf));
	req->nlh = mnl_nlmsg_put_header(req->buf);
	req->nlh->nlmsg_type = type;
	req->nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	req->nlh->nlmsg_seq = SEQUENCE;
	req->is_filtered = 0;
	return mnl_nlmsg_put_extra_header(req->nlh, header);
}

struct mnl_socket *
evtun_netlink_open_(int netns)
{
	struct mnl_socket *nl;
	int fd, err;

	fd = evtun_netns_open_socket_(netns, AF_NETLINK,
	    SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return NULL;
	if ((nl = mnl_socket_fdopen(fd)) == NULL) {
		err = errno;
		close(fd);
		errno = err;
		return NULL;
	}
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0)
		return nl;
	err = errno;
	mnl_socket_close(nl);
	errno = err;
	return NULL;
}

void
evtun_request_narrow_(struct evtun_request *req, unsigned index)
{
	struct ifaddrmsg *ifa;

	req->is_filtered = 1;
	if (req->nlh->nlmsg_type == RTM_GETROUTE) {
		mnl_attr_put_u32(req->nlh, RTA_OIF, index);
		return;
	}
	ifa = mnl_nlmsg_get_payload(req->nlh);
	ifa->ifa_index = index;
}

/* How long the kernel's message is that comes next.  Who has privileges in the
 * namespace can send to our port, too: that is thrown away. */
static ssize_t
next_length(struct mnl_socket *nl)
{
	int flags = MSG_PEEK | MSG_TRUNC;
	struct sockaddr_nl from;
	socklen_t len;
	ssize_t n;
	char c;

	for (;;) {
		memset(&from, 0, sizeof(from));
		len = sizeof(from);
		n = recvfrom(mnl_socket_get_fd(nl), &c, sizeof(c), flags,
		    (struct sockaddr *)&from, &len);
		if (n >= 0 && from.nl_pid == 0)
			return n;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n >= 0)
			(void)recv(mnl_socket_get_fd(nl), &c, sizeof(c), 0);
	}
}

static int
make_room(void **buf, size_t *size, size_t wanted)
{
	void *grown;

	if (wanted <= *size)
		return 0;
	if ((grown = realloc(*buf, wanted)) == NULL)
		return -1;
	*buf = grown;
	*size = wanted;
	return 0;
}

/* One message, or several in one; *buf grows to hold it. */
static ssize_t
receive_next(struct mnl_socket *nl, void **buf, size_t *size)
{
	ssize_t n = next_length(nl);

	if (n < 0 || make_room(buf, size, (size_t)n) < 0)
		return -1;
	do
		n = mnl_socket_recvfrom(nl, *buf, *size);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Both ends of an answer, NLMSG_DONE too, begin with an error or 0: a dump
 * that was refused would else be taken for an empty one. */
static int
end_answer(const struct nlmsghdr *nlh, void *data)
{
	int err = 0;

	(void)data;
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	/* DONE may have the length of the last part. */
	if (err >= 0)
		return MNL_CB_STOP;
	errno = -err;
	return MNL_CB_ERROR;
}

/* With room in *buf to begin with. */
static int
receive(struct mnl_socket *nl, void **buf, size_t *size, mnl_cb_t cb,
    void *data)
{
	mnl_cb_t ends[] = {
		[NLMSG_ERROR] = end_answer,
		[NLMSG_DONE] = end_answer
	};
	ssize_t n;
	int r;

	do {
		if ((n = receive_next(nl, buf, size)) < 0)
			return -1;
		r = mnl_cb_run2(*buf, (size_t)n, SEQUENCE,
		    mnl_socket_get_portid(nl), cb, data, ends,
		    sizeof(ends) / sizeof(ends[0]));
	} while (r > MNL_CB_STOP);
	return r;
}

/* Ask for nothing that could not be answered for want of memory. */
static int
converse(struct mnl_socket *nl, struct evtun_request *req, mnl_cb_t cb,
    void *data)
{
	size_t size = REPLY_SIZE;
	void *buf = malloc(size);
	int err, r = -1;

	if (buf == NULL)
		return -1;
	if (mnl_socket_sendto(nl, req->nlh, req->nlh->nlmsg_len) >= 0)
		r = receive(nl, &buf, &size, cb, data);
	err = errno;
	free(buf);
	errno = err;
	return r;
}

int
evtun_request_do_(struct evtun_request *req, int netns, mnl_cb_t cb,
    void *data)
{
	struct mnl_socket *nl = evtun_netlink_open_(netns);
	int err, r, on = 1;

	if (nl == NULL)
		return -1;
	/* A kernel without it says more than was asked for. */
	if (req->is_filtered)
		(void)mnl_socket_setsockopt(nl, NETLINK_GET_STRICT_CHK, &on,
		    sizeof(on));
	r = converse(nl, req, cb, data);
	err = errno;
	mnl_socket_close(nl);
	errno = err;
	return r;
}
