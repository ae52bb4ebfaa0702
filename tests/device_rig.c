#include "config.h"

#include <sys/ioctl.h>

#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_rig.h"
#include "kit.h"
#include "tun_look.h"

struct kit_rig *
device_rig_begin(int setup)
{
	struct kit_rig *rig = calloc(1, sizeof(*rig));

	ck_assert_ptr_nonnull(rig);
	kit_netns();
	rig->setup = setup;
	rig->kind = KIT_KIND_OF(setup);
	rig->threadsafe = KIT_TS_OF(setup);
	rig->fds_before = kit_count_fds();
	return rig;
}

void
device_rig_over(struct kit_rig *rig, struct evtun *tun)
{
	int i;

	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	rig->tun = tun;
	rig->base = kit_base_new(rig->setup);
	snprintf(rig->name, sizeof(rig->name), "%s", evtun_get_name(tun));
	rig->pev[0] = packetevent_tun_new(rig->base, tun,
	    kit_options(rig->setup));
	rig->pev[1] = packetevent_fd_new(rig->base,
	    kit_packet_socket(rig->name), kit_options(rig->setup));
	for (i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(rig->pev[i]);
		packetevent_setcb(rig->pev[i], kit_readcb, kit_writecb,
		    kit_eventcb, &rig->log[i]);
	}
}

int
device_options(enum kit_kind kind)
{
	return kind == KIT_TAP ? EVTUN_OPT_TAP : 0;
}

struct evtun *
device_adopt_vnet(enum kit_kind kind, int header_size, int packet_info)
{
	int fd = look_open("vnet0", (kind == KIT_TAP ? IFF_TAP : IFF_TUN) |
	    IFF_VNET_HDR | (packet_info ? 0 : IFF_NO_PI));
	struct evtun *tun;

	if (header_size != 0)
		ck_assert_int_eq(ioctl(fd, TUNSETVNETHDRSZ, &header_size), 0);
	tun = evtun_new_fd(fd, device_options(kind) |
	    (packet_info ? EVTUN_OPT_PACKET_INFO : 0));
	ck_assert_msg(tun != NULL, "%s", evtun_get_error());
	ck_assert_int_ne(evtun_get_options(tun) & EVTUN_OPT_OFFLOAD, 0);
	kit_ok(evtun_set_mtu(tun, kind == KIT_TAP ? 65521 : 65535));
	kit_ok(evtun_set_up(tun, 1));
	return tun;
}

/* One of which is empty. */
static void
carry_pieces(struct kit_rig *rig)
{
	unsigned char data[300];
	struct evbuffer_iovec vec[4];

	kit_log_clear(&rig->log[1]);
	kit_fill(rig->kind, data, 5, sizeof(data));
	vec[0].iov_base = data;
	vec[0].iov_len = 1;
	vec[1].iov_base = data + 1;
	vec[1].iov_len = 0;
	vec[2].iov_base = data + 1;
	vec[2].iov_len = 100;
	vec[3].iov_base = data + 101;
	vec[3].iov_len = sizeof(data) - 101;
	kit_ok(packetevent_write_iovec(rig->pev[0], vec, 4));
	kit_until_packets(rig, 1, 1);
	kit_check_packet(rig, 1, 0, 5, sizeof(data));
}

void
device_rig_carry(struct kit_rig *rig)
{
	unsigned i;

	/* Reads fill the packets' buffer; writes go directly, ... */
	kit_traffic(rig, 1100);
	kit_check_counts(rig, 0, 1100);
	/* ... from the queue, ... */
	kit_ok(packetevent_disable(rig->pev[0], EV_WRITE));
	for (i = 0; i < 10; i++)
		kit_ok(kit_write(rig, 0, i, 100 + i));
	kit_enable(rig, 0, EV_WRITE);
	kit_until_packets(rig, 1, 10);
	for (i = 0; i < 10; i++)
		kit_check_packet(rig, 1, i, i, 100 + i);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_DROPPED), 0);
	ck_assert_uint_eq(kit_count(rig, 0, PEV_COUNT_READ_REFUSED), 0);
	kit_check_counts(rig, 0, 1110);
	/* ... and in pieces. */
	carry_pieces(rig);
}
