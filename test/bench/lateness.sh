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
			"$work/lateness" "$(conninfo_of "$subject")" "$limit" $sessions \
				$([ "$subject" != pgbouncer ] || echo pooled) >"$work/late.$subject.$round"
		done
	done
	if has_cron; then
		schedule
		"$work/lateness" "$(conninfo_of pg_cron)" "$limit" $sessions >"$work/late.pg_cron.0"
		unschedule
		subjects+=(pg_cron)
	fi
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

# Statements that were sent, and their sessions ended all the same.
bench_edge() {
	local subject spread
	heading "statements that come around the end of their session, limit $limit ms"
	start_peers
	for subject in "${subjects[@]}"; do
		# A poll comes up to a second late, so that is where its edge is.
		case $subject in
			server | guard) spread=20 ;;
			*) spread=700 ;;
		esac
		let_alone "$subject"
		"$work/edge" "$(conninfo_of "$subject")" "$limit" 200 8 $spread >"$work/edge.$subject"
		record_edge "$subject" $spread
	done
	record 'idle limit' guard 'window / server window' ratio "$(calculate \
		"$(value_of edge 'idle limit' guard 'window of wrong ends') / $(value_of edge 'idle limit' server 'window of wrong ends')")"
	stop_peers
}

# How long before its end a statement has to come to be lost with its session: the share of those that
# were, of a time in which they came evenly.
record_edge() {
	local subject=$1 spread=$2
	eval "local $(tr -d '\n' <"$work/edge.$subject")"
	record 'idle limit' "$subject" sessions '' $((survived + ended + sent_and_ended))
	record 'idle limit' "$subject" 'ended with a statement sent' '' "$sent_and_ended"
	record 'idle limit' "$subject" 'window of wrong ends' ms \
		"$(calculate "2 * $spread * $sent_and_ended / ($survived + $ended + $sent_and_ended)")"
}

# Nobody else is to be at work while a subject is measured.
let_alone() {
	if [ "$1" = guard ]; then guard mode=enforce; else guard mode=off; fi
}
