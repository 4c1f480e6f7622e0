# Ordinary users store settings of their own in a loop, remove ours that they
# do not have, or commit prepared transactions: that does not wake the guard,
# and whoever is due ends in time.  A superuser may store limits in a loop: the
# guard wakes now and then, and still leaves nobody alone for it.  Whatever can
# change a limit wakes it, however it is written.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use List::Util qw(min);
use RawSession;
use Test::More;

# Nothing but a deadline or a commit wakes the guard.
my $node = guard_node(
	'main',
	'max_prepared_transactions' => 5,
	'max_connections' => 60,
	'pg_session_guard.naptime' => '1h');
my $limit = 'pg_session_guard.idle_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") for qw(a b bound granted other);
$node->safe_psql('postgres', "GRANT SET ON PARAMETER $limit, pg_session_guard.exempt TO granted");
my $admin = RawSession->connect($node, user => $superuser);
my ($one, $two) = map { RawSession->connect($node, user => $_) } qw(a b);

# A statement that commits another one so many times.
sub in_a_loop
{
	my ($times, $statement) = @_;

	return "DO \$\$ BEGIN FOR i IN 1 .. $times LOOP $statement; COMMIT; END LOOP; END \$\$";
}

sub wake_ups
{
	return $admin->query('SELECT wake_ups FROM session_guard.stats');
}

# Wait until the guard has read what is stored, and has nothing more to do.
sub wait_for_rest
{
	my $before = wake_ups() - 9;

	wait_until(
		sub {
			my $now = wake_ups();
			# It may scan in between, for a limit that is set.
			my $is_still = $now - $before <= 1;
			$before = $now;
			$admin->query('SELECT pg_sleep(0.1)');
			return $is_still;
		},
		'the guard rests');
	return;
}

# Nobody's business.
my %nobodys = (
	'ALTER ROLE SET of another parameter' => sub {
		$_->send_query(in_a_loop(1000, 'ALTER ROLE CURRENT_USER SET work_mem = 1000')) for $one, $two;
		$_->read_until('Z') for $one, $two;
	},
	'RESET of what is not stored' => sub {
		$one->query(in_a_loop(20_000, "ALTER ROLE CURRENT_USER RESET $limit"));
		# From 19 on the server refuses it.
		die $one->{error}{message} if $one->error && $one->sqlstate ne '42501';
	},
	'RESET ALL by who may set nothing of ours' => sub { $one->run(in_a_loop(20_000, 'ALTER ROLE CURRENT_USER RESET ALL')) },
	'COMMIT PREPARED' => sub {
		$one->run('BEGIN', 'SELECT pg_current_xact_id()', q(PREPARE TRANSACTION 'a'), q(COMMIT PREPARED 'a')) for 1 .. 300;
	});
for my $what (sort keys %nobodys)
{
	wait_for_rest();
	my $before = wake_ups();
	$nobodys{$what}->();
	cmp_ok(wake_ups() - $before, '<=', 3, "$what does not wake the guard");
}

# Sessions that become idle at the same moment.
sub idle_together
{
	my ($count, $user) = @_;
	my @sessions;

	$admin->run('SELECT pg_advisory_lock(1)');
	for (1 .. $count)
	{
		push @sessions, RawSession->connect($node, user => $user);
		$sessions[-1]->send_query('SELECT pg_advisory_lock_shared(1)');
	}
	wait_until(sub { $admin->query(q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)) == $count },
		'all wait');
	$admin->run('SELECT pg_advisory_unlock(1)');
	return @sessions;
}

# When the sessions were ended, in ms of the day, and for how long they had been idle.
sub ends_of
{
	my ($offset, @sessions) = @_;
	my %meant = map { ($_->pid => 1) } @sessions;
	my @ends;

	for my $line (guard_lines($node, qr/LOG:  terminating session/, $offset))
	{
		my ($hour, $minute, $second, $pid, $number, $unit) =
		  $line =~ /(\d\d):(\d\d):(\d\d\.\d+) .* session (\d+) .*: idle for ([\d.]+) (s|ms),/
		  or next;
		push @ends, { at => 1000 * ($second + 60 * $minute + 3600 * $hour), idle => $number * ($unit eq 's' ? 1000 : 1) }
		  if $meant{$pid};
	}
	return @ends;
}

