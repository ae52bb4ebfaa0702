#!/bin/sh
# The samples, run for real: each test in a network namespace of its own.
#
# This script runs itself in there: "test_samples.sh --inside TEST DIRECTORY"
# is one test, which says why it failed.

# ---- inside: what the tests have in common ----

dump=${top_builddir:=build}/samples/dump
ping_sample=$top_builddir/samples/ping
bridge=$top_builddir/samples/bridge
vpn=$top_builddir/samples/vpn
multiqueue=$top_builddir/samples/multiqueue

fail()
{
	printf '%s\n' "$*"
	for log in ./*.err; do
		[ ! -s "$log" ] || sed "s|^|$log: |" "$log"
	done
	exit 1
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

# start NAME COMMAND...: in the background, to NAME.out and NAME.err.
start()
{
	start_name=$1
	shift
	"$@" >"$start_name.out" 2>"$start_name.err" &
	pid=$!
	pids="$pid $pids"
}

# has_ended PID STATUS: wait for it, which must not take for ever.
has_ended()
{
	wait_until is_gone "$1"
	status=0
	wait "$1" || status=$?
	[ $status = "$2" ] || fail "exit status $status, not $2"
}

# A child that has ended is there until it is waited for.
is_gone()
{
	case $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null) in
	''|Z*) return 0 ;;
	*) return 1 ;;
	esac
}

is_up()
{
	[ -n "$(ip -o link show up dev "$1")" ]
}

# start_device NAME INTERFACE COMMAND...: until the interface is up.
start_device()
{
	device=$2
	device_name=$1
	shift 2
	start "$device_name" "$@"
	wait_until is_up_or_gone "$device" "$pid"
	is_up "$device" || fail "$device is not up"
}

is_up_or_gone()
{
	is_up "$1" || is_gone "$2"
}

# same FILE [PREFIX]: what is in it is what comes in, with the prefix before
# each line; times and ids differ.
same()
{
	sed "s|^|${2-}|" >expected
	time='[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]\{6\}'
	sed "s/^$time /TIME /; s/ id [0-9]*,/ id N,/" "$1" >seen
	diff expected seen || fail "$1 is not as expected"
}

# pings COUNT ADDRESS [ARGUMENT...]: all are answered.
pings()
{
	count=$1
	address=$2
	shift 2
	ping -n -c "$count" -i 0.1 -W 10 "$@" "$address" >ping.out 2>&1 ||
	    fail "$(cat ping.out)"
	grep -q " $count received" ping.out || fail "$(cat ping.out)"
}

# asks COUNT ADDRESS: nobody answers, and nobody waits for it.
asks()
{
	ping -n -c "$1" -i 0.1 -W 0.1 "$2" >ping.out 2>&1 || :
}

# new_namespace: one inside this one, as the process $ns.
new_namespace()
{
	unshare -n sleep 1000 &
	ns=$!
	pids="$ns $pids"
	wait_until differs "$ns"
	there ip link set lo up
}

differs()
{
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/$$/ns/net)" ] &&
	    [ "$(readlink "/proc/$1/exe")" != "$(readlink /proc/$$/exe)" ]
}

# there COMMAND...: run it in the namespace $ns
there()
{
	nsenter -t "$ns" -n "$@"
}

# ---- inside: the dumper ----

test_lines()
{
	start_device dump t0 "$dump" -i t0 -a 10.9.0.1/24 -c 3
	asks 3 10.9.0.2
	has_ended "$pid" 0
	same dump.out 'TIME IP 10.9.0.1 > ' <<-END
	10.9.0.2: ICMP echo request, id N, seq 1, length 64
	10.9.0.2: ICMP echo request, id N, seq 2, length 64
	10.9.0.2: ICMP echo request, id N, seq 3, length 64
	END
	same dump.err <<-END
	dump: listening on t0
	3 packets captured
	0 packets filtered out
	0 packets dropped: too large
	0 packets dropped: malformed
	0 packets dropped by the kernel
	END
}

test_ipv6_and_filter()
{
	ipv6_on
	start_device dump t0 "$dump" -i t0 -a fd00:9::1/64 -c 2 \
	    icmp6 and 'ip6[40]' = 128
	asks 2 fd00:9::2
	has_ended "$pid" 0
	same dump.out 'TIME IP6 fd00:9::1 > ' <<-END
	fd00:9::2: ICMP6, echo request, id N, seq 1, length 64
	fd00:9::2: ICMP6, echo request, id N, seq 2, length 64
	END
}

test_filter()
{
	start_device dump t0 "$dump" -i t0 -a 10.9.0.1/24 -c 1 dst 10.9.0.3
	asks 2 10.9.0.2
	asks 1 10.9.0.3
	has_ended "$pid" 0
	same dump.out 'TIME IP 10.9.0.1 > ' <<-END
	10.9.0.3: ICMP echo request, id N, seq 1, length 64
	END
	grep -qx '1 packet captured' dump.err || fail "not one captured"
	grep -qx '2 packets filtered out' dump.err || fail "not two left out"
}

test_tap()
{
	start_device dump t0 "$dump" -t -e -i t0 -a 10.9.0.1/24 -c 1
	mac=$(ip -o link show dev t0 | sed 's/.*ether \([0-9a-f:]*\).*/\1/')
	asks 1 10.9.0.2
	has_ended "$pid" 0
	same dump.out "TIME $mac > ff:ff:ff:ff:ff:ff, ethertype ARP " <<-END
	(0x0806), length 42: Request who-has 10.9.0.2 tell 10.9.0.1, length 28
	END
}

