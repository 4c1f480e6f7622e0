#!/bin/bash
# Draw what the benchmarks have measured.
#
#   test/bench/plot.sh RESULTS.CSV DIR
#
# Writes DIR/lateness.svg and DIR/growth.svg, as far as the results have their rows.
set -eu
results=$1
output=$2
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

# Draw one picture: its file, its title, and on standard input what is plotted.
draw() {
	{
		echo "set terminal svg size 640,300 noenhanced font 'sans-serif,12' background 'white'"
		echo "set output '$output/$1'"
		echo "set title '$2'"
		echo "set key top left"
		echo "set grid ytics lc rgb '#dddddd'"
		cat
	} | gnuplot
}

# The rows of a benchmark, by awk's condition on its fields.
rows() {
	awk -F, "NR > 1 && ($1)" "$results"
}

# Lateness: a bar for each subject, by the size of its median.
rows '$1 == "lateness" && $4 == "p50"' | while IFS=, read -r _ _ subject _ _ p50 _; do
	echo "$subject $p50 $(rows "\$1 == \"lateness\" && \$4 == \"p99\" && \$3 == \"$subject\"" | cut -d , -f 6)"
done | sort -g -k 2 >"$data/lateness"
if [ -s "$data/lateness" ]; then
	draw lateness.svg 'How late idle sessions are ended (200 sessions, limit 2 s)' <<-PLOT
		set ylabel 'ms after the limit'
		set logscale y
		set yrange [0.05:1000000]
		set format y '%g'
		set style data histograms
		set style histogram clustered gap 1
		set style fill solid 0.8 noborder
		plot '$data/lateness' using 2:xtic(1) title 'median' lc rgb '#4477aa', \
			'' using 3 title 'p99' lc rgb '#ee6677', \
			'' using 0:2:(\$2 < 10 ? sprintf('%.2f', \$2) : sprintf('%.0f', \$2)) with labels offset -2.2,0.7 notitle, \
			'' using 0:3:(\$3 < 10 ? sprintf('%.2f', \$3) : sprintf('%.0f', \$3)) with labels offset 2.2,0.7 notitle
	PLOT
fi

# Growth: the time of scans by the number of sessions.
for subject in 'full scan' 'scan in between' 'SELECT beside it'; do
	rows "\$1 == \"growth\" && \$2 ~ /sessions\$/ && \$3 == \"$subject\" && \$4 == \"time\"" |
		awk -F, '{ split($2, n, " "); sum[n[1]] += $6; count[n[1]]++ } END { for (i in sum) print i, sum[i] / count[i] }' |
		sort -g >"$data/${subject// /_}"
done
if [ -s "$data/full_scan" ]; then
	draw growth.svg 'What a scan takes' <<-PLOT
		set xlabel 'sessions'
		set ylabel 'ms'
		set yrange [0:*]
		plot '$data/SELECT_beside_it' with linespoints lw 2 pt 7 ps 0.5 lc rgb '#bbbbbb' title 'SELECT pid FROM pg_stat_get_activity(NULL)', \
			'$data/full_scan' with linespoints lw 2 pt 7 ps 0.5 lc rgb '#ee6677' title 'full scan, every naptime', \
			'$data/scan_in_between' with linespoints lw 2 pt 7 ps 0.5 lc rgb '#4477aa' title 'scan in between'
	PLOT
fi
