#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_features.h"
#include "segments.h"
#include "tun_look.h"

/* ---- a kernel that refuses ---- */

static unsigned long refused_bits;
static int refused_err;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	unsigned long arg;
	va_list ap;

	va_start(ap, request);
	arg = va_arg(ap, unsigned long);
	va_end(ap);
	if (request == TUNSETOFFLOAD && arg & refused_bits) {
		errno = refused_err;
		return -1;
	}
	return __real_ioctl(fd, request, arg);
}

void
features_refuse(unsigned long bits, int err)
{
	refused_bits = bits;
	refused_err = err;
}

/* ---- what the kernel says ---- */

/* What stands for each bit in `ethtool -k`; USO4 and USO6 are one. */
static const struct feature {
	unsigned long bit;
	const char *name;
} features[] = {
	{ TUN_F_CSUM, "tx-checksum-ip-generic" },
	{ TUN_F_TSO4, "tx-tcp-segmentation" },
	{ TUN_F_TSO6, "tx-tcp6-segmentation" },
	{ TUN_F_TSO_ECN, "tx-tcp-ecn-segmentation" },
	{ USO, "tx-udp-segmentation" },
	{ TUN_F_UDP_TUNNEL_GSO, "tx-udp_tnl-segmentation" },
	{ TUN_F_UDP_TUNNEL_GSO_CSUM, "tx-udp_tnl-csum-segmentation" }
};
#define N_FEATURES (sizeof(features) / sizeof(features[0]))
#define NAMES_MAX 256

static void
ask(const char *name, void *what)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr;

	ck_assert_int_ge(fd, 0);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = what;
	ck_assert_msg(ioctl(fd, SIOCETHTOOL, &ifr) == 0, "ethtool: %s",
	    strerror(errno));
	close(fd);
}

/* Their names, in the order of their bits. */
static struct ethtool_gstrings *
get_names(const char *name)
{
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) +
	    NAMES_MAX * ETH_GSTRING_LEN);
	struct ethtool_sset_info *set = calloc(1, sizeof(*set) +
	    sizeof(set->data[0]));

	ck_assert(names != NULL && set != NULL);
	set->cmd = ETHTOOL_GSSET_INFO;
	set->sset_mask = 1ULL << ETH_SS_FEATURES;
	ask(name, set);
	ck_assert_uint_le(set->data[0], NAMES_MAX);
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = set->data[0];
	free(set);
	ask(name, names);
	return names;
}

static unsigned long
bit_of(const char *name)
{
	size_t i;

	for (i = 0; i < N_FEATURES; i++)
		if (strcmp(features[i].name, name) == 0)
			return features[i].bit;
	return 0;
}

unsigned long
features_get(const char *name)
{
	struct ethtool_gstrings *names = get_names(name);
	struct ethtool_gfeatures *get = calloc(1, sizeof(*get) +
	    NAMES_MAX / 32 * sizeof(get->features[0]));
	unsigned long mask = 0;
	unsigned i;

	ck_assert_ptr_nonnull(get);
	get->cmd = ETHTOOL_GFEATURES;
	get->size = (names->len + 31) / 32;
	ask(name, get);
	for (i = 0; i < names->len; i++)
		if (get->features[i / 32].active >> i % 32 & 1)
			mask |= bit_of((const char *)names->data +
			    (size_t)i * ETH_GSTRING_LEN);
	free(names);
	free(get);
	return mask;
}

int
features_get_int(int fd, unsigned long request)
{
	int value = 0;

	ck_assert_msg(ioctl(fd, request, &value) == 0, "%s",
	    strerror(errno));
	return value;
}

unsigned long
features_best(int *size)
{
	static const unsigned long masks[] = { ALL, ALL & ~TUNNEL,
		ALL & ~(TUNNEL | USO) };
	int fd = look_open("probe0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	size_t i;

	for (i = 0; i < 3; i++) {
		*size = i == 0 ? HEADER_TUNNEL : HEADER;
		ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, size), 0);
		if (ioctl(fd, TUNSETOFFLOAD, masks[i]) == 0)
			break;
	}
	close(fd);
	ck_assert_uint_lt(i, 3);
	return masks[i];
}

/* ---- packets ---- */

void
features_check_reading(struct kit_rig *rig)
{
	struct segments_list list = { NULL, 0 };
	struct segments_form form;
	int fd = segments_socket(rig->name);
	unsigned sort, i;

	kit_log_clear(&rig->log[0]);
	kit_enable(rig, 0, EV_READ);
	for (sort = 0; sort < SEGMENTS_N_SORTS; sort++)
		for (i = 0; i < 2; i++) {
			memset(&form, 0, sizeof(form));
			form.sort = (enum segments_sort)sort;
			form.ethernet = rig->kind == KIT_TAP;
			form.flow = i;
			form.id = 7;
			form.seq = 1000;
			form.payload = i ? 10000 : 400;
			form.gso_size = 500;
			segments_flood(fd, &form, &list);
		}
	kit_until_packets(rig, 0, list.n);
	kit_settle(rig->base);
	segments_list_compare(&list, &rig->log[0]);
	segments_list_clear(&list);
	close(fd);
	kit_log_clear(&rig->log[0]);
}

void
features_check(struct kit_rig *rig, unsigned long mask, int size)
{
	int fd = packetevent_getfd(rig->pev[0]);

	ck_assert_uint_eq(features_get(rig->name), mask);
	ck_assert_int_eq(features_get_int(fd, TUNGETVNETHDRSZ), size);
	ck_assert_int_eq(features_get_int(fd, TUNGETVNETLE), 0);
	features_check_reading(rig);
	kit_log_clear(&rig->log[1]);
	kit_traffic(rig, 100);
}

int
features_offered(struct kit_rig *rig)
{
	return (evtun_get_options(rig->tun) & EVTUN_OPT_OFFLOAD) != 0;
}