# SIGNAL: ends it, with totals, and 0.
ends_on()
{
	start_device dump t0 "$dump" -i t0 -a 10.9.0.1/24
	asks 1 10.9.0.2
	wait_until grep -q 'seq 1' dump.out
	kill -s "$1" "$pid"
	has_ended "$pid" 0
	grep -qx '1 packet captured' dump.err || fail "no totals"
	! is_up t0 2>/dev/null || fail "the device is still there"
}

test_sigint()
{
	ends_on INT
}

test_sigterm()
{
	ends_on TERM
}

# More than the device holds, while the dumper stands still: what it sees and
# what the kernel says was dropped are what was sent.
test_drops()
{
	start_device dump t0 "$dump" -i t0 -a 10.9.0.1/24
	ip link set t0 txqueuelen 10
	kill -s STOP "$pid"
	asks 1 10.9.0.2
	ping -n -q -c 30 -i 0.01 -W 0.1 10.9.0.2 >/dev/null 2>&1 || :
	kill -s CONT "$pid"
	wait_until grep -q 'seq 9' dump.out
	kill -s INT "$pid"
	has_ended "$pid" 0
	seen=$(sed -n 's/ packets captured//p' dump.err)
	dropped=$(sed -n 's/ packets dropped by the kernel//p' dump.err)
	[ "$dropped" -gt 0 ] || fail "nothing was dropped"
	[ $((seen + dropped)) = 31 ] ||
	    fail "$seen seen, $dropped dropped, 31 sent"
}

test_deleted()
{
	start_device dump t0 "$dump" -i t0 -a 10.9.0.1/24
	ip link delete t0
	has_ended "$pid" 1
	grep -q '^dump: t0: .*deleted' dump.err || fail "it does not say why"
}

# says FILE TEXT...: each is in it
says()
{
	file=$1
	shift
	for text; do
		grep -qF "$text" "$file" || fail "no $text: $(cat "$file")"
	done
}

