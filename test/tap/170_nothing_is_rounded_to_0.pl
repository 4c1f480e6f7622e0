# Where 0 means "off", "never" or "for ever", a value that is too short is
# refused and not rounded to that: at the start, at a reload, and as it may lie
# stored since a time when nobody objected.  What was in force goes on to bind.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.session_timeout' => '1s');
my @stored = (
	[ 'below_a_second', 'session_timeout', '400ms' ],
	[ 'below_an_hour', 'session_timeout', '0.02d' ],
	[ 'below_a_millisecond', 'session_timeout', '0.1us' ],
	[ 'impatient', 'cancel_grace', '100us' ],
	[ 'hasty', 'statement_timeout', '0.4' ],
	[ 'endless', 'statement_timeout', 'Infinity' ],
	[ 'numberless', 'statement_timeout', 'NaN' ]);
my %too_short = (
	session_timeout => [ '400ms', '0.4', '1s' ],
	statement_timeout => [ '400us', '0.4', '0' ],
	idle_session_timeout => [ '0.3', '0.3', '0' ],
	cancel_grace => [ '100us', '0.1', '10s' ],
	history_retention => [ '30s', '0.5', '30d' ],
	max_actions_per_minute => [ '0.4', '0.4', '0' ]);

# The server's lines about a value that it has refused.
sub refusals
{
	my ($name, $offset) = @_;

	return scalar guard_lines($node,
		qr/(LOG|WARNING):  invalid value for parameter "pg_session_guard\.$name": \Q$too_short{$name}->[1]\E$/, $offset);
}

# Without the library nobody objects, and to 0 nobody ever does.
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for 'unbound', map { $_->[0] } @stored;
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->restart;
$node->safe_psql('postgres', "ALTER ROLE $_->[0] SET pg_session_guard.$_->[1] = '$_->[2]'")
  for @stored, [ 'unbound', 'session_timeout', '0' ];

# The start: what is refused leaves the default.
$node->append_conf(
	'postgresql.conf', q(
shared_preload_libraries = 'pg_session_guard'
pg_session_guard.history_retention = '30s'
pg_session_guard.cancel_grace = '100us'
));
my $offset = log_size($node);
$node->restart;
wait_for_guard($node);
for my $name ('history_retention', 'cancel_grace')
{
	is(refusals($name, $offset), 1, "at the start, $name = $too_short{$name}->[0] is refused");
	is($node->safe_psql('postgres', "SHOW pg_session_guard.$name"), $too_short{$name}->[2], 'and the default is in force');
}

# What is stored: it counts as not stored.
my %session = map { $_ => RawSession->connect($node, user => $_) }
  'unbound', map { $_->[0] } grep { $_->[1] eq 'session_timeout' } @stored;
wait_for_scan($node, 2);
for my $value (@stored)
{
	my ($role, $name, $text) = @$value;

	is(scalar guard_lines($node, qr/LOG:  ignored the value "\Q$text\E" stored for parameter "pg_session_guard\.$name"$/, $offset),
		1, "stored, $name = $text is ignored");
	next if $name ne 'session_timeout';
	wait_for_end($node, $session{$role}->pid);
	is(scalar guard_lines($node, qr/LOG:  terminating session ${\ $session{$role}->pid } .*session_timeout is 1 s \(configuration file\)(?: plus \S+ \S+ of jitter)?$/, $offset),
		1, "and the server's limit binds");
}
ok(is_alive($node, $session{unbound}->pid), 'a stored 0 means off');

# The reload: the setting stays as it is.
$node->append_conf('postgresql.conf',
	join '', (map { "pg_session_guard.$_ = '$too_short{$_}->[0]'\n" } sort keys %too_short),
	"pg_session_guard.catch_up_rate = 11\n");
$offset = log_size($node);
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('pg_session_guard.catch_up_rate') = '11'")
  or die 'the reload did not come through';
for my $name (sort keys %too_short)
{
	is(refusals($name, $offset), 1, "at a reload, $name = $too_short{$name}->[0] is refused");
	is($node->safe_psql('postgres', "SHOW pg_session_guard.$name"), $too_short{$name}->[2], 'and stays what it was');
}
my $late = RawSession->connect($node, user => 'web');
wait_for_end($node, $late->pid);
pass('the limit that was in force before binds whoever comes');

$_->abandon for $late, values %session;
$node->stop;
done_testing();
