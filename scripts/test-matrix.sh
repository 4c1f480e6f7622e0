#!/bin/bash
# Build and test against several majors of the server, each in a chroot of its own, and against
# builds that find what the usual ones do not.
#
#   scripts/test-matrix.sh              15, 17, 18 and 19
#   scripts/test-matrix.sh 17 18        these
#   scripts/test-matrix.sh asan         the module under ASan and UBSan, with all tests
#   scripts/test-matrix.sh assert       a server with assertions, with all tests
#   scripts/test-matrix.sh regress      PostgreSQL's own regression tests, under the guard
#   scripts/test-matrix.sh operation    drivers, poolers, monitoring, a cluster (scripts/test-operation.sh)
#   scripts/test-matrix.sh packages     packages, built, installed and used (scripts/test-packages.sh)
#
# Runs the tests that need a server: regression, isolation, TAP; the rest does not depend on it.
# Needs root, to make the chroots.  They are Debian's own releases, from the mirror that this
# machine uses, and are kept for the next time in $ROOTS.  Inside, the tests run as an ordinary
# user, without a network and with a read-only system.
#
# The other builds are made for the server of this machine.  That with assertions is built from the
# source package of that server, and kept in $ROOTS as well; where the source cannot be had, it is
# skipped.
#
# One line per build; the last line is "N passed, N failed", in builds.
set -u
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/chroots.sh"

versions=("$@")
[ ${#versions[@]} -gt 0 ] || versions=(15 17 18 19)

if [ "$(id -u)" != 0 ]; then
	echo "$0 makes chroots, which only root can do." >&2
	exit 1
fi

for version in "${versions[@]}"; do
	case $version in
		asan | assert | regress | operation | packages) ;;
		*) suite_of "$version" >/dev/null || exit 2 ;;
	esac
done

open_roots
# One run at a time.
exec 9>"$ROOTS/.lock"
flock 9
[[ ! ${versions[*]} =~ [0-9]|packages ]] || need_packages mmdebstrap bubblewrap

# Make the chroot of a major, unless it is there.
setup() {
	local version=$1 root=$ROOTS/$1 suite pin=()
	[ -e "$root/.complete" ] && return
	suite=$(suite_of "$version")
	# Only the server comes from experimental, everything else from where it belongs.
	[ "$suite" != experimental ] ||
		pin=(--setup-hook='mkdir -p "$1/etc/apt/preferences.d"
			printf "Package: src:postgresql-19\nPin: release a=experimental\nPin-Priority: 990\n" \
				>"$1/etc/apt/preferences.d/server"')
	make_chroot "$suite" "$root" \
		"postgresql-$version,g++,make,libpq-dev,libkrb5-dev,libipc-run-perl" "${pin[@]}" \
		"${no_cluster[@]}" "$(unpack_server_dev "$version")"
}

# Run the tests of one major; the copy of the tree is at /mnt inside.
run() {
	bwrap --unshare-user --uid 65534 --gid 65534 --unshare-pid --unshare-ipc --unshare-net \
		--die-with-parent --ro-bind "$ROOTS/$1" / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run \
		--ro-bind "$work/src" /mnt --clearenv --setenv HOME /tmp --setenv LC_ALL C.UTF-8 \
		--setenv PATH "/usr/lib/postgresql/$1/bin:/usr/bin:/bin" \
		--setenv PG_CONFIG "/usr/lib/postgresql/$1/bin/pg_config" \
		/mnt/scripts/test.sh --server-only
}

# Tell of a build that could not be made.
tell_not_made() {
	echo "$1"
	tail -n 20 "$2" | sed 's/^/        /'
}

# Test one build, leave its result in a file, and tell what it says of itself in its last line.
test_build() {
	local version=$1 start=$SECONDS
	shift
	if "$@" >"$work/$version.log" 2>&1; then
		echo passed >"$work/$version.result"
		# What has passed only alone.
		grep -E '^(unsteady|    )' "$work/$version.log"
	else
		grep -E '^(not ok|    |#   |test/.*Wstat)' "$work/$version.log" | tail -n 80
	fi
	echo "$(describe "$version"): $(tail -n 1 "$work/$version.log"), in $((SECONDS - start)) s"
}

describe() {
	local server
	server=$(sed -n 's/^Testing against \(PostgreSQL [^ ]*\).*/\1/p' "$work/$1.log")
	case $1 in
		asan) echo "ASan and UBSan" ;;
		assert) echo "$server with assertions" ;;
		regress) echo "Its own regression tests" ;;
		operation) echo "Clients, monitoring, cluster" ;;
		packages) echo "Packages" ;;
		*) echo "$server" ;;
	esac
}

# Set up and test one major.
test_version() {
	local version=$1
	if ! setup "$version" >"$work/$version.setup" 2>&1; then
		# A release candidate comes and goes; the others are to be had.
		[ "$version" = 19 ] && echo skipped >"$work/$version.result"
		tell_not_made "PostgreSQL $version: its chroot could not be made" "$work/$version.setup"
		return
	fi
	test_build "$version" run "$version"
}

# Make the server with assertions, unless it is there.
setup_assert() {
	exec 8>"$ROOTS/.lock-assert"
	flock 8
	# shellcheck disable=SC2046
	need_packages g++ make libipc-run-perl libpq-dev $(server_packages)
	find_server
	assert_root=$ROOTS/assert-$major
	[ -e "$assert_root/.complete" ] || scripts/server-from-source.sh "$assert_root"
}

test_assert() {
	local name=$1 status=0
	shift
	setup_assert >"$work/$name.setup" 2>&1 || status=$?
	exec 8>&-
	case $status in
		0) PG_CONFIG=$assert_root/bin/pg_config test_build "$name" "$@" ;;
		3)
			echo skipped >"$work/$name.result"
			tell_not_made "$name: skipped, the server's source cannot be had" "$work/$name.setup"
			;;
		*) tell_not_made "$name: the server could not be built" "$work/$name.setup" ;;
	esac
}

test_one() {
	case $1 in
		# All but one: pg_upgrade starts the packaged server itself, without the sanitizers' library.
		asan)
			test_build asan scripts/test-sanitized.sh ISOLATION= \
				PROVE_TESTS="$(printf '%s ' test/tap/*.pl | sed 's#[^ ]*_pg_upgrade\.pl ##')"
			;;
		assert) test_assert assert scripts/test.sh --server-only ;;
		regress) test_assert regress scripts/test-regress.sh ;;
		operation) test_build operation scripts/test-operation.sh ;;
		packages) test_build packages scripts/test-packages.sh ;;
		*) test_version "$1" ;;
	esac
}

work=$(mktemp -d "${TMPDIR:-/tmp}/pg_session_guard-matrix.XXXXXX") || exit 1
chmod 755 "$work"
touch "$work/.pg_session_guard"
trap remove_folder EXIT
copy_project "$work/src"
cd "$work/src" || exit 1

# As many at a time as there are cores, two at the most: each runs servers by the dozen.
jobs=0
for version in "${versions[@]}"; do
	test_one "$version" &
	jobs=$((jobs + 1))
	if [ $jobs -ge "$(nproc)" ] || [ $jobs -ge 2 ]; then
		wait -n
		jobs=$((jobs - 1))
	fi
done
wait

passed=0
failed=0
skipped=0
for version in "${versions[@]}"; do
	case $(cat "$work/$version.result" 2>/dev/null) in
		passed) passed=$((passed + 1)) ;;
		skipped) skipped=$((skipped + 1)) ;;
		*) failed=$((failed + 1)) ;;
	esac
done
if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed -eq 0 ]
