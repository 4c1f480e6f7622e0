# A message so long that it reaches the server in many pieces.
package Upload;

use strict;
use warnings FATAL => 'all';

use List::Util qw(max);
use RawSession;
use Time::HiRes qw(time);

my $size = 1_000_000;
my $text = 'x' x $size;

# What each message asks the server for is the length of its text, but for "rollback", which asks
# for nothing, and "call", which fails.
my $execute = message('E', "\0" . pack('N', 0)) . message('S', '');
my %message = (
	query => message('Q', "SELECT length('$text')\0"),
	rollback => message('Q', "ROLLBACK /* $text */\0"),
	bind => message('B', "\0\0" . pack('n', 0) . RawSession::text_values($text) . pack('n', 0)) . $execute,
	statement => message('P', "\0SELECT length('$text')\0" . pack('n', 0))
	  . message('B', "\0\0" . pack('n n n', 0, 0, 0))
	  . $execute,
	# Behind an error the server reads on to the Sync.
	skipped => message('P', "\0SELECT length('$text')\0" . pack('n', 0)) . message('S', ''),
	call => message('F', pack('N n', 1317, 0) . RawSession::text_values($text) . pack('n', 0)));

sub message
{
	my ($type, $body) = @_;

	return $type . pack('N', 4 + length $body) . $body;
}

# One that has not begun yet.
sub new
{
	my ($class, $session, $kind) = @_;

	return bless { session => $session, left => $message{$kind}, sent_at => undef, longest_pause => 0 }, $class;
}

# What a message of "bind" belongs to.
sub parse_statement
{
	my ($session) = @_;

	$session->parse('', 'SELECT length($1)');
	$session->flush;
	$session->read_until('1');
	return;
}

sub session
{
	my ($self) = @_;

	return $self->{session};
}

# The result of what asks for the length.
sub size
{
	return $size;
}

sub send_piece
{
	my ($self, $length) = @_;

	$self->{session}->send_bytes(substr $self->{left}, 0, $length, '');
	$self->note_piece;
	return;
}

sub note_piece
{
	my ($self) = @_;
	my $now = time;

	$self->{longest_pause} = max($self->{longest_pause}, $now - ($self->{sent_at} // $now));
	$self->{sent_at} = $now;
	return;
}

# For how long nothing was sent between two pieces.  Who sends nothing for a second may
# be taken for idle, and so may a test on a machine that does not let it send.
sub has_paused
{
	my ($self) = @_;

	return $self->{longest_pause} > 0.8;
}

# Send the rest; returns the result.
sub finish
{
	my ($self) = @_;

	$self->{session}->send_bytes($self->{left});
	$self->note_piece;
	return scalar $self->{session}->read_result;
}

1;
