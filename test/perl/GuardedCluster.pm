# A cluster that Patroni keeps, with the guard on every node, who is to go by it, and who is not.
package GuardedCluster;

use strict;
use warnings FATAL => 'all';

use parent 'PatroniCluster';

use Exporter 'import';
use GuardTest;
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

our @EXPORT = qw(end_culprit);

# Limits that bind everybody, and that nobody meets who is not held up for long.
my %limits = (
	idle_session_timeout => '3min',
	idle_in_transaction_session_timeout => '1min',
	statement_timeout => '5min',
	transaction_timeout => '5min');

# Start a cluster without the library, with roles "app" and "culprit".
sub start_unguarded
{
	my ($class, $names) = @_;
	my $self = $class->start($names);

	$self->node($names->[0])->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE culprit LOGIN');
	$self->wait_for_replay(@$names);
	return $self;
}

# What is to be set for every node.
sub parameters
{
	return (
		shared_preload_libraries => 'pg_session_guard',
		'pg_session_guard.naptime' => '200ms',
		map { ("pg_session_guard.$_" => $limits{$_}) } keys %limits);
}

# Create the extension, and bind "culprit" by a limit that is stored for it.
sub create_extension
{
	my ($self, $leader) = @_;

	$self->node($leader)->safe_psql(
		'postgres', q{
		CREATE EXTENSION pg_session_guard;
		ALTER ROLE culprit SET pg_session_guard.idle_session_timeout = '300ms'});
	$self->wait_for_replay($leader, grep { $_ ne $leader } @{ $self->{names} });
	return;
}

# Start a cluster with all that, and the guard at work on every node.
sub start_guarded
{
	my ($class, $names) = @_;
	my $self = $class->start($names, parameters());

	$self->node($names->[0])->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE culprit LOGIN');
	$self->create_extension($names->[0]);
	wait_for_guard($_) for $self->nodes;
	return $self;
}

# Let a session of "culprit" become idle on a node, and wait until the guard has ended it; its pid.
sub end_culprit
{
	my ($node) = @_;
	my $culprit = RawSession->connect($node, user => 'culprit');

	$culprit->read_to_end;
	wait_for_outcome($node, 'event', $culprit->pid, 'terminated');
	return $culprit->pid;
}

# Open sessions of "app" on standbys, one that works and one that is idle: a change of the leader
# leaves them there.
sub open_innocents
{
	my ($self, @names) = @_;
	my %innocents;

	for my $name (@names)
	{
		my ($working, $idle) = map { RawSession->connect($self->node($name), user => 'app') } 1 .. 2;

		$working->send_query('SELECT pg_sleep(600)');
		$innocents{$name} = { idle => $idle, working => $working };
	}
	return \%innocents;
}

# Are they still there, and have the guards of all nodes ended none but the culprits?
sub check_innocents
{
	my ($self, $innocents, @names) = @_;

	for my $name (@names)
	{
		is(living($self->node($name), $innocents->{$name}),
			'idle working', "who was on $name before the change is still there");
		is(living($self->node($name), $innocents->{$name}, "state = 'active'"), 'working', 'and who worked still works');
	}
	for my $node ($self->nodes)
	{
		my @acts = guard_lines($node, qr/(?:terminating|canceling statement of) session \d+/);

		cmp_ok(scalar @acts, '>', 0, "the guard of ${\ $node->name } has acted");
		is(join("\n", grep { !/user "culprit"/ } @acts), '', 'on culprits only');
	}
	return;
}

1;
