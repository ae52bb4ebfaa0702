#include "config.h"

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kit.h"
#include "netlink.h"

struct nlmsghdr *
netlink_begin(void *buf, size_t size, uint16_t type)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, size);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	return nlh;
}

void
netlink_request(struct nlmsghdr *nlh)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	unsigned char buf[4096];
	ssize_t n;

	ck_assert_ptr_nonnull(nl);
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	ck_assert_int_eq(mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID), 0);
	ck_assert_int_gt(mnl_socket_sendto(nl, nlh, nlh->nlmsg_len), 0);
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	ck_assert_int_gt(n, 0);
	ck_assert_msg(mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl),
	    NULL, NULL) >= 0, "netlink: %s", strerror(errno));
	mnl_socket_close(nl);
}
