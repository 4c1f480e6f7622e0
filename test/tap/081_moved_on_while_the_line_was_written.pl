# The guard cannot write its line, since nobody takes the log from it.  What its session does in
# the meantime counts: one that has ended its transaction, those that were exempted and one that
# has left are not signaled, however long they had been over the limit when the line was written.
# The one that has done nothing is.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

# How many bytes are in a pipe that nobody reads (FIONREAD of Linux).
use constant FIONREAD => 0x541b;

plan skip_all => 'needs /proc of Linux, with the children of a process' unless -r "/proc/$$/task/$$/children";

my $node = guard_node(
	'main',
	'logging_collector' => 'on',
	'log_directory' => 'collected',
	'log_filename' => 'log',
	'log_rotation_size' => 0,
	# Who asks, or ends a session, must not wait for the log, too.
	'log_statement' => 'none',
	'log_connections' => 'off',
	'log_disconnections' => 'off',
	'pg_session_guard.idle_in_transaction_session_timeout' => '1s');
$node->safe_psql('postgres', 'CREATE ROLE exempted LOGIN; CREATE ROLE ruled LOGIN');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
# One that is in the list may have ended by now.
my ($collector) = grep { (eval { slurp_file("/proc/$_/cmdline") } // '') =~ /logger/ } split ' ',
  slurp_file("/proc/$postmaster/task/$postmaster/children");
ok($collector, 'the log is collected');
# It must not stay stopped, whatever happens.
END { kill CONT => $collector if $collector }
# All processes of the server write to the same pipe.
open my $pipe, '<', "/proc/$postmaster/fd/2" or die "the server's log: $!";

sub bytes_in_pipe
{
	my $count = pack 'L', 0;

	ioctl($pipe, FIONREAD, $count) or die "FIONREAD: $!";
	return unpack 'L', $count;
}

sub lines_about
{
	my ($pid) = @_;

	return grep { /LOG:  (?:terminating|left) session $pid / }
	  split /\n/, slurp_file($node->data_dir . '/collected/log');
}

sub deadlines_met
{
	return $node->safe_psql('postgres', 'SELECT sum(deadlines_met) FROM session_guard.limit_stats');
}

# Stop the collector, and fill the pipe with lines shorter than any of the guard's, until the
# process that does so sleeps because not one more of them fits in.
sub stop_log
{
	my $filler = RawSession->connect($node, user => $superuser);
	my $status = "/proc/${\ $filler->pid }/stat";
	my ($before, $unchanged) = (-1, 0);

	kill STOP => $collector;
	$filler->send_query(q{DO $$ BEGIN FOR i IN 1 .. 20000 LOOP RAISE LOG 'full'; END LOOP; END $$});
	wait_until(
		sub {
			my $bytes = bytes_in_pipe();
			my $is_same = $bytes > 0 && $bytes == $before && slurp_file($status) =~ /\) S /;

			$before = $bytes;
			$unchanged = $is_same ? $unchanged + 1 : 0;
			return $unchanged == 10;
		},
		'the log takes no more');
	return $filler;
}

# Let a session come over its limit, something be done when the guard is at its line, and the guard
# go on; returns what the log says of the session.
sub act_before_the_signal
{
	my ($session, $act) = @_;
	my $pid = $session->pid;
	my $met = deadlines_met();
	my $filler = stop_log();

	$session->query('BEGIN');
	wait_until(sub { deadlines_met() > $met }, 'the guard is at its line');
	$act->() if $act;
	kill CONT => $collector;
	$filler->read_result;
	$filler->quit;
	wait_until(sub { my @lines = lines_about($pid); @lines >= 2 || !process_exists($pid) }, 'the guard has gone on');
	return join "\n", lines_about($pid);
}

my $moved_on = RawSession->connect($node);
like(
	act_before_the_signal($moved_on, sub { $moved_on->query($_) for 'ROLLBACK', 'SELECT 1' }),
	qr/terminating session .*\n.*left session \d+ alone, it has moved on$/,
	'a session that has ended its transaction is left alone');
is(scalar $moved_on->query('SELECT 1'), '1', 'and lives');

my $exempted = RawSession->connect($node, user => 'exempted');
like(
	act_before_the_signal($exempted,
		sub { $node->safe_psql('postgres', 'ALTER ROLE exempted SET pg_session_guard.exempt = on') }),
	qr/terminating session .*\n.*left session \d+ alone, it has moved on$/,
	'one that was exempted is left alone');
is(scalar $exempted->query('SELECT 1'), '1', 'and lives');

my $ruled = RawSession->connect($node, user => 'ruled');
like(
	act_before_the_signal($ruled,
		sub { $node->safe_psql('postgres', q{INSERT INTO session_guard.rule (position, name, roles, exempt) VALUES (1, 'spares', '{ruled}', true)}) }),
	qr/terminating session .*\n.*left session \d+ alone, it has moved on$/,
	'one whom a rule exempts by then is left alone');
is(scalar $ruled->query('SELECT 1'), '1', 'and lives');

my $gone = RawSession->connect($node);
my $gone_pid = $gone->pid;

like(
	act_before_the_signal($gone,
		sub {
			$gone->quit;
			wait_until(sub { !is_alive($node, $gone_pid) }, 'it has left');
		}),
	qr/terminating session .*\n.*left session \d+ alone, it has ended$/,
	'one that has left is not signaled');

my $culprit = RawSession->connect($node);
my $lines = act_before_the_signal($culprit, undef);
$culprit->read_to_end;
is($culprit->sqlstate, '57P01', 'one that has done nothing is terminated');
unlike($lines, qr/left session/, 'and its line is true');

$node->poll_query_until('postgres',
	'SELECT array_agg(outcome ORDER BY number) FROM session_guard.event', '{raced,raced,raced,gone,terminated}')
  or die 'events do not say so';
pass('events say so');
$_->quit for $moved_on, $exempted, $ruled;
$node->stop;
done_testing();
