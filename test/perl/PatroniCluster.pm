# A cluster of servers that Patroni keeps, with etcd beside it, all on the loopback address.
#
# A node is what the tests take for one elsewhere, a PostgreSQL::Test::Cluster, but started and
# stopped by its Patroni; what the two write is together in the node's log.  Patroni's superuser is a
# role of its own, and who runs the test another.
#
# Patroni and etcd are told to end if the test does, and nothing is left behind whatever becomes of it.
package PatroniCluster;

use strict;
use warnings FATAL => 'all';

use Cwd qw(realpath);
use File::Basename;
use GuardTest;
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX ();
use Time::HiRes qw(usleep);

my $json = JSON::PP->new->canonical->allow_nonref;
my $http = HTTP::Tiny->new(timeout => 60, proxy => undef, http_proxy => undef);
my @clusters;

# As fast as Patroni allows: a leader that is gone is missed after 20 s.  A slow machine is no reason to
# give up the lead.
my %pace = (ttl => 20, loop_wait => 1, retry_timeout => 9, maximum_lag_on_failover => 1048576);

# Start a cluster of named nodes, the first of which is the leader, with settings in Patroni's
# dynamic configuration.
sub start
{
	my ($class, $names, %parameters) = @_;
	my $self = bless { node => {}, names => $names, folder => PostgreSQL::Test::Utils::tempdir_short() }, $class;

	push @clusters, $self;
	$self->start_etcd;
	$self->{node}{$_} = $self->make_node($_, \%parameters) for @$names;
	$self->start_node($names->[0]);
	wait_until(sub { $self->is_leader($names->[0]) }, 'there is a leader');
	$self->node($names->[0])->safe_psql('postgres', 'CREATE ROLE "' . getpwuid($<) . '" SUPERUSER LOGIN',
		extra_params => [ '-U', 'patroni' ]);
	$self->start_node($_) for @$names[ 1 .. $#$names ];
	$self->wait_for_standby($_) for @$names[ 1 .. $#$names ];
	return $self;
}

sub start_etcd
{
	my ($self) = @_;
	my ($clients, $peers) = map { 'http://127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port() } 1 .. 2;

	$self->{etcd_url} = $clients;
	$self->{etcd} = start_process(
		log_file('etcd'), 'etcd', '--data-dir' => "$self->{folder}/etcd", '--name' => 'etcd', '--logger' => 'zap',
		'--listen-client-urls' => $clients, '--advertise-client-urls' => $clients,
		'--listen-peer-urls' => $peers, '--initial-advertise-peer-urls' => $peers,
		'--initial-cluster' => "etcd=$peers");
	return wait_until(sub { $http->get("$clients/health")->{success} }, 'etcd answers');
}

# A node with its configuration, not started.
sub make_node
{
	my ($self, $name, $parameters) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	my $folder = $node->basedir;
	my $rest = '127.0.0.1:' . PostgreSQL::Test::Cluster::get_free_port();
	my %configuration = (
		name => $name,
		scope => 'shop',
		etcd3 => { url => $self->{etcd_url} },
		restapi => { listen => $rest, connect_address => $rest },
		bootstrap => {
			dcs => { %pace, postgresql => { use_pg_rewind => JSON::PP::true, parameters => $parameters } },
			initdb => [ { encoding => 'UTF8' }, { locale => 'C' }, 'no-sync' ]
		},
		postgresql => local_configuration($node));

	install_library($node);
	$node->{rest} = "http://$rest";
	$node->{configuration} = \%configuration;
	write_configuration($node);
	return $node;
}

# What Patroni's own file says of a server.
sub local_configuration
{
	my ($node) = @_;
	my $address = '127.0.0.1:' . $node->port;

	return {
		listen => $address,
		connect_address => $address,
		data_dir => $node->data_dir,
		bin_dir => scalar $node->config_data('--bindir'),
		custom_conf => $node->basedir . '/custom.conf',
		pgpass => $node->basedir . '/pgpass',
		use_unix_socket => JSON::PP::true,
		use_unix_socket_repl => JSON::PP::true,
		authentication => {
			superuser => { username => 'patroni' },
			replication => { username => 'replicator' },
			rewind => { username => 'rewinder' }
		},
		parameters => { unix_socket_directories => $node->host, 'pg_session_guard.node' => $node->name },
		pg_hba => [ map { "$_ trust" } 'local all all', 'local replication all', 'host all all 127.0.0.1/32',
			'host replication all 127.0.0.1/32' ],
		remove_data_directory_on_rewind_failure => JSON::PP::true,
		remove_data_directory_on_diverged_timelines => JSON::PP::true
	};
}

sub write_configuration
{
	my ($node) = @_;
	my $file = $node->basedir . '/patroni.yml';

	unlink $file;
	append_to_file($file, $json->encode($node->{configuration}));
	return;
}

# Have a server find a build that is not installed, or not find it, from its next start on.  Patroni
# includes the file as it is, and would remove settings from its own configuration that it does not know.
sub install_library
{
	my ($node) = @_;

	write_custom_settings($node, defined $ENV{TEMP_CONFIG} ? slurp_file($ENV{TEMP_CONFIG}) : '');
	return;
}

sub remove_library
{
	my ($node) = @_;
	my $libraries = $node->basedir . '/libraries';

	mkdir $libraries;
	for my $library (glob $node->config_data('--pkglibdir') . '/*.so')
	{
		symlink $library, "$libraries/" . basename($library) if $library !~ /pg_session_guard/;
	}
	write_custom_settings($node, "dynamic_library_path = '$libraries'\n");
	return;
}

sub write_custom_settings
{
	my ($node, $settings) = @_;
	my $file = $node->basedir . '/custom.conf';

	unlink $file;
	append_to_file($file, "fsync = off\nlog_line_prefix = '%m %b[%p] %q%a '\n$settings");
	return;
}

sub start_node
{
	my ($self, $name) = @_;
	my $node = $self->node($name);

	$node->{patroni} = start_process($node->logfile, 'patroni', $node->basedir . '/patroni.yml');
	return;
}

# --- asking ----------------------------------------------------------------

sub node
{
	my ($self, $name) = @_;

	return $self->{node}{$name};
}

sub nodes
{
	my ($self) = @_;

	return map { $self->node($_) } @{ $self->{names} };
}

# What a node's Patroni says of it; an empty hash if it says nothing.
sub status
{
	my ($self, $name) = @_;
	my $answer = $http->get($self->node($name)->{rest} . '/patroni');

	return $answer->{content} =~ /^\{/ ? $json->decode($answer->{content}) : {};
}

sub is_leader
{
	my ($self, $name) = @_;

	return $http->get($self->node($name)->{rest} . '/primary')->{success};
}

sub wait_for_leader
{
	my ($self, $name) = @_;
	my $node = $self->node($name);

	wait_until(sub { $self->is_leader($name) }, "node $name is the leader");
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die "node $name is no primary";
	return $node;
}

# Wait until a node follows its leader.
sub wait_for_standby
{
	my ($self, $name) = @_;
	my $node = $self->node($name);

	wait_until(
		sub { $http->get("$node->{rest}/replica")->{success} },
		"node $name is a standby");
	$node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE status = \'streaming\'')
	  or die "node $name streams nothing";
	return $node;
}

# The name of the leader as soon as one of these nodes is.
sub wait_for_leader_among
{
	my ($self, @names) = @_;
	my $leader;

	wait_until(
		sub {
			($leader) = grep { $self->is_leader($_) } @names;
			return defined $leader;
		},
		"one of @names is the leader");
	$self->wait_for_leader($leader);
	return $leader;
}

# Wait until the standbys have replayed what the leader has written.
sub wait_for_replay
{
	my ($self, $leader, @standbys) = @_;
	my $lsn = $self->node($leader)->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');

	for my $name (@standbys)
	{
		$self->node($name)->poll_query_until('postgres', "SELECT pg_last_wal_replay_lsn() >= '$lsn'")
		  or die "node $name does not replay";
	}
	return;
}

# --- telling ---------------------------------------------------------------

# Change settings in the dynamic configuration; undef removes one.
sub configure
{
	my ($self, %parameters) = @_;

	$self->request('PATCH', $self->{names}[0], 'config', { postgresql => { parameters => \%parameters } });
	return;
}

# Set something in a node's own file.
sub configure_node
{
	my ($self, $name, %parameters) = @_;
	my $node = $self->node($name);
	my $of_node = $node->{configuration}{postgresql}{parameters};

	@$of_node{ keys %parameters } = values %parameters;
	write_configuration($node);
	$self->request('POST', $name, 'reload');
	return;
}

sub request
{
	my ($self, $method, $name, $path, $body) = @_;
	my $answer = $http->request($method, $self->node($name)->{rest} . "/$path", { content => $json->encode($body // {}) });

	die "$method $path on $name: $answer->{status} $answer->{content}" if !$answer->{success};
	return $answer->{content};
}

# Let the leader hand over to a standby; returns when both are what they should be.
sub switch_over
{
	my ($self, $from, $to) = @_;

	$self->request('POST', $from, 'switchover', { leader => $from, candidate => $to });
	$self->wait_for_leader($to);
	$self->wait_for_standby($from);
	return;
}

# Run patronictl as an operator would; its exit status and output.
sub patronictl
{
	my ($self, @arguments) = @_;
	my ($output, $errors);
	my $file = $self->node($self->{names}[0])->basedir . '/patroni.yml';

	local $ENV{LC_ALL} = 'C.UTF-8';
	IPC::Run::run([ 'patronictl', '-c', $file, @arguments ], '<', \undef, '>', \$output, '2>', \$errors);
	return ($? >> 8, $output . $errors);
}

# Kill a node as the loss of its machine would: the server and its Patroni at once.
sub kill_node
{
	my ($self, $name) = @_;
	my $node = $self->node($name);
	my ($server) = postmaster_of($node) or die "node $name has no server";

	kill KILL => -$node->{patroni}, $server;
	waitpid delete $node->{patroni}, 0;
	return;
}

# Let clients of a role write to whichever node is the leader, and connect again when it is another.
# How many rows there are of theirs is for the test to ask: table "work".
sub start_load
{
	my ($self, $leader, $role) = @_;
	my $script = "$self->{folder}/load.sql";
	my $hosts = join ',', map { $_->host } $self->nodes;
	my $ports = join ',', map { $_->port } $self->nodes;

	$self->node($leader)->safe_psql('postgres', "CREATE TABLE work (at timestamptz); GRANT ALL ON work TO $role");
	append_to_file($script, "BEGIN;\nINSERT INTO work VALUES (now());\nSELECT max(at) FROM work;\nCOMMIT;\n");
	push @{ $self->{load} }, start_process(
		log_file('load'), 'sh', '-c', 'while :; do pgbench -n -c 4 -R 100 -T 30 -f "$0" "$1"; sleep 0.3; done', $script,
		"dbname=postgres user=$role host=$hosts port=$ports target_session_attrs=primary connect_timeout=5");
	return;
}

sub stop_load
{
	my ($self) = @_;

	end_process($_, 10) for splice @{ $self->{load} // [] };
	return;
}

# Wait until the load has written something since now.
sub wait_for_load
{
	my ($self, $leader) = @_;
	my $node = $self->node($leader);
	my $now = $node->safe_psql('postgres', 'SELECT clock_timestamp()');

	return $node->poll_query_until('postgres', "SELECT count(*) > 0 FROM work WHERE at > '$now'")
	  || die "there is no load on $leader";
}

# Wait until a server has a setting.
sub wait_for_setting
{
	my ($self, $name, $setting, $value) = @_;

	return $self->node($name)->poll_query_until('postgres', "SELECT current_setting('$setting') = '$value'")
	  || die "node $name does not have $setting = $value";
}

# --- processes -------------------------------------------------------------

sub log_file
{
	my ($name) = @_;

	return "$PostgreSQL::Test::Utils::log_path/" . basename($0, '.pl') . "_$name.log";
}

# Start a program, in a process group of its own, that gets SIGTERM if this one ends; its output goes
# to a file.
sub start_process
{
	my ($file, @command) = @_;
	my $pid = fork // die "could not fork: $!";

	return $pid if $pid;
	setpgrp;
	open STDIN, '<', '/dev/null';
	open STDOUT, '>>', $file;
	open STDERR, '>&', \*STDOUT;
	delete $ENV{PGAPPNAME};
	no warnings 'exec';
	exec 'setpriv', '--pdeathsig', 'TERM', @command;
	# What this one ends at its end is not the child's to end.
	POSIX::_exit(127);
}

# The server of a node, if there is one: the file of one that was killed may name somebody else.
sub postmaster_of
{
	my ($node) = @_;
	my $file = $node->data_dir . '/postmaster.pid';
	my ($pid) = -s $file ? slurp_file($file) =~ /^(\d+)/ : ();

	return defined $pid && (readlink("/proc/$pid/cwd") // '') eq realpath($node->data_dir) ? $pid : ();
}

# End a process that is ours and its group, kindly or by force; returns when it has ended.
sub end_process
{
	my ($pid, $patience) = @_;
	my $deadline = time + $patience;

	kill TERM => -$pid;
	until (waitpid $pid, POSIX::WNOHANG)
	{
		kill KILL => -$pid if time > $deadline;
		usleep(10_000);
	}
	return;
}

# Stop the load and all nodes, each with its server, then etcd.
sub stop
{
	my ($self) = @_;
	my @nodes = grep { defined } values %{ $self->{node} };

	$self->stop_load;
	kill TERM => map { $_->{patroni} // () } @nodes;
	end_process(delete $_->{patroni}, 30) for grep { $_->{patroni} } @nodes;
	# A server that has outlived its Patroni is none of its children.
	for my $server (map { postmaster_of($_) } @nodes)
	{
		kill QUIT => $server;
		wait_until(sub { !kill 0, $server }, 'the server ends');
	}
	end_process(delete $self->{etcd}, 10) if $self->{etcd};
	return;
}

END
{
	local $?;
	$_->stop for @clusters;
}

1;
