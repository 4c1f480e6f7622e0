# A setting for a role in a database outranks one for the role, that one for
# the database, that one for all roles, and that the configuration file: on a
# live server each of them binds and spares against the next, and the log says
# where the limit was set.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $limit = 'pg_session_guard.idle_in_transaction_session_timeout';
my $node = guard_node('main', $limit => '300ms', 'pg_session_guard.naptime' => '100ms');

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE other LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

sub open_idle_in_transaction
{
	my ($user, $dbname) = split /@/, $_[0];
	my $session = RawSession->connect($node, user => $user, dbname => $dbname);

	$session->query('BEGIN');
	return $session;
}

# Of two sessions that are idle in transaction the first ends, by the limit of
# this source, and the second stays.
sub check_pair
{
	my ($culprit_is, $source, $innocent_is, $what) = @_;
	my $innocent = defined $innocent_is ? open_idle_in_transaction($innocent_is) : undef;
	my $culprit = open_idle_in_transaction($culprit_is);

	wait_for_end($node, $culprit->pid);
	like((guard_lines($node, qr/LOG:  terminating session ${\ $culprit->pid } /))[0],
		qr/timeout is [1-9]\d* ms \(\Q$source\E\)$/, "$what: $culprit_is ends by $source");
	$culprit->abandon;
	return if !defined $innocent;

	wait_until_unchanged_for($node, '500 ms', $innocent->pid);
	wait_for_scan($node, 2);
	ok(is_alive($node, $innocent->pid), "$what: $innocent_is stays");
	$innocent->abandon;
	return;
}

sub store
{
	my (@settings) = @_;

	# In one transaction, so that no state in between binds anybody.
	$node->safe_psql('postgres', join '; ', 'BEGIN', (map
		{
			my ($whose, $value) = @$_;
			defined $value ? "ALTER $whose SET $limit = '$value'" : "ALTER $whose RESET $limit";
		} @settings), 'COMMIT');
	return;
}

# The file against all roles.
check_pair('app@postgres', 'configuration file', undef, 'only the file has a limit');
store([ 'ROLE ALL', '0' ], [ 'ROLE other', '400ms' ]);
check_pair('other@postgres', 'role "other"', 'app@shop', 'all roles are let off what the file says');
store([ 'ROLE ALL', '400ms' ], [ 'ROLE other', undef ]);
check_pair('app@shop', 'all roles', undef, 'both have a limit');

# All four at once, each with a value of its own.
my %bound = (
	'other@postgres' => [ '400 ms', 'all roles' ],
	'other@shop' => [ '500 ms', 'database "shop"' ],
	'app@postgres' => [ '600 ms', 'role "app"' ],
	'app@shop' => [ '700 ms', 'role "app" in database "shop"' ]);
store([ 'DATABASE shop', '500ms' ], [ 'ROLE app', '600ms' ], [ 'ROLE app IN DATABASE shop', '700ms' ]);
my %session = map { $_ => open_idle_in_transaction($_) } sort keys %bound;
for my $whose (sort keys %bound)
{
	my ($value, $source) = @{ $bound{$whose} };
	my $pid = $session{$whose}->pid;

	wait_for_end($node, $pid);
	like((guard_lines($node, qr/LOG:  terminating session $pid /))[0],
		qr/timeout is $value \(\Q$source\E\)$/, "all of them have a limit: $whose ends by $source");
	$session{$whose}->abandon;
}

# Each against the next: who is bound by the more general one alone, and who by both.
my @pairs = (
	[ 'ROLE ALL', 'all roles', 'other@postgres', 'DATABASE shop', 'database "shop"', 'other@shop' ],
	[ 'DATABASE shop', 'database "shop"', 'other@shop', 'ROLE app', 'role "app"', 'app@shop' ],
	[
		'ROLE app', 'role "app"', 'app@postgres', 'ROLE app IN DATABASE shop',
		'role "app" in database "shop"', 'app@shop'
	]);
my @levels = ('ROLE ALL', 'DATABASE shop', 'ROLE app', 'ROLE app IN DATABASE shop');
for my $pair (@pairs)
{
	my ($general, $general_source, $by_general, $special, $special_source, $by_both) = @$pair;
	my @silent = map { [ $_, undef ] } grep { $_ ne $general && $_ ne $special } @levels;

	store(@silent, [ $general, '400ms' ], [ $special, '0' ]);
	check_pair($by_general, $general_source, $by_both, "$special is let off");
	store(@silent, [ $general, '0' ], [ $special, '400ms' ]);
	check_pair($by_both, $special_source, $by_general, "$general is let off");
}

# What the file says is outranked though it comes last.  The second limit tells
# when the guard has taken the file over.
store([ 'ROLE app IN DATABASE shop', undef ], [ 'ROLE app', undef ], [ 'DATABASE shop', undef ], [ 'ROLE ALL', '0' ]);
$node->append_conf('postgresql.conf', "$limit = '400ms'\npg_session_guard.session_timeout = '1h'\n");
$node->reload;
wait_until(sub { guard_lines($node, qr/LOG:  pg_session_guard.session_timeout is in force at 1 h/) }, 'the file is read');
my $innocent = open_idle_in_transaction('app@shop');
wait_until_unchanged_for($node, '600 ms', $innocent->pid);
wait_for_scan($node, 2);
ok(is_alive($node, $innocent->pid), 'a reload does not outrank what is stored');
store([ 'ROLE ALL', undef ]);
wait_for_end($node, $innocent->pid);
like((guard_lines($node, qr/LOG:  terminating session ${\ $innocent->pid } /))[0],
	qr/timeout is 400 ms \(configuration file\)$/, 'until nothing is stored any more');
$innocent->abandon;

$node->stop;
done_testing();
