/*
 * In which order changes and parts of a list may come, and what is told then:
 * orders that the kernel hardly ever shows.
 */
#include "config.h"

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "monitor/monitor-internal.h"
#include "monitor_rig.h"

#define LISTED 1
#define CHANGED 0

static struct evtun_monitor mon;

static struct rig *
stage(void)
{
	struct rig *rig = rig_base_new();

	rig->model.is_whole = 1;
	rig->mon = &mon;
	mon.cb = rig_cb;
	mon.arg = rig;
	mon.phase = EVTUN_WATCHING;
	mon.round = 1;
	ck_assert_int_eq(evtun_cache_init_(&mon), 0);
	return rig;
}

static void
leave(struct rig *rig)
{
	ck_assert_int_eq(mon.err, 0);
	evtun_cache_free_(&mon);
	rig->mon = NULL;
	rig_free(rig);
}

static void
see(const struct evtun_sight *sight, int is_listed)
{
	while (!evtun_cache_link_(&mon, sight, is_listed))
		;
}

static void
link_is(unsigned index, const char *name, long mtu, int is_listed)
{
	struct evtun_sight sight = { index, name, "tun", 1, 0, 0, mtu };

	see(&sight, is_listed);
}

static void
link_is_gone(unsigned index, enum evtun_change_what what, long value)
{
	while (!evtun_cache_link_gone_(&mon, index, what, value))
		;
}

static void
set_address(struct evtun_address *address, unsigned i)
{
	memset(address, 0, sizeof(*address));
	address->family = AF_INET;
	address->prefix_len = 24;
	address->addr[0] = address->peer[0] = 10;
	address->addr[2] = address->peer[2] = (unsigned char)(i >> 8);
	address->addr[3] = address->peer[3] = (unsigned char)i;
}

static void
address_is(unsigned index, unsigned i, int is_listed)
{
	struct evtun_address address;

	set_address(&address, i);
	evtun_cache_address_(&mon, index, &address, is_listed);
}

static void
address_is_gone(unsigned index, unsigned i)
{
	struct evtun_address address;

	set_address(&address, i);
	evtun_cache_address_gone_(&mon, index, &address);
}

static void
begin_list(enum evtun_monitor_phase phase)
{
	mon.phase = phase;
	mon.round++;
}

static void
sweep(enum evtun_monitor_phase phase)
{
	int addresses = phase == EVTUN_SWEEPING_ADDRESSES;
	struct evtun_node *node, *next;

	mon.phase = phase;
	node = addresses ? mon.addresses.first : mon.links.first;
	for (; node != NULL; node = next) {
		next = node->next;
		if (addresses)
			evtun_cache_sweep_address_(&mon, node);
		else
			while (!evtun_cache_sweep_link_(&mon, node))
				;
	}
	mon.phase = EVTUN_WATCHING;
}

/* ---- interfaces ---- */

START_TEST(test_listed_after_a_change)
{
	struct rig *rig = stage();

	link_is(2, "t0", 1500, CHANGED);
	rig_expect(rig, "new t0", "mtu t0 1500", NULL);
	begin_list(EVTUN_LISTING_LINKS);
	link_is(2, "t1", 1400, CHANGED);
	link_is(3, "t3", 1400, CHANGED);
	rig_expect(rig, "name t1 t0", "mtu t1 1400", "new t3", "mtu t3 1400",
	    NULL);
	/* Written before that, and queued later. */
	link_is(2, "t0", 1500, LISTED);
	link_is(3, "t3", 1500, LISTED);
	rig_expect(rig, NULL);
	link_is(2, "t1", 1300, CHANGED);
	rig_expect(rig, "mtu t1 1300", NULL);
	sweep(EVTUN_SWEEPING_LINKS);
	rig_expect(rig, NULL);
	/* The next list is news again. */
	begin_list(EVTUN_LISTING_LINKS);
	link_is(2, "t1", 1200, LISTED);
	rig_expect(rig, "mtu t1 1200", NULL);
	link_is(2, "t1", 1100, CHANGED);
	link_is(2, "t1", 1200, LISTED);
	rig_expect(rig, "mtu t1 1100", NULL);
	sweep(EVTUN_SWEEPING_LINKS);
	rig_expect(rig, "gone t3", NULL);
	leave(rig);
}
END_TEST

