# session_guard.session shows how much memory a session and its parallel workers
# have for themselves: what they have allocated, but not the shared buffers that they
# have touched.  It shows it to whom it shows what the session does, and to nobody
# where the kernel does not tell.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../perl";

use GuardTest;
use MemoryShim;
use POSIX qw(sysconf _SC_PAGESIZE);
use PostgreSQL::Test::Utils;
use RawSession;
use Test::More;

require_memory_shim();

my $megabyte = 1024 * 1024;

# Huge pages would not be among what a process has in memory.  A table of more than a quarter
# of the shared buffers would be read by few of them.
my $node = node_with_memory(
	'main',
	shared_buffers => '96MB',
	huge_pages => 'off',
	max_worker_processes => 12,
	max_parallel_workers => 4,
	autovacuum => 'off',
	jit => 'off');
my $superuser = $node->safe_psql('postgres', 'SELECT user');

create_parallel_table($node, 'ROLE web');
$node->safe_psql(
	'postgres', qq{
	CREATE ROLE stranger LOGIN;
	CREATE ROLE watcher LOGIN IN ROLE pg_read_all_stats;
	CREATE TABLE wide (filler text);
	ALTER TABLE wide ALTER filler SET STORAGE PLAIN;
	INSERT INTO wide SELECT repeat('x', 8000) FROM generate_series(1, 2560);
	VACUUM wide;
	CREATE FUNCTION hold(size int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS \$\$
	DECLARE
		held text := repeat('x', size);
	BEGIN
		PERFORM pg_sleep(600);
		RETURN length(held);
	END
	\$\$;
	GRANT SELECT ON wide TO web;
	GRANT EXECUTE ON FUNCTION hold TO PUBLIC;
});

my %session = map { $_ => RawSession->connect($node) } qw(growing reader leader neighbor);
my %pid = map { $_ => $session{$_}->pid } keys %session;

# What the view shows of a session; '' for NULL.
sub memory_of
{
	my ($name, $user) = @_;

	return $node->safe_psql(
		'postgres',
		"SELECT memory FROM session_guard.session WHERE pid = $pid{$name}",
		extra_params => [ '-U', $user // $superuser ]);
}

# What the kernel, which may count in lots of pages, says of a process, in bytes: private, shared.
sub kernel_says
{
	my ($pid) = @_;
	my (undef, $resident, $shared) = split ' ', slurp_file("/proc/$pid/statm");

	return (($resident - $shared) * sysconf(_SC_PAGESIZE), $shared * sysconf(_SC_PAGESIZE));
}

# What a session needs once it has before anything is compared.
$_->run(q{DO 'BEGIN PERFORM repeat(text ''x'', 9); END'}, 'SELECT count(*) FROM big') for values %session;
my %before = map { $_ => memory_of($_) } keys %session;

cmp_ok($before{neighbor}, '>', 0, 'a session has memory');
wait_until(sub { memory_of('neighbor') == (kernel_says($pid{neighbor}))[0] }, 'it is as much as the kernel says');

# What it allocates counts, and only for itself.
my $size = 64 * $megabyte;
$session{growing}->send_query("SELECT hold($size)");
wait_for_status($node, $pid{growing}, "wait_event = 'PgSleep'");
my $grown = memory_of('growing') - $before{growing};
cmp_ok($grown, '>=', 0.9 * $size, 'a session that holds 64 MB has grown by as much');
cmp_ok(memory_of('neighbor') - $before{neighbor}, '<', $megabyte, 'its neighbor has not grown');

# What it has given back does not.
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid{growing})");
$session{growing}->read_until('Z');
SKIP:
{
	skip 'AddressSanitizer keeps what is freed', 2 if slurp_file("/proc/$pid{growing}/maps") =~ /libasan/;
	cmp_ok($grown, '<', 1.25 * $size, 'it had not grown by much more');
	ok( wait_until(
			sub { memory_of('growing') - $before{growing} < $size / 4 }, 'the memory is given back'),
		'nor does what it has given back count');
}

# Shared buffers belong to nobody.
my (undef, $shared) = kernel_says($pid{reader});
$session{reader}->run('SET max_parallel_workers_per_gather = 0');
$session{reader}->run('SELECT count(*) FROM wide');
my (undef, $more_shared) = kernel_says($pid{reader});
cmp_ok($more_shared - $shared, '>=', 16 * $megabyte, 'a session has touched 20 MB of shared buffers');
cmp_ok(memory_of('reader') - $before{reader}, '<', 8 * $megabyte, 'and has not grown by them');

# Parallel workers count for who leads them.
$size = 16 * $megabyte;
$session{leader}->send_query("SELECT sum(hold($size)) FROM big");
my @workers = wait_for_parallel_workers($node, $session{leader}, 2, "wait_event = 'PgSleep'");
my ($own) = kernel_says($pid{leader});
my $in_workers = 0;
$in_workers += (kernel_says($_))[0] for @workers;
is(memory_of('leader'), $own + $in_workers, 'a parallel query has what its processes have');
cmp_ok($in_workers, '>=', 2 * 0.9 * $size, 'its workers have what they have allocated');
cmp_ok($own - $before{leader}, '<', $size, 'and its leader has not');

# For whom it is.
like(memory_of('leader', $_), qr/^\d+$/, "$_ sees it") for 'web', 'watcher';
is(memory_of('leader', 'stranger'), '', 'a role without rights does not');
is( $node->safe_psql(
		'postgres',
		'SELECT count(memory) FROM session_guard.session WHERE is_self',
		extra_params => [ '-U', 'stranger' ]),
	'1',
	'it sees its own');

# Where the kernel does not tell of other processes nobody sees it.
my $known = "SELECT bool_or(memory IS NOT NULL) FILTER (WHERE is_self),
	count(*) FILTER (WHERE NOT is_self), count(memory) FILTER (WHERE NOT is_self)
	FROM session_guard.session WHERE is_self OR pid IN (${\ join ', ', values %pid })";
hide_memory();
is($node->safe_psql('postgres', $known), 't|4|0', 'while /proc is hidden, only what the session itself has is known');
show_memory();
is($node->safe_psql('postgres', $known), 't|4|4', 'and all when it is not');

# Workers that have ended count no more.
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid{leader})");
$session{leader}->read_until('Z');
wait_until(sub { memory_of('leader') == (kernel_says($pid{leader}))[0] }, 'the leader is alone');
cmp_ok(memory_of('leader') - $before{leader}, '<', $size, 'a query that is over leaves no memory behind');

$_->abandon for values %session;
$node->stop;
done_testing();
