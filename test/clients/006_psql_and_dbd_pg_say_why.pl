# psql and DBD::Pg: the next command of an ended session says why, behind pgbouncer too; psql connects
# again when somebody sits before it, and a script ends.  The server's own timeouts have codes of
# their own.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $world = start_world();
my $innocent = RawSession->connect($world->{direct}, user => 'neighbor');
my %state = (idle_session => 'idle', idle_in_transaction_session => 'idle in transaction');

# A psql on its way, at a terminal if it is told so.
sub open_psql
{
	my ($path, $user, %params) = @_;
	my $psql = { in => '', out => '' };
	my @command = ('psql', '-XnAt', '-P', 'pager=off', '-d',
		"host=127.0.0.1 port=${\ $world->{$path}->port } user=$user dbname=postgres");

	$psql->{run} = IPC::Run::start(\@command,
		$params{terminal}
		? ('<pty<', \$psql->{in}, '>pty>', \$psql->{out})
		: ('<', \$psql->{in}, '>', \$psql->{out}, '2>&1'),
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return $psql;
}

# Send lines to it, and read until it has said what is waited for; returns what it has said.
sub say_to
{
	my ($psql, $lines, $wait_for) = @_;

	$psql->{out} = '';
	$psql->{in} .= $lines;
	$psql->{run}->pump until $psql->{out} =~ $wait_for;
	return $psql->{out} =~ s/\r//gr;
}

sub pid_of_psql
{
	my ($psql) = @_;

	return say_to($psql, "SELECT 'pid', pg_backend_pid();\n", qr/pid\|\d+\s/) =~ /pid\|(\d+)/ && $1;
}

for my $path (paths())
{
	for my $limit ('idle_session', 'idle_in_transaction_session')
	{
		my $psql = open_psql($path, 'idler');

		$psql->{in} .= "BEGIN;\n" if $limit ne 'idle_session';
		let_end($world, pid_of_psql($psql), "${limit}_timeout");
		if ($path eq 'transaction' && $limit eq 'idle_session')
		{
			like(say_to($psql, "SELECT 'still', 'here';\n\\q\n", qr/here/), qr/still\|here/, "$path: psql does not notice");
			$psql->{run}->finish;
			next;
		}
		$psql->{out} = '';
		$psql->{in} .= "SELECT 42;\n\\echo not reached\n";
		$psql->{run}->finish;
		note($psql->{out});
		like($psql->{out}, end_text($limit), "$path: psql says why, $state{$limit}");
		like($psql->{out}, qr/^FATAL:  server conn crashed\?$/m, "$path: pgbouncer adds its guess") if $path ne 'direct';
		unlike($psql->{out}, qr/not reached/, "$path: the script ends");
		is($psql->{run}->result(0), 2, "$path: and its exit status is 2");
	}

	my $psql = open_psql($path, 'runner');
	my $answer = say_to($psql, "BEGIN;\nSELECT pg_sleep(600);\n\\errverbose\nROLLBACK;\nSELECT 'goes', 'on';\n\\q\n", qr/on\n/);
	like($answer, qr/^ERROR:  canceling statement due to user request\nDETAIL:  ${\ detail_of('statement') }\nHINT:  ${\ hint_of('statement') }\n/m,
		"$path: psql says why the statement was canceled");
	like($answer, qr/^ERROR:  57014: canceling/m, "$path: and \\errverbose the SQLSTATE");
	like($answer, qr/goes\|on/, "$path: its session goes on");
	$psql->{run}->finish;
}

my $terminal = open_psql('direct', 'idler', terminal => 1);
my $first_pid = pid_of_psql($terminal);
let_end($world, $first_pid, 'idle_session_timeout');
my $answer = say_to($terminal, "SELECT 42;\n", qr/Succeeded\.|Failed/);
note($answer);
like($answer, end_text('idle_session'), 'at a terminal, psql says why');
like($answer, qr/\nThe connection to the server was lost\. Attempting reset: Succeeded\./, 'and connects again');
like(say_to($terminal, "\\errverbose\n\\echo done\n", qr/> done/), qr/\nserver closed the connection unexpectedly\n/,
	'\errverbose knows only that it was lost');
isnt(pid_of_psql($terminal), $first_pid, 'it has a new session');
$terminal->{in} .= "\\q\n";
$terminal->{run}->finish;

SKIP:
{
	skip 'DBD::Pg is not installed', 1 if !eval { require DBD::Pg; 1 };
	my $connect = sub {
		my ($path, $user) = @_;

		return DBI->connect("dbi:Pg:dbname=postgres;host=127.0.0.1;port=${\ $world->{$path}->port }",
			$user, '', { RaiseError => 0, PrintError => 0, AutoCommit => 1 });
	};

	for my $path (paths())
	{
		for my $limit ('idle_session', 'idle_in_transaction_session')
		{
			my $db = $connect->($path, 'idler');

			$db->begin_work if $limit ne 'idle_session';
			let_end($world, $db->selectrow_array('SELECT pg_backend_pid()'), "${limit}_timeout");
			my ($value) = $db->selectrow_array('SELECT 42');
			if ($path eq 'transaction' && $limit eq 'idle_session')
			{
				is($value, 42, "$path: DBD::Pg does not notice");
				next;
			}
			note($db->state, ' ', $db->errstr);
			like($db->errstr, end_text($limit), "$path: DBD::Pg says why, $state{$limit}");
			is($db->state, '08000', "$path: the state is that of a lost connection");
			ok(!$db->ping, "$path: ping tells that the connection is lost");
		}
		my $db = $connect->($path, 'runner');
		ok(!$db->do('SELECT pg_sleep(600)'), "$path: DBD::Pg, the statement fails");
		is($db->state, '57014', "$path: with the SQLSTATE of a cancel");
		like($db->pg_error_field('message_detail'), qr/^${\ detail_of('statement') }$/, "$path: and it says why");
		is($db->selectrow_array('SELECT 42'), 42, "$path: its session goes on");
	}

	my $db = $connect->('direct', 'hurried');
	ok(!$db->do('SELECT pg_sleep(600)'), 'DBD::Pg, ended while a statement runs: that fails');
	is($db->state, '08000', 'with the state of a lost connection');
	like($db->errstr, end_text('transaction'), 'and it says why');
}

# The server's own timeouts beside those of the guard.
my %own = (
	'statement_timeout' => [ 'SELECT pg_sleep(600)', 'ERROR 57014: canceling statement due to statement timeout' ],
	'idle_session_timeout' => [ 'SELECT 42', 'FATAL 57P05: terminating connection due to idle-session timeout' ],
	'idle_in_transaction_session_timeout' =>
	  [ 'BEGIN', 'FATAL 25P03: terminating connection due to idle-in-transaction timeout' ]);
for my $name (sort keys %own)
{
	my ($query, $text) = @{ $own{$name} };
	my $session = RawSession->connect($world->{direct}, user => 'neighbor');

	$session->query("SET $name = '100ms'");
	$session->send_query($query);
	$session->read_until('E');
	is($session->error_text, $text, "the server's own $name has no detail");
	$session->abandon;
}

is($innocent->query('SELECT 42'), '42', 'the innocent beside them goes on');
$innocent->abandon;
stop_world($world);
done_testing();
