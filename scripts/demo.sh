#!/bin/bash
# Show the guard at work: a throw-away server, real sessions, what becomes of each.
#
#   scripts/demo.sh          shows it and leaves nothing behind
#   scripts/demo.sh --keep   leaves the server running and says how to connect
#
# Works as root and as an ordinary user.  Installs the packages it needs if it may.
set -eu
. "$(dirname "$0")/common.sh"

work=
keep=
while [ $# -gt 0 ]; do
	case $1 in
		--in) take_folder "$2"; shift ;;
		--keep) keep=1 ;;
		*) echo "usage: $0 [--keep]" >&2; exit 2 ;;
	esac
	shift
done

if [ -z "$work" ]; then
	# shellcheck disable=SC2046
	need_packages g++ make $(server_packages)
	find_server
	continue_in_copy demo ${keep:+--keep}
fi
find_server

data=$work/data
socket=$work/socket
log=$work/server.log

say() {
	printf '\n%s\n' "$*"
}

clean_up() {
	local status=$?
	trap - EXIT
	# shellcheck disable=SC2046
	kill $(jobs -p) 2>/dev/null || true
	if [ -n "$keep" ] && [ $status -eq 0 ]; then exit 0; fi
	if [ $status -ne 0 ] && [ -f "$log" ]; then tail -n 30 "$log" >&2; fi
	"$bindir/pg_ctl" -s -D "$data" -m immediate stop 2>/dev/null || true
	remove_folder
	exit $status
}
trap clean_up EXIT

say "Building pg_session_guard for $("$PG_CONFIG" --version) ..."
cd "$work/src"
make -s -j"$(nproc)" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
make -s install DESTDIR="$work/install" >>"$work/build.log" 2>&1
cd "$work"

say "Starting a server of its own, with these settings:"
mkdir "$socket"
"$bindir/initdb" -N -A trust -U postgres -D "$data" >"$work/initdb.log"
cat >"$work/guard.conf" <<'CONF'
shared_preload_libraries = 'pg_session_guard'
pg_session_guard.idle_in_transaction_session_timeout = '5s'
pg_session_guard.idle_session_timeout = '7s'
pg_session_guard.statement_timeout = '3s'
pg_session_guard.idle_blocker_timeout = '2s'
CONF
sed 's/^/    /' "$work/guard.conf"
{
	cat "$work/guard.conf"
	settings_for_build "$work/install"
	echo "listen_addresses = ''"
	echo "unix_socket_directories = '$socket'"
	echo "log_line_prefix = '%m [%p] '"
} >>"$data/postgresql.conf"
"$bindir/pg_ctl" -s -w -D "$data" -l "$log" start

export PGHOST=$socket PGDATABASE=shop
"$bindir/psql" -qX -U postgres -d postgres -c 'CREATE ROLE web LOGIN' \
	-c 'CREATE DATABASE shop OWNER web' -c 'CREATE EXTENSION pg_session_guard'
"$bindir/pgbench" -q -i -s 1 -U web >"$work/pgbench-init.log" 2>&1
"$bindir/psql" -qX -U web -c 'CREATE TABLE stock (item text, n int)' \
	-c "INSERT INTO stock VALUES ('lamp', 10)"

# Open a psql whose input stays open; what is typed into it goes to file descriptor $2.
open_session() {
	local name=$1 fd=$2
	mkfifo "$work/$name.in"
	PGAPPNAME=$name "$bindir/psql" -X -U web <"$work/$name.in" >"$work/$name.out" 2>&1 &
	eval "exec $fd>\"$work/$name.in\""
}

# Poll until a query gives "t".
wait_for() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ "$("$bindir/psql" -qXAt -U postgres -c "$1")" = t ] && return
		sleep 0.1
	done
	echo "this did not come true: $1" >&2
	exit 1
}

state_is() {
	wait_for "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$1' AND $2"
}

is_gone() {
	wait_for "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = '$1'"
}

say "Opening sessions of role web:
    holder     takes a row lock and goes idle in transaction
    dreamer    goes idle in transaction, too, and is in nobody's way
    waiter     wants the same row; waiting is not its fault
    runaway    runs a query without end
    forgotten  has asked something, and now sits idle
    pgbench    four clients that simply work"
"$bindir/pgbench" -n -c 4 -T 12 -U web >"$work/pgbench.out" 2>&1 &
open_session holder 4
echo "BEGIN; UPDATE stock SET n = n - 1 WHERE item = 'lamp';" >&4
state_is holder "state = 'idle in transaction'"
open_session waiter 5
echo "UPDATE stock SET n = n - 2 WHERE item = 'lamp' RETURNING item, n;" >&5
state_is waiter "wait_event_type = 'Lock'"
open_session dreamer 8
echo "BEGIN; SELECT 'not now' AS dreamer;" >&8
state_is dreamer "state = 'idle in transaction'"
open_session runaway 6
echo "SELECT count(*) FROM generate_series(1, 1000000000000);" >&6
open_session forgotten 7
echo "SELECT 'hello' AS greeting;" >&7
state_is forgotten "state = 'idle'"

"$bindir/psql" -X -U postgres -d postgres -c "SELECT pid, application_name, state, blocked_by, blocks
	FROM session_guard.session WHERE usename = 'web' ORDER BY application_name, pid"

say "Now the guard does its work; this takes some seconds ..."
state_is runaway "state = 'idle'"
is_gone holder
state_is waiter "state = 'idle'"
is_gone dreamer
# A session that is to be seen alive must not become idle for too long itself.
echo "SELECT 'still here' AS waiter;" >&5
echo "SELECT 'still here' AS runaway;" >&6
is_gone forgotten
echo "SELECT 'back again?' AS holder;" >&4
echo "SELECT 'back again?' AS dreamer;" >&8
echo "SELECT 'back again?' AS forgotten;" >&7
exec 4>&- 5>&- 6>&- 7>&- 8>&-
wait

