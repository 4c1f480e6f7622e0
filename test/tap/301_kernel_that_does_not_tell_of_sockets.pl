# dead_client_timeout where the kernel is not to be asked, or has no answers to give: nobody ends,
# be its client alive or dead; the log says so once, and the schedule why.  When it tells, those end
# whose client is gone, and of those whose connection is not there any more those that the kernel
# has found before.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IO::Select;
use PsqlClient;
use RawSession;
use SocketShim;
use Test::More;

require_socket_shim();

my $node = node_with_sockets('main', listen_addresses => '127.0.0.1', 'pg_session_guard.naptime' => '1s');
my $timeout = '500ms';
my %session;

# A session that has sent what nobody reads, and runs on; connected already, if it is.
sub run_unread
{
	my ($name, $raw) = @_;

	$session{$name} = $raw // RawSession->connect($node, host => '127.0.0.1');
	$session{$name}->send_query('DO $$ BEGIN RAISE NOTICE \'unread\'; PERFORM pg_sleep(600); END $$');
	wait_until(sub { IO::Select->new($session{$name}{socket})->can_read(0) }, 'there is something to read');
	return;
}

sub pass_timeout
{
	wait_until_unchanged_for($node, '1500 ms', map { $_->pid } values %session);
	wait_for_scan($node, 3);
	return;
}

sub reasons
{
	return $node->safe_psql('postgres', q{SELECT string_agg(DISTINCT spared, ', ') FROM session_guard.schedule
		WHERE limit_name = 'dead_client_timeout' AND usename = 'web' AND state = 'active'});
}

# --- the limit is set while clients have died already ------------------------------

# These have been connected since before: one has ended a transaction since the limit is set.
my $early = RawSession->connect($node, host => '127.0.0.1');
run_unread('reset_before');
$session{"early_$_->[0]"} = PsqlClient->start($node, "early_$_->[0]", 'SELECT pg_sleep(600)', host => $_->[1])
  for [ unix => undef ], [ tcp => '127.0.0.1' ];
$session{early_lives} = PsqlClient->start($node, 'early_lives', 'SELECT pg_sleep(600)');
$session{reset_before}->abandon;
$session{"early_$_"}->kill for 'unix', 'tcp';
wait_until_unchanged_for($node, '700 ms', map { $_->pid } values %session);
my $offset = log_size($node);
set_limits($node, dead_client_timeout => $timeout, catch_up_rate => 1000);
wait_for_end($node, $session{"early_$_"}->pid) for 'unix', 'tcp';
like(join("\n", guard_lines($node, 'is in force', $offset)),
	qr/dead_client_timeout is in force at 500 ms, 2 sessions are over it now, ending 1000 per second; \d are spared \((\d superusers?, )?1 whose connection cannot be read, 1 whose client is connected\)/,
	'the log says how many clients have died when the limit is set');
pass_timeout(delete @session{qw(early_unix early_tcp)});
is(living($node, \%session), 'early_lives reset_before', 'they end');
is(reasons(), 'its client is connected, not measurable: its connection cannot be read',
	'but for one that was reset before the kernel was asked for it');

$early->run('SELECT 1');
run_unread('reset_since', $early);
$session{reset_since}->abandon;
wait_for_end($node, $session{reset_since}->pid);
pass('one that has ended a transaction since ends');
delete $session{reset_since};

# --- the kernel does not tell -------------------------------------------------------

for my $how ('forbidden', 'lacking')
{
	hide_sockets($how);
	$session{"${how}_$_->[0]"} = PsqlClient->start($node, "${how}_$_->[0]", 'SELECT pg_sleep(600)', host => $_->[1])
	  for [ lives => undef ], [ lives_tcp => '127.0.0.1' ], [ unix => undef ], [ tcp => '127.0.0.1' ];
	$session{"${how}_$_"}->kill for 'unix', 'tcp';
	pass_timeout();
	is(living($node, \%session), join(' ', sort keys %session), "$how: nobody ends whose client is dead");
	is(reasons(), 'not measurable: its connection cannot be read', 'and the schedule says why');
	show_sockets();
	wait_for_end($node, $session{"${how}_$_"}->pid) for 'unix', 'tcp';
	delete $session{"${how}_$_"} for 'unix', 'tcp';
	pass_timeout();
	is(living($node, \%session), join(' ', sort keys %session), 'when it tells, they do, and nobody else');
}
is(scalar guard_lines($node, 'LOG:  whether the client of session \d+ is there cannot be read'), 1, 'the log says so once');

$_->can('kill') ? $_->kill : $_->abandon for values %session;
$node->stop;
done_testing();
