/*
 * All TUN and TAP devices, in one network namespace or in all of them.
 */
#include "config.h"

#include <sys/stat.h>
#include <sys/socket.h>
#include <net/if.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "evtun/link.h"
#include "error-internal.h"
#include "tun/linux-internal.h"
#include "tun/list-internal.h"
#include "tun/netlink-internal.h"
#include "tun/rtnetlink-internal.h"

/* Where ip-netns(8) keeps names. */
#define NAMES "/run/netns"

static const char listing[] = "list the devices";

struct list {
	/* Of struct evtun_link *. */
	struct evtun_grown links;
	/* The namespace at hand, and where its links begin. */
	int netns;
	size_t first;
};

/* A namespace, as device and inode. */
struct home {
	ev_uint64_t id[2];
};

static struct evtun_link **
links_of(const struct list *list)
{
	return list->links.list;
}

static void
cut(struct list *list, size_t n)
{
	while (list->links.n > n)
		evtun_link_free(links_of(list)[--list->links.n]);
}

/* ---- one namespace ---- */

static struct evtun_link *
allocate(const struct list *list)
{
	return list->links.n > list->first ?
	    evtun_link_allocate_beside_(links_of(list)[list->first]) :
	    evtun_link_allocate_(list->netns);
}

static int
add_link(struct list *list, struct evtun_link *link)
{
	struct evtun_link **place;

	place = evtun_grow_(&list->links, sizeof(struct evtun_link *));
	if (place == NULL)
		return -1;
	*place = link;
	return 0;
}

static int
take_link(const struct nlmsghdr *nlh, void *data)
{
	struct list *list = data;
	struct evtun_link *link;
	int r = -1;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	if ((link = allocate(list)) == NULL)
		return MNL_CB_ERROR;
	if (evtun_link_fill_(link, nlh) == 0) {
		if (link->facts.is_tun && add_link(list, link) == 0)
			return MNL_CB_OK;
		r = link->facts.is_tun ? -1 : 0;
	}
	evtun_link_free(link);
	return r < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

/* The kernel leaves out those of other kinds, if it can.  It makes room for
 * the longest message only if there is a mask that is not 0 (rtnl_calcit() of
 * net/core/rtnetlink.c), and else ends a dump at one that does not fit: any
 * bit will do. */
static void
ask_for_all(struct evtun_request *req)
{
	struct nlattr *info;

	evtun_request_begin_(req, RTM_GETLINK, NLM_F_DUMP,
	    sizeof(struct ifinfomsg));
	info = mnl_attr_nest_start(req->nlh, IFLA_LINKINFO);
	mnl_attr_put_str(req->nlh, IFLA_INFO_KIND, "tun");
	mnl_attr_nest_end(req->nlh, info);
	mnl_attr_put_u32(req->nlh, IFLA_EXT_MASK,
	    RTEXT_FILTER_BRVLAN_COMPRESSED);
}

static int
compare(const void *a, const void *b)
{
	unsigned x = (*(struct evtun_link *const *)a)->facts.index;
	unsigned y = (*(struct evtun_link *const *)b)->facts.index;

	return (x > y) - (x < y);
}

/* Add those of a namespace: -1, errno and no text, or none, on failure. */
static int
list_namespace(struct list *list, int netns)
{
	struct evtun_request req;
	int i, r = -1;

	list->netns = netns;
	list->first = list->links.n;
	for (i = 0; i < EVTUN_DUMP_TRIES && r < 0; i++) {
		ask_for_all(&req);
		r = evtun_request_do_(&req, netns, take_link, list);
		if (r < 0)
			cut(list, list->first);
		if (r < 0 && errno != EINTR)
			return -1;
	}
	if (list->links.n > list->first)
		qsort(links_of(list) + list->first, list->links.n -
		    list->first, sizeof(struct evtun_link *), compare);
	return r;
}

/* ---- all of them ---- */

/* Note a namespace: 1 if it is a new one, 0 if not, or -1. */
static int
note(struct evtun_grown *homes, const struct home *home)
{
	const struct home *noted = homes->list;
	struct home *place;
	size_t i;

	for (i = 0; i < homes->n; i++)
		if (memcmp(&noted[i], home, sizeof(*home)) == 0)
			return 0;
	if ((place = evtun_grow_(homes, sizeof(*place))) == NULL)
		return -1;
	*place = *home;
	return 1;
}

/* What cannot be looked at or entered, or has just gone, is passed over. */
static int
visit(struct list *list, struct evtun_grown *homes, int dir, const char *path)
{
	struct home home;
	struct stat st;
	int fd, r;

	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
		    -1 : 0;
	r = 0;
	if (fstat(fd, &st) == 0) {
		home.id[0] = st.st_dev;
		home.id[1] = st.st_ino;
		r = note(homes, &home);
	}
	if (r == 1)
		r = list_namespace(list, fd);
	if (r < 0 && (errno == EPERM || errno == EACCES || errno == EINVAL))
		r = 0;
	close(fd);
	return r < 0 ? -1 : 0;
}

/* Process numbers, or names. */
static int
is_entry(const char *name, int numbers)
{
	return numbers ? strspn(name, "0123456789") == strlen(name) :
	    name[0] != '.';
}

/* Visit directory/ENTRY/rest for each; a directory that is not there has
 * none. */
static int
visit_all(struct list *list, struct evtun_grown *homes, const char *directory,
    int numbers, const char *rest)
{
	char path[NAME_MAX + 16];
	struct dirent *entry;
	DIR *dir = opendir(directory);
	int r = 0, err;

	if (dir == NULL)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
		    -1 : 0;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_entry(entry->d_name, numbers))
			continue;
		snprintf(path, sizeof(path), "%s%s", entry->d_name, rest);
		r = visit(list, homes, dirfd(dir), path);
	}
	err = errno;
	closedir(dir);
	errno = err;
	return r;
}

static int
list_everywhere(struct list *list)
{
	struct evtun_grown homes = { NULL, 0, 0 };
	struct home own = { { 0, 0 } };
	int err, r = 0;

	if (evtun_own_namespace_(own.id) == 0 && note(&homes, &own) < 0)
		r = -1;
	if (r == 0)
		r = list_namespace(list, -1);
	if (r == 0)
		r = visit_all(list, &homes, "/proc", 1, "/ns/net");
	if (r == 0)
		r = visit_all(list, &homes, NAMES, 0, "");
	err = errno;
	free(homes.list);
	errno = err;
	return r;
}

static int
explain(int err)
{
	if (err == EBADF || err == EINVAL)
		return evtun_fail_(EINVAL, listing,
		    "the descriptor is for no network namespace");
	if (err == EINTR)
		return evtun_fail_(EAGAIN, listing,
		    "there are changes all the time");
	return evtun_fail_(err, listing, err == EPERM || err == EACCES ?
	    "to look into another namespace needs CAP_SYS_ADMIN there" : NULL);
}

int
evtun_system_link_list_(int netns, struct evtun_link ***links)
{
	struct list list = { { NULL, 0, 0 }, -1, 0 };
	int err, r;

	r = netns == EVTUN_ALL_NETNS ? list_everywhere(&list) :
	    list_namespace(&list, netns);
	/* An array even if there are none. */
	if (r == 0 && list.links.n == 0 &&
	    (list.links.list = malloc(sizeof(struct evtun_link *))) == NULL)
		r = -1;
	if (r == 0) {
		*links = list.links.list;
		return (int)list.links.n;
	}
	err = errno;
	cut(&list, 0);
	free(list.links.list);
	return explain(err);
}
