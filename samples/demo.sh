#!/bin/sh
# See packets from a real TUN device: sh samples/demo.sh [--no-install]
#
# Installs what is missing (--no-install: says it), builds in ./build, and
# then works in network namespaces of its own.  Root is not needed where users
# may make such a namespace.  Nothing is left behind but ./build.
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=tests/setup.sh
. "$top/tests/setup.sh"

samples=$build/samples
here=10.9.0.1
there=10.9.0.2
here6=fd00:9::1
there6=fd00:9::2

# What runs in the background, and must not outlive this script.
children=

end_children()
{
	for child in $children; do
		kill "$child" 2>/dev/null
	done
	for child in $children; do
		wait "$child" 2>/dev/null
	done
	children=
}

# start COMMAND...: in the background; $! is its number.
start()
{
	"$@" &
	children="$! $children"
}

# run COMMAND...: wait for it, in a way that a signal can end.
run()
{
	others=$children
	start "$@"
	wait "$!"
	status=$?
	children=$others
	return $status
}

heading()
{
	printf '\n== %s\n' "$1"
	shift
	[ $# = 0 ] || printf '   %s\n' "$@"
	echo
}

# await CHILD NAME: until interface NAME is up; fails if CHILD ends before.
await()
{
	tries=0
	until [ -n "$(ip -o link show up dev "$2" 2>/dev/null)" ]; do
		tries=$((tries + 1))
		kill -0 "$1" 2>/dev/null && [ $tries -lt 100 ] || return 1
		sleep 0.1
	done
}

have_ipv6()
{
	[ "$(cat /proc/sys/net/ipv6/conf/default/disable_ipv6 \
	    2>/dev/null)" = 0 ]
}

# ---- what runs inside a namespace ----

# The dumper alone on a device: all that the system sends comes out.
inside_dump()
{
	set -- -i demo0 -a $here/24 -w "$1" --print
	if have_ipv6; then
		set -- "$@" -a $here6/64
	fi
	start "$samples/dump" "$@"
	dump=$!
	await $dump demo0 || die "The dumper could not start."
	run ping -c 3 -i 0.3 -W 1 $there >/dev/null
	if have_ipv6; then
		run ping -c 2 -i 0.3 -W 1 $there6 >/dev/null
	fi
	kill -INT $dump
	wait $dump
}

# A program that answers for every host behind its device.
inside_ping()
{
	start "$samples/ping" demo1 $here/24
	await $! demo1 || die "The sample could not start."
	run ping -c 3 -i 0.3 -W 2 $there
}

# ---- outside ----

# Say in one sentence why there can be no device, if so; else set $map to the
# option that unshare(1) needs.
no_device()
{
	map=
	# Not opened unless it is there: a shell would make it.
	if [ ! -c /dev/net/tun ]; then
		echo "/dev/net/tun is missing (modprobe tun, or a container" \
		    "that was not given it)."
	elif ! ( : <>/dev/net/tun ) 2>/dev/null; then
		echo "/dev/net/tun may not be opened by this user (it takes" \
		    "root, or its mode 0666, as udev makes it)."
	elif ! command -v unshare >/dev/null; then
		echo "unshare(1), of util-linux, is missing."
	elif ! command -v ip >/dev/null || ! command -v ping >/dev/null; then
		echo "ip(8) or ping(8) is missing."
	elif unshare -n true 2>/dev/null; then
		return 1
	elif unshare -r -n true 2>/dev/null; then
		map=-r
		return 1
	else
		echo "This is not root, and users may not make a network" \
		    "namespace here."
	fi
}

in_namespace()
{
	# shellcheck disable=SC2086 # nothing, or an option
	run unshare $map -n sh "$top/samples/demo.sh" --inside "$@"
}

show_device()
{
	dir=$(mktemp -d) || die "cannot make a temporary directory"
	capture=$dir/demo.pcap
	heading "A TUN device, and the packet dumper behind it" \
	    "samples/dump -i demo0 -a $here/24 -w demo.pcap --print" \
	    "ping $there    (nobody answers; here is what is asked)"
	in_namespace dump "$capture" || die "The dumper failed."
	if command -v tcpdump >/dev/null; then
		heading "The capture, read back by tcpdump" \
		    "tcpdump -n -r demo.pcap"
		run tcpdump -n -r "$capture"
	else
		heading "The capture, read back (tcpdump is not here)" \
		    "samples/dump -r demo.pcap"
		run "$samples/dump" -r "$capture"
	fi || die "The capture could not be read."
	heading "A program that is a host, and answers" \
	    "samples/ping demo1 $here/24" "ping $there"
	in_namespace ping || die "There was no answer."
}

show_pair()
{
	heading "Two packetevents, one the other's peer, in memory" \
	    "samples/pair"
	run "$samples/pair"
}

trap 'end_children; [ -z "$dir" ] || rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM
dir=
if [ "$1" = --inside ]; then
	part=$2
	shift 2
	"inside_$part" "$@"
	exit
fi
setup_arguments no "$@"
setup_packages "$install"
setup_configure
setup_make
if why=$(no_device); then
	echo "No device can be shown: $why"
	show_pair
else
	no_device
	show_device
fi || exit 1
heading "That was all, and nothing of it is left" \
    "Next: samples/*.c, and the manual in include/evtun/*.h"
