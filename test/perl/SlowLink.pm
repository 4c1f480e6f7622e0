# A link between client and server that carries only so many bytes a second to
# the server, as a driver over a bad line has it.  What the server answers comes
# through as it is, unless the link is told to be slow that way, too.
#
# A process of its own passes the bytes on, from a TCP port of this machine to
# the server's Unix-domain socket, in small pieces with short pauses between them.
package SlowLink;

use strict;
use warnings FATAL => 'all';

use File::Temp;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOCK_STREAM);
use Time::HiRes qw(time usleep);

# Pieces a second in each direction.
my $beats = 50;

sub start
{
	my ($class, $node, %params) = @_;
	my $path = $node->host . '/.s.PGSQL.' . $node->port;
	my $listener = IO::Socket::INET->new(
		LocalAddr => '127.0.0.1',
		LocalPort => 0,
		Listen => 50,
		Proto => 'tcp') or die "could not listen: $!";
	my $self = bless { port => $listener->sockport, pauses => File::Temp->new }, $class;
	my $parent = $$;

	$self->{pid} = fork() // die "could not fork: $!";
	if ($self->{pid} == 0)
	{
		eval { $self->carry($listener, $path, $parent, %params) };
		print STDERR "slow link: $@" if $@;
		POSIX::_exit(0);
	}
	close $listener;
	return $self;
}

sub port
{
	my ($self) = @_;

	return $self->{port};
}

sub stop
{
	my ($self) = @_;

	kill KILL => $self->{pid};
	waitpid $self->{pid}, 0;
	return;
}

# Has the machine kept the link from its work for long enough that a client was silent?
sub has_paused
{
	my ($self) = @_;

	return -s $self->{pauses}->filename > 0;
}

# Pass on what comes until the test is over.
sub carry
{
	my ($self, $listener, $path, $parent, %params) = @_;
	my $to_server = $params{to_server} / $beats;
	my $to_client = ($params{to_client} // 100_000_000) / $beats;
	my $worked_at = time;
	my @links;

	local $SIG{PIPE} = 'IGNORE';
	while (getppid == $parent)
	{
		while (IO::Select->new($listener)->can_read(0))
		{
			my $client = $listener->accept or last;
			my $server = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path);

			if ($server)
			{
				$_->blocking(0) for $client, $server;
				push @links, { client => $client, server => $server, up => '', down => '' };
			}
		}
		@links = grep {
			pass($_->{client}, $_->{server}, \$_->{up}, $to_server)
			  && pass($_->{server}, $_->{client}, \$_->{down}, $to_client)
		} @links;
		usleep(1_000_000 / $beats);
		syswrite $self->{pauses}, "paused\n" if time - $worked_at > 0.3;
		$worked_at = time;
	}
	return;
}

# Pass on one piece; false if one of them has closed the connection.
sub pass
{
	my ($from, $to, $buffer, $most) = @_;

	if (length $$buffer < $most)
	{
		my $read = sysread $from, $$buffer, $most - length $$buffer, length $$buffer;

		if (!$read && (defined $read || !($!{EAGAIN} || $!{EINTR})))
		{
			# What came before the end is not lost.
			$to->blocking(1);
			syswrite $to, $$buffer if length $$buffer;
			return 0;
		}
	}
	return 1 if !length $$buffer;
	my $written = syswrite $to, $$buffer;

	return $!{EAGAIN} || $!{EINTR} if !defined $written;
	substr $$buffer, 0, $written, '';
	return 1;
}

1;
