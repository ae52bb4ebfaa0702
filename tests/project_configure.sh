#!/bin/sh
# A missing dependency ends configure with one sentence that names the
# package.
. "${top_srcdir:-.}/tests/tap.sh"

# configure_with DIRECTORY: configure, with pkg-config looking there only
configure_with()
{
	mkdir "$tmp/build" "$1" 2>/dev/null
	cd "$tmp/build" || exit 99
	PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=$1 CFLAGS='' CC=$CC CXX=$CXX \
	    "$top_srcdir/configure" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	cd / && rm -rf "$tmp/build"
	return $status
}

# names_package PACKAGE: the last configure failed, and said just so.
names_package()
{
	if [ "$status" = 0 ]; then
		echo "configure succeeded"
		return 1
	fi
	errors=$(grep -c '^configure: error: ' "$tmp/err")
	[ "$errors" = 1 ] &&
	    grep -q "^configure: error: .*(Debian: $1)\$" "$tmp/err" &&
	    return 0
	cat "$tmp/err"
	return 1
}

libevent="a missing libevent is named"
check="a missing Check is named"
if [ -e "$top_srcdir/config.status" ]; then
	skip "$libevent" "the source tree itself is configured"
	skip "$check" "the source tree itself is configured"
	plan
	exit 0
fi

configure_with "$tmp/none"
is_ok "$libevent" names_package libevent-dev

# All modules but one: links to the files that describe the others.
mkdir "$tmp/some"
for module in libevent_core libevent_pthreads libevent libmnl libpcap \
    liburing; do
	file=$(pkg-config --variable=pcfiledir "$module")/$module.pc
	[ ! -e "$file" ] || ln -s "$file" "$tmp/some"
done
configure_with "$tmp/some"
is_ok "$check" names_package check
plan
