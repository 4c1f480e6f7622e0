# What a caller may not signal is denied before a line is written and before an
# event is made, exactly where the server's own function would refuse: also
# autovacuum workers, and processes that authenticate their client yet.  And
# whatever a function answers about such a process, it tells nothing that
# pg_stat_activity hides from the caller.

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
	allows_streaming => 'logical',
	authentication_timeout => '600s',
	autovacuum_naptime => '1s',
	log_connections => 'on');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
my $has_autovacuum_role = $node->safe_psql('postgres', 'SHOW server_version_num') >= 180000;
$node->safe_psql(
	'postgres', q{
	SET password_encryption = 'md5';
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	CREATE ROLE watchman LOGIN IN ROLE pg_read_all_stats;
	CREATE ROLE hesitant LOGIN PASSWORD 'secret';
	CREATE DATABASE shop;
	CREATE TABLE slow AS SELECT generate_series(1, 50000) AS id;
	DELETE FROM slow;
	ALTER TABLE slow SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0,
		autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)});
$node->safe_psql('postgres', 'CREATE ROLE sweeper LOGIN IN ROLE pg_signal_autovacuum_worker')
  if $has_autovacuum_role;
my $hba = $node->data_dir . '/pg_hba.conf';
my $rules = slurp_file($hba);
unlink $hba;
append_to_file($hba, "local all hesitant password\n$rules");
$node->reload;

sub pid_where
{
	my ($condition) = @_;

	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $condition");
}

# A process that waits for its client's password, and its pid, which only the log tells on all versions.
sub open_hesitant
{
	my ($session, $pid);

	wait_until(
		sub {
			my $offset = log_size($node);
			$session = RawSession->open($node);
			$session->start_up(user => 'hesitant');
			my $question = $session->read_message;
			($pid) = map { /\[(\d+)\]/ } guard_lines($node, qr/connection received/, $offset);
			return 1 if $question && $question->[0] eq 'R' && unpack('N', $question->[1]) == 3;
			$session->abandon;
			return 0;
		},
		'the server asks for a password');
	return ($session, $pid);
}

my ($hesitant, $hesitant_pid) = open_hesitant();
my $root = open_session($node, user => $superuser, dbname => 'shop');
my $root_pid = pid_of($root);
my $own = open_session($node);
my $own_pid = pid_of($own);
my $walsender = open_session($node, dbname => 'shop', user => $superuser, replication => 'database');
my $walsender_pid = pid_where("backend_type = 'walsender'");
my $autovacuum_pid;
wait_until(
	sub { ($autovacuum_pid = pid_where("backend_type = 'autovacuum worker' AND query LIKE '%slow%'")) =~ /^\d+$/ },
	'autovacuum is at work');

my %process = (
	'a superuser\'s session' => $root_pid,
	'a superuser\'s walsender' => $walsender_pid,
	'an autovacuum worker' => $autovacuum_pid,
	'a process that authenticates its client' => $hesitant_pid,
	'the guard' => wait_for_guard($node));
my %start = map { split /\|/ } split /\n/, $node->safe_psql('postgres', 'SELECT pid, backend_start FROM pg_stat_activity');
my $events = 'SELECT count(*) FROM session_guard.event';

