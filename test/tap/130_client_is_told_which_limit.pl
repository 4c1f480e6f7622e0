# A client that is ended by a limit reads in its own error what it has been doing
# and for how long, the limit and where it was set, and what can be done about it.
# SQLSTATE and primary message stay the server's.  Beside each culprit stands an
# innocent who is not ended.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my %hint = (
	idle_session => 'Close connections that are not in use, or ask the administrator to raise the limit.',
	idle_in_transaction =>
	  'Commit or roll back before waiting for other work, or ask the administrator to raise the limit.',
	statement => 'Divide the work into shorter statements, or ask the administrator to raise the limit.',
	transaction => 'Divide the work into shorter transactions, or ask the administrator to raise the limit.',
	session => 'Connect again, or ask the administrator to raise the limit.');

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.cancel_grace' => '500ms',
	'pg_session_guard.session_timeout_jitter' => 0);
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(sleeper batch guest stubborn);
$node->safe_psql('postgres', "CREATE DATABASE $_") for qw(shop bank);

# Open a session and let it begin to run something, if anything is given.
sub session_at
{
	my ($user, $dbname, @statements) = @_;
	my $session = RawSession->connect($node, user => $user, dbname => $dbname);
	my $last = pop @statements;

	$session->query($_) for @statements;
	if (defined $last)
	{
		$session->send_query($last);
		wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
	}
	return $session;
}

my $sleep = 'SELECT pg_sleep(600)';
my %innocent = (
	'idle, of a role without a limit' => session_at('web', 'postgres'),
	'its statement is in another database' => session_at('web', 'postgres', $sleep),
	'in a transaction in another database' => session_at('batch', 'bank', 'BEGIN', $sleep),
	'stubborn, but idle' => session_at('stubborn', 'postgres'));
my %culprit = (
	idle_session => session_at('sleeper', 'postgres'),
	idle_in_transaction => RawSession->connect($node),
	statement => session_at('web', 'shop', $sleep),
	transaction => session_at('batch', 'postgres', 'BEGIN', $sleep),
	session => session_at('guest', 'postgres'),
	escalation => session_at('stubborn', 'postgres', stubborn_statement()));
$culprit{idle_in_transaction}->query('BEGIN');

# They are at it before there is any limit.
$node->safe_psql(
	'postgres', q{
	ALTER ROLE sleeper SET pg_session_guard.idle_session_timeout = '1s';
	ALTER DATABASE shop SET pg_session_guard.statement_timeout = '1s';
	ALTER ROLE batch IN DATABASE postgres SET pg_session_guard.transaction_timeout = '1s';
	ALTER ROLE guest SET pg_session_guard.session_timeout = '1s';
	ALTER ROLE stubborn SET pg_session_guard.statement_timeout = '1s'});
set_limits($node, idle_in_transaction_session_timeout => '1s');

# Durations that were measured, of a second or more, read as N.
sub without_durations
{
	my ($text) = @_;
	my $measured = qr/(?:\d+ min )?[1-9][\d.]* s/;

	$text =~ s/ for $measured;/ for N;/;
	$text =~ s/ Canceled (?:$measured|[5-9]\d\d ms) ago / Canceled N ago /;
	return $text;
}

# What is told of a limit, where it was set, and more if there is more.
sub detail_of
{
	my ($phrase, $limit, $source, $more) = @_;

	return "$phrase for N; pg_session_guard.$limit is 1 s ($source)." . ($more // '');
}

my %detail = (
	idle_session => detail_of('Idle', 'idle_session_timeout', 'role "sleeper"'),
	idle_in_transaction => detail_of('Idle in transaction', 'idle_in_transaction_session_timeout', 'configuration file'),
	statement => detail_of('Statement running', 'statement_timeout', 'database "shop"'),
	transaction => detail_of('In a transaction', 'transaction_timeout', 'role "batch" in database "postgres"'),
	session => detail_of('Connected', 'session_timeout', 'role "guest"'),
	escalation => detail_of(
		'Statement running', 'statement_timeout', 'role "stubborn"',
		' Canceled N ago and went on; pg_session_guard.cancel_grace is 500 ms.'));
$hint{escalation} = $hint{statement};

for my $case (sort keys %culprit)
{
	my $session = $culprit{$case};
	my $is_canceled = $case eq 'statement';
	my $expected = $is_canceled ? \&canceled_text : \&terminated_text;

	$session->read_until($is_canceled ? 'Z' : 'E');
	is(without_durations($session->error_text), $expected->($detail{$case}, $hint{$case}), "$case: the client is told why");
	next if $is_canceled;
	$session->read_to_end;
	wait_for_end($node, $session->pid);
}
is($culprit{statement}->query('SELECT 42'), '42', 'the session of the canceled statement goes on');
is(living($node, \%innocent), join(' ', sort keys %innocent), 'the innocents are all there');
is($innocent{'stubborn, but idle'}->query('SELECT 42'), '42', 'and nothing is told to them');

# The same by psql.
sub words_by_psql
{
	my ($dbname, $user, $sql) = @_;
	my $stderr;

	$node->psql($dbname, $sql, stderr => \$stderr, extra_params => [ '-U', $user ]);
	return without_durations($stderr =~ s/^psql:\S+ //r);
}

is( words_by_psql('shop', 'web', $sleep),
	"ERROR:  canceling statement due to user request\nDETAIL:  $detail{statement}\nHINT:  $hint{statement}",
	'psql shows why a statement was canceled');
like(
	words_by_psql('postgres', 'batch', "BEGIN\\; $sleep"),
	qr/^FATAL:  terminating connection due to administrator command\nDETAIL:  \Q$detail{transaction}\E\n(?:Signal sent by .*\n)?HINT:  \Q$hint{transaction}\E\n/,
	'and why a session was terminated');

SKIP:
{
	skip 'DBD::Pg is not installed', 6 if !eval { require DBD::Pg; 1 };

	# Connect as a role; what the driver calls the last error.
	my $connect = sub {
		my ($dbname, $user) = @_;
		my $source = "dbi:Pg:dbname=$dbname;host=${\ $node->host };port=${\ $node->port }";

		return DBI->connect($source, $user, '', { RaiseError => 0, PrintError => 0, AutoCommit => 1 });
	};
	my $words = sub { return without_durations($_[0]->errstr) };
	my $db = $connect->('shop', 'web');

	ok(!$db->do($sleep), 'DBD::Pg: a statement fails');
	is($db->state, '57014', 'DBD::Pg: with the SQLSTATE of a cancel');
	is( $words->($db),
		"ERROR:  canceling statement due to user request\nDETAIL:  $detail{statement}\nHINT:  $hint{statement}",
		'DBD::Pg: and it says why');
	is($db->selectrow_array('SELECT 42'), '42', 'DBD::Pg: its session goes on');
	$db->disconnect;

	$db = $connect->('postgres', 'web');
	my ($pid) = $db->selectrow_array('SELECT pg_backend_pid()');
	$db->do('BEGIN');
	wait_for_end($node, $pid);
	ok(!$db->do('SELECT 42'), 'DBD::Pg: the next call of an ended session fails');
	like($words->($db), qr/\nDETAIL:  \Q$detail{idle_in_transaction}\E\n/, 'DBD::Pg: and it says why');
}

is(living($node, \%innocent), join(' ', sort keys %innocent), 'the innocents are still there');

$_->abandon for values %innocent, values %culprit;
$node->stop;
done_testing();
