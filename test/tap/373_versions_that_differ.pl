# Library, extension and files can be of different versions: files are replaced while the server runs,
# a server is restarted before ALTER EXTENSION UPDATE, a package is downgraded, a file is copied by
# hand.  Whoever meets that is told which is which and what to do, and what can go on does.
#
# Other versions of the library are copies of this one in which the bytes of the version differ.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $version = newest_version($node);
my $path = $node->safe_psql('postgres', 'SHOW dynamic_library_path');
my ($installed) = grep { -e } map { s/\$libdir/$node->config_data('--pkglibdir')/er . '/pg_session_guard.so' } split /:/, $path;
plan skip_all => 'the library has another name on this system' unless defined $installed;
my $library = slurp_file($installed);
my $folder = PostgreSQL::Test::Utils::tempdir();
my %is_of = (older => $version =~ tr/0-9/0/r, newer => $version =~ tr/0-9/9/r);

# Make a file the one that the server finds, as a package does: another file of the same name.
sub put_library
{
	my ($bytes, $file) = @_;

	$file //= "$folder/pg_session_guard.so";
	open my $to, '>:raw', "$file.new" or die "$file.new: $!";
	print $to $bytes or die "$file.new: $!";
	close $to or die "$file.new: $!";
	rename "$file.new", $file or die "$file: $!";
	return;
}

# The library as it would be in another version; in the first one it did not tell its version.
sub library_of
{
	my ($kind) = @_;
	my $bytes = $library;
	my $changed =
	  $kind eq 'first'
	  ? $bytes =~ s/pg_session_guard\.version\0/pg_session_guard.no_such\0/g
	  : $bytes =~ s/\Q$version\E\0/$is_of{$kind}\0/g;

	die "the library does not have its version" unless $changed;
	return $bytes;
}

