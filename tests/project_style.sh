#!/bin/sh
# The layout that no compiler looks at.
. "${top_srcdir:-.}/tests/tap.sh"
cd "$top_srcdir" || exit 99

code=$(find include lib samples tests -name '*.[ch]')
scripts=$(find samples tests -name '*.sh')
build='configure.ac Makefile.am tests/tests.am tests/bench/bench.am'

# shellcheck disable=SC2086 # lists of files throughout
look()
{
	program=$1
	shift
	LC_ALL=C awk "$program" "$@"
}

# shellcheck disable=SC2016,SC2086 # the dollars are awk's; lists of files
{
	is_ok "there is code to look at" test -n "$code"

	wide='{
		line = $0
		width = 0
		while ((at = index(line, "\t")) > 0) {
			width = int((width + at - 1) / 8) * 8 + 8
			line = substr(line, at + 1)
		}
		if (width + length(line) > 79)
			print FILENAME ":" FNR ": " width + length(line)
	}'
	is_empty "no line is wider than 79 columns" \
	    "$(look "$wide" $code $scripts $build README)"

	is_empty "no line ends in blanks" \
	    "$(look '/[ \t]$/ { print FILENAME ":" FNR }' \
		$code $scripts $build README)"

	is_empty "every byte of the code is ASCII" \
	    "$(LC_ALL=C grep -n '[^ -~	]' $code $scripts $build)"

	long='
	FNR == 1 { start = 0 }
	/^\{/ { start = FNR }
	/^\}/ {
		if (start && FNR - start > 60)
			print FILENAME ":" start ": " FNR - start " lines"
		start = 0
	}'
	is_empty "no function is longer than 60 lines" \
	    "$(look "$long" $code)"

	is_empty "no file in lib has more than 500 lines" \
	    "$(find lib -name '*.[ch]' -exec wc -l {} + |
		awk '$2 != "total" && $1 > 500 { print $2 ": " $1 }')"

	marks='TO''DO|FIX''ME|XX''X|HA''CK'
	is_empty "no marks are left over" \
	    "$(LC_ALL=C grep -nwE "$marks" $code $scripts $build README)"

	is_empty "comments are /* */" "$(LC_ALL=C grep -nE \
	    '^[[:space:]]*//|;[[:space:]]*//' $code)"

	is_empty "no struct has a typedef" \
	    "$(grep -nE '^[[:space:]]*typedef[[:space:]]+struct' $code)"
}
plan
