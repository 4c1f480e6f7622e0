#!/bin/bash
# Build the packages, and use Debian's as its users do: install it on a clean system, guard a
# cluster, run the tests against it, and purge it.
#
#   scripts/test-packages.sh        for PostgreSQL 15
#   scripts/test-packages.sh 17     for another major
#
# Needs root, to make two chroots of the release that has the major: one to build in, and one that
# has the server and nothing of this project.  They are kept in $ROOTS for the next time.
#
# One line per check; the last line is "N passed, N failed".
set -u
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/chroots.sh"

major=${1:-15}
if [ "$(id -u)" != 0 ]; then
	echo "$0 makes chroots, which only root can do." >&2
	exit 1
fi
suite=$(suite_of "$major") || exit 2
[ "$suite" != experimental ] || { echo "no release has the packages of PostgreSQL $major" >&2; exit 2; }

open_roots
exec 9>"$ROOTS/.lock-packages"
flock 9
need_packages mmdebstrap bubblewrap
builder=$ROOTS/packages-$major
clean=$ROOTS/clean-$major

# The TAP scripts that are run against the installed package: the guard, the functions, the history,
# and that the versions of the installed files go together.
scripts='test/tap/001*.pl test/tap/031*.pl test/tap/100*.pl test/tap/140*.pl test/tap/37[23]*.pl'

work=$(mktemp -d "${TMPDIR:-/tmp}/pg_session_guard-packages.XXXXXX") || exit 1
chmod 755 "$work"
touch "$work/.pg_session_guard"
copy_project "$work/src"
upstream=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" "$work/src/pg_session_guard.control")

passed=0
failed=0

# Count one check, and show what it wrote if it failed.
check() {
	local name=$1 start=$SECONDS
	shift
	if "$@" >"$work/$name.log" 2>&1; then
		echo "ok      $name ($((SECONDS - start)) s)"
		passed=$((passed + 1))
	else
		echo "not ok  $name"
		sed 's/^/        /' "$work/$name.log" | tail -n 60
		failed=$((failed + 1))
		return 1
	fi
}

# Make the chroots, unless they are there.
setup() {
	[ -e "$builder/.complete" ] ||
		make_chroot "$suite" "$builder" \
			build-essential,debhelper,libkrb5-dev,lintian,postgresql-server-dev-all,rpm \
			"${no_cluster[@]}" || return
	# Of the tools for the tests none compiles.
	[ -e "$clean/.complete" ] ||
		make_chroot "$suite" "$clean" "postgresql-$major,libipc-run-perl,make" \
			"${no_cluster[@]}" "$(unpack_server_dev "$major")"
}

# Run a command in a chroot, in a folder of $work that it finds at /mnt, as nobody.
as_nobody_in() {
	local root=$1 folder=$2
	shift 2
	bwrap --unshare-user --uid 65534 --gid 65534 --unshare-pid --unshare-ipc --unshare-net \
		--die-with-parent --ro-bind "$root" / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run \
		--bind "$work/$folder" /mnt --chdir /mnt --clearenv --setenv HOME /tmp \
		--setenv LC_ALL C.UTF-8 --setenv PATH /usr/bin:/bin:/usr/sbin:/sbin "$@"
}

# Run a command in the system that the package is installed in, as root.
in_system() {
	bwrap --unshare-pid --unshare-ipc --unshare-net --die-with-parent --cap-add ALL \
		--bind "$work/system" / --dev /dev --proc /proc --tmpfs /tmp --tmpfs /run \
		--ro-bind "$work/deb" /mnt --clearenv --setenv LC_ALL C.UTF-8 \
		--setenv PATH /usr/bin:/bin:/usr/sbin:/sbin "$@"
}

# The source package, with all but the packaging as the archive of the version, and what is built
# from it.
build() {
	local name=pg-session-guard
	mkdir "$work/deb"
	cp -a "$work/src" "$work/deb/$name-$upstream"
	tar -C "$work/deb" --exclude="$name-$upstream/debian" -cJf \
		"$work/deb/${name}_$upstream.orig.tar.xz" "$name-$upstream"
	as_nobody_in "$builder" deb sh -euc "cd $name-$upstream
		pg_buildext updatecontrol
		dpkg-buildpackage -us -uc -j$(nproc)"
}

# Nobody has asked Debian for the package yet, so there is no bug to close.
lint_package() {
	as_nobody_in "$builder" deb sh -euc 'lintian --fail-on error,warning --info \
		--suppress-tags initial-upload-closes-no-bugs ./*.changes'
}

# With the folders of this server, which are not those that the spec is for, and with what was
# compiled for the other package: to compile all once more would tell nothing.
build_rpm() {
	local name=pg_session_guard-$upstream
	mkdir "$work/rpm"
	cp -a "$work/src" "$work/rpm/$name"
	(cd "$work/deb/pg-session-guard-$upstream/build-$major" &&
		find src -name '*.o' -print0 | tar --null -T - -cf -) | tar -C "$work/rpm/$name" -xf -
	tar -C "$work/rpm" -czf "$work/rpm/$name.tar.gz" "$name"
	cp "$work/src/rpm/pg_session_guard.spec" "$work/rpm"
	as_nobody_in "$builder" rpm sh -euc "
		rpmbuild -bb --nodeps --dbpath /tmp/rpmdb --define '_topdir /mnt' --define '_sourcedir /mnt' --define '_tmppath /tmp' \
			--define '_smp_mflags -j$(nproc)' --define 'debug_package %{nil}' \
			--define 'pgmajorversion $major' --define 'pginstdir /usr/lib/postgresql/$major' \
			--define 'pgsharedir /usr/share/postgresql/$major' pg_session_guard.spec
		rpm --dbpath /tmp/rpmdb -qpl RPMS/*/*.rpm | tee files
		grep -q /pg_session_guard.so files && grep -q /pg_session_guard.control files"
}

# What there is in the system, but for what remembers and caches.
list_system() {
	(cd "$work/system" && find . -xdev '(' -path ./var/lib/dpkg -o -path ./var/cache -o -path ./var/log \
		-o -path ./tmp -o -path ./run ')' -prune -o -print | sort)
}

install_package() {
	cp -a --reflink=auto "$clean" "$work/system" && list_system >"$work/before" &&
		in_system sh -euc "dpkg -i /mnt/postgresql-$major-session-guard_*.deb"
}

use_package() {
	in_system /mnt/pg-session-guard-"$upstream"/debian/tests/cluster
}

installcheck() {
	mkdir "$work/check"
	cp -a "$work/src/." "$work/check"
	as_nobody_in "$work/system" check debian/tests/installcheck "$scripts"
}

purge() {
	in_system dpkg --purge "postgresql-$major-session-guard" || return
	list_system >"$work/after"
	diff "$work/before" "$work/after"
}

check setup setup || { echo "0 passed, 1 failed"; exit 1; }
passed=0
if check build build; then
	check lintian lint_package
	check rpm build_rpm
	if check install install_package; then
		check use use_package
		check installcheck installcheck
		check purge purge
	fi
fi

report
