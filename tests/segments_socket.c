#include "config.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <string.h>

#include "kit.h"
#include "segments.h"

/* In an Ethernet frame: where its type, or its outer tag, is. */
#define TYPE_AT 12
#define TYPE_SIZE 2
#define TAG 4

evutil_socket_t
segments_socket(const char *ifname)
{
	evutil_socket_t fd = kit_packet_socket(ifname);
	int one = 1;

	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one,
	    sizeof(one)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one,
	    sizeof(one)), 0);
	return fd;
}

void
segments_put_header(struct virtio_net_hdr *hdr, const struct evtun_offload *o)
{
	memset(hdr, 0, sizeof(*hdr));
	hdr->flags = o->flags;
	hdr->gso_type = o->gso_type;
	hdr->hdr_len = o->hdr_len;
	hdr->gso_size = o->gso_size;
	hdr->csum_start = o->csum_start;
	hdr->csum_offset = o->csum_offset;
}

static void
get_header(struct evtun_offload *o, const struct virtio_net_hdr *hdr)
{
	memset(o, 0, sizeof(*o));
	o->flags = hdr->flags;
	o->gso_type = hdr->gso_type;
	o->hdr_len = hdr->hdr_len;
	o->gso_size = hdr->gso_size;
	o->csum_start = hdr->csum_start;
	o->csum_offset = hdr->csum_offset;
}

void
segments_send(evutil_socket_t fd, const struct segments_frame *frame)
{
	struct virtio_net_hdr hdr;
	struct iovec vec[2] = { { &hdr, sizeof(hdr) },
	    { (void *)frame->data, frame->len } };
	struct sockaddr_ll to;
	struct msghdr msg;
	socklen_t len = sizeof(to);
	unsigned type = frame->data[0] >> 4 == 6 ? 0x86dd : 0x0800;

	segments_put_header(&hdr, &frame->offload);
	memset(&to, 0, sizeof(to));
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &len), 0);
	to.sll_protocol = htons((ev_uint16_t)type);
	if (frame->ethernet)
		memcpy(&to.sll_protocol, frame->data + TYPE_AT, TYPE_SIZE);
	memset(&msg, 0, sizeof(msg));
	msg.msg_name = &to;
	msg.msg_namelen = sizeof(to);
	msg.msg_iov = vec;
	msg.msg_iovlen = 2;
	kit_check(sendmsg(fd, &msg, 0) ==
	    (ssize_t)(sizeof(hdr) + frame->len), "frame of %zu bytes: %s",
	    frame->len, strerror(errno));
}

void
segments_flood(evutil_socket_t fd, const struct segments_form *form,
    struct segments_list *list)
{
	static struct segments_frame frame;

	segments_make(&frame, form);
	segments_send(fd, &frame);
	segments_list_split(list, &frame);
}

/* The kernel takes the outer tag out of what comes in, and puts it beside. */
static void
put_tag_back(struct segments_frame *frame, struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	unsigned char *at = frame->data + TYPE_AT;
	struct tpacket_auxdata aux;
	ev_uint16_t tag[2];

	if (c == NULL)
		return;
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	if (!(aux.tp_status & TP_STATUS_VLAN_VALID))
		return;
	memmove(at + TAG, at, frame->len - TYPE_AT);
	tag[0] = htons(aux.tp_vlan_tpid);
	tag[1] = htons(aux.tp_vlan_tci);
	memcpy(at, tag, TAG);
	frame->len += TAG;
	if (frame->offload.flags & EVTUN_OFFLOAD_NEEDS_CSUM)
		frame->offload.csum_start += TAG;
}

int
segments_receive(evutil_socket_t fd, int ethernet,
    struct segments_frame *frame)
{
	struct virtio_net_hdr hdr;
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec vec[2] = { { &hdr, sizeof(hdr) },
	    { frame->data, sizeof(frame->data) - TAG } };
	struct msghdr msg = { .msg_iov = vec, .msg_iovlen = 2,
	    .msg_control = control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);

	if (n < 0) {
		kit_check(errno == EAGAIN, "receive: %s", strerror(errno));
		return 0;
	}
	kit_check((size_t)n >= sizeof(hdr), "a frame of %zd bytes", n);
	get_header(&frame->offload, &hdr);
	frame->ethernet = ethernet;
	frame->len = (size_t)n - sizeof(hdr);
	put_tag_back(frame, &msg);
	return 1;
}

void
segments_await(evutil_socket_t fd, int ethernet, struct segments_frame *frame)
{
	struct pollfd pfd = { fd, POLLIN, 0 };

	kit_check(poll(&pfd, 1, 20000) == 1, "no frame has come");
	kit_check(segments_receive(fd, ethernet, frame), "no frame is there");
}

void
segments_same(const struct segments_frame *a, const struct segments_frame *b)
{
	const struct evtun_offload *p = &a->offload, *q = &b->offload;

	ck_assert_uint_eq(p->gso_type, q->gso_type);
	ck_assert_uint_eq(p->gso_size, q->gso_size);
	ck_assert_uint_eq(p->flags & EVTUN_OFFLOAD_NEEDS_CSUM,
	    q->flags & EVTUN_OFFLOAD_NEEDS_CSUM);
	ck_assert_uint_eq(p->csum_start, q->csum_start);
	ck_assert_uint_eq(p->csum_offset, q->csum_offset);
	kit_check(a->len == b->len, "frames of %zu and %zu bytes", a->len,
	    b->len);
	kit_check(memcmp(a->data, b->data, a->len) == 0,
	    "frames of %zu bytes differ", a->len);
}
