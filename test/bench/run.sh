#!/bin/bash
# Benchmarks against a throw-away server, each beside what it is measured by in the same run.
#
#   test/bench/run.sh [lateness|quiet|busy|scan|functions|view|core|all]...
#
# Nothing here is a test: figures depend on the machine, ratios hardly do.
set -eu
. "$(dirname "$0")/../../scripts/common.sh"

work=
if [ "${1:-}" = --in ]; then
	take_folder "$2"
	shift 2
fi
if [ -z "$work" ]; then
	# shellcheck disable=SC2046
	need_packages g++ make cmake libgtest-dev libbenchmark-dev libpq-dev \
		$(server_packages)
	find_server
	continue_in_copy bench "$@"
fi
find_server
# Each of thousands of sessions needs a file descriptor in its client.
ulimit -n "$(ulimit -H -n)"
export PGHOST=$work PGPORT=5432 PGAPPNAME=bench
idle_clients=

cleanup() {
	[ -z "$idle_clients" ] || kill "$idle_clients" 2>/dev/null || true
	[ ! -f "$work/data/postmaster.pid" ] || "$bindir/pg_ctl" -s -D "$work/data" -m immediate stop || true
	remove_folder
}
trap cleanup EXIT

build() {
	make -s -C "$work/src" -j"$(nproc)" >/dev/null
	make -s -C "$work/src" install DESTDIR="$work/install" >/dev/null
	g++ -std=c++20 -O2 -Wall -Wextra -I"$("$PG_CONFIG" --includedir)" -I"$work/src/test" \
		"$work/src/test/bench/lateness.cpp" -o "$work/lateness" \
		-L"$("$PG_CONFIG" --libdir)" -Wl,-rpath,"$("$PG_CONFIG" --libdir)" -lpq -pthread
}

start_server() {
	"$bindir/initdb" -N -A trust -U postgres -D "$work/data" >/dev/null
	{
		settings_for_build "$work/install"
		cat <<-CONF
			listen_addresses = ''
			unix_socket_directories = '$work'
			shared_preload_libraries = 'pg_session_guard'
			max_connections = 2100
			fsync = off
			autovacuum = off
		CONF
	} >>"$work/data/postgresql.conf"
	"$bindir/pg_ctl" -s -w -D "$work/data" -l "$work/log" start
	sql 'CREATE EXTENSION pg_session_guard; CREATE ROLE web LOGIN; GRANT ALL ON SCHEMA public TO web'
	sql 'CREATE ROLE timed LOGIN'
}

sql() {
	"$bindir/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 -U postgres -d postgres -c "$1"
}

# Change settings of the guard, NAME=VALUE, and give everybody the time to take them over.
guard() {
	local setting
	for setting; do
		sql "ALTER SYSTEM SET pg_session_guard.${setting%%=*} = '${setting#*=}'"
	done
	sql 'SELECT pg_reload_conf()' >/dev/null
	sleep 0.5
}

# All limits off, everything else as it is by default.
reset_guard() {
	sql 'ALTER SYSTEM RESET ALL'
	sql 'SELECT pg_reload_conf()' >/dev/null
	sleep 0.5
}

guard_pid() {
	sql 'SELECT worker_pid FROM session_guard.stats'
}

# What a process has had of a processor so far, in nanoseconds.
cpu_time() {
	cut -d ' ' -f 1 "/proc/$1/schedstat"
}

# Open so many sessions that run a script, and wait until they are all in a state.
open_sessions() {
	echo "$3" >"$work/idle.sql"
	"$bindir/pgbench" -n -U web -c "$1" -t 1 -f "$work/idle.sql" "${4:-postgres}" >"$work/idle.log" 2>&1 &
	idle_clients=$!
	until [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'web' AND $2")" -ge "$1" ]; do
		kill -0 "$idle_clients" || { cat "$work/idle.log" >&2; exit 1; }
		sleep 0.5
	done
}

