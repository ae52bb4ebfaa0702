/*
 * Names, alternative names and descriptions of interfaces.
 */
#include "config.h"

#include <linux/if_tun.h>
#include <string.h>
#include <unistd.h>

#include "ip_json.h"
#include "kit.h"
#include "link_look.h"
#include "tun_look.h"

struct stage {
	struct evtun_link *link;
	int fd;
};

static void
begin(struct stage *s)
{
	kit_netns();
	s->fd = look_open("vpn0", IFF_TUN | IFF_NO_PI);
	s->link = link_look("vpn0", -1);
}

static void
end(struct stage *s)
{
	link_check(s->link);
	evtun_link_free(s->link);
	close(s->fd);
}

/* ---- the name ---- */

START_TEST(test_rename)
{
	static const char *const names[] = {
		"a", "vpn0", "fifteen-bytes.0", "0", "vpn0", "A_b.C-9"
	};
	struct stage s;
	size_t i;

	begin(&s);
	kit_ok(evtun_link_set_up(s.link, _i));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kit_ok(evtun_link_set_name(s.link, names[i]));
		ck_assert_str_eq(evtun_link_get_name(s.link), names[i]);
		ck_assert_uint_eq(look_index(names[i]),
		    evtun_link_get_index(s.link));
		kit_ok(evtun_link_set_name(s.link, names[i]));
		ck_assert_int_eq(ip_says("\"UP\"", "link show dev %s",
		    names[i]), _i);
		link_check(s.link);
	}
	ck_assert_uint_eq(look_index("vpn0"), 0);
	end(&s);
}
END_TEST

static const char *const bad_names[] = {
	"", "sixteen-bytes.00", "vpn%d", "%d", "a b", "a/b", ".", "..",
	"a:b", "-x", "_x", ".x", "a\x01", "a\n", "a\t", "\xc3\xa9t\xc3\xa9",
	"a%", "a\x7f", "vpn0 ", "all", "default"
};

START_TEST(test_bad_names)
{
	struct stage s;
	char *before;
	size_t i;

	begin(&s);
	before = link_remember("vpn0");
	for (i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		kit_fails(evtun_link_set_name(s.link, bad_names[i]), EINVAL);
		look_text("name");
	}
	kit_fails(evtun_link_set_name(s.link, NULL), EINVAL);
	link_check_same("vpn0", before);
	end(&s);
}
END_TEST

START_TEST(test_taken_names)
{
	struct stage s;
	char *before;

	begin(&s);
	ip_do("link property add dev lo altname taken");
	ip_do("link property add dev vpn0 altname own");
	before = link_remember("vpn0");
	kit_fails(evtun_link_set_name(s.link, "lo"), EEXIST);
	look_text("another interface has that name");
	kit_fails(evtun_link_set_name(s.link, "taken"), EEXIST);
	kit_fails(evtun_link_set_name(s.link, "own"), EEXIST);
	link_check_same("vpn0", before);
	end(&s);
}
END_TEST

/* ---- alternative names ---- */

START_TEST(test_altnames)
{
	char longest[128];
	struct stage s;

	begin(&s);
	memset(longest, 'x', 127);
	longest[127] = '\0';
	kit_ok(evtun_link_add_altname(s.link, "a"));
	ck_assert_str_eq(evtun_link_get_altname(s.link, 0), "a");
	kit_ok(evtun_link_add_altname(s.link, longest));
	kit_ok(evtun_link_add_altname(s.link, "lab.site-7_b"));
	kit_ok(evtun_link_add_altname(s.link, "a"));
	kit_ok(evtun_link_add_altname(s.link, longest));
	link_check(s.link);
	ck_assert_ptr_nonnull(evtun_link_get_altname(s.link, 2));
	ck_assert_ptr_null(evtun_link_get_altname(s.link, 3));
	ip_must_say("\"ifname\":\"vpn0\"", "link show dev %s", longest);
	ip_must_say("\"altnames\":[\"a\",\"xxx", "link show dev vpn0");
	kit_ok(evtun_link_del_altname(s.link, "a"));
	kit_ok(evtun_link_del_altname(s.link, "a"));
	kit_ok(evtun_link_del_altname(s.link, "never"));
	kit_ok(evtun_link_del_altname(s.link, longest));
	ip_must_say("\"altnames\":[\"lab.site-7_b\"]", "link show dev vpn0");
	link_check(s.link);
	kit_ok(evtun_link_del_altname(s.link, "lab.site-7_b"));
	ip_must_not_say("altnames", "link show dev vpn0");
	ck_assert_ptr_null(evtun_link_get_altname(s.link, 0));
	end(&s);
}
END_TEST

