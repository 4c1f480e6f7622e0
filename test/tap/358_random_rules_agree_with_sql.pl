# Hundreds of random rules, and sessions of any kind: for each session and limit the schedule has
# the threshold and the source that a model in SQL works out from the table and from
# pg_stat_activity, both where it reads the table and where it has what the guard has published.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use RuleTest;
use Test::More;

my $seed = $ENV{GUARD_TEST_SEED} // time;
srand $seed;
note("GUARD_TEST_SEED=$seed");

my $node = guard_node('main', listen_addresses => '127.0.0.1,::1', 'pg_session_guard.exempt_superusers' => 'off', 'pg_session_guard.naptime' => '100ms',
	'pg_session_guard.transaction_timeout' => '11h', 'pg_session_guard.idle_session_timeout' => '12h');
my $superuser = $node->safe_psql('postgres', 'SELECT user');
my ($admin, $watcher) = map { RawSession->connect($node, user => $superuser) } 1 .. 2;
my @limits = qw(idle_session_timeout transaction_timeout statement_timeout);
my @roles = ('a', 'b', 'c', 'with space', 'quo"te', 'back\\slash', "\xC3\xA4");
my @groups = qw(g1 g2 g3 g4);
my @applications = ('raw', 'psql', 'a_b', 'a%b', 'a\\b', 'axb', '', 'Report 7');

