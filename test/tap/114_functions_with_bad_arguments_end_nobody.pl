# A call with an argument that cannot be meant ends nobody: what does not exist,
# a NULL where a shell variable was empty, a duration below zero, a pattern that
# is none.  Each is an error with the SQLSTATE that the server has for it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main');
my %session = map { $_ => open_session($node) } 'idle', 'running', 'in transaction';
my %pid = map { $_ => pid_of($session{$_}) } keys %session;
start_query($session{running}, 'SELECT pg_sleep(3600)');
$session{'in transaction'}->query_safe('BEGIN');
wait_for_status($node, $pid{running}, "wait_event = 'PgSleep'");

my $null = '22004';
my $invalid = '22023';
my @calls = (
	# What does not exist.
	[ "terminate_db_sessions('absent')", '3D000' ],
	[ "terminate_idle_sessions('0', 'absent')", '3D000' ],
	[ "terminate_idle_in_transaction_sessions('0', 'absent')", '3D000' ],
	[ "terminate_sessions(dbname => 'absent')", '3D000' ],
	[ "cancel_db_queries('absent')", '3D000' ],
	[ "cancel_long_queries('0', 'absent')", '3D000' ],
	[ "terminate_user_sessions('absent')", '42704' ],
	[ "terminate_sessions(username => 'absent')", '42704' ],
	[ "cancel_user_queries('absent')", '42704' ],
	[ "terminate_sessions(username => 'web', state => 'sleeping')", $invalid ],
	# The names of no database and no role.
	[ "terminate_db_sessions('')", '3D000' ],
	[ "terminate_user_sessions('')", '42704' ],
	# NULL is not "all".
	(map { [ $_, $null ] }
		'terminate_db_sessions(NULL)',
		'terminate_user_sessions(NULL)',
		"terminate_user_sessions('web', except_self => NULL)",
		"terminate_user_sessions('web', include_sync_rep => NULL)",
		"terminate_user_sessions('web', timeout => NULL)",
		"terminate_user_sessions('web', dry_run => NULL)",
		'terminate_all_sessions(NULL)',
		'terminate_idle_sessions(NULL)',
		"terminate_idle_sessions('0', NULL)",
		"terminate_idle_sessions('0', dbname => NULL::name::text)",
		'terminate_idle_in_transaction_sessions(NULL)',
		"terminate_idle_in_transaction_sessions('0', NULL)",
		'terminate_blocking_sessions(NULL)',
		'terminate_session(NULL)',
		"terminate_session($pid{idle}, NULL)",
		(map { "terminate_sessions($_ => NULL, longer_than => '1 us')" }
			qw(dbname username application_name client_addr state query)),
		"terminate_sessions(username => 'web', longer_than => NULL)",
		"terminate_sessions(username => 'web', query => (SELECT NULL::text))",
		'cancel_db_queries(NULL)',
		'cancel_user_queries(NULL)',
		'cancel_long_queries(NULL)',
		"cancel_long_queries('0', NULL)",
		'cancel_query(NULL)',
		"cancel_query($pid{running}, NULL)",
		"cancel_queries(username => 'web', state => NULL)",
		'stop_query(NULL)',
		"stop_query($pid{running}, NULL)"),
	# No filter at all, in whatever words.
	[ 'terminate_sessions()', $invalid ],
	[ "terminate_sessions(longer_than => '0')", $invalid ],
	[ 'cancel_queries()', $invalid ],
	# Durations.
	[ "terminate_idle_sessions('-1 s')", $invalid ],
	[ "terminate_idle_in_transaction_sessions('-1 s')", $invalid ],
	[ "terminate_blocking_sessions('-1 s')", $invalid ],
	[ "terminate_sessions(longer_than => '1 day -25 hours')", $invalid ],
	[ "terminate_sessions(username => 'web', longer_than => '-178000000 years')", $invalid ],
	[ "terminate_user_sessions('web', timeout => '-1 ms')", $invalid ],
	[ "cancel_long_queries('-1 s')", $invalid ],
	[ "stop_query($pid{running}, grace => '-1 s')", $invalid ],
	[ "stop_query($pid{running}, grace => '0')", $invalid ],
	# Patterns.
	[ "terminate_sessions(username => 'web', application_name => '')", $invalid ],
	[ "terminate_sessions(username => 'web', query => '')", $invalid ],
	[ q{terminate_sessions(username => 'web', application_name => '%\\')}, '22025' ],
	[ "terminate_sessions(username => 'web', query => '(')", '2201B' ],
	[ "cancel_queries(query => '*')", '2201B' ],
	[ "terminate_sessions(username => 'web', client_addr => '10.0.0.0/99')", '22P02' ]);

for my $call (@calls)
{
	my ($sql, $sqlstate) = @$call;
	my $result = run_function($node, $sql, before => "\\set VERBOSITY sqlstate\n");

	like($result->{stderr}, qr/ERROR:  $sqlstate$/m, "$sqlstate: $sql");
}

is(scalar guard_lines($node, qr/ordered by role/), 0, 'the log says of no session that it was ended');
ok(is_alive($node, $pid{$_}), "the $_ session lives") for sort keys %pid;
wait_for_status($node, $pid{running}, "wait_event = 'PgSleep'");
pass('the statement still runs');
is($session{'in transaction'}->query('SELECT 42'), '42', 'the transaction goes on');

# All of them were within reach.
my $result = run_function($node, "terminate_user_sessions('web')");
is($result->{outcome}{ $pid{$_} }, 'terminated', "the $_ session would have been ended")
  for sort keys %pid;

close_sessions(values %session);
$node->stop;
done_testing();
