# What a scan, a function and a look into the lock table cost, each beside the server's own.  To be
# sourced by run.sh.
# shellcheck shell=bash

# Both read all sessions at the same pace, side by side: from a cold cache, as it is in life.
prepare_comparison() {
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
				IF coalesce(cardinality(times_bare), 0) >= 100 * runs THEN
					RAISE EXCEPTION 'the guard does not scan';
				END IF;
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
}

# Have all scans be full ones, or none; about ten in a second.
full_scans() {
	sql 'ALTER ROLE nobody RESET ALL'
	guard idle_session_timeout=1h naptime=100ms
}

scans_between() {
	sql 'ALTER ROLE nobody SET pg_session_guard.idle_session_timeout = 100'
	guard idle_session_timeout=1h naptime=1h
	sleep 0.5
}

# Record how long scans take, and how that compares with the bare SELECT at the same time.
compare_scans() {
	local case=$1 kind=$2 round
	rm -f "$work"/scan.{guard,bare,ratio}
	for ((round = 0; round < rounds; round++)); do
		sql 'SELECT guard, bare, guard / bare FROM compare_scans(25)' >"$work/scan.row"
		cut -d ' ' -f 1 "$work/scan.row" >>"$work/scan.guard"
		cut -d ' ' -f 2 "$work/scan.row" >>"$work/scan.bare"
		cut -d ' ' -f 3 "$work/scan.row" >>"$work/scan.ratio"
	done
	# shellcheck disable=SC2046
	{
		record "$case" "$kind" time ms $(cat "$work/scan.guard")
		record "$case" 'SELECT beside it' time ms $(cat "$work/scan.bare")
		record "$case" "$kind" 'time / SELECT' ratio $(cat "$work/scan.ratio")
	}
}

bench_scan() {
	local sessions=1000
	heading "$sessions sessions under 200 settings of 100 roles, and SELECT pid FROM pg_stat_get_activity(NULL)"
	prepare_comparison
	store_settings 100
	open_idle $sessions
	full_scans
	compare_scans "$sessions sessions" 'full scan'
	scans_between
	compare_scans "$sessions sessions" 'scan in between'
	close_idle
	remove_settings 100
}

# Make so many rules, that select by role, by name of the application, by address and by query.
make_rules() {
	sql 'TRUNCATE session_guard.rule'
	sql "INSERT INTO session_guard.rule (position, name, roles, application_name, client_addr, query, statement_timeout)
		SELECT i, 'rule ' || i, ARRAY['web'], CASE i % 4 WHEN 1 THEN 'app' || i || '%' END,
			CASE i % 4 WHEN 2 THEN ARRAY[('10.' || i % 250 || '.0.0/16')::cidr] END,
			CASE i % 4 WHEN 3 THEN 'job ' || i || '\\M' END, '1 h'
		FROM generate_series(1, $1) i"
	sleep 0.5
}

bench_rules() {
	local sessions=1000 rules
	heading "$sessions sessions of as many applications, and SELECT pid FROM pg_stat_get_activity(NULL)"
	prepare_comparison
	open_sessions $sessions "state = 'idle' AND application_name LIKE 'app%'" \
		$'SET application_name = \'app:client_id\';\n\\sleep 1800 s'
	for rules in 0 100 1000; do
		make_rules $rules
		full_scans
		compare_scans "$sessions sessions and $rules rules" 'full scan'
		scans_between
		compare_scans "$sessions sessions and $rules rules" 'scan in between'
	done
	close_idle
	sql 'TRUNCATE session_guard.rule'
}

# Signal all of a database's sessions, and wait until none is left.
bare_signals="DO \$\$ BEGIN
	PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'shop';
	WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = 'shop') LOOP
		PERFORM pg_stat_clear_snapshot(), pg_sleep(0.005);
	END LOOP;
END \$\$"

