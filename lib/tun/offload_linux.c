/*
 * What a TUN or TAP device on Linux is told of EVTUN_OPT_OFFLOAD.
 *
 * These settings are those of the interface, and outlive their user where it
 * is persistent: all of them are set at every open.
 *
 * Beware: TUNSETOFFLOAD takes a value, the others a pointer.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/utsname.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "evtun/tun.h"
#include "error-internal.h"
#include "offload/offload-internal.h"
#include "tun/config-internal.h"
#include "tun/linux-internal.h"

/* struct virtio_net_hdr, which is what TUNSETVNETHDRSZ is at first, and the
 * one with positions in UDP tunnels, for Linux 6.17 and later. */
#define HEADER_SIZE 10
#define HEADER_TUNNEL 24

/* For headers older than the kernel. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

#define TSO (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define USO (TUN_F_USO4 | TUN_F_USO6)
#define TUNNEL (TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM)

/* From everything down to nothing; what a kernel does not know it refuses as
 * a whole. */
static const struct {
	unsigned long mask;
	int size;
} ladder[] = {
	{ TSO | TUN_F_TSO_ECN | USO | TUNNEL, HEADER_TUNNEL },
	{ TSO | TUN_F_TSO_ECN | USO, HEADER_SIZE },
	{ TSO | USO, HEADER_SIZE },
	{ TSO | TUN_F_TSO_ECN, HEADER_SIZE },
	{ TSO, HEADER_SIZE },
	{ TUN_F_CSUM | TUN_F_TSO4, HEADER_SIZE },
	{ TUN_F_CSUM, HEADER_SIZE },
	{ 0, HEADER_SIZE }
};
#define N_STEPS (sizeof(ladder) / sizeof(ladder[0]))

/* Kernels without a setting have none that could be wrong. */
static int
is_set(int result)
{
	return result == 0 || errno == EINVAL || errno == ENOTTY;
}

static int
is_little(void)
{
	const union { ev_uint16_t word; unsigned char first; } order = { 1 };

	return order.first;
}

/* That of the machine needs not be set. */
static int
set_order(int fd, enum evtun_byte_order order)
{
	int little = order == EVTUN_ORDER_LITTLE;
	int big = order == EVTUN_ORDER_BIG && is_little();

	if (is_set(ioctl(fd, TUNSETVNETLE, &little)) &&
	    (big ? ioctl(fd, TUNSETVNETBE, &big) == 0 :
	    is_set(ioctl(fd, TUNSETVNETBE, &big))))
		return 0;
	if (big && (errno == EINVAL || errno == ENOTTY))
		return evtun_fail_(ENOTSUP, "choose the byte order",
		    "this kernel has the machine's and little-endian alone");
	return evtun_explain_ioctl_(errno,
	    "reset what the last user of the interface has set");
}

/* Without a header, nobody could undo what is joined, or finish checksums. */
static int
set_none(int fd)
{
	int size = HEADER_SIZE;

	if (!is_set(ioctl(fd, TUNSETOFFLOAD, 0UL)))
		return evtun_explain_ioctl_(errno, "switch offload off");
	if (!is_set(ioctl(fd, TUNSETVNETHDRSZ, &size)))
		return evtun_explain_ioctl_(errno,
		    "reset what the last user of the interface has set");
	return 0;
}

/* Linux takes joined frames whatever TUNSETOFFLOAD says, of more than 64
 * datagrams since 6.9; what else it does not take is found out. */
static unsigned
get_udp_segments(void)
{
	struct utsname system;
	unsigned long major = 0, minor = 0;
	char *end;

	if (uname(&system) == 0) {
		major = strtoul(system.release, &end, 10);
		if (*end == '.')
			minor = strtoul(end + 1, NULL, 10);
	}
	return major > 6 || (major == 6 && minor >= 9) ? 128 : 64;
}

static int
is_size(int size)
{
	return size == HEADER_SIZE || size == 12 || size == 20 ||
	    size == HEADER_TUNNEL;
}

/* Somebody who comes at the same time may have looked at the header already:
 * it is left as it is, if it can be. */
