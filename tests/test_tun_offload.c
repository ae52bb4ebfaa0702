/*
 * What a device is told of EVTUN_OPT_OFFLOAD: as much as the kernel takes.
 */
#include "config.h"

#include "device_rig.h"
#include "device_features.h"
#include "kit.h"
#include "tun_look.h"

/* What is refused, and what is taken then. */
static const struct rung {
	unsigned long refused, mask;
} rungs[] = {
	{ TUNNEL, TUN_F_CSUM | TSO | ECN | USO },
	{ TUN_F_UDP_TUNNEL_GSO_CSUM, TUN_F_CSUM | TSO | ECN | USO },
	{ TUNNEL | ECN, TUN_F_CSUM | TSO | USO },
	{ ECN, TUN_F_CSUM | TSO | USO },
	{ TUNNEL | USO, TUN_F_CSUM | TSO | ECN },
	{ USO, TUN_F_CSUM | TSO | ECN },
	{ TUNNEL | USO | ECN, TUN_F_CSUM | TSO },
	{ TUNNEL | USO | ECN | TUN_F_TSO6, TUN_F_CSUM | TUN_F_TSO4 },
	{ TUN_F_TSO6, TUN_F_CSUM | TUN_F_TSO4 },
	{ TUN_F_TSO4, TUN_F_CSUM },
	{ ALL & ~(unsigned long)TUN_F_CSUM, TUN_F_CSUM },
	{ ALL, 0 }
};
#define N_RUNGS ((int)(sizeof(rungs) / sizeof(rungs[0])))

START_TEST(test_all)
{
	struct kit_rig *rig = device_rig_begin(_i);
	unsigned long mask;
	int size;

	mask = features_best(&size);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	ck_assert(features_offered(rig));
	features_check(rig, mask, size);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_none)
{
	struct kit_rig *rig = device_rig_begin(_i);

	device_rig_over(rig, kit_tun_new(rig->kind, "off0", 0));
	ck_assert(!features_offered(rig));
	features_check(rig, 0, HEADER);
	kit_rig_free(rig);
}
END_TEST

START_TEST(test_rungs)
{
	const struct rung *rung = &rungs[_i % N_RUNGS];
	struct kit_rig *rig = device_rig_begin(KIT_SETUP(
	    _i < N_RUNGS ? KIT_TUN : KIT_TAP, 0, KIT_EPOLL));
	int size;

	if (features_best(&size) == (ALL & ~(TUNNEL | USO)) &&
	    rung->mask & USO)
		kit_skip("this kernel has less itself");
	features_refuse(rung->refused, EINVAL);
	device_rig_over(rig, kit_tun_new(rig->kind, "off0",
	    EVTUN_OPT_OFFLOAD));
	features_refuse(0, 0);
	ck_assert(features_offered(rig));
	features_check(rig, rung->mask, HEADER);
	kit_rig_free(rig);
}
END_TEST

/* That is no question of what the kernel knows. */
START_TEST(test_error)
{
	static const int errors[] = { EPERM, ENOMEM };
	int fds;

	kit_netns();
	fds = kit_count_fds();
	features_refuse(ALL, errors[_i]);
	look_refused(evtun_new("off0", EVTUN_OPT_OFFLOAD), errors[_i]);
	look_text("switch offload on");
	ck_assert_uint_eq(look_index("off0"), 0);
	ck_assert_int_eq(kit_count_fds(), fds);
}
END_TEST

int
main(void)
{
	kit_suite("tun_offload");
	kit_case("ladder", KIT_NEEDS_TUN);
	kit_ways = 1u << KIT_PLAIN;
	kit_kinds(test_all, KIT_DEVICES);
	kit_kinds(test_none, KIT_DEVICES);
	kit_loop(test_rungs, 0, 2 * N_RUNGS);
	kit_loop(test_error, 0, 2);
	return kit_run();
}
