# The report that psql writes has the numbers of the history, escapes whatever
# others have chosen, and is an error where there is nothing to tell it from.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use Encode qw(decode_utf8);
use File::Basename;
use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $report = "$FindBin::RealBin/../../monitoring/pg_session_guard_report.sql";
my $node = guard_node('main', 'allows_streaming' => 1);

# Run the report with variables of psql, as it is to be run; its exit code, the page and what psql complains of.
sub run_report
{
	my ($server, $dbname, %variable) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/report.html';
	my $role = delete $variable{role};
	my @options = @{ delete $variable{options} // [] };
	my ($output, $error) = ('', '');

	local %ENV = $server->_get_env;
	my $code = IPC::Run::run(
		[
			'psql', '-X', '-d', $dbname, defined $role ? ('-U', $role) : (), @options,
			map({ ('-v', "$_=$variable{$_}") } sort keys %variable), '-f', $report, '-o', $file
		],
		'>', \$output, '2>', \$error);
	is($output, '', 'nothing is written beside the page');
	return ($code, decode_utf8(slurp_file($file)), $error);
}

# The page of a report that has to be written.
sub page
{
	my ($code, $page, $error) = run_report(@_);

	ok($code, 'the report is written');
	is($error, '', 'without a complaint');
	like($page, qr{\A<!DOCTYPE html>\n<html .*</html>\n\z}s, 'it is a whole page');
	for my $tag ('table', 'tr', 'td', 'th', 'h2')
	{
		is(scalar(() = $page =~ /<$tag[ >]/g), scalar(() = $page =~ m{</$tag>}g), "each $tag has its end");
	}
	return $page;
}

# The rows of a section, its cells joined by |, without its bars; undefined if there is none.
sub rows_of
{
	my ($page, $heading) = @_;
	my ($table) = $page =~ m{<h2[^>]*>\Q$heading\E</h2>\n(<table.*?</table>)}s or return;
	my @rows = $table =~ m{<tr valign="top">(.*?)</tr>}gs;

	return map { (join '|', grep { !/[\x{2588}-\x{258f}]/ } map { s/&nbsp; ?//gr } m{<td[^>]*>(.*?)</td>}gs) =~ s/\|$//r } @rows;
}

sub facts_of
{
	my ($page) = @_;

	return { $page =~ m{<td align="left">([\w ,]+)</td>\s*<td align="left">(.*?)</td>}gs };
}

# Nothing has happened yet.
my $page = page($node, 'postgres');
like($page, qr/Nothing was ended\./, 'an empty history is told of');
is(rows_of($page, 'By hour of the day'), undef, 'and has no sections');
is(facts_of($page)->{server} =~ s/,.*//r, 'main', 'it says of which server it is');
is(facts_of($page)->{before}, 'nothing of it is left', 'there is nothing to compare with');
like(facts_of($page)->{guard}, qr/^mode enforce, runs since \d/, 'and how the guard is');

# Two days, as the guard and somebody else would have left them.
my $script = '<script>alert("&")</script>';
$node->safe_psql(
	'postgres', qq{
	CREATE TABLE happened (
		at timestamptz, times int, actor text, function_name text, usename text, application_name text,
		limit_name text, source text, measured interval, measured_amount bigint, outcome text,
		gone_after interval, reason text);
	INSERT INTO happened VALUES
		('2026-03-01 23:30', 5, 'guard', NULL, 'web', 'shop', 'idle_session_timeout', 'role "web"', '1 h', NULL, 'terminated', '1 ms', NULL),
		('2026-03-02 07:10', 3, 'guard', NULL, 'web', 'shop', 'idle_session_timeout', 'role "web"', '2 h', NULL, 'terminated', '1 ms', NULL),
		('2026-03-02 23:59:59.9', 2, 'guard', NULL, 'web', 'shop', 'statement_timeout', 'all roles', '3.25 s', NULL, 'canceled', '1 ms', NULL),
		('2026-03-03 00:00', 1, 'guard', NULL, 'web', 'new one', 'idle_session_timeout', 'role "web"', '9 h', NULL, 'terminated', '6 s', NULL),
		('2026-03-03 01:00', 1, 'guard', NULL, 'reports', '', 'max_memory', 'rule "big"', NULL, 3::bigint << 30, 'canceled', '1 ms', NULL),
		('2026-03-03 02:00', 2, 'guard', NULL, 'batch', 'import', 'transaction_timeout', 'rule "trial"', '40 min', NULL, 'dry run', NULL, NULL),
		('2026-03-03 03:00', 1, 'guard', NULL, 'web', 'shop', 'statement_timeout', 'all roles', '5 s', NULL, 'survived', NULL, NULL),
		('2026-03-03 04:00', 4, 'ops', 'terminate_sessions', 'web', '$script', NULL, NULL, NULL, NULL, 'terminated', '1 ms', '$script'),
		('2026-03-03 04:00', 1, 'ops', 'terminate_sessions', 'web', '$script', NULL, NULL, NULL, NULL, 'gone', NULL, '$script'),
		('2026-03-03 07:00', 9, 'guard', NULL, 'web', 'too late', 'idle_session_timeout', 'role "web"', '1 h', NULL, 'terminated', '1 ms', NULL);
	INSERT INTO session_guard.history (server_start, number, acted_at, actor, function_name, pid, datname, usename,
		application_name, limit_name, source, measured, measured_amount, action, outcome, gone_after, reason, query)
	SELECT '2026-01-01', row_number() OVER (), at, actor, function_name, 4711, 'wiki', usename,
		application_name, limit_name, source, measured, measured_amount, 'terminate', outcome, gone_after, reason, '$script'
	FROM happened, generate_series(1, times)});
$page = page($node, 'postgres', since => '1 day', until => '2026-03-03 07:00');
unlike($page, qr/<script/, 'no text of others is taken for HTML');
unlike($page, qr/too late/, 'what came after the period is not in it');
is(facts_of($page)->{from}, 'Monday, 2026-03-02 07:00', 'from when it is');
is(facts_of($page)->{before}, 'the time of the same length before that', 'and what it is compared with');

my $escaped = $script =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr =~ s/"/&quot;/gr;
my %rows = (
	'In all' => [
		'terminated|sessions that have ended|8|5', 'canceled|statements that have ended|3|0',
		'survived|still there after they should have ended|1|0', 'gone|had ended by themselves|1|0',
		'dry run|would have ended, had mode not been log|2|0'
	],
	'What did not go, or took more than 5 seconds' => [
		"2026-03-03 03:00|4711|web\@wiki|shop|statement_timeout|survived|||$escaped",
		"2026-03-03 00:00|4711|web\@wiki|new one|idle_session_timeout|terminated|00:00:06||$escaped"
	],
	'New: none of these had ended before' => [
		"terminate_sessions|web|$escaped|4|2026-03-03 04:00",
		'statement_timeout|web|shop|2|2026-03-02 23:59',
		'idle_session_timeout|web|new one|1|2026-03-03 00:00',
		'max_memory|reports|(no name)|1|2026-03-03 01:00'
	],
	'By limit' => [
		'idle_session_timeout|4|0|5|09:00:00', 'statement_timeout|0|2|0|00:00:03.25', 'max_memory|0|1|0|3072 MB'
	],
	'By hour of the day' => [
		map { sprintf '%02d:00|%d|%d', $_, { 0 => 1, 1 => 1, 4 => 4, 7 => 3, 23 => 2 }->{$_} // 0, $_ == 23 ? 5 : 0 } 0 .. 23
	],
	'By application, the 15 with most' => [
		'shop|5|5|idle_session_timeout', "$escaped|4|0|terminate_sessions",
		'(no name)|1|0|max_memory', 'new one|1|0|idle_session_timeout'
	],
	'By role and database, the 15 with most' => [
		'web|wiki|10|5|idle_session_timeout', 'reports|wiki|1|0|max_memory'
	],
	'By rule or setting' => [
		'role &quot;web&quot;|idle_session_timeout|4|5', 'all roles|statement_timeout|2|0',
		'rule &quot;big&quot;|max_memory|1|0'
	],
	'By functions' => ["ops|terminate_sessions|$escaped|5|4 terminated, 1 gone|2026-03-03 04:00"],
	'Would have ended, had mode not been log' => ['transaction_timeout|rule &quot;trial&quot;|batch|import|2|00:40:00']);
is_deeply([ rows_of($page, $_) ], $rows{$_}, $_) for sort keys %rows;
is( join(', ', map { (split /\|/)[1] } rows_of($page, 'The longest of each limit')),
	'09:00:00, 02:00:00, 00:00:03.25, 00:00:03.25',
	'of each limit the longest two');
# The longest bar has 24 blocks, others their share of it.
my %bar = $page =~ m{<td align="left">(\d\d):00</td>(?:\s*<td align="right">\d+</td>){2}\s*<td align="left">([^<]*)</td>}g;
is($bar{'04'}, "\x{2588}" x 24, 'a bar for the most');
is($bar{'07'}, "\x{2588}" x 18, 'three quarters of it');
is($bar{'02'}, '&nbsp; ', 'and none for nothing');

# What is new had no end before in all of the history, however long ago, and be it of another
# limit, role or application; and a period without an end is told from one that nothing is left of.
sub note_ends
{
	my ($role, @times) = @_;

	$node->safe_psql(
		'postgres', qq{
		INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, usename, application_name,
			limit_name, action, outcome)
		SELECT acted_at, 1, acted_at, 'guard', 4711, '$role', 'job', 'transaction_timeout', 'terminate', 'terminated'
		FROM unnest('{@{[ join ',', @times ]}}'::timestamptz[]) AS acted_at}) if @times;
	return;
}

sub news_of
{
	my ($until) = @_;
	my $page = page($node, 'postgres', until => $until);

	return [ facts_of($page)->{before}, map { (split /\|/)[1] } rows_of($page, 'New: none of these had ended before') ];
}

my $quiet = 'nothing was done in the time of the same length before that';
note_ends('nightly', '2026-02-07 07:30');
note_ends('fresh', '2026-02-10 06:00');
is_deeply(news_of('2026-02-07 08:00'), ['nothing of it is left'], 'without anything older nothing is new');
is_deeply(news_of('2026-02-10 07:00'), [ $quiet, 'fresh' ], 'the first culprit after quiet days is new');
note_ends('nightly', '2026-02-10 05:00');
is_deeply(news_of('2026-02-10 07:00'), [ $quiet, 'fresh' ], 'who has ended days ago is not');
note_ends('other', '2026-02-09 01:00');
is_deeply(news_of('2026-02-10 07:00'), [ 'the time of the same length before that', 'fresh' ], 'nor beside an end of the day before');
is_deeply(news_of('2026-02-12 07:00'), [$quiet], 'and without an end nothing is');
note_ends('other', '2026-02-16 01:00');
is_deeply(news_of('2026-02-16 07:00'), [$quiet], 'once a week is not new each week');

# What the guard really does comes in by itself.
my $web = RawSession->connect($node);
$web->query(qq{SET application_name = 'shop "1"'});
$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.idle_session_timeout = '100ms'});
wait_for_end($node, $web->pid);
wait_for_outcome($node, 'history', $web->pid, 'terminated');
$page = page($node, 'postgres');
is_deeply([ rows_of($page, 'By application, the 15 with most') ],
	['shop &quot;1&quot;|1|0|idle_session_timeout'], 'who has ended just now is in the report of the day');

# A week has the days before in it.
is((rows_of(page($node, 'postgres', since => '7 days', until => '2026-03-03 07:00'), 'In all'))[0],
	'terminated|sessions that have ended|13|0', 'a longer period');

# A member of pg_monitor may see all that.
$node->safe_psql('postgres', 'CREATE ROLE watcher LOGIN IN ROLE pg_monitor');
is_deeply([ rows_of(page($node, 'postgres', role => 'watcher'), 'By application, the 15 with most') ],
	['shop &quot;1&quot;|1|0|idle_session_timeout'], 'a member of pg_monitor sees the same');

# Who may read the history only is told nothing of the guard.
$node->safe_psql('postgres', 'CREATE ROLE auditor LOGIN; GRANT SELECT ON session_guard.history TO auditor');
my $of_auditor = page($node, 'postgres', role => 'auditor');
is_deeply([ rows_of($of_auditor, 'By application, the 15 with most') ],
	['shop &quot;1&quot;|1|0|idle_session_timeout'], 'who may read the history sees what was ended');
unlike($of_auditor, qr/The guard itself/, 'and nothing of the guard');
like(page($node, 'postgres', role => 'watcher'), qr/The guard itself/, 'which others see');

# Run by another script, it leaves the session as it was.
my $left = $node->safe_psql(
	'postgres', qq{
	SET search_path = public; SET intervalstyle = iso_8601; SET datestyle = german;
	\\set ON_ERROR_STOP off
	\\set QUIET off
	\\encoding LATIN1
	\\o /dev/null
	\\i $report
	\\o
	\\pset format unaligned
	\\pset tuples_only on
	\\echo :ON_ERROR_STOP :QUIET :ENCODING
	SELECT current_setting('search_path'), current_setting('intervalstyle'), current_setting('datestyle'),
		current_setting('client_encoding'), current_setting('transaction_isolation')});
like($left, qr/^off off LATIN1\npublic\|iso_8601\|German, DMY\|LATIN1\|read committed$/m, 'the session is as it was');

# The manual's script mails the page if it is whole, and nothing otherwise.
sub mail_of
{
	my ($script, $dbname) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir;

	$script =~ s{/usr/share/postgresql/15/extension/}{dirname($report) . '/'}e or die 'no report';
	$script =~ s{/usr/sbin/sendmail -t}{cat >$folder/mail} or die 'no mail';
	$script =~ s/-d postgres/-d $dbname/ or die 'no database';
	append_to_file("$folder/script", $script);

	local %ENV = ($node->_get_env, TMPDIR => $folder);
	my $code = IPC::Run::run([ 'sh', "$folder/script" ], '2>', "$folder/error");
	is(join(' ', glob("$folder/tmp*")), '', 'it leaves no file behind');
	return ($code, -e "$folder/mail" ? slurp_file("$folder/mail") : undef, slurp_file("$folder/error"));
}

my ($script_of_manual) = slurp_file(dirname($report) . '/../doc/looking.md') =~ /^```\w*\n(#!.*?)^```/ms;
my ($is_sent, $mail, $complaint) = mail_of($script_of_manual, 'postgres');
ok($is_sent, 'the script of the manual runs');
like($mail, qr{^Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n<!DOCTYPE html>.*</html>\n\z}ms,
	'and sends the page');
($is_sent, $mail, $complaint) = mail_of($script_of_manual, 'template1');
ok(!$is_sent, 'it fails if psql does');
is($mail, undef, 'then nothing is sent');
like($complaint, qr/the extension is not in database "template1"/, 'and it says why');

# Nothing else is a report.
$node->safe_psql('postgres', 'CREATE DATABASE wiki');
$node->safe_psql('postgres', 'CREATE DATABASE bare');
$node->safe_psql('wiki', 'CREATE EXTENSION pg_session_guard');
my @refused = (
	[ 'a period that is none', 'postgres', { since => 'yesterday' }, qr/invalid input syntax for type interval: "yesterday"/ ],
	[ 'a period in the future', 'postgres', { since => '-1 day' }, qr/since must be more than 0/ ],
	[ 'a period of nothing', 'postgres', { since => '0' }, qr/since must be more than 0/ ],
	[ 'an end that is none', 'postgres', { until => 'soon' }, qr/invalid input syntax for type timestamp with time zone: "soon"/ ],
	[ 'an endless period', 'postgres', { until => 'infinity' }, qr/since and until must be finite/ ],
	[ 'one before all time', 'postgres', { until => '-infinity' }, qr/since and until must be finite/ ],
	[ 'a transaction of psql', 'postgres', { options => ['-1'] }, qr/the report cannot be written inside another transaction/ ],
	[ 'AUTOCOMMIT off', 'postgres', { AUTOCOMMIT => 'off' }, qr/the report cannot be written inside another transaction/ ],
	[ 'code', 'postgres', { since => q{1 day'; DROP TABLE happened; --} }, qr/invalid input syntax for type interval/ ],
	[ 'another database', 'wiki', {}, qr/the history is in database "postgres"/ ],
	[ 'a database without the extension', 'bare', {}, qr/the extension is not in database "bare"/ ],
	[ 'somebody else', 'postgres', { role => 'web' }, qr/permission denied for table history/ ]);
for (@refused)
{
	my ($what, $dbname, $variables, $expected) = @$_;
	my ($code, undef, $error) = run_report($node, $dbname, %$variables);

	ok(!$code, "$what is an error");
	like($error, $expected, 'which says why');
	is(scalar(() = $error =~ /(?:ERROR|WARNING):/g), 1, 'and nothing else');
}
is($node->safe_psql('postgres', 'SELECT count(*) > 0 FROM happened'), 't', 'nothing else was done');

# A standby tells of itself, and not of the history of its primary.
my $standby = standby_of($node);
my $reader = RawSession->connect($standby);
wait_for_end($standby, $reader->pid);
wait_for_outcome($standby, 'event', $reader->pid, 'terminated');
$page = page($standby, 'postgres');
is_deeply([ rows_of($page, 'In all') ], ['terminated|sessions that have ended|1|0'], 'on a standby: its own');
is(facts_of($page)->{standby}, 'what its memory still has; it writes no history', 'and it says so');
$_->abandon for $web, $reader;
$standby->stop;

# The page is UTF-8 where that can be had, and bars are of what the database has.
for my $encoding ('LATIN1', 'SQL_ASCII')
{
	$node->safe_psql('postgres',
		"CREATE DATABASE \L$encoding\E TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	$node->append_conf('postgresql.conf', "pg_session_guard.database = '\L$encoding\E'");
	$node->restart;
	$node->safe_psql(lc $encoding, 'CREATE EXTENSION pg_session_guard');
	$node->safe_psql(
		lc $encoding, q{
		SET client_encoding = 'UTF8';
		INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, usename, action, outcome)
		VALUES (now(), 1, now(), 'guard', 4711, 'bär', 'terminate', 'terminated')})
	  if $encoding eq 'LATIN1';
	$node->safe_psql(
		lc $encoding, q{
		INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, usename, action, outcome)
		VALUES (now(), 1, now(), 'guard', 4711, E'b\xc3\xa4r', 'terminate', 'terminated')})
	  if $encoding eq 'SQL_ASCII';
	$page = page($node, lc $encoding);
	like($page, qr{<td align="left">b\x{e4}r</td>}, "a role's name from $encoding");
	like($page, qr{<td align="left">#{24}</td>}, 'and its bar');
}

# Without the library there is no guard to tell of, but what it has done.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''
pg_session_guard.database = 'postgres'
pg_session_guard.mode = 'log'");
$node->restart;
$page = page($node, 'postgres', since => '7 days', until => '2026-03-03 07:00');
is((rows_of($page, 'In all'))[0], 'terminated|sessions that have ended|13|0', 'the history is still there');
is(rows_of($page, 'The guard itself'), undef, 'and no guard');

$node->stop;
done_testing();
