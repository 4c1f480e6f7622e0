# A storm of newcomers under connection_headroom: each gets in or is refused by the server itself, the
# connections of superusers stay reserved, and when it is over no more sessions have been ended than
# were missing.  Whom the server refuses for another reason, as a CONNECTION LIMIT, costs nobody
# a session.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use FewConnections;
use GuardTest;
use RawSession;
use Test::More;

my $node = few_connections('main');
$node->safe_psql('postgres', 'CREATE ROLE one LOGIN CONNECTION LIMIT 1; CREATE ROLE shut NOLOGIN');
my $admin = admin_of($node);
my $superuser = $admin->query('SELECT user');
my %session;

# Seven are there, and one of them is ended when the limit comes into force.
my @old = map { "old$_" } 1 .. 5;
connect_all($node, \%session, \@old);
connect_all($node, \%session, ['limited'], limited => 'one');
wait_until_idle_for($admin, '200ms', values %session);
set_by($node, $admin, connection_headroom => 1);
wait_until_gone($admin, $session{old1}->pid);
shift @old;
is(there($admin, \%session), join(' ', sort 'limited', @old), 'one makes room when the limit comes into force');

# What is free is enough for one.
for my $times (1 .. 20)
{
	try_to_connect($node, %$_)
	  for { user => 'one' }, { user => 'shut' }, { user => 'stranger' }, { dbname => 'nowhere' }, { user => 'one', dbname => 'nowhere' };
}
$admin->query('SELECT pg_reload_conf()');
wait_for_scans_by($admin, 1);
is(actions_taken($admin), 1, 'who is refused for another reason costs nobody a session');

# All are used up, by sessions that cannot go yet; then they could.
$session{$_}->query('BEGIN') for @old, 'limited';
set_by($node, $admin, headroom_min_idle => '1h');
connect_all($node, \%session, ['more']);
$session{more}->query('BEGIN');
set_by($node, $admin, headroom_min_idle => '100ms');
$session{$_}->query('COMMIT') for @old, 'limited', 'more';
wait_until_idle_for($admin, '300ms', @session{ @old, 'limited', 'more' });
my $before = actions_taken($admin);
for my $user ('one', 'shut', 'stranger')
{
	my $refused = try_to_connect($node, user => $user);
	ok(!defined $refused->pid, "$user is refused: " . $refused->error_text);
}
is(actions_taken($admin), $before, 'also where none is free: it has not waited for one');

# Fifty at once.
my @storm = map { RawSession->open($node) } 1 .. 50;
$_->start_up(user => 'web') for @storm;
$_->read_until('Z') for @storm;
my @inside = grep { defined $_->pid } @storm;
my %refused;
$refused{ $_->error_text =~ s/ for .*//r }++ for grep { !defined $_->pid } @storm;
cmp_ok(scalar @inside, '>=', 1, scalar(@inside) . ' of fifty get in');
delete @refused{ 'FATAL 53300: remaining connection slots are reserved', 'FATAL 53300: sorry, too many clients already' };
is_deeply(\%refused, {}, 'the server itself refuses the others');
my @superusers = map { try_to_connect($node, user => $superuser) } 1 .. 2;
is(scalar(grep { defined $_->pid } @superusers), 2, 'superusers get in');
$_->quit for @superusers;

# Whoever is idle for 100 ms goes until one connection is free.
my $free = "SELECT current_setting('max_connections')::int - 3 - count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'";
wait_until(sub { $admin->query($free) >= 1 }, 'one is free');
set_by($node, $admin, naptime => '100ms');
wait_for_scans_by($admin, 5);
# Two superusers were there, too, for a moment.
my $free_now = $admin->query($free);
cmp_ok($free_now, '>=', 1, 'one is free');
cmp_ok($free_now, '<=', 3, 'and no more than were missing while the superusers were there');
is($admin->query(q{SELECT count(*) FROM session_guard.event WHERE limit_name = 'connection_headroom' AND outcome NOT IN ('terminated', 'raced', 'gone')}),
	0, 'all have ended that were to');

$_->abandon for values %session, @storm;
$admin->quit;
$node->stop;
done_testing();
