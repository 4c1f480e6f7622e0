# Each action is one line of the server's log, and one record of the same words
# in its csv and json formats, whatever the names and reasons have in them; and
# the records of the clients' own messages have the DETAIL and HINT that the
# clients were told.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use JSON::PP;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'logging_collector' => 'on',
	'log_directory' => 'collected',
	'log_filename' => 'server.log',
	'log_rotation_size' => 0,
	'log_destination' => 'stderr,csvlog,jsonlog',
	'pg_session_guard.cancel_grace' => 0);
my $files = $node->data_dir . '/collected/server';

# From 19 on the server does not take names of more than one line.
my $break = $node->safe_psql('postgres', 'SHOW server_version_num') < 190000 ? "\n" : ' ';
my $role = qq{"we"b, 'Jörg'${break}x};
my $database = qq{the "shop",${break}ü};

# The same in quotes on one line of the log, and in the plain ASCII that clients are told.
sub shown
{
	return map { s/\n/\\x0a/r =~ s/"/""/gr } @_;
}

sub told
{
	return map { s/([^ -~])/sprintf '\\x%02x', ord $1/egr =~ s/"/""/gr } @_;
}

my ($role_shown, $database_shown) = shown($role, $database);
my ($role_told) = told($role);

sub identifier
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq{"$name"};
}

$node->safe_psql('postgres', "CREATE ROLE ${\ identifier($role) } LOGIN");
$node->safe_psql('postgres', "CREATE DATABASE ${\ identifier($database) }");
my ($idle, $in_transaction, $running, $ordered, $frozen) = map {
	RawSession->connect($node, user => $role, dbname => $database, application_name => qq{it's "app", $_\n})
} 1 .. 5;
$in_transaction->query('BEGIN');
$running->send_query('SELECT pg_sleep(600)');
wait_for_status($node, $running->pid, "state = 'active'");
$node->safe_psql(
	'postgres', qq{
	ALTER ROLE ${\ identifier($role) } SET pg_session_guard.idle_in_transaction_session_timeout = '200ms';
	ALTER ROLE ${\ identifier($role) } SET pg_session_guard.statement_timeout = '200ms'});
wait_for_outcome($node, 'event', $in_transaction->pid, 'terminated');
wait_for_outcome($node, 'event', $running->pid, 'canceled');

my $reason = qq{moved,\n"done" — see 'é'};
my ($reason_shown, $reason_told) = (shown($reason), told($reason));
my $quoted = $reason =~ s/'/''/gr;
my $result = run_function($node, "terminate_session(${\ $ordered->pid }, reason => '$quoted')");
is($result->{outcome}{ $ordered->pid }, 'terminated', 'a session is terminated by request');
freeze_process($frozen->pid);
$result = run_function($node, "terminate_session(${\ $frozen->pid }, timeout => '500 ms', reason => '$quoted')");
is($result->{outcome}{ $frozen->pid }, 'survived', 'and another one cannot end');
thaw_process($frozen->pid);
wait_for_end($node, $frozen->pid);

# The whole lines of a file.
sub lines
{
	my ($kind) = @_;

	return slurp_file("$files.$kind") =~ /^(.*)\n/gm;
}

# The records of the json file.
sub json_records
{
	my $json = JSON::PP->new->utf8;

	return map {
		my $record = $json->decode($_);
		utf8::encode($_) for grep { defined } values %$record;
		$record;
	} lines('json');
}

# The records of the csv file, with what is compared under the names that json has for it.
sub csv_records
{
	my $text = join "\n", lines('csv'), '';
	my (@records, @fields);

	while ($text =~ /\G(?:"([^"]*(?:""[^"]*)*)"|([^",\n]*))([,\n])/g)
	{
		my ($quoted, $plain, $end) = ($1, $2, $3);

		push @fields, defined $quoted ? $quoted =~ s/""/"/gr : $plain;
		next if $end eq ',';
		push @records,
		  { fields => scalar @fields, user => $fields[1], dbname => $fields[2], pid => $fields[3], error_severity => $fields[11],
			message => $fields[13], detail => $fields[14], hint => $fields[15], application_name => $fields[22] };
		@fields = ();
	}
	return @records;
}

# The collector writes when it comes to it; this comes last.
sub has_last_message
{
	return 1 == grep { $_->{pid} == $frozen->pid && $_->{error_severity} eq 'FATAL' } @_;
}

wait_until(
	sub {
		return has_last_message(json_records()) && has_last_message(csv_records())
		  && grep { /\[${\ $frozen->pid }\].*FATAL: / } lines('log');
	},
	'all is in the log');

my @json = json_records();
my @csv = csv_records();
my @log = lines('log');
is_deeply([ grep { $_->{fields} != 26 } @csv ], [], 'each record of the csv file has its fields');

# An action is one line, with these words after its beginning.
sub check_line
{
	my ($beginning, $words, $what) = @_;
	my $expected = qr/^\Q$beginning\E$words$/;
	my @of_json = map { $_->{message} } grep { $_->{message} =~ /^\Q$beginning\E/ } @json;
	my @of_csv = map { $_->{message} } grep { $_->{message} =~ /^\Q$beginning\E/ } @csv;
	my @of_log = map { /(?:LOG|WARNING):  (\Q$beginning\E.*)/ } @log;

	is(scalar @of_json, 1, "$what is one record");
	like($of_json[0], $expected, 'with these words');
	is_deeply(\@of_csv, \@of_json, 'in csv as in json');
	is_deeply(\@of_log, \@of_json, 'and in one line of the log');
	return;
}

# What a client was told, in its own message's record.
sub check_message
{
	my ($session, $severity, $detail, $hint, $what) = @_;

	for my $records (\@json, \@csv)
	{
		my @found = grep { $_->{pid} == $session->pid && $_->{error_severity} eq $severity } @$records;
		my $format = $records == \@csv ? 'csv' : 'json';

		is(scalar @found, 1, "$what is one record in $format");
		like($found[0]{detail}, qr/^$detail(\n|$)/, 'with the DETAIL');
		is($found[0]{hint} // '', $hint, 'and the HINT');
		is("$found[0]{user}|$found[0]{dbname}", "$role|$database", 'of that role and database');
	}
	return;
}

my $told = qr/\(role "\Q$role_told\E"\)/;
my $shown = qr/\(role "\Q$role_shown\E"\)/;
my $setting = 'pg_session_guard\.\w+ is 200 ms';
my $time = '[\d.]+ m?s';

# As the server itself shows application names that have control characters.
sub who
{
	my ($session) = @_;
	my ($record) = grep { $_->{pid} == $session->pid && $_->{application_name} } @json;

	my ($application) = shown($record->{application_name});

	return qq{${\ $session->pid } (user "$role_shown", database "$database_shown", application "$application", client [local]): };
}

check_line('terminating session ' . who($in_transaction),
	qr/idle in transaction for $time, $setting $shown/, 'what the guard terminates');
check_message($in_transaction, 'FATAL', qr/Idle in transaction for $time; $setting $told\./,
	'Commit or roll back before waiting for other work, or ask the administrator to raise the limit.', 'its end');

check_line('canceling statement of session ' . who($running),
	qr/statement running for $time, $setting $shown/, 'what the guard cancels');
check_message($running, 'ERROR', qr/Statement running for $time; $setting $told\./,
	'Divide the work into shorter statements, or ask the administrator to raise the limit.', 'its end');

my $superuser = $node->safe_psql('postgres', 'SELECT user');
my $request = qq{rdered by role "$superuser" with terminate_session(): };
$_ = qq{"$_"} for $reason_shown, $reason_told;
check_line('terminating session ' . who($ordered), qr/\Qo$request$reason_shown\E/, 'what is requested');
check_message($ordered, 'FATAL', qr/\QO$request$reason_told.\E/, '', 'its end');
check_line('terminating session ' . who($frozen), qr/\Qo$request$reason_shown\E/, 'another request');
check_line("session ${\ $frozen->pid } has survived its signal: ", qr/still there after \d+ ms; it waits for .*/, 'who survives');

is($idle->query('SELECT 42'), '42', 'who did nothing stays');
$running->read_until('Z');
is($running->query('SELECT 42'), '42', 'as does whose statement was canceled');
$node->stop;
done_testing();
