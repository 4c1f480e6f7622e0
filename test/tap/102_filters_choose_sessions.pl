# The filters of terminate_sessions and cancel_queries, each by itself and
# several together: a session has to pass all that are given, and nobody else is
# touched.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', max_connections => 40, listen_addresses => '127.0.0.1');

$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN; CREATE ROLE dba LOGIN SUPERUSER');
$node->safe_psql('postgres', 'CREATE DATABASE shop');

# A psql in the background that has come by TCP, with the name of its pid as RawSession has it.
package TcpSession
{
	sub connect
	{
		my ($class, $node) = @_;
		my $psql = GuardTest::open_session($node);

		$psql->query('\connect - - 127.0.0.1');
		$psql->query(q{SET application_name = 'billing/3'});
		return bless { psql => $psql, pid => GuardTest::pid_of($psql) }, $class;
	}

	sub pid { return $_[0]{pid} }
}

my %session = (
	idle => RawSession->connect($node, application_name => 'billing_1'),
	shop => RawSession->connect($node, dbname => 'shop', application_name => 'Billing_2'),
	open => RawSession->connect($node, application_name => 'billing_1'),
	failed => RawSession->connect($node),
	shop_busy => RawSession->connect($node, dbname => 'shop', application_name => 'billing_2'),
	clerk => RawSession->connect($node, user => 'clerk'),
	clerk_busy => RawSession->connect($node, user => 'clerk'),
	tcp => TcpSession->connect($node));

$session{idle}->query('SELECT 1 AS Report');
$session{shop}->query('SELECT 2 AS nothing');
$session{open}->query('BEGIN /* report */');
$session{failed}->query('BEGIN');
$session{failed}->query('SELECT 1/0');
$session{clerk}->query('SELECT 3 AS repo_rt');
$session{shop_busy}->send_query('SELECT pg_sleep(600) AS REPORT_42');
$session{clerk_busy}->send_query('SELECT pg_sleep(600)');
wait_for_state($node, 'active', map { $session{$_}->pid } qw(shop_busy clerk_busy));

my @by_filter = (
	[ q{dbname => 'shop'}, 'shop shop_busy' ],
	[ q{username => 'clerk'}, 'clerk clerk_busy' ],
	[ q{application_name => 'billing_1'}, 'idle open' ],
	[ q{application_name => 'billing%'}, 'idle open shop_busy tcp' ],
	[ q{application_name => 'billing__'}, 'idle open shop_busy tcp' ],
	[ q{application_name => 'billing\_%'}, 'idle open shop_busy' ],
	[ q{application_name => 'billing'}, '' ],
	[ q{client_addr => '127.0.0.1'}, 'tcp' ],
	[ q{client_addr => '127.0.0.0/8'}, 'tcp' ],
	[ q{client_addr => '0.0.0.0/0'}, 'tcp' ],
	[ q{client_addr => '127.0.0.2'}, '' ],
	[ q{client_addr => '10.0.0.0/8'}, '' ],
	[ q{client_addr => '::/0'}, '' ],
	[ q{username => 'web', state => 'idle'}, 'idle shop tcp' ],
	[ q{username => 'web', state => 'idle in transaction'}, 'open' ],
	[ q{username => 'web', state => 'idle in transaction (aborted)'}, 'failed' ],
	[ q{state => 'active'}, 'clerk_busy shop_busy' ],
	[ q{state => 'fastpath function call'}, '' ],
	[ q{query => 'report'}, 'idle open shop_busy' ],
	[ q{query => '^select.*AS report$'}, 'idle' ],
	[ q{query => 'report_[0-9]{2}$'}, 'shop_busy' ],
	[ q{query => 'report%'}, '' ],
	[ q{longer_than => '1 day'}, '' ],
	[ q{longer_than => '0', username => 'clerk'}, 'clerk clerk_busy' ],
	[ q{dbname => 'shop', username => 'clerk'}, '' ],
	[ q{dbname => 'shop', state => 'idle'}, 'shop' ],
	[ q{username => 'web', application_name => 'billing%', query => 'report', state => 'active'},
		'shop_busy' ],
	[ q{username => 'web', client_addr => '127.0.0.0/8', application_name => 'billing/%'}, 'tcp' ],
	[ q{username => 'clerk', client_addr => '127.0.0.0/8'}, '' ],
	[ q{dbname => 'shop', longer_than => '1 day'}, '' ]);

# Of those who pass, only who is at a statement has one to cancel.
for my $case (@by_filter)
{
	my ($filter, $selected) = @$case;
	my @busy = grep { /busy/ } split / /, $selected;

	is(fates($node, "terminate_sessions($filter, dry_run => true)", \%session),
		join(', ', map { "$_ dry run" } split / /, $selected), "terminate_sessions($filter)");
	is(fates($node, "cancel_queries($filter, dry_run => true)", \%session),
		join(', ', map { "$_ dry run" } @busy), "cancel_queries($filter)");
}

# Time in the present state: since when is told by the state itself.
wait_until_unchanged_for($node, '500ms', map { $_->pid } values %session);
is(fates($node, q{terminate_sessions(username => 'web', longer_than => '500ms', dry_run => true)},
		\%session),
	join(', ', map { "$_ dry run" } qw(failed idle open shop shop_busy tcp)),
	'longer_than selects who has been in its state for longer');

# The caller passes the filter too.
my $caller = RawSession->connect($node, user => 'dba', application_name => 'caller');
for my $function (qw(terminate_sessions cancel_queries))
{
	my $call = "SELECT outcome FROM $function(application_name => 'caller', dry_run => true";

	is($caller->query("$call)"), undef, "$function: the caller is spared");
	is($caller->query("$call, except_self => false)"), 'dry run', "$function: unless told otherwise");
}
$caller->query(
	q{SELECT outcome FROM cancel_queries(application_name => 'caller', except_self => false)});
is($caller->sqlstate, '57014', 'a caller that cancels its own statement gets it canceled');
is($caller->query('SELECT 42'), '42', 'and lives on');

# Nothing was done so far.
is(scalar(split / /, living($node, \%session)), 8, 'dry runs end nobody');
is(living($node, \%session, q{state = 'active'}), 'clerk_busy shop_busy', 'and cancel nothing');

is(fates($node, q{cancel_queries(query => 'PG_SLEEP', dbname => 'shop')}, \%session),
	'shop_busy canceled', 'a statement is canceled by its text and database');
is(living($node, \%session, q{state = 'active'}), 'clerk_busy',
	'it has stopped, and the same text in another database goes on');

is(fates($node, q{terminate_sessions(client_addr => '127.0.0.0/8')}, \%session), 'tcp terminated',
	'a session is ended by its address');
is(
	fates($node, q{terminate_sessions(application_name => 'billing%', state => 'idle in transaction')},
		\%session),
	'open terminated', 'a session is ended by application and state');
is(living($node, \%session), 'clerk clerk_busy failed idle shop shop_busy',
	'they are gone, and everybody else is there');

close_sessions($session{tcp}{psql});
$node->stop;
done_testing();
