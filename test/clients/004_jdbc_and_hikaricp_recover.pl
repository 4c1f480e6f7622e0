# JDBC: whose session is ended reads why at its next query, or finds the connection closed where it
# has more to send than fits at once.  HikariCP hands out no such connection.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use PostgreSQL::Test::Utils;
use Test::More;

my @jars = map { "/usr/share/java/$_.jar" } 'postgresql', 'HikariCP', 'slf4j-api', 'slf4j-nop';
for my $jar (@jars)
{
	plan skip_all => "$jar is not installed" if !-e $jar;
}
plan skip_all => 'no Java compiler is installed' if system('javac -version >/dev/null 2>&1') != 0;

my $classes = PostgreSQL::Test::Utils::tempdir();
my $path_of_classes = join ':', @jars, $classes;
run_log([ 'javac', '-cp', $path_of_classes, '-d', $classes, "$FindBin::RealBin/Jdbc.java" ])
  or die 'the program could not be compiled';

my $world = start_world();
my $facts = run_program($world, 'java', '-XX:TieredStopAtLevel=1', '-cp', $path_of_classes, 'Jdbc');

for my $path (paths())
{
	is_result($facts, "$path, idle: closed before", 0);
	if ($path eq 'transaction')
	{
		is_result($facts, "$path, idle: next query", 42);
	}
	else
	{
		is_end($facts, "$path, idle: next query", 'idle_session');
		is_result($facts, "$path, idle: closed after", 1);
		is_error($facts, "$path, idle: query after that", sqlstate => '08003');
	}
	is_end($facts, "$path, in transaction: next query", 'idle_in_transaction_session');
	is_error($facts, "$path, in transaction: rollback", sqlstate => '08003');
	is_cancel($facts, "$path, statement: canceled");
	stays_usable($facts, $path);
	next if $path eq 'session';
	is_end($facts, "$path, at work: query", 'transaction');
}

is_error($facts, 'direct, idle: next query', text => qr/^FATAL: .*\n  Detail: Idle for .*\n  Hint: Close /);
is_result($facts, 'direct, idle: valid', 0);
is_error($facts, 'direct, idle: long query', sqlstate => '08006');
is_end($facts, 'direct, in transaction: commit', 'idle_in_transaction_session');

is_result($facts, 'pool: first', 42);
is_end($facts, 'pool, in transaction: query', 'idle_in_transaction_session');
is_result($facts, 'pool, in transaction: next', 42);
is_cancel($facts, 'pool, statement: canceled');
is_result($facts, 'pool, statement: next', 42);
is_result($facts, 'another try', 42);
is_error($facts, 'another try, another error', sqlstate => '22012');

stop_world($world);
done_testing();