test_settings()
{
	start dump "$dump" -i 'vpn%d' -m 1400 --no-up -a 10.9.0.1/24 \
	    -a 10.8.0.1/32,10.8.0.2
	wait_until grep -q 'listening on vpn0' dump.err
	! is_up vpn0 || fail "it is up, in spite of --no-up"
	ip -j -d link show dev vpn0 >link.json
	ip -j addr show dev vpn0 >addr.json
	says link.json '"mtu":1400' '"info_kind":"tun"' '"type":"tun"' \
	    '"pi":false' '"vnet_hdr":false' '"multi_queue":false' \
	    '"persist":false'
	says addr.json '"local":"10.9.0.1","prefixlen":24,' \
	    '"broadcast":"10.9.0.255"' \
	    '"local":"10.8.0.1","address":"10.8.0.2","prefixlen":32,'
	kill -s INT "$pid"
	has_ended "$pid" 0
}

# A descriptor of the device is all that this dumper gets.
test_inherited()
{
	start_device dump t0 "$top_builddir/tests/inherit" t0 \
	    "$dump" -u -a 10.9.0.1/24 -c 1 -F
	asks 1 10.9.0.2
	has_ended "$pid" 0
	same dump.out 'TIME IP 10.9.0.1 > ' <<-END
	10.9.0.2: ICMP echo request, id N, seq 1, length 64
	END
	start dump "$dump" -F 3 3<>/dev/net/tun
	has_ended "$pid" 1
	[ "$(wc -l <dump.err)" = 1 ] || fail "not one line of error"
}

# The reader gets each packet while the dumper runs, and nothing else.
test_savefile_in_pipe()
{
	need_tcpdump
	mkfifo pipe
	start reader tcpdump -n -l -r pipe
	reader=$pid
	exec 3>pipe
	start_device dump t0 sh -c 'exec "$@" >&3' sh \
	    "$dump" -i t0 -a 10.9.0.1/24 -w -
	exec 3>&-
	for last in 2 3; do
		asks 1 10.9.0.$last
		wait_until grep -q "10.9.0.$last: ICMP" reader.out
	done
	kill -s INT "$pid"
	has_ended "$pid" 0
	has_ended "$reader" 0
	same reader.out 'TIME IP 10.9.0.1 > ' <<-END
	10.9.0.2: ICMP echo request, id N, seq 1, length 64
	10.9.0.3: ICMP echo request, id N, seq 1, length 64
	END
}

lines_are()
{
	[ "$(wc -l <"$2")" = "$1" ]
}

# make_savefile [-t]: three pings to nobody, or three of ARP's questions.
make_savefile()
{
	start_device dump t0 "$dump" ${1:+"$1"} -i t0 -a 10.9.0.1/24 -c 3 \
	    -w saved.pcap --print
	asks 3 10.9.0.2
	has_ended "$pid" 0
	lines_are 3 dump.out || fail "not three lines"
}

# compare_savefile ""|-t [OPTION...]: what is read from the savefile is what
# was printed when the packets came, and what tcpdump prints, byte for byte.
compare_savefile()
{
	need_tcpdump
	make_savefile "$1"
	shift
	"$dump" -r - <saved.pcap >again.out
	diff dump.out again.out || fail "dump -r -"
	"$dump" -r saved.pcap -w copy.pcap
	cmp saved.pcap copy.pcap || fail "dump -r -w"
	"$dump" -c 1 -r saved.pcap arp or 'icmp[6:2] > 1' >again.out
	lines_are 1 again.out || fail "dump -c 1 -r"
	for options in '' -xx -X "$@"; do
		# shellcheck disable=SC2086 # options
		"$dump" $options -r saved.pcap >ours.out
		# shellcheck disable=SC2086 # options
		tcpdump -n $options -r saved.pcap >theirs.out 2>tcpdump.err ||
		    fail "tcpdump fails"
		diff ours.out theirs.out || fail "tcpdump $options differs"
	done
	! grep -v '^reading from file' tcpdump.err || fail "tcpdump complains"
}

test_savefile_tun()
{
	compare_savefile ''
}

test_savefile_tap()
{
	compare_savefile -t -e '-e -XX'
}

