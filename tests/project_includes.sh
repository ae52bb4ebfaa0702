#!/bin/sh
# Who may include whom: the layers of the library, held.
. "${top_srcdir:-.}/tests/tap.sh"
cd "$top_srcdir" || exit 99

# includes FILE...: a line "FILE HEADER" for each
includes()
{
	awk '/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
		split($0, part, /[<">]/)
		print FILENAME, part[2]
	}' "$@" /dev/null
}

# but ALLOWED: the lines whose header does not match
but()
{
	awk -v allowed="^($1)\$" '$2 !~ allowed'
}

# only DENIED: the lines whose header does
only()
{
	awk -v denied="^($1)\$" '$2 ~ denied'
}

system='config\.h|error-internal\.h|[a-z]+\.h|sys/[a-z]+\.h|linux/[a-z_]+\.h'
system="$system|arpa/inet\\.h|net/[a-z_]+\\.h|netinet/[a-z0-9]+\\.h"
system="$system|libmnl/libmnl\\.h|liburing\\.h"
loop='event2/(event|bufferevent|listener|thread)[a-z_]*\.h'

is_ok "there are includes to look at" \
    sh -c "grep -q '#include' lib/tun/*.c && grep -q '#include' lib/*/*.h"
is_empty "public headers include buffer.h, util.h, link.h and tun.h" \
    "$(includes include/evtun/*.h |
	but 'event2/(buffer|util)\.h|evtun/(link|tun)\.h')"
is_empty "lib/tun knows no event base and no packetevent" \
    "$(includes lib/tun/*.[ch] |
	only "$loop|evtun/packetevent\\.h|.*packetevent-internal\\.h")"
own='event2/(buffer|util)\.h|evtun/(config|link|linux|offload|pass|tun)\.h'
own="$own|(tun/|offload/)?[a-z]+-internal\\.h"
pure='config\.h|std[a-z]+\.h|string\.h|[a-z]+intrin\.h|arm_neon\.h'
pure="$pure|event2/(buffer|util)\\.h|evtun/offload\\.h"
is_empty "lib/offload knows no I/O" \
    "$(includes lib/offload/*.[ch] |
	but "$pure|(offload/)?[a-z]+-internal\\.h")"
is_empty "lib/tun includes the system, its own headers and public ones" \
    "$(includes lib/tun/*.[ch] | but "$system|$own")"
is_empty "netlink is in files for Linux only" \
    "$(includes lib/*.c lib/*/*.[ch] |
	only 'libmnl/.*|linux/(rt|net)[a-z_]*link\.h' |
	grep -vE '^lib/[a-z]+/((rt)?netlink-internal\.h|[a-z_]+_linux\.c) ')"
is_empty "only device.c in lib/packetevent sees a device" \
    "$(includes lib/packetevent/*.[ch] |
	only '(\.\./)?(tun/)?(tun|system|linux)-internal\.h' |
	but '(\.\./)?tun/tun-internal\.h'
	includes lib/packetevent/*.[ch] |
	only '.*tun-internal\.h' | grep -v '^lib/packetevent/device\.c ')"
is_empty "lib/packetevent knows no operating system" \
    "$(includes lib/packetevent/*.[ch] |
	only 'linux/.*|net/.*|sys/ioctl\.h|libmnl/.*')"
watch="event2/(event|util)\\.h|evtun/(monitor|tun)\\.h"
watch="$watch|monitor/monitor-internal\\.h"
watch="$watch|tun/(link|linux|netlink|system)-internal\\.h"
is_empty "lib/monitor includes the system, events, and parts of lib/tun" \
    "$(includes lib/monitor/*.[ch] | but "$system|$watch")"
is_empty "only monitor_linux.c in lib/monitor knows an operating system" \
    "$(includes lib/monitor/*.[ch] |
	only 'linux/.*|net/.*|poll\.h|libmnl/.*|tun/(link|linux|netlink)-.*' |
	grep -v '^lib/monitor/monitor_linux\.c ')"
is_empty "nobody else knows of monitors" \
    "$(includes lib/*.[ch] lib/offload/*.[ch] lib/packetevent/*.[ch] \
	lib/tun/*.[ch] | only 'evtun/monitor\.h|.*monitor-internal\.h')"
is_empty "the samples use public headers only" \
    "$(includes samples/*.[ch] | only '.*-internal\.h|config\.h')"

# These look at what no public call reaches.
inside='tests/(test_address|test_tun_faults|test_unsupported|test_ring(_gone)?'
inside="$inside|test_monitor_cache"
inside="$inside|test_(checksum|join|split|offload_kernel)[a-z_]*"
inside="$inside|rings|test_pev_ahead|test_tun_races|fuzz_[a-z]*|join_[a-z]*"
inside="$inside|random_[a-z]*|ring_line)\\.[ch]"
is_empty "the tests use public headers, but for the tests of internals" \
    "$(includes tests/*.[ch] tests/bench/*.[ch] | only '.*-internal\.h' |
	grep -vE "^$inside ")"
plan
