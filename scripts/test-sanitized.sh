#!/bin/bash
# Build the module with AddressSanitizer and UndefinedBehaviorSanitizer, and run tests of it in the
# server as it is packaged.
#
#   scripts/test-sanitized.sh                       the regression tests, and TAP tests of functions
#   scripts/test-sanitized.sh REGRESS= PROVE_TESTS='test/tap/0*.pl'   these, as "make" takes them
#
# The server may go on as if nothing was wrong, so the reports of the sanitizers are looked for; each
# is a failed test.
set -u
. "$(dirname "$0")/common.sh"

work=
is_own_folder=
if [ "${1:-}" = --in ]; then
	take_folder "$2"
	shift 2
fi
if [ "${1:-}" = --own ]; then
	is_own_folder=1
	shift
fi
if [ -z "$work" ]; then
	# shellcheck disable=SC2046
	need_packages g++ make libipc-run-perl $(server_packages)
	find_server
	continue_in_copy sanitized --own "$@"
fi
find_server

# A copy of its own, so that it can run beside other tests of the same tree.
dir=$work/sanitized
reports=$dir/reports
copy_project "$dir/src"
cd "$dir/src" || exit 1
mkdir -p "$reports" "$dir/bin"
# Those that call the functions in every way; a limit, texts in every encoding, events.
shopt -s nullglob
[ $# -gt 0 ] || set -- PROVE_TESTS="$(echo test/tap/{012,10[248],11[01468],12[04],134,140,21[02],22,23,24[01],26}*.pl)"

build() {
	# With _FORTIFY_SOURCE functions that the sanitizers know would be called by other names.
	make -s -j"$(nproc)" \
		PG_CXXFLAGS='-fsanitize=address,undefined -fno-omit-frame-pointer -O1 -U_FORTIFY_SOURCE' &&
		make -s install DESTDIR="$dir/install" &&
		gcc -shared -fPIC -O0 -Wl,-z,initfirst -o "$dir/asan_first.so" test/tools/asan_first.c
}

# Make a folder with the server's programs, in which the server itself runs with the sanitizers,
# and nothing else does.
wrap_server() {
	local library
	library=$(ldd pg_session_guard.so | awk '/libasan|libclang_rt.asan/ { print $3 }')
	[ -n "$library" ] || return
	ln -s "$bindir"/* "$dir/bin/"
	rm "$dir/bin/postgres" "$dir/bin/pg_ctl"
	# What PostgreSQL leaves allocated at its end is no leak.
	cat >"$dir/bin/postgres" <<-SCRIPT
		#!/bin/sh
		export LD_PRELOAD="$library:$dir/asan_first.so\${LD_PRELOAD:+:\$LD_PRELOAD}"
		export ASAN_OPTIONS='log_path=$reports/asan:detect_leaks=0:detect_stack_use_after_return=1:use_sigaltstack=0'
		export UBSAN_OPTIONS='print_stacktrace=1'
		exec '$bindir/postgres' "\$@"
	SCRIPT
	cat >"$dir/bin/pg_ctl" <<-SCRIPT
		#!/bin/sh
		exec '$bindir/pg_ctl' -p '$dir/bin/postgres' "\$@"
	SCRIPT
	chmod +x "$dir/bin/postgres" "$dir/bin/pg_ctl"
	"$dir/bin/postgres" -V
}

installcheck() {
	make installcheck bindir="$dir/bin" ISOLATION= PROVE_FLAGS="-j$(nproc)" "$@"
}

run_tests() {
	settings_for_build "$dir/install" >"$dir/temp_config" || return
	export TEMP_CONFIG=$dir/temp_config
	"$bindir/initdb" -D "$dir/template" -A trust -N >/dev/null || return
	export INITDB_TEMPLATE=$dir/template
	installcheck "$@" || {
		cat regression.diffs 2>/dev/null
		return 1
	}
}

# Show what the sanitizers have found.  UBSan writes to the server's log, whatever its log_path is.
no_reports() {
	local report
	grep -rh -A 30 ': runtime error: ' tmp_check/log log >"$reports/undefined" 2>/dev/null ||
		rm "$reports/undefined"
	for report in "$reports"/*; do
		head -n 60 "$report"
		echo "not ok - a sanitizer has found something"
	done
	[ -z "$(ls "$reports")" ]
}

build && wrap_server || exit 1
run_tests "$@" >"$dir/out" 2>&1
status=$?
cat "$dir/out"
no_reports
found=$?
# Repeating removes the logs in which the reports are looked for.
if [ $found -eq 0 ] && [ $status -ne 0 ]; then
	repeat_failed "$dir/out" "$dir/src" installcheck "$@"
	status=$?
	no_reports
	found=$?
fi
if [ $found -ne 0 ] || [ $status -ne 0 ]; then
	echo "What was built and logged is kept in $dir"
	exit 1
fi
[ -z "$is_own_folder" ] || remove_folder
echo "The sanitizers have found nothing."
