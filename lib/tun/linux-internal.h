#ifndef EVTUN_LINUX_INTERNAL_H_INCLUDED_
#define EVTUN_LINUX_INTERNAL_H_INCLUDED_
/*
 * What the files of the Linux backend share.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <event2/util.h>

#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "tun/link-internal.h"
#include "tun/system-internal.h"

struct evtun_opening;
struct ifreq;
struct nlmsghdr;

/* For headers older than the kernel. */
#ifndef TUNGETDEVNETNS
#define TUNGETDEVNETNS _IO('T', 227)
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

/* The cure, or that there is none, for ENXIO. */
#define EVTUN_GONE_ "the interface is gone"

/*
 * link_linux.c: rtnetlink, in a network namespace (-1: that of the thread).
 * Return 0, or -1 with errno set and no text: ENODEV if there is no such
 * interface.
 */
int evtun_link_find_(int netns, const char *name, struct evtun_facts *link);
/* What a message of type RTM_NEWLINK says. */
void evtun_link_parse_(const struct nlmsghdr *nlh, struct evtun_facts *link);
/* link_read_linux.c: the same for a link; -1 when memory has run out. */
int evtun_link_fill_(struct evtun_link *link, const struct nlmsghdr *nlh);
/* link_set_linux.c */
int evtun_link_set_promote_(int netns, unsigned index, int promote);
/* Both succeed if it is so already; without a peer, any is removed.  promote
 * is that of the interface. */
int evtun_link_add_address_(int netns, unsigned index,
    const struct evtun_address *addr);
int evtun_link_del_address_(int netns, unsigned index, int promote,
    const struct evtun_address *addr);

/*
 * explain_linux.c: evtun_fail_() with the cure.
 */
int evtun_explain_open_(int err);
int evtun_explain_attach_(int netns, int err, const char *name, int options);
/* For an ioctl on the descriptor, and for a change through netlink. */
int evtun_explain_ioctl_(int err, const char *step);
int evtun_explain_link_(int err, const char *step);

/*
 * offload_linux.c: what stands before packets, and what is joined and split.
 * tun->options say whether there is a header; tun->prefix and is_swapped are
 * set.
 */
/* For one who is alone: everything that the kernel can do with the header that
 * was asked for or, without one, nothing, whatever the last user has left. */
int evtun_offload_set_(struct evtun *tun, const struct evtun_opening *how);
/* For one who is not: as it is, if that is what was asked for. */
int evtun_offload_share_(struct evtun *tun, const struct evtun_opening *how);
int evtun_offload_take_(struct evtun *tun);
/* Before the device is closed. */
void evtun_offload_reset_(struct evtun *tun);

/*
 * many_linux.c
 */
void evtun_rings_free_(struct evtun *tun);

/*
 * io_linux.c
 */
/* What an errno of write() is to our callers. */
int evtun_write_error_(int err);

/*
 * linux.c
 */
/* The network namespace of the thread; -1, and no text, if it cannot be
 * told. */
int evtun_own_namespace_(ev_uint64_t home[2]);
/* The one where calls for the device act; the same. */
int evtun_linux_home_(const struct evtun *tun, ev_uint64_t home[2]);
/* Close tun->netns. */
void evtun_linux_drop_netns_(struct evtun *tun);
/* What the kernel has of the device: -1 with errno set and no text. */
int evtun_linux_get_iff_(int fd, struct ifreq *ifr);
/* The IFF_* flags of EVTUN_OPT_* options. */
unsigned evtun_linux_flags_(int options);
/* Find the interface that has the device's name there and now, be it the
 * device's own or not; link->index is 0 if there is none. */
int evtun_linux_find_namesake_(struct evtun *tun, struct evtun_facts *link,
    const char *step);
/* Find the device's interface, where it is known to be that: ENXIO if it is
 * gone, ENODEV if it is elsewhere.  tun->name is up to date then. */
int evtun_linux_find_(struct evtun *tun, struct evtun_facts *link,
    const char *step);

/*
 * settings_linux.c
 */
int evtun_linux_need_details_(const struct evtun_facts *link,
    const char *step);
/* Give the interface an owner, if it has none, and make it persistent. */
int evtun_linux_persist_(struct evtun *tun, const struct evtun_facts *link);

#endif /* EVTUN_LINUX_INTERNAL_H_INCLUDED_ */
