# Others that end idle sessions, to be measured beside the guard.  To be sourced by run.sh.
#
# Each subject ends the idle sessions of a role of its own after two seconds:
#   server      idle_session_timeout
#   guard       pg_session_guard.idle_session_timeout
#   poller      a background worker that runs the usual SQL every second (poller.c)
#   pgbouncer   client_idle_timeout, which ends no client that has a server of its own (pool_mode = session)
#   pg_cron     the same SQL, at the full minute
#   pg_cron_1s  the same SQL every second, with pg_cron from 1.5 on
# shellcheck shell=bash

limit=2000
pooler=
subjects=(server guard poller)

start_peers() {
	sql "ALTER ROLE timed SET idle_session_timeout = $limit"
	sql "ALTER ROLE web SET pg_session_guard.idle_session_timeout = $limit"
	start_pooler
}

stop_peers() {
	sql 'ALTER ROLE timed RESET ALL; ALTER ROLE web RESET ALL'
	stop_poller
	stop_pooler
}

start_poller() {
	sql "CREATE OR REPLACE FUNCTION start_poller(library text, \"limit\" int) RETURNS int LANGUAGE c
		AS '$work/poller.so', 'start_poller'"
	sql "SELECT start_poller('$work/poller.so', $limit)" >/dev/null
}

stop_poller() {
	sql "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'poller'" >/dev/null
}

start_pooler() {
	command -v pgbouncer >/dev/null || return 0
	cat >"$work/pgbouncer.ini" <<-INI
		[databases]
		postgres = host=$work port=5432 user=pooled
		[pgbouncer]
		listen_addr =
		listen_port = 6432
		unix_socket_dir = $work
		auth_type = any
		pool_mode = transaction
		max_client_conn = 1000
		default_pool_size = 20
		client_idle_timeout = $((limit / 1000))
		logfile = $work/pgbouncer.log
		pidfile = $work/pgbouncer.pid
	INI
	pgbouncer -q "$work/pgbouncer.ini" >/dev/null 2>&1 &
	pooler=$!
	subjects+=(pgbouncer)
	until "$bindir/psql" -h "$work" -p 6432 -U pooled -XAtqc 'SELECT 1' postgres >/dev/null 2>&1; do
		kill -0 $pooler || { cat "$work/pgbouncer.log" >&2; exit 1; }
		sleep 0.1
	done
}

stop_pooler() {
	if [ -n "$pooler" ]; then
		kill "$pooler" 2>/dev/null || true
		wait "$pooler" 2>/dev/null || true
	fi
	pooler=
	subjects=(server guard poller)
}

# Where the clients of a subject connect to.
conninfo_of() {
	case $1 in
		server) echo "host=$work dbname=postgres user=timed" ;;
		guard) echo "host=$work dbname=postgres user=web" ;;
		poller) echo "host=$work dbname=postgres user=polled" ;;
		pgbouncer) echo "host=$work port=6432 dbname=postgres user=pooled" ;;
		pg_cron*) echo "host=$work dbname=postgres user=scheduled" ;;
	esac
}

# Over what time the sessions that a subject ends begin, in ms: at least as long as it lets pass.
period_of() {
	case $1 in
		pg_cron) echo 60000 ;;
		*) echo "$limit" ;;
	esac
}

has_cron() {
	[ "$(sql "SELECT count(*) FROM pg_extension WHERE extname = 'pg_cron'")" = 1 ]
}

cron_subjects() {
	sql "SELECT 'pg_cron' UNION ALL SELECT 'pg_cron_1s' FROM pg_extension
		WHERE extname = 'pg_cron' AND string_to_array(replace(extversion, '-', '.'), '.')::int[] >= '{1,5}'"
}

# Have pg_cron end the idle sessions of "scheduled" at each full minute, or each second.
schedule() {
	local when='* * * * *'
	[ "$1" = pg_cron ] || when='1 second'
	sql "SELECT cron.schedule('idle', '$when', \$\$SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = 'scheduled' AND state = 'idle' AND state_change < now() - interval '$limit ms'\$\$)" >/dev/null
}

unschedule() {
	sql "SELECT cron.unschedule('idle')" >/dev/null
}
