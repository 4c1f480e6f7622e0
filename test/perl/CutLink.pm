# Two machines, as far as the network goes: the test and its server run in a network namespace of
# their own, and clients in another one, with two links between them of which one can be cut.
package CutLink;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use GuardTest;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(enter_own_network connect_machines link_to_cut link_to_stay on_other_machine cut_link);

my @to_own_network = qw(unshare --user --map-current-user --keep-caps --net);
my $machine;

# The server's address on each link; that of the clients ends in 2.
sub link_to_cut { return '10.99.1.1'; }
sub link_to_stay { return '10.99.2.1'; }

# Does a command succeed?  What it says is not wanted.
sub can_run
{
	my (@command) = @_;

	return IPC::Run::run(\@command, '<', \undef, '>', \my $output, '2>', \my $errors);
}

# Run this test again in a network of its own, or skip it where that cannot be.  To be called in a
# BEGIN block, before the tests' output goes where another program does not know.
sub enter_own_network
{
	return if $ENV{CUT_LINK_NETWORK};

	my $try = 'unshare --net true && ip link set lo up && ip link add try0 type veth peer name try1';
	plan skip_all => 'no network namespaces are to be had, or no ip and nsenter'
	  if !can_run('sh', '-c', 'command -v unshare && command -v nsenter') || !can_run(@to_own_network, 'sh', '-c', $try);
	$ENV{CUT_LINK_NETWORK} = 1;
	exec @to_own_network, $^X, (map { "-I$_" } @INC), $0 or die "unshare: $!";
}

# What runs a command on the other machine.
sub on_other_machine
{
	return ('nsenter', '-t', $machine->{pid}, '-n', @_);
}

sub add_link
{
	my ($name, $address) = @_;
	my $other = $address =~ s/1$/2/r;

	system_or_bail('ip', 'link', 'add', "${name}0", 'type', 'veth', 'peer', 'name', "${name}1", 'netns', $machine->{pid});
	system_or_bail('ip', 'addr', 'add', "$address/24", 'dev', "${name}0");
	system_or_bail('ip', 'link', 'set', "${name}0", 'up');
	system_or_bail(on_other_machine('ip', 'addr', 'add', "$other/24", 'dev', "${name}1"));
	system_or_bail(on_other_machine('ip', 'link', 'set', "${name}1", 'up'));
	return;
}

# Begin: the other machine is there, and both links are.
sub connect_machines
{
	$machine->{run} = IPC::Run::start([ 'unshare', '--net', 'sh', '-c', 'echo $$; exec cat' ],
		'<pipe', \*MACHINE, '>', \$machine->{output}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$machine->{run}->pump until $machine->{output} =~ /^(\d+)\n/;
	$machine->{pid} = $1;
	system_or_bail('ip', 'link', 'set', 'lo', 'up');
	add_link('cut', link_to_cut());
	add_link('stay', link_to_stay());
	return;
}

# From here on nothing comes over the one link, and nobody is told.
sub cut_link
{
	system_or_bail(on_other_machine('ip', 'link', 'set', 'cut1', 'down'));
	return;
}

END
{
	local $?;
	close MACHINE if $machine;
	$machine->{run}->kill_kill if $machine;
}

1;
