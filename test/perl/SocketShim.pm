# A server whose kernel can be let not tell of sockets (see socket_shim.c).
package SocketShim;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use File::Path;
use GuardTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(require_socket_shim node_with_sockets hide_sockets show_sockets);

# A folder of this test: others that run at the same time share the one above.
sub folder
{
	return "${PostgreSQL::Test::Utils::tmp_check}/" . basename($0, '.pl') . '_sockets';
}

# Build the shim, or skip the whole test where that cannot be.
sub require_socket_shim
{
	my $compiler = $ENV{CC} // 'cc';

	plan skip_all => 'only Linux tells of sockets' if $^O ne 'linux';
	plan skip_all => 'no C compiler to build a kernel that does not tell of sockets'
	  if system("$compiler --version > /dev/null 2>&1") != 0;
	rmtree(folder());
	mkpath(folder());
	PostgreSQL::Test::Utils::system_or_bail(split(' ', $compiler), '-shared', '-fPIC', '-O2',
		'-o', folder() . '/shim.so', dirname(__FILE__) . '/socket_shim.c', '-ldl');
	return;
}

# A guard_node() that asks such a kernel; it tells at first.
sub node_with_sockets
{
	local %ENV = (%ENV, LD_PRELOAD => folder() . '/shim.so', SOCKET_SHIM_FOLDER => folder());

	return guard_node(@_);
}

# From here on the kernel does not tell: questions are "forbidden", or it is "lacking" what
# answers them.
sub hide_sockets
{
	my ($how) = @_;

	PostgreSQL::Test::Utils::append_to_file(folder() . "/$how", '');
	return;
}

sub show_sockets
{
	unlink map { folder() . "/$_" } 'forbidden', 'lacking';
	return;
}

1;
