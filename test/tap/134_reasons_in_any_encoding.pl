# What the client is told is plain ASCII and one line, whatever is in names and
# reasons: no encoding of database or client can make another error of it.  What
# does not fit is cut.  Nothing of anybody's query reaches another one's client.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use RawSession;
use Test::More;

my $node = guard_node('main', 'pg_session_guard.naptime' => '100ms');

# A database of each encoding, letters in its own bytes, and what clients may ask for.
my %encoding = (
	utf => [ 'UTF8', "\xc3\xa9\xe6\x97\xa5", qw(UTF8 LATIN1 WIN1251 SQL_ASCII) ],
	latin => [ 'LATIN1', "\xe9", qw(LATIN1 UTF8 SQL_ASCII) ],
	ascii => [ 'SQL_ASCII', "\xe9\xff", qw(SQL_ASCII UTF8 LATIN1) ]);

# As the client is told: control characters and all that is not ASCII escaped.
sub escaped
{
	my ($text) = @_;

	return $text =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger;
}

for my $dbname (sort keys %encoding)
{
	my ($encoding, $letters) = @{ $encoding{$dbname} };

	local $ENV{PGCLIENTENCODING} = $encoding;
	$node->safe_psql('postgres',
		"CREATE DATABASE $dbname ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$node->safe_psql(
		$dbname, qq{
		CREATE EXTENSION pg_session_guard;
		CREATE ROLE "web $letters" LOGIN;
		CREATE ROLE "dba $letters" LOGIN IN ROLE pg_signal_backend});
}

for my $dbname (sort keys %encoding)
{
	my ($encoding, $letters, @client_encodings) = @{ $encoding{$dbname} };
	my $web = "web $letters";
	my %session;

	local $ENV{PGCLIENTENCODING} = $encoding;
	for my $client_encoding (@client_encodings)
	{
		$session{$client_encoding} = RawSession->connect($node, dbname => $dbname, user => $web);
		$session{$client_encoding}->query("SET client_encoding = '$client_encoding'");
		is($session{$client_encoding}->error, undef, "$dbname: a client of encoding $client_encoding");
	}
	if ($dbname eq 'utf')
	{
		$session{LATIN1}->query('SELECT user');
		is($session{LATIN1}->sqlstate, '22P05', 'a client cannot read its name');
	}

	# By the guard.
	$_->send_query('SELECT pg_sleep(600)') for values %session;
	$node->safe_psql($dbname,
		qq{ALTER ROLE "$web" IN DATABASE $dbname SET pg_session_guard.statement_timeout = '300ms'});
	my $source = escaped(qq(role "$web" in database "$dbname"));
	for my $client_encoding (sort keys %session)
	{
		$session{$client_encoding}->read_until('Z');
		like(
			$session{$client_encoding}->error_text,
			qr/^\Q${\ canceled_text('Statement running for ') }\E[^;]+\Q; pg_session_guard.statement_timeout is 300 ms ($source).\E\n/,
			"$dbname, $client_encoding: the guard's cancel is told");
	}
	$node->safe_psql($dbname, qq{ALTER ROLE "$web" IN DATABASE $dbname RESET ALL});

	# By a function.
	my $call = qq{terminate_user_sessions('$web', reason => 'for $letters')};
	my $result = run_function($node, $call, dbname => $dbname, user => "dba $letters");
	my $detail = escaped(qq(Ordered by role "dba $letters" with terminate_user_sessions(username => '$web'): "for $letters".));
	for my $client_encoding (sort keys %session)
	{
		$session{$client_encoding}->read_to_end;
		is($session{$client_encoding}->error_text, terminated_text($detail),
			"$dbname, $client_encoding: a request is told");
	}
	is($result->{stderr}, '', "$dbname: the call gives no error");
}

# Reasons of any kind.
my $session = RawSession->connect($node, dbname => 'utf');

sub detail_of_cancel
{
	my ($reason, $notice) = @_;

	$session->send_query('SELECT pg_sleep(600)');
	wait_for_status($node, $session->pid, "wait_event = 'PgSleep'");
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	my $result = run_function($node, "cancel_query(${\ $session->pid }, reason => \$reason\$$reason\$reason\$)",
		dbname => 'utf', user => "dba $encoding{utf}[1]");
	is($result->{stderr} =~ s/^psql:\S+ //r, $notice // '', 'the call gives no error');
	$session->read_result;
	# Without what the server itself adds.
	return $session->error_text =~ s/^\Q${\ canceled_text() }\E\nDETAIL: //r;
}

my $start = escaped(qq(Ordered by role "dba $encoding{utf}[1]" with cancel_query(): "));
my %reason = (
	quotes => q(it's "urgent"; $1 %s \\ {}),
	'line breaks' => "first\nsecond\r\n\tthird\x7f",
	'other letters' => "caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac");
is(detail_of_cancel($reason{$_}), $start . escaped($reason{$_} =~ s/"/""/gr) . '".', "a reason with $_") for sort keys %reason;

# What is longer than an event keeps is cut, between two characters; what is
# longer than a message to the client is cut there.
my $notice = 'NOTICE:  argument "reason" is cut to 511 bytes';
my $most = 'x' x 511;
is(detail_of_cancel($most), qq($start$most".), 'the longest reason');
is(detail_of_cancel("${most}x", $notice), qq($start$most".), 'one that is longer by a letter is cut');
is(detail_of_cancel('x' x 100_000, $notice), qq($start$most".), 'so is one that is far too long');
my $cut = detail_of_cancel('x' x 400 . "\xe6\x97\xa5" x 5000, $notice);
is($cut, $start . 'x' x 400 . escaped("\xe6\x97\xa5" x 37) . '".', 'no letter is cut in half');
$cut = detail_of_cancel("\xc3\xa9" x 255);
is(length $cut, 1023, 'one of other letters is as long as can be');
is($cut, substr($start . escaped("\xc3\xa9" x 255), 0, 1020) . '...', 'and cut for the client');

# Queries.  All that clients read is looked at, as it comes.
my %secret = (caller => 'alpha', first => 'bravo', second => 'charlie', limited => 'delta');
my %victim = map { ($_ => RawSession->connect($node, dbname => 'utf')) } qw(first second limited);
$victim{$_}->send_query("SELECT pg_sleep(600) /* $secret{$_} */") for sort keys %victim;
wait_for_status($node, $_->pid, "wait_event = 'PgSleep'") for values %victim;
$node->safe_psql('utf',
	"SELECT terminate_session(pid, reason => 'end') /* $secret{caller} */
	 FROM unnest(ARRAY[${\ $victim{first}->pid }, ${\ $victim{second}->pid }]) AS pid");
$node->safe_psql('postgres', q{ALTER ROLE web SET pg_session_guard.statement_timeout = '300ms'});
for my $name (sort keys %victim)
{
	my @errors = map { $_->[1] } grep { $_->[0] =~ /[EN]/ } $victim{$name}->read_until($name eq 'limited' ? 'Z' : 'E');
	my @others = map { $secret{$_} } grep { $_ ne $name } keys %secret;

	is(scalar @errors, 1, "$name: the client reads of the end");
	like($errors[0], qr/\0D(?:Ordered by|Statement running for)/, "$name: with a reason");
	is_deeply([ grep { index("@errors", $_) >= 0 } @others ], [], "$name: and of nobody else's query");
}

$_->abandon for $session, values %victim;
$node->stop;
done_testing();
