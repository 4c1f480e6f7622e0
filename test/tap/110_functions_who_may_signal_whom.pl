# Who may what with the functions is what the server allows.  A member of
# pg_signal_backend ends everybody but superusers, an ordinary user ends its own
# sessions, and who may not execute the server's function ends nobody: what is
# not permitted is a row "denied", and the others are still done.  What somebody
# else's session is at is no condition for who may not see it.  The log says who
# requested it, with which function and why.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql(
	'shop', q{
	CREATE EXTENSION pg_session_guard;
	CREATE ROLE etl LOGIN;
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
});
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'shop'})
  or die 'the session that made the extension stays';

# The sessions of three roles in the database "shop", by role; idle, each after a query with a secret.
my %session;
my %pid;

sub open_missing_sessions
{
	for my $role ('web', 'etl', $superuser)
	{
		next if $pid{$role} && is_alive($node, $pid{$role});
		close_sessions(delete $session{$role}) if $session{$role};
		$session{$role} = open_session($node, user => $role, dbname => 'shop');
		$pid{$role} = pid_of($session{$role});
		$session{$role}->query("SELECT 'open sesame'");
	}
	wait_for_state($node, 'idle', values %pid);
	return;
}

# Who lives?  The names of the roles; "root" is the superuser.
sub who_lives
{
	return join ' ', sort map { $_ eq $superuser ? 'root' : $_ } grep { is_alive($node, $pid{$_}) } keys %pid;
}

# What became of them; a session of the test itself that has done its work may not be gone yet.
sub fates_of
{
	my ($result) = @_;
	my $outcome = $result->{outcome};

	return join ', ', sort map { ($_ eq $superuser ? 'root' : $_) . " $outcome->{$pid{$_}}" }
	  grep { defined $outcome->{ $pid{$_} } } keys %pid;
}

sub ordered_lines
{
	my ($offset) = @_;

	return guard_lines($node, qr/: requested by role/, $offset);
}

# A member of pg_signal_backend, with a superuser's session in the batch.
open_missing_sessions();
my $offset = log_size($node);
my $result = run_function($node, "terminate_db_sessions('shop', reason => 'it is late')", user => 'janitor');
is($result->{status}, 0, 'a superuser in the batch is no error');
is( fates_of($result), 'etl terminated, root denied, web terminated',
	'a member of pg_signal_backend may end all but superusers');
