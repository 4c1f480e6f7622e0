# The guard and the history writer are connected to a database, and do not keep
# it from being copied, moved, renamed or dropped: they leave for a moment.  They
# do so for who may do that, and who may not does not make the guard go away.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;
use Time::HiRes qw(time);

my $node = guard_node_without_extension('main',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');
my $tablespace = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', $_)
  for 'CREATE DATABASE home', 'CREATE ROLE owner LOGIN CREATEDB', 'CREATE ROLE maker LOGIN CREATEDB',
  "CREATE TABLESPACE elsewhere LOCATION '$tablespace'";
$node->append_conf('postgresql.conf', "pg_session_guard.database = 'home'\n");
$node->restart;

# Wait until both workers are connected, as the log says after that place in it.
sub wait_for_workers
{
	my ($offset) = @_;

	for my $worker ('session guard', 'history writer')
	{
		wait_until(sub { guard_lines($node, qr/LOG:  $worker started in database "home"/, $offset) },
			"the $worker is connected");
	}
	return;
}

# Wait until a process has slept for a while.
sub wait_until_asleep
{
	my ($pid) = @_;
	my ($last, $since) = ('', 0);

	wait_until(
		sub {
			my ($switches) = slurp_file("/proc/$pid/status") =~ /^voluntary_ctxt_switches:\s+(\d+)/m;
			($last, $since) = ($switches, time) if $switches ne $last;
			return time - $since > 0.3;
		},
		"process $pid sleeps");
	return;
}

sub workers
{
	return $node->safe_psql('postgres',
		q(SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_session_guard%' ORDER BY pid));
}

# A command that needs the database for itself succeeds; returns where the log was before it.
sub succeeds
{
	my ($command, @user) = @_;
	my $offset = log_size($node);
	my ($status, undef, $error) = $node->psql('postgres', $command, extra_params => \@user);

	is($status, 0, "$command succeeds") or diag($error);
	return $offset;
}

# So it does, and both workers come back.
sub succeeds_and_is_guarded
{
	my ($command) = @_;
	my %before = map { $_ => 1 } split /\n/, workers();

	wait_for_workers(succeeds($command));
	is(scalar(grep { $before{$_} } split /\n/, workers()), 0, 'the workers had left, and have come back');
	return;
}

wait_for_workers(0);

# Who may not do it takes the database's lock all the same, for the moment until the server finds out.
my $before = workers();
my $loop = PostgreSQL::Test::Utils::tempdir . '/loop.sql';
append_to_file($loop,
	"DROP DATABASE home;\nCREATE DATABASE mine TEMPLATE home;\nALTER DATABASE home RENAME TO mine;\n" x 1000);
my %refused;
# A worker that has only just come does not leave at once.
for (my $end = time + 1.5; time < $end;)
{
	for my $role ('maker', 'web')
	{
		my (undef, $error) =
		  run_command([ 'psql', '-X', '-q', '-d', $node->connstr('postgres') . " user=$role", '-f', $loop ]);

		$refused{$role} = () = $error =~ /must be owner of database|permission denied to (?:copy|create) database/g;
	}
}
is($refused{$_}, 3000, "$_ may not drop, copy or rename the database") for 'maker', 'web';
is(workers(), $before, 'and the workers have stayed');

# Nor do they leave for one who is refused and does not read that, and so keeps the lock.
my @deaf;
until (@deaf
	&& $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_locks WHERE pid = ${\ $deaf[-1]->pid } AND mode = 'AccessExclusiveLock'") eq '1')
{
	die 'nobody keeps the lock' if @deaf == 10;
	push @deaf, RawSession->connect($node);
	# Where an answer finds no room: the error, or that the server is ready for the next query.
	$deaf[-1]->send_bytes(join '', map { 'Q' . pack('N', 5 + length $_) . "$_\0" }
		('SELECT 1') x @deaf, ('DROP DATABASE home') x 1000);
	wait_for_status($node, $deaf[-1]->pid, "wait_event = 'ClientWrite'");
}
my $victim = open_session($node);
my $victim_pid = pid_of($victim);
$victim->query('BEGIN');
wait_for_end($node, $victim_pid);
is(workers(), $before, 'they stay where the lock is kept by one who was refused');
$_->abandon for @deaf;
close_sessions($victim);

succeeds_and_is_guarded('CREATE DATABASE copy TEMPLATE home');

# Its owner may rename it; whoever does so and back gives them no time to miss it.
$node->safe_psql('postgres', 'ALTER DATABASE home OWNER TO owner');
my $offset = succeeds('ALTER DATABASE home RENAME TO moved', -U => 'owner');
succeeds('ALTER DATABASE moved RENAME TO home', -U => 'owner');
succeeds('ALTER DATABASE home SET TABLESPACE elsewhere');
wait_for_workers($offset);

# A command that will fail, since somebody else is in the database.  Each of the workers is called
# by it, and need not hear of it from the other one.
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my ($guest, $ddl) = (open_session($node, dbname => 'home'), open_session($node, user => $superuser));
my $ddl_pid = pid_of($ddl);
my $watcher = RawSession->connect($node, user => $superuser);
my ($guard_pid, $writer_pid) = split /\n/,
  $node->safe_psql('postgres', q(SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_session_guard%' ORDER BY backend_type));
wait_until_asleep($writer_pid);
$offset = log_size($node);
freeze_asleep($watcher, $guard_pid);
start_query($ddl, 'DROP DATABASE home');
wait_until(sub { workers() eq $guard_pid }, 'the history writer has left while the guard cannot');
thaw_process($guard_pid);
wait_until(sub { workers() eq '' }, 'the guard has left, too');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($ddl_pid)");
wait_for_workers($offset);
ok(is_alive($node, pid_of($guest)), 'the database is still there, and so is its guest');
close_sessions($guest, $ddl);
$watcher->abandon;

# Whoever drops it by force terminates them; where it is made anew, they come to that.
$offset = succeeds('DROP DATABASE home WITH (FORCE)');
succeeds('CREATE DATABASE home');
wait_for_workers($offset);

# They are at work.
my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;
$culprit->query('BEGIN');
wait_for_end($node, $culprit_pid);
ok(is_alive($node, $idle_pid), 'the culprit goes, and the innocent stays');

# Other databases do not concern them.
$before = workers();
$node->safe_psql('postgres', $_)
  for 'CREATE DATABASE other TEMPLATE copy', 'ALTER DATABASE other RENAME TO another', 'DROP DATABASE another';
is(workers(), $before, 'they stay where another database is copied, renamed and dropped');

close_sessions($culprit, $idle);
$node->stop;
done_testing();
