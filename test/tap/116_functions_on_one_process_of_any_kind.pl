# A function about one process ID acts on whatever the server's own function acts
# on, says what it is when it is no client session, and for nothing else.  The
# functions about many sessions leave all these alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', allows_streaming => 'logical');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend');
my $guard_pid = wait_for_guard($node);
my $session = open_session($node);
my $session_pid = pid_of($session);
my @walsenders = map { open_session($node, user => $superuser, replication => $_) } 'database', 'true';

sub pid_where
{
	my ($condition) = @_;

	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $condition");
}

sub is_there
{
	my ($pid) = @_;

	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid") eq '1';
}

my %pid = (
	logical => pid_where("backend_type = 'walsender' AND datname = 'postgres'"),
	physical => pid_where("backend_type = 'walsender' AND datname IS NULL"),
	guard => $guard_pid);
my $checkpointer_pid = pid_where("backend_type = 'checkpointer'");

# By conditions.
my $result = run_function($node, 'terminate_all_sessions()');
is($result->{outcome}{$session_pid}, 'terminated', 'a session is one of all');
ok(!is_there($session_pid), 'and is gone');
ok(!defined $result->{outcome}{ $pid{$_} }, "the $_ process is not"), ok(is_there($pid{$_}), 'and lives')
  for sort keys %pid;
close_sessions($session);

# By process ID, without the right to it: a walsender of a superuser.
$result = run_function($node, "terminate_session($pid{logical})", user => 'janitor');
is($result->{outcome}{ $pid{logical} }, 'denied', 'the server does not let everybody end a superuser\'s walsender');
ok(is_there($pid{logical}), 'which lives');

# By process ID.
$result = run_function($node, "cancel_query($pid{logical})");
is($result->{outcome}{ $pid{logical} }, 'signaled', 'what a walsender does with a cancel cannot be told');
ok(is_there($pid{logical}), 'it lives');
for my $case ([ 'logical', 'walsender' ], [ 'physical', 'walsender' ], [ 'guard', 'pg_session_guard' ])
{
	my ($name, $kind) = @$case;
	my $pid = $pid{$name};

	$result = run_function($node, "terminate_session($pid)");
	is($result->{outcome}{$pid}, 'terminated', "the $name process is terminated");
	is($result->{stderr} =~ s/^psql:\S+ //r, "NOTICE:  process $pid is no client session but: $kind", 'with a notice of its kind');
	ok(!is_there($pid), 'and is gone');
}
ok(wait_for_guard($node, $guard_pid), 'the server starts another guard');

# What the server's function does not act on.
$result = run_function($node, "terminate_session($checkpointer_pid)");
is($result->{outcome}{$checkpointer_pid}, 'gone', 'an auxiliary process is no session');
ok(is_there($checkpointer_pid), 'and lives');
my $postmaster_pid = $node->safe_psql('postgres', 'SELECT pg_read_file($$postmaster.pid$$)') =~ /^(\d+)/ ? $1 : die;
is(run_function($node, "terminate_session($_, dry_run => true)")->{outcome}{$_}, 'gone', 'nor does a dry run say that it would be ended')
  for $checkpointer_pid, $postmaster_pid;

# A session is worth no notice.
$session = open_session($node);
$session_pid = pid_of($session);
$result = run_function($node, "terminate_session($session_pid)");
is($result->{outcome}{$session_pid}, 'terminated', 'a client session is terminated');
is($result->{stderr}, '', 'without a notice');

close_sessions($session, @walsenders);
$node->stop;
done_testing();