sub any { return $_[ rand @_ ]; }
sub some { my ($most, @from) = @_; return [ map { any(@from) } 0 .. rand $most ]; }
sub maybe { my ($probability, @columns) = @_; return rand() < $probability ? @columns : (); }
sub quoted { return '"' . $_[0] =~ s/"/""/gr . '"'; }

$admin->run((map { 'CREATE ROLE ' . quoted($_) } @groups), (map { 'CREATE ROLE ' . quoted($_) . ' LOGIN' . any('', ' NOINHERIT', ' SUPERUSER') } @roles),
	'CREATE DATABASE shop', 'CREATE DATABASE "Other one"',
	# Members of groups, and groups of groups, without circles.
	(map { 'GRANT ' . any(@groups) . ' TO ' . quoted($_) } @roles, @roles),
	'GRANT g1 TO g2', 'GRANT g3 TO g4', 'GRANT g2 TO g4',
	# What settings say.
	q{ALTER ROLE a SET pg_session_guard.idle_session_timeout = '13h'}, 'ALTER ROLE b SET pg_session_guard.transaction_timeout = 0',
	q{ALTER DATABASE shop SET pg_session_guard.statement_timeout = '14h'}, q{ALTER ROLE c IN DATABASE shop SET pg_session_guard.statement_timeout = '15h'});
$node->safe_psql('shop', 'CREATE EXTENSION pg_session_guard');
my $in_shop = RawSession->connect($node, user => $superuser, dbname => 'shop');

my @hosts = (undef, undef, '127.0.0.1', -e '/proc/net/if_inet6' ? '::1' : '127.0.0.1');
my @sessions;
for my $n (1 .. 16)
{
	my $host = any(@hosts);

	push @sessions, RawSession->connect($node, user => $roles[ $n - 1 ] // any(@roles), dbname => any('postgres', 'shop', 'Other one'),
		application_name => any(@applications), defined $host ? (host => $host) : ());
	$sessions[-1]->run(any('SELECT 1', "SELECT 'report' AS x", "SELECT '\xC3\xA4'", "-- 42\nSELECT 2"));
}
my $pids = join ',', map { $_->pid } @sessions;

# One word of it may be wrong, and any may be missing.  No threshold is what another rule has, or a
# setting: where two are alike it does not matter which of them decides.
my $number = 0;

sub random_pattern { return any('raw', 'a\\_b', 'a_b', 'a\\%b', 'a%', '%', 'a\\\\b', '%7', 'R_port%', '', '\\r\\a\\w', '%\\%%', 'nobody'); }

sub random_rule
{
	my %rule = (
		maybe(0.3, databases => some(2, 'postgres', 'shop', 'Other one', 'nope')),
		maybe(0.5, roles => some(3, @roles, @groups, 'nobody at all')),
		maybe(0.2, except_roles => some(2, @roles, @groups, @groups, maybe(0.2, 'nobody at all'))),
		maybe(0.3, application_name => random_pattern()),
		maybe(0.2, except_application_name => random_pattern()),
		maybe(0.3, client_addr => some(2, '127.0.0.1', '127.0.0.0/8', '::1', '0.0.0.0/0', '::/0', '10.0.0.0/8', '::/128', '128.0.0.0/1')),
		maybe(0.3, query => any('SELECT', '^SELECT \\d', 'report', "\xC3\xA4", '(?i)select', '42$', '42', '2$')),
		maybe(0.2, enabled => 'off'));
	my $may_be_off = $rule{roles} || $rule{client_addr};

	$number++;
	for my $limit (@limits)
	{
		$rule{$limit} = any("${\ ($number + 3600) } s", "${\ ($number + 36000) } s", "${\ ($number + 72000) } s") if rand() < 0.4;
		$rule{$limit} = '0' if $may_be_off && rand() < 0.1;
	}
	$rule{exempt} = any('on', 'off', 'off') if $may_be_off && rand() < 0.1;
	$rule{exempt} = 'off' if !$may_be_off && rand() < 0.1;
	$rule{transaction_timeout} = "${\ ($number + 3600) } s" if !grep { defined $rule{$_} } @limits, 'exempt';
	$rule{mode} = 'log' if !defined $rule{exempt} && !grep({ ($rule{$_} // '') eq '0' } @limits) && rand() < 0.15;
	return rule("rule $number", position => $number * 7919 % 104729, %rule);
}

# What the table says of each session and limit: the threshold, 0 if it is off, and the source.
# Settings come after all rules.  The first rule that means the session decides, but one that
# goes by what the client says must be stricter than what comes after it: so rules are taken in from
# the last to the first.
$admin->run(
	q{CREATE TABLE membership AS
		WITH RECURSIVE m(who, role) AS (SELECT oid, oid FROM pg_roles UNION SELECT m.who, a.roleid FROM pg_auth_members a JOIN m ON a.member = m.role)
		SELECT m.who, r.rolname FROM m JOIN pg_roles r ON r.oid = m.role},
	q{CREATE FUNCTION is_member(who oid, names name[]) RETURNS bool STABLE LANGUAGE sql AS $$
		SELECT EXISTS (SELECT FROM membership m WHERE m.who = is_member.who AND m.rolname = ANY (names)) $$},
	q{CREATE FUNCTION means(r session_guard.rule, s pg_stat_activity) RETURNS text STABLE LANGUAGE sql AS $$
		SELECT CASE
			WHEN coalesce(NOT s.datname = ANY (r.databases), false)
				OR r.roles IS NOT NULL AND NOT is_member(s.usesysid, r.roles)
				OR r.except_roles IS NOT NULL AND is_member(s.usesysid, r.except_roles)
				OR coalesce(NOT s.application_name LIKE r.application_name, false)
				OR coalesce(s.application_name LIKE r.except_application_name, false)
				OR r.client_addr IS NOT NULL AND NOT EXISTS (SELECT FROM unnest(r.client_addr) n WHERE s.client_addr <<= n)
				OR coalesce(NOT s.query ~ r.query, false) THEN 'no'
			WHEN EXISTS (SELECT unnest(r.except_roles) EXCEPT SELECT rolname FROM pg_roles) THEN 'unknown'
			ELSE 'yes' END $$},
	'CREATE TABLE meant (pid int, rule name, how text, PRIMARY KEY (pid, rule))',
	q{CREATE FUNCTION is_stricter(one interval, other interval) RETURNS bool IMMUTABLE LANGUAGE sql AS $$
		SELECT one <> '0' AND (other = '0' OR one < other) $$},
	q{CREATE FUNCTION model(s pg_stat_activity, limit_name text, value interval, source text,
		OUT threshold interval, OUT decided_by text, OUT tried interval, OUT tried_by text) STABLE LANGUAGE plpgsql AS $$
		#variable_conflict use_variable
		DECLARE
			r session_guard.rule;
			own interval;
			meant text;
			may_relax bool;
		BEGIN
			threshold = value; decided_by = source; tried = value; tried_by = source;
			FOR r IN SELECT * FROM session_guard.rule WHERE enabled ORDER BY position DESC LOOP
				own = to_jsonb(r) ->> limit_name;
				meant = (SELECT m.how FROM public.meant m WHERE m.pid = s.pid AND m.rule = r.name);
				may_relax = r.roles IS NOT NULL OR r.client_addr IS NOT NULL
					OR num_nonnulls(r.application_name, r.except_application_name, r.query) = 0;
				CONTINUE WHEN own IS NULL OR meant = 'no' OR (meant = 'unknown' AND (r.mode = 'log' OR NOT may_relax));
				IF r.mode = 'enforce' AND (CASE WHEN meant = 'unknown' THEN is_stricter(threshold, own) ELSE may_relax OR is_stricter(own, threshold) END) THEN
					threshold = own; decided_by = format('rule "%s"', r.name);
				END IF;
				IF (CASE WHEN meant = 'unknown' THEN is_stricter(tried, own) ELSE may_relax OR is_stricter(own, tried) END) THEN
					tried = own; tried_by = format('rule "%s"', r.name);
				END IF;
			END LOOP;
		END $$},
	q{CREATE FUNCTION model_exempt(s pg_stat_activity) RETURNS text STABLE LANGUAGE plpgsql AS $$
		#variable_conflict use_variable
		DECLARE
			r session_guard.rule;
			meant text;
			exempt_by text;
		BEGIN
			FOR r IN SELECT * FROM session_guard.rule WHERE enabled AND exempt IS NOT NULL ORDER BY position DESC LOOP
				meant = (SELECT m.how FROM public.meant m WHERE m.pid = s.pid AND m.rule = r.name);
				IF meant = 'yes' OR meant = 'unknown' AND r.exempt AND exempt_by IS NULL THEN
					exempt_by = CASE WHEN r.exempt THEN format('exempt by rule "%s"', r.name) END;
				END IF;
			END LOOP;
			RETURN exempt_by;
		END $$});

# The same for all sessions and limits; where rules only log, what they would do comes second.
my $settings = q{(VALUES ('idle_session_timeout', interval '12 h', 'configuration file'), ('transaction_timeout', '11 h', 'configuration file'),
	('statement_timeout', '0', 'configuration file')) AS l(name, value, source)};
my $model = qq{
	SELECT s.pid || ' ' || l.name || ' ' || x.threshold || ' by ' || x.source || ' ' || coalesce(model_exempt(s), '-')
	FROM pg_stat_activity s CROSS JOIN $settings
	CROSS JOIN LATERAL (SELECT
		CASE WHEN usename = 'a' AND l.name = 'idle_session_timeout' THEN '13 h' WHEN usename = 'b' AND l.name = 'transaction_timeout' THEN '0'
			WHEN usename = 'c' AND datname = 'shop' AND l.name = 'statement_timeout' THEN '15 h' WHEN datname = 'shop' AND l.name = 'statement_timeout' THEN '14 h' ELSE l.value END AS value,
		CASE WHEN usename = 'a' AND l.name = 'idle_session_timeout' THEN 'role "a"' WHEN usename = 'b' AND l.name = 'transaction_timeout' THEN 'role "b"'
			WHEN usename = 'c' AND datname = 'shop' AND l.name = 'statement_timeout' THEN 'role "c" in database "shop"'
			WHEN datname = 'shop' AND l.name = 'statement_timeout' THEN 'database "shop"' ELSE l.source END AS source) AS o
	CROSS JOIN LATERAL model(s, l.name, o.value, o.source) AS m
	CROSS JOIN LATERAL (SELECT m.threshold, m.decided_by UNION ALL
		SELECT m.tried, m.tried_by FROM session_guard.rule r WHERE m.tried_by = format('rule "%s"', r.name) AND r.mode = 'log') AS x(threshold, source)
	WHERE s.pid IN ($pids) AND x.threshold <> '0' ORDER BY 1};
my $schedule = qq{
	SELECT pid || ' ' || limit_name || ' ' || threshold || ' by ' || source || ' ' || coalesce(spared, '-')
	FROM session_guard.schedule WHERE pid IN ($pids) AND limit_name IN (${\ join ', ', map { "'$_'" } @limits }) ORDER BY 1};

my %seen;
for my $round (1 .. 6)
{
	$admin->run('BEGIN', 'TRUNCATE session_guard.rule', (map { random_rule() } 1 .. (5, 80, 20, 150, 40, 10)[ $round - 1 ]),
		# Whatever else is random, somebody is exempt once.
		$round == 6 ? q{INSERT INTO session_guard.rule (position, name, roles, exempt) VALUES (-1000000, 'first of all', '{a}', true)} : (),
		'COMMIT');
	wait_for_reading($watcher);
	$watcher->run('TRUNCATE meant', "INSERT INTO meant SELECT s.pid, r.name, means(r, s) FROM session_guard.rule r, pg_stat_activity s WHERE s.pid IN ($pids)", 'ANALYZE meant');
	my @expected = $watcher->query($model);
	my @here = $watcher->query($schedule);
	my @there = $in_shop->query($schedule);

	is_deeply(\@here, \@expected, "round $round: the schedule agrees with the model") or diag("GUARD_TEST_SEED=$seed");
	is_deeply(\@there, \@here, 'also where it has what the guard has published');
	$seen{ /by rule/ ? 'rule' : /by config/ ? 'file' : 'setting' }++ for @expected;
	$seen{exempt}++ for grep { /exempt by/ } @expected;
}
cmp_ok($seen{$_} // 0, '>', 0, "there was a $_") for 'rule', 'file', 'exempt';
is(scalar guard_lines($node, qr/LOG:  (terminat|cancel)ing/), 0, 'nobody was ended');

$_->abandon for $admin, $watcher, $in_shop, @sessions;
$node->stop;
done_testing();
