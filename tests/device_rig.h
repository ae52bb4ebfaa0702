#ifndef EVTUN_TESTS_DEVICE_RIG_H_INCLUDED_
#define EVTUN_TESTS_DEVICE_RIG_H_INCLUDED_
/*
 * Rigs as the kit makes them, but over devices of other sorts: begin one, and
 * make the device in the namespace that it has made; kit_rig_free() ends it.
 */
#include "kit.h"

struct kit_rig *device_rig_begin(int setup);
/* NULL for a device: fail, with the reason. */
void device_rig_over(struct kit_rig *rig, struct evtun *tun);

/* The options without which no device is of the kind. */
int device_options(enum kit_kind kind);
/* A device with a header for offload of this size (0: the kernel's choice),
 * made by hand, and adopted; with packet information, or without. */
struct evtun *device_adopt_vnet(enum kit_kind kind, int header_size,
    int packet_info);

/* Show that packets pass, in both directions and in every way. */
void device_rig_carry(struct kit_rig *rig);

#endif /* EVTUN_TESTS_DEVICE_RIG_H_INCLUDED_ */
