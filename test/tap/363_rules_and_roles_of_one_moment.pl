# A transaction renames a role, or moves a membership, together with the rule that speaks of it: at
# every moment the rule exempts the same sessions, and the guard never sees one without the other.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.idle_session_timeout' => '300ms', 'pg_session_guard.catch_up_rate' => 1000);
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my ($left, $right) = ('team', 'crew');

$admin->run("CREATE ROLE $left", 'CREATE ROLE other', "CREATE ROLE innocent LOGIN IN ROLE $left", 'CREATE ROLE culprit LOGIN',
	rule('spared', roles => [$left], exempt => 'true'));
wait_for_reading($admin);
my $offset = log_size($node);
my %innocent = map { $_ => RawSession->connect($node, user => 'innocent') } 1 .. 10;

# Each time, somebody who is not exempt shows that the guard is at work.
sub check_at_work
{
	my $culprit = RawSession->connect($node, user => 'culprit');

	$culprit->read_to_end;
	is(source_told($culprit), 'configuration file', 'who is not exempt is ended');
	return;
}

sub together { return $admin->run('BEGIN', @_, 'COMMIT'); }

for my $round (1 .. 6)
{
	for (1 .. 10)
	{
		together("ALTER ROLE $left RENAME TO $right", "UPDATE session_guard.rule SET roles = '{$right}'");
		($left, $right) = ($right, $left);
	}
	for my $to ('other', $left)
	{
		my $from = $to eq 'other' ? $left : 'other';

		together("UPDATE session_guard.rule SET roles = '{$to}'", "GRANT $to TO innocent", "REVOKE $from FROM innocent");
	}
	check_at_work();
}
is(join(' ', grep { !is_alive($node, $innocent{$_}->pid) } sort keys %innocent), '', 'nobody was ended who was exempt all the time');
is_deeply([ guard_lines($node, qr/does not select as it was written/, $offset) ], [], 'nor was a rule seen without its role');

$_->abandon for $admin, values %innocent;
$node->stop;
done_testing();
