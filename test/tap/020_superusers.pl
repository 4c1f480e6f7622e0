# Superusers are spared, at once when they become superusers and until they cease
# to be; with exempt_superusers off they are bound as anybody.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

# With this limit it is three seconds from one scan to the next.
my $node = guard_node('main', 'pg_session_guard.session_timeout' => '3s');
my $superuser_name = $node->safe_psql('postgres', 'CREATE ROLE risen LOGIN; SELECT user');

my $superuser = RawSession->connect($node, user => $superuser_name);
my $risen = RawSession->connect($node, user => 'risen');
my $web = RawSession->connect($node);
my @both = ($risen, $web);

# A transaction keeps these two while they are over the limit.
$_->query('BEGIN') for @both;
wait_for_status($node, $_->pid, "clock_timestamp() - backend_start > '3 s'") for $superuser, @both;
wait_for_scan($node);

# The guard knows them both and looks at them each second.  One comes to be a
# superuser right before it would go, and long before the next scan.
$node->safe_psql('postgres', 'ALTER ROLE risen SUPERUSER');
$_->query('COMMIT') for @both;
wait_for_end($node, $web->pid);
pass('an ordinary user goes');
wait_for_scan($node);
ok(is_alive($node, $risen->pid), 'who has just become a superuser stays');
ok(is_alive($node, $superuser->pid), 'a superuser stays');

set_limits($node, naptime => '100ms');
$node->safe_psql('postgres', 'ALTER ROLE risen NOSUPERUSER');
wait_for_end($node, $risen->pid);
pass('who is no superuser any more goes');
ok(is_alive($node, $superuser->pid), 'the superuser still stays');

# Nobody but this session is idle in a transaction, so nobody else is bound now.
$superuser->query('BEGIN');
set_limits($node, session_timeout => '0', idle_in_transaction_session_timeout => '500ms');
wait_for_status($node, $superuser->pid, "clock_timestamp() - state_change > '1 s'");
wait_for_scan($node, 2);
ok(is_alive($node, $superuser->pid), 'a superuser is spared from this limit too');
set_limits($node, exempt_superusers => 'off');
wait_for_end($node, $superuser->pid);
like(
	(guard_lines($node, qr/terminating session ${\$superuser->pid} /))[0],
	qr/user "$superuser_name", .*: idle in transaction for/,
	'with exempt_superusers off a superuser goes');

my %ended = map { /terminating session (\d+)/ ? ($1 => 1) : () } guard_lines($node, qr/LOG:/);
is_deeply(\%ended, { map { ($_->pid => 1) } $superuser, @both }, 'nobody else was meant');

$_->abandon for $superuser, @both;
$node->stop;
done_testing();
