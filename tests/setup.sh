# Set-up that samples/demo.sh, tests/run.sh and .ci/run share: find out which
# tools and libraries are missing, install them where that is possible, and
# build out of tree.  Plain sh; read it in with
#
#	top=...; . "$top/tests/setup.sh"
#
# $top is the source tree; what is built goes to $build, $top/build unless
# set before.  Every function ends the program with a sentence if it fails.

: "${build:=$top/build}"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH

# One line each: the Debian package, what shows that it is there (a command, a
# pkg-config module, or headers that the compiler finds), and what for.
# "show" are those that the library builds and tests without.
setup_table='
gcc		command	gcc		build
libc6-dev	header	stdio.h		build
make		command	make		build
autoconf	command	autoreconf	build
automake	command	automake	build
libtool		command	libtoolize	build
pkg-config	command	pkg-config	build
libevent-dev	module	libevent_pthreads	build
libmnl-dev	module	libmnl		build
liburing-dev	module	liburing	build
check		module	check		build
libpcap-dev	module	libpcap		build
g++		command	g++		show
iproute2	command	ip		show
iputils-ping	command	ping		show
util-linux	command	unshare		show
tcpdump		command	tcpdump		show
'

die()
{
	printf '%s\n' "$*" >&2
	exit 1
}

# setup_has KIND WHAT
setup_has()
{
	case $1 in
	command) command -v "$2" ;;
	module) pkg-config --exists "$2" ;;
	header) printf '#include <%s>\n' "$2" | gcc -E - ;;
	esac >/dev/null 2>&1
}

# setup_missing USE: the packages for USE that are not there, in one line.
setup_missing()
{
	printf '%s\n' "$setup_table" | while read -r package kind what use; do
		[ "$use" = "$1" ] || continue
		setup_has "$kind" "$what" || printf ' %s' "$package"
	done
}

# setup_as_root COMMAND...
setup_as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# setup_apt PACKAGE...: install packages, quietly unless it fails.
setup_apt()
{
	apt_log=$(mktemp) || die "cannot make a temporary file"
	setup_as_root sh -c 'DEBIAN_FRONTEND=noninteractive
		export DEBIAN_FRONTEND
		apt-get -o DPkg::Lock::Timeout=300 -q update &&
		apt-get -o DPkg::Lock::Timeout=300 -q -y install \
		    --no-install-recommends "$@"' sh "$@" \
	    >"$apt_log" 2>&1 </dev/null || {
		tail -n 20 "$apt_log" >&2
		rm -f "$apt_log"
		die "apt-get could not install: $*"
	}
	rm -f "$apt_log"
}

# setup_say_missing NEEDED ALL COMMAND: say what is missing and, with COMMAND,
# how to get it; end if the build needs some of it.
setup_say_missing()
{
	printf 'Missing:%s.\n' "$2"
	[ -z "$3" ] || printf 'To install: %s%s\n' "$3" "$2"
	[ -z "$1" ] || die "Without$1 nothing can be built here."
}

