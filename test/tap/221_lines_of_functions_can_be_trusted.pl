# What the log says of functions can be trusted: names and reasons cannot pass
# for what they are not, the statement is shown once, a reason of any length
# costs neither memory nor log, and a call that is broken off between its line
# and its signal says that it did nothing.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'log_statement' => 'none',
	'logging_collector' => 'on',
	'log_directory' => 'collected',
	'log_filename' => 'server.log',
	'log_rotation_size' => 0);
my $log = $node->data_dir . '/collected/server.log';
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $bystander = RawSession->connect($node, user => $superuser);
my $caller = RawSession->connect($node, user => $superuser);

# The lines of the log from a position on; the collector writes them when it comes to it, in order.
my $marks = 0;

sub lines_from
{
	my ($offset) = @_;
	my $mark = 'this is mark ' . ++$marks;
	my $text;

	$node->safe_psql('postgres', "DO 'BEGIN RAISE LOG \$\$$mark\$\$; END'");
	wait_until(sub { ($text = slurp_file($log, $offset)) =~ /LOG:  $mark\n/ }, 'the log is written');
	return split /\n/, $text;
}

sub sessions_of_web
{
	my ($count) = @_;

	return map { RawSession->connect($node) } 1 .. $count;
}

# The statement is shown once, however many sessions or calls there are in it.
my @web = sessions_of_web(3);
my $offset = -s $log;
$caller->query("SELECT /* of many */ * FROM terminate_user_sessions('web')");
$_->read_to_end for @web;
my @lines = lines_from($offset);
is(scalar(grep { /LOG:  terminating session/ } @lines), 3, 'one line for each of three sessions');
is(scalar(grep { /STATEMENT:  .*of many/ } @lines), 1, 'and the statement once');
@web = sessions_of_web(2);
$offset = -s $log;
$caller->query("SELECT /* one by one */ r.* FROM session_guard.session s, terminate_session(s.pid) r WHERE s.usename = 'web'");
$_->read_to_end for @web;
@lines = lines_from($offset);
is(scalar(grep { /LOG:  terminating session/ } @lines), 2, 'one line for each of two calls');
is(scalar(grep { /STATEMENT:  .*one by one/ } @lines), 1, 'and their statement once');

# Names that would make a line look like another.
my $application = 'x", client [local]): ordered by role "postgres';
my $role = 'web", database "d", application "a';
my $reason = 'no" ordered by role "postgres" with x(): "yes';
my ($application_shown, $role_shown, $reason_shown) = map { '"' . s/"/""/gr . '"' } $application, $role, $reason;
$bystander->query(qq{CREATE ROLE $role_shown LOGIN});
for my $who ('a function', 'the guard')
{
	my $victim = RawSession->connect($node, user => $role, application_name => $application);
	my $pid = $victim->pid;
	my $words = qr/: ordered by role "\Q$superuser\E" with terminate_session\(\): \Q$reason_shown\E/;

	$offset = -s $log;
	if ($who eq 'the guard')
	{
		$bystander->query(qq{ALTER ROLE $role_shown SET pg_session_guard.idle_session_timeout = '100ms'});
		$words = qr/: idle for .*, pg_session_guard.idle_session_timeout is 100 ms \(role \Q$role_shown\E\)/;
	}
	else
	{
		$caller->query(qq{SELECT * FROM terminate_session($pid, reason => '$reason')});
	}
	$victim->read_to_end;
	like($victim->error_text, qr/^DETAIL: Ordered by role "\Q$superuser\E" with terminate_session\(\): \Q$reason_shown\E\.$/m,
		'the client is told so') if $who ne 'the guard';
	@lines = grep { /LOG:  terminating session $pid / } lines_from($offset);
	is(scalar @lines, 1, "$who writes one line");
	like($lines[0],
		qr/terminating session $pid \(user \Q$role_shown\E, database "postgres", application \Q$application_shown\E, client \[local\]\)$words$/,
		'in which each name ends where it should');
}
is($bystander->query(q{SELECT source FROM session_guard.event WHERE actor = 'guard' ORDER BY number DESC LIMIT 1}),
	"role $role_shown", 'and so has the event');

# A long reason, by many sessions.
sub peak_memory
{
	my ($session) = @_;

	return slurp_file("/proc/${\ $session->pid }/status") =~ /^VmHWM:\s*(\d+) kB/m ? $1 / 1024 : die;
}

@web = sessions_of_web(30);
$offset = -s $log;
$caller = RawSession->connect($node, user => $superuser);
$caller->query("SELECT length(repeat('x', 5000000))");
my $can_tell = -e "/proc/${\ $caller->pid }/status";
my $before = $can_tell ? peak_memory($caller) : 0;
$caller->send_query("SELECT outcome FROM terminate_user_sessions('web', reason => repeat('x', 5000000))");
my @notices = grep { $_->[0] eq 'N' } $caller->read_until('Z');
is(scalar @notices, 1, 'a long reason is worth a notice, once');
like($notices[0][1], qr/\0C01004\0Margument "reason" is cut to 511 bytes\0/, 'that it is cut');
is($caller->error, undef, 'and no error');
$_->read_to_end for @web;
cmp_ok(peak_memory($caller) - $before, '<', 60, 'it costs no memory for each session') if $can_tell;
cmp_ok((-s $log) - $offset, '<', 100_000, 'nor pages of the log');
is($bystander->query(q{SELECT count(*) FROM session_guard.event WHERE reason = repeat('x', 511)}), '30', 'events have what they can keep');

# A call that is broken off after its line, and before its signal: while nobody reads the log,
# who writes a line waits, and it is then that the call is canceled, or its session terminated.
sub logger_pid
{
	my $postmaster = $node->safe_psql('postgres', 'SELECT pg_read_file($$postmaster.pid$$)') =~ /^(\d+)/ ? $1 : die;

	for my $status (glob '/proc/[0-9]*/stat')
	{
		my ($pid) = $status =~ m{/(\d+)/};
		my $parent = eval { slurp_file($status) =~ /\) \S (\d+)/ ? $1 : 0 } // 0;

		return $pid if $parent == $postmaster && slurp_file("/proc/$pid/cmdline") =~ /logger/;
	}
	return;
}

