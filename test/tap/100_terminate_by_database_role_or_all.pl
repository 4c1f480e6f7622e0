# terminate_db_sessions, terminate_user_sessions and terminate_all_sessions end
# the sessions of a database, of a role, or all of them, whatever they are at,
# and nobody else's.  The caller is spared unless told otherwise, and then it
# is the last to go.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 40);

$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; CREATE ROLE dba LOGIN SUPERUSER');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

# The caller is one of the sessions that it selects.
for my $call (q{terminate_db_sessions('postgres', %s)}, q{terminate_user_sessions('dba', %s)},
	'terminate_all_sessions(%s)')
{
	my $neighbour = RawSession->connect($node, user => 'dba');
	my $caller = RawSession->connect($node, user => 'dba');
	my %session = (caller => $caller, neighbour => $neighbour);
	my $sparing = sprintf $call, 'true';
	my $ending = sprintf $call, 'except_self => false';

	is_deeply(
		[ grep { $_ == $caller->pid || $_ == $neighbour->pid }
			  $caller->query("SELECT pid FROM $sparing") ],
		[ $neighbour->pid ], "$sparing: the caller has no row");
	is(living($node, \%session), 'caller', "$sparing: it stays");

	$session{neighbour} = RawSession->connect($node, user => 'dba');
	$caller->query("SELECT pid FROM $ending");
	is($caller->sqlstate, '57P01', "$ending: the caller is ended too");
	wait_for_end($node, $caller->pid);
	is(living($node, \%session), '', "$ending: nobody is left");
	my @order = map { /terminating session (\d+) / } guard_lines($node, qr/terminating session/);
	is($order[-1], $caller->pid, "$ending: it was the last");
}

# Sessions of two roles in two databases; one of each kind of state in the shop.
sub open_all
{
	my %session = (
		shop_web => RawSession->connect($node, dbname => 'shop'),
		shop_web_in_transaction => RawSession->connect($node, dbname => 'shop'),
		shop_clerk_running => RawSession->connect($node, dbname => 'shop', user => 'clerk'),
		web => RawSession->connect($node),
		clerk => RawSession->connect($node, user => 'clerk'));

	$session{shop_web_in_transaction}->query('BEGIN');
	$session{shop_clerk_running}->send_query('SELECT pg_sleep(600)');
	wait_for_state($node, 'active', $session{shop_clerk_running}->pid);
	return \%session;
}

my $all = open_all();
my $everybody = 'clerk shop_clerk_running shop_web shop_web_in_transaction web';

is(fates($node, q{terminate_db_sessions('shop', dry_run => true)}, $all),
	'shop_clerk_running dry run, shop_web dry run, shop_web_in_transaction dry run',
	'a dry run tells whom it would be about');
is(living($node, $all), $everybody, 'and ends nobody');

is(fates($node, q{terminate_db_sessions('shop', true)}, $all),
	'shop_clerk_running terminated, shop_web terminated, shop_web_in_transaction terminated',
	'the sessions of the database are ended, idle or not');
is(living($node, $all), 'clerk web', 'and are gone; those of another database stay');
$all->{shop_web}->read_to_end;
is($all->{shop_web}->sqlstate, '57P01', 'their clients are told');
is(fates($node, q{terminate_db_sessions('shop')}, $all), '', 'nobody is left for a second call');

close_all($all);
$all = open_all();
is(fates($node, q{terminate_user_sessions('web')}, $all),
	'shop_web terminated, shop_web_in_transaction terminated, web terminated',
	'the sessions of the role are ended, in all databases');
is(living($node, $all), 'clerk shop_clerk_running', 'those of another role stay');

close_all($all);
$all = open_all();
is(
	fates($node, 'terminate_all_sessions()', $all),
	join(', ', map { "$_ terminated" } split / /, $everybody),
	'all sessions are ended');
is(living($node, $all), '', 'and are gone');

sub close_all
{
	my ($sessions) = @_;
	my @pids = map { $_->pid } values %$sessions;

	$_->abandon for values %$sessions;
	fates($node, "terminate_sessions(username => '$_')", {}) for qw(web clerk);
	wait_for_end($node, $_) for @pids;
	return;
}

$node->stop;
done_testing();