test_savefile_tshark()
{
	need tshark
	make_savefile
	tshark -n -r saved.pcap -T fields -e icmp.seq >tshark.out \
	    2>tshark.txt || fail "$(cat tshark.txt)"
	same tshark.out <<-END
	1
	2
	3
	END
	! grep -v '^Running as user' tshark.txt || fail "tshark complains"
}

# Who reads one line and goes: no complaint, and no totals for nobody.
test_broken_pipe()
{
	start_device dump t0 sh -c '{ "$@"; echo $? >status; } | head -n 1' \
	    sh "$dump" -i t0 -a 10.9.0.1/24
	start ping ping -n -i 0.1 10.9.0.2
	wait_until test -s status
	[ "$(cat status)" = 0 ] || fail "exit status $(cat status)"
	same dump.err <<-END
	dump: listening on t0
	END
}

# ---- inside: the other samples ----

ipv6_on()
{
	for all in default all; do
		echo 0 >/proc/sys/net/ipv6/conf/$all/disable_ipv6 ||
		    skip_me "IPv6 cannot be switched on"
		# Addresses are of use at once.
		echo 0 >/proc/sys/net/ipv6/conf/$all/accept_dad
		echo 0 >/proc/sys/net/ipv6/conf/$all/router_solicitations
	done
}

answers()
{
	ipv6_on
	start_device sample p0 "$ping_sample" "$@" p0 10.9.0.1/24 fd00:9::1/64
	pings 2 10.9.0.2
	pings 2 10.9.0.77 -s 1400
	pings 2 10.9.0.78 -s 0
	pings 2 fd00:9::2
	pings 2 fd00:9::77 -s 1400
	pings 2 fd00:9::77 -s 7
	kill -s INT "$pid"
	has_ended "$pid" 0
	grep -q '^p0: .* 0 dropped$' sample.err || fail "no count"
}

test_ping_tun()
{
	answers
}

test_ping_tap()
{
	answers -t
}

test_ping_deleted()
{
	start_device sample p0 "$ping_sample" p0 10.9.0.1/24
	ip link delete p0
	has_ended "$pid" 1
	grep -q deleted sample.err || fail "it does not say why"
}

bridges()
{
	new_namespace
	start_device sample east "$bridge" "$@" west east
	wait_until is_up east
	bridge_pid=$pid
	ip link set east netns "$ns"
	ip addr add 10.9.0.1/24 dev west
	there ip addr add 10.9.0.2/24 dev east
	there ip link set east up
	pings 3 10.9.0.2
	pings 3 10.9.0.2 -s 1400
	there ping -n -q -c 300 -f -W 10 10.9.0.1 >flood.out ||
	    fail "$(cat flood.out)"
	grep -q ' 300 received' flood.out || fail "$(cat flood.out)"
	kill -s TERM "$bridge_pid"
	has_ended "$bridge_pid" 0
	grep -q '^west: ' sample.err || fail "no counts"
}

test_bridge_tun()
{
	bridges
}

test_bridge_tap()
{
	bridges -t
}

test_bridge_deleted()
{
	start_device sample east "$bridge" west east
	ip link delete west
	has_ended "$pid" 1
	grep -q deleted sample.err || fail "it does not say why"
}

# Two namespaces and a cable between them, with a vpn in each.
vpns()
{
	new_namespace
	ip link add cable type veth peer name elbac netns "$ns"
	ip addr add 10.7.0.1/24 dev cable
	ip link set cable up
	there ip addr add 10.7.0.2/24 dev elbac
	there ip link set elbac up
	start_device server v0 "$vpn" "$@" v0 10.9.0.1/24 \
	    listen 10.7.0.1:5000
	server=$pid
	wait_until listens
	start client nsenter -t "$ns" -n "$vpn" "$@" v0 10.9.0.2/24 \
	    connect 10.7.0.1:5000
	client=$pid
	wait_until grep -q connected client.err
	wait_until grep -q connected server.err
}

# Port 5000 is 1388.
listens()
{
	grep -qi ':1388 00000000:0000 0A' /proc/net/tcp
}

