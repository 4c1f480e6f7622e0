# Rules select by the text of the statement that runs, or ran last, at the deadline: a statement
# that the expression means is canceled, one beside it that it does not mean goes on, also where it
# took the place of one that was meant.  What cannot be compared is not meant: a text in another
# encoding, or one that takes too long, which keeps nobody else waiting.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.catch_up_rate' => 100,
	track_activity_query_size => 200,
	max_connections => 60);
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $admin = RawSession->connect($node, user => $superuser);
my $guard = wait_for_guard($node);

$admin->run('CREATE ROLE vip LOGIN',
	q{CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0},
	q{CREATE DATABASE ascii ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0});
is($admin->query('SHOW server_encoding'), 'UTF8', 'the guard works in UTF8');

# Sessions that run, or have run, a statement, by what they are to be called.
sub sessions
{
	my ($state, %statement) = @_;
	my %session;

	for my $name (sort keys %statement)
	{
		my ($sql, %params) = ref $statement{$name} ? @{ $statement{$name} } : $statement{$name};

		$session{$name} = RawSession->connect($node, parameters => { client_encoding => $params{client_encoding} // 'UTF8' }, %params);
		if ($state eq 'active')
		{
			$session{$name}->send_query($sql);
		}
		else
		{
			$session{$name}->run($sql);
		}
	}
	wait_for_state($node, $state, map { $_->pid } values %session);
	return %session;
}

# With these rules those end, or their statements, who are given with the rule that means them; the
# others go on until well after the limit.
sub check
{
	my ($what, $session, $rules, %ended) = @_;

	subtest $what => sub {
		$admin->run('BEGIN', map({ rule(@$_) } @$rules), 'COMMIT');
		for my $name (sort keys %ended)
		{
			$session->{$name}->read_until('E');
			is(source_told($session->{$name}), qq{rule "$ended{$name}"}, "$name ends by $ended{$name}");
		}
		my %stay = map { $_ => $session->{$_} } grep { !$ended{$_} } keys %$session;
		wait_until_unchanged_for($node, '600 ms', map { $_->pid } values %stay);
		wait_for_scan($node, 1);
		is(living($node, \%stay), join(' ', sort keys %stay), 'the others stay');
		is(join(',', map { $_->{error} ? 1 : () } values %stay), '', 'and go on');
		$_->abandon for values %$session;
		$admin->run('TRUNCATE session_guard.rule');
	};
	return;
}

my $sleep = 'SELECT pg_sleep(600)';
my %running = sessions('active',
	batch => "/* batch 7 */ $sleep", report => "/* report */ $sleep", upper => "/* BATCH 8 */ $sleep",
	lines => "$sleep\n/* batch */", euro => "$sleep /* \xE2\x82\xAC 5 */", vip => [ "/* batch 9 */ $sleep", user => 'vip' ]);
check('statements that run', \%running, [
		[ spares => query => 'batch', roles => ['vip'], exempt => 'on' ],
		[ two => query => '^/\\* batch \\d', statement_timeout => '250 ms' ],
		[ three => query => '(?i)^/\\* batch', statement_timeout => '300 ms' ],
		[ four => query => '\\n.. b.tch', statement_timeout => '300 ms' ],
		[ five => query => "\xE2\x82\xAC. ", statement_timeout => '300 ms' ],
		[ six => query => "\xE2\x82\xAC .", statement_timeout => '300 ms' ] ],
	batch => 'two', upper => 'three', lines => 'four', euro => 'six');

my %idle = sessions('idle', listed => 'SELECT 1 AS listed', other => 'SELECT 2 AS other', pattern => 'SELECT 3 AS listed_not',
	backref => q{SELECT 'abcabc'});
check('statements that ran last', \%idle,
	[ [ one => query => 'listed$', idle_session_timeout => '300 ms' ], [ two => query => '(abc)\\1', idle_session_timeout => '300 ms' ] ],
	listed => 'one', backref => 'two');

# Texts that are cut off, in the middle of a character or not, and those of other databases.
my $long = 'x' x 170;
my %encoded = sessions('idle',
	(map { ("cut_$_" => "SELECT 1 AS a, '" . 'y' x $_ . "\xE2\x82\xAC" x 90 . "'") } 0 .. 2),
	cut_ascii => "SELECT 1 AS a, '$long$long' AS unseen",
	latin_ascii => [ 'SELECT 1 AS a', dbname => 'latin' ],
	latin => [ "SELECT 1 AS a, '\xC3\xA4'", dbname => 'latin' ],
	ascii => [ 'SELECT 1 AS a', dbname => 'ascii', client_encoding => 'SQL_ASCII' ],
	ascii_invalid => [ "SELECT 1 AS a, '\xE4'", dbname => 'ascii', client_encoding => 'SQL_ASCII' ],
	ascii_utf8 => [ "SELECT 1 AS a, '\xC3\xA4'", dbname => 'ascii', client_encoding => 'SQL_ASCII' ]);
check('texts of any kind', \%encoded,
	[ [ one => query => 'unseen', idle_session_timeout => '300 ms' ], [ two => query => '^SELECT 1 AS a', idle_session_timeout => '300 ms' ] ],
	map { $_ => 'two' } grep { /^cut/ || /ascii$/ } keys %encoded);

# An expression and a text that take very long together (here, for hours) spare that text, and hold
# up nobody.  An odd number is no even sum.
my %long_text = map { ("hard_$_" => "SELECT '$_" . ('x' x 151) . q{'}) } 'a' .. 'h';
my %hard = sessions('idle', %long_text, easy => 'SELECT 1 AS easy');
my @hard = (q{^SELECT '[a-h](x+)(x+)(x+)(x+)(x+)\1\2\3\4\5'$}, q{'[a-h](x+)(x+)(x+)(x+)(x+)(\1\2\3\4\5){1}'$}, q{(.+)(.+)(.+)(.+)(.+)(.+)(.+)[^ax]\1\2\3\4\5\6\7.$});
my $offset = log_size($node);
check('expressions that take too long', \%hard,
	[ (map { [ "hard $_" => query => $hard[$_], idle_session_timeout => '300 ms' ] } 0 .. $#hard), [ easy => query => 'easy', idle_session_timeout => '300 ms' ] ],
	easy => 'easy');
$admin->run(map { rule("hard $_", query => $hard[$_], idle_session_timeout => '300 ms') } 0 .. $#hard);
my %under_them = sessions('idle', %long_text);
$admin->run(rule('punctual', roles => ['vip'], position => -1, idle_session_timeout => '300 ms'));
for my $time (1 .. 5)
{
	my $vip = RawSession->connect($node, user => 'vip');

	$vip->read_to_end;
	is(source_told($vip), 'rule "punctual"', "another is ended while the guard has to do with them ($time)");
	source_in_event($admin, $vip);
	cmp_ok($admin->query("SELECT extract(epoch FROM measured - threshold) FROM session_guard.event WHERE pid = ${\ $vip->pid }"), '<', 2, 'in time');
}
is(living($node, \%under_them), join(' ', sort keys %under_them), 'whose text could not be compared stays');
is(wait_for_guard($node), $guard, 'the guard is the same');
is(scalar guard_lines($node, qr/\[$guard\] (ERROR|FATAL|WARNING)/, $offset), 0, 'and nothing has failed in it');
$_->abandon for values %under_them;
$admin->run('TRUNCATE session_guard.rule');

# A session that goes on with another statement that no rule means, when the time of the first one is nearly up.
$admin->run(rule('first', query => '^/\\* first', statement_timeout => '1 s', transaction_timeout => '2500 ms'));
my %moving = sessions('active', moved => '/* first */ SELECT pg_sleep(0.7)', culprit => "/* first */ $sleep", other => "/* second */ $sleep");
$moving{moved}->read_until('Z');
$moving{moved}->send_query("/* second */ $sleep");
$moving{culprit}->read_until('E');
is(source_told($moving{culprit}), 'rule "first"', 'the statement that is meant is canceled');
wait_until_unchanged_for($node, '1500 ms', $moving{moved}->pid, $moving{other}->pid);
wait_for_scan($node, 2);
is_deeply([ map { $moving{$_}->read_what_came } 'moved', 'other' ], [], 'those that are not go on');
is(living($node, \%moving), 'culprit moved other', 'and nobody is ended');

$_->abandon for $admin, values %moving;
$node->stop;
done_testing();
