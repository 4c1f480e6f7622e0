# Every example of README runs as it stands there: SQL, settings, and shell
# recipes in a plain sh.  A role set up by its recipe may store all that can be stored.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$FindBin::RealBin/../../README.md");
my $node = guard_node('main');
$node->safe_psql('postgres', $_)
  for map({ "CREATE DATABASE $_" } 'wiki', 'shop'), map({ "CREATE ROLE $_ LOGIN" } 'app', 'reports', 'backup', 'authenticator', 'anon', 'authenticated', 'analysts', 'oncall', 'vault_users');
$node->safe_psql('postgres', 'CREATE TABLE orders (id int)');

# A block runs as a script.
sub runs
{
	my ($block, $name, @command) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/block';

	append_to_file($file, $block);
	my (undef, $error) = run_command([ @command, $file ]);
	unlike($error, qr/error:|not found/i, $name) or diag($block);
	return;
}

# The extension is in one schema only; the one of its own is tried in another database.
sub database_for
{
	my ($block) = @_;

	return $block =~ /CREATE SCHEMA/ ? 'wiki' : 'postgres';
}

my $number = 0;
while ($readme =~ /^```(sql|ini|sh)\n(.*?)^```$/gms)
{
	my ($language, $block) = ($1, $2);
	my $name = sprintf 'block %d, %s', ++$number, (split /\n/, $block)[0];

	if ($language eq 'sql')
	{
		# pg_cron is no part of this server.
		next if $block =~ /cron\./;
		$block =~ s/^CREATE EXTENSION pg_session_guard;/-- is there:/m;
		runs($block, $name, 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr(database_for($block)), '-f');
	}
	elsif ($language eq 'ini')
	{
		$node->append_conf('postgresql.conf', $block =~ s/^shared_preload_libraries.*\n//mr);
		is($node->safe_psql('postgres', 'SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL'), '', $name);
	}
	elsif ($block =~ /psql/)
	{
		local %ENV = ($node->_get_env, DB => 'wiki');
		runs($block, $name, 'sh');
	}
}
cmp_ok($number, '>', 15, 'README has examples');

# What the recipe grants is all that can be stored.
my @names = split /\n/, $node->safe_psql('postgres',
	q(SELECT name FROM pg_settings WHERE name LIKE 'pg_session_guard.%' AND context = 'superuser'));
cmp_ok(scalar @names, '>=', 8, 'there are settings that can be stored');
for my $name (@names)
{
	my (undef, undef, $error) =
	  $node->psql('postgres', "ALTER ROLE web SET $name = '0'", extra_params => [ '-U', 'dba' ]);
	is($error, '', "dba may store $name");
}
$node->stop;
done_testing();
