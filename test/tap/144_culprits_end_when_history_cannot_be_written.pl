# Whatever keeps the history from being written, a locked table, a full disk, a
# table that is not as it was, does not keep the guard from its work: culprits
# end, failures are counted, and the log says so once.  As soon as it can be
# written again, it is, and nothing is lost.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $locker = RawSession->connect($node, user => $superuser);
my $bystander = RawSession->connect($node);

$node->safe_psql(
	'postgres', q{
	CREATE ROLE keeper;
	CREATE ROLE late LOGIN;
	ALTER ROLE late SET pg_session_guard.idle_in_transaction_session_timeout = '200ms';
	CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN RAISE disk_full USING MESSAGE = 'no space left on device'; END$$});

sub failures
{
	return $node->safe_psql('postgres', 'SELECT history_failures FROM session_guard.stats');
}

# A culprit of the guard's, until it has gone.
sub end_culprit
{
	my $culprit = RawSession->connect($node, user => 'late');

	$culprit->query('BEGIN');
	$culprit->read_to_end;
	return $culprit->pid;
}

# Is there a row of a session in the history?  The table may be locked, so the locker is asked.
sub is_written
{
	my ($pid) = @_;

	return $locker->query("SELECT count(*) FROM session_guard.history WHERE pid = $pid") > 0;
}

sub superuser_does
{
	my ($sql) = @_;

	return sub { $node->safe_psql('postgres', $sql) };
}

my @cases = (
	{
		what => 'the table is locked',
		break => sub { $locker->query('BEGIN; LOCK TABLE session_guard.history IN ACCESS EXCLUSIVE MODE') },
		repair => sub { $locker->query('COMMIT') },
		error => 'canceling statement due to lock timeout'
	},
	{
		what => 'the disk is full',
		break => superuser_does(
			'CREATE TRIGGER full_disk BEFORE INSERT ON session_guard.history
				FOR EACH ROW EXECUTE FUNCTION public.full_disk();
			 ALTER TABLE session_guard.history ENABLE ALWAYS TRIGGER full_disk'),
		repair => superuser_does('DROP TRIGGER full_disk ON session_guard.history'),
		error => 'no space left on device',
		fails_again => 1
	},
	{
		what => 'a column is not there',
		break => superuser_does('ALTER TABLE session_guard.history RENAME note TO remark'),
		repair => superuser_does('ALTER TABLE session_guard.history RENAME remark TO note'),
		error => 'column "note" of relation "history" does not exist'
	},
	{
		what => 'the table belongs to somebody else',
		break => superuser_does('ALTER TABLE session_guard.history OWNER TO keeper'),
		repair => superuser_does("ALTER TABLE session_guard.history OWNER TO \"$superuser\""),
		error => 'table "session_guard.history" must be owned by a superuser'
	});

for my $case (@cases)
{
	my $what = $case->{what};
	my $offset = log_size($node);
	my $before = failures();

	$case->{break}();
	my $first = end_culprit();
	pass("$what: a culprit ends");
	my $awaited = $before + ($case->{fails_again} // 0);
	wait_until(sub { failures() > $awaited }, 'the writer has failed');
	my $second = end_culprit();
	ok(!is_written($_), "$what: there is no row of session $_") for $first, $second;
	is($node->safe_psql('postgres', q{SELECT last_error FROM session_guard.stats WHERE last_error_at <= now()}),
		"could not write the history: $case->{error}", "$what: the error can be seen");
	is($bystander->query('SELECT 42'), '42', "$what: who is no culprit lives");
	$case->{repair}();
	wait_for_history($node);
	ok(is_written($_), "$what: session $_ is in the history afterwards") for $first, $second;
	my @said = map { s/.*?(WARNING|LOG):  //r } guard_lines($node, qr/(WARNING|LOG):  .*the history/, $offset);
	is_deeply(\@said, [ "could not write the history: $case->{error}", 'the history is written again' ],
		"$what: the log tells once of each");
}

is($node->safe_psql('postgres', 'SELECT * FROM session_guard.history ORDER BY number'),
	$node->safe_psql('postgres', 'SELECT * FROM session_guard.event ORDER BY number'),
	'the history has all events');
is($node->safe_psql('postgres', 'SELECT events_lost, history_rows FROM session_guard.stats'), '0|8', 'each once, and none is lost');

$node->stop;
done_testing();
