#!/bin/bash
# Run what the guard is operated with against it: drivers and poolers, monitoring, a cluster.
#
#   scripts/test-operation.sh                    all areas
#   scripts/test-operation.sh clients cluster    these: folders of test/ that have a list of packages
#
# An area is a folder of TAP scripts.  Its file "packages" names the packages of the distribution
# that they need, which are installed if they may be; its file "package.json" those of npm.
#
# The last line is "N passed, N failed".
set -u
. "$(dirname "$0")/common.sh"

work=
if [ "${1:-}" = --in ]; then
	take_folder "$2"
	shift 2
fi
if [ $# -eq 0 ]; then
	for area in "$project"/test/*/packages; do
		set -- "$@" "$(basename "$(dirname "$area")")"
	done
fi
for area; do
	[ -f "$project/test/$area/packages" ] || { echo "There is no area \"$area\" in test/." >&2; exit 2; }
done

if [ -z "$work" ]; then
	# Some packages of nodejs bring npm along.
	npm=
	for area; do
		[ ! -f "$project/test/$area/package.json" ] || command -v npm >/dev/null || npm=npm
	done
	# shellcheck disable=SC2046
	need_packages g++ make libipc-run-perl $(server_packages) $npm \
		$(for area; do grep -v '^#' "$project/test/$area/packages"; done | sort -u)
	find_server
	continue_in_copy operation "$@"
fi
find_server
cd "$work/src" || exit 1
export HOME=$work

make_beside() {
	mkdir -p "$work/build"
	make -s -C "$work/build" -f "$work/src/Makefile" DESTDIR="$work/install" "$@"
}

# What npm knows is installed beside the scripts that need it.
install_npm_packages() {
	local area
	for area; do
		[ ! -f "test/$area/package.json" ] ||
			npm ci --prefix "test/$area" --no-audit --no-fund --ignore-scripts || return
	done
}

prepare() {
	make_beside -j"$(nproc)" && make_beside install &&
		"$bindir/initdb" -D "$work/template" -A trust -N && install_npm_packages "$@"
}

if ! prepare "$@" >"$work/prepare.log" 2>&1; then
	tail -n 40 "$work/prepare.log"
	echo "0 passed, 1 failed"
	exit 1
fi
export INITDB_TEMPLATE=$work/template

run_scripts() {
	make_beside installcheck REGRESS='' ISOLATION='' "PROVE_TESTS=$1" "PROVE_FLAGS=${PROVE_FLAGS:--j2}"
}

run_scripts "$(for area; do printf '%s ' "test/$area"/*.pl; done)" 2>&1 | tee "$work/log"
status=${PIPESTATUS[0]}
repeated=
[ "$status" -eq 0 ] ||
	repeated=$(repeat_failed "$work/log" "$work/build" make_beside installcheck) && status=0
[ -z "$repeated" ] || echo "$repeated"

unsteady=$(grep -c '^unsteady' <<<"$repeated")
passed=$(($(grep -cE '^test/.*\.pl \.* ok' "$work/log") + unsteady))
failed=$(($(grep -cE '^test/.*\(Wstat' "$work/log") - unsteady))
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
[ "$passed" -gt 0 ] || [ "$failed" -gt 0 ] || failed=1
report
