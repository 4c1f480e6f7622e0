# keepalive_idle: the link to some clients is cut, and no packet tells of that.  Their sessions end,
# whatever they are at: idle, idle in transaction, listening; and with dead_client_timeout those that
# run a statement, or wait for a lock.  Those of other clients, as silent, go on.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use CutLink;
use GuardTest;
use PostgreSQL::Test::Utils;
use PsqlClient;
use RawSession;
use Test::More;

BEGIN { enter_own_network() }

connect_machines();

my $node = guard_node(
	'main',
	listen_addresses => join(',', link_to_cut(), link_to_stay()),
	'pg_session_guard.keepalive_idle' => '1s',
	'pg_session_guard.dead_client_timeout' => '500ms',
	'pg_session_guard.naptime' => '1s');

for my $link (link_to_cut(), link_to_stay())
{
	append_to_file($node->data_dir . '/pg_hba.conf', 'host all all ' . $link =~ s/1$/0/r . "/24 trust\n");
}
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE wanted (n int); GRANT ALL ON wanted TO PUBLIC');
my $holder = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
$holder->run('BEGIN', 'LOCK TABLE wanted');

my %work = (
	idle => [ 'SELECT 1', 'idle' ],
	in_transaction => [ 'BEGIN; SELECT 1', 'idle in transaction' ],
	failed => [ 'BEGIN; SELECT 1/0', 'idle in transaction (aborted)' ],
	listening => [ 'LISTEN news', 'idle' ],
	lazy => [ 'SET tcp_keepalives_idle = 7200', 'idle' ],
	running => [ 'SELECT pg_sleep(600)', 'active' ],
	waiting => [ 'SELECT * FROM wanted', 'active' ]);
my %client;

for my $name (sort keys %work)
{
	my ($sql, $state) = @{ $work{$name} };

	$client{"${name}_$_->[0]"} =
	  PsqlClient->start($node, "${name}_$_->[0]", $sql, state => $state, host => $_->[1], by => [on_other_machine()])
	  for [ cut => link_to_cut() ], [ stays => link_to_stay() ];
}
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE client_addr IN ('10.99.1.2', '10.99.2.2')}),
	2 * keys %work, 'all come over the two links');
wait_until_unchanged_for($node, '2 s', map { $_->pid } values %client);
wait_for_scan($node, 3);
is(living($node, \%client), join(' ', sort keys %client), 'whoever is silent stays');

cut_link();
for my $name (sort keys %work)
{
	wait_for_end($node, $client{"${name}_cut"}->pid);
	pass("a session ends whose link is cut while it is $name");
}
is(living($node, \%client), join(' ', sort map { "${_}_stays" } keys %work), 'all others stay');
is($node->safe_psql('postgres', q{SELECT count(*) FROM session_guard.event WHERE limit_name = 'dead_client_timeout' AND outcome = 'terminated'}),
	2, 'those at work end by the guard');

$_->kill for values %client;
$holder->abandon;
$node->stop;
done_testing();
