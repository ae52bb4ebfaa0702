#!/bin/sh
# What the README says: its program compiles and is a VPN, and the functions
# and files that it names are there.
. "${top_srcdir:-.}/tests/tap.sh"
readme=$top_srcdir/README

# The program is what is indented, from the first #include to the last brace
# in the first column.
extract()
{
	awk '/^    #include/ { inside = 1 }
	    /^[^ ]/ { inside = 0 }
	    inside { text = text substr($0, 5) "\n" }
	    inside && /^    }$/ { printf "%s", text; text = "" }' \
	    "$readme" >"$tmp/vpn.c"
	grep -q '^main(' "$tmp/vpn.c"
}

# shellcheck disable=SC2086 # flags, and a compiler with arguments
compile()
{
	$CC -Wall -Wextra -Wno-unused-parameter -Werror $SANITIZE_FLAGS \
	    -o "$tmp/vpn" -I"$top_srcdir/include" $EVENT_CFLAGS "$tmp/vpn.c" \
	    -L"$top_builddir/.libs" -levtun $EVENT_LIBS
}

# Every name of a function that the README has, and that no header declares.
unknown_names()
{
	cat "$top_srcdir"/include/evtun/*.h >"$tmp/headers"
	grep -oE '\<((evtun|packetevent)_[a-z_]+|(EVTUN|PEV)_OPT_[A-Z_]+)' \
	    "$readme" | sort -u | while read -r name; do
		grep -qw "$name" "$tmp/headers" || echo "$name"
	done
}

missing_files()
{
	grep -oE '\<(include|lib|samples|tests)/[A-Za-z0-9_./]+' "$readme" |
	    sed 's/\.$//' | sort -u | while read -r file; do
		[ -e "$top_srcdir/$file" ] || [ -e "$top_srcdir/$file.c" ] ||
		    echo "$file"
	done
}

# In a namespace of its own, with another one behind a virtual cable, the
# program runs in both, and a ping goes through the tunnel.
cat >"$tmp/inside" <<'END'
set -e
unshare -n sh -c 'echo $$ >"$0/there.pid"; while :; do
	[ -e "$0/go" ] && exec "$0/vpn" 10.9.0.2/24 10.7.0.2:5000 \
	    10.7.0.1:5000
	sleep 0.05
done' "$tmp" &
there=$!
trap 'kill $there $here 2>/dev/null || :' EXIT
here=
wait_for() {
	n=0
	until "$@" >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 200 ] || { echo "never: $*"; exit 1; }
		sleep 0.05
	done
}
wait_for test -s "$tmp/there.pid"
in_there() { nsenter -t "$(cat "$tmp/there.pid")" -n "$@"; }
ip link add cable type veth peer name elbac netns "$(cat "$tmp/there.pid")"
ip addr add 10.7.0.1/24 dev cable
ip link set cable up
in_there ip addr add 10.7.0.2/24 dev elbac
in_there ip link set elbac up
: >"$tmp/go"
"$tmp/vpn" 10.9.0.1/24 10.7.0.1:5000 10.7.0.2:5000 &
here=$!
wait_for ping -c 1 -W 1 10.9.0.2
ping -c 3 -i 0.1 -W 5 10.9.0.2
END

is_ok "the README has a program" extract
tunnel="a ping goes through the tunnel of the README"
if [ ! -e "$top_builddir/.libs/libevtun.so" ]; then
	skip "the program in the README compiles" "no shared library"
	skip "$tunnel" "no shared library"
else
	is_ok "the program in the README compiles" compile
	export tmp
	LD_LIBRARY_PATH=$top_builddir/.libs:$LD_LIBRARY_PATH
	export LD_LIBRARY_PATH
	map=-r
	[ "$(id -u)" != 0 ] || map=
	# shellcheck disable=SC2086 # nothing, or an option
	if [ ! -x "$tmp/vpn" ]; then
		skip "$tunnel" "the program did not compile"
	elif ! have ping ip nsenter unshare; then
		skip "$tunnel" "no ping, ip, nsenter or unshare"
	elif ! unshare $map -n ip tuntap add t0 mode tun 2>/dev/null; then
		skip "$tunnel" "cannot make a device in a namespace"
	elif ! unshare $map -n ip link add c0 type veth 2>/dev/null; then
		skip "$tunnel" "cannot make a virtual cable"
	else
		is_ok "$tunnel" unshare $map -n sh "$tmp/inside"
	fi
fi
is_empty "every function that the README names is declared" \
    "$(unknown_names)"
is_empty "every file that the README names is there" "$(missing_files)"
plan
