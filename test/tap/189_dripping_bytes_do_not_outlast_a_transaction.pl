# Whoever sends a little now and then is not idle, be it messages that do nothing
# or the bytes of one that never comes to its end.  transaction_timeout binds it
# all the same, in whatever state its transaction is open.  Who drips outside a
# transaction stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

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
my (%drips, %sessions);

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
my @expected = sort grep { exists $outside{ s/, (bytes|messages)$//r } } keys %sessions;

sub drip
{
	$drips{$_}->($sessions{$_}) for keys %sessions;
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

drip();
set($_, '2s') for 'idle_session_timeout', 'idle_in_transaction_session_timeout';
drip_for(5);
is(living($node, \%sessions), join(' ', sort keys %sessions), 'whoever drips is not idle');
drip();
set('transaction_timeout', '2s');
wait_until(
	sub {
		drip();
		my $pids = join ', ', map { $_->pid } @sessions{ grep { exists $inside{ s/, (bytes|messages)$//r } } keys %sessions };
		return $root->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids)") eq '0';
	},
	'the transactions are gone');
drip_for(3);
is(living($node, \%sessions), join(' ', @expected), 'transaction_timeout ends whoever is in a transaction, and nobody else');

$_->abandon for $root, values %sessions;
$node->stop;
done_testing();
