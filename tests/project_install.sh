#!/bin/sh
# What "make install" puts in place is enough for a program: pkg-config finds
# it, a C and a C++ program build and run, shared and static; and "make
# uninstall" leaves nothing.
. "${top_srcdir:-.}/tests/tap.sh"
dest=$tmp/dest

# in_build TARGET: without the flags of the make that runs this test
in_build()
{
	MAKEFLAGS='' MFLAGS='' $MAKE -C "$top_builddir" "$1" DESTDIR="$dest"
}

# The .pc file speaks of the final place; here a copy that speaks of $dest.
relocate()
{
	pc=$(find "$dest" -name evtun.pc)
	[ -n "$pc" ] && mkdir -p "$1" &&
	    sed "s,^\\([a-z_]*=\\)/,\\1$dest/," "$pc" >"$1/evtun.pc"
}

pkg()
{
	PKG_CONFIG_PATH=$tmp/pc:$PKG_CONFIG_PATH pkg-config "$@"
}

program()
{
	cat <<'END'
#include <event2/event.h>
#include <evtun/packetevent.h>
#include <evtun/tun.h>
#include <stdio.h>

static void
got(struct packetevent *pev, struct evbuffer_iovec *pkts, int n_pkts,
    void *ctx)
{
	(void)n_pkts;
	(void)ctx;
	printf("%.*s\n", (int)pkts[0].iov_len, (char *)pkts[0].iov_base);
	event_base_loopexit(packetevent_get_base(pev), NULL);
}

int
main(void)
{
	struct event_base *base = event_base_new();
	struct packetevent *pair[2];

	if (base == NULL || packetevent_pair_new(base, 0, pair) < 0 ||
	    evtun_get_version() == NULL)
		return 1;
	packetevent_setcb(pair[1], got, NULL, NULL, NULL);
	packetevent_enable(pair[1], EV_READ);
	packetevent_write(pair[0], "hello", 5);
	event_base_dispatch(base);
	packetevent_free(pair[0]);
	packetevent_free(pair[1]);
	event_base_free(base);
	return 0;
}
END
}

# shellcheck disable=SC2046,SC2086 # flags, and a compiler with arguments
build()
{
	$1 -Wall -Werror $SANITIZE_FLAGS -o "$tmp/$2" "$tmp/$2.$3" \
	    $(pkg $4 --cflags --libs evtun)
}

# says_hello PROGRAM
says_hello()
{
	libdir=$(pkg --variable=libdir evtun)
	said=$(LD_LIBRARY_PATH=$libdir:$LD_LIBRARY_PATH "$tmp/$1" 2>&1)
	[ "$said" = hello ] || { echo "it said: $said"; return 1; }
}

static_only()
{
	libdir=$(pkg --variable=libdir evtun)
	rm -f "$libdir"/libevtun.so* "$libdir"/libevtun.la
	test -e "$libdir/libevtun.a"
}

same_version()
{
	want=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' \
	    "$top_builddir/config.h")
	[ -n "$want" ] && [ "$(pkg --modversion evtun)" = "$want" ]
}

headers_only()
{
	( cd "$(pkg --variable=includedir evtun)" && find . -type f | sort ) \
	    >"$tmp/headers"
	printf './evtun/%s\n' config.h link.h linux.h monitor.h offload.h \
	    packetevent.h pass.h tun.h |
	    diff - "$tmp/headers"
}

try()
{
	cp "$tmp/hello.source" "$tmp/$2.$3"
	is_ok "$1 builds" build "$4" "$2" "$3" "$5"
	is_ok "$1 runs" says_hello "$2"
}

is_ok "make install works with DESTDIR" in_build install
is_ok "evtun.pc is installed" relocate "$tmp/pc"
is_ok "pkg-config knows the version" same_version
is_ok "just the public headers are installed" headers_only
program >"$tmp/hello.source"
if [ -n "$(find "$dest" -name libevtun.so)" ]; then
	try "a C program" c c "$CC" ''
	if have "${CXX%% *}"; then
		try "a C++ program" cxx cc "$CXX" ''
	else
		skip "a C++ program builds" "no C++ compiler"
		skip "a C++ program runs" "no C++ compiler"
	fi
else
	skip "a C program builds" "no shared library"
fi

# Removed and installed again, so that uninstall has the whole to remove.
if [ -n "$(find "$dest" -name libevtun.a)" ] && static_only; then
	try "a program with the static library" static c "$CC" --static
	in_build install >/dev/null 2>&1
else
	skip "a program with the static library builds" "there is none"
fi
is_ok "make uninstall works" in_build uninstall
is_empty "make uninstall leaves nothing" "$(find "$dest" ! -type d)"
plan