pings_vpn()
{
	vpns "$@"
	pings 3 10.9.0.2
	pings 3 10.9.0.2 -s 1400
	there ping -n -q -c 300 -f -W 10 10.9.0.1 >flood.out ||
	    fail "$(cat flood.out)"
	grep -q ' 300 received' flood.out || fail "$(cat flood.out)"
	kill -s INT "$client"
	has_ended "$client" 0
	has_ended "$server" 1
	grep -q 'has closed' server.err || fail "it does not say why"
}

test_vpn_tun()
{
	pings_vpn
}

test_vpn_tap()
{
	pings_vpn -t
}

# The other end stands still, and TCP holds little: packets are left in the
# device, and none that was taken out of it is lost.
test_vpn_lossless()
{
	echo '4096 8192 8192' >/proc/sys/net/ipv4/tcp_wmem
	vpns
	kill -s STOP "$client"
	ping -n -q -c 400 -i 0.002 -s 1400 -W 0.1 10.9.0.2 >/dev/null 2>&1 || :
	kill -s CONT "$client"
	# What a ping's socket has no room for among the answers to all of
	# those is not lost here.
	wait_until ping -n -q -c 1 -W 1 10.9.0.2
	kill -s INT "$server"
	has_ended "$server" 0
	has_ended "$client" 1
	grep -q '^stream: .* 0 dropped' server.err || fail "packets were lost"
	sent=$(sed -n 's/^device: \([0-9]*\) read.*/\1/p' server.err)
	came=$(sed -n 's/^device: .* \([0-9]*\) written, 0 .*/\1/p' client.err)
	[ "$sent" -ge 401 ] || fail "only $sent were read"
	[ "$sent" = "$came" ] || fail "$sent were read, $came came"
}

test_vpn_refused()
{
	start client "$vpn" v0 10.9.0.2/24 connect 127.0.0.1:5000
	has_ended "$pid" 1
	grep -qi refused client.err || fail "it does not say why"
}

# Many flows: both queues get some, and together they get all.
test_multiqueue()
{
	start sample "$multiqueue" m0 10.9.0.1/24 2
	wait_until grep -q 'has 2 queues' sample.err
	for i in $(seq 2 41); do
		ping -n -c 1 -W 0.01 10.9.0."$i" >/dev/null 2>&1 || :
	done
	kill -s INT "$pid"
	has_ended "$pid" 0
	awk '/^queue/ { sum += $3; if ($3 == 0) empty = 1 }
	    END { exit empty || sum != 40 }' sample.out ||
	    fail "$(cat sample.out)"
}

test_multiqueue_deleted()
{
	start sample "$multiqueue" m0 10.9.0.1/24 2
	wait_until grep -q 'has 2 queues' sample.err
	ip link delete m0
	has_ended "$pid" 1
	grep -q deleted sample.err || fail "it does not say why"
}

# ---- inside: the frame ----

skip_me()
{
	echo "$*"
	exit 77
}

need()
{
	command -v "$1" >/dev/null || skip_me "no $1"
}

# It gives up being root first, which one cannot in a user namespace.
need_tcpdump()
{
	need tcpdump
	[ "$(cat /proc/self/setgroups)" = allow ] ||
	    skip_me "tcpdump does not work in a user namespace"
}

