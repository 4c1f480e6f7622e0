# The log, the event and the client are told the filters of a call as they were
# given: quoted so that no value can pass for another filter or another line,
# bounded in length, and in ASCII for the client.  Lists and exceptions choose as
# they say.

use strict;
use warnings FATAL => 'all';
use utf8;

use FindBin;
use lib "$FindBin::RealBin/../perl";

use Encode qw(encode_utf8);
use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('postgres', 'CREATE DATABASE wiki');

# Open a session, end it by a call, and return what the log, the event and the client were told.
sub told
{
	my ($call, %params) = @_;
	my $session = RawSession->connect($node, %params);
	my $offset = log_size($node);

	$session->query('SELECT 1');
	wait_for_state($node, 'idle', $session->pid);
	$node->safe_psql('postgres', encode_utf8("SET client_encoding = 'UTF8'; SELECT FROM $call"));
	$session->read_to_end;
	my ($line) = guard_lines($node, "terminating session ${\ $session->pid } ", $offset);
	die 'it was not ended' if !defined $line;
	my ($detail) = $session->error_text =~ /^DETAIL: Requested by role "\Q$superuser\E" with (.*)\.$/m;
	return {
		log => $line =~ s/.*requested by role "\Q$superuser\E" with //r,
		event => $node->safe_psql('postgres',
			"SELECT function_name || '(' || coalesce(filters, '') || ')' FROM session_guard.event WHERE pid = ${\ $session->pid }"),
		client => $detail,
		lines => scalar guard_lines($node, '^LOG:|LOG:  terminating session \d', $offset)
	};
}

sub is_told
{
	my ($call, $expected, $name, %params) = @_;

	return is_deeply(told($call, %params),
		{ log => $expected, event => $expected, client => $expected, lines => 1 }, $name);
}

is_told(q{terminate_sessions(state => 'idle', dbname => 'shop')},
	q{terminate_sessions(dbname => 'shop', state => 'idle')},
	'filters', dbname => 'shop');
is_told(q{terminate_db_sessions('shop')}, q{terminate_db_sessions(dbname => 'shop')}, 'a name', dbname => 'shop');
is_told(
	q{terminate_user_sessions(username => ARRAY['web', 'app'], timeout => '4 s')},
	q{terminate_user_sessions(username => ARRAY['web', 'app'])},
	'a list');
is_told(
	q{terminate_all_sessions(except_username => current_user)},
	qq{terminate_all_sessions(except_username => '$superuser')},
	'an exception');
is_told(
	q{terminate_sessions('shop', longer_than => '1 ms', except_self => false, except_application_name => ARRAY['a%', 'b'])},
	q{terminate_sessions(dbname => 'shop', longer_than => '1 ms', except_self => false, except_application_name => ARRAY['a%', 'b'])},
	'whatever chooses', dbname => 'shop');
is_told(q{terminate_idle_sessions('0', 'shop', include_spared => true)},
	q{terminate_idle_sessions(dbname => 'shop', include_spared => true)},
	'a condition', dbname => 'shop');

# Values that would like to be more than a value.
is_told(
	q{terminate_sessions(application_name => 'raw', except_application_name => 'x'', dbname => ''wiki''): forged')},
	q{terminate_sessions(application_name => 'raw', except_application_name => 'x'', dbname => ''wiki''): forged')},
	'quotes are doubled');
my $told = told(qq{terminate_sessions(application_name => 'raw', except_application_name => E'x\\nLOG:  forged')});
is($told->{lines}, 1, 'a value makes no line of the log');
is($told->{log}, q{terminate_sessions(application_name => 'raw', except_application_name => 'x\x0aLOG:  forged')},
	'a control character is escaped there');
is($told->{client}, $told->{log}, 'and for the client');
is($told->{event}, qq{terminate_sessions(application_name => 'raw', except_application_name => 'x\nLOG:  forged')},
	'the event has it as it came');
$told = told(q{terminate_sessions(application_name => 'raw', except_application_name => 'Café')});
is($told->{client},
	q{terminate_sessions(application_name => 'raw', except_application_name => 'Caf\xc3\xa9')},
	'the client is told in ASCII');
is($told->{log},
	encode_utf8(q{terminate_sessions(application_name => 'raw', except_application_name => 'Café')}),
	'the log in the letters that were given');

