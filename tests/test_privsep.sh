#!/bin/sh
# The sample privsep, run for real: each test in a network namespace of its
# own, in which this script runs itself, "--inside TEST DIRECTORY".

# ---- inside ----

privsep=${top_builddir:=build}/samples/privsep

fail()
{
	printf '%s\n' "$*"
	[ ! -s sample.err ] || sed 's/^/sample.err: /' sample.err
	exit 1
}

skip_me()
{
	echo "$*"
	exit 77
}

# wait_until COMMAND...: try it for a while (longer under a slow tool).
wait_until()
{
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt $((400 * ${CK_TIMEOUT_MULTIPLIER:-1})) ] ||
		    fail "waited in vain: $*"
		sleep 0.05
	done
}

# A child that has ended is there until it is waited for.
is_gone()
{
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	''|Z*) return 0 ;;
	*) return 1 ;;
	esac
}

# start: the sample, as $parent and $child; the child is under its filter once
# it answers.
start()
{
	"$privsep" p0 10.9.0.1/24 2>sample.err &
	parent=$!
	child=
	wait_until is_up_or_gone
	child=$(sed -n 's/^p0 is up, for process //p' sample.err)
	[ -n "$child" ] || fail "it has not started"
	wait_until has_status Seccomp 2
}

is_up_or_gone()
{
	grep -q '^p0 is up' sample.err || is_gone "$parent"
}

# has_status NAME VALUE: of the child, as /proc has it
has_status()
{
	grep -qx "$1:	$2" "/proc/$child/status"
}

# ends STATUS: the parent with it, the child, and the interface.
ends()
{
	wait_until is_gone "$parent"
	status=0
	wait "$parent" || status=$?
	[ $status = "$1" ] || fail "exit status $status, not $1"
	wait_until is_gone "$child"
	# Whoever looks through /proc may keep it for a moment.
	wait_until no_interface
}

no_interface()
{
	! ip link show dev p0
}

# How many echo requests this namespace has sent and replies it has got, as
# the kernel counts them: ping itself does not wait for the last one.
requests()
{
	awk -v want="$1" '$1 != "Icmp:" { next }
	!n { for (n = 2; n <= NF; n++) name[n] = $n; next }
	{ for (i = 2; i <= NF; i++) if (name[i] == want) print $i }' \
	    /proc/net/snmp
}

is_answered()
{
	[ "$(requests InEchoReps)" = "$1" ]
}

# Ten seconds.
test_traffic()
{
	start
	ping -n -q -c 5000 -i 0.002 -s 1000 10.9.0.2 >ping.out 2>&1 || :
	[ "$(requests OutEchos)" = 5000 ] || fail "$(cat ping.out)"
	wait_until is_answered 5000
	has_status Seccomp 2 || fail "the filter is not there"
	! is_gone "$child" || fail "the child has gone"
	kill -s INT "$parent"
	ends 0
	grep -q '^p0: 50[0-9][0-9] read, 5000 written, 0 dropped$' \
	    sample.err || fail "the child has not counted 5000 answers"
}

test_nothing_left()
{
	start
	has_status NoNewPrivs 1 || fail "it may get new privileges"
	for set in CapInh CapPrm CapEff CapAmb; do
		has_status $set 0000000000000000 || fail "it has $set"
	done
	[ "$(readlink "/proc/$child/ns/net")" != \
	    "$(readlink /proc/self/ns/net)" ] ||
	    fail "it is in this network namespace"
	ls -l "/proc/$child/fd" >fds
	# Pipes are libevent's, for signals and threads.
	[ "$(grep -c 'net/tun' fds)" = 1 ] &&
	    [ "$(grep -c 'socket:' fds)" = 1 ] &&
	    ! grep -v '^total\| [012] -> \| [3-9] -> pipe' fds |
		grep -v 'net/tun\|socket:\|eventpoll\|eventfd' ||
	    fail "it has $(cat fds)"
	kill -s TERM "$parent"
	ends 0
}

