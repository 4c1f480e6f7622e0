# ALTER EXTENSION UPDATE leads from each older version to what a new installation has, object by
# object, and keeps history, rules and grants; so do pg_dump and a restore.  Before it the library
# does all that the older version knows: it is loaded at a restart, and databases follow when
# somebody gets round to it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use RuleTest;
use Test::More;

my $node = guard_node_without_extension('main');
my $folder = PostgreSQL::Test::Utils::tempdir();

# All versions that a script makes or leads to; which of them is the newest, the control file says.
my %versions = map { /--([^-]+)\.sql$/ ? ($1 => 1) : () } glob "$FindBin::RealBin/../../sql/pg_session_guard--*.sql";
my $newest = newest_version($node);
my @older = sort grep { $_ ne $newest } keys %versions;
is($older[0], '0.1.0', 'there are older versions');

# Rights as a list that does not tell in which order they were granted.
sub rights
{
	my ($acl) = @_;

	return "(SELECT string_agg(a::text, ' ' ORDER BY a::text COLLATE \"C\") FROM unnest($acl) AS a)";
}

# All that can be told of the objects of the extension, by what it is about.
my $members = q{
	WITH member AS (
		SELECT classid, objid, pg_describe_object(classid, objid, 0) AS object FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_session_guard')),
	relation AS (
		SELECT c.*, c.oid::regclass AS name FROM pg_class AS c
		WHERE c.oid IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
			OR c.reltype IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass))
};
my %facts = (
	extension => q{SELECT extversion, extrelocatable, extnamespace::regnamespace, extconfig::regclass[], extcondition
		FROM pg_extension WHERE extname = 'pg_session_guard'},
	objects => q{SELECT object, obj_description(objid, classid::regclass::name) FROM member},
	schemas => "SELECT nspname, nspowner::regrole, ${\ rights('nspacl') } FROM pg_namespace
		WHERE oid IN (SELECT objid FROM member WHERE classid = 'pg_namespace'::regclass)",
	functions => "SELECT object, proowner::regrole, probin, prosrc, pg_get_functiondef(objid), ${\ rights('proacl') }
		FROM member JOIN pg_proc ON oid = objid WHERE classid = 'pg_proc'::regclass AND prokind <> 'a'",
	types => "SELECT object, typlen, typbyval, typtype, typcategory, typispreferred, typdelim, typinput, typoutput, typreceive,
			typsend, typalign, typstorage, typnotnull, typdefault, typcollation::regcollation, ${\ rights('typacl') }
		FROM member JOIN pg_type ON oid = objid WHERE classid = 'pg_type'::regclass",
	casts => q{SELECT object, castfunc::regprocedure, castcontext, castmethod
		FROM member JOIN pg_cast ON oid = objid WHERE classid = 'pg_cast'::regclass},
	relations => "SELECT name, relowner::regrole, relkind, relpersistence, relreplident, relrowsecurity, reloptions,
			${\ rights('relacl') }, CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END FROM relation",
	columns => "SELECT name, row_number() OVER (PARTITION BY relation.oid ORDER BY attnum), attname,
			format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attstorage, attcompression,
			attcollation::regcollation, ${\ rights('attacl') }, pg_get_expr(adbin, adrelid),
			col_description(attrelid, attnum)
		FROM relation JOIN pg_attribute ON attrelid = relation.oid AND attnum > 0 AND NOT attisdropped
			LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum",
	constraints => q{SELECT name, conname, pg_get_constraintdef(c.oid), convalidated, condeferrable, condeferred,
			obj_description(c.oid, 'pg_constraint')
		FROM relation JOIN pg_constraint AS c ON conrelid = relation.oid},
	indexes => q{SELECT pg_get_indexdef(indexrelid), indisvalid, indisclustered, indisreplident, obj_description(indexrelid, 'pg_class')
		FROM relation JOIN pg_index ON indrelid = oid},
	triggers => q{SELECT pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger')
		FROM relation JOIN pg_trigger AS t ON tgrelid = relation.oid AND NOT tgisinternal},
	'initial rights' => "SELECT object, objsubid, privtype, ${\ rights('initprivs') }
		FROM member JOIN pg_init_privs ON objoid = objid AND classoid = classid");

sub facts_of
{
	my ($dbname) = @_;

	return {
		map {
			$_ => $node->safe_psql($dbname,
				"SET search_path = pg_catalog; $members SELECT f::text FROM ($facts{$_}) AS f ORDER BY f::text COLLATE \"C\"")
		} keys %facts
	};
}

# Compare what is in a database with what is expected, one kind of facts at a time.
sub is_as_expected
{
	my ($dbname, $expected, $what) = @_;
	my $found = facts_of($dbname);

	is($found->{$_}, $expected->{$_}, "$what: $_") for sort keys %facts;
	return;
}

$node->safe_psql('postgres', 'CREATE DATABASE fresh');
$node->safe_psql('fresh', 'CREATE EXTENSION pg_session_guard');
my $fresh = facts_of('fresh');
my @empty = grep { $fresh->{$_} eq '' } sort keys %facts;
is("@empty", '', 'there is something of everything to compare');
like($fresh->{triggers}, qr/,A,\)$/m, 'such as triggers that always fire');
like($fresh->{extension}, qr/\Q$newest\E.*session_guard\.rule/, 'and the table that pg_dump takes along');

