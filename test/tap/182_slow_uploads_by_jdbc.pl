# Clients of the JDBC driver, which speaks the extended protocol and pipelines
# its batches, over a slow link: statements with long parameters, batches, large
# objects and COPY are longer on their way than the idle limits and succeed, in a
# transaction and outside.  The clients beside them that send nothing go.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use SlowLink;
use Test::More;

my ($driver) = grep { -e } $ENV{PGJDBC} // '', '/usr/share/java/postgresql.jar';
plan skip_all => 'the JDBC driver is not installed (/usr/share/java/postgresql.jar, or $PGJDBC)' unless defined $driver;
plan skip_all => 'no Java compiler is installed' if system('javac -version >/dev/null 2>&1') != 0;

my $node = guard_node(
	'main',
	'max_connections' => 40,
	'pg_session_guard.idle_session_timeout' => '1.5s',
	'pg_session_guard.idle_in_transaction_session_timeout' => '1.5s',
	'pg_session_guard.naptime' => '200ms');
$node->safe_psql('postgres', 'CREATE TABLE t (who text, x text); GRANT ALL ON t TO web');

my $directory = $PostgreSQL::Test::Utils::tmp_check;

append_to_file("$directory/Upload.java", <<'JAVA');
import java.io.StringReader;
import java.sql.*;
import java.util.concurrent.CountDownLatch;
import org.postgresql.PGConnection;

public class Upload {
    interface Work { void on(Connection connection) throws Exception; }

    static final String text = "x".repeat(1000000);
    static final CountDownLatch gone = new CountDownLatch(1);

    static synchronized void say(String line) { System.out.println(line); System.out.flush(); }

    static void insert(Connection connection, String who, String x) throws SQLException {
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
            s.setString(1, who);
            s.setString(2, x);
            s.executeUpdate();
        }
    }

    static Thread start(String url, String name, boolean autocommit, Work work) {
        Thread thread = new Thread(() -> {
            try (Connection connection = DriverManager.getConnection(url)) {
                say(name + " is " + ((PGConnection) connection).getBackendPID());
                connection.setAutoCommit(autocommit);
                work.on(connection);
                say(name + " done");
            } catch (Exception e) {
                say(name + " failed " + e.getMessage().replace('\n', ' '));
            }
        });
        thread.start();
        return thread;
    }

    static void batch(Connection connection, String who) throws SQLException {
        try (PreparedStatement s = connection.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
            for (int i = 0; i < 10; i++) {
                s.setString(1, who);
                s.setString(2, text.substring(0, 100000));
                s.addBatch();
            }
            s.executeBatch();
        }
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://127.0.0.1:" + args[0] + "/postgres?user=web&sslmode=disable&socketTimeout=60";
        Thread[] threads = {
            start(url, "autocommit", true, c -> insert(c, "autocommit", text)),
            start(url, "transaction", false, c -> {
                insert(c, "transaction, short", "");
                insert(c, "transaction", text);
                c.commit();
            }),
            start(url + "&preferQueryMode=simple", "simple", true, c -> insert(c, "simple", text)),
            start(url + "&prepareThreshold=-1", "prepared", true, c -> {
                try (PreparedStatement s = c.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
                    for (String x : new String[] { "", "", text }) {
                        s.setString(1, "prepared");
                        s.setString(2, x);
                        s.executeUpdate();
                    }
                }
            }),
            start(url, "batch", true, c -> batch(c, "batch")),
            start(url, "batch_transaction", false, c -> { batch(c, "batch_transaction"); c.commit(); }),
            start(url, "copy", true, c ->
                c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY t FROM STDIN", new StringReader("copy\t" + text + "\n"))),
            start(url, "large_object", false, c -> {
                var api = c.unwrap(PGConnection.class).getLargeObjectAPI();
                var object = api.open(api.createLO());
                object.write(text.getBytes());
                object.close();
                insert(c, "large_object", "");
                c.commit();
            }),
            start(url, "pause", true, c -> { insert(c, "pause, before", ""); gone.await(); insert(c, "pause", ""); }),
            start(url, "pause_in_transaction", false, c -> { insert(c, "pause in transaction", ""); gone.await(); c.commit(); }),
        };
        System.in.read();
        gone.countDown();
        for (Thread thread : threads)
            thread.join();
    }
}
JAVA
run_log([ 'javac', '-nowarn', '-cp', $driver, '-d', $directory, "$directory/Upload.java" ])
  or die 'the client could not be compiled';

my @uploads = qw(autocommit transaction simple prepared batch batch_transaction copy large_object);
my @pauses = qw(pause pause_in_transaction);
my ($in, $out, $err, %pid);

# Where the machine did not let the link work for a while, it says nothing of the guard.
for (1 .. 10)
{
	# 4 s for each million bytes.
	my $link = SlowLink->start($node, to_server => 250_000);

	($in, $out, $err) = ('', '', '');
	$node->safe_psql('postgres', 'TRUNCATE t');
	my $client = IPC::Run::start([ 'java', '-XX:TieredStopAtLevel=1', '-cp', "$driver:$directory", 'Upload', $link->port ],
		'<', \$in, '>', \$out, '2>', \$err);
	wait_until(sub { $client->pump_nb; %pid = $out =~ /^(\w+) is (\d+)$/mg; return keys %pid == @uploads + @pauses },
		'all clients are connected');
	wait_for_end($node, $pid{$_}) for @pauses;
	my $uploads = join '|', @uploads;
	wait_until(sub { $client->pump_nb; return @uploads == (() = $out =~ /^(?:$uploads) (?:done|failed)/mg) },
		'the others have done their work');
	$in .= "\n";
	$client->finish;
	$link->stop;
	last if !$link->has_paused;
	note('this try was too slow');
}
pass('those that pause are gone');
note($out, $err);
like($out, qr/^$_ done$/m, "$_: succeeds") for @uploads;
like($out, qr/^$_ failed/m, "$_: is ended") for @pauses;
is($node->safe_psql('postgres', q{SELECT string_agg(who, ', ' ORDER BY who COLLATE "C") FROM (SELECT DISTINCT who FROM t) AS t}),
	'autocommit, batch, batch_transaction, copy, large_object, pause, before, prepared, simple, transaction, transaction, short',
	'what they sent is kept');
my $lines = join "\n", guard_lines($node, qr/LOG:  terminating session/);
like($lines, qr/session $pid{pause} \([^)]*\): idle for /, 'the one was idle');
like($lines, qr/session $pid{pause_in_transaction} \([^)]*\): idle in transaction for /,
	'the other idle in transaction');

$node->stop;
done_testing();