# Long ones.
my $é_70 = 'é' x 70;
my $x_200 = 'x' x 200;
$told = told(qq{terminate_sessions(application_name => 'raw', query => 'SELECT 1|$x_200', except_application_name => '$é_70')});
is($told->{event},
	encode_utf8(q{terminate_sessions(application_name => 'raw', query => 'SELECT 1|} . 'x' x 71
		  . q{...', except_application_name => '} . 'é' x 40 . q{...')}),
	'a value is cut inside of its quotes, between two letters');
$told = told(qq{terminate_sessions(application_name => ARRAY['raw', '$x_200'], query => 'SELECT 1|$x_200', except_username => ARRAY['app', '$superuser'])});
is($told->{event},
	q{terminate_sessions(application_name => ARRAY['raw', '} . 'x' x 80 . q{...'], query => 'SELECT 1|} . 'x' x 71 . q{...', ...)},
	'what does not fit is left out');
my $many = join ', ', map { "'name$_'" } 1 .. 100;
$told = told(qq{terminate_sessions(application_name => ARRAY['raw', $many])});
like($told->{event}, qr/^terminate_sessions\(application_name => ARRAY\['raw', ('name\d+', )+\.\.\.\]\)$/, 'so is a list');
cmp_ok(length $told->{event}, '<', 300, 'and both are short');

# Lists and exceptions.
my %session = (
	shop => RawSession->connect($node, dbname => 'shop'),
	wiki => RawSession->connect($node, dbname => 'wiki'),
	app => RawSession->connect($node, user => 'app'),
	'app in shop' => RawSession->connect($node, user => 'app', dbname => 'shop'),
	report => RawSession->connect($node, application_name => 'report 1'),
	cron => RawSession->connect($node, application_name => 'cron'),
	busy => RawSession->connect($node));
$session{$_}->query('SELECT 1') for keys %session;
$session{busy}->query('BEGIN');
sub would_end
{
	my ($arguments) = @_;

	return fates($node, "terminate_sessions($arguments, dry_run => true)", \%session) =~ s/ dry run//gr;
}
is(would_end(q{dbname => ARRAY['shop', 'wiki']}), 'app in shop, shop, wiki', 'databases');
is(would_end(q{dbname => ARRAY['shop', 'wiki'], except_username => 'app'}), 'shop, wiki', 'but a role');
is(would_end(q{username => ARRAY['web', 'app'], except_dbname => 'shop'}), 'app, busy, cron, report, wiki', 'roles, but a database');
is(would_end(q{application_name => ARRAY['report%', 'cron']}), 'cron, report', 'applications by patterns');
is(would_end(q{username => 'web', except_application_name => ARRAY['report%', 'cron']}), 'busy, shop, wiki', 'but those');
is(would_end(q{state => ARRAY['idle in transaction', 'active'], except_username => current_user}), 'busy', 'states');
is(would_end(qq{except_username => ARRAY['app', '$superuser']}), 'busy, cron, report, shop, wiki', 'nothing but an exception');
is( fates($node, q{terminate_db_sessions(ARRAY['shop', 'wiki'], except_username => 'app')}, \%session),
	'shop terminated, wiki terminated', 'they are terminated');
is( fates($node, q{terminate_user_sessions('web', except_application_name => '%o%')}, \%session),
	'busy terminated', 'so are they');
is(living($node, \%session), 'app app in shop cron report', 'and nobody else') or 1;

# The recipe of the manual for whom no filter says: choose first, then end.
$node->safe_psql('postgres',
	q{CREATE TABLE suspect AS SELECT 'cron' AS application_name FROM generate_series(1, 10000); ANALYZE suspect});
my $chosen = q{
	WITH chosen AS MATERIALIZED (
		SELECT s.pid, s.backend_start FROM session_guard.session AS s WHERE NOT s.is_self AND CONDITION)
	SELECT r.pid, r.outcome FROM chosen AS c, terminate_session(c.pid, c.backend_start) AS r};
sub ended_by
{
	my ($query) = @_;
	my %outcome = map { split /\|/, $_, 2 } split /\n/, $node->safe_psql('postgres', $query);

	return join ', ', map { "$_ $outcome{$session{$_}->pid}" }
	  sort grep { defined $outcome{ $session{$_}->pid } } keys %session;
}
is( ended_by($chosen =~
		s/CONDITION/EXISTS (SELECT FROM suspect AS u WHERE u.application_name = s.application_name)/r),
	'cron terminated', 'who is in another table goes');
is(living($node, \%session), 'app app in shop report', 'nobody else');
is(ended_by($chosen =~ s/CONDITION/s.usename = 'app' ORDER BY s.backend_start LIMIT 1/r), 'app terminated',
	'the oldest goes');
is(living($node, \%session), 'app in shop report', 'and the second oldest stays');
is( ended_by(q{
	SELECT r.pid, r.outcome
	FROM session_guard.session AS s, terminate_session(s.pid, s.backend_start) AS r
	WHERE s.usename = 'app' AND s.state = 'idle' AND s.session_age > interval '0'}),
	'app in shop terminated', 'with nothing but conditions on the view the short form does, too');
is(living($node, \%session), 'report', 'and spares the others');

$_->abandon for values %session;
$node->stop;
done_testing();
