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
	[ -n "$server_only" ] || need_packages g++ make cmake clang clang-format clang-tidy shellcheck \
		libgtest-dev libbenchmark-dev libipc-run-perl libdbd-pg-perl libpq-dev $(server_packages)
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

# Count what a suite of tests says of itself: the lines that match, the lines that do not, and what
# has passed only when it was repeated.
suite() {
	local name=$1 good=$2 bad=$3 good_count bad_count unsteady_count status
	shift 3
	"$@" >"$log/$name" 2>&1
	status=$?
	good_count=$(grep -cE "$good" "$log/$name")
	unsteady_count=$(grep -c '^unsteady' "$log/$name")
	good_count=$((good_count + unsteady_count))
	bad_count=$(($(grep -cE "$bad" "$log/$name") - unsteady_count))
	# A suite that fails without a failed test, or that runs no test at all, has failed.
	if [ $status -ne 0 ] && [ "$bad_count" -eq 0 ]; then bad_count=1; fi
	if [ "$good_count" -eq 0 ] && [ "$bad_count" -eq 0 ]; then bad_count=1; fi
	passed=$((passed + good_count))
	failed=$((failed + bad_count))
	if [ "$bad_count" -eq 0 ]; then
		echo "ok      $name ($good_count tests)"
		[ "$unsteady_count" -eq 0 ] || sed '/^unsteady/!s/^/        /' "$log/$name" | tail -n 60
	else
		echo "not ok  $name ($bad_count of $((good_count + bad_count)) tests)"
		sed 's/^/        /' "$log/$name" | tail -n 60
	fi
}

# With the sanitizers; what only optimization tells, the build of the module tells of the core.
build_unit_tests() {
	cmake -S . -B "$work/unit" -DSANITIZE=ON -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS='-O1 -g1' &&
		cmake --build "$work/unit" -j"$(nproc)"
}

# In one process: a process for each test would take minutes.
unit_tests() {
	build_unit_tests && "$work/unit/unit_tests"
}

format() {
	find src test '(' -name '*.cpp' -o -name '*.h' ')' -exec clang-format --dry-run -Werror {} +
}

shell() {
	grep -rlE '^#!/bin/(ba)?sh' .ci debian scripts test | xargs shellcheck scripts/common.sh scripts/chroots.sh
}

lint() {
	find src -name '*.cpp' -printf '%h\n' | sort -u | xargs -P "$(nproc)" -n 1 scripts/lint.sh
}

# What only computes goes on beside the tests of the server, which mostly wait.
compute_beside() {
	lint >"$log/lint.out" 2>&1
	echo $? >"$log/lint.status"
	build_unit_tests
	scripts/test-sanitized.sh --in "$work" >"$log/sanitized.out" 2>&1
	echo $? >"$log/sanitized.status"
} >"$log/beside" 2>&1

# What came of it.
result_of() {
	cat "$log/$1.out"
	return "$(cat "$log/$1.status")"
}

# Build and test in a folder beside the sources, without an installation.  The sanitized build is
# made among the sources.
make_beside() {
	mkdir -p "$work/build"
	make -C "$work/build" -f "$work/src/Makefile" "$@"
}

build() {
	make_beside -j"$(nproc)" PG_CXXFLAGS='-Wpedantic -Wshadow -Wconversion -Werror' &&
		make_beside install DESTDIR="$work/install"
}

# Does the makefile find all sources if it is called as packagers do it?
vpath() {
	mkdir -p "$work/vpath"
	make -n -C "$work/vpath" -f "$work/src/Makefile" VPATH="$work/src" all install >"$work/vpath/commands"
	grep -q -- "-c -m 644 $work/src/pg_session_guard.control" "$work/vpath/commands" &&
		[ "$(grep -c -- ' -c -o ' "$work/vpath/commands")" -eq "$(find src -name '*.cpp' | wc -l)" ]
}

installcheck() {
	# One data directory is made, and copied for each server.
	"$bindir/initdb" -D "$work/template" -A trust -N >/dev/null || return
	export INITDB_TEMPLATE=$work/template
	# They wait more than they work.  From the environment the server's makefiles would not take it.
	make_beside installcheck DESTDIR="$work/install" PROVE_FLAGS="-j$((2 * $(nproc)))" || {
		cat "$work"/build/{,output_iso/}regression.diffs 2>/dev/null
		repeat_failed "$log/installcheck" "$work/build" make_beside installcheck DESTDIR="$work/install"
	}
}

# How the tests of the server report themselves.
server_good='^(ok +[0-9]+ |test .*\.\.\. ok|test/tap/.* ok$|test/tap/.* ok +[0-9]+ ms)'
server_bad='^(not ok|test .*\.\.\. FAILED|test/tap/.*\(Wstat)'

echo "Testing against $("$PG_CONFIG" --version) in $work"
if [ -z "$server_only" ]; then
	(compute_beside) &
	renice -n 10 $! >/dev/null
fi
if check build build; then
	check symbols make_beside check-symbols
	check vpath vpath
	suite installcheck "$server_good" "$server_bad" installcheck
fi
if [ -n "$server_only" ]; then
	report
fi
wait
check layers make check-layers
check versions scripts/check-versions.sh
check shell shell
check format format
check lint result_of lint
suite sanitized "$server_good" "$server_bad" result_of sanitized
suite unit '^\[       OK \]' '^\[  FAILED  \].*\(' unit_tests

report
