# A client of psycopg2, which speaks the simple protocol, over a slow link: its
# statement with a long parameter is longer on its way than the idle limits and
# succeeds, in a transaction and outside, and so does its COPY.  The clients
# beside it that send nothing go.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use SlowLink;
use Test::More;

my ($python) = grep { system("$_ -c 'import psycopg2' >/dev/null 2>&1") == 0 } 'python3', '/usr/bin/python3';
plan skip_all => 'psycopg2 is not installed' unless defined $python;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_session_timeout' => '1.5s',
	'pg_session_guard.idle_in_transaction_session_timeout' => '1.5s',
	'pg_session_guard.naptime' => '200ms');
$node->safe_psql('postgres', 'CREATE TABLE t (who text, x text); GRANT ALL ON t TO web');

my $script = $PostgreSQL::Test::Utils::tmp_check . '/upload.py';

append_to_file($script, <<'PYTHON');
import io, sys, threading, psycopg2

long = 'x' * 1000000

def connect():
    return psycopg2.connect(host='127.0.0.1', port=sys.argv[1], user='web', dbname='postgres', sslmode='disable')

def autocommit(connection, cursor):
    connection.autocommit = True
    cursor.execute("INSERT INTO t VALUES ('autocommit', %s)", (long,))

def transaction(connection, cursor):
    cursor.execute("INSERT INTO t VALUES ('transaction, short', '')")
    cursor.execute("INSERT INTO t VALUES ('transaction', %s)", (long,))
    connection.commit()

def copy(connection, cursor):
    cursor.execute("INSERT INTO t VALUES ('copy, short', '')")
    cursor.copy_expert("COPY t FROM STDIN", io.StringIO("copy\t" + long + "\n"))
    connection.commit()

def pause(connection, cursor):
    connection.autocommit = True
    cursor.execute("SELECT 1")
    gone.wait()
    cursor.execute("INSERT INTO t VALUES ('pause', '')")

def pause_in_transaction(connection, cursor):
    cursor.execute("INSERT INTO t VALUES ('pause in transaction', '')")
    gone.wait()
    connection.commit()

def run(what):
    try:
        connection = connect()
        cursor = connection.cursor()
        pid = str(connection.get_backend_pid())
        with lock:
            print(what.__name__, 'is', pid, flush=True)
        what(connection, cursor)
        result = 'done'
    except Exception as error:
        result = 'failed ' + str(error).split('\n')[0]
    with lock:
        print(what.__name__, result, flush=True)

lock = threading.Lock()
gone = threading.Event()
threads = [threading.Thread(target=run, args=(what,)) for what in
           (autocommit, transaction, copy, pause, pause_in_transaction)]
for thread in threads:
    thread.start()
sys.stdin.readline()
gone.set()
for thread in threads:
    thread.join()
PYTHON

my ($in, $out, $err, %pid);

# Where the machine did not let the link work for a while, it says nothing of the guard.
for (1 .. 10)
{
	# 4 s for each message.
	my $link = SlowLink->start($node, to_server => 250_000);

	($in, $out, $err) = ('', '', '');
	$node->safe_psql('postgres', 'TRUNCATE t');
	my $client = IPC::Run::start([ $python, $script, $link->port ], '<', \$in, '>', \$out, '2>', \$err);
	wait_until(sub { $client->pump_nb; %pid = $out =~ /^(\w+) is (\d+)$/mg; return keys %pid == 5 },
		'all clients are connected');
	wait_for_end($node, $pid{$_}) for qw(pause pause_in_transaction);
	wait_until(sub { $client->pump_nb; return 3 == (() = $out =~ /^(?:autocommit|transaction|copy) (?:done|failed)/mg) },
		'the others have done their work');
	$in .= "\n";
	$client->finish;
	$link->stop;
	last if !$link->has_paused;
	note('this try was too slow');
}
pass('those that pause are gone');
note($out, $err);
like($out, qr/^$_ done$/m, "$_: succeeds") for qw(autocommit transaction copy);
like($out, qr/^$_ failed/m, "$_: is ended") for qw(pause pause_in_transaction);
is($node->safe_psql('postgres', q{SELECT string_agg(who, ', ' ORDER BY who) FROM t}),
	'autocommit, copy, copy, short, transaction, transaction, short',
	'what they sent is kept');
my @lines = guard_lines($node, qr/LOG:  terminating session/);
like("@lines", qr/session $pid{pause} \([^)]*\): idle for /, 'the one was idle');
like("@lines", qr/session $pid{pause_in_transaction} \([^)]*\): idle in transaction for /,
	'the other idle in transaction');

$node->stop;
done_testing();
