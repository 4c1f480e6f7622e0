# Chroots of Debian's releases, which are kept for the next time.  To be sourced by bash, after
# common.sh.
# shellcheck shell=bash

ROOTS=${ROOTS:-/var/tmp/pg_session_guard-roots}

# The release of Debian in which a major is found.
suite_of() {
	case $1 in
		15) echo bookworm ;;
		17) echo trixie ;;
		18) echo sid ;;
		19) echo experimental ;;
		*) echo "there is no recipe for PostgreSQL $1, only for 15, 17, 18 and 19" >&2; return 1 ;;
	esac
}

# The chroots are run and removed as root, so their folder must be root's and of our making.
open_roots() {
	if mkdir "$ROOTS" 2>/dev/null; then
		chmod 755 "$ROOTS"
		touch "$ROOTS/.pg_session_guard"
	fi
	if [ -L "$ROOTS" ] || [ ! -f "$ROOTS/.pg_session_guard" ] ||
		[ "$(stat -c '%u %a' "$ROOTS")" != '0 755' ]; then
		echo "$ROOTS is not a folder that this script has made." >&2
		exit 1
	fi
}

# The sources of a release, from the mirror that this machine uses.
sources_of() {
	local mirror security
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 '/debian/$')
	security=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m1 security)
	case $1 in
		experimental) printf 'deb %s sid main\ndeb %s experimental main\n' "$mirror" "$mirror" ;;
		bookworm)
			echo "deb $mirror bookworm main"
			[ -z "$security" ] || echo "deb $security bookworm-security main"
			;;
		*) echo "deb $mirror $1 main" ;;
	esac
}

# Nothing but what is asked for: no cluster is made by installing a server.
# shellcheck disable=SC2016,SC2034
no_cluster=(--essential-hook='mkdir -p "$1/etc/postgresql-common"
	echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"')

# The option by which a server's development files are only unpacked: what they depend on (clang,
# LLVM) is large and not used, since the module is built without bitcode.
unpack_server_dev() {
	# shellcheck disable=SC2016
	printf %s '--customize-hook=chroot "$1" sh -euc "cd /tmp
		apt-get -q download postgresql-server-dev-'"$1"'
		for f in *.deb; do dpkg -x \$f /; rm \$f; done
		chmod 1777 /dev/shm"'
}

# Make a chroot of a release with these packages, by further options of mmdebstrap.
make_chroot() {
	local suite=$1 root=$2 packages=$3
	shift 3
	rm -rf "$root"
	sources_of "$suite" | mmdebstrap --quiet --mode=root --variant=apt \
		--aptopt='Acquire::Check-Valid-Until "false"' --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' "$@" '' "$root" - && touch "$root/.complete"
}
