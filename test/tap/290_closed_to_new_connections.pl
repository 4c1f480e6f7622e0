# What is closed refuses new connections and tells its client by whom, until when and why, in
# any encoding; superusers and the members of the bypass role come in.  Open sessions, other databases and other
# roles are not touched.  A closing is known by the OID of what is closed, ends by itself, and with the server.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use RawSession;
use Test::More;

$ENV{PGCLIENTENCODING} = 'UTF8';
my $node = guard_node('main', restart_after_crash => 'on');
my $dba = $node->safe_psql('postgres', 'SELECT user');
$node->safe_psql('postgres',
	"CREATE DATABASE $_ ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0") for qw(shop wiki);
$node->safe_psql('postgres',
	"CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
$node->safe_psql($_, 'CREATE EXTENSION pg_session_guard') for qw(wiki latin);
$node->safe_psql(
	'postgres', q{
	CREATE ROLE app LOGIN;
	CREATE ROLE owner LOGIN;
	ALTER DATABASE shop OWNER TO owner;
	CREATE ROLE operator LOGIN;
	CREATE ROLE lead IN ROLE operator;
	CREATE ROLE mate LOGIN IN ROLE lead;
	CREATE ROLE guest LOGIN NOINHERIT IN ROLE operator});

# What the server says to a role that connects to a database; "then" for when it is to be over.
sub refusal
{
	my ($dbname, $user) = @_;

	return RawSession->refusal($node, dbname => $dbname, user => $user // 'web') =~ s/until [-\d]+ [:\d]+[-+]\d\d(?::\d\d)?/until then/r;
}

# What a client reads that is refused.
sub closed_text
{
	my ($what, $detail) = @_;

	return "FATAL 57P03: $what is closed to new connections\nDETAIL: $detail\n"
	  . 'HINT: Connect again later, or ask the administrator to open it.';
}

# What the view shows of what is closed by functions, by some columns.
sub closed
{
	my ($columns) = @_;

	return $node->safe_psql('postgres',
		"SELECT $columns FROM session_guard.closed ORDER BY datname COLLATE \"C\", usename COLLATE \"C\"") =~ s/\n/ /gr;
}

sub run_sql
{
	my ($sql, $dbname, @options) = @_;

	return $node->safe_psql($dbname // 'postgres', $sql, extra_params => [@options]);
}

# --- a database --------------------------------------------------------------

my $before = RawSession->connect($node, dbname => 'shop');
is(refusal('shop'), '', 'an open database lets in');
run_sql(q{SELECT close_database('shop', 'deployment 4.2')});
is(refusal('shop'), closed_text('database "shop"', qq{It was closed by role "$dba", until then: "deployment 4.2".}),
	'a closed one refuses, and says why');
is(refusal('shop', 'owner'), refusal('shop'), 'its owner, too');
is(refusal('shop', $dba), '', 'a superuser comes in');
is(join('', map { refusal($_) } qw(postgres wiki latin)), '', 'others are open');
is($before->query('SELECT 1'), '1', 'a session that was there before goes on');
is(closed('datname, usename, refused'), 'shop||3', 'who was refused is counted, and nobody else');
is(scalar guard_lines($node, qr/LOG:  closing database "shop" to new connections: requested by role "$dba" with close_database\(dbname => 'shop'\): "deployment 4\.2"$/),
	1, 'the log tells who has closed it');

# Closed again by another, for another time.
run_sql(q{SELECT close_database('shop', for_time => '2 h')}, 'postgres', '-U', 'owner');
is(refusal('shop'), closed_text('database "shop"', 'It was closed by role "owner", until then.'), 'who closes it later counts');
is(closed('datname, closed_by, refused'), 'shop|role "owner"|1', 'instead of what was before');
run_sql(q{SELECT close_database('shop', 'Until the index is there.')});
like(refusal('shop'), qr/^DETAIL: It was closed by role "$dba", until then: "Until the index is there\."$/m, 'a reason may be a sentence');

# Any bytes.
run_sql("SELECT close_database(ARRAY['shop', 'latin'], E'f\xc3\xbcr \"alle\"\\n')", 'wiki');
is(refusal($_), closed_text(qq{database "$_"}, qq{It was closed by role "$dba", until then: "f\\xc3\\xbcr ""alle""\\x0a".}),
	"a reason is told in ASCII in $_")
  for qw(shop latin);
run_sql(q{SELECT close_database(ARRAY['shop', 'latin'], U&'\00fc')}, 'latin');
is(refusal($_), closed_text(qq{database "$_"}, qq{It was closed by role "$dba", until then: "\\xfc".}),
	"one from latin, too, in $_")
  for qw(shop latin);
is(run_sql(q{SELECT string_agg(reason, ' ') FROM session_guard.closed}, $_), $_ eq 'wiki' ? '\xfc \xfc' : "\xc3\xbc \xc3\xbc", "and shown in $_")
  for qw(wiki latin);
run_sql(q{SELECT open_database('latin')});
is(refusal('latin'), '', 'what is open again lets in');
like(refusal('shop'), qr/^FATAL 57P03/, 'and the other does not');
run_sql(q{SELECT open_database('shop')}, 'postgres', '-U', 'owner');
is(refusal('shop'), '', 'one opens what another has closed');
is(scalar guard_lines($node, qr/LOG:  opening database "shop" to new connections: requested by role "owner" with open_database\(dbname => 'shop'\)$/),
	1, 'and the log tells who');

# It ends by itself.
run_sql(q{SELECT close_database('shop', for_time => '1 day')});
like(refusal('shop'), qr/^FATAL 57P03/, 'a closing lasts');
run_sql(q{SELECT close_database('shop', for_time => '1 s')});
ok(wait_until(sub { refusal('shop') eq '' }, 'the database is open again'), 'until its time is over');
is(closed('datname'), '', 'which ends it');

# Its name does not matter.
run_sql(q{CREATE DATABASE old});
run_sql(q{SELECT close_database('old')});
run_sql(q{ALTER DATABASE old RENAME TO renamed});
like(refusal('renamed'), qr/^FATAL 57P03: database "renamed" is closed to new connections$/m, 'what is renamed stays closed');
run_sql(q{CREATE DATABASE old});
is(refusal('old'), '', 'and what gets its name is open');
run_sql('DROP DATABASE renamed');
run_sql('CREATE DATABASE renamed');
is(refusal('renamed'), '', 'so is what is created again');

# --- a role ------------------------------------------------------------------

my $session = RawSession->connect($node);
run_sql(q{SELECT close_role('web', 'on holiday')});
is(refusal($_), closed_text('role "web"', qq{It was closed by role "$dba", until then: "on holiday".}), "a closed role is refused in $_")
  for qw(postgres shop wiki latin);
is(refusal($_, 'app'), '', "another is not, in $_") for qw(postgres shop);
is($session->query('SELECT 1'), '1', 'a session of the role goes on');
is(closed('datname, usename, refused'), '|web|4', 'who was refused is counted');
run_sql('ALTER ROLE web RENAME TO web2');
like(refusal('shop', 'web2'), qr/^FATAL 57P03: role "web2" is closed/, 'a renamed one stays closed');
run_sql('ALTER ROLE web2 RENAME TO web');

# Both are closed: what lasts longer is told.
run_sql(q{SELECT close_database('shop', 'longer', '3 h')});
like(refusal('shop'), qr/^FATAL 57P03: database "shop" is closed/, 'of two the one that lasts longer is told');
run_sql(q{SELECT close_role('web', 'longest', '5 h')});
like(refusal('shop'), qr/^FATAL 57P03: role "web" is closed/, 'whichever that is');
is(closed(q{coalesce(datname, usename), refused}), 'shop|1 web|1', 'and counted');
run_sql(q{SELECT open_role('web')});
like(refusal('shop'), qr/^FATAL 57P03: database "shop" is closed/, 'the other closing counts on');
is(refusal('postgres'), '', 'where it does');

# --- who comes in all the same -------------------------------------------------

my @roles = qw(web operator mate guest);
sub let_in
{
	return join ' ', grep { refusal('shop', $_) eq '' } @roles;
}

run_sql(q{SELECT close_role(ARRAY['mate', 'guest'])});
is(let_in(), '', 'without a bypass role nobody comes in');
set_limits($node, closed_bypass_role => 'nobody_has_this_name');
is(let_in(), '', 'nor with one that does not exist');
set_limits($node, closed_bypass_role => 'operator');
is(let_in(), 'operator mate guest', 'the bypass role and its members do, whether they inherit or not');
run_sql('REVOKE operator FROM lead');
is(let_in(), 'operator guest', 'as long as they are members');
run_sql('ALTER ROLE web SUPERUSER');
is(refusal('shop'), '', 'who is made a superuser comes in');
run_sql('ALTER ROLE web NOSUPERUSER');
like(refusal('shop'), qr/^FATAL 57P03/, 'and is refused when that is over');
run_sql(q{SELECT open_role(ARRAY['mate', 'guest'])});
set_limits($node, closed_bypass_role => '');

# Who logs in counts, and not what a stored setting makes of it.
run_sql("CREATE ROLE root LOGIN SUPERUSER; GRANT root TO web; ALTER ROLE root SET role = 'web'; ALTER ROLE web SET role = 'root'");
is(refusal('shop', 'root'), '', 'a superuser comes in that begins as another role');
like(refusal('shop'), qr/^FATAL 57P03/, 'a role does not that begins as a superuser');
run_sql('ALTER ROLE web RESET role; REVOKE root FROM web');

# --- the end of the server ------------------------------------------------------

for my $how (qw(fast immediate crash))
{
	run_sql(q{SELECT close_database('shop'), close_role('web')});
	like(refusal('shop'), qr/^FATAL 57P03/, "$how: closed");
	if ($how eq 'crash')
	{
		my $offset = log_size($node);

		kill KILL => RawSession->connect($node, user => $dba)->pid;
		wait_until(
			sub { guard_lines($node, qr/LOG:  database system is ready to accept connections/, $offset) },
			'the server has started over');
	}
	else
	{
		$node->stop($how);
		$node->start;
	}
	is(refusal('shop'), '', "$how: open again");
	is(closed('datname'), '', "$how: nothing is closed");
}

# --- as many as there can be -------------------------------------------------------

run_sql(q{DO $$ BEGIN FOR i IN 1 .. 1025 LOOP EXECUTE format('CREATE ROLE many_%s', lpad(i::text, 4, '0')); END LOOP; END $$});
my $close_some = q{SELECT close_role(array_agg(rolname ORDER BY rolname)) IS NOT NULL FROM pg_roles WHERE rolname LIKE 'many%' AND rolname};
is(run_sql("$close_some <= 'many_1024'"), 't', 'so many can be closed');
for my $call (q{close_role('many_1025')}, q{close_database('shop')}, q{drain_database('shop')})
{
	my ($status, $output, $error) = $node->psql('postgres', "SELECT $call");

	is($status, 3, "no more, as by $call");
	like($error, qr/ERROR:  too many databases and roles are closed\nDETAIL:  There can be 1024 at a time, 768 of them closed by others than superusers\.$/m, 'and that is told');
}
is(refusal('shop'), '', 'what is not closed is open');
is(run_sql("$close_some < 'many_0003'"), 't', 'to close again takes no room');
is(run_sql('SELECT count(*) FROM session_guard.closed'), '1024', 'all are shown');
run_sql(q{SELECT close_role('many_0500', for_time => '1 us')});
run_sql(q{SELECT close_database('shop')});
like(refusal('shop'), qr/^FATAL 57P03/, 'there is room when the time of one is over');
run_sql('DROP ROLE many_0400');
run_sql(q{SELECT close_database('wiki')});
like(refusal('wiki'), qr/^FATAL 57P03/, 'and when one has been dropped');
run_sql(q{SELECT open_role(array_agg(rolname)) FROM pg_roles WHERE rolname LIKE 'many%'});
run_sql(q{SELECT open_database(ARRAY['shop', 'wiki'])});

# Those of others leave room for a superuser's.
run_sql('CREATE ROLE manager LOGIN CREATEROLE');
run_sql(q{DO $$ BEGIN FOR i IN 1 .. 769 LOOP EXECUTE format('CREATE ROLE own_%s', lpad(i::text, 3, '0')); END LOOP; END $$}, 'postgres', '-U', 'manager');
$close_some = q{SELECT close_role(array_agg(rolname)) IS NOT NULL FROM pg_roles WHERE rolname LIKE 'own%' AND rolname};
is(run_sql("$close_some < 'own_769'", 'postgres', '-U', 'manager'), 't', 'who is no superuser can close many');
my (undef, undef, $too_many) = $node->psql('postgres', q{SELECT close_role('own_769')}, extra_params => [ '-U', 'manager' ]);
like($too_many, qr/ERROR:  too many databases and roles are closed\nDETAIL:  There can be 1024 at a time, 768 of them closed by others than superusers\.$/m,
	'but not as many as can be');
is(run_sql(q{SELECT close_role('own_769') IS NOT NULL}), 't', 'a superuser closes what it cannot');
$node->stop;

# --- not preloaded -------------------------------------------------------------------

my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init;
$plain->start;
$plain->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard');
for my $call (
	(map { ("close_$_", "open_$_", "drain_$_") } q{database('template1')}, q{role('pg_monitor')}),
	q{drain_database('template1', dry_run => true)}, 'session_guard.get_closed()')
{
	my (undef, undef, $error) = $plain->psql('postgres', "SELECT FROM $call");

	like($error, qr/ERROR:  pg_session_guard must be loaded via "shared_preload_libraries"$/m, "$call says what is missing");
}
my (undef, undef, $error) = $plain->psql('postgres', 'SELECT FROM session_guard.closed');
like($error, qr/ERROR:  pg_session_guard must be loaded via "shared_preload_libraries"$/m, 'so does the view');
$plain->stop;
done_testing();
