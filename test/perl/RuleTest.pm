# What tests of rules share: to write rules, and to hear which one has ended a session.
package RuleTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use GuardTest;

our @EXPORT = qw(rule literal wait_for_reading source_told source_in_log source_in_event);

# A value as SQL has it; a reference to an array is an array.
sub literal
{
	my ($value) = @_;

	return 'NULL' if !defined $value;
	$value = '{' . join(',', map { '"' . s/(["\\])/\\$1/gr . '"' } @$value) . '}' if ref $value;
	return "'" . $value =~ s/'/''/gr . "'";
}

# The INSERT of a rule, behind all that are there unless it has a position.
sub rule
{
	my ($name, %columns) = @_;
	my $behind = '(SELECT coalesce(max(position), 0) + 1 FROM session_guard.rule)';
	my $position = delete $columns{position} // $behind;
	my @names = sort keys %columns;

	return 'INSERT INTO session_guard.rule (' . join(', ', 'name', 'position', @names) . ') VALUES ('
	  . join(', ', literal($name), $position, map { literal($columns{$_}) } @names) . ')';
}

# Wait until the guard has read what was committed before.
sub wait_for_reading
{
	my ($admin) = @_;
	my $now = $admin->query('SELECT clock_timestamp()');

	return wait_until(sub { $admin->query("SELECT policy_time > '$now' FROM session_guard.stats") eq 't' },
		'the guard has read the rules');
}

# Where the limit was set by which a raw session was ended, or its statement canceled: as its client
# is told, as the log says, and as the event does; nothing where they do not say.
sub source_told
{
	my ($session) = @_;

	return ($session->error_text =~ /^DETAIL: .*pg_session_guard\.\w+ is [^(]*\((.*)\)[^)]*\.( |$)/m)[0] // 'nothing';
}

sub source_in_log
{
	my ($node, $session, $offset) = @_;
	my @lines = guard_lines($node, qr/LOG:  (?:would )?(?:cancel|terminat)\S* .*session ${\ $session->pid } /, $offset);

	return join(' and ', map { /pg_session_guard\.\w+ is [^(]*\((.*)\)/ } @lines) || 'nothing';
}

# The event may come a moment later than the signal.
sub source_in_event
{
	my ($admin, $session) = @_;
	my $source;

	wait_until(
		sub {
			$source = $admin->query("SELECT string_agg(source, ' and ' ORDER BY number) FROM session_guard.event WHERE pid = ${\ $session->pid }");
			return defined $source;
		},
		'there is an event');
	return $source;
}

1;
