#!/bin/bash
# Make a server with assertions from the source package of the distribution.
#
#   scripts/server-from-source.sh FOLDER
#
# The server is of the major version that PG_CONFIG names, or of the newest that is installed here;
# its pg_config will be FOLDER/bin/pg_config, and its own regression suite is in FOLDER/regress.
# Needs root, for packages and because apt keeps its lists; they come from where the packages of that
# server come from, and this machine's apt configuration is left as it is.
#
# Ends with status 3 if the source cannot be had.
set -u
. "$(dirname "$0")/common.sh"

[ $# -eq 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
case $1 in
	/*) target=$1 ;;
	*) echo "$0 takes an absolute path" >&2; exit 2 ;;
esac
# shellcheck disable=SC2046
need_packages gcc make bison flex perl dpkg-dev bubblewrap libipc-run-perl $(server_packages)
find_server

work=$(mktemp -d "${TMPDIR:-/tmp}/pg_session_guard-source.XXXXXX") || exit 1
touch "$work/.pg_session_guard"
trap remove_folder EXIT
cd "$work" || exit 1

# Print a deb-src line for each place that has the packages of this server.
source_lines() {
	local uri release component key
	apt-cache madison "postgresql-$major" |
		sed -nE 's#^[^|]*\|[^|]*\| ([^ ]+) ([^ ]+)/([^ /]+) [^ ]+ Packages$#\1 \2 \3#p' |
		while read -r uri release component; do
			# The key is named in this machine's configuration, or it is one that apt trusts anyway.
			key=$(apt-get indextargets --format "\$(SIGNED_BY)" 'Created-By: Packages' \
				"Repo-URI: $uri/" "Component: $component" 2>/dev/null | grep -m 1 '^/')
			echo "deb-src ${key:+[signed-by=$key] }$uri $release $component"
		done
}

# apt, with lists and settings of its own.
source_apt() {
	local command=$1
	shift
	"$command" -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
		-o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false "$@"
}

# Unpack the newest version of the source that is to be had.  A mirror may list one that it no
# longer has.
fetch() {
	local version
	mkdir -p lists/partial cache/archives/partial
	source_lines >sources.list
	[ -s sources.list ] || { echo "apt knows no postgresql-$major."; return 1; }
	source_apt apt-get update || return
	for version in $(source_apt apt-cache showsrc --only-source "postgresql-$major" |
		sed -n 's/^Version: //p' | sort -rV); do
		source_apt apt-get source --only-source "postgresql-$major=$version" && break
	done
	[ -x "$(echo postgresql-*/configure)" ]
}

# Run a command that can write to nothing but the folders of this script: whatever the package's
# makefiles have in mind, the server that is installed here stays as it is.
confined() {
	bwrap --ro-bind / / --dev /dev --proc /proc --bind "$work" "$work" --bind "$target" "$target" \
		--chdir "$PWD" "$@"
}

# Only what the tests need: no library that is not there anyway, and no documentation.
build() {
	local without=(--without-readline --without-zlib)
	[ "$major" -lt 16 ] || without+=(--without-icu)
	# Debian's server looks for its modules where the package has them, whatever its prefix is.
	if [ -e debian/patches/50-per-version-dirs.patch ]; then
		patch -s -R -p1 <debian/patches/50-per-version-dirs.patch || return
	fi
	./configure --quiet --prefix="$target" --enable-cassert --enable-debug --enable-tap-tests \
		"${without[@]}" &&
		for part in . contrib; do
			make -s -j"$(nproc)" -C "$part" && confined make -s -C "$part" install || return
		done &&
		case $("$target/bin/pg_config" --pkglibdir) in
			"$target"/*) ;;
			*) echo "The server looks for its modules outside of $target."; return 1 ;;
		esac
}

# Keep what the server's own regression suite consists of.
keep_regress() {
	make -s -C src/test/regress all &&
		mkdir "$target/regress" &&
		cp -R src/test/regress/{sql,expected,data,parallel_schedule,resultmap} "$target/regress/" &&
		cp src/test/regress/*.so "$target/regress/" &&
		cp contrib/spi/{autoinc,refint}.so "$target/regress/"
}

if ! fetch; then
	echo "The source of PostgreSQL $major cannot be had."
	exit 3
fi
rm -rf "$target"
mkdir -p "$target"
cd postgresql-*/ && build && keep_regress && touch "$target/.complete"
