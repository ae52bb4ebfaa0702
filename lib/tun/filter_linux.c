/*
 * What decides which packets are queued for reading, and where: programs, and
 * a list of Ethernet addresses.
 */
#include "config.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/filter.h>
#include <linux/if_ether.h>

#include "evtun/linux.h"
#include "evtun/tun.h"
#include "error-internal.h"
#include "tun/filter-internal.h"
#include "tun/linux-internal.h"

/* FLT_EXACT_COUNT of drivers/net/tun.c. */
#define MAX_EXACT 8

static int
need_tap(const struct evtun *tun, const char *step)
{
	if (tun->options & EVTUN_OPT_TAP)
		return 0;
	return evtun_fail_(ENOTSUP, step, "only a TAP device can do it");
}

/* ---- eBPF ---- */

static int
set_program(struct evtun *tun, unsigned long request, int prog,
    const char *step)
{
	static const char cure[] = "it is no descriptor of an eBPF program "
	    "of the type BPF_PROG_TYPE_SOCKET_FILTER";

	if (prog < -1)
		return evtun_fail_(EINVAL, step, cure);
	if (ioctl(tun->fd, request, &prog) == 0)
		return 0;
	if (errno == EINVAL || errno == EBADF)
		return evtun_fail_(EINVAL, step, cure);
	return evtun_explain_ioctl_(errno, step);
}

int
evtun_linux_set_steering(struct evtun *tun, int prog)
{
	return set_program(tun, TUNSETSTEERINGEBPF, prog,
	    "choose queues by a program");
}

int
evtun_linux_set_filter_ebpf(struct evtun *tun, int prog)
{
	return set_program(tun, TUNSETFILTEREBPF, prog,
	    "filter packets by a program");
}

/* ---- classic BPF ---- */

/*
 * The kernel keeps the address of the program, not the program, and reads it
 * again for every queue that is attached later, be it in another process.
 * Where it finds nothing, the queue is attached and the call fails; where it
 * finds a program, the call succeeds and the queue is not attached (seen with
 * Linux 6.18: tun_attach() of drivers/net/tun.c).  A program that is refused
 * ends that, and leaves the queues as they are.
 */
void
evtun_filter_forget_(struct evtun *tun)
{
	struct sock_fprog none = { 1, NULL };

	if (tun->options & EVTUN_OPT_TAP)
		(void)ioctl(tun->fd, TUNATTACHFILTER, &none);
}

static int
detach_filter(struct evtun *tun, const char *step)
{
	int unused = 0;

	return ioctl(tun->fd, TUNDETACHFILTER, &unused) == 0 ? 0 :
	    evtun_explain_ioctl_(errno, step);
}

static int
explain_program(int err, const char *step)
{
	if (err == EINVAL)
		return evtun_fail_(err, step,
		    "the kernel refuses the program");
	if (err == ENOMEM)
		return evtun_fail_(err, step, "the program may be too long "
		    "for sysctl net.core.optmem_max");
	return evtun_explain_ioctl_(err, step);
}

int
evtun_linux_set_filter(struct evtun *tun, const void *insns, unsigned n)
{
	static const char step[] = "filter frames by a program";
	struct sock_fprog prog;

	if (need_tap(tun, step) < 0)
		return -1;
	if (insns == NULL && n == 0)
		return detach_filter(tun, step);
	if (insns == NULL || n == 0 || n > BPF_MAXINSNS)
		return evtun_fail_(EINVAL, step,
		    "a program has 1 to 4096 instructions");
	prog.len = (unsigned short)n;
	prog.filter = (struct sock_filter *)(void *)insns;
	if (ioctl(tun->fd, TUNATTACHFILTER, &prog) < 0)
		return explain_program(errno, step);
	evtun_filter_forget_(tun);
	return 0;
}

/* ---- addresses ---- */

static int
is_group(const ev_uint8_t addr[6])
{
	return addr[0] & 1;
}

static int
check_addresses(const ev_uint8_t (*addrs)[6], size_t n, int flags,
    const char *step)
{
	static const ev_uint8_t zeros[6];
	size_t i, hosts = 0;

	if (n > USHRT_MAX)
		return evtun_fail_(EINVAL, step,
		    "there can be 0 to 65535 addresses");
	if (flags & ~EVTUN_LINUX_ALL_MULTICAST || (flags && n == 0))
		return evtun_fail_(EINVAL, step, n ? "there is no such flag" :
		    "with no address, all frames are let in");
	for (i = 0; i < n; i++) {
		if (memcmp(addrs[i], zeros, sizeof(zeros)) == 0)
			return evtun_fail_(EINVAL, step, "one is zero");
		hosts += !is_group(addrs[i]);
	}
	/* With more, the kernel would filter nothing, and succeed. */
	return hosts <= MAX_EXACT ? 0 : evtun_fail_(EINVAL, step,
	    "at most 8 of the addresses can be those of one host");
}

/* Those of hosts first: of the others the kernel can have more than 8. */
static void
copy_addresses(struct tun_filter *filter, const ev_uint8_t (*addrs)[6],
    size_t n)
{
	size_t i, to = 0;
	int groups;

	for (groups = 0; groups <= 1; groups++)
		for (i = 0; i < n; i++)
			if (is_group(addrs[i]) == groups)
				memcpy(filter->addr[to++], addrs[i], ETH_ALEN);
}

int
evtun_linux_set_rx_addresses(struct evtun *tun, const ev_uint8_t (*addrs)[6],
    size_t n, int flags)
{
	static const char step[] = "set the addresses to accept";
	struct tun_filter *filter;
	int err;

	if (need_tap(tun, step) < 0)
		return -1;
	if (addrs == NULL && n > 0)
		return evtun_fail_(EINVAL, step, "there are none");
	if (check_addresses(addrs, n, flags, step) < 0)
		return -1;
	filter = malloc(sizeof(*filter) + n * ETH_ALEN);
	if (filter == NULL)
		return evtun_fail_(ENOMEM, step, NULL);
	filter->flags = flags ? TUN_FLT_ALLMULTI : 0;
	filter->count = (ev_uint16_t)n;
	copy_addresses(filter, addrs, n);
	/* It returns how many it compares exactly. */
	err = ioctl(tun->fd, TUNSETTXFILTER, filter) < 0 ? errno : 0;
	free(filter);
	return err == 0 ? 0 : evtun_explain_ioctl_(err, step);
}

/* ---- what is left over ---- */

/* A kernel that lacks one of these has nothing of it. */
void
evtun_filter_reset_(struct evtun *tun)
{
	struct tun_filter all = { .count = 0 };
	int none = -1;

	if (!(tun->options & EVTUN_OPT_PERSIST))
		return;
	(void)ioctl(tun->fd, TUNSETSTEERINGEBPF, &none);
	(void)ioctl(tun->fd, TUNSETFILTEREBPF, &none);
	if (!(tun->options & EVTUN_OPT_TAP))
		return;
	(void)ioctl(tun->fd, TUNDETACHFILTER, &none);
	(void)ioctl(tun->fd, TUNSETTXFILTER, &all);
}
