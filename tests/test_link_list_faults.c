/*
 * Lists, while memory runs out, system calls fail, and interfaces come and go
 * between the parts of the kernel's answer.
 */
#include "config.h"

#include <net/if.h>

#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "evtun/link.h"
#include "ip_json.h"
#include "kit.h"
#include "tun_look.h"
#include "tun_wrap.h"

/* More than an array has room for at first. */
#define N_DEVICES 30

static int there = -1;		/* another namespace with devices */
static char held[16];		/* a device like no other on this machine */
static int grow_at;		/* the call that fails; 0: none */

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *
__wrap_realloc(void *p, size_t size)
{
	if (grow_at > 0 && --grow_at == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return __real_realloc(p, size);
}

static void
make_devices(void)
{
	char name[16];
	int i;

	for (i = 0; i < N_DEVICES; i++) {
		snprintf(name, sizeof(name), "vpn%d", i);
		look_make_persistent(name, IFF_TUN | IFF_NO_PI);
	}
	/* It has memory of its own. */
	ip_do("link property add dev vpn7 altname seven");
}

static void
set_up(void)
{
	kit_netns();
	kit_own_proc();
	make_devices();
	there = look_netns();
	kit_netns();
	make_devices();
	/* Of one of that name elsewhere more would be asked. */
	snprintf(held, sizeof(held), "h%ld", (long)getpid());
	look_open(held, IFF_TUN);
}

/* ---- what is done while calls fail ---- */

static void
check_list(int n, struct evtun_link **links, int wanted)
{
	if (n < 0) {
		ck_assert_ptr_null(links);
		return;
	}
	ck_assert_int_ge(n, wanted);
	ck_assert_str_eq(evtun_link_get_name(links[0]), "vpn0");
	ck_assert_str_eq(evtun_link_get_name(links[29]), "vpn29");
	ck_assert_str_eq(evtun_link_get_altname(links[7], 0), "seven");
	evtun_link_free_all(links, n);
}

static int
list_here(void)
{
	struct evtun_link **links;
	int n = evtun_link_list(-1, &links), err = errno;

	tun_wrap.armed = 0;
	check_list(n, links, N_DEVICES + 1);
	errno = err;
	return n;
}

static int
list_there(void)
{
	struct evtun_link **links;
	int n = evtun_link_list(there, &links), err = errno;

	tun_wrap.armed = 0;
	check_list(n, links, N_DEVICES);
	errno = err;
	return n;
}

static int
find_holders(void)
{
	struct evtun_link *link = evtun_link_new(held, -1);
	struct evtun_holder *list = NULL;
	int n = link == NULL ? -1 : evtun_link_get_holders(link, &list);
	int err = errno;

	tun_wrap.armed = 0;
	ck_assert_int_eq(list == NULL, n < 0);
	ck_assert(n < 0 || (n == 1 && list[0].pid == (long)getpid()));
	evtun_link_free_list(list);
	evtun_link_free(link);
	errno = err;
	return n;
}

static int (*const scenarios[])(void) = { list_here, list_there,
    find_holders };
#define N_SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

/* Return 0 once fewer than fail_at calls were made. */
static int
run_once(int (*run)(void), int fail_at, int err)
{
	int fds = kit_count_fds(), n, hit;

	tun_wrap.calls = 0;
	tun_wrap.fail_at = fail_at;
	tun_wrap.err = err;
	tun_wrap.armed = 1;
	n = run();
	hit = tun_wrap.calls >= fail_at;
	ck_assert_int_eq(n < 0, hit);
	if (hit) {
		ck_assert_int_ne(errno, 0);
		ck_assert_str_ne(evtun_get_error(), "no error");
	}
	ck_assert_int_eq(kit_count_fds(), fds);
	return hit;
}

START_TEST(test_calls)
{
	int k = 1;

	set_up();
	while (run_once(scenarios[_i], k, ENOMEM))
		k++;
	ck_assert_int_gt(k, 3);
}
END_TEST

START_TEST(test_memory)
{
	int k, n, fds;

	set_up();
	fds = kit_count_fds();
	for (k = 1; ; k++) {
		grow_at = k;
		n = scenarios[_i]();
		if (grow_at > 0)
			break;
		ck_assert_int_eq(n, -1);
		ck_assert_int_eq(errno, ENOMEM);
		look_text("list the devices: Cannot allocate memory");
		ck_assert_int_eq(kit_count_fds(), fds);
	}
	ck_assert_int_ge(n, 0);
	ck_assert_int_gt(k, 1);
	grow_at = 0;
}
END_TEST

/* ---- changes in between ---- */

static int dumps, interrupted;

static void
begin_dump(int type)
{
	dumps += type == RTM_GETLINK;
}

static void
interrupt_dump(struct nlmsghdr *nlh)
{
	if (dumps <= interrupted)
		nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
}

static void
interrupt_times(int n)
{
	dumps = 0;
	interrupted = n;
	tun_wrap.fail_at = 0;
	tun_wrap.before_send = begin_dump;
	tun_wrap.after_receive = interrupt_dump;
	tun_wrap.armed = 1;
}

START_TEST(test_changes)
{
	set_up();
	interrupt_times(3);
	ck_assert_int_eq(list_there(), N_DEVICES);
	ck_assert_int_eq(dumps, 4);
	/* They never end. */
	interrupt_times(1000);
	kit_fails(list_here(), EAGAIN);
	look_text("changes all the time");
	ck_assert_int_lt(dumps, 100);
}
END_TEST

int
main(void)
{
	kit_suite("link_list_faults");
	kit_case("each_call", KIT_NEEDS_TUN);
	kit_loop(test_calls, 0, N_SCENARIOS);
	kit_case("memory", KIT_NEEDS_TUN);
	kit_loop(test_memory, 0, 2);
	kit_case("changes", KIT_NEEDS_TUN);
	kit_test(test_changes);
	return kit_run();
}
