# What is stored for a role binds a session that has taken it on by SET ROLE, whatever way it did,
# beside one that is the role that it has logged in as, and stays.  Of two limits the stricter
# counts: nobody gets away from one by SET ROLE, and no exemption is taken over or lost.  Log,
# client, schedule and event name the role.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '1h');

sub sql { return $node->safe_psql('postgres', join ';', @_); }

sub limit
{
	my ($whose, $name, $value) = @_;

	return "ALTER ROLE $whose SET pg_session_guard.$name = '$value'";
}

sub session
{
	my ($user, @statements) = @_;
	my $session = RawSession->connect($node, user => $user);

	$session->run(@statements);
	return $session;
}

# The lines that say that a session is ended, or its statement canceled.
sub lines_about
{
	my ($session) = @_;

	return join "\n", map { /\): (.*)/ } guard_lines($node, qr/LOG:  (canceling|terminating) .*session ${\ $session->pid } /);
}

sub source_of_event
{
	my ($session) = @_;

	return sql("SELECT source FROM session_guard.event WHERE pid = ${\ $session->pid } ORDER BY number LIMIT 1");
}

my %roles = (
	reader => { statement_timeout => '1s', idle_session_timeout => '1s', cancel_grace => '500ms' },
	batch => { transaction_timeout => '1s' },
	'"an Editor"' => { idle_in_transaction_session_timeout => '1h' },
	lax => { idle_session_timeout => '1h', cancel_grace => '1h' },
	boundless => { idle_session_timeout => '0' });
sql((map { "CREATE ROLE $_" } sort(keys %roles), 'vip', 'boss SUPERUSER'),
	'CREATE ROLE app LOGIN NOINHERIT; CREATE ROLE strict LOGIN NOINHERIT; CREATE ROLE spared LOGIN; CREATE ROLE owner LOGIN SUPERUSER; CREATE ROLE starter LOGIN',
	'GRANT ' . join(', ', sort(keys %roles), 'vip', 'boss') . ' TO app, strict, spared, starter', q{ALTER ROLE starter SET role = 'reader'},
	q{CREATE FUNCTION rest() RETURNS void LANGUAGE plpgsql SET role = 'reader' AS 'BEGIN PERFORM pg_sleep(600); END'});
my %session = (
	idle => session('app', 'SET ROLE reader'),
	in_transaction => session('app', 'BEGIN', 'SET LOCAL ROLE "an Editor"'),
	started_with => session('starter'),
	(map { $_ => session('app') } qw(statement function same_string prepared stubborn)),
	# Nobody has more than its own by what it takes on.
	(map { ("strict_$_" => session('strict', "SET ROLE $_")) } qw(lax boundless vip boss)),
	strict => session('strict'),
	# These stay.
	plain => session('app'),
	plain_in_transaction => session('app', 'BEGIN'),
	plain_statement => session('app'),
	exempt => session('spared', 'SET ROLE reader'),
	superuser => session('owner', 'SET ROLE reader'),
	lax => session('app', 'SET ROLE lax'));
my @stay = qw(exempt lax plain plain_in_transaction plain_statement superuser);
my @canceled = qw(function prepared same_string statement);

$session{plain_statement}->send_query('SELECT pg_sleep(600)');
$session{statement}->run(q{SELECT set_config('role', 'reader', false)});
$session{statement}->send_query('SELECT pg_sleep(600)');
$session{function}->send_query('SELECT rest()');
$session{same_string}->send_query('SET ROLE reader; SELECT pg_sleep(600)');
$session{stubborn}->run('SET ROLE reader');
$session{stubborn}->send_query(stubborn_statement());
wait_until_unchanged_for($node, '1500 ms', map { $_->pid } values %session);

# Of settings for a role, those in the database take the place of those everywhere.
sql((map { limit('strict', @$_) } [ idle_session_timeout => '1s' ]), 'ALTER ROLE spared SET pg_session_guard.exempt = on',
	'ALTER ROLE vip SET pg_session_guard.exempt = on', 'ALTER ROLE boss SET pg_session_guard.idle_session_timeout = 0',
	(map { my $role = $_; map { limit($role, $_, $roles{$role}{$_}) } sort keys %{ $roles{$role} } } sort keys %roles),
	limit('"an Editor" IN DATABASE postgres', idle_in_transaction_session_timeout => '1s'),
	limit('lax IN DATABASE postgres', idle_session_timeout => '0'));
