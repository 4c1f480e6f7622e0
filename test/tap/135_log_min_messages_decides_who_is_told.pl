# The reason can be added only to what the server writes to its log.  Where
# log_min_messages keeps errors out of it, who is canceled is told nothing of
# ours, and the guard says so where the log lets it; at panic nobody is told.
# They end all the same.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
my $line = qr/LOG:  clients whose statements are canceled will not be told why$/;
$node->safe_psql(
	'postgres', q{
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	CREATE ROLE runner LOGIN;
	CREATE ROLE sleeper LOGIN;
	ALTER ROLE runner SET pg_session_guard.statement_timeout = '300ms';
	ALTER ROLE sleeper SET pg_session_guard.idle_session_timeout = '300ms'});

# What is told of ends by the guard and of requested ones, without durations.
my %told = (
	canceled => canceled_text(
		'Statement running for N; pg_session_guard.statement_timeout is 300 ms (role "runner").',
		'Divide the work into shorter statements, or ask the administrator to raise the limit.'),
	terminated => terminated_text(
		'Idle for N; pg_session_guard.idle_session_timeout is 300 ms (role "sleeper").',
		'Close connections that are not in use, or ask the administrator to raise the limit.'),
	'canceled by request' => canceled_text('Requested by role "janitor" with cancel_query(): "now".'),
	'terminated by request' => terminated_text('Requested by role "janitor" with terminate_session(): "now".'));
my $innocent = RawSession->connect($node);

# Each level with how often the guard says something, and who is told.
for my $case (
	[ 'warning', 0, 'canceled', 'terminated' ],
	[ 'log', 1, 'terminated' ],
	[ 'fatal', 0, 'terminated' ],
	[ 'panic', 0 ])
{
	my ($level, $lines, @who_is_told) = @$case;
	my $offset = log_size($node);

	$node->safe_psql('postgres', "ALTER SYSTEM SET log_min_messages = $level");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT setting = '$level' FROM pg_settings WHERE name = 'log_min_messages'")
	  or die "log_min_messages is not $level";
	wait_until(sub { guard_lines($node, $line, $offset) >= $lines }, 'the guard has said what it has to say');

	my %session = (
		canceled => RawSession->connect($node, user => 'runner'),
		terminated => RawSession->connect($node, user => 'sleeper'),
		'canceled by request' => RawSession->connect($node),
		'terminated by request' => RawSession->connect($node));
	$session{$_}->send_query('SELECT pg_sleep(600)') for 'canceled', 'canceled by request';
	wait_for_status($node, $session{'canceled by request'}->pid, "wait_event = 'PgSleep'");
	run_function($node, "cancel_query(${\ $session{'canceled by request'}->pid }, reason => 'now')", user => 'janitor');
	run_function($node, "terminate_session(${\ $session{'terminated by request'}->pid }, reason => 'now')", user => 'janitor');

	for my $name (sort keys %session)
	{
		my $is_told = grep { index($name, $_) == 0 } @who_is_told;
		my $nothing = $name =~ /^canceled/ ? canceled_text() : terminated_text();

		$session{$name}->read_until($name =~ /^canceled/ ? 'Z' : 'E');
		is($session{$name}->error_text =~ s/ for \d[^;]*;/ for N;/r,
			$is_told ? $told{$name} : $nothing, "$level, $name: " . ($is_told ? 'told why' : 'told nothing of ours'));
	}
	wait_for_end($node, $session{$_}->pid) for 'terminated', 'terminated by request';
	is($session{$_}->query('SELECT 42'), '42', "$level, $_: its session goes on") for 'canceled by request';
	is(scalar guard_lines($node, $line, $offset), $lines, "$level: " . ($lines ? 'the guard says so' : 'no line about it'));
	$_->abandon for values %session;
}

is($innocent->query('SELECT 42'), '42', 'who is over no limit goes on');
is($innocent->error, undef, 'and is told nothing');

$innocent->abandon;
$node->stop;
done_testing();
