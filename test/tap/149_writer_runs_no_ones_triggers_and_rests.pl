# The history writer is a superuser, so whoever may make a trigger on its table
# must not thereby become one.  What keeps it from deleting expired rows does
# not keep it from writing new ones.  And while it fails, it rests.
use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";
use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = guard_node('main', 'pg_session_guard.history_retention' => '1d');

# End a session by a function.
sub end_a_session
{
	my $session = open_session($node);
	my $pid = pid_of($session);

	$node->safe_psql('postgres', "SELECT * FROM terminate_session($pid)");
	close_sessions($session);
	return $pid;
}

# A role that may make triggers, and nothing else.
$node->safe_psql(
	'postgres', q{
	CREATE ROLE evil LOGIN;
	CREATE SCHEMA evil AUTHORIZATION evil;
	GRANT SELECT, TRIGGER ON session_guard.history TO evil;
	SET ROLE evil;
	CREATE FUNCTION evil.rise() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN ALTER ROLE evil SUPERUSER; RETURN NEW; END$$;
	CREATE TRIGGER rise BEFORE INSERT ON session_guard.history
		FOR EACH ROW EXECUTE FUNCTION evil.rise();
	CREATE CONSTRAINT TRIGGER rise_later AFTER INSERT ON session_guard.history
		DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION evil.rise()});
my $pid = end_a_session();
wait_for_outcome($node, 'history', $pid, 'terminated');
is($node->safe_psql('postgres', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'evil'}),
	'f', 'a trigger of whoever may make one does not run as the writer');
$node->safe_psql('postgres', 'DROP OWNED BY evil CASCADE');

# Somebody has locked a row that is to be deleted.
$node->safe_psql(
	'postgres', q{
	INSERT INTO session_guard.history (server_start, number, acted_at, actor, pid, action, outcome)
	SELECT '2000-01-01', n, '2000-01-01', 'guard', 1, 'terminate', 'terminated'
	FROM generate_series(1, 3) n});
my $locker = open_session($node, user => getpwuid($<) // 'postgres');
$locker->query_safe('BEGIN');
$locker->query_safe(q{SELECT FROM session_guard.history WHERE number = 2 AND acted_at < '2001-01-01' FOR UPDATE});
$node->reload;
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM session_guard.history WHERE acted_at < '2001-01-01'})
  or die 'expired rows stay';
$pid = end_a_session();
wait_for_outcome($node, 'history', $pid, 'terminated');
pass('with an expired row locked the others are deleted, and new ones written');
is($node->safe_psql('postgres', 'SELECT history_failures FROM session_guard.stats'), '0', 'that is no failure');
$locker->query_safe('COMMIT');
$node->reload;
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM session_guard.history WHERE acted_at < '2001-01-01'})
  or die 'an expired row stays';
pass('the row goes when it can');

# The processor time that a process has used, in seconds.
sub cpu_time
{
	my ($process) = @_;
	my ($after_name) = slurp_file("/proc/$process/stat") =~ /\) (.*)/;
	my @fields = split / /, $after_name;

	return ($fields[11] + $fields[12]) / 100;
}

# It fails at each try, to write and to delete.
SKIP:
{
	skip 'there is no /proc', 1 unless -e "/proc/$$/stat";
	my $writer = $node->safe_psql('postgres', 'SELECT history_pid FROM session_guard.stats');
	my $failures = 'SELECT history_failures FROM session_guard.stats';

	$node->safe_psql('postgres', 'CREATE ROLE other; ALTER TABLE session_guard.history OWNER TO other');
	end_a_session();
	$node->reload;
	$node->poll_query_until('postgres', "SELECT ($failures) >= 2") or die 'it does not fail';
	my ($begin, $cpu) = (time, cpu_time($writer));
	$node->poll_query_until('postgres', "SELECT ($failures) >= 5") or die 'it does not try again';
	cmp_ok(cpu_time($writer) - $cpu, '<', 0.2 * (time - $begin) + 0.1, 'between its tries it rests');
}

close_sessions($locker);
$node->stop;
done_testing();
