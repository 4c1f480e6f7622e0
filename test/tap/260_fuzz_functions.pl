# Nobody calls the functions as these calls do: random functions with random arguments by
# roles with all kinds of rights, upon sessions in all kinds of states.  An oracle that shares
# no code with the extension says of each call who may end by it and who must; whoever else
# ends, or is told of, or stays, is a failure.
#
# The seed is fixed, and the number of calls bounded.  PG_TEST_GUARD_FUZZ_SEED and
# PG_TEST_GUARD_FUZZ_CALLS choose others.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use FuzzCalls;
use FuzzCheck;
use FuzzWorld;
use Test::More;

my $seed = $ENV{PG_TEST_GUARD_FUZZ_SEED} // 12;
my $calls = $ENV{PG_TEST_GUARD_FUZZ_CALLS} // 240;

# What the fuzzer would never try.
sub unknown_arguments
{
	my ($world) = @_;
	my @unknown;

	for my $function (sort keys %{ $world->{arguments} })
	{
		my %known = map { $_ => 1 } known_arguments($function);

		push @unknown, map { "$function($_)" } grep { !$known{$_} } sort keys %{ $world->{arguments}{$function} };
	}
	return @unknown;
}

for my $phase ([ preloaded => 1, $calls ], [ 'not preloaded' => 0, int($calls / 6) ])
{
	my ($name, $preload, $number) = @$phase;
	my $world = FuzzWorld->new($preload ? 'preloaded' : 'plain', preload => $preload);

	# Whoever loads the library late is not told that our settings are none of ours.
	my $messages;
	$world->{node}->psql('shop', q{SELECT count(*) FROM terminate_user_sessions('late', dry_run => true)}, stderr => \$messages);
	is($messages, '', "$name: the first call of a session has nothing to say");

	is(join(' ', unknown_arguments($world)), '', "$name: the fuzzer knows all arguments");
	srand $seed;
	my $check = FuzzCheck->new($world, seed => $seed);
	my $failure = $check->run($number);
	ok(!defined $failure, "$name: $number calls with seed $seed end who must end, and nobody else")
	  or diag($failure);
	note($check->summary);
	is($check->what_is_left, '', "$name: nothing is left open") if !defined $failure;
	$world->{node}->stop;
}
done_testing();
