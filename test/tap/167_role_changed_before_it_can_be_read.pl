# Somebody becomes a superuser, and pg_authid is locked again before the guard can
# read that.  In doubt nobody is ended, and nothing is announced; once the catalog
# can be read the culprit goes and the new superuser stays.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;
use Time::HiRes qw(time);

my $node = guard_node('main', 'pg_session_guard.idle_in_transaction_session_timeout' => '1s');
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE ROLE boss LOGIN');

# All must be connected before the catalog is locked.
my ($first, $second, $observer) = map { RawSession->connect($node, user => $superuser) } 1 .. 3;
my $boss = RawSession->connect($node, user => 'boss');
my $culprit = RawSession->connect($node);
my ($boss_pid, $culprit_pid, $second_pid) = map { $_->pid } $boss, $culprit, $second;
wait_for_scan($node, 2);

$first->query('BEGIN');
$first->query('LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
$first->query('ALTER ROLE boss SUPERUSER');
$second->query('BEGIN');
$second->send_query('LOCK TABLE pg_authid IN ACCESS EXCLUSIVE MODE');
wait_until(
	sub { $observer->query("SELECT count(*) FROM pg_locks WHERE pid = $second_pid AND NOT granted") eq '1' },
	'another one waits for the lock');
my $offset = log_size($node);
$boss->query('BEGIN');
$culprit->query('BEGIN');
$first->query('COMMIT');
$second->read_until('Z');

my $start = time;
wait_until(sub { time > $start + 2 }, 'the limit has passed');
ok(process_exists($boss_pid), 'the new superuser is there while the catalog is locked');
is(scalar guard_lines($node, qr/LOG:  terminating session|LOG:  left session/, $offset), 0, 'nothing is announced');
$second->query('COMMIT');
wait_until(sub { !process_exists($culprit_pid) }, 'the culprit is gone');
ok(process_exists($boss_pid), 'the new superuser is still there when the culprit has gone');
is(scalar guard_lines($node, qr/LOG:  terminating session $boss_pid/), 0, 'and was not announced either');

$_->abandon for $first, $second, $observer, $boss, $culprit;
$node->stop;
done_testing();
