# When a limit comes into force the log tells how many sessions are spared from
# it, and why: where all clients are superusers nobody is to believe that they
# are guarded.  Of a limit that is stored for a role in vain a NOTICE tells.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.session_timeout_jitter' => 0);
my $superuser = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql('postgres', 'CREATE ROLE owner SUPERUSER LOGIN; CREATE ROLE backup LOGIN; CREATE ROLE readers');
$node->safe_psql('postgres', 'ALTER ROLE backup SET pg_session_guard.exempt = on');
my %session = (
	(map { ("owner $_" => RawSession->connect($node, user => 'owner')) } 1 .. 3),
	backup => RawSession->connect($node, user => 'backup'),
	listener => RawSession->connect($node),
	innocent => RawSession->connect($node));
$session{listener}->query('LISTEN a');
$session{innocent}->query('BEGIN');

# Have a command run by a session of the test, and return what the log then says of a limit.
sub line_after
{
	my ($limit, @commands) = @_;
	my $offset = log_size($node);
	my @lines;

	$session{'owner 1'}->query($_) for @commands;
	wait_until(sub { @lines = guard_lines($node, qr/LOG:  pg_session_guard\.$limit is in force/, $offset) },
		"$limit is in force");
	return $lines[0] =~ s/^.*LOG:  //r;
}

# Nobody but these sessions is there.
$node->poll_query_until('postgres',
	"SELECT count(*) = 7 FROM pg_stat_activity WHERE backend_type = 'client backend'");
wait_until(
	sub { $session{'owner 1'}->query(q{SELECT count(*) FROM session_guard.session}) eq keys %session },
	'nobody else is there');
is( line_after('idle_session_timeout',
		"ALTER SYSTEM SET pg_session_guard.idle_session_timeout = '1h'", 'SELECT pg_reload_conf()'),
	'pg_session_guard.idle_session_timeout is in force at 1 h, 0 sessions are over it now; '
	  . '5 are spared (3 superusers, 1 exempt, 1 listener)',
	'whoever will never be ended is counted though not over the limit');
wait_until(
	sub { $session{'owner 1'}->query(q{SELECT min(session_age) > '1 s' FROM session_guard.session}) eq 't' },
	'all are older than a second');
is( line_after('session_timeout', "ALTER ROLE web SET pg_session_guard.session_timeout = '1s'"),
	'pg_session_guard.session_timeout is in force for some roles or databases, 1 session is over it now, '
	  . 'ending 10 per second; 1 is spared (1 in a transaction)',
	'of others those who are over it; and nobody whom it is not set for');
wait_for_end($node, $session{listener}->pid);
is(living($node, \%session), 'backup innocent owner 1 owner 2 owner 3', 'whoever was said to be spared stays');

# What binds nobody while superusers are exempt binds them as soon as they are not.
my $notices = sub {
	my ($command) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $command);

	is($status, 0, $command);
	return $err =~ s/^psql:<stdin>:\d+: //gmr;
};
like($notices->(q{ALTER ROLE owner SET pg_session_guard.statement_timeout = '1h'}),
	qr/^NOTICE:  role "owner" is spared from its pg_session_guard\.statement_timeout\nDETAIL:  [^\n]*exempt_superusers is on\.$/,
	'a superuser is spared');
set_limits($node, exempt_superusers => 'off', statement_timeout => '2h');
is($notices->(q{ALTER ROLE owner SET pg_session_guard.statement_timeout = '1h'}), '', 'or is not');
like($notices->(q{ALTER ROLE readers SET pg_session_guard.statement_timeout FROM CURRENT}),
	qr/^NOTICE:  role "readers" cannot log in, and its pg_session_guard\.statement_timeout binds only sessions that take it on by SET ROLE$/m,
	'nobody logs in as a group');
set_limits($node, statement_timeout => '0');
is($notices->(q{ALTER ROLE readers SET pg_session_guard.statement_timeout FROM CURRENT}), '', 'unless it is off');

$_->abandon for values %session;
$node->stop;
done_testing();