START_TEST(test_listed_after_its_end)
{
	struct rig *rig = stage();

	link_is(2, "t0", 1500, CHANGED);
	address_is(2, 1, CHANGED);
	address_is(2, 2, CHANGED);
	rig_forget(rig);
	begin_list(EVTUN_LISTING_LINKS);
	link_is_gone(2, EVTUN_CHANGE_GONE, 0);
	rig_expect(rig, "removed t0 10.0.0.1/24", "removed t0 10.0.0.2/24",
	    "gone t0", NULL);
	link_is_gone(2, EVTUN_CHANGE_GONE, 0);
	address_is(2, 1, CHANGED);
	link_is(2, "t0", 1500, LISTED);
	rig_expect(rig, NULL);
	/* And then there is another one. */
	link_is(2, "t0", 1400, CHANGED);
	rig_expect(rig, "new t0", "mtu t0 1400", NULL);
	link_is_gone(2, EVTUN_CHANGE_MOVED, 7);
	rig_expect(rig, "moved t0 7", NULL);
	sweep(EVTUN_SWEEPING_LINKS);
	rig_expect(rig, NULL);
	ck_assert_uint_eq(mon.links.n, 0);
	ck_assert_uint_eq(mon.addresses.n, 0);
	leave(rig);
}
END_TEST

/* One whose end was seen in a list that was given up. */
START_TEST(test_listed_in_the_next)
{
	struct rig *rig = stage();

	link_is(2, "t0", 1500, CHANGED);
	rig_forget(rig);
	begin_list(EVTUN_LISTING_LINKS);
	link_is_gone(2, EVTUN_CHANGE_GONE, 0);
	rig_expect(rig, "gone t0", NULL);
	begin_list(EVTUN_LISTING_LINKS);
	link_is(2, "t0", 1500, LISTED);
	rig_expect(rig, "new t0", "mtu t0 1500", NULL);
	sweep(EVTUN_SWEEPING_LINKS);
	rig_expect(rig, NULL);
	ck_assert(evtun_cache_has_link_(&mon, 2));
	leave(rig);
}
END_TEST

/* The index is that of another interface now, which is not wanted. */
START_TEST(test_other_kind)
{
	struct rig *rig = stage();
	struct evtun_sight sight = { 2, "b0", "bridge", 0, 1, 1, 1500 };

	mon.options = EVTUN_MONITOR_TUN_ONLY;
	link_is(2, "t0", 1500, CHANGED);
	address_is(2, 1, CHANGED);
	rig_forget(rig);
	begin_list(EVTUN_LISTING_LINKS);
	see(&sight, LISTED);
	rig_expect(rig, "removed t0 10.0.0.1/24", "gone t0", NULL);
	sweep(EVTUN_SWEEPING_LINKS);
	rig_expect(rig, NULL);
	leave(rig);
}
END_TEST

/* Or which is; even of the same name.  From a list, or before there is one. */
START_TEST(test_another)
{
	struct rig *rig = stage();
	struct evtun_sight sight = { 2, "t0", "tap", 1, 1, 0, 1500 };

	link_is(2, "t0", 1500, CHANGED);
	address_is(2, 1, CHANGED);
	address_is(2, 2, CHANGED);
	rig_forget(rig);
	if (_i == LISTED)
		begin_list(EVTUN_LISTING_LINKS);
	see(&sight, _i);
	rig_expect(rig, "removed t0 10.0.0.1/24", "removed t0 10.0.0.2/24",
	    "gone t0", "new t0", "mtu t0 1500", "up t0 1", NULL);
	/* And that one stays. */
	see(&sight, _i);
	address_is(2, 1, CHANGED);
	rig_expect(rig, "added t0 10.0.0.1/24", NULL);
	if (_i == LISTED)
		sweep(EVTUN_SWEEPING_LINKS);
	rig_expect(rig, NULL);
	leave(rig);
}
END_TEST

/* Whatever has many addresses takes as many steps. */
START_TEST(test_steps)
{
	struct rig *rig = stage();
	struct evtun_sight sight = { 2, "t0", "tap", 1, 0, 0, 1500 };
	size_t n;
	int done;

	link_is(2, "t0", 1500, CHANGED);
	for (n = 0; n < 3; n++)
		address_is(2, (unsigned)n, CHANGED);
	rig_forget(rig);
	mon.round = 2;
	for (n = 1, done = 0; !done; n++) {
		if (_i == 0)
			done = evtun_cache_link_(&mon, &sight, CHANGED);
		else if (_i == 1)
			done = evtun_cache_link_gone_(&mon, 2,
			    EVTUN_CHANGE_GONE, 0);
		else
			done = evtun_cache_sweep_link_(&mon,
			    mon.links.first);
		if (!done)
			ck_assert_uint_eq(rig->n_lines, n);
	}
	ck_assert_uint_eq(n, 5);
	ck_assert_str_eq(rig->lines[3], "gone t0");
	leave(rig);
}
END_TEST