# Restart the server with that library preloaded.
sub restart_with
{
	my ($kind) = @_;

	put_library($kind eq 'this' ? $library : library_of($kind));
	$node->restart;
	wait_until(
		sub { $node->safe_psql('postgres', q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_session_guard')) },
		'the guard is there');
	return;
}

# A statement fails with that message, DETAIL and HINT.
sub fails_with
{
	my ($sql, $expected, $what, $dbname) = @_;
	my ($status, $out, $err) = $node->psql($dbname // 'postgres', $sql);

	# The context comes last, and is worded differently by different servers.
	is($err =~ s/^psql:<stdin>:\d+: //gmr =~ s/^CONTEXT:.*//msr =~ s/\n\z//r, $expected, $what);
	return;
}

sub versions
{
	return $node->safe_psql('postgres', 'SELECT library, extension, problem FROM session_guard.version');
}

sub extension_version
{
	return $node->safe_psql('postgres', q(SELECT extversion FROM pg_extension WHERE extname = 'pg_session_guard'));
}

my $restart = "HINT:  If the files of version $version are installed, restart the server, and repeat the command.";

sub needs_library
{
	my ($loaded) = @_;

	return qq{ERROR:  version $version of extension "pg_session_guard" needs a library of that version or a later one\n}
	  . "DETAIL:  The server has loaded version $loaded.\n$restart";
}

# Not preloaded: a script without its library.
$node->append_conf('postgresql.conf', "dynamic_library_path = '$folder:$path'\npg_session_guard.naptime = '150ms'\n");
put_library(library_of('first'));
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('dynamic_library_path') LIKE '$folder:%'") or die;
fails_with('CREATE EXTENSION pg_session_guard', needs_library('0.1.0'), 'the first version of the library is too old for the script');
put_library(library_of('older'));
fails_with('CREATE EXTENSION pg_session_guard', needs_library($is_of{older}), 'an older one is');
fails_with("SET pg_session_guard.version = '$is_of{newer}'; CREATE EXTENSION pg_session_guard",
	qq{WARNING:  parameter "pg_session_guard.version" cannot be changed\n} . needs_library($is_of{older}),
	'and cannot be made another one');
is(extension_version(), '', 'nothing is left of these attempts');
put_library($library);
my $not_preloaded = "|$version|the library is not loaded: add pg_session_guard to shared_preload_libraries, and restart the server";
is($node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard; SELECT library, extension, problem FROM session_guard.version'),
	$not_preloaded, 'that of the same version fits, and who has not preloaded it is told, though this session has loaded it');
is(extension_version(), $version, 'the extension is there');
is(versions(), $not_preloaded, 'other sessions are told, too');
$node->safe_psql('postgres', 'DROP EXTENSION pg_session_guard');

# Files are replaced while the server runs.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_guard'\n");
restart_with('first');
$node->safe_psql('postgres', q(CREATE EXTENSION pg_session_guard VERSION '0.1.0'));
put_library($library);
my $old_session = RawSession->connect($node, user => $node->safe_psql('postgres', 'SELECT user'));
fails_with('ALTER EXTENSION pg_session_guard UPDATE', needs_library('0.1.0'), 'the extension is not updated before a restart');
$node->safe_psql('postgres', 'CREATE DATABASE other');
fails_with('CREATE EXTENSION pg_session_guard', needs_library('0.1.0'), 'nor created', 'other');
is(extension_version(), '0.1.0', 'the extension is as it was');
is($old_session->query('SELECT outcome FROM terminate_session(pg_backend_pid(), dry_run => true)'), 'dry run', 'and its functions work');
$old_session->quit;
restart_with('this');
$node->safe_psql('postgres', 'ALTER EXTENSION pg_session_guard UPDATE');
is(versions(), "$version|$version|", 'after it all are of one version');

# The package is downgraded, or a file has not been replaced.
my $offset = log_size($node);
my $wrong = q(CREATE FUNCTION %s(OUT a int, OUT b int) RETURNS SETOF record AS 'pg_session_guard', 'session_guard_%s' LANGUAGE C);
restart_with('older');
my $differ = "LOG:  the extension in database \"postgres\" is of version $version, and the library of version $is_of{older}\n";
my $advice = "HINT:  Install version $version of the library, and restart the server.";
# Files that are not in the server's own folders it may not find.
my $files_are_found = $node->safe_psql('postgres', 'SELECT installed IS NOT NULL FROM session_guard.version') eq 't';
my $not_loaded = 'the server has not loaded the installed version: restart the server';
is( versions(),
	"$is_of{older}|$version|"
	  . ($files_are_found ? $not_loaded : 'the library is older than the extension: install that of the same version, and restart the server'),
	'a library that is older is told of');
wait_until(sub { slurp_file($node->logfile, $offset) =~ /\Q$differ\E.*\Q$advice\E$/m }, 'and in the log');
fails_with('ALTER EXTENSION pg_session_guard UPDATE', qq{NOTICE:  version "$version" of extension "pg_session_guard" is already installed},
	'an update has nothing to do');
for my $function (qw(sessions events))
{
	my $count = $node->safe_psql('postgres', "SELECT cardinality(proallargtypes) FROM pg_proc WHERE oid = 'session_guard.get_$function'::regproc");

	$node->safe_psql('postgres', sprintf $wrong, $function, $function);
	fails_with(
		"SELECT * FROM $function()",
		"ERROR:  result type of function does not match the library\nDETAIL:  It has 2 columns instead of $count.\n$advice",
		"a function with another result says so ($function)");
}

# A library that is newer: everything works, and the server waits for a restart, or for the update.
$offset = log_size($node);
restart_with('newer');
is( versions(),
	"$is_of{newer}|$version|"
	  . ($files_are_found ? $not_loaded : 'the extension is older than the library: run ALTER EXTENSION pg_session_guard UPDATE in this database'),
	'a newer one, too');
$advice = 'HINT:  Run ALTER EXTENSION pg_session_guard UPDATE in this database.';
fails_with(
	'SELECT * FROM sessions()',
	"ERROR:  result type of function does not match the library\nDETAIL:  It has 2 columns instead of ${\ $node->safe_psql('postgres',
		q(SELECT count(*) FROM pg_attribute WHERE attrelid = 'session_guard.session'::regclass AND attnum > 0)) }.\n$advice",
	'a function of an older shape says so');
$node->safe_psql('other', 'CREATE EXTENSION pg_session_guard');
is($node->safe_psql('other', 'SELECT count(*) FROM session_guard.stats'), '1', 'the script of an older version fits');

# The rules of another shape are an error that tells what to do.
$node->safe_psql('postgres',
	q(ALTER TABLE session_guard.rule RENAME max_memory TO max_amount;
	  INSERT INTO session_guard.rule (position, name, statement_timeout) VALUES (1, 'any', '1 h')));
wait_until(
	sub {
		slurp_file($node->logfile, $offset) =~
		  /column "max_memory" of table "session_guard.rule" is not as the extension has made it\n.*\n.*\Q$advice\E/;
	},
	'rules of another shape are told of');
$node->safe_psql('postgres', 'ALTER TABLE session_guard.rule RENAME max_amount TO max_memory');

# A second file of the library in one session.
restart_with('this');
mkdir "$folder/second" or die $!;
put_library(library_of('newer'), "$folder/second/pg_session_guard.so");
my $second = qq{ERROR:  another file of the library "pg_session_guard" is loaded already
DETAIL:  The other one is of version %s, this one of version $is_of{newer}.
HINT:  Restart the server if the library has been replaced since it was started, and see that "shared_preload_libraries" and "dynamic_library_path" name one file.};
fails_with("LOAD '$folder/second/pg_session_guard.so'", sprintf($second, $version), 'a second file is refused');
fails_with("SET dynamic_library_path = '$folder/second'; SELECT * FROM terminate_session(pg_backend_pid(), dry_run => true)",
	sprintf($second, $version), 'also if a function calls for it');
is( $node->safe_psql(
		'postgres', qq{
		DO \$\$
		BEGIN
			EXECUTE \$load\$LOAD '$folder/second/pg_session_guard.so'\$load\$;
		EXCEPTION WHEN object_not_in_prerequisite_state THEN
			NULL;
		END
		\$\$;
		SELECT outcome FROM terminate_session(pg_backend_pid(), dry_run => true)}),
	'dry run', 'and the session goes on with the first');
restart_with('first');
like(versions(), qr/^0\.1\.0\|\Q$version\E\|the (?:library is older|server has not loaded)/, 'the first version is told of as such');
fails_with("LOAD '$folder/second/pg_session_guard.so'", sprintf($second, '0.1.0'), 'and of the first version, which does not tell');

# The same where nothing is preloaded, and the settings that are in the file are no sign of another one.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
put_library($library);
$node->restart;
is($node->safe_psql('postgres', "SELECT outcome FROM terminate_session(pg_backend_pid(), dry_run => true); SHOW pg_session_guard.naptime"),
	"dry run\n150ms", 'without preloading the functions work');
fails_with("LOAD 'pg_session_guard'; LOAD '$folder/second/pg_session_guard.so'", sprintf($second, $version), 'and a second file is refused');

$node->stop;
done_testing();
