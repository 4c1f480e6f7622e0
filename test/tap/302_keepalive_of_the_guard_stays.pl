# keepalive_idle is set on the socket of each TCP session, whatever its client asks for at the start
# or sets later, and its role has: but what is stricter stays.  A reload reaches sessions at the end
# of their next transaction.  Unix-domain sockets have none, and replication is left alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

plan skip_all => 'keepalives cannot be set here' if $^O ne 'linux';

my $node = guard_node('main',
	listen_addresses => '127.0.0.1',
	'pg_session_guard.keepalive_idle' => '60s',
	wal_level => 'logical',
	max_wal_senders => 2);
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $show = q{SELECT concat_ws(' ', current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_interval'), current_setting('tcp_keepalives_count'))};
my $system = join ' ', map { slurp_file("/proc/sys/net/ipv4/tcp_keepalive_$_") =~ s/\n//r } 'time', 'intvl', 'probes';
my $guarded = '60 20 3';
my @sessions;

sub connect_by_tcp
{
	my (%parameters) = @_;

	push @sessions, RawSession->connect($node, host => '127.0.0.1', parameters => \%parameters);
	return $sessions[-1];
}

# In how many seconds the kernel probes the connection of a session at the latest.
sub next_probe
{
	my ($session) = @_;
	my $port = sprintf '%04X', $session->{socket}->sockport;

	for (split /\n/, slurp_file('/proc/net/tcp'))
	{
		my (undef, undef, $remote, undef, undef, $timer) = split;

		return hex($1) / 100 if $remote =~ /:$port$/ && $timer =~ /^02:([0-9A-F]+)$/;
	}
	return;
}

plan skip_all => 'no keepalive of the system is longer' if $system =~ /^[1-9]?\d /;

# --- at the start --------------------------------------------------------------

my $plain = connect_by_tcp();
is($plain->query($show), $guarded, 'a session has the keepalive that is set');
# What it has sent last may not have been acknowledged at once.
wait_until(sub { next_probe($plain) // 0 }, 'the next timer of the connection is its keepalive');
cmp_ok(next_probe($plain), '<=', 60, 'its socket, too');
is(connect_by_tcp(tcp_keepalives_idle => 7200, tcp_keepalives_count => 100)->query($show),
	$guarded, 'in spite of its startup packet');
is(connect_by_tcp(options => '-c tcp_keepalives_idle=7200 -c tcp_keepalives_interval=1000')->query($show),
	$guarded, 'and its options');
is(connect_by_tcp(options => '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2')->query($show),
	'30 5 2', 'what is stricter stays');
$node->safe_psql('postgres', 'ALTER ROLE web SET tcp_keepalives_idle = 7200');
is(connect_by_tcp()->query($show), $guarded, 'what the role has does not count');
$node->safe_psql('postgres', 'ALTER ROLE web RESET tcp_keepalives_idle');
is(RawSession->connect($node)->query($show), '0 0 0', 'a Unix-domain socket has none');
is( RawSession->connect($node, host => '127.0.0.1', user => $superuser, parameters => { replication => 'database' })->query($show),
	$system, 'replication is left alone');

# --- later ---------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE FUNCTION lazy() RETURNS text LANGUAGE sql SET tcp_keepalives_idle = 7200 RETURN 1');
for my $attempt (
	[ 'SET tcp_keepalives_idle = 7200' ],
	[ 'SET tcp_keepalives_idle = 7200', 'SET tcp_keepalives_interval = 1000', 'SET tcp_keepalives_count = 100' ],
	[ "SELECT set_config('tcp_keepalives_idle', '7200', false)" ],
	[ 'BEGIN', 'SET LOCAL tcp_keepalives_idle = 7200', 'COMMIT' ],
	[ 'BEGIN', 'SET LOCAL tcp_keepalives_idle = 60', 'COMMIT' ],
	[ 'BEGIN', 'SET LOCAL tcp_keepalives_idle = 60', 'ROLLBACK' ],
	[ 'BEGIN', "SELECT set_config('tcp_keepalives_idle', '10', true)", 'COMMIT' ],
	[ 'BEGIN', 'SAVEPOINT s', 'SET tcp_keepalives_idle = 20', 'ROLLBACK TO s', 'COMMIT' ],
	[ 'BEGIN', 'SET tcp_keepalives_idle = 20', 'ROLLBACK' ],
	[ 'SELECT lazy()' ],
	[ 'DO $$ BEGIN PERFORM set_config(\'tcp_keepalives_idle\', \'7200\', false); END $$' ],
	[ 'SET tcp_keepalives_idle = 20', 'RESET tcp_keepalives_idle' ],
	[ 'SET tcp_keepalives_idle = 20', 'RESET ALL' ],
	[ 'SET tcp_keepalives_idle = 20', 'DISCARD ALL' ])
{
	my $session = connect_by_tcp();

	$session->run(@$attempt);
	is($session->query($show), $guarded, "it is the same after " . join '; ', @$attempt);
}
my $busy = connect_by_tcp();
$busy->run('BEGIN', 'SET tcp_keepalives_idle = 7200');
is($busy->query($show), $guarded, 'and while the transaction goes on');
$busy->run('SET LOCAL tcp_keepalives_idle = 20');
is($busy->query($show), '20 20 3', 'what it has set stricter is so');
$busy->run('COMMIT');
is($busy->query($show), $guarded, 'until it is undone');

# --- a reload --------------------------------------------------------------------

# Wait until a session has a keepalive; it takes a reload over when it gets its next command.
sub comes_to
{
	my ($session, $expected, $what) = @_;

	return ok(wait_until(sub { $session->query($show) eq $expected }, $what), $what);
}

set_limits($node, keepalive_idle => '31s');
comes_to($plain, '31 11 3', 'a reload reaches a session');
comes_to($busy, '31 11 3', 'and another one');
set_limits($node, keepalive_idle => '0');
comes_to($plain, $system, 'when it is switched off it has what it had');
comes_to($busy, $system =~ s/^\d+/7200/r, 'or has asked for');
$busy->run('SET tcp_keepalives_idle = 5000');
is($busy->query($show), $system =~ s/^\d+/5000/r, 'and may ask for what it wants');
set_limits($node, keepalive_idle => '62s');
comes_to($_, '62 21 3', 'when it is set open sessions have it') for $plain, $busy;

$_->abandon for @sessions;
$node->stop;
done_testing();
