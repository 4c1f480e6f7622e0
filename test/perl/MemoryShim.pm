# A server to which a test can say how much memory there is (see memory_shim.c).
package MemoryShim;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use File::Path;
use GuardTest;
use POSIX qw(sysconf _SC_PAGESIZE);
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(require_memory_shim memory_shim_environment node_with_memory
  set_host_memory set_memory_beside_sessions set_cgroups add_mount hide_memory show_memory);

# A folder of this test: others that run at the same time share the one above.
sub folder
{
	return "${PostgreSQL::Test::Utils::tmp_check}/" . basename($0, '.pl') . '_memory';
}

# Build the shim, or skip the whole test where that cannot be.
sub require_memory_shim
{
	my $compiler = $ENV{CC} // 'cc';

	plan skip_all => 'no /proc that tells of memory' if !-r "/proc/$$/statm";
	plan skip_all => 'no C compiler to build a kernel that says what a test wants'
	  if system("$compiler --version > /dev/null 2>&1") != 0;
	rmtree(folder());
	mkpath(folder());
	PostgreSQL::Test::Utils::system_or_bail(split(' ', $compiler), '-shared', '-fPIC', '-O2',
		'-o', folder() . '/shim.so', dirname(__FILE__) . '/memory_shim.c', '-ldl');
	return;
}

# What a process must have in its environment to believe the test.
sub memory_shim_environment
{
	return (LD_PRELOAD => folder() . '/shim.so', MEMORY_SHIM_FOLDER => folder());
}

# A guard_node() that believes the test; all is as it really is at first.
sub node_with_memory
{
	local %ENV = (%ENV, memory_shim_environment());

	return guard_node(@_);
}

# Put a file in its place, so that nobody reads half of it; remove it for undef.
sub put_file
{
	my ($name, $content) = @_;
	my $file = folder() . "/$name";

	if (!defined $content)
	{
		unlink $file;
		return;
	}
	mkpath(dirname($file));
	open my $handle, '>', "$file.new" or die "$file: $!";
	print $handle $content;
	close $handle or die "$file: $!";
	rename "$file.new", $file or die "$file: $!";
	return;
}

# Set how many bytes the host has left; undef for what it really has.
sub set_host_memory
{
	my ($bytes) = @_;

	return put_file('meminfo', $bytes
		&& "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: " . int($bytes / 1024) . " kB\n");
}

# Let the host have so many bytes left beside what the server's processes have now: by what
# they have more, or less, it has less or more.  undef for what it really has.
sub set_memory_beside_sessions
{
	my ($node, $bytes) = @_;
	my $server = $node->data_dir . '/postmaster.pid';
	my ($postmaster) = slurp_file($server) =~ /^(\d+)/;
	my $private = 0;

	for my $statm (glob '/proc/[0-9]*/statm')
	{
		my ($parent) = (eval { slurp_file($statm =~ s/statm$/stat/r) } // '') =~ /^\d+ \(.*\) \S (\d+)/;
		my (undef, $resident, $shared) = split ' ', eval { slurp_file($statm) } // '';

		$private += ($resident - $shared) * sysconf(_SC_PAGESIZE)
		  if defined $shared && defined $parent && $parent == $postmaster;
	}
	return put_file('host', defined $bytes ? $private + $bytes : undef);
}

# Be in a cgroup of version 1 or 2, by its path, mounted from a root on; cgroups are a hash of
# files by path below the mount point.  Processes find their cgroup once only.
sub set_cgroups
{
	my ($version, $path, $root, %cgroups) = @_;
	my $mount = 'cgroups';
	my $point = folder() . "/$mount";

	rmtree($point);
	put_file('cgroup',
		$version == 1 ? "5:cpu:/elsewhere\n4:cpuacct,memory:$path\n0::/elsewhere\n" : "0::$path\n");
	put_file('mountinfo',
		"20 1 8:1 / / rw - ext4 /dev/root rw\n"
		  . ($version == 1 ? "31 20 0:30 / /nowhere rw - cgroup2 cgroup2 rw\n" : '')
		  . "32 20 0:31 $root $point rw shared:1 - "
		  . ($version == 1 ? "cgroup cgroup rw,cpuacct,memory\n" : "cgroup2 cgroup2 rw,nsdelegate\n"));
	for my $cgroup (keys %cgroups)
	{
		put_file("$mount$cgroup/$_", $cgroups{$cgroup}{$_}) for keys %{ $cgroups{$cgroup} };
	}
	return;
}

# Put a line before those of the mounts.
sub add_mount
{
	my ($line) = @_;

	return put_file('mountinfo', "$line\n" . slurp_file(folder() . '/mountinfo'));
}

# From here on no process can read how much memory another one has; and can again.
sub hide_memory
{
	return put_file('hidden', '');
}

sub show_memory
{
	return put_file('hidden', undef);
}

1;
