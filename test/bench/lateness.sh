# How late sessions are ended, and how often wrongly.  To be sourced by run.sh.
# shellcheck shell=bash

bench_lateness() {
	local sessions=200 round subject p
	heading "an idle limit of $limit ms, $sessions sessions that go idle at random phases"
	start_peers
	for ((round = 0; round < rounds; round++)); do
		for subject in "${subjects[@]}"; do
			let_alone "$subject"
			# shellcheck disable=SC2046
			"$work/lateness" "$(conninfo_of "$subject")" "$limit" $sessions "$(period_of "$subject")" \
				$([ "$subject" != pgbouncer ] || echo pooled) >"$work/late.$subject.$round"
		done
	done
	measure_cron $sessions
	for subject in "${subjects[@]}"; do
		for p in 50 95 99; do
			# shellcheck disable=SC2046
			record "$sessions sessions" "$subject" "p$p" ms $(
				for file in "$work"/late."$subject".*; do
					calculate "$(percentile $p "$file") / 1000"
					echo
				done)
		done
	done
	# shellcheck disable=SC2046
	record "$sessions sessions" guard 'p99 / server p99' ratio $(
		for ((round = 0; round < rounds; round++)); do
			calculate "$(percentile 99 "$work/late.guard.$round") / $(percentile 99 "$work/late.server.$round")"
			echo
		done)
	for subject in "${subjects[@]}"; do
		echo "  $subject tells the client: $(cut -f 2 "$work/late.$subject.0" | sed -E 's/[0-9.]+ ms|[0-9.]+ s/N s/g' |
			sort | uniq -c | sort -rn | sed -nE '1s/^ *[0-9]+ //p')"
	done
	stop_peers
}

# pg_cron once, since its finest grain is a minute before 1.5, and with phases over all of that.
measure_cron() {
	local subject
	has_cron || return 0
	let_alone pg_cron
	for subject in $(cron_subjects); do
		schedule "$subject"
		"$work/lateness" "$(conninfo_of "$subject")" "$limit" "$1" "$(period_of "$subject")" >"$work/late.$subject.0"
		unschedule
		subjects+=("$subject")
	done
}

# Statements that were sent, and their sessions ended all the same.  Goes on in turn until there are
# enough of them: a share of a few says nothing.  For peers whose edge lies anywhere in a second, or in
# a third of one, once is enough to see how rare they are.
bench_edge() {
	local enough=100 most=10 batch subject wrong total
	heading "statements that come around the end of their session, limit $limit ms"
	start_peers
	for ((batch = 0; batch < most; batch++)); do
		for subject in "${subjects[@]}"; do
			if ((batch > 0)); then
				read -r wrong _ <<<"$(edges_of "$subject")"
				if ((wrong >= enough)) || [ "$(spread_of "$subject")" != 20 ]; then continue; fi
			fi
			let_alone "$subject"
			"$work/edge" "$(conninfo_of "$subject")" "$limit" 200 8 "$(spread_of "$subject")" >"$work/edge.$subject.$batch"
		done
	done
	for subject in "${subjects[@]}"; do
		read -r wrong total <<<"$(edges_of "$subject")"
		record 'idle limit' "$subject" sessions '' "$total"
		record 'idle limit' "$subject" 'ended with a statement sent' '' "$wrong"
		# How long before its end a statement has to come to be lost with its session: the share of
		# those that were, of a time in which they came evenly.
		record 'idle limit' "$subject" 'window of wrong ends' ms \
			"$(calculate "2 * $(spread_of "$subject") * $wrong / $total")"
	done
	record_edge_ratio
	stop_peers
}

# The guard's window of wrong ends by the server's, and the same less two standard errors of it, by the
# counts of both: the guard is worse only if that is above one, too.
record_edge_ratio() {
	local guard server ratio
	read -r guard _ <<<"$(edges_of guard)"
	read -r server _ <<<"$(edges_of server)"
	if ((guard == 0 || server == 0)); then
		echo "  too few statements were lost to compare: guard $guard, server $server"
		return
	fi
	ratio=$(calculate "$(value_of edge 'idle limit' guard 'window of wrong ends') / $(value_of edge 'idle limit' server 'window of wrong ends')")
	record 'idle limit' guard 'window / server window' ratio "$ratio"
	record 'idle limit' guard 'lower bound of it' ratio "$(calculate "$ratio * exp(-2 * sqrt(1 / $guard + 1 / $server))")"
}

# Sessions that were ended with a statement sent so far, and all sessions.
edges_of() {
	sed -E 's/[a-z_]+=//g' "$work/edge.$1".* | awk '{ wrong += $3; all += $1 + $2 + $3 } END { print wrong + 0, all + 0 }'
}

# How far around the limit statements are sent, in ms: beyond where the edge can be.
spread_of() {
	case $1 in
		server | guard) echo 20 ;;
		*) echo 1100 ;;
	esac
}

# Nobody else is to be at work while a subject is measured.
let_alone() {
	if [ "$1" = poller ]; then start_poller; else stop_poller; fi
	if [ "$1" = guard ]; then guard mode=enforce; else guard mode=off; fi
}