# In a user namespace there is no other one, and that is said.
test_user()
{
	start
	if grep -q 'cannot become user' sample.err; then
		kill -s INT "$parent"
		ends 0
		skip_me "there is no other user in this namespace"
	fi
	id=$(id -u nobody)
	has_status Uid "$id	$id	$id	$id" || fail "it is not nobody"
	id=$(id -g nobody)
	has_status Gid "$id	$id	$id	$id" || fail "not its group"
	has_status Groups ' *' || fail "it is in other groups"
	kill -s INT "$parent"
	ends 0
}

test_killed()
{
	start
	kill -s SYS "$child"
	ends 1
	grep -q "process $child was killed: .* that its filter forbids" \
	    sample.err || fail "it does not say why"
}

test_parent_killed()
{
	start
	kill -s KILL "$parent"
	ends 137
}

test_deleted()
{
	start
	ip link delete p0
	ends 1
	grep -q deleted sample.err || fail "it does not say why"
	! grep -q 'was killed' sample.err || fail "it was killed"
}

# What cannot be made leaves no process behind.
test_no_interface()
{
	"$privsep" p0 10.9.0.1 2>sample.err &
	parent=$!
	wait_until is_gone "$parent"
	child=$parent
	ends 1
	grep -q 'a prefix length' sample.err || fail "it does not say why"
}

run_inside()
{
	parent=
	child=
	trap 'kill -KILL $parent $child 2>/dev/null || :' EXIT
	set -e
	cd "$2"
	# What a sanitizer does at the end is not on the list.
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	ASAN_OPTIONS=$ASAN_OPTIONS:use_sigaltstack=0
	export ASAN_OPTIONS
	ip link set lo up
	for all in default all; do
		echo 1 >/proc/sys/net/ipv6/conf/$all/disable_ipv6 || :
	done 2>/dev/null
	"test_$1"
}

if [ "$1" = --inside ]; then
	run_inside "$2" "$3"
	exit 0
fi

# ---- outside ----

# shellcheck source=tests/tap.sh
. "${top_srcdir:-.}/tests/tap.sh"

# shellcheck disable=SC2154 # $tmp is from tap.sh
# in_namespace TEST WHAT
in_namespace()
{
	mkdir "$tmp/$1"
	status=0
	# shellcheck disable=SC2086 # nothing, or an option
	said=$(unshare $map -n sh "$0" --inside "$1" "$tmp/$1" 2>&1) ||
	    status=$?
	case $status in
	0) result ok "$2" ;;
	77) skip "$2" "$said" ;;
	*) result "not ok" "$2" "$said" ;;
	esac
}

# each DO: every test and what it shows
each()
{
	"$1" traffic "privsep: ten seconds of pings, and none is lost"
	"$1" nothing_left "privsep: the child has nothing but the device"
	"$1" user "privsep: the child is another user"
	"$1" killed "privsep: a child that is killed is told of"
	"$1" parent_killed "privsep: without the parent the child ends"
	"$1" deleted "privsep: a deleted device ends it"
	"$1" no_interface "privsep: without an interface it ends"
}

skip_one()
{
	skip "$2" "$why"
}

# Why there can be no device, or nothing; sets $map.
find_why()
{
	map=
	why=
	[ "$(id -u)" = 0 ] || map=-r
	# shellcheck disable=SC2086 # nothing, or an option
	if [ ! -x "$privsep" ]; then
		why="the sample was not built"
	elif ! have ip ping unshare; then
		why="no ip, ping or unshare"
	elif ! unshare $map -n true 2>/dev/null; then
		why="cannot make a network namespace"
	elif ! unshare $map -n ip tuntap add t0 mode tun 2>/dev/null; then
		why="cannot make a device in a namespace"
	elif ! id nobody >/dev/null 2>&1; then
		why="there is no user nobody"
	fi
}

export top_builddir
privsep=$top_builddir/samples/privsep
find_why
if [ -z "$why" ]; then
	each in_namespace
else
	each skip_one
fi
plan
