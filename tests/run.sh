#!/bin/sh
# Run all tests: sh tests/run.sh [--no-install] [--all]
#
# Installs what is missing (--no-install: says it), builds in ./build and runs
# make check there.  The last line is the sum over all test cases; the exit
# status is 0 only if there was one and none failed.
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
# shellcheck source=tests/setup.sh
. "$top/tests/setup.sh"

setup_arguments yes "$@"
[ "$all" = no ] ||
    echo "--all: there are no cross builds yet; these are the native tests."
setup_packages "$install"
setup_configure
setup_make
echo "Running the tests; every line goes to $build/check.log ..."
setup_check "$build"
cat "$build/totals"
[ "$check_failed" = 0 ] && [ "$check_passed" != 0 ]
