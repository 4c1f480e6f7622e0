# How far beyond its limit a query gets that takes memory as fast as it can.  To be sourced by run.sh.
# shellcheck shell=bash

# What the status of a process says, in kB: field_of FILE NAME
field_of() {
	awk -v name="$2:" '$1 == name { print $2 }' "$1"
}

# Let a new session run a query that ends by its limit.  Its greatest resident memory is known to the
# kernel; what it shared before the query is taken off, and what it has shared since is not, so
# the peak of its private memory is not more than this.  Prints peak / limit and the growth in GB/s.
memory_round() {
	local limit=$1 query=$2 time peak
	cat >"$work/memory.sql" <<-SQL
		SET work_mem = '8GB';
		SET jit = off;
		SELECT count(*) FROM (SELECT repeat('x', 1000000) AS x FROM generate_series(1, 3) ORDER BY 1) AS warm;
		SELECT pg_backend_pid() AS pid \\gset
		\\setenv PID :pid
		\\! cat /proc/\$PID/status >$work/memory.before
		\\timing on
		$query;
		\\! cat /proc/\$PID/status >$work/memory.after
	SQL
	"$bindir/psql" -Xq -U web -d postgres -f "$work/memory.sql" >"$work/memory.out" 2>&1
	if ! grep -q 'max_memory is' "$work/memory.out"; then
		cat "$work/memory.out" >&2
		return 1
	fi
	time=$(awk '$1 == "Time:" { ms = $2 } END { print ms }' "$work/memory.out")
	peak=$(($(field_of "$work/memory.after" VmHWM) - $(field_of "$work/memory.before" RssFile) -
		$(field_of "$work/memory.before" RssShmem)))
	calculate "$peak / (1024 * $limit)"
	calculate "$peak * 1024 / ($time * 1e6)" >>"$work/memory.growth"
	echo >>"$work/memory.growth"
}

bench_memory() {
	local limit shape i ratios
	local -A query=(
		[aggregate]="SELECT cardinality(array_agg(repeat('x', 1000000))) FROM generate_series(1, 8000)"
		[sort]="SELECT count(*) FROM (SELECT n::text || repeat('x', 1000) AS x FROM generate_series(1, 8000000) AS n ORDER BY 1) AS sorted"
	)
	heading "a query that takes memory as fast as it can, the peak of what it gets by its limit"
	for limit in 512 1024; do
		guard max_memory=${limit}MB
		for shape in aggregate sort; do
			ratios=()
			rm -f "$work/memory.growth"
			for ((i = 0; i < rounds; i++)); do
				ratios+=("$(memory_round $limit "${query[$shape]}")")
			done
			record "limit of $limit MB" "$shape" 'peak / limit' ratio "${ratios[@]}"
			# shellcheck disable=SC2046
			record "limit of $limit MB" "$shape" growth GB/s $(cat "$work/memory.growth")
		done
	done
}