# Open so many sessions that are idle and stay so.
open_idle() {
	open_sessions "$1" "state = 'idle'" '\sleep 1800 s' "${2:-postgres}"
}

close_idle() {
	kill "$idle_clients" 2>/dev/null || true
	wait "$idle_clients" 2>/dev/null || true
	idle_clients=
	until [ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'")" = 0 ]; do
		sleep 0.2
	done
}

# From one number a line: a percentile, by rank.
percentile() {
	sort -n "$2" | awk -v p="$1" '{ a[NR] = $1 } END { i = int(NR * p / 100 + 0.999); print a[i < 1 ? 1 : i] }'
}

median() {
	percentile 50 "$1"
}

calculate() {
	awk "BEGIN { printf \"$1\", $2 }"
}

lateness() {
	local rounds=5 limit=2000 sessions=200 round who p
	echo "lateness: $sessions sessions go idle at random phases, limit $limit ms, $rounds rounds each, in ms"
	sql "ALTER ROLE timed SET idle_session_timeout = $limit"
	rm -f "$work"/late.*
	for ((round = 0; round < rounds; round++)); do
		guard mode=off "idle_session_timeout=$limit"
		"$work/lateness" "host=$work dbname=postgres user=timed" $limit $sessions >>"$work/late.server"
		guard mode=enforce
		"$work/lateness" "host=$work dbname=postgres user=web" $limit $sessions >>"$work/late.guard"
	done
	printf '  %-24s %7s %7s %7s %7s %7s\n' '' min p50 p95 p99 max
	for who in server guard; do
		printf '  %-24s' "$who"
		for p in 0 50 95 99 100; do
			printf ' %7s' "$(calculate %.2f "$(percentile $p "$work/late.$who") / 1000")"
		done
		echo
	done
	echo "  p99 guard / server: $(calculate %.2f "$(percentile 99 "$work/late.guard") / $(percentile 99 "$work/late.server")")"
}

quiet() {
	local seconds=40 sessions=1000 before after pid wakes
	echo "quiet: $sessions idle sessions, limit 1 h, naptime 10 s, over $seconds s"
	guard idle_session_timeout=1h naptime=10s
	open_idle $sessions
	pid=$(guard_pid)
	sleep 2
	wakes=$(sql 'SELECT wake_ups FROM session_guard.stats')
	before=$(cpu_time "$pid")
	sleep $seconds
	after=$(cpu_time "$pid")
	wakes=$(($(sql 'SELECT wake_ups FROM session_guard.stats') - wakes))
	echo "  wake-ups: $wakes"
	echo "  processor: $(calculate %.1f "($after - $before) / 1e6") ms, $(calculate %.4f "($after - $before) / ($seconds * 1e7)") % of a core"
	close_idle
}

# One short round of pgbench; adds its tps to the file of "on" or "off".
busy_round() {
	local seconds=5
	"$bindir/pgbench" -n -S -U web -c 500 -j 2 -T $seconds postgres 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p' >>"$work/tps.$1"
}

busy() {
	local order='on off off on on off off on on off off on' state pid before start cpu=0 wall=0
	echo "busy: pgbench -S, 500 clients, scale 10, guard's statement limit 1 s on and off"
	"$bindir/pgbench" -i -q -s 10 -U web postgres >/dev/null 2>&1
	guard statement_timeout=1s
	rm -f "$work"/tps.*
	pid=$(guard_pid)
	busy_round warm
	for state in $order $order; do
		if [ "$state" = on ]; then guard mode=enforce; else guard mode=off; fi
		before=$(cpu_time "$pid")
		start=$(date +%s%N)
		busy_round "$state"
		if [ "$state" = on ]; then
			cpu=$((cpu + $(cpu_time "$pid") - before))
			wall=$((wall + $(date +%s%N) - start))
		fi
	done
	echo "  tps off: $(sort -n "$work/tps.off" | xargs)"
	echo "  tps on:  $(sort -n "$work/tps.on" | xargs)"
	echo "  median on / off: $(calculate %.3f "$(median "$work/tps.on") / $(median "$work/tps.off")")"
	# How far the mean ratio may be off by the noise of the rounds alone.
	awk 'FNR == 1 { file++ } { n[file]++; sum[file] += $1; square[file] += $1 * $1 }
		END {
			for (i = 1; i <= 2; i++) {
				mean[i] = sum[i] / n[i]
				error[i] = sqrt((square[i] / n[i] - mean[i] ^ 2) / (n[i] - 1)) / mean[i]
			}
			printf "  mean on / off: %.3f, standard error %.3f\n", mean[1] / mean[2],
				sqrt(error[1] ^ 2 + error[2] ^ 2) * mean[1] / mean[2]
		}' "$work/tps.on" "$work/tps.off"
	echo "  guard while on: $(calculate %.2f "100 * $cpu / $wall") % of a core"
	"$bindir/pgbench" -i -I d -U web postgres >/dev/null 2>&1
}

# Both read all sessions at the same pace, side by side: from a cold cache, as it is in life.
scan() {
	local sessions
	echo "scan: median time of the guard's scan and of SELECT pid FROM pg_stat_get_activity(NULL), in ms"
	sql "CREATE OR REPLACE FUNCTION compare_scans(runs int, OUT guard float8, OUT bare float8) LANGUAGE plpgsql AS
		\$\$
		DECLARE
			before session_guard.stats;
			after session_guard.stats;
			start timestamptz;
			times_guard float8[];
			times_bare float8[];
		BEGIN
			SELECT * INTO before FROM session_guard.stats;
			WHILE coalesce(cardinality(times_guard), 0) < runs LOOP
				PERFORM pg_stat_clear_snapshot(), pg_sleep(0.1);
				start = clock_timestamp();
				PERFORM pid FROM pg_stat_get_activity(NULL);
				times_bare = times_bare || extract(epoch FROM clock_timestamp() - start)::float8 * 1000;
				SELECT * INTO after FROM session_guard.stats;
				IF after.scans > before.scans THEN
					times_guard = times_guard ||
						((after.scan_time - before.scan_time) / (after.scans - before.scans));
				END IF;
				before = after;
			END LOOP;
			SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO guard FROM unnest(times_guard) t;
			SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) INTO bare FROM unnest(times_bare) t;
		END
		\$\$"
	guard idle_session_timeout=1h naptime=100ms
	printf '  %8s %8s %8s %8s %8s\n' sessions settings guard bare ratio
	for sessions in 100 500 1000 2000; do
		open_idle $sessions
		compare_scans $sessions 0
		if [ $sessions -eq 1000 ]; then
			store_settings 100
			compare_scans $sessions 200
			remove_settings 100
		fi
		close_idle
	done
}

