# A row of the catalog of settings cannot be read, because its storage is
# damaged: the guard stays, says so once, spares whom the row is about, and goes
# on by the other rows.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use File::Copy;
use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.naptime' => '200ms',
	'pg_session_guard.idle_session_timeout' => '300ms');
my $failed = qr/LOG:  could not read the catalog of settings for roles and databases: /;

# So long that it is stored elsewhere, where nobody else has anything.
$node->safe_psql('postgres', q{
	CREATE ROLE broken;
	CREATE ROLE free LOGIN;
	ALTER ROLE free SET pg_session_guard.exempt = on;
	DO $$ BEGIN
		EXECUTE format('ALTER ROLE broken SET app.key = %L',
			(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 300) AS i));
	END $$});
my $broken = $node->safe_psql('postgres', q{SELECT 'broken'::regrole::oid});
my $file = $node->data_dir . '/'
  . $node->safe_psql('postgres', q{SELECT pg_relation_filepath('pg_toast.pg_toast_2964')});
$node->stop;
ok(-s $file, 'the value is stored elsewhere');
copy($file, "$file.intact") or die $!;
truncate($file, 0) or die $!;

my $offset = log_size($node);
$node->start;
my $guard = wait_for_guard($node);
my $culprit = RawSession->connect($node);
my $innocent = RawSession->connect($node, user => 'free');
wait_for_end($node, $culprit->pid);
wait_until_unchanged_for($node, '500 ms', $innocent->pid);
wait_for_scan($node, 3);
ok(is_alive($node, $innocent->pid), 'the guard goes on by the rows that can be read');
is(wait_for_guard($node), $guard, 'it is still the same');
is(scalar guard_lines($node, qr/\[$guard\] $failed/, $offset), 1, 'and says once what is wrong,');
is(scalar guard_lines($node, qr/\[$guard\] LOG:  could not read what is stored for role $broken, database 0: could not read block/, $offset),
	1, 'and with whom');
$node->safe_psql('postgres', 'ALTER ROLE free SET pg_session_guard.exempt = off');
wait_for_end($node, $innocent->pid);
# From 18 on the server logs each read that fails, too: "could not read blocks".
is(scalar guard_lines($node, qr/LOG:  could not read (?!blocks )/, $offset),
	2, 'it follows changes, and says nothing twice');

# Repaired, it is all as usual.
$_->abandon for $culprit, $innocent;
$node->stop;
unlink $file;
move("$file.intact", $file) or die $!;
$offset = log_size($node);
$node->start;
wait_for_guard($node);
$culprit = RawSession->connect($node);
wait_for_end($node, $culprit->pid);
is(scalar guard_lines($node, $failed, $offset), 0, 'when the row can be read again the limit is in force');

$culprit->abandon;
$node->stop;
done_testing();
