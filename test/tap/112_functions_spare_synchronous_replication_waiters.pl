# Who waits for a synchronous standby that is not there is spared by the functions
# about many sessions, also in a dry run, while the others go; it is ended when
# the caller asks for that, or names its process ID.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main', allows_streaming => 1);
$node->safe_psql('postgres', 'CREATE TABLE news (id int); GRANT ALL ON news TO web');
require_absent_standby($node);

my %pid;
my @sessions;

sub open_named
{
	my ($name, $statement) = @_;

	push @sessions, open_session($node);
	$pid{$name} = pid_of($sessions[-1]);
	start_query($sessions[-1], $statement);
	return;
}

# Each of the waiters has committed, but for the standby.
my @waiters = ('first', 'second', 'third');
open_named($_, 'INSERT INTO news VALUES (1)') for @waiters;
open_named('running', 'SELECT pg_sleep(3600)');
open_named('idle', 'SELECT 1');
wait_for_status($node, $pid{$_}, "wait_event = 'SyncRep'") for @waiters;
wait_for_status($node, $pid{running}, "wait_event = 'PgSleep'");
wait_for_state($node, 'idle', $pid{idle});

# What became of them, and who of the waiters still waits.
sub fates_by
{
	my ($call) = @_;
	my $result = run_function($node, $call);

	like($result->{note}{ $pid{$_} }, qr/^waits for a synchronous standby$/, "$call: the note says why the $_ is spared")
	  for grep { ($result->{outcome}{ $pid{$_} } // '') eq 'spared' } sort keys %pid;
	return join ', ', map { "$_ $result->{outcome}{$pid{$_}}" }
	  sort grep { defined $result->{outcome}{ $pid{$_} } } keys %pid;
}

sub waiting
{
	return join ' ', grep {
		$node->safe_psql('postgres', "SELECT wait_event FROM pg_stat_activity WHERE pid = $pid{$_}") eq 'SyncRep'
	} @waiters;
}

is( fates_by("terminate_user_sessions('web', dry_run => true)"),
	'first spared, idle dry run, running dry run, second spared, third spared',
	'a dry run says who would be spared');
is( fates_by("cancel_user_queries('web')"),
	'first spared, running canceled, second spared, third spared',
	'the statement of another is canceled');
is( fates_by("terminate_sessions(username => 'web')"),
	'first spared, idle terminated, running terminated, second spared, third spared',
	'the sessions of others are terminated');
ok(!is_alive($node, $pid{$_}), "the $_ session is gone") for qw(idle running);
is(waiting(), 'first second third', 'who waits for the standby goes on waiting');

is(fates_by("terminate_session($pid{first})"), 'first terminated', 'by its process ID a waiter is terminated');
ok(!is_alive($node, $pid{first}), 'and is gone');
is(fates_by("cancel_query($pid{second})"), 'second canceled', 'or its statement canceled');
ok(is_alive($node, $pid{second}), 'whose session stays');
is(waiting(), 'third', 'the last one waits still');
is( fates_by("cancel_user_queries('web', include_sync_rep => true, dry_run => true)"),
	'third dry run', 'a dry run says that it would be ended');
is(waiting(), 'third', 'and does not');
is( fates_by("terminate_user_sessions('web', include_sync_rep => true)"),
	'second terminated, third terminated', 'who asks for it terminates the waiters too');
ok(!is_alive($node, $pid{third}), 'and it is gone');
is($node->safe_psql('postgres', 'SELECT count(*) FROM news'), '3', 'all had committed');

close_sessions(@sessions);
$node->stop;
done_testing();
