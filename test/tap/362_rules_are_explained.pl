# rule_matches() tells before a rule is committed whom it would bind, and by when; explain() why a
# session is bound as it is; rule_stats what has become of it.  What they say is what the guard does,
# beside innocents; what decides is what the schedule says, for rules and settings at random.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '1h');

sub sql { return $node->safe_psql('postgres', join ';', @_); }

sql('CREATE ROLE staff', 'CREATE ROLE idler LOGIN IN ROLE staff', 'CREATE ROLE runner LOGIN', 'CREATE ROLE "Bad ""one""" LOGIN',
	q{CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0}, q{CREATE DATABASE utf ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0});

# What a query says of sessions, by their names.
sub said
{
	my ($sessions, $query, $dbname) = @_;
	my %name = map { $sessions->{$_}->pid => $_ } keys %$sessions;

	return join "\n", sort map { /^(\d+)(.*)/ && defined $name{$1} ? "$name{$1}$2" : () } split /\n/,
	  $node->safe_psql($dbname // 'postgres', $query);
}

my %session = map { $_ => RawSession->connect($node, user => $_) } qw(idler runner web);
$session{runner}->send_query('SELECT pg_sleep(600) /* marked */');
$session{web}->run('BEGIN');
wait_for_status($node, $session{runner}->pid, "wait_event = 'PgSleep'");

# Two rules are tried before they are there.
my $idlers = q{INSERT INTO session_guard.rule (position, name, roles, idle_session_timeout, enabled)
	VALUES (10, 'idlers', '{staff}', '500 ms', false)};
my $marked = q{INSERT INTO session_guard.rule (position, name, query, statement_timeout, transaction_timeout)
	VALUES (20, 'marked', 'mark[e]d', '500 ms', '1 h')};
my $matches = q{SELECT pid, limit_name, threshold, decides, decided_by, due_at = since + threshold, action, spared
	FROM session_guard.rule_matches('%s')};
wait_until_unchanged_for($node, '600 ms', $session{idler}->pid);
is( said(\%session, "BEGIN; $idlers; $marked;" . sprintf($matches, 'idlers') . ';' . sprintf($matches, 'marked') . '; ROLLBACK'),
	"idler|idle_session_timeout|00:00:00.5|t||t|terminate|\n"
	  . "runner|statement_timeout|00:00:00.5|t||t|cancel|\n"
	  . 'runner|transaction_timeout|01:00:00|t||t|terminate|',
	'whom the rules mean, and what would happen when');
my ($status, undef, $error) = $node->psql('postgres', q{SELECT session_guard.rule_matches('idlers')});
like($error, qr/^psql:<stdin>:1: ERROR:  rule "idlers" does not exist$/m, 'they were not committed');
is(living($node, \%session), 'idler runner web', 'so nobody has ended');

# One that is not enabled is shown, and does nothing.
sql($idlers);
is(sql("SELECT source, decides, note FROM session_guard.explain(${\ $session{idler}->pid }) WHERE limit_name = 'idle_session_timeout'"),
	"rule \"idlers\"|f|not enabled\nconfiguration file|t|nothing sets it", 'it is explained that it is not enabled');
is(said(\%session, sprintf($matches, 'idlers')), 'idler|idle_session_timeout|00:00:00.5|t||t|terminate|', 'whom it would mean is told');

# What they said happens, and is counted.
my $counts = q{SELECT name, deadlines_met, logged, cancels_sent, terminates_sent, canceled, terminated, survived, gone, raced
	FROM session_guard.rule_stats ORDER BY position};
sql($marked);
$session{runner}->read_until('E');
like($session{runner}->error_text, qr/rule "marked"/, 'who is marked is told of the rule');
sql(q{UPDATE session_guard.rule SET enabled = true WHERE name = 'idlers'});
wait_for_end($node, $session{idler}->pid);
$node->poll_query_until('postgres', 'SELECT sum(canceled + terminated) = 2 FROM session_guard.rule_stats')
  or die 'the outcomes are not counted';
is(sql($counts), "idlers|1|0|0|1|0|1|0|0|0\nmarked|1|0|1|0|1|0|0|0|0", 'each rule has its own counters');
is(living($node, { web => $session{web} }), 'web', 'whom neither means goes on');

# They go on while there is a rule of that name, wherever it stands.
my $published = sql('SELECT min(published_at) FROM session_guard.rule_stats');
sql(q{UPDATE session_guard.rule SET position = 30, mode = 'log' WHERE name = 'idlers'},
	q{INSERT INTO session_guard.rule (position, name, except_roles, session_timeout) VALUES (5, 'unsure', ARRAY['No "body"']::name[], '1 h')});
$node->poll_query_until('postgres', q{SELECT count(*) = 3 FROM session_guard.rule_stats}) or die 'the rules are not read';
is( sql($counts),
	"unsure|0|0|0|0|0|0|0|0|0\nmarked|1|0|1|0|1|0|0|0|0\nidlers|1|0|0|1|0|1|0|0|0",
	'the counters go on when other rules come');
is(sql("SELECT name, mode, problem, published_at > '$published' FROM session_guard.rule_stats ORDER BY name"),
	"idlers|log||t\nmarked|enforce||t\nunsure|enforce|role \"No \"\"body\"\"\" does not exist|t", 'the view tells what the guard has read');
is( sql("SELECT source, decides, note FROM session_guard.explain(${\ $session{web}->pid }) WHERE limit_name = 'session_timeout'"),
	"rule \"unsure\"|f|whom except_roles means is not known (role \"No \"\"body\"\"\" does not exist)\nconfiguration file|t|nothing sets it",
	'a rule in doubt binds nobody, and it is said why');

# What is only logged is counted as that.
$session{idler} = RawSession->connect($node, user => 'idler');
$session{idler}->run('SELECT 1');
$node->poll_query_until('postgres', q{SELECT logged = 1 FROM session_guard.rule_stats WHERE name = 'idlers'}) or die 'nothing is logged';
is( sql("SELECT source, decides, note, spared, action FROM session_guard.explain(${\ $session{idler}->pid }) WHERE limit_name = 'idle_session_timeout'"),
	"rule \"idlers\"|f|mode is log|already logged|log\nconfiguration file|t|nothing sets it||", 'what is only logged is explained');
is(said(\%session, sprintf($matches, 'idlers')), 'idler|idle_session_timeout|00:00:00.5|t||t|terminate|', 'what would happen if it were enforced is told');
sql('SELECT session_guard.reset_stats()');
is(sql($counts), "unsure|0|0|0|0|0|0|0|0|0\nmarked|0|0|0|0|0|0|0|0|0\nidlers|0|0|0|0|0|0|0|0|0", 'reset_stats() sets the counters of rules to 0');

# In other databases, in whatever encoding, are the rules that the guard has read.
sql('TRUNCATE session_guard.rule');
$session{idler}->quit;
my $odd = "gr\xfcn \"x\"";
$node->safe_psql($_, 'CREATE EXTENSION pg_session_guard') for 'utf', 'latin';
$node->append_conf('postgresql.conf', q{pg_session_guard.database = 'latin'});
$node->restart;
wait_for_guard($node);
{
	local $ENV{PGCLIENTENCODING} = 'LATIN1';
	$node->safe_psql('latin', qq{INSERT INTO session_guard.rule (position, name, idle_session_timeout) VALUES (1, '$odd', '1 h')});
}
$session{$_} = RawSession->connect($node, user => $_) for qw(idler runner web);
$session{bad} = RawSession->connect($node, user => 'Bad "one"');
my $shown = 'gr\\xfcn "x"';
$node->poll_query_until('utf', 'SELECT count(*) = 1 FROM session_guard.rule_stats') or die 'the rule is not read';
for my $name ([ latin => $odd ], [ utf => $shown ])
{
	my ($dbname, $text) = @$name;
	my $source = 'rule "' . $text =~ s/"/""/gr . '"';
	local $ENV{PGCLIENTENCODING} = $dbname eq 'utf' ? 'UTF8' : 'LATIN1';

	is($node->safe_psql($dbname, 'SELECT name FROM session_guard.rule_stats'), $text, "$dbname: name of the rule");
	is($node->safe_psql($dbname, "SELECT source FROM session_guard.explain(${\ $session{bad}->pid }) WHERE decides AND limit_name = 'idle_session_timeout'"),
		$source, "$dbname: explained");
	is(said(\%session, "SELECT pid, usename, source FROM session_guard.schedule WHERE usename LIKE 'Bad%'", $dbname), "bad|Bad \"one\"|$source", "$dbname: the schedule");
	is( said(\%session, "SELECT pid, decides FROM session_guard.rule_matches('$text')", $dbname),
		"bad|t\nidler|t\nrunner|t\nweb|t",
		"$dbname: whom it means");
}

# Whether a query can be compared does not hang on who asks, and where.
my %other = (
	latin => RawSession->connect($node, user => 'web', dbname => 'latin', parameters => { client_encoding => 'LATIN1' }),
	utf => RawSession->connect($node, user => 'web', dbname => 'utf', parameters => { client_encoding => 'UTF8' }));
$other{latin}->query("SELECT 1 AS \xe9");
$other{utf}->query("SELECT 1 AS \xc3\xa9");
{
	local $ENV{PGCLIENTENCODING} = 'LATIN1';
	$node->safe_psql('latin', "INSERT INTO session_guard.rule (position, name, query, session_timeout) VALUES (2, 'query', '\xe9', '1 h')");
}
$node->poll_query_until('utf', q{SELECT count(*) = 1 FROM session_guard.rule_stats WHERE name = 'query' AND problem IS NULL}) or die 'the rule is not read';
for my $dbname ('latin', 'utf')
{
	for my $name ([ latin => 't|' ], [ utf => 'f|its query could not be compared' ])
	{
		my ($whose, $note) = @$name;

		is($node->safe_psql($dbname, "SELECT decides, note FROM session_guard.explain(${\ $other{$whose}->pid }) WHERE source = 'rule \"query\"'"),
			$note, "$dbname: a query in $whose");
	}
	is(said(\%other, q{SELECT pid, decides FROM session_guard.rule_matches('query')}, $dbname), 'latin|t', "$dbname: what could not be compared is not meant");
}
$_->quit for values %session, values %other;

# Rules and settings at random: what decides is what the schedule tells of.
$node->append_conf('postgresql.conf', q{pg_session_guard.database = 'postgres'});
$node->restart;
wait_for_guard($node);
my $seed = $ENV{SEED} // int rand 1_000_000;
srand $seed;
note "seed $seed";

sub one_of { return $_[ rand @_ ]; }

sub random_rule
{
	my ($position) = @_;
	my $mode = one_of('enforce', 'enforce', 'log');
	my $roles = one_of('NULL', 'NULL', q{'{staff}'}, q{'{runner}'}, q{'{web,nobody}'});
	my @limits = $mode eq 'log' || $roles eq 'NULL' ? ('NULL', q{'1 h'}, q{'2 h'}, q{'3 h'}) : ('NULL', q{'0'}, q{'1 h'}, q{'2 h'}, q{'3 h'});
	my $exempt = $mode eq 'log' ? 'NULL' : $roles eq 'NULL' ? one_of('NULL', 'false') : one_of('NULL', 'NULL', 'NULL', 'false', 'true');

	return "($position, 'r$position', ${\ one_of('true', 'true', 'true', 'false') }, $roles, "
	  . join(', ', one_of('NULL', 'NULL', q{'{web}'}, q{'{nobody}'}), one_of('NULL', q{'{postgres}'}, q{'{utf,postgres}'}, q{'{utf}'}),
		one_of('NULL', 'NULL', q{'a%'}, q{'%b'}), one_of('NULL', 'NULL', q{'SELECT [12]$'}, q{'^BEGIN'}), one_of('NULL', 'NULL', q{'ab'}),
		one_of(@limits), one_of(@limits), q{'9 h'}, $exempt, "'$mode'")
	  . ')';
}

my %at_random;
for my $user (qw(idler runner web))
{
	for my $application ('', 'ab', 'cb')
	{
		my $session = $at_random{"$user $application"} = RawSession->connect($node, user => $user);

		$session->run("SET application_name = '$application'", one_of('SELECT 1', 'SELECT 3', 'BEGIN'));
		$session->run('SET ROLE staff') if $user eq 'idler' && rand() < 0.5;
	}
}
my $pids = join ', ', map { $_->pid } values %at_random;
my $differences = q{
	SELECT 'of the schedule', pid, limit_name, source, threshold, spared, action FROM (
		SELECT pid, limit_name, source, threshold, spared, action FROM session_guard.schedule WHERE pid IN (PIDS)
		EXCEPT ALL
		SELECT pid, limit_name, source, threshold, spared, action FROM explained WHERE (decides AND threshold > '0') OR note = 'mode is log') AS missing
	UNION ALL
	SELECT 'of the explanation', pid, limit_name, source, threshold, spared, action FROM (
		SELECT pid, limit_name, source, threshold, spared, action FROM explained WHERE (decides AND threshold > '0') OR note = 'mode is log'
		EXCEPT ALL
		SELECT pid, limit_name, source, threshold, spared, action FROM session_guard.schedule WHERE pid IN (PIDS)) AS missing
	UNION ALL
	SELECT 'decide', pid, limit_name, count(*)::text, NULL, NULL, NULL FROM explained WHERE decides GROUP BY pid, limit_name HAVING count(*) <> 1
	UNION ALL
	SELECT 'no note', pid, limit_name, source, NULL, NULL, NULL FROM explained WHERE NOT decides AND note IS NULL
	UNION ALL
	SELECT 'enforced', pid, limit_name, source, threshold, NULL, NULL FROM explained
	WHERE source LIKE 'rule%' AND decides AND limit_name <> 'exempt' AND NOT EXISTS (
		SELECT FROM session_guard.rule_matches(btrim(substr(source, 6), '"')::name) AS m
		WHERE m.pid = explained.pid AND m.limit_name = explained.limit_name AND m.decides AND m.threshold = explained.threshold)
} =~ s/PIDS/$pids/gr;
my %notes;
my $rounds = 30;
for my $round (1 .. $rounds)
{
	my $rules = join ', ', map { random_rule($_) } 1 .. 6;
	my @settings = map { "ALTER $_ SET pg_session_guard." . one_of(qw(idle_session_timeout statement_timeout)) . " = '" . one_of(0, '1h', '2h') . q{'} }
	  map { one_of('ROLE ALL', 'DATABASE postgres', 'ROLE web', 'ROLE staff', 'ROLE staff IN DATABASE postgres', 'ROLE runner IN DATABASE postgres') } 1 .. 3;
	my @answer = split /\n/, $node->safe_psql(
		'postgres', join ';', 'SET client_min_messages = error', 'BEGIN', 'DELETE FROM session_guard.rule', @settings,
		'INSERT INTO session_guard.rule (position, name, enabled, roles, except_roles, databases, application_name, query, except_application_name,
			idle_session_timeout, statement_timeout, session_timeout, exempt, mode) VALUES ' . $rules,
		"CREATE TEMP TABLE explained AS SELECT s.pid, e.* FROM unnest(ARRAY[$pids]) AS s (pid), session_guard.explain(s.pid) AS e",
		$differences, q{SELECT 'note: ' || note FROM explained WHERE note IS NOT NULL GROUP BY note}, 'ROLLBACK');

	$notes{$_} = 1 for map { /^note: (.*)/ } @answer;
	is(join("\n", grep { !/^note: / } @answer), '', "round $round: explanation and schedule agree") or diag join "\n", "seed $seed", @settings, $rules;
}
for my $note ('a rule decides', 'an earlier rule decides', 'mode is log', 'not enabled', 'not selected by query', 'not selected by roles', 'not selected by databases',
	'not selected by application_name', 'excepted by except_roles', 'excepted by except_application_name', 'cannot relax what holds without it: it selects by what the client says')
{
	ok($notes{$note}, "it has come to: $note");
}

$_->abandon for values %at_random;
$node->stop;
done_testing();
