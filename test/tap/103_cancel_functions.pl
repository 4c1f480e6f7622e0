# The cancel functions stop the statements that run in a database, for a role, for
# longer than a limit, or in one session.  The sessions themselves stay, and so
# do the statements of everybody else.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 40);

$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

my %session = (
	web => RawSession->connect($node),
	clerk => RawSession->connect($node, user => 'clerk'),
	shop_web => RawSession->connect($node, dbname => 'shop'),
	shop_clerk => RawSession->connect($node, dbname => 'shop', user => 'clerk'),
	shop_idle => RawSession->connect($node, dbname => 'shop'),
	shop_open => RawSession->connect($node, dbname => 'shop'));
my @busy = qw(clerk shop_clerk shop_web web);

$session{shop_open}->query('BEGIN; SELECT 1');
start($_) for @busy;

# Begin a statement that does not end by itself; one that was canceled is read to its end first.
sub start
{
	my ($name) = @_;

	$session{$name}->send_query("SELECT pg_sleep(600) AS $name");
	wait_for_status($node, $session{$name}->pid, q{wait_event = 'PgSleep'});
	return;
}

# Cancel, see who was and who goes on, and let those that were begin anew.
sub cancels
{
	my ($call, @culprits) = @_;
	my %culprit = map { $_ => 1 } @culprits;

	is(fates($node, $call, \%session), join(', ', map { "$_ canceled" } @culprits), $call);
	is(living($node, \%session, q{state = 'active'}),
		join(' ', grep { !$culprit{$_} } @busy), 'the statements of all others go on');
	is(living($node, \%session), 'clerk shop_clerk shop_idle shop_open shop_web web',
		'and nobody has lost a session');
	for my $name (@culprits)
	{
		$session{$name}->read_result;
		is($session{$name}->sqlstate, '57014', "$name was told");
		start($name);
	}
	return;
}

cancels(q{cancel_db_queries('shop')}, qw(shop_clerk shop_web));
cancels(q{cancel_user_queries('web')}, qw(shop_web web));
cancels("cancel_query(${\ $session{shop_web}->pid })", 'shop_web');
cancels(q{cancel_long_queries('0', 'shop')}, qw(shop_clerk shop_web));
cancels(q{cancel_long_queries('0')}, @busy);
cancels(q{cancel_long_queries('1 day')});
cancels(q{cancel_long_queries('1 day', 'shop')});

# Who runs for longer than a limit between the oldest statement and another one.  That one does
# not stay young: what was found is good only if it was found while it was.
my %old = map { $_ => $session{$_} } qw(clerk shop_clerk);
wait_until_unchanged_for($node, '1s', map { $_->pid } values %old);
cancels("cancel_query(${\ $session{$_}->pid })", $_) for qw(shop_web web);

for my $case ([ '', 'clerk dry run, shop_clerk dry run' ], [ q{, 'shop'}, 'shop_clerk dry run' ])
{
	my ($database, $expected) = @$case;
	my ($young, $old) =
	  map { join ', ', map { $session{$_}->pid } @$_ } [qw(shop_web web)], [ keys %old ];
	my $found;

	wait_until(
		sub {
			my ($limit, $until) = split /\|/, $node->safe_psql('postgres',
				"SELECT clock_timestamp() - middle, young + (clock_timestamp() - middle)
				 FROM (SELECT min(query_start) FILTER (WHERE pid IN ($young)) AS young,
				   max(query_start) FILTER (WHERE pid IN ($old)) AS old
				   FROM pg_stat_activity) AS stamps,
				   LATERAL (SELECT old + (young - old) / 2 AS middle) AS middles");
			$found = fates($node, "cancel_long_queries('$limit'$database, dry_run => true)", \%session);
			return $node->safe_psql('postgres', "SELECT clock_timestamp() < '$until'") eq 't';
		},
		'a call was done in time');
	is($found, $expected, "the older statements are the long ones$database");
}

# There is nothing to cancel in a session that is idle.
for my $name (qw(shop_idle shop_open))
{
	my $pid = $session{$name}->pid;

	is($node->safe_psql('postgres', "SELECT outcome, note FROM cancel_query($pid)"),
		'raced|no statement is running', "$name runs no statement");
	is($session{$name}->query('SELECT 42'), '42', 'and is none the worse for it');
}

$node->stop;
done_testing();