# Is a process in the middle of a write that nobody reads?  Any other sleep has a wait event.
sub is_writing
{
	my ($pid) = @_;
	my $state = $bystander->query("SELECT state || coalesce(wait_event, '') FROM pg_stat_get_activity($pid)") // '';

	return $state eq 'active' && slurp_file("/proc/$pid/stat") =~ /\) S /;
}

sub wait_until_writing
{
	my ($pid) = @_;
	my $times = 0;

	return wait_until(sub { $times = is_writing($pid) ? $times + 1 : 0; return $times == 5 }, "process $pid waits for the log");
}

my $logger = $can_tell ? logger_pid() : undef;
SKIP:
{
	skip 'the process that collects the log is not found', 12 if !$logger;
	for my $how ('cancel', 'terminate')
	{
		my ($victim) = sessions_of_web(1);
		my $pid = $victim->pid;
		my $writer = RawSession->connect($node, user => $superuser);
		my $broken = RawSession->connect($node, user => $superuser);

		$broken->query('SELECT * FROM terminate_session(2147483647)');
		$offset = -s $log;
		freeze_process($logger);
		$writer->send_query('DO $$ BEGIN FOR i IN 1..5000 LOOP RAISE LOG $l$fill$l$; END LOOP; END $$');
		wait_until_writing($writer->pid);
		$broken->send_query("SELECT * FROM terminate_session($pid)");
		wait_until_writing($broken->pid);
		$bystander->query("SELECT pg_${how}_backend(${\ $broken->pid })");
		thaw_process($logger);
		$how eq 'cancel' ? $broken->read_until('Z') : $broken->read_to_end;
		is($broken->sqlstate, $how eq 'cancel' ? '57014' : '57P01', "$how: the call is broken off");
		$writer->read_until('Z');
		@lines = grep { /session $pid\b/ } lines_from($offset);
		is(scalar @lines, 2, "$how: there are two lines");
		like($lines[0], qr/LOG:  terminating session $pid \(.*: ordered by role/, "$how: its line");
		like($lines[1], qr/LOG:  left session $pid alone, the call was interrupted$/, "$how: and its end");
		is($victim->query('SELECT 42'), '42', "$how: the session lives");
		is($bystander->query("SELECT count(*) FROM session_guard.event WHERE pid = $pid"), '0', "$how: there is no event");
		$_->quit for $victim, $writer;
	}
}

$node->stop;
done_testing();