compare_scans() {
	sleep 1
	sql 'SELECT guard, bare, guard / bare FROM compare_scans(150)' |
		awk -v n="$1" -v m="$2" '{ printf "  %8d %8d %8.3f %8.3f %8.2f\n", n, m, $1, $2, $3 }'
}

# Store so many settings for roles, and as many for roles in a database.
store_settings() {
	sql "SELECT format('CREATE ROLE stored_%s; ALTER ROLE stored_%s SET pg_session_guard.statement_timeout = %s;
		ALTER ROLE stored_%s IN DATABASE postgres SET pg_session_guard.idle_session_timeout = %s;',
		i, i, 3600000 + i, i, 3600000 + i) FROM generate_series(1, $1) i" >"$work/settings.sql"
	"$bindir/psql" -Xq -v ON_ERROR_STOP=1 -U postgres -d postgres -f "$work/settings.sql"
}

remove_settings() {
	sql "SELECT format('DROP ROLE stored_%s;', i) FROM generate_series(1, $1) i" >"$work/settings.sql"
	"$bindir/psql" -Xq -v ON_ERROR_STOP=1 -U postgres -d postgres -f "$work/settings.sql"
}

# The time that a query takes in one session, in ms.
time_of() {
	"$bindir/psql" -XAtq -U postgres -d postgres -c '\timing on' -c "$1" |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

functions() {
	local sessions ours servers left
	echo "functions: idle sessions of a database terminated and confirmed, in ms"
	sql 'CREATE DATABASE shop'
	printf '  %8s %22s %38s %8s\n' sessions 'terminate_db_sessions' 'pg_terminate_backend(pid, 5000) of each' ratio
	for sessions in 100 500 1000; do
		open_idle $sessions shop
		ours=$(time_of "SELECT count(*) FROM terminate_db_sessions('shop', \"timeout\" => '60 s') WHERE outcome = 'terminated'")
		left=$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'")
		close_idle
		open_idle $sessions shop
		servers=$(time_of "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = 'shop'")
		left=$((left + $(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'")))
		close_idle
		[ "$left" -eq 0 ] || echo "  $left sessions were left"
		printf '  %8d %22.1f %38.1f %8.4f\n' $sessions "$ours" "$servers" "$(calculate %.6f "$ours / $servers")"
	done
	sql 'DROP DATABASE shop'
}

# The median of some runs of a query, in ms.
median_time_of() {
	local i
	for ((i = 0; i < 7; i++)); do time_of "$1"; done >"$work/times"
	median "$work/times"
}

compare_views() {
	local ours bare
	ours=$(median_time_of 'SELECT count(*), sum(blocks) FROM session_guard.session')
	bare=$(median_time_of "SELECT count(*), sum(cardinality(CASE WHEN wait_event_type = 'Lock'
		THEN pg_blocking_pids(pid) END)) FROM pg_stat_activity")
	printf '  %-34s %10.1f %36.1f %8.2f\n' "$1" "$ours" "$bare" "$(calculate %.4f "$ours / $bare")"
}

view() {
	echo "view: session_guard.session, and pg_stat_activity with pg_blocking_pids() of those that wait, in ms"
	printf '  %-34s %10s %36s %8s\n' '' ours "the server's" ratio
	open_idle 2000
	compare_views '2000 idle sessions'
	close_idle
	sql 'CREATE TABLE queue AS SELECT 1 AS id; GRANT ALL ON queue TO web'
	"$bindir/psql" -Xq -U postgres -d postgres -c 'BEGIN; LOCK TABLE queue; SELECT pg_sleep(600)' >/dev/null 2>&1 &
	open_sessions 1000 "wait_event_type = 'Lock'" 'UPDATE queue SET id = 2;'
	compare_views '1000 waiting for one table'
	sql "SELECT count(*) FROM terminate_user_sessions('web', \"timeout\" => '60 s')" >/dev/null
	close_idle
	sql "SELECT count(*) FROM cancel_queries(query => 'pg_sleep')" >/dev/null
	wait
	sql 'DROP TABLE queue'
}

core() {
	echo "core: decisions and deadlines of 10 000 sessions"
	cmake -S "$work/src" -B "$work/core" -DCMAKE_BUILD_TYPE=Release >/dev/null
	cmake --build "$work/core" --target core_bench -j"$(nproc)" >/dev/null
	"$work/core/core_bench" --benchmark_color=false 2>/dev/null | sed 's/^/  /'
}

names=("$@")
if [ ${#names[@]} -eq 0 ] || [ "${names[*]}" = all ]; then names=(lateness quiet busy scan functions view core); fi
for name in "${names[@]}"; do
	case $name in
		lateness | quiet | busy | scan | functions | view | core) ;;
		*) echo "usage: test/bench/run.sh [lateness|quiet|busy|scan|functions|view|core|all]..." >&2; exit 2 ;;
	esac
done

build
start_server
echo "$("$PG_CONFIG" --version), $(nproc) processors"
for name in "${names[@]}"; do
	"$name"
	reset_guard
done