$session{prepared}->run_in_pipeline(q{SELECT set_config('role', 'reader', true)});
$session{prepared}->parse('', 'SELECT pg_sleep(600)');
$session{prepared}->bind('', '');
$session{prepared}->execute('');
$session{prepared}->flush;
# Taken on after more than the limit: nobody can be in time.
$session{transaction} = session('app', 'BEGIN');
wait_until_unchanged_for($node, '1200 ms', $session{transaction}->pid);
$session{transaction}->run('SET LOCAL ROLE batch');

my %ended = (
	idle => 'role "reader" taken by SET ROLE',
	started_with => 'role "reader" taken by SET ROLE',
	in_transaction => 'role "an Editor" taken by SET ROLE in database "postgres"',
	transaction => 'role "batch" taken by SET ROLE',
	strict => 'role "strict"',
	map { ("strict_$_" => 'role "strict"') } qw(lax boundless vip boss));
for my $name (sort keys %ended)
{
	wait_for_end($node, $session{$name}->pid);
	like(lines_about($session{$name}), qr/timeout is 1 s \(\Q$ended{$name}\E\)$/, "$name: ended by $ended{$name}");
	is(source_of_event($session{$name}), $ended{$name}, "$name: the event says so, too");
}
$session{in_transaction}->read_to_end;
like($session{in_transaction}->error->{detail}, qr/^Idle in transaction for .*idle_in_transaction_session_timeout is 1 s \(\Q$ended{in_transaction}\E\)\.$/,
	'the client is told of the role');
is(sql("SELECT count(*) FROM session_guard.event WHERE late IS NULL AND pid = ${\ $session{transaction}->pid }"),
	1, 'what a role brings that is taken on too late is not late');
for my $name (@canceled)
{
	$session{$name}->read_until('E');
	like($session{$name}->error_text,
		qr/^ERROR 57014: .*\nDETAIL: Statement running for .*statement_timeout is 1 s \(role "reader" taken by SET ROLE\)\.\nHINT: /,
		"$name: canceled, and the client is told");
}
wait_for_end($node, $session{stubborn}->pid);
like(lines_about($session{stubborn}), qr/role "reader" taken by SET ROLE.*\n.*cancel_grace is 500 ms/,
	'stubborn: the grace of the role counts, which is shorter');

wait_until_unchanged_for($node, '1200 ms', map { $session{$_}->pid } @stay);
wait_for_scan($node, 2);
is(living($node, { map { $_ => $session{$_} } @stay }), "@stay", 'the others stay');
is( sql(q{SELECT string_agg(concat_ws(' ', usename, threshold, source, spared), ', ' ORDER BY usename)
		FROM session_guard.schedule WHERE limit_name = 'idle_session_timeout' AND source LIKE '%taken%'
		AND pid IN (} . join(',', map { $session{$_}->pid } @stay) . ')'),
	'owner 00:00:01 role "reader" taken by SET ROLE superuser, spared 00:00:01 role "reader" taken by SET ROLE exempt by role "spared"',
	'the schedule names the role, and who is spared from its limit');

# A role has no settings once it is dropped; whoever has taken it on goes on.
my $orphan = session('app', 'SET ROLE boundless');
sql(limit('boundless', idle_session_timeout => '2s'));
wait_for_status($node, $orphan->pid, "state = 'idle'");
is(sql("SELECT source FROM session_guard.schedule WHERE pid = ${\ $orphan->pid }"),
	'role "boundless" taken by SET ROLE', 'what is stored later binds, too');
sql('DROP ROLE boundless');
wait_until_unchanged_for($node, '2200 ms', $orphan->pid);
wait_for_scan($node, 2);
ok(is_alive($node, $orphan->pid), 'nothing is left of a role that was dropped');

set_limits($node, exempt_superusers => 'off');
wait_for_end($node, $session{superuser}->pid);
is(source_of_event($session{superuser}), 'role "reader" taken by SET ROLE', 'a superuser is bound if superusers are not spared');

$_->abandon for values %session, $orphan;
$node->stop;
done_testing();