/* ---- addresses ---- */

START_TEST(test_addresses)
{
	struct rig *rig = stage();

	link_is(2, "t0", 1500, CHANGED);
	address_is(2, 1, CHANGED);
	address_is(2, 2, CHANGED);
	address_is(2, 3, CHANGED);
	rig_forget(rig);
	begin_list(EVTUN_LISTING_ADDRESSES);
	address_is_gone(2, 1);
	rig_expect(rig, "removed t0 10.0.0.1/24", NULL);
	address_is_gone(2, 1);
	address_is(2, 1, LISTED);
	address_is(2, 2, LISTED);
	address_is(2, 2, CHANGED);
	address_is(3, 2, CHANGED);
	rig_expect(rig, NULL);
	address_is(2, 4, CHANGED);
	address_is(2, 4, LISTED);
	address_is(2, 1, CHANGED);
	rig_expect(rig, "added t0 10.0.0.4/24", "added t0 10.0.0.1/24",
	    NULL);
	address_is_gone(2, 4);
	rig_expect(rig, "removed t0 10.0.0.4/24", NULL);
	sweep(EVTUN_SWEEPING_ADDRESSES);
	rig_expect(rig, "removed t0 10.0.0.3/24", NULL);
	ck_assert_uint_eq(mon.addresses.n, 2);
	/* Those of an interface that goes meanwhile, and comes back. */
	begin_list(EVTUN_LISTING_ADDRESSES);
	link_is_gone(2, EVTUN_CHANGE_GONE, 0);
	link_is(2, "t0", 1500, CHANGED);
	rig_expect(rig, "removed t0 10.0.0.2/24", "removed t0 10.0.0.1/24",
	    "gone t0", "new t0", "mtu t0 1500", NULL);
	address_is(2, 1, LISTED);
	sweep(EVTUN_SWEEPING_ADDRESSES);
	rig_expect(rig, NULL);
	ck_assert_uint_eq(mon.addresses.n, 0);
	leave(rig);
}
END_TEST

/* ---- many ---- */

#define MANY 10000

static size_t n_told[EVTUN_CHANGE_FAILED + 1];

static void
count(struct evtun_monitor *m, const struct evtun_change *change, void *arg)
{
	(void)m;
	(void)arg;
	n_told[change->what]++;
}

/* The longest way to an entry: each is looked for, and found. */
static size_t
get_longest(const struct evtun_table *table)
{
	const struct evtun_node *node, *at;
	size_t n, longest = 0;

	for (node = table->first; node != NULL; node = node->next) {
		n = 1;
		for (at = evtun_table_find_(table, node->hash); at != node;
		    at = at->chain)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

START_TEST(test_many)
{
	struct rig *rig = stage();
	unsigned i;
	char name[16];

	mon.cb = count;
	for (i = 1; i <= MANY; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		link_is(i, name, 1500, CHANGED);
		address_is(i, 1, CHANGED);
		address_is(1, i + 1, CHANGED);
	}
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_NEW], MANY);
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_ADDRESS_ADDED], 2 * MANY);
	ck_assert_uint_lt(get_longest(&mon.links), 4);
	ck_assert_uint_lt(get_longest(&mon.addresses), 16);
	begin_list(EVTUN_LISTING_LINKS);
	for (i = 1; i <= MANY; i += 2) {
		snprintf(name, sizeof(name), "t%u", i);
		link_is(i, name, 1400, LISTED);
	}
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_MTU], MANY + MANY / 2);
	sweep(EVTUN_SWEEPING_LINKS);
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_GONE], MANY / 2);
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_ADDRESS_REMOVED], MANY / 2);
	for (i = MANY; i > 0; i--)
		link_is_gone(i, EVTUN_CHANGE_GONE, 0);
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_GONE], MANY);
	ck_assert_uint_eq(n_told[EVTUN_CHANGE_ADDRESS_REMOVED], 2 * MANY);
	ck_assert_uint_eq(mon.links.n, 0);
	ck_assert_uint_eq(mon.addresses.n, 0);
	leave(rig);
}
END_TEST

int
main(void)
{
	kit_suite("monitor_cache");
	kit_case("order", 0);
	kit_test(test_listed_after_a_change);
	kit_test(test_listed_after_its_end);
	kit_test(test_listed_in_the_next);
	kit_test(test_other_kind);
	kit_loop(test_another, 0, 2);
	kit_loop(test_steps, 0, 3);
	kit_test(test_addresses);
	kit_case("many", 0);
	kit_test(test_many);
	return kit_run();
}
