# How costs grow: with sessions, with locks, with stored settings.  To be sourced by run.sh.
# shellcheck shell=bash

# What one end costs the guard, while others are far from their limits, in microseconds of a processor.
cost_of_end() {
	local ends=100 pid before
	pid=$(guard_pid)
	before=$(cpu_time "$pid")
	"$work/lateness" "host=$work dbname=postgres user=timed" 1000 $ends >"$work/ends"
	calculate "($(cpu_time "$pid") - $before) / 1e3 / $ends"
}

# What one change of a stored setting costs the guard, in microseconds.
cost_of_change() {
	local changes=20 pid before i
	pid=$(guard_pid)
	before=$(cpu_time "$pid")
	for ((i = 0; i < changes; i++)); do
		sql "ALTER ROLE nobody SET pg_session_guard.statement_timeout = $((3600000 + i))"
		sleep 0.05
	done
	calculate "($(cpu_time "$pid") - $before) / 1e3 / $changes"
}

bench_growth() {
	local sessions locks settings ends
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
		ends=$(cost_of_end)
		record "$sessions sessions" 'one end' processor us "$ends"
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
		record "$settings settings" 'one change of a setting' processor us "$(cost_of_change)"
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
