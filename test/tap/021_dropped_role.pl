# A role can be dropped while it is connected.  Nobody can say any more whether
# such a session is a superuser's, so it is spared.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main');

$node->safe_psql('postgres', 'CREATE ROLE leaver LOGIN');

my $dropped = RawSession->connect($node, user => 'leaver');
my $dropped_in_transaction = RawSession->connect($node, user => 'leaver');
my $web = RawSession->connect($node);
my $web_in_transaction = RawSession->connect($node);

$_->query('BEGIN') for $dropped_in_transaction, $web_in_transaction;
$node->safe_psql('postgres', 'DROP ROLE leaver');
set_limits(
	$node,
	idle_session_timeout => '300ms',
	idle_in_transaction_session_timeout => '300ms',
	session_timeout => '1s');

wait_for_end($node, $_->pid) for $web, $web_in_transaction;
wait_for_scan($node, 5);
ok(is_alive($node, $_->pid), 'a session of a dropped role stays')
  for $dropped, $dropped_in_transaction;
is($_->query('SELECT 42'), '42', 'and works') for $dropped, $dropped_in_transaction;

my %ended = map { /terminating session (\d+)/ ? ($1 => 1) : () } guard_lines($node, qr/LOG:/);
is_deeply(
	\%ended,
	{ map { ($_->pid => 1) } $web, $web_in_transaction },
	'only the sessions of the role that exists were meant');

$_->abandon for $dropped, $dropped_in_transaction, $web, $web_in_transaction;
$node->stop;
done_testing();
