#ifndef EVTUN_TESTS_DEVICE_FEATURES_H_INCLUDED_
#define EVTUN_TESTS_DEVICE_FEATURES_H_INCLUDED_
/*
 * What a device has of offload, TUN_F_* and the size of its header, as the
 * kernel says it; and a kernel that takes less: the linker's --wrap puts a
 * function before the library's ioctl().
 */
#include <linux/if_tun.h>

#include "kit.h"

/* For headers older than the kernel. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef TUN_F_UDP_TUNNEL_GSO
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#endif

#define TSO (TUN_F_TSO4 | TUN_F_TSO6)
#define ECN TUN_F_TSO_ECN
#define USO (TUN_F_USO4 | TUN_F_USO6)
#define TUNNEL (TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM)
#define ALL ((unsigned long)(TUN_F_CSUM | TSO | ECN | USO | TUNNEL))
#define HEADER 10
#define HEADER_TUNNEL 24

/* Every TUNSETOFFLOAD with one of these bits fails with this errno. */
void features_refuse(unsigned long bits, int err);

/* The TUN_F_* that are in effect at an interface. */
unsigned long features_get(const char *name);
/* What an ioctl() of a device says. */
int features_get_int(int fd, unsigned long request);
/* Everything that this kernel takes, and the size of its header then. */
unsigned long features_best(int *size);
/* Whether the device of a rig has EVTUN_OPT_OFFLOAD. */
int features_offered(struct kit_rig *rig);

/* Fail unless large frames of every sort come as the packets that are in
 * them, and so do unfinished ones. */
void features_check_reading(struct kit_rig *rig);
/* The same; and that is in effect, and packets pass in both directions. */
void features_check(struct kit_rig *rig, unsigned long mask, int size);

#endif /* EVTUN_TESTS_DEVICE_FEATURES_H_INCLUDED_ */