bench_functions() {
	local sessions=500 round ours bare each
	heading "$sessions idle sessions of a database terminated, until all are gone"
	sql 'CREATE DATABASE shop'
	rm -f "$work"/{ours,bare,each}
	for ((round = 0; round < rounds; round++)); do
		open_idle $sessions shop
		ours=$(time_of "SELECT count(*) FROM terminate_db_sessions('shop', \"timeout\" => '60 s') WHERE outcome = 'terminated'")
		[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop'")" = 0 ] || echo "  sessions were left"
		close_idle
		open_idle $sessions shop
		bare=$(time_of "$bare_signals")
		close_idle
		echo "$ours" >>"$work/ours"
		echo "$bare" >>"$work/bare"
		calculate "$ours / $bare" >>"$work/each"
		echo >>"$work/each"
	done
	# shellcheck disable=SC2046
	{
		record "$sessions sessions" terminate_db_sessions time ms $(cat "$work/ours")
		record "$sessions sessions" 'bare signals' time ms $(cat "$work/bare")
		record "$sessions sessions" terminate_db_sessions 'time / bare signals' ratio $(cat "$work/each")
	}
	open_idle 50 shop
	record '50 sessions' 'one after the other' time ms "$(time_of \
		"SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = 'shop'")"
	close_idle
	sql 'DROP DATABASE shop'
}

# The times of some runs of a query, in ms.
times_of() {
	local i
	for ((i = 0; i < rounds; i++)); do time_of "$1"; done
}

blockers_by_server="SELECT count(*), sum(cardinality(CASE WHEN wait_event_type = 'Lock' THEN pg_blocking_pids(pid) END))
	FROM pg_stat_activity"

compare_views() {
	local case=$1
	times_of 'SELECT count(*), sum(blocks) FROM session_guard.session' >"$work/ours"
	times_of "$blockers_by_server" >"$work/bare"
	# shellcheck disable=SC2046
	{
		record "$case" session_guard.session time ms $(cat "$work/ours")
		record "$case" 'pg_blocking_pids of waiters' time ms $(cat "$work/bare")
		record "$case" session_guard.session 'time / server' ratio $(paste "$work/ours" "$work/bare" | awk '{ print $1 / $2 }')
		record "$case" 'who is to blame' time ms $(times_of \
			"SELECT count(*) FROM terminate_blocking_sessions(dry_run => true)")
	}
}

jobs_started=()

# Have ten sessions hold so many locks in all, on tables that are made for it.
hold_locks() {
	local locks=$1 i
	sql "DO \$\$ BEGIN
		FOR i IN 1..$locks / 10 LOOP EXECUTE format('CREATE TABLE locked_%s ()', i); END LOOP;
	END \$\$"
	sql "CREATE OR REPLACE FUNCTION hold_locks() RETURNS void LANGUAGE plpgsql AS \$\$ DECLARE t regclass; BEGIN
		FOR t IN SELECT oid FROM pg_class WHERE relname ~ '^locked_' LOOP
			EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', t);
		END LOOP;
	END \$\$"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		in_background 'BEGIN; SELECT hold_locks(); SELECT pg_sleep(600)'
	done
	until [ "$(sql 'SELECT count(*) FROM pg_locks')" -ge "$locks" ]; do sleep 0.2; done
}

# Run a statement that lasts, until end_background().
in_background() {
	"$bindir/psql" -Xq -U postgres -d postgres -c "$1" >/dev/null 2>&1 &
	jobs_started+=($!)
}

end_background() {
	sql "SELECT count(*) FROM cancel_queries(query => 'pg_sleep')" >/dev/null
	wait "${jobs_started[@]}" 2>/dev/null || true
	jobs_started=()
	sql "DO \$\$ DECLARE t regclass; BEGIN
		FOR t IN SELECT oid FROM pg_class WHERE relname ~ '^locked_' LOOP EXECUTE format('DROP TABLE %s', t); END LOOP;
	END \$\$"
}

bench_locks() {
	local waiters=1000 locks=18000
	heading "$waiters sessions waiting for one table, $locks locks held by others"
	compare_views 'nobody waits'
	sql 'CREATE TABLE queue AS SELECT 1 AS id; GRANT ALL ON queue TO web'
	hold_locks $locks
	in_background 'BEGIN; LOCK TABLE queue; SELECT pg_sleep(600)'
	open_sessions $waiters "wait_event_type = 'Lock'" 'UPDATE queue SET id = 2;'
	compare_views "$waiters waiters"
	sql "SELECT count(*) FROM terminate_user_sessions('web', \"timeout\" => '60 s')" >/dev/null
	close_idle
	end_background
	sql 'DROP TABLE queue'
}
