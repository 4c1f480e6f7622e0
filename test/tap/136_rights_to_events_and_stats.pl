# Events, history and counters are for members of pg_monitor to read, and for
# nobody but superusers to change.  An ordinary role, be it the victim or one
# that may signal others, reads nothing of them, and nobody else's query
# anywhere in the extension.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');
$node->safe_psql(
	'postgres', q{
	CREATE ROLE janitor LOGIN IN ROLE pg_signal_backend;
	CREATE ROLE watcher LOGIN IN ROLE pg_monitor;
	CREATE ROLE reader LOGIN;
	CREATE ROLE limited LOGIN;
	INSERT INTO session_guard.rule (position, name, query, max_memory) VALUES (1, 'bravo', 'bravo', pg_size_bytes('1 TB'));
	INSERT INTO session_guard.rule (position, name, max_memory) VALUES (2, 'all', pg_size_bytes('1 TB'));
	ALTER ROLE limited SET pg_session_guard.idle_in_transaction_session_timeout = '100ms';
	GRANT SELECT ON session_guard.event TO reader;
	GRANT EXECUTE ON FUNCTION session_guard.get_events() TO reader});

# A query as a role; its result or, if it fails, the SQLSTATE.
sub answer
{
	my ($user, $sql) = @_;
	my ($out, $err) = ('', '');

	$node->psql(
		'postgres', $sql,
		stdout => \$out,
		stderr => \$err,
		extra_params => [ '-U', $user, '-v', 'VERBOSITY=sqlstate' ]);
	return $err =~ /ERROR:  (\w{5})$/m ? $1 : $out;
}

# A session with a word in its query that nobody else's has.
sub session_with
{
	my ($user, $word) = @_;
	my $session = RawSession->connect($node, user => $user);

	$session->send_query("SELECT pg_sleep(600) /* $word */");
	wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
	return $session;
}

# Something is done to some of them by functions, and to one by the guard.
my %word = (web => 'bravo', reader => 'charlie', limited => 'delta');
my %canceled = map { ($_ => session_with($_, $word{$_})) } 'web', 'reader';
for my $user (sort keys %canceled)
{
	is( answer('janitor', "SELECT outcome, query FROM cancel_query(${\ $canceled{$user}->pid }, reason => 'request')"),
		'canceled|<insufficient privilege>',
		"who may cancel the statement of $user is not shown it");
	$canceled{$user}->read_result;
}
my $ended = RawSession->connect($node, user => 'limited');
$ended->query("BEGIN /* $word{limited} */");
wait_for_end($node, $ended->pid);
$node->poll_query_until('postgres', 'SELECT count(*) = 3 FROM session_guard.history') or die 'the history is not written';
# They are at it again, next to somebody to whom nothing is done.
$word{bystander} = 'echo';
$node->safe_psql('postgres', 'CREATE ROLE bystander LOGIN');
my %session = map { ($_ => session_with($_, $word{$_})) } 'web', 'bystander';

# Whose words are to be seen in an answer?
sub words_in
{
	my ($answer) = @_;

	return join ' ', grep { index($answer, $word{$_}) >= 0 } sort keys %word;
}