# From each older version.
for my $version (@older)
{
	$node->safe_psql('postgres', "CREATE DATABASE \"from $version\"");
	$node->safe_psql("from $version", "CREATE EXTENSION pg_session_guard VERSION '$version'");
	isnt($node->safe_psql("from $version", "SELECT extversion FROM pg_extension WHERE extname = 'pg_session_guard'"),
		$newest, "version $version is installed");
	$node->safe_psql("from $version", 'ALTER EXTENSION pg_session_guard UPDATE');
	is_as_expected("from $version", $fresh, "updated from $version");
}

# The workers' database, in which things have happened.  Superusers are exempt, and the rule binds
# nobody else but "web".
my $offset = log_size($node);
$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard VERSION $$0.1.0$$');
my $guard = wait_for_guard($node);
my $admin = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
my $writer = wait_for_history_writer($node);

$admin->run('CREATE ROLE reader LOGIN');
my $innocent = RawSession->connect($node, user => 'reader');
$innocent->run('BEGIN');
my $rule = rule('ends web', roles => ['web'], idle_in_transaction_session_timeout => '200 ms');
$admin->run($rule);
$admin->run(rule('for nobody', databases => ['fresh'], query => '^SELECT', statement_timeout => '1 h', enabled => 'false', comment => q(it's)));
$admin->run('GRANT SELECT ON session_guard.history, session_guard.event TO reader');
$admin->run('REVOKE SELECT ON session_guard.closed FROM PUBLIC');
$admin->run('GRANT EXECUTE ON FUNCTION session_guard.reset_stats() TO reader');
$admin->run('GRANT UPDATE (comment) ON session_guard.rule TO reader');

# By what is the next of those sessions ended that are over the limit?
sub end_by_rule
{
	my ($what) = @_;
	my $culprit = RawSession->connect($node);

	$culprit->run('BEGIN');
	$culprit->read_to_end;
	is(source_told($culprit), 'rule "ends web"', "$what: a rule ends a session");
	wait_for_outcome($node, 'history', $culprit->pid, 'terminated');
	ok(is_alive($node, $innocent->pid), 'and not the other');
	return;
}

end_by_rule('0.1.0');
$node->safe_psql('postgres', "SELECT terminate_session(${\ pid_of(open_session($node)) }, reason => 'an older version''s')");
wait_for_history($node);

# Whatever 0.1.0 has is still there, and what it calls in the library.
my @views = split /\n/, $node->safe_psql('postgres', q{
	SELECT oid::regclass FROM pg_class WHERE relnamespace = 'session_guard'::regnamespace AND relkind IN ('v', 'r') ORDER BY 1});
cmp_ok(scalar @views, '>=', 10, 'there are views');
for my $view (@views)
{
	is(($node->psql('postgres', "SELECT * FROM $view"))[0], 0, "0.1.0: $view can be read");
}
my $named = q(application_name => 'nobody has this name', except_self => false, dry_run => true);
for my $call (
	"terminate_db_sessions('postgres', dry_run => true)", "terminate_user_sessions('web', dry_run => true)",
	'terminate_all_sessions(dry_run => true)', "terminate_idle_sessions('1 h', dry_run => true)",
	"terminate_idle_in_transaction_sessions('1 h', dry_run => true)", "terminate_blocking_sessions('1 h', dry_run => true)",
	'terminate_session(pg_backend_pid(), dry_run => true)', "terminate_sessions($named)", "cancel_db_queries('postgres', dry_run => true)",
	"cancel_user_queries(ARRAY['web'], dry_run => true)", "cancel_long_queries('1 h', dry_run => true)",
	'cancel_query(pg_backend_pid(), dry_run => true)', "cancel_queries($named)", 'stop_query(pg_backend_pid(), dry_run => true)',
	"close_database('fresh')", "open_database('fresh')", "close_role('web')", "open_role('web')",
	"drain_database('fresh', dry_run => true)", "drain_role('reader', dry_run => true)",
	'session_guard.explain(pg_backend_pid())', "session_guard.rule_matches('ends web')")
{
	my ($status, $out, $err) = $node->psql('postgres', "SELECT * FROM $call");

	is("$status$err", '0', "0.1.0: $call");
}
my $told = qr/LOG:  the extension in database "postgres" is of version 0\.1\.0, and the library of version \Q$newest\E$/;
is(scalar guard_lines($node, $told, $offset), 1, 'the log tells that the versions differ');
is(scalar guard_lines($node, qr/HINT:  Run ALTER EXTENSION pg_session_guard UPDATE in this database\.$/, $offset), 1, 'and what to do');

# A dump of the old one is restored to the new one.
sub dump_of
{
	my ($dbname, $name) = @_;

	command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-Fc', '-f', "$folder/$name", $dbname ], "pg_dump $name");
	return "$folder/$name";
}

sub restore
{
	my ($dump, $dbname) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE \"$dbname\"");
	command_ok([ 'pg_restore', '-e', '-h', $node->host, '-p', $node->port, '-d', $dbname, $dump ], "restored as $dbname");
	return;
}

# Columns that a later version has are null in rows from before.
sub contents
{
	my ($table, $dbname) = @_;

	return $node->safe_psql($dbname // 'postgres',
		"SELECT jsonb_strip_nulls(to_jsonb(t)) AS row FROM session_guard.$table AS t ORDER BY row");
}

sub rights_of_reader
{
	my ($dbname) = @_;

	return $node->safe_psql(
		$dbname // 'postgres', q{
		SELECT has_table_privilege('reader', 'session_guard.history', 'SELECT'), has_table_privilege('reader', 'session_guard.event', 'SELECT'),
			has_table_privilege('reader', 'session_guard.closed', 'SELECT'),
			has_function_privilege('reader', 'session_guard.reset_stats()', 'EXECUTE'),
			has_column_privilege('reader', 'session_guard.rule', 'comment', 'UPDATE'),
			has_column_privilege('reader', 'session_guard.rule', 'roles', 'UPDATE')});
}

my ($history, $rules) = map { contents($_) } qw(history rule);
my $rights = 't|t|f|t|t|f';
cmp_ok(scalar(() = $history =~ /^/gm), '>=', 2, 'the history has rows');
is(scalar(() = $rules =~ /^/gm), 2, 'and there are rules');
is(rights_of_reader(), $rights, 'and rights that somebody was given');
my $old_dump = dump_of('postgres', 'old');

# Now it is brought up to date, with the workers at work.
$admin->run('ALTER EXTENSION pg_session_guard UPDATE');
is(contents('history'), $history, 'the history is kept');
is(contents('rule'), $rules, 'and the rules are');
is(rights_of_reader(), $rights, 'and the rights');
my $updated = facts_of('postgres');
for my $kind (grep { !/relations|functions|columns/ } sort keys %facts)
{
	is($updated->{$kind}, $fresh->{$kind}, "with rows and rights: $kind");
}
end_by_rule($newest);
is($node->safe_psql('postgres', 'SELECT worker_pid, history_pid, history_failures, last_error FROM session_guard.stats'),
	"$guard|$writer|0|", 'by the same workers, without an error');
is($node->safe_psql('postgres', 'SELECT problem FROM session_guard.version'), '', 'the versions agree');

# Dumps of either, and of the older version, are restored to the same.
restore($old_dump, 'restored old');
restore(dump_of('postgres', 'new'), 'restored new');
for my $dbname ('restored old', 'restored new')
{
	is(contents('rule', $dbname), $rules, "$dbname: the rules are there");
	is(rights_of_reader($dbname), $rights, "$dbname: and the rights");
}
for my $dbname ('fresh', "from $older[0]")
{
	restore(dump_of($dbname, "dump of $dbname"), "restored $dbname");
	is_as_expected("restored $dbname", $fresh, "restored $dbname");
}

# Nobody's operators come into what the scripts make, though they match better than the server's own.
for my $older (@older, undef)
{
	my $from = $older // 'nothing';

	$node->safe_psql('postgres', qq(CREATE DATABASE "taken from $from"));
	$node->safe_psql(
		"taken from $from", q(
		GRANT CREATE ON SCHEMA public TO web;
		SET ROLE web;
		CREATE FUNCTION pretend(integer[], integer[]) RETURNS boolean LANGUAGE sql RETURN true;
		CREATE OPERATOR = (LEFTARG = integer[], RIGHTARG = integer[], FUNCTION = pretend);
		CREATE FUNCTION pretend(text, integer) RETURNS text LANGUAGE sql RETURN 'pretended';
		CREATE OPERATOR || (LEFTARG = text, RIGHTARG = integer, FUNCTION = pretend);
		CREATE FUNCTION pretend(text, text) RETURNS boolean LANGUAGE sql RETURN true;
		CREATE OPERATOR <> (LEFTARG = text, RIGHTARG = text, FUNCTION = pretend)));
	$node->safe_psql("taken from $from",
		defined $older
		? "CREATE EXTENSION pg_session_guard VERSION '$older'; ALTER EXTENSION pg_session_guard UPDATE"
		: 'CREATE EXTENSION pg_session_guard');
	is( $node->safe_psql(
			"taken from $from", q(
			SELECT DISTINCT pg_describe_object(refclassid, refobjid, 0) FROM pg_depend
			WHERE refclassid = 'pg_operator'::regclass AND classid <> 'pg_operator'::regclass
				AND refobjid >= 16384)),
		'', "the server's operators are used, from $from");
}

$admin->quit;
$innocent->abandon;
$node->stop;
done_testing();
