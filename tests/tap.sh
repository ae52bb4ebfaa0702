# TAP for tests that are shell scripts:
#
#	. "$top_srcdir/tests/tap.sh"
#	is_ok "what is shown" command arguments...
#	plan
#
# A failed test shows up as "not ok", not in the exit status, which automake
# would count as one more failure.  Each test has a directory of its own,
# $tmp, which goes when it ends.

# By hand, from anywhere: the tree is above this script, built in ./build.
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${top_builddir:=$top_srcdir/build}"
: "${CC:=cc}" "${CXX:=c++}" "${MAKE:=make}"
top_srcdir=$(cd "$top_srcdir" && pwd)
top_builddir=$(cd "$top_builddir" 2>/dev/null && pwd)

tests=0
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' HUP INT TERM

# result "ok"|"not ok" NAME [WHY]: WHY may have many lines.
result()
{
	tests=$((tests + 1))
	printf '%s %d - %s\n' "$1" "$tests" "$2"
	[ -z "${3-}" ] || printf '%s\n' "$3" | sed 's/^/# /'
}

# is_ok NAME COMMAND...: ok if it succeeds; what it says is shown if not.
is_ok()
{
	name=$1
	shift
	if said=$("$@" 2>&1); then
		result ok "$name"
	else
		result "not ok" "$name" "${said:-failed: $*}"
	fi
}

# is_empty NAME TEXT: ok if there is nothing in TEXT, which says what is wrong.
is_empty()
{
	if [ -z "$2" ]; then
		result ok "$1"
	else
		result "not ok" "$1" "$2"
	fi
}

# have COMMAND...: all of them can be run.
have()
{
	for command; do
		command -v "$command" >/dev/null 2>&1 || return 1
	done
}

# skip NAME WHY
skip()
{
	tests=$((tests + 1))
	printf 'ok %d - %s # SKIP %s\n' "$tests" "$1" "$2"
}

plan()
{
	printf '1..%d\n' "$tests"
}