# All that the extension has to read: its relations, and its functions that want no argument.
my @relations = split /\n/, $node->safe_psql(
	'postgres', q{
	SELECT c.oid::regclass
	FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
	WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e' AND c.relkind IN ('r', 'v')
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_session_guard')});
my @functions = split /\n/, $node->safe_psql(
	'postgres', q{
	SELECT p.oid::regprocedure
	FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
	WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND p.pronargs = 0
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_session_guard')
		AND p.proname <> 'session_guard_reset_stats' AND p.prorettype <> 'trigger'::regtype});

for my $user ('web', 'janitor')
{
	my @readable;
	my $seen = '';

	for my $source (@relations, @functions)
	{
		my $answer = answer($user, "SELECT * FROM $source");

		next if $answer eq '42501';
		push @readable, $source;
		$seen .= $answer;
	}
	is_deeply(
		[ sort @readable ],
		[
			'session_guard.closed', 'session_guard.get_closed()',
			'session_guard.get_horizon()', 'session_guard.get_schedule()', 'session_guard.get_sessions()',
			'session_guard.horizon', 'session_guard.not_given()',
			'session_guard.schedule', 'session_guard.session', 'session_guard.top', 'session_guard.version'
		],
		"$user can read what is there now, and not what was done");
	is(words_in($seen), $user eq 'web' ? 'web' : '', "$user reads no query but its own");
	is(words_in(answer($user, 'SELECT query FROM pg_stat_activity')),
		$user eq 'web' ? 'web' : '', "$user: nor do the workers show any");
	is(words_in(answer($user, 'SELECT query, note FROM terminate_all_sessions(dry_run => true)')),
		$user eq 'web' ? 'web' : '', "$user: nor does a function");
	is(answer($user, "SELECT count(*) FROM session_guard.explain(${\ $session{$_}->pid }) HAVING count(*) > 0"),
		$user eq $_ ? answer($user, "SELECT count(*) FROM session_guard.explain(${\ $session{$_}->pid })") : '42501',
		"$user: why $_ is bound as it is")
	  for sort keys %session;
	is(answer($user, q{SELECT string_agg(DISTINCT usename, ' ') FROM session_guard.rule_matches('bravo') WHERE pid <> pg_backend_pid()}),
		$user eq 'web' ? 'web' : '', "$user is not told whom a rule means by a query that is not shown");
	is( answer($user, "SELECT count(*), count(state) FROM session_guard.rule_matches('all') WHERE pid IN (${\ join ', ', map { $_->pid } values %session })"),
		$user eq 'web' ? '1|1' : '0|0', "$user is not told whether a rule means others");
	is(answer($user, 'SELECT session_guard.reset_stats()'), '42501', "$user cannot reset the counters");
	is(answer($user, 'DELETE FROM session_guard.history'), '42501', "$user cannot change the history");
}

# Who was given the events alone reads them, and only its own query.
is(answer('reader', 'SELECT count(*) FROM session_guard.event'), '3', 'events can be granted to anybody');
is(words_in(answer('reader', 'SELECT * FROM session_guard.event')), 'reader', 'who reads only its own query there');
is(answer('reader', 'SELECT count(*) FROM session_guard.event WHERE query = \'<insufficient privilege>\''),
	'2', 'the others are covered');
is(answer('reader', 'SELECT * FROM session_guard.history'), '42501', 'and nothing of the history');

# Members of pg_monitor read all, and change nothing.
for my $relation (@relations)
{
	unlike(answer('watcher', "SELECT * FROM $relation"), qr{^\w{5}$}, "pg_monitor can read $relation");
}
for my $relation ('event', 'history')
{
	is(words_in(answer('watcher', "SELECT * FROM session_guard.$relation")),
		'limited reader web', "pg_monitor reads the queries in $relation");
}
for my $statement (
	'INSERT INTO session_guard.history SELECT * FROM session_guard.event',
	q{UPDATE session_guard.history SET outcome = 'gone'},
	'DELETE FROM session_guard.history',
	'TRUNCATE session_guard.history',
	'DROP TABLE session_guard.history',
	'SELECT session_guard.reset_stats()')
{
	is(answer('watcher', $statement), '42501', "pg_monitor cannot: $statement");
}

my $superuser = $node->safe_psql('postgres', 'SELECT user');
is(answer($superuser, 'SELECT session_guard.reset_stats(); SELECT count(*) FROM session_guard.stats WHERE requests = 0'),
	"\n1", 'a superuser resets the counters');
is(answer($superuser, 'DELETE FROM session_guard.history; SELECT count(*) FROM session_guard.history'),
	'0', 'and changes the history');

$_->abandon for $ended, values %canceled, values %session;
$node->stop;
done_testing();
