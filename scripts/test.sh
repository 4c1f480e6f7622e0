#!/bin/bash
# Build everything and run every test, in a copy of the tree.
#
#   scripts/test.sh                  all of it
#   scripts/test.sh --server-only    only what depends on the server; installs nothing
#   PG_CONFIG=... scripts/test.sh    against another server
#
# Installs the packages it needs if it may.  The last line is "N passed, N failed".
set -u
. "$(dirname "$0")/common.sh"

work=
server_only=
while [ $# -gt 0 ]; do
	case $1 in
		--in) take_folder "$2"; shift ;;
		--server-only) server_only=1 ;;
		*) echo "usage: $0 [--server-only]" >&2; exit 2 ;;
	esac
	shift
done

if [ -z "$work" ]; then
	# shellcheck disable=SC2046
	[ -n "$server_only" ] || need_packages g++ make cmake clang-format clang-tidy libgtest-dev \
		libbenchmark-dev libipc-run-perl libdbd-pg-perl libpq-dev $(server_packages)
	find_server
	continue_in_copy test ${server_only:+--server-only}
fi
find_server
cd "$work/src" || exit 1

passed=0
failed=0
log=$work/log
mkdir -p "$log"

# Count one check, and show what it wrote if it failed.
check() {
	local name=$1
	shift
	if "$@" >"$log/$name" 2>&1; then
		echo "ok      $name"
		passed=$((passed + 1))
	else
		echo "not ok  $name"
		sed 's/^/        /' "$log/$name" | tail -n 60
		failed=$((failed + 1))
		return 1
	fi
}

# Count what a suite of tests says of itself: the lines that match, the lines that do not.
suite() {
	local name=$1 good=$2 bad=$3 good_count bad_count status
	shift 3
	"$@" >"$log/$name" 2>&1
	status=$?
	good_count=$(grep -cE "$good" "$log/$name")
	bad_count=$(grep -cE "$bad" "$log/$name")
	# A suite that fails without a failed test, or that runs no test at all, has failed.
	if [ $status -ne 0 ] && [ "$bad_count" -eq 0 ]; then bad_count=1; fi
	if [ "$good_count" -eq 0 ] && [ "$bad_count" -eq 0 ]; then bad_count=1; fi
	passed=$((passed + good_count))
	failed=$((failed + bad_count))
	if [ "$bad_count" -eq 0 ]; then
		echo "ok      $name ($good_count tests)"
	else
		echo "not ok  $name ($bad_count of $((good_count + bad_count)) tests)"
		sed 's/^/        /' "$log/$name" | tail -n 60
	fi
}

build_unit_tests() {
	local dir=$work/$1
	shift
	cmake -S . -B "$dir" -DCMAKE_BUILD_TYPE=RelWithDebInfo "$@" &&
		cmake --build "$dir" -j"$(nproc)"
}

unit_tests() {
	build_unit_tests "$@" && ctest --test-dir "$work/$1" --output-on-failure -j"$(nproc)"
}

# In one process: a process for each would take minutes with the sanitizers.
sanitized_unit_tests() {
	build_unit_tests unit-sanitized -DSANITIZE=ON && "$work/unit-sanitized/unit_tests"
}

format() {
	find src test -name '*.cpp' -o -name '*.h' | xargs clang-format --dry-run -Werror
}

# The analyzer follows so many states of a function at most: ten times as many, its default, would
# take three times as long.
lint() {
	find src -name '*.cpp' |
		include=$("$PG_CONFIG" --includedir-server) xargs -P "$(nproc)" -n 4 sh -c '
			clang-tidy --quiet --warnings-as-errors="*" "$@" -- -std=c++20 -fno-exceptions \
				-fno-rtti -Isrc -DEXTENSION_VERSION="\"0\"" -isystem "$include" \
				-Xclang -analyzer-config -Xclang max-nodes=20000' sh
}

# What only computes goes on beside the tests of the server, which mostly wait.
compute_beside() {
	lint >"$log/lint.out" 2>&1
	echo $? >"$log/lint.status"
	build_unit_tests unit
	build_unit_tests unit-sanitized -DSANITIZE=ON
	scripts/test-sanitized.sh --in "$work" >"$log/sanitized.out" 2>&1
	echo $? >"$log/sanitized.status"
} >"$log/beside" 2>&1

# What came of it.
result_of() {
	cat "$log/$1.out"
	return "$(cat "$log/$1.status")"
}

build() {
	make -j"$(nproc)" PG_CXXFLAGS='-Wpedantic -Wshadow -Wconversion -Werror' &&
		make install DESTDIR="$work/install"
}

installcheck() {
	settings_for_build "$work/install" >"$work/temp_config" || return
	export TEMP_CONFIG=$work/temp_config
	# One data directory is made, and copied for each server.
	"$bindir/initdb" -D "$work/template" -A trust -N >/dev/null || return
	export INITDB_TEMPLATE=$work/template
	# They wait more than they work.  From the environment the server's makefiles would not take it.
	make installcheck PROVE_FLAGS="-j$((2 * $(nproc)))" || {
		cat regression.diffs output_iso/regression.diffs 2>/dev/null
		return 1
	}
}

# How the tests of the server report themselves.
server_good='^(ok +[0-9]+ |test .*\.\.\. ok|test/tap/.* ok$|test/tap/.* ok +[0-9]+ ms)'
server_bad='^(not ok|test .*\.\.\. FAILED|test/tap/.*\.\. (Dubious|Failed|No subtests))'

# Clean up if all went well, print the last line, and end.
report() {
	if [ $failed -eq 0 ]; then
		remove_folder
	else
		echo "What was built and logged is kept in $work"
	fi
	echo "$passed passed, $failed failed"
	[ $failed -eq 0 ]
	exit
}

echo "Testing against $("$PG_CONFIG" --version) in $work"
if [ -z "$server_only" ]; then
	(compute_beside) &
	renice -n 10 $! >/dev/null
fi
if check build build; then
	check symbols make check-symbols
	check layers make check-layers
	suite installcheck "$server_good" "$server_bad" installcheck
fi
if [ -n "$server_only" ]; then
	report
fi
wait
check format format
check lint result_of lint
ctest_good='Passed +[0-9.]+ sec$'
ctest_bad='\*\*\*(Failed|Exception|Timeout|Not Run)'
suite sanitized "$server_good" "$server_bad" result_of sanitized
suite unit "$ctest_good" "$ctest_bad" unit_tests unit
suite unit-sanitized '^\[       OK \]' '^\[  FAILED  \].*\(' sanitized_unit_tests

report