# Show what a client was told, in its own words.
show() {
	say "$1: $2"
	sed 's/^/    /' "$work/$1.out"
}
show holder "was ended for the sake of its waiter. Its client says:"
show dreamer "was ended later, since it kept nobody waiting:"
show waiter "was spared while waiting, got the lock and is still here:"
show runaway "lost the statement and kept the session:"
show forgotten "was ended after a while of idleness:"
say "pgbench: nobody was hurt:"
grep -E 'clients|processed|failed' "$work/pgbench.out" | sed 's/^/    /'

say "And by hand: everybody out of this database. New clients are at work in it ..."
"$bindir/pgbench" -n -c 4 -T 60 -U web >"$work/pgbench2.out" 2>&1 &
wait_for "SELECT count(*) = 4 FROM pg_stat_activity WHERE application_name = 'pgbench'"
"$bindir/psql" -X -U postgres -d postgres -c "SELECT pid, datname, usename, action, outcome
	FROM terminate_db_sessions('shop', reason => 'demo')" >"$work/verb.out" 2>&1
sed 's/^/    /' "$work/verb.out"
wait || true

say "The server's log tells who, and why:"
grep -E 'LOG:  .*(session guard|pg_session_guard\.|requested by)' "$log" | sed 's/^/    /'

say "And so does the history, with what became of each:"
PGDATABASE=postgres wait_for "SELECT count(*) = 8 FROM session_guard.history"
"$bindir/psql" -X -U postgres -d postgres -c "SELECT acted_at::time(0), actor, function_name AS function,
	application_name AS application, limit_name, measured, action, outcome, gone_after
	FROM session_guard.history ORDER BY number" >"$work/history.out"
sed 's/^/    /' "$work/history.out"

say "What the guard counted:"
"$bindir/psql" -X -U postgres -d postgres \
	-c 'SELECT canceled, terminated, requests, late_max, scans, evaluations, wake_ups FROM session_guard.stats' |
	sed 's/^/    /'

say "Last, the database is dropped, under a pool whose clients come back at once:"
: >"$work/pool.on"
for client in 1 2 3 4; do
	while [ -f "$work/pool.on" ]; do
		"$bindir/psql" -qXAt -U web -d shop -v ON_ERROR_STOP=1 -c 'BEGIN' -c 'SELECT pg_sleep(0.2)' -c 'COMMIT' \
			>>"$work/pool.$client.out" 2>&1 || true
	done &
done
PGDATABASE=postgres wait_for "SELECT count(*) >= 3 FROM pg_stat_activity WHERE datname = 'shop'"
"$bindir/psql" -X -U postgres -d postgres -c "SELECT pid, usename, action, outcome
	FROM drain_database('shop', deadline => '10 s', reason => 'demo')" -c 'DROP DATABASE shop' >"$work/drain.out" 2>&1
sed 's/^/    /' "$work/drain.out"
rm "$work/pool.on"
wait
say "Its clients were told:"
grep -hE 'FATAL|DETAIL' "$work"/pool.*.out | sed 's/.*FATAL/FATAL/; s/^/    /' | sort | uniq -c | sort -rn | head -n 4

# The demo is a promise: do not end well unless it was kept.
grep -q 'terminating connection due to administrator command' "$work/holder.out"
grep -q 'DETAIL:  Idle while blocking 1 session for 2.* pg_session_guard.idle_blocker_timeout is 2 s' "$work/holder.out"
grep -q 'HINT:  Commit or roll back before waiting for other work' "$work/holder.out"
grep -q 'terminating session .*idle while blocking 1 session for 2.* pg_session_guard.idle_blocker_timeout is 2 s' "$log"
grep -q 'DETAIL:  Idle in transaction for 5.* pg_session_guard.idle_in_transaction_session_timeout is 5 s' "$work/dreamer.out"
grep -q 'terminating connection due to administrator command' "$work/forgotten.out"
grep -q 'DETAIL:  Idle for 7.* pg_session_guard.idle_session_timeout is 7 s' "$work/forgotten.out"
grep -q 'canceling statement due to user request' "$work/runaway.out"
grep -q 'DETAIL:  Statement running for 3.* pg_session_guard.statement_timeout is 3 s' "$work/runaway.out"
grep -q 'still here' "$work/runaway.out"
grep -q 'still here' "$work/waiter.out"
grep -q 'number of failed transactions: 0' "$work/pgbench.out"
grep -q '(4 rows)' "$work/verb.out"
[ "$(grep -c '| terminated' "$work/verb.out")" = 4 ]
[ "$(grep -c '| terminated' "$work/history.out")" = 7 ]
[ "$(grep -c '| canceled' "$work/history.out")" = 1 ]
grep -q 'DROP DATABASE' "$work/drain.out"
grep -q '| terminated' "$work/drain.out"
grep -qh 'is being drained by role "postgres": "demo"\|with drain_database' "$work"/pool.*.out
if grep -qE 'FATAL|aborted' "$work/pgbench.out"; then
	exit 1
fi

if [ -n "$keep" ]; then
	connect=("$bindir/psql" -h "$socket" -U postgres postgres)
	"${connect[@]}" -qXAt -c 'SELECT FROM session_guard.history, terminate_all_sessions(dry_run => true)' >/dev/null
	say "The server goes on running. To connect to the database that has the extension:
    ${connect[*]}
To stop it and leave nothing behind:
    pid=\$(head -n 1 $data/postmaster.pid); kill -INT \$pid; tail --pid=\$pid -f /dev/null; rm -rf $work"
else
	say "Done; the server is stopped and removed."
fi
