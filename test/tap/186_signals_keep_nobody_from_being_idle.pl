# Any role can have signals sent to the others' server processes, by creating
# temporary tables one after another, or to its own, by canceling them while they
# are idle and by notifications.  They wake the process and are no message of its
# client: the idle go all the same, be it outside a transaction, in one, or in a
# pipeline.  A client whose message arrives meanwhile stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;
use Upload;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms');
my $root = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my ($creator, $canceler, $upload, %culprit);

$node->safe_psql('postgres', 'CREATE TABLE t (x int); GRANT ALL ON t TO web');

my %state = (
	'idle' => sub { shift->query('SELECT count(*) FROM t') },
	'in transaction' => sub { $_[0]->query($_) for 'BEGIN', 'INSERT INTO t VALUES (1)' },
	'failed' => sub { $_[0]->query($_) for 'BEGIN', 'SELECT 1/0' },
	'listener in transaction' => sub { $_[0]->query($_) for 'LISTEN news', 'BEGIN' },
	'paused in transaction' => sub { $_[0]->run_in_pipeline('INSERT INTO t VALUES (1)') },
	'paused' => sub { $_[0]->run_in_pipeline('BEGIN', 'INSERT INTO t VALUES (1)', 'COMMIT') });

# Have all of them begin, without a limit.
sub begin_all
{
	set_idle_limits($root, '0');
	($creator, $canceler) = map { RawSession->connect($node) } 1 .. 2;
	for my $name (sort keys %state)
	{
		$culprit{$name} = RawSession->connect($node);
		$state{$name}->($culprit{$name});
	}
	# A client that may send ever so little at a time.
	$upload = Upload->new(RawSession->connect($node), 'query');
	$upload->session->query('BEGIN');
	return;
}

sub storm
{
	$creator->query(q{DO $$ BEGIN FOR i IN 1 .. 5 LOOP
		CREATE TEMP TABLE catalog_change (x int); DROP TABLE catalog_change; END LOOP; END $$});
	# A cancel in a pipeline, or of a statement, is an error and no wake-up only.
	my $canceled = join ', ', map { $culprit{$_}->pid } 'idle', 'in transaction', 'failed';
	$canceler->query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid IN ($canceled)");
	$canceler->query('NOTIFY news');
	$upload->send_piece(50);
	return;
}

# Where the machine did not let the test send for a while, it says nothing of the guard.
my ($stays, $size);
for (1 .. 10)
{
	begin_all();
	storm();
	set_idle_limits($root, '2s');
	my $all = join ', ', map { $_->pid } values %culprit;
	my $pid = $upload->session->pid;
	wait_until(
		sub {
			storm();
			return $root->query("SELECT count(*) FROM pg_stat_activity WHERE pid IN ($all)") eq '0'
			  && ($root->query("SELECT clock_timestamp() - state_change > '5 s' FROM pg_stat_activity WHERE pid = $pid") // 't') eq 't';
		},
		'the idle are gone');
	$stays = is_alive($node, $pid);
	$size = $upload->finish;
	last if !$upload->has_paused;
	note('this try was too slow');
}

my $lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
for my $name (sort keys %culprit)
{
	my $phrase = $name =~ /^(idle|paused)$/ ? 'idle' : 'idle in transaction';

	like($lines, qr/session ${\ $culprit{$name}->pid } \([^\n]*\): $phrase for /, "$name: goes as $phrase");
}
ok($stays, 'who sends a message stays');
is($size, Upload->size, 'and it comes to its end');
is($_->query('SELECT 42'), '42', 'and so do they that have sent the signals') for $creator, $canceler;

$_->abandon for $root, $creator, $canceler, $upload->session, values %culprit;
$node->stop;
done_testing();
