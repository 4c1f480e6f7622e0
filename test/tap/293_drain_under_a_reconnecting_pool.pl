# A pool that connects again as soon as it is thrown out does not keep a database that was
# drained from being renamed or dropped, a hundred times in a row, be it connected directly or
# through pgbouncer.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PgBouncer;
use POSIX ();
use RawSession;
use Test::More;

my $rounds = 100;
my $node = guard_node('main', max_connections => 60, log_min_messages => 'panic');
my $bouncer =
  PgBouncer->program
  ? PgBouncer->start($node, ['web'], pool_mode => 'transaction', default_pool_size => 10, server_login_retry => '0.01')
  : undef;
note 'pgbouncer is not installed' if !$bouncer;

# Come back for ever, and do something each time, for as long as it lasts.
sub be_a_client
{
	my ($target, $parent) = @_;

	while (getppid() == $parent)
	{
		my $session = eval { RawSession->open($target) } or next;

		$session->start_up(dbname => 'shop', application_name => 'pool');
		$session->read_until('Z');
		$session->query('BEGIN; SELECT 1; COMMIT') for 1 .. 20;
		$session->read_to_end if defined $session->pid && rand() < 0.3;
		$session->abandon;
	}
	return;
}

sub start_client
{
	my ($target) = @_;
	my $parent = $$;
	my $child = fork // die "could not fork: $!";

	return $child if $child != 0;
	srand;
	eval { be_a_client($target, $parent) };
	POSIX::_exit(0);
}

$node->safe_psql('postgres', 'CREATE DATABASE shop');
my @clients = map { start_client($_ % 2 && $bouncer || $node) } 1 .. 20;
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my ($failures, $ended) = (0, 0);

for my $round (1 .. $rounds)
{
	my @then =
	  $round % 10
	  ? ('ALTER DATABASE shop RENAME TO old_shop', 'ALTER DATABASE old_shop RENAME TO shop', q{SELECT open_database('shop')})
	  : ('DROP DATABASE shop', 'CREATE DATABASE shop');

	# Somebody is there, or was refused.
	wait_until(sub { $root->query(q{SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND state IS NOT NULL}) > 2 },
		'the pool has come');
	$ended += $root->query(q{SELECT count(*) FILTER (WHERE outcome = 'terminated') FROM drain_database('shop', '1 min')});
	for my $sql (@then)
	{
		$root->query($sql);
		next if !defined $root->error;
		$failures++;
		diag "round $round: $sql: " . $root->error_text;
		$node->safe_psql('postgres', 'CREATE DATABASE shop') if $sql =~ /^CREATE/;
	}
}
is($failures, 0, "$rounds drains, each followed by RENAME or DROP");
cmp_ok($ended, '>', $rounds, "which ended $ended sessions");
kill 'KILL', @clients;
waitpid $_, 0 for @clients;

# Who connects holds a lock on the database from before the check until it is refused.
my $late = begin_to_connect($node, 'shop', 2);
$root->query(q{SELECT count(*) FROM drain_database('shop', '1 min')});
$root->query('DROP DATABASE shop');
ok(!defined $root->error, 'a session is about to begin: it is waited for');
$late->read_until('Z');
is($late->sqlstate, '57P03', 'and refused');

$node->stop;
done_testing();