static int
is_kept(struct evtun *tun, int *size)
{
	return tun->options & EVTUN_OPT_MULTIQUEUE &&
	    ioctl(tun->fd, TUNGETVNETHDRSZ, size) == 0 && is_size(*size);
}

static int
is_chosen(const struct evtun_opening *how)
{
	return how->header_size != 0 || how->order != EVTUN_ORDER_NATIVE;
}

/* The header is the one that was asked for. */
static int
check_header(const struct evtun *tun, const struct evtun_opening *how)
{
	int is_swapped = how->order == EVTUN_ORDER_LITTLE ? !is_little() :
	    how->order == EVTUN_ORDER_BIG && is_little();

	if (!is_chosen(how) || (tun->is_swapped == is_swapped &&
	    (how->header_size == 0 ||
	    tun->prefix == (size_t)how->header_size)))
		return 0;
	return evtun_fail_(EINVAL, "choose the header",
	    "others have the interface open, with another header");
}

static int
set_most(struct evtun *tun, const struct evtun_opening *how)
{
	static const char step[] = "switch offload on";
	int size, most = how->header_size;
	int is_fixed = !is_chosen(how) && is_kept(tun, &most);
	size_t i;

	if (how->header_size != 0) {
		if (ioctl(tun->fd, TUNSETVNETHDRSZ, &most) < 0)
			return evtun_explain_ioctl_(errno,
			    "choose the header");
		is_fixed = 1;
	}
	for (i = 0; i < N_STEPS; i++) {
		size = ladder[i].size;
		if (is_fixed && size > most)
			continue;
		if ((is_fixed ||
		    ioctl(tun->fd, TUNSETVNETHDRSZ, &size) == 0) &&
		    ioctl(tun->fd, TUNSETOFFLOAD, ladder[i].mask) == 0)
			break;
		if (errno != EINVAL && errno != ENOTTY)
			return evtun_explain_ioctl_(errno, step);
	}
	tun->udp_segments = get_udp_segments();
	tun->offload_pid = getpid();
	return evtun_offload_share_(tun, how);
}

int
evtun_offload_set_(struct evtun *tun, const struct evtun_opening *how)
{
	int size;

	if ((is_chosen(how) || !is_kept(tun, &size)) &&
	    set_order(tun->fd, how->order) < 0)
		return -1;
	return tun->options & EVTUN_OPT_OFFLOAD ? set_most(tun, how) :
	    set_none(tun->fd);
}

/* Whether the numbers in the header are in the other byte order. */
static int
get_swapped(int fd)
{
	int little = 0, big = 0;

	if (ioctl(fd, TUNGETVNETLE, &little) == 0 && little)
		return !is_little();
	if (ioctl(fd, TUNGETVNETBE, &big) == 0 && big)
		return is_little();
	return 0;
}

int
evtun_offload_take_(struct evtun *tun)
{
	static const char step[] = "look at the header for offload";
	int size = HEADER_SIZE;

	if (!(tun->options & EVTUN_OPT_OFFLOAD)) {
		/* If the kernel joins all the same, it is to stop. */
		(void)ioctl(tun->fd, TUNSETOFFLOAD, 0UL);
		return 0;
	}
	if (ioctl(tun->fd, TUNGETVNETHDRSZ, &size) < 0)
		return evtun_explain_ioctl_(errno, step);
	if (!is_size(size))
		return evtun_fail_(EINVAL, step,
		    "it has no size that is known here");
	tun->prefix = (size_t)size;
	tun->is_swapped = get_swapped(tun->fd);
	return 0;
}

int
evtun_offload_share_(struct evtun *tun, const struct evtun_opening *how)
{
	return evtun_offload_take_(tun) < 0 ? -1 : check_header(tun, how);
}

/* Whoever opens a persistent interface next may not know of offload, and would
 * read frames that are joined and not finished.  Somebody may still have a
 * copy of the descriptor: the header stays. */
void
evtun_offload_reset_(struct evtun *tun)
{
	if (tun->offload_pid == getpid() &&
	    tun->options & EVTUN_OPT_PERSIST &&
	    !(tun->options & EVTUN_OPT_MULTIQUEUE))
		(void)ioctl(tun->fd, TUNSETOFFLOAD, 0UL);
}
