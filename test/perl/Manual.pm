# The pages of the manual: what can be run in them, and what they point to.
#
# A block of code is fenced with its language.  What stands right after it, fenced without a
# language, is what it prints, and "..." at its end what else.  A comment right above tells what it needs:
#
#   <!-- sessions: web@wiki app@wiki -->    sessions that are there, and idle
#   <!-- the server does not start -->      after this block
package Manual;

use strict;
use warnings FATAL => 'all';

use Cwd qw(realpath);
use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(pages page_text blocks_of broken_links plain_output);

my $root = realpath(dirname(__FILE__) . '/../..');

# The pages whose blocks are run, README first; by their names in the tree.
sub pages
{
	return ('README.md', map { 'doc/' . basename($_) } sort glob("$root/doc/*.md"));
}

sub page_text
{
	return slurp_file("$root/$_[0]");
}

# The blocks of a page, in their order: language, code, output and comment.
sub blocks_of
{
	my ($page) = @_;
	my $text = page_text($page);
	my @blocks;

	push @blocks, { comment => $1 // '', language => $2, code => $3, output => $4 }
	  while $text =~ /^(?:<!-- (.*?) -->\n)?```(\w*)\n(.*?)^```$(?:\n\n```\n(.*?)^```$)?/gms;
	my $fences = () = $text =~ /^```/gm;
	my $known = 0;
	$known += defined $_->{output} ? 4 : 2 for @blocks;
	die "$page: a fence is not closed" if $fences != $known;
	return @blocks;
}

# A page without its blocks.
sub prose_of
{
	my ($file) = @_;

	return slurp_file($file) =~ s/^```.*?^```$//gmsr;
}

# The anchors that a forge makes of a page's headings.
sub anchors_of
{
	my ($file) = @_;
	my %anchors;

	for my $heading (prose_of($file) =~ /^#+ (.*)$/gm)
	{
		my $anchor = lc $heading =~ s/\[(.*?)\]\(.*?\)/$1/gr =~ s/[^\w\s-]//gr;

		$anchors{ $anchor =~ tr/ /-/r } = 1;
	}
	return \%anchors;
}

# The links within the tree that lead nowhere, of all its pages.
sub broken_links
{
	my @broken;

	for my $file (map { glob "$root/$_" } '*.md', '*/*.md', '*/*/*.md')
	{
		for my $link (grep { !/^[a-z]+:/ } prose_of($file) =~ /\]\(([^)\s]+)\)/g)
		{
			my ($path, $anchor) = split /#/, $link, 2;
			my $target = $path eq '' ? $file : dirname($file) . "/$path";

			push @broken, substr($file, length($root) + 1) . ": $link"
			  if !-e $target || (defined $anchor && !anchors_of($target)->{$anchor});
		}
	}
	return @broken;
}

# What psql has printed, or a page says that it does, without what differs each time: numbers,
# times, and the width of columns; of what cannot be told to be something else, the place in the script.
sub plain_output
{
	my ($output) = @_;

	return $output =~ s/^psql:[^ ]*:\d+: //gmr =~ s/\d[\d.:]*/N/gr =~ s/-+/-/gr =~ s/[ \t]+/ /gr =~ s/^ | $//gmr =~ s/\n+$//r;
}

1;
