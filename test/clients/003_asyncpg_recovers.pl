# asyncpg knows at once that its connection is closed, and never why; a statement that is canceled
# shows all.  The pool hands out no such connection.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use Test::More;

require_python('asyncpg');
my $world = start_world();
my $facts = run_program($world, python(), "$FindBin::RealBin/asyncpg_pool.py");
my @closed = (class => 'InterfaceError', message => 'connection is closed');

for my $path (paths())
{
	if ($path eq 'transaction')
	{
		is_result($facts, "$path, idle: closed before", 0);
		is_result($facts, "$path, idle: next query", 42);
	}
	else
	{
		is_result($facts, "$path, idle: closed before", 1);
		is_error($facts, "$path, idle: next query", @closed);
	}
	is_error($facts, "$path, in transaction: next query", @closed);
	is_error($facts, "$path, in transaction: commit", class => 'InterfaceError');
	is_cancel($facts, "$path, statement: canceled", class => 'QueryCanceledError');
	stays_usable($facts, $path);
	next if $path eq 'session';
	is_error($facts, "$path, at work: query", class => 'ConnectionDoesNotExistError', sqlstate => '08003');
	is_result($facts, "$path, at work: closed after", 1);
}

is_result($facts, 'pool: first', 42);
is_error($facts, 'pool, in transaction: query', class => 'InterfaceError');
is_result($facts, 'pool, in transaction: next', 42);

stop_world($world);
done_testing();
