# Every example of README and the manual runs as it stands there, each page on a server of its own:
# SQL, settings, and shell recipes in a plain sh; and prints what the page says.  All links lead
# somewhere.  The tables have all settings, functions, views and columns that there are.  A role
# set up by its recipe may store all that can be stored.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use Manual;
use PostgreSQL::Test::Utils;
use Test::More;

# What is not run here: languages, and the shell's steps that build, install or measure.
my %shown_only = map { $_ => 1 } '', qw(text conf dockerfile java js json perl promql python toml xml yaml);
my @steps = (
	'scripts/demo.sh', 'sudo apt-get update', 'sudo pg_ctlcluster 15 main restart',
	'make', 'sudo make uninstall', 'test/bench/run.sh --output doc');

# What the examples are about; some of them do away with it.
my $world = join "\n",
  map({ "SELECT 'CREATE DATABASE $_' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$_') \\gexec" } 'wiki', 'shop'),
  map({ "SELECT 'CREATE ROLE $_ LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$_') \\gexec" }
	  'app', 'reports', 'backup', 'mailer', 'authenticator', 'anon', 'authenticated', 'analysts', 'oncall', 'vault_users'),
  'CREATE TABLE IF NOT EXISTS orders (id int);';

# The server of a page.
sub server_for
{
	my ($page) = @_;
	my $text = page_text($page);
	my $node = guard_node_without_extension($page =~ s/\W/_/gr);

	if ($text =~ /\bcron\./ && has_library($node, 'pg_cron'))
	{
		$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_session_guard, pg_cron'\n");
		$node->restart;
		$node->safe_psql('postgres', 'CREATE EXTENSION pg_cron');
	}
	$node->safe_psql('postgres', 'CREATE EXTENSION pg_session_guard')
	  unless $text =~ /\A(?:(?!^```sql\n).)*^```sql\nCREATE EXTENSION pg_session_guard;/ms;
	return $node;
}

sub has_library
{
	my ($node, $name) = @_;

	return -e $node->config_data('--pkglibdir') . "/$name.so";
}

# Libraries that a block needs and that are not installed.
sub missing_libraries
{
	my ($node, $code) = @_;
	my @needed = ($code =~ /\bcron\./ ? 'pg_cron' : (), $code =~ /pg_stat_statements/ ? 'pg_stat_statements' : ());

	return join ', ', grep { !has_library($node, $_) } @needed;
}

# Run a block as a script; its exit status, and what it has printed.
sub output_of
{
	my ($code, @command) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir . '/block';
	my $output = '';

	append_to_file($file, $code);
	IPC::Run::run([ @command, $file ], '<', \'', '>&', \$output);
	return ($? >> 8, $output);
}

# What a block has printed, as far as the page shows it.
sub shown_of
{
	my ($output, $block) = @_;
	my $expected = plain_output($block->{output} // '');
	my $plain = plain_output($output);

	return $expected =~ /\A(.*)\.\.\.\z/s ? substr($plain, 0, length $1) . '...' : $plain;
}

# A block prints what the page says, an error included; what is read from views only may have to
# come to be so.
sub prints
{
	my ($block, $name, @command) = @_;
	my $expected = plain_output($block->{output} // '');
	my $may_change = defined $block->{output} && $block->{code} !~ /^(?!\s|SELECT .* FROM session_guard\.)/m;
	my ($status, $output);
	my $is_as_told = sub {
		($status, $output) = output_of($block->{code}, @command);
		return !$may_change || shown_of($output, $block) eq $expected;
	};

	# Whether it ever is, is told below.
	eval { wait_until($is_as_told, 'it prints what it should') };
	is(shown_of($output, $block), $expected, "$name: prints that") or diag($output)
	  if defined $block->{output};
	if ($expected =~ /^(ERROR|FATAL)/m)
	{
		isnt($status, 0, "$name: fails");
		return;
	}
	is($status, 0, $name) or diag($block->{code}, $output);
	unlike($output, qr/(ERROR|FATAL|PANIC):|not found/, "$name: no error") or diag($block->{code});
	return;
}

# Settings are taken over, by a restart if they need one.
sub take_over
{
	my ($node, $code, $name) = @_;

	if ($code =~ /shared_preload_libraries|history_buffer|pg_session_guard\.database|max_worker_processes|cron\.\w+ =/)
	{
		$node->restart;
	}
	else
	{
		$node->reload;
	}
	is($node->safe_psql('postgres', 'SELECT name, error FROM pg_file_settings WHERE error IS NOT NULL'), '', "$name: is valid");
	return;
}

# What pg_cron would do, each as its role in its database.
sub run_jobs
{
	my ($node, $name) = @_;
	my $jobs = $node->safe_psql('postgres', q(SELECT jobid, database, username FROM cron.job));

	for my $job (map { [ split /\|/ ] } split /\n/, $jobs)
	{
		my ($id, $database, $user) = @$job;
		my $command = $node->safe_psql('postgres', "SELECT command FROM cron.job WHERE jobid = $id");
		my (undef, undef, $error) = $node->psql($database, $command, extra_params => [ '-U', $user ]);

		is($error, '', "$name: the job runs");
	}
	$node->safe_psql('postgres', 'SELECT cron.unschedule(jobid) FROM cron.job');
	return;
}

# A block after which the server does not start, as the log then says, until the next is run.
sub keeps_from_starting
{
	my ($node, $block, $name) = @_;
	my $offset = log_size($node);

	is((output_of($block->{code}, 'psql', '-X', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f'))[0], 0, $name);
	$node->stop;
	is($node->start(fail_ok => 1), 0, "$name: the server does not start");
	like(slurp_file($node->logfile, $offset), qr/\Q${\ $block->{output} =~ s,\n$,,r }\E/, "$name: as it says");
	return;
}

sub run_block
{
	my ($node, $block, $name) = @_;
	my ($language, $code) = @{$block}{qw(language code)};
	my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f');

	if ($language eq 'sh')
	{
		local %ENV = ($node->_get_env, DB => 'wiki', PGDATA => $node->data_dir);

		# The tests' server listens on no address.
		$block->{code} =~ s/ -h localhost\b//g;
		prints($block, $name, 'sh', '-e');
		return;
	}
	if ($language eq 'ini')
	{
		$node->append_conf('postgresql.conf', $code);
		take_over($node, $code, $name);
		return;
	}
	$node->safe_psql('postgres', $world);
	return keeps_from_starting($node, $block, $name) if $block->{comment} eq 'the server does not start';
	my @sessions = map { my ($user, $dbname) = split /@/; open_session($node, user => $user, dbname => $dbname) }
	  $block->{comment} =~ /^sessions: (.*)/ ? split(/ /, $1) : ();
	wait_for_state($node, 'idle', map { pid_of($_) } @sessions) if @sessions;
	prints($block, $name, @psql);
	close_sessions(@sessions);
	take_over($node, $code, $name) if $code =~ /^ALTER SYSTEM/m && ($block->{output} // '') !~ /^ERROR/;
	run_jobs($node, $name) if $code =~ /cron\.schedule/;
	return;
}

# Run a page; returns its server, if it needed one.
sub run_page
{
	my ($page) = @_;
	my ($node, $number) = (undef, 0);

	for my $block (blocks_of($page))
	{
		my ($language, $code) = @{$block}{qw(language code)};
		my $name = sprintf '%s, block %d, %s', $page, ++$number, (split /\n/, $code)[0];

		next if $shown_only{$language};
		if ($language eq 'console')
		{
			my $first = (split /\s*(?:#.*)?\n/, $code)[0];
			ok(scalar(grep { $_ eq $first } @steps), "$name: is a step that is not run");
			next;
		}
		like($language, qr/^(sql|ini|sh)$/, "$name: is of a kind that can be run");
		$node //= server_for($page);
		check_tables($node, $page);
		my $missing = missing_libraries($node, $code);
	  SKIP:
		{
			skip "$name: not installed: $missing", 1 if $missing ne '';
			run_block($node, $block, $name);
		}
		$node->start if !-e $node->data_dir . '/postmaster.pid' && $language eq 'sh';
	}
	return $node;
}

# The tables of a page have all that there is, once for each page.
my %is_checked;
sub check_tables
{
	my ($node, $page) = @_;

	return if $is_checked{$page}++;
	check_settings($node) if $page eq 'doc/settings.md';
	check_functions($node) if $page eq 'doc/functions.md';
	check_views($node) if $page eq 'doc/views.md';
	return;
}

# Each setting has its row, with its default, and how it is changed.
sub check_settings
{
	my ($node) = @_;
	my %how = (postmaster => 'restart', sighup => 'reload', superuser => 'reload, stored', internal => 'read only');
	my $settings = $node->safe_psql('postgres',
		q(SELECT substr(name, 18), context, CASE context WHEN 'internal' THEN '' ELSE current_setting(name) END FROM pg_settings WHERE name LIKE 'pg_session_guard.%'));
	my %expected = map { my ($name, $context, $value) = split /\|/, $_, 3; $name => ($value eq '' ? '' : "`$value` ") . "| $how{$context}" }
	  split /\n/, $settings;
	my %found = page_text('doc/settings.md') =~ /^\| `(\w+)` \| ((?:`[^`]*` )?\| [\w, ]+) \|/gm;

	is_deeply(\%found, \%expected, 'settings.md has all settings');
	return;
}

# The objects of the extension of a kind, as SQL says which.
sub objects
{
	my ($node, $sql) = @_;

	return split /\n/, $node->safe_psql('postgres', $sql =~ s/MEMBER/SELECT FROM pg_depend
		WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass
		  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_session_guard')
		  AND objid/r);
}

sub check_functions
{
	my ($node) = @_;
	my $text = page_text('doc/functions.md');
	my @functions = objects($node, 'SELECT DISTINCT proname FROM pg_proc AS o WHERE EXISTS (MEMBER = o.oid)');

	cmp_ok(scalar @functions, '>', 30, 'there are functions');
	is(join(' ', grep { $text !~ /\b$_\(/ } @functions), '', 'functions.md has all functions');
	return;
}

sub check_views
{
	my ($node) = @_;
	my $columns = q(SELECT DISTINCT attname FROM pg_attribute AS a JOIN pg_class AS o ON o.oid = attrelid
		WHERE EXISTS (MEMBER = o.oid) AND relname WHICH 'rule' AND attnum > 0 AND NOT attisdropped);
	my @views = objects($node, 'SELECT relname FROM pg_class AS o WHERE EXISTS (MEMBER = o.oid)');
	my ($views, $rules) = map { page_text("doc/$_.md") } 'views', 'rules';

	cmp_ok(scalar @views, '>', 8, 'there are views');
	is(join(' ', grep { $views !~ /\bsession_guard\.$_\b/ } @views), '', 'views.md has all views');
	is(join(' ', grep { $views !~ /`$_`/ } objects($node, $columns =~ s/WHICH/<>/r)), '', 'and all columns');
	is(join(' ', grep { $rules !~ /^\|[^|]*`$_`/m } objects($node, $columns =~ s/WHICH/=/r)), '', 'rules.md has those of rules');
	return;
}

my $lines = () = page_text('README.md') =~ /\n/g;
cmp_ok($lines, '>=', 100, 'README says enough');
cmp_ok($lines, '<=', 200, 'and no more than one reads');
is(join("\n", broken_links()), '', 'all links lead somewhere');

for my $page (pages())
{
	my $node = run_page($page) // next;

	check_grants($node) if $page eq 'doc/recipes.md';
	$node->stop;
}

# What the recipe grants is all that can be stored.
sub check_grants
{
	my ($node) = @_;
	my @names = split /\n/, $node->safe_psql('postgres',
		q(SELECT name FROM pg_settings WHERE name LIKE 'pg_session_guard.%' AND context = 'superuser'));

	cmp_ok(scalar @names, '>=', 8, 'there are settings that can be stored');
	for my $name (@names)
	{
		my (undef, undef, $error) =
		  $node->psql('postgres', "ALTER ROLE web SET $name = '0'", extra_params => [ '-U', 'dba' ]);
		is($error, '', "dba may store $name");
	}
	return;
}
done_testing();
