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

# One short round of pgbench with the guard on or off; prints its tps.
busy_round() {
	local before start pid
	guard "mode=$1"
	pid=$(guard_pid)
	before=$(cpu_time "$pid")
	start=$(date +%s%N)
	"$bindir/pgbench" -n -S -U web -c 500 -j 2 -T 5 postgres 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*/\1/p'
	[ "$1" = off ] || calculate "100 * ($(cpu_time "$pid") - $before) / ($(date +%s%N) - $start)" >>"$work/busy.cpu"
	[ "$1" = off ] || echo >>"$work/busy.cpu"
}

bench_busy() {
	heading "pgbench -S, 500 clients, scale 10, limits of 1 s on statements, on and off in turn"
	"$bindir/pgbench" -i -q -s 10 -U web postgres >/dev/null 2>&1
	guard statement_timeout=1s
	busy_round enforce >/dev/null
	rm -f "$work/busy.cpu"
	compare_pairs '500 clients' guard 'tps on / off' 30 'busy_round enforce' 'busy_round off'
	# shellcheck disable=SC2046
	record '500 clients' guard processor '%' $(cat "$work/busy.cpu")
	"$bindir/pgbench" -i -I d -U web postgres >/dev/null 2>&1
}

# One short round of connections, on the port of a server; prints how many there are in a second.
connect_round() {
	PGPORT=$1 "$bindir/pgbench" -n -C -U web -c 4 -j 2 -T 4 -f "$work/one.sql" postgres 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

bench_connect() {
	heading "pgbench -C with the library preloaded and without, in turn"
	echo 'SELECT 1;' >"$work/one.sql"
	start_plain_server
	connect_round 5432 >/dev/null
	connect_round 5433 >/dev/null
	compare_pairs '4 clients' library 'connections with / without' 20 'connect_round 5432' 'connect_round 5433'
	"$bindir/pg_ctl" -s -D "$plain" -m immediate stop
}
