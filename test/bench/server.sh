# The servers that are measured, and sessions in them.  To be sourced by run.sh.
# shellcheck shell=bash

export PGHOST=$work PGPORT=5432 PGAPPNAME=bench
idle_clients=

build() {
	local libpq
	make -s -C "$work/src" -j"$(nproc)" >/dev/null
	make -s -C "$work/src" install DESTDIR="$work/install" >/dev/null
	libpq=("-I$("$PG_CONFIG" --includedir)" "-I$work/src/test" "-L$("$PG_CONFIG" --libdir)"
		"-Wl,-rpath,$("$PG_CONFIG" --libdir)")
	g++ -std=c++20 -O2 -Wall -Wextra "$work/src/test/bench/lateness.cpp" -o "$work/lateness" "${libpq[@]}" -lpq -pthread
	g++ -std=c++20 -O2 -Wall -Wextra "$work/src/test/tools/edge.cpp" -o "$work/edge" "${libpq[@]}" -lpq -pthread
	gcc -O2 -shared -fPIC -I"$("$PG_CONFIG" --includedir-server)" "$work/src/test/bench/poller.c" -o "$work/poller.so"
}

start_server() {
	local cron=
	[ ! -e "$("$PG_CONFIG" --pkglibdir)/pg_cron.so" ] || cron=pg_cron
	"$bindir/initdb" -N -A trust -U postgres -D "$work/data" >/dev/null
	settings_for_build "$work/install" >"$work/build.conf"
	cat >"$work/common.conf" <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$work'
		max_connections = 2100
		max_locks_per_transaction = 128
		fsync = off
		autovacuum = off
	CONF
	[ -z "$cron" ] || printf "cron.use_background_workers = on\ncron.log_run = off\n" >>"$work/common.conf"
	{
		cat "$work/build.conf" "$work/common.conf"
		echo "shared_preload_libraries = '${cron:+$cron, }pg_session_guard'"
	} >>"$work/data/postgresql.conf"
	"$bindir/pg_ctl" -s -w -D "$work/data" -l "$work/log" start
	sql 'CREATE EXTENSION pg_session_guard; CREATE ROLE web LOGIN; GRANT ALL ON SCHEMA public TO web'
	sql 'CREATE ROLE timed LOGIN; CREATE ROLE polled LOGIN; CREATE ROLE scheduled LOGIN; CREATE ROLE pooled LOGIN'
	sql 'CREATE ROLE nobody NOLOGIN'
	[ -z "$cron" ] || sql 'CREATE EXTENSION pg_cron'
}

# A new server beside the other one: start_new_server NAME PORT LIBRARIES
start_new_server() {
	"$bindir/initdb" -N -A trust -U postgres -D "$work/$1" >/dev/null
	{
		cat "$work/build.conf" "$work/common.conf"
		echo "port = $2"
		echo "shared_preload_libraries = '$3'"
	} >>"$work/$1/postgresql.conf"
	"$bindir/pg_ctl" -s -w -D "$work/$1" -l "$work/$1.log" start
	PGPORT=$2 sql 'CREATE ROLE web LOGIN; GRANT ALL ON SCHEMA public TO web'
}

stop_server() {
	[ ! -f "$work/$1/postmaster.pid" ] || "$bindir/pg_ctl" -s -D "$work/$1" -m immediate stop || true
}

sql() {
	"$bindir/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 -U postgres -d postgres -c "$1" 2>>"$work/notices"
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
	sql 'ALTER ROLE nobody RESET ALL'
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

# How often a process has slept so far.
sleeps() {
	awk '$1 == "voluntary_ctxt_switches:" { print $2 }' "/proc/$1/status"
}

# Open so many sessions of "web" that run a script, and wait until they are all in a state.
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

# Store so many settings for roles, and as many for roles in the database.
store_settings() {
	sql "SELECT format('CREATE ROLE stored_%s; ALTER ROLE stored_%s SET pg_session_guard.statement_timeout = %s;
		ALTER ROLE stored_%s IN DATABASE postgres SET pg_session_guard.idle_session_timeout = %s;',
		i, i, 3600000 + i, i, 3600000 + i) FROM generate_series(1, $1) i" >"$work/settings.sql"
	"$bindir/psql" -Xq1 -v ON_ERROR_STOP=1 -U postgres -d postgres -f "$work/settings.sql" 2>>"$work/notices"
}

remove_settings() {
	sql "SELECT format('DROP ROLE stored_%s;', i) FROM generate_series(1, $1) i" >"$work/settings.sql"
	"$bindir/psql" -Xq1 -v ON_ERROR_STOP=1 -U postgres -d postgres -f "$work/settings.sql"
}

# The time that a query takes in one session, in ms.
time_of() {
	"$bindir/psql" -XAtq -v ON_ERROR_STOP=1 -U postgres -d postgres -c '\timing on' -c "$1" |
		sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}