run_inside()
{
	pids=
	trap 'kill -KILL $pids 2>/dev/null || :' EXIT
	set -e
	cd "$2"
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
# says STATUS ARGUMENT...: the dumper ends with it, after one line of why.
says()
{
	says_status=$1
	shift
	status=0
	"$dump" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
	cat "$tmp/out" "$tmp/err"
	[ "$status" = "$says_status" ] || {
		echo "exit status $status"
		return 1
	}
	[ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -s "$tmp/out" ]
}

helps()
{
	"$dump" --help >"$tmp/out" 2>"$tmp/err" && [ ! -s "$tmp/err" ] &&
	    grep -q '^usage: dump' "$tmp/out" &&
	    "$dump" --version >"$tmp/out" &&
	    grep -q '^dump of libevtun [0-9]' "$tmp/out"
}

without_device()
{
	is_ok "dump: --help and --version" helps
	is_ok "dump: unknown option" says 2 -z
	is_ok "dump: unknown long option" says 2 --zoom
	is_ok "dump: option without its argument" says 2 -i
	for number in 0 -1 x 1x '' 99999999999999999999; do
		is_ok "dump: -c '$number'" says 2 -c "$number"
	done
	is_ok "dump: -m x" says 2 -m x
	is_ok "dump: -F -1" says 2 -F -1
	is_ok "dump: bad filter expression" says 2 host and and
	is_ok "dump: filter for another kind" says 2 ether host 1:2:3:4:5:6
	is_ok "dump: -i and -F" says 2 -i t0 -F 3
	is_ok "dump: -r and -t" says 2 -t -r file
	is_ok "dump: --print and -w -" says 2 --print -w -
	is_ok "dump: savefile that is not there" says 1 -r "$tmp/none"
	is_ok "dump: savefile that is none" says 1 -r "$0"
	is_ok "dump: descriptor that is not open" says 1 -F 99
	is_ok "dump: descriptor of no device" says 1 -F 0
	is_ok "dump: name that is too long" says 1 -i abcdefghijklmnop
}

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
	"$1" lines "dump: prints the pings, and totals"
	"$1" ipv6_and_filter "dump: prints IPv6"
	"$1" filter "dump: a filter, and how many it left out"
	"$1" tap "dump: prints frames"
	"$1" sigint "dump: SIGINT ends it with totals"
	"$1" sigterm "dump: SIGTERM, too"
	"$1" drops "dump: counts what the kernel has dropped"
	"$1" deleted "dump: a deleted device ends it"
	"$1" settings "dump: name, MTU, addresses, and not up"
	"$1" inherited "dump: adopts a descriptor"
	"$1" savefile_in_pipe "dump: a savefile is read as packets come"
	"$1" savefile_tun "dump: tcpdump reads the same of a TUN device"
	"$1" savefile_tap "dump: tcpdump reads the same of a TAP device"
	"$1" savefile_tshark "dump: tshark reads it without a complaint"
	"$1" broken_pipe "dump: a reader that goes ends it, quietly"
	"$1" ping_tun "ping: answers on a TUN device"
	"$1" ping_tap "ping: answers on a TAP device"
	"$1" ping_deleted "ping: a deleted device ends it"
	"$1" bridge_tun "bridge: pings between namespaces, TUN"
	"$1" bridge_tap "bridge: pings between namespaces, TAP"
	"$1" bridge_deleted "bridge: a deleted device ends it"
	"$1" vpn_tun "vpn: pings between namespaces, TUN"
	"$1" vpn_tap "vpn: pings between namespaces, TAP"
	"$1" vpn_lossless "vpn: loses nothing that it took"
	"$1" vpn_refused "vpn: a refused connection ends it"
	"$1" multiqueue "multiqueue: counts what each queue got"
	"$1" multiqueue_deleted "multiqueue: a deleted device ends it"
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
	if ! command -v ip ping nsenter unshare >/dev/null; then
		why="no ip, ping, nsenter or unshare"
	elif ! unshare $map -n true 2>/dev/null; then
		why="cannot make a network namespace"
	elif ! unshare $map -n ip tuntap add t0 mode tun 2>/dev/null; then
		why="cannot make a device in a namespace"
	fi
}

top_builddir=$(cd "$top_builddir" && pwd)
export top_builddir
dump=$top_builddir/samples/dump
find_why
if [ ! -x "$dump" ]; then
	why="the samples were not built"
	skip "dump: the command line" "$why"
else
	without_device
fi
if [ -z "$why" ]; then
	each in_namespace
else
	each skip_one
fi
plan