# setup_packages yes|no: see to it that what is needed is there.
setup_packages()
{
	needed=$(setup_missing build)
	all=$needed$(setup_missing show)
	[ -n "$all" ] || return 0
	how='apt-get update && apt-get install'
	if ! command -v apt-get >/dev/null 2>&1; then
		setup_say_missing "$needed" "$all (Debian's names)" ''
	elif [ "$1" = no ]; then
		setup_say_missing "$needed" "$all" "$how"
	elif [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
		echo "Installing needs root, or sudo without a password."
		setup_say_missing "$needed" "$all" "$how"
	else
		printf 'Installing Debian packages:%s\n' "$all"
		# shellcheck disable=SC2086 # a list of words
		setup_apt $all
		needed=$(setup_missing build)
		[ -z "$needed" ] || die "Installed, and not found:$needed"
	fi
}

# setup_run LOG COMMAND...: quietly, but show the end of LOG if it fails.
setup_run()
{
	run_log=$1
	shift
	"$@" >"$run_log" 2>&1 </dev/null && return 0
	tail -n 30 "$run_log" >&2
	die "This failed: $* (all of it is in $run_log)"
}

setup_jobs()
{
	nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1
}

# setup_configure [ARGUMENT...]: make configure and a Makefile if need be.
setup_configure()
{
	[ ! -e "$top/config.status" ] || die \
	    "$top is configured itself: run make distclean there first."
	mkdir -p "$build" || die "cannot make $build"
	if [ ! -e "$top/configure" ] || [ ! -e "$top/Makefile.in" ] ||
	    [ -n "$(find "$top/configure.ac" -newer "$top/configure")" ]; then
		echo "Making configure ..."
		setup_run "$build/setup.log" autoreconf -fi "$top"
	fi
	[ -e "$build/Makefile" ] && return 0
	echo "Configuring in $build ..."
	(cd "$build" && setup_run "$build/setup.log" \
	    "$top/configure" "$@") || exit 1
}

# setup_make [ARGUMENT...]
setup_make()
{
	echo "Building ..."
	setup_run "$build/setup.log" make -C "$build" -j"$(setup_jobs)" "$@"
}

# setup_arguments yes|no ARGUMENT...: what both commands understand; the first
# word says whether --all is.  Sets $install and $all.
# shellcheck disable=SC2034 # they are for the caller
setup_arguments()
{
	all_allowed=$1
	install=yes
	all=no
	shift
	for argument; do
		case $all_allowed$argument in
		*--no-install) install=no ;;
		yes--all) all=yes ;;
		*) die "usage: sh $0 [--no-install]$(
		    [ "$all_allowed" = no ] || echo ' [--all]')" ;;
		esac
	done
}

# setup_show DIRECTORY: what was skipped, and what failed and why
setup_show()
{
	[ ! -f "$1/check.log" ] || grep -E '^SKIP: ' "$1/check.log"
	find "$1" -name '*.trs' -exec \
	    grep -lE '^:test-result: (FAIL|XPASS|ERROR)' {} + |
	    while read -r trs; do
		awk '/^(FAIL|XPASS|ERROR): / { print; why = 1; next }
		    /^#/ && why { print "   " $0; next }
		    /^==[0-9]+==/ && n++ < 60 { notes = notes "\n   " $0 }
		    { why = 0 }
		    END { if (n) print "   Valgrind says:" notes }' \
		    "${trs%.trs}.log"
	done
}

# setup_check DIRECTORY [ARGUMENT...]: make check there.  Shows what failed and
# what was skipped, and adds up the test cases in $check_passed, $check_failed
# and $check_skipped; DIRECTORY/totals gets them in a line.
setup_check()
{
	check_dir=$1
	shift
	find "$check_dir" -name '*.trs' -exec rm -f {} +
	check_status=0
	# Tests wait more than they compute.
	make -k -C "$check_dir" -j"$(($(setup_jobs) * 2))" check "$@" \
	    >"$check_dir/check.log" 2>&1 </dev/null || check_status=$?
	setup_show "$check_dir"
	# That a program with a failed case exits with 1 is no more of them.
	find "$check_dir" -name '*.trs' -exec awk '
		FNR == 1 { failed = 0 }
		/^:test-result: / {
			if ($2 == "FAIL")
				failed = 1
			if ($2 != "ERROR" || !failed)
				print $2
		}' {} + >"$check_dir/totals"
	check_passed=$(grep -cE '^(PASS|XFAIL)$' "$check_dir/totals")
	check_failed=$(grep -cE '^(FAIL|XPASS|ERROR)$' "$check_dir/totals")
	check_skipped=$(grep -cE '^SKIP$' "$check_dir/totals")
	if [ "$check_status" != 0 ] && [ "$check_failed" = 0 ]; then
		echo "make check failed, though no test case did:"
		grep -E 'error: |undefined reference|\*\*\*' \
		    "$check_dir/check.log" | tail -n 30
		check_failed=1
	fi
	printf '%s passed, %s failed, %s skipped\n' "$check_passed" \
	    "$check_failed" "$check_skipped" >"$check_dir/totals"
}
