# psycopg 3: whose session is ended reads why at its next query, in the text of an OperationalError;
# the pool hands such a connection out once, unless it is checked, and recovers.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use Test::More;

require_python('psycopg', 'psycopg_pool');
my $world = start_world();
my $facts = run_program($world, python(), "$FindBin::RealBin/psycopg3.py");

# The reason is in the text, the SQLSTATE nowhere.
sub is_lost
{
	my ($name, $limit) = @_;

	return is_error($facts, $name, class => 'OperationalError', sqlstate => undef, message => end_text($limit));
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
		is_lost("$path, idle: next query", 'idle_session');
		is_result($facts, "$path, idle: closed after", 1);
		is_error($facts, "$path, idle: query after that", class => 'OperationalError', message => 'the connection is closed');
	}
	is_lost("$path, in transaction: next query", 'idle_in_transaction_session');
	is_result($facts, "$path, in transaction: closed after", 1);
	is_error($facts, "$path, in transaction: commit", class => 'OperationalError', sqlstate => undef);
	is_error($facts, "$path, in transaction: rollback", class => 'OperationalError', sqlstate => undef);
	is_cancel($facts, "$path, statement: canceled", class => 'QueryCanceled');
	stays_usable($facts, $path);
	next if $path eq 'session';
	is_error($facts, "$path, at work: query", class => 'OperationalError', sqlstate => undef);
	is_result($facts, "$path, at work: closed after", 1);
}

is_lost('pool: first', 'idle_session');
is_result($facts, 'pool: second', 42);
is_lost('pool, in transaction: query', 'idle_in_transaction_session');
is_result($facts, 'pool, in transaction: next', 42);
is_lost("pool of two: $_", 'idle_session') for 'first', 'second';
is_result($facts, 'pool of two: third', 42);
is_result($facts, 'checking pool: first', 42);
is_result($facts, 'another try', 42);
is_error($facts, 'another try, another error', sqlstate => '22012');
is_cancel($facts, 'another try, canceled');
is_result($facts, 'another try, canceled: tries', 1);

stop_world($world);
done_testing();