# The shortest time between two ends, in ms.
sub shortest_gap
{
	my @ends = @_;

	return min(map { abs($ends[$_]{at} - $ends[ $_ - 1 ]{at}) } 1 .. $#ends);
}

# Who does what in a loop.
my %noise = (
	'ordinary users store settings' =>
	  { a => 'ALTER ROLE CURRENT_USER SET work_mem = 1000', b => 'ALTER ROLE CURRENT_USER SET work_mem = 2000' },
	'a superuser stores a limit' => { $superuser => "ALTER ROLE other SET $limit = 3600000" },
	'a superuser changes another limit' => {
		$superuser => q{EXECUTE format('ALTER ROLE other SET pg_session_guard.transaction_timeout = %s', 3600000 + i)}
	});
$node->safe_psql('postgres', "ALTER ROLE bound SET $limit = '800ms'");
for my $what (sort keys %noise)
{
	my @loops = map { RawSession->connect($node, user => $_) } sort keys %{ $noise{$what} };
	my $offset = log_size($node);

	$loops[$_]->send_query(in_a_loop(1_000_000, $noise{$what}{ (sort keys %{ $noise{$what} })[$_] })) for 0 .. $#loops;
	my $before = wake_ups();
	my $start = time;
	my @culprits = idle_together(20, 'bound');
	my $innocent = RawSession->connect($node, user => 'other');
	wait_for_end($node, $_->pid) for @culprits;
	my $wake_ups = wake_ups() - $before;
	my $seconds = time - $start + 1;
	my @ends = ends_of($offset, @culprits);
	my @idle = sort { $a <=> $b } map { $_->{idle} } @ends;
	is(scalar @ends, 20, "$what in a loop: all culprits are ended");
	note("$what: idle for $idle[0] to $idle[-1] ms; $wake_ups wake-ups in $seconds s");
	# A guard that is held back by each change would be ten seconds late.
	cmp_ok($idle[-1], '<', 5000, 'the changes do not hold the guard back');
	# Scans are at least 50 ms apart.
	cmp_ok(shortest_gap(@ends), '<', 40, 'more than one end for each scan');
	is(scalar guard_lines($node, qr/LOG:  left session/, $offset), 0, 'none is left alone');
	cmp_ok($wake_ups / $seconds, '<', 300, 'the guard is not kept awake');
	ok(is_alive($node, $innocent->pid), 'the innocent stays');
	$admin->run('SELECT pg_terminate_backend(' . $_->pid . ')') for @loops;
	$_->abandon for @loops, @culprits, $innocent;
}

# Everybody's business, by commits alone.
sub check_change
{
	my ($what, $session, $whose, @change) = @_;
	my $culprit = RawSession->connect($node, user => $whose);
	my $innocent = RawSession->connect($node, user => 'b');

	wait_until_unchanged_for($node, '400 ms', $culprit->pid);
	wait_for_rest();
	$session->run(@change);
	wait_for_end($node, $culprit->pid);
	ok(is_alive($node, $innocent->pid), "$what counts at its commit, for whom it is meant");
	$_->abandon for $culprit, $innocent;
	$admin->run("ALTER ROLE $whose RESET ALL");
	return;
}

check_change('a name in capitals', $admin, 'other', qq(ALTER ROLE other SET "PG_SESSION_Guard.Idle_Session_Timeout" = '300ms'));
check_change('what is prepared and committed', $admin, 'other',
	'BEGIN', "ALTER ROLE other SET $limit = '300ms'", q(PREPARE TRANSACTION 'p'), q(COMMIT PREPARED 'p'));

# Every role is bound but those that have a setting of their own, until they have none.
$admin->run("ALTER ROLE $_ SET pg_session_guard.exempt = on") for qw(a b granted other);
$admin->run("ALTER ROLE ALL SET $limit = '300ms'");
my $own = RawSession->connect($node, user => 'granted');
check_change('RESET ALL by who may set one of ours', $own, 'granted', 'ALTER ROLE granted RESET ALL');
$own->abandon;
$admin->run('ALTER ROLE granted SET pg_session_guard.exempt = on');
$own = RawSession->connect($node, user => 'granted');
check_change('RESET by who may set it', $own, 'granted', 'ALTER ROLE granted RESET pg_session_guard.exempt');
check_change('RESET ALL by a superuser', $admin, 'other', 'ALTER ROLE other RESET ALL');

$_->abandon for $admin, $one, $two, $own;
$node->stop;
done_testing();
