# As PostgREST, Supabase and Hasura work: a pool logs in as one role, and each request is a
# transaction that takes on the role of whom it is made for.  A statement for "anon" ends by the
# limit of "anon", the same one for "authenticated" goes on; and a session of the pool that
# waits for its next request is bound by none of both.  Plain, and through pgbouncer.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PgBouncer;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '1h');

$node->safe_psql('postgres', q{
	CREATE ROLE authenticator LOGIN NOINHERIT; CREATE ROLE anon; CREATE ROLE authenticated;
	GRANT anon, authenticated TO authenticator;
	ALTER ROLE anon SET pg_session_guard.statement_timeout = '1s';
	ALTER ROLE anon SET pg_session_guard.idle_session_timeout = '1s';
	ALTER ROLE authenticated SET pg_session_guard.statement_timeout = '1h';
	CREATE TABLE work (id serial, made_by name DEFAULT current_user, claims text DEFAULT current_setting('request.jwt.claims', true));
	GRANT INSERT, SELECT ON work TO anon, authenticated; GRANT USAGE ON work_id_seq TO anon, authenticated});

# What a request does before its own statement.
sub preamble
{
	my ($role) = @_;

	return qq{SELECT set_config('role', '$role', true), set_config('request.jwt.claims', '{"role":"$role"}', true)};
}

my $insert = 'INSERT INTO work DEFAULT VALUES';

# Send the statements of a request, each by the simple or the extended protocol, but not read the
# result of the last one.
my %send = (
	simple => sub {
		my ($session, @statements) = @_;
		my $last = pop @statements;

		$session->run(@statements);
		$session->send_query($last);
	},
	extended => sub {
		my ($session, @statements) = @_;

		for my $sql (@statements)
		{
			$session->parse('', $sql);
			$session->bind('', '');
			$session->execute('');
			$session->sync;
			$session->read_until('Z') if $sql ne $statements[-1];
		}
	});

# Requests that work are made for both roles, and between them the sessions of the pool are bound
# by none; then a statement of each goes on for long.
sub check_requests
{
	my ($to, $protocol, $how) = @_;
	my $send = $send{$protocol};
	my %session = map { $_ => RawSession->connect($to, user => 'authenticator') } qw(anon authenticated other);
	my ($rows) = $node->safe_psql('postgres', 'SELECT count(*) FROM work');
	my $offset = log_size($node);

	for my $role (qw(anon authenticated anon))
	{
		$send->($session{$role}, 'BEGIN', preamble($role), $insert);
		$session{$role}->read_until('Z');
		$session{$role}->run('COMMIT');
	}
	is($node->safe_psql('postgres', 'SELECT count(*), count(*) FILTER (WHERE claims LIKE format($$%%"%s"%%$$, made_by)) FROM work'),
		join('|', ($rows + 3) x 2), "$how: requests are made for their roles");

	# pgbouncer has but as many connections as it has needed at a time.
	my $pool = q{usename = 'authenticator'};
	my $idle = sub { $node->safe_psql('postgres', "SELECT string_agg(pid::text, ' ' ORDER BY pid) FROM pg_stat_activity WHERE $pool") };
	my $waiting = $idle->();
	wait_until_unchanged_for($node, '1500 ms', split / /, $waiting);
	wait_for_scan($node, 2);
	is($idle->(), $waiting, "$how: who waits for a request is not bound by the idle limit of anon");

	for my $role (qw(anon authenticated))
	{
		$send->($session{$role}, 'BEGIN', preamble($role), $insert, 'SELECT pg_sleep(600)');
	}
	$session{anon}->read_until('Z');
	like($session{anon}->error_text,
		qr/^ERROR 57014: .*\nDETAIL: Statement running for .*statement_timeout is 1 s \(role "anon" taken by SET ROLE\)\./,
		"$how: a long statement for anon is canceled");
	$session{anon}->run('ROLLBACK');
	is($node->safe_psql('postgres', 'SELECT count(*) FROM work'), $rows + 3, "$how: and its request leaves nothing");
	wait_until(sub { $node->safe_psql('postgres',
				"SELECT count(*) FROM pg_stat_activity WHERE $pool AND state = 'active' AND now() - query_start > interval '1500 ms'") eq '1' },
		'the other one has run for longer');
	wait_for_scan($node, 2);
	is(scalar guard_lines($node, qr/LOG:  (canceling|terminating) /, $offset), 1, "$how: the same one for authenticated goes on");

	# Who had been canceled goes on, too, for whomever.
	$send->($session{anon}, 'BEGIN', preamble('authenticated'), $insert);
	$session{anon}->read_until('Z');
	$session{anon}->run('COMMIT');
	is($node->safe_psql('postgres', 'SELECT made_by FROM work ORDER BY id DESC LIMIT 1'), 'authenticated',
		"$how: the next request of that session is served");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE $pool");
	$_->abandon for values %session;
	return;
}

check_requests($node, $_, $_) for 'simple', 'extended';

SKIP:
{
	skip 'pgbouncer is not installed', 12 if !defined PgBouncer->program;
	my $pool = PgBouncer->start($node, ['authenticator'], pool_mode => 'transaction');

	check_requests($pool, $_, "$_, through pgbouncer") for 'simple', 'extended';
}

$node->stop;
done_testing();
