/*
 * A device in a message.  Both ends are on one machine, but not always of one
 * build: the message says what it is, and how long.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "evtun/pass.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/pass-internal.h"

#define MAGIC "evtundev"
#define MESSAGE_VERSION 1

/* The most that any system joins: offload_linux.c. */
#define MAX_UDP_SEGMENTS 128

/* No member has padding before it. */
struct message {
	char magic[8];
	ev_uint32_t version;
	ev_uint32_t size;
	ev_uint32_t options;
	ev_uint32_t header;
	ev_uint32_t is_swapped;
	ev_uint32_t udp_segments;
	ev_uint32_t resets_offload;
	ev_uint32_t mtu;
	ev_uint32_t index;
	char name[EVTUN_NAME_SIZE];
};

static const char sending[] = "send a device";
static const char receiving[] = "receive a device";

static int
check_socket(evutil_socket_t sock, const char *step)
{
	if (evtun_rights_check_(sock) == 0)
		return 0;
	return evtun_fail_(errno, step, errno == EINVAL ?
	    "it takes a Unix socket" : NULL);
}

static void
encode(struct message *msg, const struct evtun_sent *sent)
{
	memset(msg, 0, sizeof(*msg));
	memcpy(msg->magic, MAGIC, sizeof(msg->magic));
	msg->version = MESSAGE_VERSION;
	msg->size = sizeof(*msg);
	msg->options = (ev_uint32_t)sent->options;
	msg->header = (ev_uint32_t)sent->header;
	msg->is_swapped = sent->is_swapped != 0;
	msg->udp_segments = sent->udp_segments;
	msg->resets_offload = sent->resets_offload != 0;
	msg->mtu = (ev_uint32_t)sent->mtu;
	msg->index = sent->index;
	memcpy(msg->name, sent->name, strnlen(sent->name, sizeof(msg->name)));
}

static const char *
explain_sending(int err)
{
	switch (err) {
	case ENOTCONN:
		return "the socket is not connected";
	case EPIPE:
	case ECONNREFUSED:
		return "the receiver has closed the socket";
	case EMSGSIZE:
		return "a part of the message was sent, "
		    "and the stream is of no more use";
	case ETOOMANYREFS:
		return "too many descriptors are on their way";
	default:
		return NULL;
	}
}

int
evtun_send_device(struct evtun *tun, evutil_socket_t sock)
{
	struct evtun_sent sent;
	struct message msg;

	if (check_socket(sock, sending) < 0 ||
	    evtun_system_describe_(tun, &sent) < 0)
		return -1;
	encode(&msg, &sent);
	if (evtun_rights_send_(sock, &msg, sizeof(msg), tun->fd) < 0)
		return evtun_fail_(errno, sending, explain_sending(errno));
	evtun_system_handed_over_(tun);
	return 0;
}

/* ---- the other end ---- */

static int
is_header(ev_uint32_t size, ev_uint32_t options)
{
	if (!(options & EVTUN_OPT_OFFLOAD))
		return size == 0;
	return size == 10 || size == 12 || size == 20 || size == 24;
}

/* As the kernel has it, or none; but nothing that a terminal would obey. */
static int
is_name(const char *name)
{
	size_t i, n = strnlen(name, EVTUN_NAME_SIZE);

	for (i = 0; i < n; i++)
		if (name[i] == '/' || name[i] == 0x7f ||
		    (unsigned char)name[i] <= ' ')
			return 0;
	return n < EVTUN_NAME_SIZE;
}

/* What no sender of this version could have said. */
static int
is_possible(const struct message *msg)
{
	static const ev_uint32_t options = EVTUN_OPT_TAP | EVTUN_OPT_PERSIST |
	    EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PACKET_INFO | EVTUN_OPT_OFFLOAD;

	return !(msg->options & ~options) &&
	    is_header(msg->header, msg->options) &&
	    msg->is_swapped <= (msg->header != 0) &&
	    msg->udp_segments <= MAX_UDP_SEGMENTS &&
	    msg->resets_offload <= 1 && msg->mtu <= INT_MAX &&
	    msg->index <= INT_MAX &&
	    is_name(msg->name);
}

static int
decode(struct evtun_sent *sent, const struct message *msg)
{
	memset(sent, 0, sizeof(*sent));
	if (memcmp(msg->magic, MAGIC, sizeof(msg->magic)) != 0)
		return evtun_fail_(EBADMSG, receiving,
		    "the message is not about a device");
	if (msg->version != MESSAGE_VERSION || msg->size != sizeof(*msg))
		return evtun_fail_(EBADMSG, receiving,
		    "the sender has another version of this library");
	if (!is_possible(msg))
		return evtun_fail_(EBADMSG, receiving,
		    "the message makes no sense");
	sent->options = (int)msg->options;
	sent->header = (int)msg->header;
	sent->is_swapped = (int)msg->is_swapped;
	sent->udp_segments = msg->udp_segments;
	sent->resets_offload = (int)msg->resets_offload;
	sent->mtu = (int)msg->mtu;
	sent->index = msg->index;
	memcpy(sent->name, msg->name, sizeof(sent->name));
	return 0;
}

static const char *
explain_receiving(int err)
{
	switch (err) {
	case EBADMSG:
		return "the message is not about a device, "
		    "or does not have just one descriptor";
	case ECONNRESET:
		return "the sender has closed the socket";
	default:
		return NULL;
	}
}

/* On failure fd stays open. */
static struct evtun *
make_device(evutil_socket_t fd, const struct message *msg, int options)
{
	struct evtun_sent sent;
	struct evtun *tun;

	if (decode(&sent, msg) < 0 ||
	    evtun_system_check_sent_(fd, &sent) < 0)
		return NULL;
	tun = evtun_new_fd(fd, sent.options | options);
	if (tun == NULL)
		return NULL;
	if (evtun_system_take_sent_(tun, &sent) == 0)
		return tun;
	(void)evtun_release(tun);
	errno = ENOMEM;
	return NULL;
}

struct evtun *
evtun_receive_device(evutil_socket_t sock, int options)
{
	struct message msg;
	struct evtun *tun;
	evutil_socket_t fd;
	int err;

	if (options & ~EVTUN_OPT_INHERIT) {
		evtun_fail_(EINVAL, receiving, "all options but "
		    "EVTUN_OPT_INHERIT are as they were sent");
		return NULL;
	}
	if (check_socket(sock, receiving) < 0)
		return NULL;
	if (evtun_rights_receive_(sock, &msg, sizeof(msg), &fd) < 0) {
		evtun_fail_(errno, receiving, explain_receiving(errno));
		return NULL;
	}
	tun = make_device(fd, &msg, options);
	if (tun == NULL) {
		err = errno;
		evutil_closesocket(fd);
		errno = err;
	}
	return tun;
}

int
evtun_get_sent_mtu(const struct evtun *tun)
{
	return tun->sent_mtu;
}

unsigned
evtun_get_sent_index(const struct evtun *tun)
{
	return tun->sent_index;
}
