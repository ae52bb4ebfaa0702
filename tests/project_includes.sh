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
is_empty "public headers include event2/buffer.h and event2/util.h only" \
    "$(includes include/evtun/*.h | but 'event2/(buffer|util)\.h')"
is_empty "lib/tun knows no event base and no packetevent" \
    "$(includes lib/tun/*.[ch] |
	only "$loop|evtun/packetevent\\.h|.*packetevent-internal\\.h")"
own='event2/(buffer|util)\.h|evtun/(offload|tun)\.h'
own="$own|(tun/|offload/)?[a-z]+-internal\\.h"
pure='config\.h|std[a-z]+\.h|string\.h|[a-z]+intrin\.h|arm_neon\.h'
pure="$pure|event2/(buffer|util)\\.h|evtun/offload\\.h"
is_empty "lib/offload knows no I/O" \
    "$(includes lib/offload/*.[ch] |
	but "$pure|(offload/)?[a-z]+-internal\\.h")"
is_empty "lib/tun includes the system, its own headers and public ones" \
    "$(includes lib/tun/*.[ch] | but "$system|$own")"
is_empty "netlink is in link_linux.c and explain_linux.c only" \
    "$(includes lib/*.c lib/*/*.[ch] |
	only 'libmnl/.*|linux/(rt|net)[a-z_]*link\.h' |
	grep -v '^lib/tun/\(link_linux\|explain_linux\)\.c ')"
is_empty "only device.c in lib/packetevent sees a device" \
    "$(includes lib/packetevent/*.[ch] |
	only '(\.\./)?(tun/)?(tun|system|linux)-internal\.h' |
	but '(\.\./)?tun/tun-internal\.h'
	includes lib/packetevent/*.[ch] |
	only '.*tun-internal\.h' | grep -v '^lib/packetevent/device\.c ')"
is_empty "lib/packetevent knows no operating system" \
    "$(includes lib/packetevent/*.[ch] |
	only 'linux/.*|net/.*|sys/ioctl\.h|libmnl/.*')"
is_empty "the samples use public headers only" \
    "$(includes samples/*.[ch] | only '.*-internal\.h|config\.h')"

# These look at what no public call reaches.
inside='tests/(test_address|test_tun_faults|test_unsupported|test_ring(_gone)?'
inside="$inside|test_(checksum|join|split|offload_kernel)[a-z_]*"
inside="$inside|rings|test_pev_ahead|test_tun_races|fuzz_[a-z]*|join_[a-z]*"
inside="$inside|random_[a-z]*|ring_line)\\.[ch]"
is_empty "the tests use public headers, but for the tests of internals" \
    "$(includes tests/*.[ch] tests/bench/*.[ch] | only '.*-internal\.h' |
	grep -vE "^$inside ")"
plan
