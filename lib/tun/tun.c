#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/config-internal.h"
#include "tun/link-internal.h"
#include "tun/system-internal.h"
#include "tun/tun-internal.h"

#define ALL_OPTIONS \
	(EVTUN_OPT_TAP | EVTUN_OPT_EXCLUSIVE | EVTUN_OPT_PERSIST | \
	EVTUN_OPT_MULTIQUEUE | EVTUN_OPT_PACKET_INFO | EVTUN_OPT_OFFLOAD | \
	EVTUN_OPT_INHERIT)

/* Without its tag: destination, source, EtherType. */
#define ETHERNET_HEADER 14

static const char gone[] = "the interface is gone";

static int
check_options(int options, int allowed)
{
	if (options & ~ALL_OPTIONS)
		return evtun_fail_(EINVAL, "check the options",
		    "there is a bit that this version does not know");
	if (options & ~allowed)
		return evtun_fail_(EINVAL, "check the options",
		    "EVTUN_OPT_EXCLUSIVE has no meaning for a descriptor");
	return 0;
}

/* Everything that may be needed, for what follows cannot be undone. */
static struct evtun *
allocate(int may_offload)
{
	struct evtun *tun = calloc(1, sizeof(*tun));

	if (tun == NULL)
		goto nomem;
	tun->netns = -1;
	if (may_offload && evtun_frames_allocate_(tun) < 0) {
		free(tun);
		goto nomem;
	}
	return tun;
nomem:
	evtun_fail_(ENOMEM, "allocate a device", NULL);
	return NULL;
}

/* The last step of every way to make a device. */
static struct evtun *
finish(struct evtun *tun, int result)
{
	int err = errno;

	if (result < 0 || tun->prefix == 0)
		evtun_frames_free_(tun);
	if (result < 0) {
		free(tun);
		errno = err;
		return NULL;
	}
	tun->max = tun->options & EVTUN_OPT_TAP ? EVTUN_MAX_FRAME :
	    EVTUN_MAX_PACKET;
	if (tun->options & EVTUN_OPT_PACKET_INFO)
		tun->max += EVTUN_INFO_SIZE;
	if (tun->frames != NULL)
		evtun_frames_begin_(tun);
	return tun;
}

struct evtun *
evtun_open_(const char *name, int options, struct evtun_opening *how)
{
	struct evtun *tun;

	if (name == NULL)
		name = "";
	if (check_options(options, ALL_OPTIONS) < 0 ||
	    evtun_check_name_(name, 1) < 0)
		return NULL;
	/* One that is shared may have offload without having been asked. */
	tun = allocate(options & (EVTUN_OPT_OFFLOAD | EVTUN_OPT_MULTIQUEUE));
	if (tun == NULL)
		return NULL;
	return finish(tun, evtun_system_open_(tun, name, options, how));
}

struct evtun *
evtun_new(const char *name, int options)
{
	struct evtun_opening how = EVTUN_OPENING_INIT_;

	return evtun_open_(name, options, &how);
}

void
evtun_abandon_(struct evtun *tun, const struct evtun_opening *how)
{
	evtun_system_abandon_(tun, how);
	evtun_frames_free_(tun);
	free(tun);
}

struct evtun *
evtun_new_fd(evutil_socket_t fd, int options)
{
	struct evtun *tun;

	if (check_options(options, ALL_OPTIONS & ~EVTUN_OPT_EXCLUSIVE) < 0)
		return NULL;
	if ((tun = allocate(1)) == NULL)
		return NULL;
	return finish(tun, evtun_system_adopt_(tun, fd, options));
}

struct evtun *
evtun_new_queue(struct evtun *from)
{
	struct evtun *tun;

	if (!(from->options & EVTUN_OPT_MULTIQUEUE)) {
		evtun_fail_(EINVAL, "open another queue",
		    "the device was opened without EVTUN_OPT_MULTIQUEUE");
		return NULL;
	}
	if ((tun = allocate(from->frames != NULL)) == NULL)
		return NULL;
	return finish(tun, evtun_system_queue_(tun, from));
}

void
evtun_free(struct evtun *tun)
{
	if (tun == NULL)
		return;
	evtun_system_close_(tun);
	evtun_frames_free_(tun);
	free(tun);
}

evutil_socket_t
evtun_release(struct evtun *tun)
{
	evutil_socket_t fd = evtun_system_release_(tun);

	if (fd != -1) {
		evtun_frames_free_(tun);
		free(tun);
	}
	return fd;
}

const char *
evtun_get_name(struct evtun *tun)
{
	evtun_system_name_(tun);
	return tun->name;
}

unsigned
evtun_get_index(struct evtun *tun)
{
	return evtun_system_index_(tun);
}

evutil_socket_t
evtun_get_fd(const struct evtun *tun)
{
	return tun->fd;
}

int
evtun_get_options(const struct evtun *tun)
{
	return evtun_system_options_(tun);
}

/* What a packetevent has read ahead and left behind; or 0. */
static ev_ssize_t
read_waiting(struct evtun *tun, void *data, size_t len)
{
	ev_ssize_t n;

	if (tun->waiting == 0)
		return 0;
	n = evtun_system_take_(tun, data, len);
	return n < 0 && errno == EAGAIN ? 0 : n;
}