START_TEST(test_bad_altnames)
{
	char longer[129];
	struct stage s;
	char *before;
	size_t i;

	begin(&s);
	memset(longer, 'x', 128);
	longer[128] = '\0';
	ip_do("link property add dev vpn0 altname own altname vpn%%d");
	ip_do("link property add dev lo altname taken");
	before = link_remember("vpn0");
	for (i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		/* One byte too long for a name alone. */
		if (strlen(bad_names[i]) == 16 || bad_names[i][0] == 'd' ||
		    strcmp(bad_names[i], "all") == 0)
			continue;
		kit_fails(evtun_link_add_altname(s.link, bad_names[i]),
		    EINVAL);
		look_text("alternative name");
	}
	kit_fails(evtun_link_add_altname(s.link, NULL), EINVAL);
	kit_fails(evtun_link_add_altname(s.link, longer), EINVAL);
	kit_fails(evtun_link_del_altname(s.link, NULL), EINVAL);
	kit_fails(evtun_link_del_altname(s.link, ""), EINVAL);
	kit_fails(evtun_link_del_altname(s.link, longer), EINVAL);
	kit_fails(evtun_link_add_altname(s.link, "taken"), EEXIST);
	look_text("another interface");
	kit_fails(evtun_link_add_altname(s.link, "vpn0"), EEXIST);
	kit_fails(evtun_link_add_altname(s.link, "lo"), EEXIST);
	/* Another one's is not taken away. */
	kit_ok(evtun_link_del_altname(s.link, "taken"));
	ip_must_say("\"altnames\":[\"taken\"]", "link show dev lo");
	/* Nor is its name. */
	kit_ok(evtun_link_del_altname(s.link, "vpn0"));
	link_check_same("vpn0", before);
	/* One that this library would not give. */
	kit_ok(evtun_link_del_altname(s.link, "vpn%d"));
	ip_must_say("\"altnames\":[\"own\"]", "link show dev vpn0");
	end(&s);
}
END_TEST

/* ---- descriptions ---- */

START_TEST(test_alias)
{
	static const char *const good[] = {
		"a", "to the office, by night", "\xc3\xa9t\xc3\xa9",
		"\xe2\x82\xac \xf0\x9f\x90\xa7", "\xf4\x8f\xbf\xbf", "%d%s$"
	};
	char longest[256], words[300];
	struct stage s;
	size_t i;

	begin(&s);
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		kit_ok(evtun_link_set_alias(s.link, good[i]));
		ck_assert_str_eq(evtun_link_get_alias(s.link), good[i]);
		snprintf(words, sizeof(words), "\"ifalias\":\"%s\"", good[i]);
		ip_must_say(words, "link show dev vpn0");
		kit_ok(evtun_link_set_alias(s.link, good[i]));
	}
	kit_ok(evtun_link_set_alias(s.link, ""));
	ck_assert_str_eq(evtun_link_get_alias(s.link), "");
	ip_must_not_say("ifalias", "link show dev vpn0");
	memset(longest, 'x', 255);
	longest[255] = '\0';
	kit_ok(evtun_link_set_alias(s.link, longest));
	ck_assert_str_eq(evtun_link_get_alias(s.link), longest);
	link_check(s.link);
	kit_ok(evtun_link_set_alias(s.link, NULL));
	ip_must_not_say("ifalias", "link show dev vpn0");
	kit_ok(evtun_link_set_alias(s.link, NULL));
	end(&s);
}
END_TEST

START_TEST(test_bad_alias)
{
	static const char *const bad[] = {
		"a\n", "\x1b[2J", "\x7f", "\x80", "\xc3", "\xc0\x80",
		"\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80",
		"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xff", "\xfc\x84\x80\x80\x80\x80", "\xc2\x85", "\xe2\x82",
		"\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6", "ok \x01",
		"\xe2\x82" "a"
	};
	char longer[257];
	struct stage s;
	char *before;
	size_t i;

	begin(&s);
	kit_ok(evtun_link_set_alias(s.link, "as before"));
	before = link_remember("vpn0");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		kit_fails(evtun_link_set_alias(s.link, bad[i]), EINVAL);
		look_text("UTF-8");
	}
	memset(longer, 'x', 256);
	longer[256] = '\0';
	kit_fails(evtun_link_set_alias(s.link, longer), EINVAL);
	look_text("255");
	link_check_same("vpn0", before);
	end(&s);
}
END_TEST

int
main(void)
{
	kit_suite("link_names");
	kit_case("name", KIT_NEEDS_TUN);
	kit_loop(test_rename, 0, 2);
	kit_test(test_bad_names);
	kit_test(test_taken_names);
	kit_case("altnames", KIT_NEEDS_TUN);
	kit_test(test_altnames);
	kit_test(test_bad_altnames);
	kit_case("alias", KIT_NEEDS_TUN);
	kit_test(test_alias);
	kit_test(test_bad_alias);
	return kit_run();
}
