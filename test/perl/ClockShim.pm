# A server whose wall clock a test can set (see clock_shim.c).
package ClockShim;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use GuardTest;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(require_clock_shim node_with_clock set_clock);

# A file of this test: others that run at the same time share the folder.
sub file_named
{
	my ($name) = @_;

	return "${PostgreSQL::Test::Utils::tmp_check}/" . basename($0, '.pl') . "_$name";
}

# Build the shim, or skip the whole test where that cannot be.
sub require_clock_shim
{
	my $compiler = $ENV{CC} // 'cc';

	plan skip_all => 'no C compiler to build a clock that can be set'
	  if system("$compiler --version > /dev/null 2>&1") != 0;
	PostgreSQL::Test::Utils::system_or_bail(split(' ', $compiler), '-shared', '-fPIC', '-O2',
		'-o', file_named('clock_shim.so'), dirname(__FILE__) . '/clock_shim.c', '-ldl');
	return;
}

# A guard_node() whose clock can be set; it is right at first.
sub node_with_clock
{
	set_clock(0);
	local $ENV{LD_PRELOAD} = file_named('clock_shim.so');
	local $ENV{CLOCK_SHIM_FILE} = file_named('clock_offset');
	return guard_node(@_);
}

# Set the server's wall clock this many seconds ahead of the real one.
sub set_clock
{
	my ($seconds) = @_;
	my $offset_file = file_named('clock_offset');

	open my $file, (-e $offset_file ? '+<' : '>'), $offset_file or die "$offset_file: $!";
	syswrite($file, pack('q', int($seconds * 1_000_000))) == 8 or die "$offset_file: $!";
	close $file or die "$offset_file: $!";
	return;
}

1;
