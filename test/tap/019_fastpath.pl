# A function called by fastpath is a statement for statement_timeout, timed from
# its own start: reading a large object after a long pause is let through, a
# call that runs too long is canceled.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# The short naptime makes the guard see every state of every session.
my $node = guard_node(
	'main',
	'pg_session_guard.statement_timeout' => '2s',
	'pg_session_guard.naptime' => '100ms');

my %oid = map { split /\|/ } split /\n/,
  $node->safe_psql('postgres',
	"SELECT proname, oid FROM pg_proc WHERE proname IN ('lo_open', 'loread', 'pg_sleep')");
my $object = $node->safe_psql('postgres',
	q{SELECT lo_from_bytea(0, convert_to(repeat('x', 10000), 'UTF8'))});

$node->safe_psql('postgres', "GRANT SELECT ON LARGE OBJECT $object TO web");

my $reader = RawSession->connect($node);
my $idle = RawSession->connect($node);
my $runaway = RawSession->connect($node);

# lo_open for reading (INV_READ), as libpq does it.
$reader->query('BEGIN');
my $descriptor = $reader->call_function($oid{lo_open}, $object, 0x40000);
$idle->query('SELECT 1');

$runaway->call_function($oid{pg_sleep}, 600);
is($runaway->sqlstate, '57014', 'a call that runs too long is canceled');
is($runaway->query('SELECT 42'), '42', 'its session lives on');

# Both have made their last statement longer ago than the limit.
wait_for_status($node, $_->pid, "clock_timestamp() - query_start > '4 s'") for $reader, $idle;

# The short sleeps between the reads give the guard the time to look.
my $read = 0;
for (1 .. 5)
{
	my $chunk = $reader->call_function($oid{loread}, $descriptor, 2000) // '';

	# As text, a bytea is \x and two digits for each byte.
	$read += length($chunk) / 2 - 1;
	$reader->call_function($oid{pg_sleep}, '0.1');
}
is($read, 10000, 'a large object is read to its end after a long pause in a transaction');
$reader->query('COMMIT');
is($reader->sqlstate, '', 'and its transaction commits');

$idle->call_function($oid{pg_sleep}, '0.4');
is($idle->sqlstate, '', 'a short call after a long pause is let through');

my @lines = guard_lines($node, qr/LOG:  (terminating|canceling)/);
is(scalar @lines, 1, 'nobody else was meant');
like($lines[0], qr/canceling statement of session ${\$runaway->pid} .*: statement running for/,
	'the line says who and why');

$_->quit for $reader, $idle, $runaway;
$node->stop;
done_testing();