int
evtun_read(struct evtun *tun, void *data, size_t len)
{
	static const char step[] = "read a packet";
	ev_ssize_t n;

	if (len == 0)
		return evtun_fail_(EINVAL, step, "there is no room for it");
	n = read_waiting(tun, data, len);
	if (n == 0)
		n = tun->frames != NULL ?
		    evtun_frames_read_(tun, data, len) :
		    evtun_system_read_(tun, data, len);
	if (n >= 0)
		return (int)n;
	if (errno == ENXIO)
		return evtun_fail_(ENXIO, step, gone);
	return evtun_fail_(errno, step, errno == EMSGSIZE ?
	    "it did not fit, and is lost" : NULL);
}

static const char *
explain_write(int err)
{
	switch (err) {
	case EMSGSIZE:
		return "it is empty, or larger than a packet can be";
	case EINVAL:
		return "a TUN device takes IPv4 and IPv6, "
		    "a TAP device Ethernet frames";
	case ENETDOWN:
		return "bring the interface up: evtun_set_up()";
	case ENXIO:
		return gone;
	default:
		return NULL;
	}
}

int
evtun_write(struct evtun *tun, const void *data, size_t len)
{
	struct evbuffer_iovec vec;
	int err = evtun_check_(tun, data, len, len);

	if (err == 0) {
		vec.iov_base = (void *)data;
		vec.iov_len = len;
		err = evtun_send_(tun, &vec, 1);
	}
	if (err != 0)
		return evtun_fail_(err, "write a packet", explain_write(err));
	return 0;
}

int
evtun_get_mtu(struct evtun *tun)
{
	return evtun_system_get_mtu_(tun);
}

int
evtun_set_mtu(struct evtun *tun, int mtu)
{
	return evtun_system_set_mtu_(tun, mtu);
}

int
evtun_get_up(struct evtun *tun)
{
	return evtun_system_get_up_(tun);
}

int
evtun_set_up(struct evtun *tun, int up)
{
	return evtun_system_set_up_(tun, up != 0);
}

static int
check_tap(const struct evtun *tun)
{
	if (tun->options & EVTUN_OPT_TAP)
		return 0;
	return evtun_fail_(ENOTSUP, "use the Ethernet address",
	    "only a TAP device has one");
}

int
evtun_get_hwaddr(struct evtun *tun, ev_uint8_t addr[6])
{
	if (check_tap(tun) < 0)
		return -1;
	return evtun_system_get_hwaddr_(tun, addr);
}

int
evtun_set_hwaddr(struct evtun *tun, const ev_uint8_t addr[6])
{
	static const ev_uint8_t zeros[6];

	if (check_tap(tun) < 0)
		return -1;
	if ((addr[0] & 1) || memcmp(addr, zeros, sizeof(zeros)) == 0)
		return evtun_fail_(EINVAL, "set the Ethernet address",
		    "it is zero, or that of a group");
	return evtun_system_set_hwaddr_(tun, addr);
}

int
evtun_add_address(struct evtun *tun, const char *addr, const char *peer)
{
	struct evtun_address parsed;

	if (evtun_parse_address_(&parsed, addr, peer) < 0)
		return -1;
	return evtun_system_add_address_(tun, &parsed);
}

int
evtun_del_address(struct evtun *tun, const char *addr, const char *peer)
{
	struct evtun_address parsed;

	if (evtun_parse_address_(&parsed, addr, peer) < 0)
		return -1;
	return evtun_system_del_address_(tun, &parsed);
}

int
evtun_set_owner(struct evtun *tun, long uid, long gid)
{
	return evtun_system_set_owner_(tun, uid, gid);
}

int
evtun_set_persist(struct evtun *tun, int persist)
{
	return evtun_system_set_persist_(tun, persist != 0);
}

const char *
evtun_get_version(void)
{
	return PACKAGE_VERSION;
}

int
evtun_claim_(struct evtun *tun, int plain)
{
	if (tun->is_claimed)
		return -1;
	tun->is_claimed = 1;
	/* Rings know of no header before a packet. */
	tun->may_ring_in = tun->may_ring_out = !plain && tun->prefix == 0;
	return 0;
}

void
evtun_unclaim_(struct evtun *tun)
{
	tun->is_claimed = 0;
}

size_t
evtun_get_prefix_(const struct evtun *tun)
{
	return tun->prefix;
}

size_t
evtun_get_max_(const struct evtun *tun)
{
	return tun->max;
}

int
evtun_check_(const struct evtun *tun, const void *head, size_t n, size_t len)
{
	size_t least = tun->options & EVTUN_OPT_TAP ? ETHERNET_HEADER : 0;
	unsigned version;

	if (len == 0 || len > tun->max)
		return EMSGSIZE;
	/* With packet information, that says what the packet is. */
	if (tun->options & EVTUN_OPT_PACKET_INFO)
		return len < EVTUN_INFO_SIZE + least ? EINVAL : 0;
	if (tun->options & EVTUN_OPT_TAP)
		return len < least ? EINVAL : 0;
	version = n > 0 ? *(const unsigned char *)head >> 4 : 0;
	return version == 4 || version == 6 ? 0 : EINVAL;
}
