#!/bin/bash
# Compile the sources of one folder by clang with strict warnings, and let clang-tidy check them.
#
#   PG_CONFIG=... scripts/lint.sh src/core
#
# As far as they can be compiled together they are checked together: most of the time would go into
# the headers, which are then read and checked once and not once for each source.
set -u
cd "$(dirname "$0")/.." || exit 1

# The analyzer follows so many states of a function at most: ten times as many, its default, would
# take three times as long.  It takes files that are included for headers.
flags=(-std=c++20 -fno-exceptions -fno-rtti -Isrc '-DEXTENSION_VERSION="0"'
	-isystem "$("$PG_CONFIG" --includedir-server)"
	-Xclang -analyzer-config -Xclang max-nodes=20000 -Xclang -analyzer-opt-analyze-headers)
# The macros of the server use what C++20 frowns on.
warnings=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
	-Wno-gnu-statement-expression -Wno-deprecated-volatile)

work=$(mktemp -d "${TMPDIR:-/tmp}/pg_session_guard-lint.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
together=$work/together.cpp

lint() {
	local half=$(($# / 2))
	printf "#include \"$PWD/%s\" // NOLINT\n" "$@" >"$together"
	if ! clang++ -fsyntax-only "${flags[@]}" "${warnings[@]}" "$together" 2>"$work/errors"; then
		if [ $# -eq 1 ]; then
			cat "$work/errors"
			return 1
		fi
		# Two of them have a name of their own in common, or one has an error.
		set -- $half "$@"
		local status=0
		lint "${@:2:half}" || status=1
		lint "${@:2+half}" || status=1
		return $status
	fi
	clang-tidy --quiet --config-file=.clang-tidy --header-filter="^$PWD/src/" \
		--warnings-as-errors='*' "$together" -- "${flags[@]}"
}

lint "$1"/*.cpp
