#!/bin/sh
# The library exports what the public headers declare, no more and no less.
. "${top_srcdir:-.}/tests/tap.sh"
: "${NM:=nm}"

# Without comments, a name before a parenthesis is a function.
declared()
{
	for header in "$top_srcdir"/include/evtun/*.h; do
		# shellcheck disable=SC2086 # flags
		$CC -E -P -I"$top_srcdir/include" $EVENT_CFLAGS "$header"
	done | grep -oE '\<(evtun|packetevent)_[a-z0-9_]+ *\(' |
	    sed 's/ *($//' | sort -u
}

# Both are run on what the linker sees; a sanitizer's or a profiler's own
# names begin with two underscores.
names()
{
	awk 'NF > 1 && $NF !~ /^(__|\.)/ && $(NF - 1) ~ /^[A-TV-Z]$/ {
		print $NF
	}' | sed 's/@.*//' | sort -u
}

declared >"$tmp/declared"
is_ok "the headers declare functions" test -s "$tmp/declared"

shared=$top_builddir/.libs/libevtun.so
if [ -e "$shared" ]; then
	# shellcheck disable=SC2086 # it comes with an argument
	$NM -D --defined-only "$shared" | names >"$tmp/exported"
	is_empty "every declared function is exported" \
	    "$(comm -23 "$tmp/declared" "$tmp/exported")"
	is_empty "nothing else is exported" \
	    "$(comm -13 "$tmp/declared" "$tmp/exported")"
else
	skip "every declared function is exported" "no shared library"
	skip "nothing else is exported" "no shared library"
fi

# In a static library internal symbols are seen too: they must not clash with
# the program's, nor look like public ones.
static=$top_builddir/.libs/libevtun.a
if [ -e "$static" ]; then
	# shellcheck disable=SC2086 # as above
	$NM -g --defined-only "$static" | names >"$tmp/global"
	is_empty "every declared function is in the static library" \
	    "$(comm -23 "$tmp/declared" "$tmp/global")"
	is_empty "other global names there end in an underscore" \
	    "$(comm -13 "$tmp/declared" "$tmp/global" | grep -v '_$')"
else
	skip "every declared function is in the static library" "there is none"
	skip "other global names there end in an underscore" "there is none"
fi
plan
