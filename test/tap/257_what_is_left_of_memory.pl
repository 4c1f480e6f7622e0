# How much memory is left is the least of what the host and each cgroup leave, in
# either version of cgroups, wherever they are mounted.  It is read by the guard's own
# code, in a program of its own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use MemoryShim;
use PostgreSQL::Test::Utils;
use Test::More;

require_memory_shim();

my $cxx = $ENV{CXX} // 'c++';
my $source = "$FindBin::RealBin/../..";
my $left = "${PostgreSQL::Test::Utils::tmp_check}/left";
plan skip_all => 'no C++ compiler to build test/tools/left.cpp' if system("$cxx --version > /dev/null 2>&1") != 0;
system_or_bail(split(' ', $cxx), '-std=c++20', '-O1', "-I$source/src", '-o', $left, "$source/test/tools/left.cpp",
	map({ "$source/src/status/$_.cpp" } qw(available_memory cgroup proc_file)),
	map({ "$source/src/core/$_.cpp" } qw(proc_text cgroup_text text)));

my $megabyte = 1024 * 1024;

# What the program says.
sub said
{
	local %ENV = (%ENV, memory_shim_environment());
	my ($output) = run_command([$left]);

	return $output;
}

sub is_left
{
	my ($bound, $megabytes, $name) = @_;

	return is(said(), "$bound " . $megabytes * $megabyte, $name);
}

# The files of a cgroup; the statistics are as long as a real one's.
sub files_v2
{
	my ($max, $current, $inactive) = @_;

	return {
		'memory.max' => ($max eq 'max' ? $max : $max * $megabyte) . "\n",
		'memory.high' => "4096\n",
		'memory.current' => $current * $megabyte . "\n",
		'memory.stat' => "anon 1\nfile 2\n"
		  . join('', map { "some_other_count_$_ 12345\n" } 1 .. 60)
		  . "workingset_inactive_file 1\ninactive_anon 99999999\ninactive_file ${\ ($inactive * $megabyte) }\nactive_file 99999999\n"
	};
}

sub files_v1
{
	my ($limit, $usage, $inactive) = @_;

	return {
		'memory.limit_in_bytes' => ($limit eq 'max' ? 9223372036854771712 : $limit * $megabyte) . "\n",
		'memory.usage_in_bytes' => $usage * $megabyte . "\n",
		'memory.stat' => "cache 1\ninactive_file 99999999\ntotal_cache 2\ntotal_inactive_file ${\ ($inactive * $megabyte) }\ntotal_unevictable 0\n"
	};
}

set_host_memory(1000 * $megabyte);
set_cgroups(2, '/a', '/');
is_left('host', 1000, 'the host bounds it where no cgroup does');
set_cgroups(2, '/', '/', '' => files_v2('max', 600, 0));
is_left('host', 1000, 'a cgroup without a limit bounds nothing');

set_cgroups(2, '/a/b', '/', '/a/b' => files_v2(800, 600, 150));
is_left('cgroup', 350, 'its own cgroup does, with the page cache that can be given up');
set_cgroups(2, '/a/b', '/', '/a/b' => files_v2(800, 600, 0), '/a' => files_v2(900, 800, 0));
is_left('cgroup', 100, 'one above it does if it leaves less');
set_cgroups(2, '/a/b', '/', '/a/b' => files_v2('max', 600, 0), '/a' => files_v2('max', 600, 0), '' => files_v2(700, 600, 50));
is_left('cgroup', 150, 'as does that at the mount point');
set_cgroups(2, '/a/b', '/', '/a/b' => files_v2(500, 600, 0));
is_left('cgroup', 0, 'a cgroup over its limit leaves nothing');
set_cgroups(2, '/a/b', '/', '/a/b' => files_v2(5000, 600, 0));
is_left('host', 1000, 'a cgroup may leave more than the host has');
set_cgroups(2, '/a/b', '/', '/a/c' => files_v2(500, 600, 0), '/a/b/c' => files_v2(500, 600, 0));
is_left('host', 1000, 'other cgroups do not matter');

# In a container.
set_cgroups(2, '/a/b/c', '/a/b', '' => files_v2(800, 600, 0), '/c' => files_v2(800, 700, 0));
is_left('cgroup', 100, 'a hierarchy may be mounted from a cgroup on');
set_cgroups(2, '/x/y', '/a/b', '' => files_v2(800, 600, 0));
is_left('cgroup', 200, 'and not show the own one');

set_cgroups(1, '/a/b', '/', '/a/b' => files_v1(800, 600, 150), '/a' => files_v1('max', 600, 0), '' => files_v1('max', 600, 0));
is_left('cgroup', 350, 'so it is in version 1');
set_cgroups(1, '/a/b', '/', '/a/b' => files_v1(800, 600, 0), '/a' => files_v1(900, 800, 50), '' => files_v1('max', 900, 0));
is_left('cgroup', 150, 'also above');
set_cgroups(1, '/a/b', '/', '/a/b' => files_v1('max', 600, 0), '/a' => files_v1('max', 600, 0));
is_left('host', 1000, 'where the largest number is no limit');

# Other mounts may have long lines: about as long as what is read at once, and longer.
my @in_the_way;
for my $length (3900 .. 3904, 4040 .. 4050, 8130 .. 8150, 20000)
{
	my $options = 'lowerdir=' . 'x' x $length;

	set_cgroups(2, '/a', '/', '/a' => files_v2(800, 600, 0));
	add_mount("21 20 0:31 / /merged rw - overlay overlay $options");
	push @in_the_way, $length if said() ne 'cgroup ' . 200 * $megabyte;
}
is("@in_the_way", '', 'however long they are');

set_host_memory(undef);
set_cgroups(2, '/a', '/', '/a' => files_v2(2, 1, 0));
is_left('cgroup', 1, 'the real host has more than a megabyte');

done_testing();
