# node-postgres: an event tells why as soon as the session is ended, and ends the program if nobody
# listens to it; with a listener the pool hands out no such connection, and goes on.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use Test::More;

plan skip_all => 'node-postgres is not installed here ("npm ci")'
  if system("cd '$FindBin::RealBin' && node -e 'require(\"pg\")' >/dev/null 2>&1") != 0;

my $world = start_world();
my $facts = run_program($world, 'node', "$FindBin::RealBin/node_postgres.js");
my @not_queryable = (message => qr/^Client has encountered a connection error and is not queryable/);

for my $path (paths())
{
	if ($path eq 'transaction')
	{
		is_result($facts, "$path, idle: events", 0);
		is_result($facts, "$path, idle: next query", 42);
	}
	else
	{
		is_end($facts, "$path, idle: event 1", 'idle_session');
		is_error($facts, "$path, idle: next query", @not_queryable);
	}
	is_end($facts, "$path, in transaction: event 1", 'idle_in_transaction_session');
	is_error($facts, "$path, in transaction: event 2", sqlstate => '08P01', message => 'server conn crashed?') if $path ne 'direct';
	is_error($facts, "$path, in transaction: next query", @not_queryable);
	is_cancel($facts, "$path, statement: canceled");
	is_result($facts, "$path, statement: events", 0);
	stays_usable($facts, $path);
	next if $path eq 'session';
	is_end($facts, "$path, at work: query", 'transaction');
}

my $detail = detail_of('idle_session');
is_result($facts, 'pool: first', 42);
is_result($facts, 'pool, in transaction: next', 42);
is_cancel($facts, 'pool, statement: canceled');
is_result($facts, 'pool, statement: same session', 1);
like($facts->{'pool: log'}{result}, qr/^lost a connection of the pool: 57P01 .* $detail$/, 'the pool tells why');
like(
	$facts->{'pool, in transaction: log'}{result},
	qr/^lost the connection in a transaction: 57P01 ${\ detail_of('idle_in_transaction_session') }/,
	'and so does the client of a transaction');

for my $name ('a client', 'a pool', 'a pool, in transaction')
{
	is_result($facts, "$name without a listener: exit code", 1);
	is_result($facts, "$name without a listener: says", q{Unhandled 'error' event});
	is_result($facts, "$name without a listener: SQLSTATE", '57P01');
}

stop_world($world);
done_testing();
