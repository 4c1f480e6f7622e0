# Whoever sends a little now and then is not idle, be it messages that do nothing
# or the bytes of one that never comes to its end.  transaction_timeout binds it
# all the same, in whatever state its transaction is open.  Who drips outside a
# transaction stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use List::Util qw(max);
use RawSession;
use Test::More;
use Time::HiRes qw(time);

my $node = guard_node('main', 'max_connections' => 60, 'pg_session_guard.naptime' => '200ms');
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

# Send a statement without a Sync, and read up to a kind of message.
sub pipeline
{
	my ($session, $sql, $rows, $until) = @_;

	$session->parse('', $sql);
	$session->bind('', '');
	$session->execute('', $rows);
	$session->flush;
	$session->read_until($until);
	return;
}

sub describe
{
	my ($session) = @_;

	$session->parse('s', 'SELECT x FROM t');
	$session->sync;
	$session->read_result;
	$session->send_message('D', "Ss\0");
	$session->flush;
	$session->read_until('T');
	return;
}

my %inside = (
	'idle in transaction' => sub { $_[0]->query($_) for 'BEGIN', 'INSERT INTO t VALUES (1)' },
	'failed' => sub { $_[0]->query($_) for 'BEGIN', 'SELECT 1/0' },
	'idle, described' => \&describe,
	'pipeline' => sub { pipeline($_[0], 'INSERT INTO t VALUES (1)', 0, 'C') },
	'pipeline with a suspended portal' => sub { pipeline($_[0], 'SELECT generate_series(1, 9)', 1, 's') },
	'pipeline with a failed savepoint' => sub {
		$_[0]->query($_) for 'BEGIN', 'INSERT INTO t VALUES (1)', 'SAVEPOINT s';
		pipeline($_[0], 'SELECT 1/0', 0, 'E');
	});
my %outside = (
	'idle' => sub { $_[0]->query('SELECT 1') },
	'pipeline behind an error' => sub { pipeline($_[0], 'SELECT 1/0', 0, 'E') });
my %what = (
	bytes => sub { $_[0]->send_bytes('x') },
	# Of a COPY that is not under way, which the protocol says to ignore.
	messages => sub { $_[0]->copy_done });
my (%drips, %sessions, $dripped_at, $longest_pause);

sub begin_all
{
	for my $kind (sort keys %what)
	{
		for my $name (sort(keys %inside, keys %outside))
		{
			my $session = RawSession->connect($node);

			($inside{$name} // $outside{$name})->($session);
			$session->send_bytes('Q' . pack('N', 1_000_000)) if $kind eq 'bytes';
			$sessions{"$name, $kind"} = $session;
			$drips{"$name, $kind"} = $what{$kind};
		}
	}
	($dripped_at, $longest_pause) = (time, 0);
	return;
}

sub drip
{
	$drips{$_}->($sessions{$_}) for keys %sessions;
	$longest_pause = max($longest_pause, time - $dripped_at);
	$dripped_at = time;
	return;
}

sub set
{
	my ($limit, $value) = @_;

	$root->query("ALTER SYSTEM SET pg_session_guard.$limit = '$value'");
	$root->query('SELECT pg_reload_conf()');
	return;
}

# By the clock of the server.
sub drip_for
{
	my ($seconds) = @_;
	my $until = $root->query('SELECT extract(epoch FROM clock_timestamp())') + $seconds;

	wait_until(
		sub { drip(); return $root->query("SELECT extract(epoch FROM clock_timestamp()) > $until") eq 't' },
		'it has dripped for long');
	return;
}

# Who sends nothing for a second may be taken for idle: where the machine did not let the test drip
# for a while, it says nothing of the guard.
my ($still_there, $left);
for (1 .. 10)
{
	set($_, '0') for 'idle_session_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout';
	begin_all();
	drip();
	set($_, '2s') for 'idle_session_timeout', 'idle_in_transaction_session_timeout';
	drip_for(5);
	$still_there = living($node, \%sessions);
	drip();
	set('transaction_timeout', '2s');
	my $pids = join ', ', map { $_->pid } @sessions{ grep { exists $inside{ s/, (bytes|messages)$//r } } keys %sessions };
	wait_until(
		sub {
			drip();
			return $root->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)") eq '0';
		},
		'the transactions are gone');
	drip_for(3);
	$left = living($node, \%sessions);
	drip();
	last if $longest_pause < 0.8;
	note('this try was too slow');
	$_->abandon for values %sessions;
}
is($still_there, join(' ', sort keys %sessions), 'whoever drips is not idle');
is( $left,
	join(' ', sort grep { exists $outside{ s/, (bytes|messages)$//r } } keys %sessions),
	'transaction_timeout ends whoever is in a transaction, and nobody else');

$_->abandon for $root, values %sessions;
$node->stop;
done_testing();
