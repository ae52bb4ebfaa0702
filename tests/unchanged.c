#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_rig.h"
#include "failing_call.h"
#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"
#include "unchanged.h"

/* More calls than any here makes. */
#define MANY 1000

struct unchanged_stage stage;

/* What ip(8) says as long as everything fails. */
static char *before;

/* All interfaces, addresses and routes of both namespaces. */
static char *
look(void)
{
	const char *what = "address && ip -d -j route show table all";
	char *text, *other;

	look_enter(stage.there);
	other = ip_json("%s", what);
	look_enter(stage.here);
	text = ip_json("%s", what);
	text = realloc(text, strlen(text) + strlen(other) + 1);
	ck_assert_ptr_nonnull(text);
	strcat(text, other);
	free(other);
	return text;
}

/* Several settings of each sort, and what netns says. */
static struct evtun_config *
make_config(int netns)
{
	struct evtun_link_route route = { .to = "10.90.0.0/16",
	    .via = "10.9.0.9" };
	struct evtun_config *made = evtun_config_new();

	ck_assert_ptr_nonnull(made);
	if (netns >= 0)
		kit_ok(evtun_config_set_netns(made, netns));
	kit_ok(evtun_config_set_alias(made, "after"));
	kit_ok(evtun_config_set_mtu(made, 1450));
	kit_ok(evtun_config_add_address(made, "10.9.0.1/24", NULL));
	kit_ok(evtun_config_set_up(made, 1));
	kit_ok(evtun_config_add_route(made, &route));
	return made;
}

static struct evtun *
open_there(void)
{
	struct evtun_config *only = evtun_config_new();
	struct evtun *opened;

	ck_assert_ptr_nonnull(only);
	kit_ok(evtun_config_set_netns(only, stage.here));
	look_enter(stage.there);
	opened = evtun_new_config("vpn0", EVTUN_OPT_TAP, only);
	ck_assert_msg(opened != NULL, "%s", evtun_get_error());
	look_enter(stage.here);
	evtun_config_free(only);
	return opened;
}

static void
make_netns(int *fd)
{
	kit_netns();
	kit_ipv6(1);
	*fd = look_netns();
}

/* is_away: the caller is in the other namespace. */
static void
begin(int is_away)
{
	make_netns(&stage.there);
	make_netns(&stage.here);
	stage.to = is_away ? -1 : stage.there;
	rig_prepare("vpn0", 1, 1);
	stage.tun = is_away ? open_there() : look_new("vpn0", EVTUN_OPT_TAP);
	rig_await_carrier("vpn0");
	stage.link = link_look("vpn0", is_away ? stage.here : -1);
	stage.cfg = make_config(-1);
	stage.new_cfg = make_config(is_away ? stage.here : -1);
	before = look();
}

static void
end(void)
{
	evtun_config_free(stage.cfg);
	evtun_config_free(stage.new_cfg);
	evtun_link_free(stage.link);
	evtun_free(stage.tun);
	evtun_free(stage.second);
	stage.second = NULL;
	free(before);
	close(stage.here);
	close(stage.there);
}

/* Words of a failure before would else do. */
static void
forget_words(void)
{
	kit_fails(evtun_link_set_mtu(stage.link, 0), EINVAL);
}

/* What ioctl() alone could have told is not known then, such as whether a
 * descriptor is a namespace: the errno says that. */
static void
check_reason(int fail_at, int err)
{
	const char *name = failing_call.name;

	ck_assert_msg(name != NULL, "errno %d: %s", err, evtun_get_error());
	ck_assert_msg(err == failing_call.err || strcmp(name, "ioctl") == 0,
	    "call %d, %s: errno %d: %s", fail_at, name, err,
	    evtun_get_error());
	look_text(strerror(err));
}

static int
run_with(int fail_at, int (*run)(void), int is_away)
{
	int r, err;

	forget_words();
	memset(&failing_call, 0, sizeof(failing_call));
	look_enter(is_away ? stage.there : stage.here);
	failing_call.at = fail_at;
	r = run();
	err = errno;
	failing_call.at = 0;
	look_enter(stage.here);
	errno = err;
	return r;
}

static void
check_done(const struct scenario *s)
{
	look_enter(s->where == IP_SAYS_THERE ? stage.there : stage.here);
	if (s->where == IP_SAYS_NOWHERE)
		ip_must_not_say(s->words, "%s", s->ask);
	else
		ip_must_say(s->words, "%s", s->ask);
	look_enter(stage.here);
}

/* A little before they part; Check has room for some thousand bytes. */
static void
show(int fail_at, const char *now)
{
	size_t n = 0;

	while (before[n] != '\0' && before[n] == now[n])
		n++;
	n = n > 300 ? n - 300 : 0;
	ck_abort_msg("call %d, %s (%s): was\n%.1000s\nand is\n%.1000s",
	    fail_at, failing_call.name, evtun_get_error(),
	    before + n, now + n);
}

/* What the kernel does a little later, as with carrier, is waited for. */
static void
check_unchanged(int fail_at)
{
	int tries = (int)(500 * kit_patience());
	char *now;

	while (now = look(), strcmp(now, before) != 0) {
		if (tries-- <= 0)
			show(fail_at, now);
		free(now);
		poll(NULL, 0, 10);
	}
	free(now);
}

/* Return whether it failed, which changed nothing. */
static int
try_failure(int fail_at, const struct scenario *s, int is_away)
{
	int fds = kit_count_fds(), r = run_with(fail_at, s->run, is_away);

	if (r == 0) {
		check_done(s);
		return 0;
	}
	check_reason(fail_at, errno);
	ck_assert_msg(kit_count_fds() == fds, "call %d, %s: descriptors",
	    fail_at, failing_call.name);
	check_unchanged(fail_at);
	return 1;
}

/* Every one takes minutes; CONFIG_FAULTS asks for that. */
static int
get_step(void)
{
	return getenv("CONFIG_FAULTS") != NULL ? 1 : 9;
}

void
unchanged_run(const struct scenario *s, int is_away)
{
	int n, failed = 0, step = get_step();

	begin(is_away);
	for (n = 1; ; n += step) {
		ck_assert_int_lt(n, MANY + step);
		if (try_failure(n, s, is_away)) {
			failed++;
			continue;
		}
		end();
		if (failing_call.name == NULL)
			break;
		/* It could do without. */
		begin(is_away);
	}
	ck_assert_int_gt(failed, 0);
}
