# Whoever waits behind others waits for who is at the root: behind maintenance that waits itself,
# and behind one that tries for a lock again and again.  Where the end of one would not help,
# since a prepared transaction is in the way as well, it stays.  Views say who is at the root.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node(
	'main',
	'pg_session_guard.idle_blocker_timeout' => '2s',
	'pg_session_guard.statement_timeout' => '1h',
	'pg_session_guard.naptime' => '500ms',
	max_prepared_transactions => 1,
	deadlock_timeout => '1h');

$node->safe_psql('postgres', join ';',
	'GRANT CREATE ON SCHEMA public TO web',
	map { "CREATE TABLE $_ (id int); ALTER TABLE $_ OWNER TO web" } qw(a b c d e));

my %session = map { $_ => RawSession->connect($node) }
  qw(root builder behind reader preparer both holder retries behind_it alone waits_e);

# An index is to be built on a table that somebody has written to, and the next writer waits
# behind that.
$session{root}->query('BEGIN; INSERT INTO a VALUES (1)');
let_wait($node, $session{builder} => 'CREATE INDEX ON a (id)');
let_wait($node, $session{behind} => 'INSERT INTO a VALUES (2)');

# Both a reader and a prepared transaction keep one from its lock.
$session{preparer}->query(q{BEGIN; SELECT count(*) FROM b; PREPARE TRANSACTION 'lost'});
$session{reader}->query('BEGIN; SELECT count(*) FROM b');
let_wait($node, $session{both} => 'BEGIN; LOCK TABLE b');

is( $node->safe_psql(
		'postgres', sprintf(
			q{SELECT blocked_by = ARRAY[%d], root_blockers = ARRAY[%d] FROM session_guard.session WHERE pid = %d},
			$session{builder}->pid, $session{root}->pid, $session{behind}->pid)),
	't|t', 'the view shows the root of a chain');
is( $node->safe_psql('postgres', sprintf(
			q{SELECT root_blockers = ARRAY[0, %d] FROM session_guard.session WHERE pid = %d},
			$session{reader}->pid, $session{both}->pid)),
	't', 'and all of several');
is( $node->safe_psql('postgres', sprintf(q{SELECT concat_ws(': ', spared, waits_for) FROM session_guard.schedule WHERE pid = %d AND limit_name = 'statement_timeout'},
			$session{behind}->pid)),
	"waits for a lock: session ${\ $session{root}->pid }", 'the schedule of who waits names it');
like( $node->safe_psql('postgres', sprintf(q{SELECT waits_for FROM session_guard.schedule WHERE pid = %d AND limit_name = 'statement_timeout'},
			$session{both}->pid)),
	qr/^(?=.*\bprepared transaction "lost")(?=.*\bsession ${\ $session{reader}->pid }\b)[^,]+, [^,]+$/, 'also a prepared transaction');

wait_for_end($node, $session{root}->pid);
$session{root}->read_to_end;
like($session{root}->error_text, qr/DETAIL: Idle while blocking 1 session for 2/, 'who is at the root ends');
$_->read_result for @session{qw(builder behind)};
is_deeply([ map { $_->sqlstate } @session{qw(builder behind)} ], [ '', '' ], 'and those behind it go on');

# One holds what another waits for, and tries for a third's lock again and again.
$session{holder}->query('BEGIN; LOCK TABLE c');
$session{retries}->query(q{BEGIN; LOCK TABLE d; SET LOCAL lock_timeout = '300ms'});
$session{retries}->send_query(q{DO $$BEGIN
	LOOP
		BEGIN
			LOCK TABLE c;
			RETURN;
		EXCEPTION WHEN lock_not_available THEN
		END;
	END LOOP;
END$$});
let_wait($node, $session{behind_it} => 'BEGIN; LOCK TABLE d');
wait_for_end($node, $session{holder}->pid);
$session{retries}->read_result;
is($session{retries}->sqlstate, '', 'who holds what another one tries for again and again ends');
$session{retries}->query('COMMIT');

ok(is_alive($node, $session{reader}->pid), 'who is not alone in the way stays');
is(scalar guard_lines($node, qr/prepared transaction "lost" blocks 1 session/), 1, 'the other one is named');
# But it goes for another one that waits for it alone.
$session{reader}->query('LOCK TABLE e');
let_wait($node, $session{waits_e} => 'BEGIN; LOCK TABLE e');
wait_for_end($node, $session{reader}->pid);
$session{reader}->read_to_end;
like($session{reader}->error_text, qr/DETAIL: Idle while blocking \d sessions?/, 'it goes for one that waits for it alone');
$node->safe_psql('postgres', q{ROLLBACK PREPARED 'lost'});
$session{both}->read_result;
is($session{both}->sqlstate, '', 'which ends when the prepared transaction does');
is(scalar guard_lines($node, qr/terminating session/), 3, 'three are ended');
is(scalar guard_lines($node, qr/canceling statement of/), 0, 'nobody is canceled');

# One waits for a writer, and is behind one in the queue that waits for an exempt reader, too.
$node->safe_psql('postgres', 'CREATE TABLE f (id int); GRANT ALL ON f TO PUBLIC; CREATE ROLE backup LOGIN; ALTER ROLE backup SET pg_session_guard.exempt = on');
my %queue = (
	backup => RawSession->connect($node, user => 'backup'),
	map { $_ => RawSession->connect($node) } qw(writer exclusive share));
$queue{backup}->query('BEGIN; SELECT count(*) FROM f');
$queue{writer}->query('BEGIN; INSERT INTO f VALUES (1)');
let_wait($node, $queue{exclusive} => 'BEGIN; LOCK TABLE f');
let_wait($node, $queue{share} => 'BEGIN; LOCK TABLE f IN SHARE MODE');
wait_until(sub { guard_lines($node, qr/sparing session ${\ $queue{backup}->pid } .*: idle while blocking 1 session/) > 0 },
	'the exempt one is named');
wait_until_unchanged_for($node, '4 s', map { $queue{$_}->pid } qw(exclusive share));
wait_for_scan($node, 3);
is(living($node, \%queue), 'backup exclusive share writer', 'nobody ends for one that would be next but one in the queue');

$_->abandon for values(%session), values(%queue);
$node->stop;
done_testing();
