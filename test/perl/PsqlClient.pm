# A client that is a process of its own, a psql: it can be killed, and
# what it leaves behind is what the kernel makes of that.
package PsqlClient;

use strict;
use warnings FATAL => 'all';

use IO::Handle;
use IO::Socket::IP;
use IPC::Run;
use Socket qw(SOCK_STREAM);

my @running;

# Can this machine speak to itself by this address?  Without one, by its Unix-domain sockets.
sub can_use
{
	my ($host) = @_;

	return 1 if !defined $host;
	return defined IO::Socket::IP->new(LocalHost => $host, LocalPort => 0, Type => SOCK_STREAM, Listen => 1);
}

# Start one that runs a statement as role web, unless another is given; with a name of its own,
# by which it is found.  It connects to the node's Unix-domain socket, or to a host by TCP, and is
# run by another command if one is given.  If it is to come to another state than "active", it
# stays when its statements are done.
sub start
{
	my ($class, $node, $name, $sql, %params) = @_;
	my $self = bless { name => $name, node => $node }, $class;
	my $host = $params{host} // $node->host;
	my $port = $params{port} // $node->port;
	my $user = $params{user} // 'web';
	my $state = $params{state} // 'active';

	# It has been given its input as soon as it is started, and no end of it.
	pipe my $input, $self->{input} or die "pipe: $!";
	$self->{input}->autoflush;
	print { $self->{input} } "$sql;\n";
	$self->{run} = IPC::Run::start(
		[ @{ $params{by} // [] }, 'psql', '-XAtq', "host=$host port=$port user=$user dbname=postgres application_name=$name" ],
		'<', $input, '>', \$self->{output}, '2>', \$self->{errors});
	push @running, $self;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name' AND state = '$state'")
	  or die "$name does not run: $self->{errors}";
	$self->{pid} = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE application_name = '$name'");
	return $self;
}

# The server process of its session.
sub pid
{
	my ($self) = @_;

	return $self->{pid};
}

# kill -9
sub kill
{
	my ($self) = @_;

	(delete $self->{run})->kill_kill if $self->{run};
	return;
}

# Whatever becomes of the test, none is left behind.
END
{
	local $?;
	$_->kill for @running;
}

1;
