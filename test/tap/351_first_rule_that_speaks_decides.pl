# The first rule that means a session and speaks of a limit decides it, before any setting: by its
# position, whatever it selects by.  Whom it means ends, and all others, idle for as long, stay.
# Schedule, client, log and event name the rule.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node('main',
	listen_addresses => '127.0.0.1,::1',
	'pg_session_guard.catch_up_rate' => 1000,
	'pg_session_guard.session_timeout_jitter' => 0);
my $limit = 'idle_session_timeout';
my $short = '100 ms';
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));

$admin->run(
	'CREATE ROLE team', 'CREATE ROLE juniors IN ROLE team', 'CREATE ROLE dev LOGIN IN ROLE team',
	'CREATE ROLE junior LOGIN NOINHERIT IN ROLE juniors', 'CREATE ROLE strict LOGIN', 'CREATE ROLE spared LOGIN',
	'CREATE ROLE "A ""b""\, ä" LOGIN', 'CREATE DATABASE shop');

# Who is there: all are idle.
my %start = (
	plain => {},
	shop => { dbname => 'shop' },
	dev => { user => 'dev' },
	junior => { user => 'junior' },
	quoted => { user => 'A "b"\, ä' },
	v4 => { host => '127.0.0.1' },
	v6 => { host => '::1' },
	percent => { application_name => '100%_\\x' },
	nameless => { application_name => '' },
	asked => { query => 'SELECT 42 AS batch' },
	dev_in_shop => { dbname => 'shop', user => 'dev', host => '127.0.0.1', application_name => 'app 7', query => 'SELECT 42 AS batch' },
	strict => { user => 'strict' },
	spared => { user => 'spared' });
delete $start{v6} if !-e '/proc/net/if_inet6';
my %session;

sub open_missing
{
	for my $name (grep { !$session{$_} } keys %start)
	{
		$session{$name} = RawSession->connect($node, %{ $start{$name} });
		$session{$name}->run($start{$name}{query}) if $start{$name}{query};
	}
	my $pids = join ',', map { $_->pid } values %session;
	wait_until(
		sub { $admin->query("SELECT bool_and(state = 'idle' AND state_change < clock_timestamp() - interval '120 ms') FROM pg_stat_activity WHERE pid IN ($pids)") eq 't' },
		'all are idle for long enough');
	return;
}

# A value of the schedule for each session that has one.
sub scheduled
{
	my ($value) = @_;
	my %name = map { $session{$_}->pid => $_ } keys %session;

	$admin->send_query("SELECT pid, $value FROM session_guard.schedule WHERE limit_name = '$limit' AND $value IS NOT NULL");
	return { map { exists $name{ $_->[0] } ? ($name{ $_->[0] } => $_->[1]) : () } RawSession::rows_of($admin->read_until('Z')) };
}

sub scans { return $admin->query('SELECT scans FROM session_guard.stats'); }

# With these rules, which are given by name and columns, these sessions end by these; nobody else
# does.  The threshold of each rule that ends somebody is the short one.
sub check
{
	my ($what, $rules, %ended) = @_;

	delete $ended{v6} if !$start{v6};
	subtest $what => sub {
		open_missing();
		my $offset = log_size($node);
		$admin->run('BEGIN', map { rule(@$_) } @$rules);
		my $due = scheduled(qq{CASE WHEN threshold = '$short' AND spared IS NULL THEN source END});
		$admin->run('COMMIT');
		is_deeply($due, \%ended, 'the schedule says so, before the commit');
		for my $name (sort keys %ended)
		{
			my $one = delete $session{$name};

			$one->read_to_end;
			is_deeply([ source_told($one), source_in_log($node, $one, $offset), source_in_event($admin, $one) ],
				[ ($ended{$name}) x 3 ], "$name ends by $ended{$name}: the client is told, and log and event say so");
		}
		my $before = scans();
		wait_until(sub { scans() >= $before + 1 }, 'there is a scan') if $admin->query('SELECT next_scan < now() + $$1 min$$ FROM session_guard.stats') eq 't';
		is(living($node, \%session), join(' ', sort grep { !exists $ended{$_} } keys %start), 'all others stay');
		is(scalar guard_lines($node, qr/LOG:  (cancel|terminat)ing /, $offset), scalar keys %ended, 'and are not touched');
		$admin->run('TRUNCATE session_guard.rule');
	};
	return;
}

