# How benchmarks note what they have measured.  To be sourced by run.sh.
# shellcheck shell=bash

# The benchmark that runs; names its rows.
benchmark=

# From one number a line: a percentile, by rank.
percentile() {
	sort -g "$2" | awk -v p="$1" '{ a[NR] = $1 }
		END { i = int(NR * p / 100 + 0.999); print a[i < 1 ? 1 : i] }'
}

calculate() {
	awk "BEGIN { printf \"%.6g\", $1 }"
}

# Note what several rounds have found: the median with the lowest and the highest.
#
#   record CASE SUBJECT METRIC UNIT VALUE...
#
# Prints a row, and adds it to the results.  Where targets.csv has a target for it, both are told.
record() {
	local case=$1 subject=$2 metric=$3 unit=$4 target verdict=
	shift 4
	if [ -z "${1:-}" ] || [[ $case$subject$metric$unit == *,* ]]; then
		echo "nothing was measured, or a name has a comma: $benchmark, $case, $subject, $metric" >&2
		exit 1
	fi
	printf '%s\n' "$@" >"$work/values"
	target=$(awk -F, -v key="$benchmark,$case,$subject,$metric" '$1 "," $2 "," $3 "," $4 == key { print $5 }' \
		"$work/src/test/bench/targets.csv")
	set -- "$(percentile 50 "$work/values")" "$(percentile 0 "$work/values")" "$(percentile 100 "$work/values")" $#
	if [ -n "$target" ]; then
		verdict=$(awk "BEGIN { if ($1 $target) print \"met\"; else print \"missed\" }")
	fi
	echo "$benchmark,$case,$subject,$metric,$unit,$1,$2,$3,$4,$target,$verdict" >>"$results"
	printf '  %-26s %-26s %-26s %9.4g %-5s %s\n' "$case" "$subject" "$metric" "$1" "$unit" \
		"$([ "$4" -eq 1 ] || printf '%.4g to %.4g in %d rounds' "$2" "$3" "$4")${verdict:+   target $target: $verdict}"
}

# The median that was recorded: value_of BENCHMARK CASE SUBJECT METRIC
value_of() {
	awk -F, -v key="$1,$2,$3,$4" '$1 "," $2 "," $3 "," $4 == key { print $6 }' "$results"
}

# Compare two things by pairs of rounds, in both orders, until it is known well enough how the one
# does by the other.
#
#   compare_pairs CASE SUBJECT METRIC MOST FIRST SECOND
#
# FIRST and SECOND are commands that print one number each.  Records FIRST / SECOND.
compare_pairs() {
	local most=$4 first=$5 second=$6 pair a b
	rm -f "$work/ratios"
	for ((pair = 0; pair < most; pair++)); do
		if ((pair % 2 == 0)); then
			a=$($first)
			b=$($second)
		else
			b=$($second)
			a=$($first)
		fi
		calculate "$a / $b" >>"$work/ratios"
		echo >>"$work/ratios"
		if ((pair >= 5)) && is_known "$work/ratios"; then break; fi
	done
	record_ratios "$1" "$2" "$3"
}

# Is the standard error of the mean below 0.01?
is_known() {
	awk "BEGIN { exit !($(standard_error "$1") < 0.01) }"
}

# Record the ratios of all rounds, their mean and its standard error.
record_ratios() {
	# shellcheck disable=SC2046
	record "$1" "$2" "$3" ratio $(cat "$work/ratios")
	record "$1" "$2" "mean of it" ratio "$(awk '{ s += $1 } END { print s / NR }' "$work/ratios")"
	record "$1" "$2" "standard error of it" ratio "$(standard_error "$work/ratios")"
}

standard_error() {
	awk '{ s += $1; q += $1 * $1 } END { print sqrt((q / NR - (s / NR) ^ 2) / (NR - 1)) }' "$1"
}
