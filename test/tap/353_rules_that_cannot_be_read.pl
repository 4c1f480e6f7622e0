# The table of rules, or a catalog that is needed to read it, is locked: the last rules hold, in
# time, and log and statistics say so.  While a change is known that could not be read nobody is
# ended for some time, since it could be an exemption; a guard that has not read the rules yet ends
# nobody.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '200ms');
my $limit = 'idle_in_transaction_session_timeout';
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my ($admin, $keeper) = map { RawSession->connect($node, user => $superuser) } 1 .. 2;
my $locked = qr/LOG:  table "session_guard\.rule" is locked$/;

$admin->run('CREATE ROLE a LOGIN', 'CREATE ROLE b LOGIN', 'CREATE ROLE set LOGIN',
	"ALTER ROLE set SET pg_session_guard.$limit = '300ms'",
	rule('ends a and b', roles => [ 'a', 'b' ], $limit => '300 ms'));
my $innocent = RawSession->connect($node);
$innocent->run('BEGIN');

wait_for_reading($admin);

sub stat_of { return $admin->query("SELECT $_[0] FROM session_guard.stats"); }

# A session that is idle in a transaction.
sub culprit
{
	my ($user) = @_;
	my $culprit = RawSession->connect($node, user => $user);

	$culprit->run('BEGIN');
	return $culprit;
}

# It ends by the rule, without being late; the innocent stays.  Where a catalog is locked nobody
# else can be asked, and what to do then to go on is given.
sub check_end
{
	my ($what, $culprit, @to_go_on) = @_;

	$culprit->read_to_end;
	is(source_told($culprit), 'rule "ends a and b"', "$what: the last rules hold");
	ok(process_exists($innocent->pid), 'and the innocent stays');
	$keeper->run(@to_go_on);
	source_in_event($admin, $culprit);
	is($admin->query("SELECT coalesce(late, measured - threshold) < '4 s' FROM session_guard.event WHERE pid = ${\ $culprit->pid }"),
		't', 'it was in time');
	return;
}

# Nobody has changed anything.
my $offset = log_size($node);
my $skips = stat_of('lock_skips');
$keeper->run('BEGIN', 'LOCK TABLE session_guard.rule IN ACCESS EXCLUSIVE MODE');
wait_until(sub { stat_of('lock_skips') >= $skips + 2 }, 'the guard could not read the rules');
check_end('the table is locked', culprit('a'));
check_end('it still is', culprit('b'));
is(scalar guard_lines($node, $locked, $offset), 1, 'the log says once that it is locked');
is(scalar guard_lines($node, qr/DETAIL:  The session guard goes on with what it read of it last\.$/, $offset), 1, 'and what that means');
$keeper->run('ROLLBACK');
for my $catalog (qw(pg_trigger pg_constraint pg_extension pg_depend pg_attrdef))
{
	# Nobody can connect while it is locked, where the server needs it for that.
	my $culprit = RawSession->connect($node, user => 'a');

	$keeper->run('BEGIN', "LOCK TABLE $catalog IN ACCESS EXCLUSIVE MODE");
	$culprit->run('BEGIN');
	check_end("$catalog is locked", $culprit, 'ROLLBACK');
}

# An exemption was committed, and the table is locked before the guard can read that.
my $guard = wait_for_guard($node);
freeze_asleep($admin, $guard);
$admin->run(rule('exempts b', roles => ['b'], exempt => 'on'));
$keeper->run('BEGIN', 'LOCK TABLE session_guard.rule IN ACCESS EXCLUSIVE MODE');
my ($a, $b, $set) = map { culprit($_) } 'a', 'b', 'set';
thaw_process($guard);
wait_until_unchanged_for($node, '1 s', map { $_->pid } $a, $b, $set);
is(living($node, { a => $a, b => $b, set => $set }), 'a b set', 'nobody is ended while somebody may have become exempt');
$keeper->run('ROLLBACK');
$_->read_to_end for $a, $set;
is(source_told($a), 'rule "ends a and b"', 'when it can be read who is not exempt is ended');
is(source_told($set), 'role "set"', 'by settings, too');
ok(is_alive($node, $b->pid), 'and who is exempt stays');
is(wait_for_guard($node), $guard, 'it is the same guard');

# A guard that starts meanwhile knows no rules.
$keeper->run('BEGIN', 'LOCK TABLE session_guard.rule IN ACCESS EXCLUSIVE MODE');
$offset = log_size($node);
replace_guard($node);
($a, $set) = map { culprit($_) } 'a', 'set';
wait_until(sub { guard_lines($node, qr/DETAIL:  The session guard has not read it yet, and ends nobody\.$/, $offset) }, 'the log says so');
wait_until_unchanged_for($node, '1 s', map { $_->pid } $a, $set);
is(living($node, { a => $a, b => $b, set => $set }), 'a b set', 'nobody is ended before rules were read');
$keeper->run('ROLLBACK');
$_->read_to_end for $a, $set;
pass('they are when they can be read');
ok(is_alive($node, $b->pid) && is_alive($node, $innocent->pid), 'and nobody else');

$_->abandon for $admin, $keeper, $innocent, $b;
$node->stop;
done_testing();
