# psycopg 2 is told that the connection is closed, and not why; a statement that is canceled shows
# all.  SQLAlchemy's pool hands such a connection out once, unless it asks before, and recovers.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use Test::More;

require_python('psycopg2', 'sqlalchemy');
my $world = start_world();
my $facts = run_program($world, python(), "$FindBin::RealBin/psycopg2_sqlalchemy.py");

sub is_lost
{
	my ($name) = @_;

	return is_error($facts, $name,
		class => 'OperationalError', sqlstate => undef, message => qr/^server closed the connection unexpectedly\n/);
}

for my $path (paths())
{
	is_result($facts, "$path, idle: closed before", 0);
	if ($path eq 'transaction')
	{
		is_result($facts, "$path, idle: next query", 42);
	}
	else
	{
		is_lost("$path, idle: next query");
		is_result($facts, "$path, idle: closed after", 2);
		is_error($facts, "$path, idle: query after that", class => 'InterfaceError', message => 'connection already closed');
	}
	is_lost("$path, in transaction: next query");
	is_error($facts, "$path, in transaction: commit", class => 'InterfaceError');
	is_error($facts, "$path, in transaction: rollback", class => 'InterfaceError');
	is_cancel($facts, "$path, statement: canceled", class => 'QueryCanceled');
	stays_usable($facts, $path);
	next if $path eq 'session';
	is_lost("$path, at work: query");
	is_result($facts, "$path, at work: closed after", 2);
}

is_lost('pool: first');
is_error($facts, 'pool: first', connection_invalidated => 1);
is_result($facts, 'pool: second', 42);
is_lost('pool, in transaction: query');
is_result($facts, 'pool, in transaction: next', 42);
is_lost('pool of two: first');
is_result($facts, "pool of two: $_", 42) for 'second', 'third';
is_result($facts, 'checking pool: first', 42);

stop_world($world);
done_testing();
