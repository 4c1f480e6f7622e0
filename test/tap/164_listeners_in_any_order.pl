# Whatever a session does with LISTEN, UNLISTEN, DISCARD ALL, savepoints and
# failing blocks, in any order: after each transaction the guard has the same
# opinion as the server on whether it listens.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');
my $seed = $ENV{SEED} // time;
my $rounds = 300;

note("SEED=$seed");
srand($seed);
set_limits($node, idle_session_timeout => '1h');
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT current_user'));
my $session = RawSession->connect($node);

sub one_of
{
	return $_[ rand @_ ];
}

sub change
{
	my $channel = one_of('a', 'b', '"C"', 'x' x 63);

	return one_of("LISTEN $channel", "LISTEN $channel", "UNLISTEN $channel", 'UNLISTEN *');
}

# Statements of one transaction.
sub statements
{
	return one_of(change(), 'DISCARD ALL') if rand() < 0.3;
	my @statements = ('BEGIN');
	my $depth = 0;

	for (1 .. 1 + rand 8)
	{
		my $what = rand;

		if ($what < 0.5)
		{
			push @statements, change();
		}
		elsif ($what < 0.65)
		{
			push @statements, 'SAVEPOINT s' . ++$depth;
		}
		elsif ($what < 0.75 && $depth > 0)
		{
			push @statements, 'ROLLBACK TO s' . $depth;
		}
		elsif ($what < 0.85 && $depth > 0)
		{
			push @statements, 'RELEASE s' . $depth--;
		}
		else
		{
			my ($inside, $end) = (change(), one_of('NULL', q{RAISE 'no'}));

			push @statements,
			  "DO \$\$ BEGIN EXECUTE '$inside'; $end; EXCEPTION WHEN raise_exception THEN NULL; END \$\$";
		}
	}
	return (@statements, one_of('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK'));
}

my (@wrong, $listened);
for my $round (1 .. $rounds)
{
	my @statements = statements();

	for my $sql (@statements)
	{
		$session->query($sql);
		die "$sql: $session->{error}{message}" if $session->error;
	}
	my $server = $session->query('SELECT count(*) > 0 FROM pg_listening_channels()');
	my $guard = $admin->query("SELECT spared IS NOT DISTINCT FROM 'listens on a channel' FROM session_guard.schedule
		 WHERE pid = ${\ $session->pid } AND limit_name = 'idle_session_timeout'");
	$listened++ if $server eq 't';
	push @wrong, join('; ', @statements) . " -- $server" if $server ne $guard;
}
is_deeply(\@wrong, [], "the guard agrees with the server $rounds times");
note("it listened $listened times");
ok($listened > $rounds / 10 && $listened < $rounds * 9 / 10, 'it listened now and then');

# A session that remembers nothing but the last channel grows by nothing.
$session->query('DISCARD ALL');
my @sizes;
for (1 .. 3)
{
	$session->query($_) for map { ('LISTEN a', 'BEGIN', 'LISTEN b', 'UNLISTEN a', 'ROLLBACK', 'UNLISTEN *') } 1 .. 200;
	push @sizes, context_size();
}
is($sizes[2], $sizes[1], 'nothing is left in memory of what is over');

# The size of its memory, as the session itself says it to the log; levels count
# from 0, from 18 on from 1.
sub context_size
{
	my $offset = log_size($node);

	$admin->query("SELECT pg_log_backend_memory_contexts(${\ $session->pid })");
	my @lines;
	wait_until(
		sub {
			$session->query('SELECT 1');
			@lines = guard_lines($node, qr/LOG:  level: \d+; TopMemoryContext/, $offset);
			return @lines;
		},
		'the session tells the size of its memory');
	return $lines[0] =~ /; (\d+) used/ ? $1 : -1;
}

$_->abandon for $admin, $session;
$node->stop;
done_testing();
