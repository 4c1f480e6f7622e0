# With the log collected by a process of its own, and at debug1, the library is
# loaded where there is no shared memory: nothing crashes when the server
# starts again, when the log is rotated, and when a session is ended.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = guard_node(
	'main',
	'logging_collector' => 'on',
	'log_directory' => 'collected',
	'log_min_messages' => 'debug1',
	'pg_session_guard.idle_in_transaction_session_timeout' => '500ms');

# All that was written, to whichever file.
sub logs
{
	return join '', map { slurp_file($_) } glob($node->data_dir . '/collected/*'), $node->logfile;
}

# A culprit goes and an innocent stays.
sub check_guard
{
	my ($what) = @_;
	my ($culprit, $idle) = map { open_session($node) } 1 .. 2;
	my ($culprit_pid, $idle_pid) = map { pid_of($_) } $culprit, $idle;

	$culprit->query('BEGIN');
	wait_for_end($node, $culprit_pid);
	ok(is_alive($node, $idle_pid), "$what: the culprit goes, the innocent stays");
	wait_until(sub { logs() =~ /LOG:  terminating session $culprit_pid / }, 'the line is in the collected log');
	close_sessions($culprit, $idle);
	return;
}

check_guard('after the start');
like(logs(), qr/DEBUG:  (?:full )?scan of \d+ sessions? in \d+ ms, \d+ deadlines, next scan in /, 'each scan is told of at debug1');
$node->restart;
wait_for_guard($node);
check_guard('after a restart');

# Two files of one second have the same name, so it may take a second try.
my $file = $node->safe_psql('postgres', 'SELECT pg_current_logfile()');
$node->poll_query_until('postgres',
	"SELECT pg_rotate_logfile() AND pg_current_logfile() <> '$file'")
  or die 'the log was not rotated';
check_guard('after the log was rotated');

unlike(logs(), qr/was terminated by signal|terminated abnormally|PANIC:/, 'nothing has crashed');
is(() = logs() =~ /LOG:  database system is ready to accept connections/g, 2, 'the server was started twice');
$node->stop;
ok(!-e $node->data_dir . '/postmaster.pid', 'it stops in good order');
done_testing();
