# A client that speaks the server's protocol by itself, message by message, for
# what psql cannot do: pause in a pipeline, call a function by fastpath, stall
# in COPY, leave a result unread, stay silent while it connects.
#
# It connects to the node's Unix-domain socket, or to a host by TCP.  It reads only
# when it is told to, and it never waits longer than the tests' common timeout.
package RawSession;

use strict;
use warnings FATAL => 'all';

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use PostgreSQL::Test::Utils;
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time);

# Open the socket and say nothing yet.
sub open
{
	my ($class, $node, %params) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $socket =
	  defined $params{host}
	  ? IO::Socket::IP->new(PeerHost => $params{host}, PeerPort => $node->port)
	  : IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path);

	die 'could not connect to ' . ($params{host} // $path) . ": $!" if !$socket;

	$socket->blocking(0);
	return bless { socket => $socket, buffer => '', closed => 0, pid => undef, error => undef },
	  $class;
}

# Open the socket, start a session as role web unless another is given, and
# wait until it is ready.
sub connect
{
	my ($class, $node, %params) = @_;
	my $self = $class->open($node, %params);

	$self->start_up(%params);
	$self->read_until('Z');
	die 'could not start a session: ' . ($self->{error}{message} // 'connection closed')
	  if !defined $self->{pid};
	return $self;
}

# Try to connect, and go; what the server says if it refuses, as error_text() shows it, or an
# empty text.
sub refusal
{
	my ($class, $node, %params) = @_;
	my $self = $class->open($node, %params);

	$self->start_up(%params);
	$self->read_until('Z');
	my $text = $self->error_text;
	$self->quit if !$self->{closed};
	return $text;
}

# The startup message, for those who send it in pieces.
sub startup_message
{
	my ($self, %params) = @_;
	my %parameters = (
		user => $params{user} // 'web',
		database => $params{dbname} // 'postgres',
		application_name => $params{application_name} // 'raw',
		%{ $params{parameters} // {} });
	my $body = pack('N', 3 << 16) . join('', map { "$_\0$parameters{$_}\0" } sort keys %parameters)
	  . "\0";

	return pack('N', 4 + length $body) . $body;
}

sub start_up
{
	my ($self, %params) = @_;

	$self->send_bytes($self->startup_message(%params));
	return;
}

# The server process of the session, by its own account; undef before it is ready.
sub pid
{
	my ($self) = @_;

	return $self->{pid};
}

# The last error: a hash of severity, sqlstate, message, detail and hint.
sub error
{
	my ($self) = @_;

	return $self->{error};
}

# The same as psql shows it, with the SQLSTATE; what the server itself says of
# the sender of a signal (19) is left out.
sub error_text
{
	my ($self) = @_;
	my $error = $self->{error} // return '';
	my $detail = ($error->{detail} // '') =~ s/(^|\n)Signal sent by [^\n]*$//r;

	return join "\n", "$error->{severity} $error->{sqlstate}: $error->{message}",
	  (length $detail ? "DETAIL: $detail" : ()),
	  (defined $error->{hint} ? "HINT: $error->{hint}" : ());
}

sub sqlstate
{
	my ($self) = @_;

	return $self->{error} ? $self->{error}{sqlstate} : '';
}

# Has the server closed the connection?  Known only after reading that far.
sub is_closed
{
	my ($self) = @_;

	return $self->{closed};
}

# Leave as a client should, or just go.
sub quit
{
	my ($self) = @_;

	$self->send_message('X', '');
	$self->abandon;
	return;
}

sub abandon
{
	my ($self) = @_;

	close $self->{socket};
	$self->{closed} = 1;
	return;
}

# --- sending ---------------------------------------------------------------

# Send bytes as they are.  A server that has gone away is noticed when reading.
sub send_bytes
{
	my ($self, $bytes) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $sent = syswrite $self->{socket}, $bytes;

		if (defined $sent)
		{
			substr $bytes, 0, $sent, '';
			next;
		}
		return unless $!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR};
		die 'timed out sending to the server' if time > $deadline;
		IO::Select->new($self->{socket})->can_write(1);
	}
	return;
}

sub send_message
{
	my ($self, $type, $body) = @_;

	$self->send_bytes($type . pack('N', 4 + length $body) . $body);
	return;
}

# Begin a simple query; its answer is left unread.
sub send_query
{
	my ($self, $sql) = @_;

	$self->send_message('Q', "$sql\0");
	return;
}

sub parse
{
	my ($self, $statement, $sql) = @_;

	$self->send_message('P', "$statement\0$sql\0" . pack('n', 0));
	return;
}

# Parameters are sent as text.
sub bind
{
	my ($self, $portal, $statement, @values) = @_;

	$self->send_message('B',
		"$portal\0$statement\0" . pack('n', 0) . text_values(@values) . pack('n', 0));
	return;
}

sub describe_portal
{
	my ($self, $portal) = @_;

	$self->send_message('D', "P$portal\0");
	return;
}

# Ask for so many rows at most; 0 is all.
sub execute
{
	my ($self, $portal, $rows) = @_;

	$self->send_message('E', "$portal\0" . pack('N', $rows // 0));
	return;
}

sub flush
{
	my ($self) = @_;

	$self->send_message('H', '');
	return;
}

sub sync
{
	my ($self) = @_;

	$self->send_message('S', '');
	return;
}

# Call a function by its oid, its arguments and its result as text.
sub send_function_call
{
	my ($self, $function, @values) = @_;

	$self->send_message('F', pack('N n', $function, 0) . text_values(@values) . pack('n', 0));
	return;
}

sub copy_data
{
	my ($self, $data) = @_;

	$self->send_message('d', $data);
	return;
}

sub copy_done
{
	my ($self) = @_;

	$self->send_message('c', '');
	return;
}

sub send_password
{
	my ($self, $password) = @_;

	$self->send_message('p', "$password\0");
	return;
}

# Values as Bind and FunctionCall want them.
sub text_values
{
	my (@values) = @_;

	return pack('n', scalar @values) . join('', map { pack('N/a*', $_) } @values);
}

# --- reading ---------------------------------------------------------------

# The next message as [type, body]; undef when the server has closed the connection.
sub read_message
{
	my ($self) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until ($self->has_message)
	{
		return if $self->{closed};
		die 'timed out waiting for the server' if time > $deadline;
		$self->read_bytes if IO::Select->new($self->{socket})->can_read(1);
	}
	my ($type, $length) = unpack 'a N', $self->{buffer};
	my $body = substr $self->{buffer}, 5, $length - 4;

	substr $self->{buffer}, 0, 1 + $length, '';
	$self->take_note($type, $body);
	return [ $type, $body ];
}

# All messages up to the first of a type, which is the last one; fewer if the
# server closed the connection.
sub read_until
{
	my ($self, $type) = @_;
	my @messages;

	while (my $message = $self->read_message)
	{
		push @messages, $message;
		last if $message->[0] eq $type;
	}
	return @messages;
}

# Read until the server has closed the connection.
sub read_to_end
{
	my ($self) = @_;

	1 while $self->read_message;
	return;
}

# Read until the session is ready again; the result as values_of() gives it.
sub read_result
{
	my ($self) = @_;

	return values_of($self->read_until('Z'));
}

# The first column of the rows among messages: all values, or in scalar context
# the first of them.
sub values_of
{
	my (@messages) = @_;
	my @values = map { first_value($_->[1]) } grep { $_->[0] eq 'D' } @messages;

	return wantarray ? @values : $values[0];
}

# The first value of a row; undef is NULL.
sub first_value
{
	my ($row) = @_;
	my $length = unpack 'x2 N', $row;

	return $length == 0xFFFFFFFF ? undef : substr $row, 6, $length;
}

# All values of the rows among messages, as one array for each row.
sub rows_of
{
	my (@messages) = @_;

	return map { [ values_in($_->[1]) ] } grep { $_->[0] eq 'D' } @messages;
}

sub values_in
{
	my ($row) = @_;
	my $at = 2;
	my @values;

	for (1 .. unpack 'n', $row)
	{
		my $length = unpack "x$at N", $row;

		$at += 4;
		if ($length == 0xFFFFFFFF)
		{
			push @values, undef;
			next;
		}
		push @values, substr $row, $at, $length;
		$at += $length;
	}
	return @values;
}

# Read what has come so far, without waiting; all messages of it.
sub read_what_came
{
	my ($self) = @_;
	my @messages;

	while (1)
	{
		push @messages, $self->read_message while $self->has_message;
		return @messages if $self->{closed} || !IO::Select->new($self->{socket})->can_read(0);
		$self->read_bytes;
	}
}

# Run a simple query to its end; the result as values_of() gives it.  When the
# connection is closed nothing happens, and the last error stays.
sub query
{
	my ($self, $sql) = @_;

	return if $self->{closed};
	$self->{error} = undef;
	$self->send_query($sql);
	return $self->read_result;
}

# Run simple queries one after the other; die at the first one that fails.
sub run
{
	my ($self, @statements) = @_;

	for my $sql (@statements)
	{
		$self->query($sql);
		die "$sql: $self->{error}{message}" if $self->{error};
	}
	return;
}

# Run statements in a pipeline, without a Sync; the result of the last one as
# values_of() gives it.
sub run_in_pipeline
{
	my ($self, @statements) = @_;
	my @messages;

	for my $sql (@statements)
	{
		return if $self->{closed};
		$self->parse('', $sql);
		$self->bind('', '');
		$self->execute('');
		$self->flush;
		@messages = $self->read_until('C');
	}
	return values_of(@messages);
}

# Call a function by fastpath to its end; its result.
sub call_function
{
	my ($self, $function, @values) = @_;

	$self->{error} = undef;
	$self->send_function_call($function, @values);
	my ($answer) = grep { $_->[0] eq 'V' } $self->read_until('Z');
	return $answer && unpack 'N/a*', $answer->[1];
}

# Is there a whole message in the buffer?
sub has_message
{
	my ($self) = @_;

	return length $self->{buffer} >= 5
	  && length $self->{buffer} >= 1 + unpack('x N', $self->{buffer});
}

sub read_bytes
{
	my ($self) = @_;
	my $read = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};

	return if !defined $read && ($!{EAGAIN} || $!{EWOULDBLOCK} || $!{EINTR});
	$self->{closed} = 1 if !$read;
	return;
}

# Keep what a message says of the session itself.
sub take_note
{
	my ($self, $type, $body) = @_;

	if ($type eq 'K')
	{
		$self->{pid} = unpack 'N', $body;
	}
	elsif ($type eq 'E')
	{
		my %fields = map { (substr($_, 0, 1) => substr($_, 1)) } grep { length } split /\0/, $body;

		$self->{error} = {
			severity => $fields{V},
			sqlstate => $fields{C},
			message => $fields{M},
			detail => $fields{D},
			hint => $fields{H}
		};
	}
	return;
}

1;
