# How costs grow: with sessions, with locks, with stored settings.  To be sourced by run.sh.
# shellcheck shell=bash

# What the guard has of a processor for each of so many things that a command has happen, beside what it
# has anyway in the same time, in microseconds.
cost_of_each() {
	local count=$1 pid before start took with
	shift
	pid=$(guard_pid)
	before=$(cpu_time "$pid")
	start=$(date +%s.%N)
	"$@"
	took=$(calculate "$(date +%s.%N) - $start")
	with=$(($(cpu_time "$pid") - before))
	before=$(cpu_time "$pid")
	sleep "$took"
	calculate "($with - ($(cpu_time "$pid") - $before)) / 1e3 / $count"
}

# Have so many sessions of "timed" end over their limit of a second, at random phases over ten.
have_ends() {
	"$work/lateness" "host=$work dbname=postgres user=timed" 1000 "$1" 10000 >"$work/ends"
}

# Change a stored setting so many times.
have_changes() {
	local i
	for ((i = 0; i < $1; i++)); do
		sql "ALTER ROLE nobody SET pg_session_guard.statement_timeout = $((3600000 + i))"
		sleep 0.1
	done
}

bench_growth() {
	local sessions locks settings
	heading "sessions, locks, stored settings"
	prepare_comparison
	for sessions in 100 500 1000 1900; do
		open_idle $sessions
		full_scans
		compare_scans "$sessions sessions" 'full scan'
		scans_between
		compare_scans "$sessions sessions" 'scan in between'
		reset_guard
		sql 'ALTER ROLE timed SET pg_session_guard.idle_session_timeout = 1000'
		guard idle_session_timeout=1h
		record "$sessions sessions" 'one end' processor us "$(cost_of_each 200 have_ends 200)"
		sql 'ALTER ROLE timed RESET ALL'
		close_idle
	done
	sql 'CREATE TABLE queue AS SELECT 1 AS id; GRANT ALL ON queue TO web'
	for locks in 100 1000 5000 20000; do
		hold_locks $locks
		in_background 'BEGIN; LOCK TABLE queue; SELECT pg_sleep(600)'
		open_sessions 1 "wait_event_type = 'Lock'" 'UPDATE queue SET id = 2;'
		scans_between
		compare_scans "$locks locks" 'scan in between'
		compare_views "$locks locks"
		sql "SELECT count(*) FROM terminate_user_sessions('web', \"timeout\" => '60 s')" >/dev/null
		close_idle
		end_background
	done
	sql 'DROP TABLE queue'
	open_idle 1000
	for settings in 0 100 1000 5000; do
		store_settings $((settings / 2))
		scans_between
		compare_scans "$settings settings" 'scan in between'
		record "$settings settings" 'one change of a setting' processor us "$(cost_of_each 50 have_changes 50)"
		remove_settings $((settings / 2))
	done
	close_idle
}

bench_core() {
	heading "decisions and deadlines, without a server"
	cmake -S "$work/src" -B "$work/core" -DCMAKE_BUILD_TYPE=Release >/dev/null
	cmake --build "$work/core" --target core_bench -j"$(nproc)" >/dev/null
	local name time unit
	while read -r name time unit; do
		record "${name#*/} sessions" "${name%/*}" processor "$unit" "$time"
	done < <("$work/core/core_bench" --benchmark_color=false 2>/dev/null | awk '/^[a-z_]+\/[0-9]+ / { print $1, $4, $5 }')
}