# One rule that selects so.
sub check_selector
{
	my ($selectors, @ended) = @_;
	my $what = join ', ', map { "$_ => " . literal($selectors->{$_}) } sort keys %$selectors;

	check($what || 'nothing', [ [ 'a rule', $limit => $short, %$selectors ] ], map { $_ => 'rule "a rule"' } @ended);
	return;
}

sub all_but
{
	my %but = map { $_ => 1 } @_;

	return grep { !$but{$_} } keys %start;
}

check('no rule', []);
check_selector({}, keys %start);
check_selector({ databases => ['shop'] }, qw(shop dev_in_shop));
check_selector({ databases => [ 'nope', 'shop', 'Shop' ] }, qw(shop dev_in_shop));
check_selector({ databases => ['nope'] });
check_selector({ roles => ['team'] }, qw(dev junior dev_in_shop));
check_selector({ roles => [ 'juniors', 'strict', 'nonesuch' ] }, qw(junior strict));
check_selector({ roles => [ 'nonesuch' ] });
check_selector({ roles => ['A "b"\, ä'] }, 'quoted');
check_selector({ except_roles => ['team'] }, all_but(qw(dev junior dev_in_shop)));
check_selector({ roles => ['team'], except_roles => ['juniors'] }, qw(dev dev_in_shop));
check_selector({ except_roles => [ 'team', 'nonesuch' ] });
check_selector({ application_name => 'app _' }, 'dev_in_shop');
check_selector({ application_name => '100\\%\\_\\\\_' }, 'percent');
check_selector({ application_name => '100\\%\\__' });
check_selector({ application_name => 'RAW' });
check_selector({ application_name => '' }, 'nameless');
check_selector({ except_application_name => 'r%' }, qw(dev_in_shop nameless percent));
check_selector({ except_application_name => '%' });
check_selector({ client_addr => ['127.0.0.1'] }, qw(v4 dev_in_shop));
check_selector({ client_addr => [ '10.0.0.0/8', '127.0.0.0/30' ] }, qw(v4 dev_in_shop));
check_selector({ client_addr => ['127.0.0.2/31', '::/1' ] }, 'v6');
check_selector({ client_addr => ['::1'] }, 'v6');
check_selector({ client_addr => ['0.0.0.0/0'] }, qw(v4 dev_in_shop));
check_selector({ client_addr => [ '::/0', '0.0.0.0/0' ] }, qw(v4 v6 dev_in_shop));
check_selector({ query => 'AS batch$' }, qw(asked dev_in_shop));
my %together = (databases => ['shop'], roles => ['team'], except_roles => ['juniors'], application_name => 'app%',
	except_application_name => 'app 8', client_addr => ['127.0.0.0/8'], query => '^SELECT 42');
check_selector(\%together, 'dev_in_shop');
# Each of them could save it.
my %saves = (databases => ['postgres'], roles => ['juniors'], except_roles => ['dev'], application_name => 'raw',
	except_application_name => 'app _', client_addr => ['10.0.0.0/8'], query => '^SELECT 43');
check_selector({ %together, $_ => $saves{$_} }) for sort keys %saves;

# Several rules: the order is that of their positions.
my @team = (roles => ['team']);
check('who does not speak of the limit does not decide it',
	[ [ one => statement_timeout => $short ], [ two => @team, $limit => $short ] ], map { $_ => 'rule "two"' } qw(dev junior dev_in_shop));
check('0 is off, and decides',
	[ [ one => @team, $limit => '0' ], [ two => $limit => $short ] ], map { $_ => 'rule "two"' } all_but(qw(dev junior dev_in_shop)));
check('not the order in which they were written',
	[ [ two => position => 2, $limit => $short, @team ], [ three => position => 3, $limit => '1 h' ], [ one => position => -1, databases => ['shop'], $limit => $short ] ],
	dev => 'rule "two"', junior => 'rule "two"', shop => 'rule "one"', dev_in_shop => 'rule "one"');
