# What the scripts share.  To be sourced by bash.
# shellcheck shell=bash

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Is a Debian package installed?
have_package() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Run a command as root, if we may.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

# Install the packages that are missing, or say which they are.
need_packages() {
	local missing=() package config=/etc/postgresql-common/createcluster.conf made=
	if ! command -v dpkg-query >/dev/null; then
		echo "Not a Debian system: these packages' equivalents must be there: $*" >&2
		return
	fi
	for package; do
		have_package "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! as_root true 2>/dev/null; then
		echo "These packages are missing, and only root can install them: ${missing[*]}" >&2
		exit 1
	fi
	echo "Installing ${missing[*]}"
	# The server's package would make a cluster and start it; nobody has asked for one.
	if [ ! -e "$config" ]; then
		as_root mkdir -p "${config%/*}"
		echo 'create_main_cluster = false' | as_root tee "$config" >/dev/null
		made=1
	fi
	local status=0
	{
		as_root apt-get update -qq &&
			as_root env DEBIAN_FRONTEND=noninteractive \
				apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	} || status=$?
	# Leave the package's own settings, whatever came of it.
	if [ -n "$made" ]; then
		as_root rm -f "$config"
		[ ! -e /usr/share/postgresql-common/createcluster.conf ] ||
			as_root cp /usr/share/postgresql-common/createcluster.conf "$config"
	fi
	[ $status -eq 0 ] || { echo "They could not be installed." >&2; exit 1; }
}

# The packages of the server to build for, if it is one of Debian's: that of PG_CONFIG, the newest
# that is installed, or the release's own.
server_packages() {
	local version
	if [ -n "${PG_CONFIG:-}" ]; then
		version=$(expr "$(command -v "$PG_CONFIG")" : '/usr/lib/postgresql/\([0-9]*\)/') || return 0
	else
		version=$(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null |
			sort -n | tail -n 1)
	fi
	if [ -z "$version" ]; then
		[ -n "$(apt-cache madison postgresql 2>/dev/null)" ] || as_root apt-get update -qq
		version=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p')
	fi
	# The headers of a server with GSSAPI need those of Kerberos, which no package of it asks for.
	echo "postgresql-$version postgresql-server-dev-$version libkrb5-dev"
}

# The server that is built against and started: PG_CONFIG, or the newest that can be built for.
find_server() {
	local dir
	if [ -z "${PG_CONFIG:-}" ]; then
		for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V); do
			[ -d "${dir%/bin}/lib/pgxs" ] && [ -x "$dir/postgres" ] && PG_CONFIG=$dir/pg_config
		done
		PG_CONFIG=${PG_CONFIG:-pg_config}
	fi
	[ -x "$(command -v "$PG_CONFIG")" ] || { echo "No pg_config found; set PG_CONFIG." >&2; exit 1; }
	export PG_CONFIG
	bindir=$("$PG_CONFIG" --bindir)
	major=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
	# The project's servers ask for the settings of whoever starts them.
	unset PGHOST PGPORT PGDATABASE PGUSER PGOPTIONS PGSERVICE PGAPPNAME
}

# Copy the project's own files to a folder, so that nothing is left in the tree.
copy_project() {
	mkdir -p "$1"
	if git -c safe.directory='*' -C "$project" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git -c safe.directory='*' -C "$project" ls-files -z --cached --others --exclude-standard |
			(cd "$project" && xargs -0 -r sh -c 'for f; do [ ! -e "$f" ] || printf "%s\0" "$f"; done' sh) |
			tar -C "$project" --null -T - -cf - | tar -C "$1" --no-same-owner -xf -
	else
		tar -C "$project" --exclude=.git --exclude='*.o' --exclude='*.d' --exclude='*.so' \
			--exclude='tmp_*' -cf - . | tar -C "$1" --no-same-owner -xf -
	fi
}

# Go on in a copy of the project, in a temporary folder, and not as root: a server refuses that.
#
# Runs the same script there, with "--in FOLDER" before its arguments.  As root, it
# runs inside a user namespace, where files stay where and whose they are, or else as postgres.
continue_in_copy() {
	local name=$1 script folder
	script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
	shift
	folder=$(mktemp -d "${TMPDIR:-/tmp}/pg_session_guard-$name.XXXXXX") || exit 1
	chmod 755 "$folder"
	touch "$folder/.pg_session_guard"
	copy_project "$folder/src"
	set -- "$folder/src/${script#"$project"/}" --in "$folder" "$@"
	cd "$folder" || exit 1
	[ "$(id -u)" = 0 ] || exec "$@"
	if unshare -U --map-user=65534 --map-group=65534 true 2>/dev/null; then
		exec unshare -U --map-user=65534 --map-group=65534 -- "$@"
	fi
	chown -R postgres "$folder"
	exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
}

# Take over the folder that continue_in_copy made.  Nothing else is ever removed by remove_folder.
take_folder() {
	work=$1
	[ -f "$work/.pg_session_guard" ] || { echo "$work is not a folder of this script's." >&2; exit 2; }
}

remove_folder() {
	[ -f "$work/.pg_session_guard" ] || return 0
	cd /
	chmod -R u+w "$work" || true
	rm -rf "$work"
}

# Clean up if all went well, print the last line, and end; whoever calls it has counted.
# shellcheck disable=SC2154
report() {
	if [ "$failed" -eq 0 ]; then
		remove_folder
	else
		echo "What was built and logged is kept in $work"
	fi
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

# Repeat alone the scripts that have failed beside others, and tell which pass then.
#
#   repeat_failed OUTPUT BUILD COMMAND...
#
# OUTPUT is what "make installcheck" has written, BUILD where it ran, COMMAND how to call it.  An
# unsteady script has a race to be found, or what it tests has one; but not by whoever meets it with
# another change.
repeat_failed() {
	local output=$1 build=$2 script scripts
	shift 2
	scripts=$(sed -nE 's#^(test/[a-z]+/[^ ]+\.pl) +\(Wstat.*#\1#p' "$output")
	# More than two are no chance.
	[ -n "$scripts" ] && [ "$(wc -w <<<"$scripts")" -le 2 ] || return 1
	for script in $scripts; do
		tail -n 30 "$build/tmp_check/log/regress_log_$(basename "$script" .pl)"
	done
	for script in $scripts; do
		"$@" REGRESS='' ISOLATION='' PROVE_TESTS="$script" PROVE_FLAGS='' >"$output.repeated" 2>&1 || return 1
		echo "unsteady $script"
	done
}

# Settings by which a server finds a build that is installed under $1 only.
settings_for_build() {
	local sharedir pkglibdir
	sharedir=$("$PG_CONFIG" --sharedir)
	pkglibdir=$("$PG_CONFIG" --pkglibdir)
	if [ "$major" -ge 18 ]; then
		echo "extension_control_path = '$1$sharedir:\$system'"
	elif grep -q extension_destdir "$bindir/postgres"; then
		echo "extension_destdir = '$1'"
	else
		echo "This server finds no extension but in its own directories. Use \"make install\"" \
			"and \"make installcheck\"." >&2
		return 1
	fi
	echo "dynamic_library_path = '$1$pkglibdir:\$libdir'"
}
