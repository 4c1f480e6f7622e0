# What scripts/test.sh and scripts/demo.sh share.  To be sourced by bash.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Is a Debian package installed?
have_package() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Install the packages that are missing, or say which they are.
need_packages() {
	local missing=() package
	if ! command -v dpkg-query >/dev/null; then
		echo "Not a Debian system: these packages' equivalents must be there: $*" >&2
		return
	fi
	for package; do
		have_package "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	local become=()
	if [ "$(id -u)" != 0 ]; then
		if ! sudo -n true 2>/dev/null; then
			echo "These packages are missing, and only root can install them: ${missing[*]}" >&2
			exit 1
		fi
		become=(sudo -n)
	fi
	echo "Installing ${missing[*]}"
	"${become[@]}" apt-get update -qq
	"${become[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The server that is built against and started: PG_CONFIG, or the newest that can be built for.
find_server() {
	local dir
	if [ -z "${PG_CONFIG:-}" ]; then
		for dir in /usr/lib/postgresql/*/bin; do
			[ -d "${dir%/bin}/lib/pgxs" ] && [ -x "$dir/postgres" ] &&
				PG_CONFIG=$dir/pg_config
		done
		PG_CONFIG=${PG_CONFIG:-pg_config}
	fi
	[ -x "$(command -v "$PG_CONFIG")" ] || { echo "No pg_config found; set PG_CONFIG." >&2; exit 1; }
	export PG_CONFIG
	bindir=$("$PG_CONFIG" --bindir)
	major=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
}

# The packages of the server: the one that PG_CONFIG belongs to, or Debian's own.
server_packages() {
	local version=${PG_MAJOR:-}
	[ -n "$version" ] || version=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -n 1)
	[ -n "$version" ] || version=$(apt-cache depends postgresql 2>/dev/null |
		sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p')
	echo "postgresql-${version:-15} postgresql-server-dev-${version:-15}"
}

# A server refuses to run as root.  As root, run the rest of the script as somebody else:
# inside a user namespace, where files stay where and whose they are, or else as postgres.
leave_root() {
	[ "$(id -u)" = 0 ] || return 0
	if unshare -U --map-user=65534 --map-group=65534 true 2>/dev/null; then
		exec unshare -U --map-user=65534 --map-group=65534 -- "$@"
	fi
	chown -R postgres "$work"
	exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
}

# Copy the project's own files to a folder, so that nothing is left in the tree.
copy_project() {
	mkdir -p "$1"
	if git -C "$project" rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git -C "$project" ls-files -z --cached --others --exclude-standard |
			(cd "$project" && xargs -0 -r sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' sh) |
			tar -C "$project" --null -T - -cf - | tar -C "$1" -xf -
	else
		tar -C "$project" -cf - . | tar -C "$1" -xf -
	fi
}

# Settings by which a server finds a build that is installed under $1 only.
settings_for_build() {
	local sharedir pkglibdir
	sharedir=$("$PG_CONFIG" --sharedir)
	pkglibdir=$("$PG_CONFIG" --pkglibdir)
	if [ "$major" -ge 18 ]; then
		echo "extension_control_path = '$1$sharedir:\$system'"
	else
		echo "extension_destdir = '$1'"
	fi
	echo "dynamic_library_path = '$1$pkglibdir:\$libdir'"
}