check('the first decides though a later one is stricter',
	[ [ one => client_addr => [ '0.0.0.0/0', '::/0' ], $limit => '1 h' ], [ two => $limit => $short ] ], map { $_ => 'rule "two"' } all_but(qw(v4 v6 dev_in_shop)));
check('a client spares itself by its own words neither from a rule',
	[ [ one => application_name => '%', query => '.*', $limit => '1 h' ], [ two => @team, $limit => $short ] ], map { $_ => 'rule "two"' } qw(dev junior dev_in_shop));
check('but may make it stricter',
	[ [ one => application_name => '100%', $limit => $short ], [ two => $limit => '1 h' ] ], percent => 'rule "one"');
check('a rule that is not enabled is passed over',
	[ [ one => enabled => 'off', $limit => $short ], [ two => enabled => 'off', exempt => 'on', @team ], [ three => roles => ['dev'], $limit => $short ] ],
	dev => 'rule "three"', dev_in_shop => 'rule "three"');
check('an unknown exception spares, also from what is stricter without the rule',
	[ [ one => roles => ['dev'], except_roles => ['nonesuch'], $limit => '1 h' ], [ two => @team, $limit => $short ] ], junior => 'rule "two"');

# Exempt is whom the first rule exempts that speaks of it.
check('exempt, wherever the rule is',
	[ [ one => $limit => $short ], [ two => roles => ['juniors'], exempt => 'on' ] ], map { $_ => 'rule "one"' } all_but('junior'));
check('the first rule that speaks of being exempt decides it',
	[ [ one => roles => ['dev'], exempt => 'off' ], [ two => @team, exempt => 'on' ], [ three => @team, $limit => $short ] ], dev => 'rule "three"', dev_in_shop => 'rule "three"');

# Rules come before settings, but take no exemption from anybody.
$admin->run('ALTER ROLE spared SET pg_session_guard.exempt = on');
check('settings exempt whatever rules say', [ [ one => exempt => 'off', $limit => $short ] ], map { $_ => 'rule "one"' } all_but('spared'));
$admin->run("ALTER ROLE strict SET pg_session_guard.$limit = '150ms'",
	rule('words', application_name => 'mild%', $limit => '1 h'), rule('role', roles => ['strict'], application_name => 'calm%', $limit => '1 h'));
my ($calm, $mild) = map { RawSession->connect($node, user => 'strict', application_name => $_) } 'calm', 'mild';
$mild->read_to_end;
is(source_told($mild), 'role "strict"', 'nor does a client spare itself by its own words from a setting');
wait_until_unchanged_for($node, '400 ms', $calm->pid);
wait_for_scan($node, 1);
ok(is_alive($node, $calm->pid), 'whose role a rule means, too, is bound by that');
$calm->quit;
delete($session{strict})->abandon if $session{strict};
delete $start{strict};
$admin->run('TRUNCATE session_guard.rule');

# A name that does not exist yet binds as soon as it does.
open_missing();
$admin->run(rule('later', roles => ['newcomers'], $limit => $short), rule('unknown', except_roles => ['nonesuch'], @team, $limit => $short));
wait_for_reading($admin);
my $offset = log_size($node);
$admin->run('CREATE ROLE newcomers ROLE web');
$session{plain}->read_to_end;
is(source_told($session{plain}), 'rule "later"', 'a role that is created later is meant from then on');
like((guard_lines($node, qr/LOG:  pg_session_guard\.$limit is in force .*by rules/, $offset))[0] // '', qr/ sessions are over it now, ending 1000 per second/,
	'and whom that binds do not end all at once');
wait_until_unchanged_for($node, '400 ms', $session{dev}->pid);
is(living($node, { dev => $session{dev} }), 'dev', 'an exception that does not exist spares');
$offset = log_size($node);
$admin->run('CREATE ROLE nonesuch');
$session{dev}->read_to_end;
is(source_told($session{dev}), 'rule "unknown"', 'until it does');
like(join('', guard_lines($node, qr/ is in force /, $offset)),
	qr/LOG:  pg_session_guard\.$limit is in force for some roles or databases and by rules, \d+ sessions? (?:is|are) over it now, ending/, 'and the log says that the limit is in force');

$_->abandon for $admin, values %session;
$node->stop;
done_testing();
