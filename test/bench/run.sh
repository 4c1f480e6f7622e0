#!/bin/bash
# Benchmarks against throw-away servers, each beside what it is measured by in the same run.
#
#   test/bench/run.sh [--rounds N] [--output DIR] [NAME...]
#
# Names: lateness edge quiet scan rules functions locks memory growth core connect busy; all if none is given, which
# takes some forty minutes.  With --output, DIR gets benchmarks.csv, machine.txt and, if gnuplot is there
# and what they show was measured, lateness.svg and growth.svg.  Peers are measured too if they are
# there: pgbouncer, pg_cron.
#
# Nothing here is a test: figures depend on the machine, ratios hardly do.  What is held against a
# target (targets.csv) is told with it.
set -euo pipefail
. "$(dirname "$0")/../../scripts/common.sh"

all=(lateness edge quiet scan rules functions locks memory growth core connect busy)
work=
rounds=5
output=
names=()
usage() {
	echo "usage: $0 [--rounds N] [--output DIR] [${all[*]// /|}]..." >&2
	exit 2
}
while [ $# -gt 0 ]; do
	case $1 in
		--in) take_folder "$2"; shift ;;
		--rounds) rounds=$2; shift ;;
		--output) output=$2; shift ;;
		*)
			[[ " ${all[*]} " == *" $1 "* ]] || usage
			names+=("$1")
			;;
	esac
	shift
done
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")

if [ -z "$work" ]; then
	# shellcheck disable=SC2046
	need_packages g++ make cmake libgtest-dev libbenchmark-dev libpq-dev pgbouncer gnuplot-nox \
		$(server_packages) $(server_packages | sed -n 's/^\(postgresql-[0-9]*\) .*/\1-cron/p')
	find_server
	[ -z "$output" ] || mkdir -p "$output"
	# The copy belongs to somebody else, who may not write to the folder that is asked for.
	folder=$(mktemp -d)
	chmod 777 "$folder"
	status=0
	(continue_in_copy bench --rounds "$rounds" --output "$folder" "${names[@]}") || status=$?
	[ -z "$output" ] || cp "$folder"/* "$output"/ || true
	rm -rf "$folder"
	exit $status
fi
find_server
# Each of thousands of sessions needs a file descriptor in its client.
ulimit -n "$(ulimit -H -n)"
results=$work/benchmarks.csv
bench=$work/src/test/bench
. "$bench/record.sh"
. "$bench/server.sh"
. "$bench/peers.sh"
. "$bench/lateness.sh"
. "$bench/cost.sh"
. "$bench/scan.sh"
. "$bench/memory.sh"
. "$bench/growth.sh"

cleanup() {
	local status=$?
	if [ $status -ne 0 ]; then
		tail -n 5 "$work/notices" "$work/log" >&2 || true
	fi
	[ -z "$output" ] || [ ! -f "$results" ] || cp "$results" "$output"
	[ -z "$idle_clients" ] || kill "$idle_clients" 2>/dev/null || true
	stop_pooler
	for server in data with without; do stop_server $server; done
	remove_folder
}
trap cleanup EXIT

describe_machine() {
	echo "$("$PG_CONFIG" --version); pg_session_guard $(sed -n "s/^default_version = '\(.*\)'/\1/p" "$work/src/pg_session_guard.control")"
	echo "$(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r)"
	! command -v pgbouncer >/dev/null || pgbouncer --version | head -n 1
	! has_cron || echo "pg_cron $(sql "SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")"
}

heading() {
	echo "$benchmark: $1"
}

echo "benchmark,case,subject,metric,unit,median,lowest,highest,rounds,target,verdict" >"$results"
build
start_server
describe_machine | tee "$work/machine.txt"
for benchmark in "${names[@]}"; do
	"bench_$benchmark"
	reset_guard
done
if [ -n "$output" ]; then
	cp "$results" "$work/machine.txt" "$output"
	! command -v gnuplot >/dev/null || "$bench/plot.sh" "$results" "$output"
fi
