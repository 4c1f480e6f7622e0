# A call waits no longer than its timeout, whatever it has to wait for one after
# the other; stop_query() waits for its grace and then for its timeout.  Who
# comes into the database while others are waited for is terminated at once.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE DATABASE shop');
my $bystander = RawSession->connect($node);
my $caller = RawSession->connect($node, user => $superuser);

# A session that cannot end.
sub frozen_session
{
	my (%params) = @_;
	my $session = RawSession->connect($node, %params);

	$session->send_query('SELECT pg_sleep(600)');
	wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
	freeze_process($session->pid);
	return $session;
}

# One cannot end, and another one is long in coming.
my $frozen = frozen_session(dbname => 'shop');
my $slow = begin_to_connect($node, 'shop', 600);
my $row = $caller->query(q{
	SELECT concat_ws('|', outcome, note, clock_timestamp() - statement_timestamp() < '9.5 s')
	FROM terminate_db_sessions('shop', timeout => '5 s')});
like($row, qr/^survived\|still there after [\d.]+ s; it waits for Timeout: PgSleep\|t$/,
	'a call waits for its timeout once');
thaw_process($frozen->pid);
$frozen->read_to_end;
$slow->abandon;
ok(is_alive($node, $bystander->pid), 'the session in another database lives');
$node->poll_query_until('postgres', q{SELECT pg_terminate_backend(pid) FROM pg_locks
	WHERE classid = 'pg_database'::regclass
	  AND objid = (SELECT oid FROM pg_database WHERE datname = 'shop')})
  or die 'who is long in coming was not there';

# Who is about to come is ended when it has come, though another one cannot end yet.
$frozen = frozen_session(dbname => 'shop');
my $late = begin_to_connect($node, 'shop', 2);
$caller->send_query(q{SELECT string_agg(outcome, ' ') FROM terminate_db_sessions('shop', timeout => '1 day')});
$late->read_to_end;
is($late->error_text, terminated_text(qq(Requested by role "$superuser" with terminate_db_sessions(dbname => 'shop').)),
	'who comes while others are waited for is ended');
ok(is_alive($node, $frozen->pid), 'while they are still there');
thaw_process($frozen->pid);
is($caller->read_result, 'terminated terminated', 'and both are waited for');
$frozen->read_to_end;

# The grace, and then the timeout.
$frozen = frozen_session();
$row = $caller->query(qq{
	SELECT concat_ws('|', action, outcome, clock_timestamp() - statement_timestamp() >= '1 s')
	FROM stop_query(${\ $frozen->pid }, grace => '500 ms', timeout => '500 ms')});
is($row, 'terminate|survived|t', 'stop_query() waits for its grace and for its timeout');
thaw_process($frozen->pid);
$frozen->read_to_end;

is($bystander->query('SELECT 42'), '42', 'the session that nothing was about lives');
$node->stop;
done_testing();
