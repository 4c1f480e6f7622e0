# The page on clients shows code that the programs here run, settings that pgbouncer takes, and SQL
# that the server takes.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use ClientTest;
use PgBouncer;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = slurp_file("$FindBin::RealBin/../../doc/clients.md");
my %files = (python => '*.py', java => '*.java', js => '*.js');
my %shown;

# A text without its indentation.
sub without_indent
{
	my ($text) = @_;

	return $text =~ s/^[ \t]+//gmr;
}

while ($page =~ /^```(\w+)\n(.*?)^```$/gms)
{
	push @{ $shown{$1} }, $2;
}

for my $language (sort keys %files)
{
	my $programs = join "\n", map { without_indent(slurp_file($_)) } glob("$FindBin::RealBin/$files{$language}");

	cmp_ok(scalar @{ $shown{$language} // [] }, '>', 0, "$language is shown");
	for my $block (@{ $shown{$language} })
	{
		isnt(index($programs, without_indent($block)), -1, (split /\n/, $block)[0] . ': is in a program');
	}
}

my $world = start_world();
for my $block (@{ $shown{conf} })
{
	my %settings = $block =~ /^(\w+) = (\S+)$/mg;
	my $pool = PgBouncer->start($world->{direct}, ['web'], %settings);

	is(scalar keys %settings, scalar(() = $block =~ /\n/g), 'each line is a setting');
	unlike(slurp_file($pool->host . '/out') . slurp_file($pool->host . '/log'), qr/ERROR|unknown parameter/, "$block: pgbouncer takes it");
	$pool->stop;
}
for my $block (@{ $shown{sql} })
{
	is($world->{direct}->psql('postgres', $block), 0, "$block: the server takes it");
}

stop_world($world);
done_testing();
