#!/bin/bash
# Run PostgreSQL's own regression tests without the guard, under a guard with generous limits, and
# under one that has much to write about but only writes.  All must end alike.
#
#   PG_CONFIG=... scripts/test-regress.sh      a server of scripts/server-from-source.sh
#
# scripts/test-matrix.sh regress makes that server.  The last line is "N passed, N failed", in tests
# of the guarded runs.
set -u
. "$(dirname "$0")/common.sh"

work=
if [ "${1:-}" = --in ]; then
	take_folder "$2"
	shift 2
fi
[ -n "$work" ] || continue_in_copy regress
find_server
suite=$(dirname "$bindir")/regress
[ -d "$suite" ] || {
	echo "$suite is not there: the server must be one of scripts/server-from-source.sh." >&2
	exit 2
}
cd "$work/src" || exit 1

limits='idle_session_timeout idle_in_transaction_session_timeout statement_timeout
	transaction_timeout maintenance_timeout session_timeout'
passed=0
failed=0

# Settings of a guard that looks as often as it can at everybody, with the same value for all limits.
guard_settings() {
	local mode=$1 value=$2 limit
	settings_for_build "$work/install" || return
	echo "shared_preload_libraries = 'pg_session_guard'"
	echo "pg_session_guard.mode = '$mode'"
	echo "pg_session_guard.naptime = '100ms'"
	echo "pg_session_guard.exempt_superusers = off"
	for limit in $limits; do
		[ "$limit" = session_timeout ] && [ "$value" = 100ms ] && value=1s
		echo "pg_session_guard.$limit = '$value'"
	done
}

# Run the suite with the settings in $work/NAME.conf.
regress() {
	local name=$1 dir=$work/$1
	mkdir -p "$dir"
	echo "log_line_prefix = '%m [%p] '" >>"$work/$name.conf"
	env LC_ALL=C "$("$PG_CONFIG" --pkglibdir)/pgxs/src/test/regress/pg_regress" --bindir="$bindir" \
		--temp-instance="$dir/instance" --temp-config="$work/$name.conf" \
		--inputdir="$suite" --outputdir="$dir" --dlpath="$suite" --no-locale --encoding=UTF8 \
		--max-concurrent-tests=20 --schedule="$suite/parallel_schedule" >"$dir/out" 2>&1
}

good='^(ok +[0-9]+ |(test| ) .*\.\.\. ok)'
failed_tests() {
	sed -nE -e 's/^(not ok +[0-9]+ +[-+] )([^ ]+).*/\2/p' \
		-e 's/^(test| ) +([^ ]+) +\.\.\. FAILED.*/\2/p' "$work/$1/out" | sort
}

# Compare a run under the guard with the one without.
compare() {
	local name=$1 lines=$2 count worse
	count=$(grep -cE "$good" "$work/$name/out")
	worse=$(comm -13 <(failed_tests without) <(failed_tests "$name"))
	if [ "$count" -eq 0 ] || [ "$count" -ne "$(grep -cE "$good" "$work/without/out")" ] ||
		[ -n "$worse" ] || grep -qE 'TRAP:|PANIC' "$work/$name/log/postmaster.log"; then
		echo "not ok  $name: ${worse:-it did not run as far as without the guard}"
		{ grep -E -B 2 -A 20 'TRAP:|PANIC' "$work/$name/log/postmaster.log"
			cat "$work/$name/regression.diffs"
			tail -n 5 "$work/$name/out"; } 2>/dev/null | head -n 100 | sed 's/^/        /'
		failed=$((failed + 1 + $(wc -w <<<"$worse")))
	# The guard must have been there, and at work if it had something to say.
	elif ! "$lines" "$work/$name/log/postmaster.log"; then
		echo "not ok  $name: the guard has not written what it should"
		failed=$((failed + 1))
	else
		echo "ok      $name ($count tests)"
	fi
	passed=$((passed + count))
}

writes_nothing() {
	grep -q 'pg_session_guard' "$1" && ! grep -qE 'LOG:  (would )?(cancel|terminat)' "$1"
}

writes_much() {
	[ "$(grep -cE 'LOG:  would (cancel|terminate) session' "$1")" -ge 20 ]
}

echo "Testing against $("$PG_CONFIG" --version) in $work"
if ! { make -s -j"$(nproc)" && make -s install DESTDIR="$work/install"; } >"$work/build.log" 2>&1; then
	tail -n 20 "$work/build.log" | sed 's/^/    /'
	echo "0 passed, 1 failed"
	exit 1
fi
: >"$work/without.conf"
guard_settings enforce 1h >"$work/generous.conf" && guard_settings log 100ms >"$work/log.conf" || exit 1
for name in without generous log; do
	regress "$name"
done
echo "        without the guard: $(grep -cE "$good" "$work/without/out") passed," \
	"failed: $(failed_tests without | tr '\n' ' ')"
compare generous writes_nothing
compare log writes_much

report