# Each of them, by each function, for real and not, as roles with some rights and none.
my $offset = log_size($node);
for my $user ('web', 'janitor', 'watchman')
{
	for my $what (sort keys %process)
	{
		my $pid = $process{$what};
		my (undef, $out, $err) = $node->psql('postgres', "SELECT pg_cancel_backend($pid)", extra_params => [ -U => $user ]);
		like($err, qr/permission denied|must be a superuser|must be a member/i, "$user: the server refuses $what");

		# Also with its own start, as if the role had guessed it, and with another one.
		my @identity = ($pid, "$pid, '2020-02-02'", ($start{$pid} ? "$pid, '$start{$pid}'" : ()));
		my @calls = ("stop_query($pid", map { ("terminate_session($_", "cancel_query($_") } @identity);
		$node->psql(
			'postgres',
			join(' UNION ', map { ("SELECT outcome, note FROM $_)", "SELECT outcome, note FROM $_, dry_run => true)") } @calls),
			stdout => \$out,
			stderr => \$err,
			extra_params => [ -U => $user ]);
		is($err, '', "$user is told nothing of $what by a message");
		like($out, qr/^denied\|(?:only superusers may signal a [a-z' ]+|needs the privileges of pg_signal_autovacuum_worker)$/,
			'and by each row only that it is denied, whatever is asked');
	}
}
is_deeply([ guard_lines($node, qr/ordered by|left session/, $offset) ], [], 'the log has no line of it');
is($node->safe_psql('postgres', $events), '0', 'nor is there an event');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid IN (${\ join ', ', $root_pid, $walsender_pid, $autovacuum_pid})"),
	'3', 'and all live');
is( run_function($node, 'terminate_all_sessions(dry_run => true)', user => 'janitor')->{outcome}{$own_pid},
	'dry run', 'while of another role it is said who would be ended');

# What they are is not told either, but to who may see it.
$node->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
for my $case (
	[ 'web', "process $walsender_pid, session $root_pid" ],
	[ 'janitor', "process $walsender_pid, session $root_pid" ],
	[ 'watchman', "session $root_pid, walsender $walsender_pid" ])
{
	my ($user, $expected) = @$case;

	my $result = run_function($node, "terminate_db_sessions('shop')", user => $user);
	my ($there) = $result->{stderr} =~ /^DETAIL:  Still there: (.*)\.$/m;
	is(join(', ', sort split /, /, $there // ''), $expected, "$user: what still uses a database is named as far as it is shown");
}
$node->safe_psql('postgres', 'ALTER ROLE web REPLICATION');
my $logical = open_session($node, dbname => 'shop', replication => 'database');
my $logical_pid;
wait_until(sub { ($logical_pid = pid_where("backend_type = 'walsender' AND usename = 'web'")) ne '' }, 'a walsender of web');
is( run_function($node, "terminate_session($logical_pid, dry_run => true)", user => 'janitor')->{stderr} =~ s/^psql:\S+ //r,
	"NOTICE:  process $logical_pid is no client session",
	'who may signal a process is told that it is no session');
is( run_function($node, "terminate_session($logical_pid, dry_run => true)", user => 'watchman')->{stderr},
	'', 'who may not is told nothing of it');
is( run_function($node, "terminate_session($logical_pid, dry_run => true)", user => 'web')->{stderr} =~ s/^psql:\S+ //r,
	"NOTICE:  process $logical_pid is no client session but: walsender",
	'and whose it is, which kind');

# Who may signal them does.
if ($has_autovacuum_role)
{
	my $result = run_function($node, "terminate_session($autovacuum_pid, dry_run => true)", user => 'sweeper');
	is($result->{outcome}{$autovacuum_pid}, 'dry run', 'a member of pg_signal_autovacuum_worker might end an autovacuum worker');
	is(run_function($node, "terminate_session($root_pid)", user => 'sweeper')->{outcome}{$root_pid}, 'denied', 'and nobody else');
	$result = run_function($node, "terminate_session($autovacuum_pid)", user => 'sweeper');
	is($result->{outcome}{$autovacuum_pid}, 'terminated', 'and does so');
}
my $result = run_function($node, "terminate_session($hesitant_pid)");
is($result->{outcome}{$hesitant_pid}, 'terminated', 'a superuser ends a process that authenticates its client');
is($result->{stderr} =~ s/^psql:\S+ //r, "NOTICE:  process $hesitant_pid is still starting", 'and is told what it was');
is(scalar guard_lines($node, qr/terminating session $hesitant_pid\b.*: ordered by role "\Q$superuser\E"/, $offset), 1, 'which is a line of the log');

close_sessions($root, $own, $walsender, $logical);
$hesitant->abandon;
$node->stop;
done_testing();
