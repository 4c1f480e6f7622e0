# A COPY of which a trigger has caught an error is a COPY still: its client's
# pauses are not idle in transaction, and the statement limit ends it.  Neither
# a cancel reaches a COPY that waits for its client, nor one that waits until
# the client reads: the second step does.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '1s',
	'pg_session_guard.cancel_grace' => '1s',
	'pg_session_guard.idle_in_transaction_session_timeout' => '1s',
	'pg_session_guard.idle_session_timeout' => '5s');

$node->safe_psql(
	'postgres', q{
	CREATE TABLE t (x text);
	GRANT ALL ON t TO web;
	CREATE FUNCTION catches() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM 1 / 0;
		RETURN NULL;
	EXCEPTION WHEN division_by_zero THEN
		RETURN NEW;
	END
	$$;
	CREATE TRIGGER catches BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION catches();
});

my %copy = map { $_ => RawSession->connect($node) } 'from', 'from in a block', 'to', 'slow';
my $idle = RawSession->connect($node);

$copy{$_}->query('BEGIN') for 'from in a block', 'slow';
for my $name ('from', 'from in a block', 'slow')
{
	$copy{$name}->send_query('COPY t FROM STDIN');
	$copy{$name}->read_until('G');
	# Enough for the rows to be inserted, and the error to be caught, before the end.
	$copy{$name}->copy_data('x' x 100 . "\n") for 1 .. 2000;
}
$copy{to}->send_query(
	q{COPY (SELECT repeat('x', 1000), generate_series(1, 10000000)) TO STDOUT});
wait_for_status($node, $copy{$_}->pid, "wait_event = 'ClientRead' AND state = 'active'")
  for 'from', 'from in a block', 'slow';
wait_for_status($node, $copy{to}->pid, "wait_event = 'ClientWrite'");
$idle->query('BEGIN');

# Who is idle in transaction goes meanwhile.
wait_for_end($node, $idle->pid);
wait_for_status($node, $_->pid, "clock_timestamp() - query_start > '3 s'") for values %copy;
is(living($node, \%copy), 'from from in a block slow to', 'a COPY whose client pauses stays');

# A slow client is no idler either, and may end well.
$copy{slow}->copy_data("the last row\n");
$copy{slow}->copy_done;
$copy{slow}->read_result;
is($copy{slow}->sqlstate, '', 'a COPY with pauses ends well');
$copy{slow}->query('COMMIT');
is($node->safe_psql('postgres', q{SELECT count(*) FROM t WHERE x = 'the last row'}),
	'1', 'with all of its rows');
delete($copy{slow})->quit;

# After the copy its session is one like any other: a pause in a transaction is one.
my $after = RawSession->connect($node);
$after->query('BEGIN');
$after->send_query('COPY t FROM STDIN');
$after->read_until('G');
$after->copy_data("a row\n");
$after->copy_done;
$after->read_result;
$after->parse('', 'SELECT 1');
$after->bind('', '');
$after->execute('');
$after->flush;
wait_for_status($node, $after->pid, "wait_event = 'ClientRead' AND state = 'active'");
wait_for_end($node, $after->pid);
like((guard_lines($node, qr/terminating session ${\ $after->pid } /))[0],
	qr/: idle in transaction for /, 'after a COPY a paused pipeline is idle in transaction');

set_limits($node, statement_timeout => '2s');
wait_for_end($node, $_->pid) for values %copy;
for my $name (sort keys %copy)
{
	my $pid = $copy{$name}->pid;
	my @lines = guard_lines($node, qr/(canceling statement of|terminating) session $pid /);

	is(scalar @lines, 2, "COPY $name gets two signals");
	like($lines[0], qr/canceling .*: statement running for .*statement_timeout is 2 s/,
		'a cancel by the statement limit');
	like($lines[1], qr/terminating .*, canceled .* ago, pg_session_guard.cancel_grace is 1 s$/,
		'and a terminate after the grace');
}

$_->abandon for values %copy, $idle, $after;
$node->stop;
done_testing();
