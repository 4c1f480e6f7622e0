# A pgbouncer in front of a server, listening on a Unix-domain socket.  RawSession
# takes it for a node.
package PgBouncer;

use strict;
use warnings FATAL => 'all';

use GuardTest;
use IO::Socket::UNIX;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

# The program; undef if it is not installed.
sub program
{
	my ($found) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';

	return $found;
}

# Start one for the databases of a node, for roles that log in without a
# password, with further settings; returns it when it accepts connections.
my @running;

sub start
{
	my ($class, $node, $roles, %settings) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $self = bless { host => $folder, port => $port }, $class;

	append_to_file("$folder/users", join '', map { qq("$_" ""\n) } @$roles);
	append_to_file("$folder/ini", <<"INI" . join '', map { "$_ = $settings{$_}\n" } sort keys %settings);
[databases]
* = host=${\ $node->host } port=${\ $node->port }
[pgbouncer]
listen_port = $port
unix_socket_dir = $folder
auth_type = trust
auth_file = $folder/users
logfile = $folder/log
pidfile = $folder/pid
INI
	$self->{run} = IPC::Run::start([ program(), '-q', "$folder/ini" ], '<', \undef, '>', "$folder/out", '2>&1');
	push @running, $self;
	# The socket is there for a moment before it listens.
	wait_until(sub { IO::Socket::UNIX->new(Peer => "$folder/.s.PGSQL.$port") }, 'pgbouncer accepts connections');
	return $self;
}

sub host
{
	my ($self) = @_;

	return $self->{host};
}

sub port
{
	my ($self) = @_;

	return $self->{port};
}

# Its process.
sub pid
{
	my ($self) = @_;

	return slurp_file("$self->{host}/pid") =~ /^(\d+)/ && $1;
}

sub stop
{
	my ($self) = @_;

	(delete $self->{run})->kill_kill if $self->{run};
	return;
}

# Whatever becomes of the test, none is left behind.
END
{
	local $?;
	$_->stop for @running;
}

1;