is($result->{note}{ $pid{$superuser} }, q{only superusers may signal a superuser's session}, 'and is told why');
is(who_lives(), 'root', 'the superuser lives, the others do not');
my @lines = ordered_lines($offset);
is(scalar @lines, 2, 'one line in the log for each that is ended, none for who is denied');
like(
	$_->[1],
	qr/LOG:  terminating session $pid{$_->[0]} \(user "$_->[0]", database "shop", application "\S+", client \[local\]\): requested by role "janitor" with terminate_db_sessions\(dbname => 'shop'\): "it is late"$/,
	"the line of $_->[0] says who ordered it, with which function and why")
  for map { my $role = $_; [ $role, grep { /session $pid{$role} / } @lines ] } qw(web etl);

# An ordinary user, who selects by what everybody may see.
open_missing_sessions();
$offset = log_size($node);
$result = run_function($node, "terminate_db_sessions('shop')", user => 'web');
is($result->{status}, 0, 'an ordinary user may call the functions');
is( fates_of($result), 'etl denied, root denied, web terminated',
	'an ordinary user ends its own sessions');
is($result->{note}{ $pid{etl} }, 'needs the privileges of its role or of pg_signal_backend', 'and is told why not the others');
is(who_lives(), 'etl root', 'the sessions of others live');
is(scalar ordered_lines($offset), 1, 'the log has a line of its own session only');

# ... and by what everybody may not see.
for my $condition ([ "state => 'idle'", 'state' ], [ "query => 'sesame'", 'query' ],
	[ "longer_than => '1 us'", 'age' ])
{
	my ($filter, $what) = @$condition;

	open_missing_sessions();
	$result = run_function($node, "terminate_sessions(dbname => 'shop', $filter)", user => 'web');
	is(fates_of($result), 'web terminated',
		"by $what an ordinary user finds its own sessions only");
	like($result->{stderr}, qr/NOTICE:  left out 2 sessions whose activity is not shown to you/,
		"by $what: it is told that others were left out");
	is(who_lives(), 'etl root', "by $what: the sessions of others live");
}

# pg_signal_backend may ask what a session is at, but not for the text of its query.
open_missing_sessions();
$result = run_function($node, "terminate_sessions(dbname => 'shop', query => 'sesame')", user => 'janitor');
is(fates_of($result), '', 'a query that may not be seen selects nobody');
like($result->{stderr}, qr/NOTICE:  left out 3 sessions whose/, 'and the caller is told so');
is(who_lives(), 'etl root web', 'all live');
my $columns = q{usename, state, translate(query, E'\n;', ''), backend_start IS NULL, outcome};
is( $node->safe_psql('shop',
		"SELECT $columns FROM terminate_idle_sessions('0', 'shop', dry_run => true) WHERE usename = 'web'",
		extra_params => [ -U => 'janitor' ]),
	'web||<insufficient privilege>|t|dry run',
	'what is hidden from who may signal is hidden in the rows too');
is( $node->safe_psql('shop',
		"SELECT $columns FROM terminate_idle_sessions('0', 'shop', dry_run => true)",
		extra_params => [ -U => 'web' ]),
	q{web|idle|SELECT 'open sesame'|f|dry run},
	'one may see what is one\'s own');
is(who_lives(), 'etl root web', 'and a dry run ends nobody');

# EXECUTE on the server's function is demanded of who calls a function.
sub with_one_running
{
	start_query($session{web}, 'SELECT pg_sleep(3600)');
	wait_for_status($node, $pid{web}, "wait_event = 'PgSleep'");
	return;
}

my $terminate = 'FUNCTION pg_terminate_backend(integer, bigint)';
my $cancel = 'FUNCTION pg_cancel_backend(integer)';
# A REVOKE is of one database.
$node->safe_psql('shop', "REVOKE EXECUTE ON $terminate FROM PUBLIC");
with_one_running();
$offset = log_size($node);
for my $call (
	"terminate_user_sessions('web')", "terminate_session($pid{web})",
	"terminate_sessions(dbname => 'shop', username => 'web')", "stop_query($pid{web})",
	"terminate_user_sessions('web', dry_run => true)")
{
	$result = run_function($node, $call, user => 'janitor', dbname => 'shop');
	is(fates_of($result), 'web denied', "pg_terminate_backend is revoked: $call");
	is($result->{note}{ $pid{web} }, 'permission denied for function pg_terminate_backend', 'the note names it');
}
is(scalar ordered_lines($offset), 0, 'nobody is signaled');
wait_for_status($node, $pid{web}, "wait_event = 'PgSleep'");
is( fates_of(run_function($node, "cancel_user_queries('web')", user => 'janitor', dbname => 'shop')), 'web canceled',
	'who may cancel still cancels');
wait_for_state($node, 'idle', $pid{web});

$node->safe_psql('shop', "GRANT EXECUTE ON $terminate TO PUBLIC; REVOKE EXECUTE ON $cancel FROM PUBLIC");
with_one_running();
$offset = log_size($node);
for my $call (
	"cancel_user_queries('web')", "cancel_query($pid{web})",
	"cancel_queries(dbname => 'shop', username => 'web')", "stop_query($pid{web})")
{
	$result = run_function($node, $call, user => 'janitor', dbname => 'shop');
	is(fates_of($result), 'web denied', "pg_cancel_backend is revoked: $call");
	is($result->{note}{ $pid{web} }, 'permission denied for function pg_cancel_backend', 'the note names it');
}
is(scalar ordered_lines($offset), 0, 'nobody is signaled');
ok(is_alive($node, $pid{web}), 'the session lives');
is( fates_of(run_function($node, "terminate_user_sessions('web')", user => 'janitor', dbname => 'shop')), 'web terminated',
	'who may terminate still terminates');
is(who_lives(), 'etl root', 'the one lives no more, the others do');

is(scalar guard_lines($node, qr/requested by.*open sesame/), 0, 'no query is in the lines of the log');
close_sessions(values %session);
$node->stop;
done_testing();
