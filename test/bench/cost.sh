# What a server pays for having a guard.  To be sourced by run.sh.
# shellcheck shell=bash

bench_quiet() {
	local seconds=30 sessions=1000 guard poller wakes
	heading "$sessions idle sessions far from a limit of 1 h, $seconds s"
	start_poller
	guard idle_session_timeout=1h naptime=10s
	open_idle $sessions
	guard=$(guard_pid)
	poller=$(sql "SELECT pid FROM pg_stat_activity WHERE backend_type = 'poller'")
	# The poller is at work in these seconds too: both are small, and a processor is free for either.
	sleep 2
	wakes=$(sql 'SELECT wake_ups FROM session_guard.stats')
	local guard_time poller_time guard_sleeps
	guard_time=$(cpu_time "$guard")
	poller_time=$(cpu_time "$poller")
	guard_sleeps=$(sleeps "$guard")
	sleep $seconds
	record "$sessions sessions" guard 'processor' '%' "$(calculate "($(cpu_time "$guard") - $guard_time) / ($seconds * 1e7)")"
	record "$sessions sessions" poller 'processor' '%' "$(calculate "($(cpu_time "$poller") - $poller_time) / ($seconds * 1e7)")"
	record "$sessions sessions" guard 'sleeps ended' '/s' "$(calculate "($(sleeps "$guard") - $guard_sleeps) / $seconds")"
	record "$sessions sessions" guard 'wake-ups' '/10 s' \
		"$(calculate "10 * ($(sql 'SELECT wake_ups FROM session_guard.stats') - $wakes) / $seconds")"
	close_idle
	sql "SELECT pg_terminate_backend($poller, 5000)" >/dev/null
}

# Measure one window of a pgbench that goes on, with the guard on or off: its mean tps, by the seconds
# that lie inside.  What the guard has had of a processor while on goes to busy.cpu.
busy_window() {
	local pid before start end
	sql "ALTER SYSTEM SET pg_session_guard.mode = '$1'"
	sql 'SELECT pg_reload_conf()' >/dev/null
	sleep 0.3
	pid=$(guard_pid)
	before=$(cpu_time "$pid")
	start=$(date +%s.%N)
	sleep 5.1
	end=$(date +%s.%N)
	[ "$1" = off ] || {
		calculate "100 * ($(cpu_time "$pid") - $before) / (($end - $start) * 1e9)"
		echo
	} >>"$work/busy.cpu"
	sleep 0.2
	awk -v start="$start" -v end="$end" '$2 - 1 >= start && $2 <= end { sum += $4; n++ } END { print n ? sum / n : 0 }' \
		"$work/busy.progress"
}

# The mean of the first and last of four windows, which cancels what drifts.
busy_ratio() {
	local on off
	on=$(busy_window enforce)
	off="$(busy_window off) + $(busy_window off)"
	calculate "($on + $(busy_window enforce)) / ($off)"
	echo
}

bench_busy() {
	local seconds=1100 i client
	heading "pgbench -S, 500 clients, scale 10, limits of 1 s on statements; the guard on, off, off and on in one run"
	"$bindir/pgbench" -i -q -s 10 -U web postgres >/dev/null 2>&1
	guard statement_timeout=1s
	"$bindir/pgbench" -n -S -U web -c 500 -j 2 -T $seconds -P 1 --progress-timestamp postgres \
		>/dev/null 2>"$work/busy.progress" &
	client=$!
	until [ "$(grep -c '^progress' "$work/busy.progress")" -ge 5 ]; do sleep 0.5; done
	rm -f "$work/busy.cpu" "$work/ratios"
	for ((i = 0; i < 45; i++)); do
		busy_ratio >>"$work/ratios"
		if ((i >= 5)) && is_known "$work/ratios"; then break; fi
	done
	kill $client
	wait $client 2>/dev/null || true
	record_ratios '500 clients' guard 'tps on / off'
	# shellcheck disable=SC2046
	record '500 clients' guard processor '%' $(cat "$work/busy.cpu")
	"$bindir/pgbench" -i -I d -U web postgres >/dev/null 2>&1
}

# One short round of connections, on the port of a server; prints how many there are in a second.
connect_round() {
	PGPORT=$1 "$bindir/pgbench" -n -C -U web -c 4 -j 2 -T 1 -f "$work/one.sql" postgres 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

bench_connect() {
	heading "pgbench -C with the library preloaded and without, in turn, each on a server of its own"
	echo 'SELECT 1;' >"$work/one.sql"
	start_new_server with 5433 pg_session_guard
	start_new_server without 5434 ''
	connect_round 5433 >/dev/null
	connect_round 5434 >/dev/null
	compare_pairs '4 clients' library 'connections with / without' 150 'connect_round 5433' 'connect_round 5434'
	stop_server with
	stop_server without
}
