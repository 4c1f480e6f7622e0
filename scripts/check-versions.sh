#!/bin/bash
# See that whatever states the version states that of the control file.
set -u
cd "$(dirname "$0")/.." || exit 1
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" pg_session_guard.control)
status=0

expect() {
	local file=$1 found=$2
	[ "$found" = "$version" ] && return
	echo "$file is of version ${found:-?}, pg_session_guard.control of $version"
	status=1
}

[[ $version =~ ^[0-9]+(\.[0-9]+)*$ ]] || { echo "\"$version\" is not made of numbers"; status=1; }
for found in $(sed -n 's/^ *"version": "\(.*\)",\{0,1\}$/\1/p' META.json | head -n 2); do
	expect META.json "$found"
done
expect CHANGELOG.md "$(sed -n 's/^## \([^ ]*\) .*/\1/p' CHANGELOG.md | head -n 1)"
expect debian/changelog "$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' debian/changelog)"
expect rpm/pg_session_guard.spec "$(sed -n 's/^Version:[[:space:]]*//p' rpm/pg_session_guard.spec)"
# The newest script leads to it.
for script in sql/pg_session_guard--*.sql; do
	case $script in *--"$version.sql") newest=1 ;; esac
done
[ -n "${newest:-}" ] || { echo "no script in sql/ leads to $version"; status=1; }
exit $status
