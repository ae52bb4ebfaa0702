#!/bin/sh
# Each public header compiles alone, as strict C99 and as C++.
. "${top_srcdir:-.}/tests/tap.sh"

# compiles COMPILER HEADER FLAG...: HEADER alone, and included twice
compiles()
{
	compiler=$1
	header=$2
	shift 2
	printf '#include <evtun/%s>\n#include <evtun/%s>\nint one = 1;\n' \
	    "$header" "$header" >"$tmp/alone.c"
	# shellcheck disable=SC2086 # flags, and a compiler with arguments
	$compiler "$@" -Wall -Wextra -Werror -pedantic-errors -fsyntax-only \
	    -I"$top_srcdir/include" $EVENT_CFLAGS "$tmp/alone.c"
}

for path in "$top_srcdir"/include/evtun/*.h; do
	header=${path##*/}
	is_ok "$header is C99" compiles "$CC" "$header" -x c -std=c99
	for standard in c++98 c++17; do
		if have "${CXX%% *}"; then
			is_ok "$header is $standard" \
			    compiles "$CXX" "$header" -x c++ -std=$standard
		else
			skip "$header is $standard" "no C++ compiler"
		fi
	done
done
plan
