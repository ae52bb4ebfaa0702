/*
 * What no interface could have, on any system.  Each returns 0, or -1 after
 * evtun_fail_(), and asks nothing of the system.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "error-internal.h"
#include "tun/link-internal.h"

/* The longest alternative name: ALTIFNAMSIZ of Linux, less its NUL. */
#define ALTNAME_MAX 127

/* What IPv4 cannot do without (RFC 791), and what fits into a packet. */
#define MTU_MIN 68
#define MTU_MAX 65535

/* ---- names ---- */

static int
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* Stricter than any kernel: nobody should have to quote a name. */
static int
is_plain(char c, size_t i)
{
	return is_alnum(c) ||
	    (i > 0 && (c == '.' || c == '_' || c == '-'));
}

int
evtun_check_name_(const char *name, int may_choose)
{
	static const char step[] = "check the name";
	size_t i, n = name == NULL ? 0 : strlen(name);

	if (n == 0 && !may_choose)
		return evtun_fail_(EINVAL, step, "there is none");
	/* Linux keeps settings of interfaces in directories of those names,
	 * and finds out late; for a new one, in time. */
	if (!may_choose && (strcmp(name, "all") == 0 ||
	    strcmp(name, "default") == 0))
		return evtun_fail_(EINVAL, step,
		    "\"all\" and \"default\" are the system's");
	if (n >= EVTUN_NAME_SIZE)
		return evtun_fail_(EINVAL, step,
		    "a name has at most 15 bytes");
	for (i = 0; i < n; i++) {
		if (is_plain(name[i], i))
			continue;
		if (may_choose && i > 0 && strcmp(name + i, "%d") == 0)
			break;
		return evtun_fail_(EINVAL, step, may_choose ?
		    "letters, digits, '.', '_' and '-', a letter or digit "
		    "first, and one %d at most, at the end" :
		    "letters, digits, '.', '_' and '-', a letter or digit "
		    "first");
	}
	return 0;
}

int
evtun_check_altname_(const char *name)
{
	static const char step[] = "check the alternative name";
	size_t i, n = name == NULL ? 0 : strlen(name);

	if (n == 0 || n > ALTNAME_MAX)
		return evtun_fail_(EINVAL, step, "it has 1 to 127 bytes");
	for (i = 0; i < n; i++)
		if (!is_plain(name[i], i))
			return evtun_fail_(EINVAL, step, "letters, digits, "
			    "'.', '_' and '-', a letter or digit first");
	return 0;
}

int
evtun_check_any_name_(const char *name)
{
	size_t n = name == NULL ? 0 : strlen(name);

	return n > 0 && n <= ALTNAME_MAX ? 0 : evtun_fail_(EINVAL,
	    "check the name", "it has 1 to 127 bytes");
}

/* Controls, and what breaks lines or turns their direction. */
static int
is_printable(unsigned long c)
{
	return c >= 0x20 && (c < 0x7f || c >= 0xa0) &&
	    (c < 0xd800 || c > 0xdfff) && (c < 0x2028 || c > 0x202e) &&
	    (c < 0x2066 || c > 0x2069) && c <= 0x10ffff;
}

/* How long the character of UTF-8 (RFC 3629) is; 0 if it is none, or cannot
 * be printed. */
static size_t
char_length(const unsigned char *s)
{
	static const unsigned long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t i, n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	unsigned long c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	if ((s[0] >= 0x80 && s[0] < 0xc0) || s[0] > 0xf4)
		return 0;
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= least[n] && is_printable(c) ? n : 0;
}

int
evtun_check_alias_(const char *alias)
{
	static const char step[] = "check the description";
	const unsigned char *s = (const unsigned char *)alias;
	size_t n, len = alias == NULL ? 0 : strlen(alias);

	if (len >= EVTUN_ALIAS_SIZE)
		return evtun_fail_(EINVAL, step, "it has at most 255 bytes");
	for (; len > 0; s += n, len -= n)
		if ((n = char_length(s)) == 0)
			return evtun_fail_(EINVAL, step,
			    "it is no UTF-8 that can be printed");
	return 0;
}

/* ---- numbers ---- */

int
evtun_check_mtu_(int mtu)
{
	return mtu >= MTU_MIN && mtu <= MTU_MAX ? 0 : evtun_fail_(EINVAL,
	    "set the MTU", "it can be 68 to 65535, on a TAP device 68 to "
	    "65521");
}

int
evtun_check_hwaddr_(const ev_uint8_t addr[6])
{
	static const ev_uint8_t zeros[6];

	return !(addr[0] & 1) && memcmp(addr, zeros, sizeof(zeros)) != 0 ? 0 :
	    evtun_fail_(EINVAL, "set the Ethernet address",
	    "it is zero, or that of a group");
}

/* What the kernel takes as an int. */
static int
is_count(long n)
{
	return n >= 0 && n <= 0x7fffffff;
}

int
evtun_check_txqueuelen_(long packets)
{
	return is_count(packets) ? 0 : evtun_fail_(EINVAL,
	    "set the length of the queue", "it can be 0 to 2^31 - 1");
}

int
evtun_check_group_(long group)
{
	return is_count(group) ? 0 : evtun_fail_(EINVAL,
	    "set the group of interfaces", "it can be 0 to 2^31 - 1");
}

int
evtun_check_addrgen_(int mode)
{
	return mode >= EVTUN_ADDRGEN_EUI64 && mode <= EVTUN_ADDRGEN_RANDOM ?
	    0 : evtun_fail_(EINVAL, "set how IPv6 addresses are made",
	    "it is no EVTUN_ADDRGEN_*");
}

/* 32 bits, of which the highest number is the kernel's -1. */
static int
is_id(long id)
{
	return id >= -1 && (id == -1 || (unsigned long)id < 0xffffffffUL);
}

int
evtun_check_owner_(long uid, long gid)
{
	return is_id(uid) && is_id(gid) ? 0 : evtun_fail_(EINVAL,
	    "set the owner", "it is no number of a user, or of a group");
}

int
evtun_check_netns_(int netns)
{
	return netns >= -1 ? 0 : evtun_fail_(EINVAL, "use the namespace",
	    "it is a descriptor, or -1");
}
