/*
 * How much memory the guard would say is left, and by what.
 *
 *   left [READINGS]
 *
 * With a number of readings it tells how long one takes instead.
 */
#include "status/available_memory.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace
{

using namespace session_guard;

void
say(const std::optional<AvailableMemory> &left)
{
	if (left)
		std::printf("%s %lld\n", left->bound == MemoryBound::Host ? "host" : "cgroup",
		            static_cast<long long>(left->bytes));
	else
		std::printf("unknown\n");
}

} // namespace

int
main(int count, char **arguments)
{
	int readings = count > 1 ? std::atoi(arguments[1]) : 0;

	/* The first one looks for the cgroup. */
	std::optional<AvailableMemory> left = available_memory();
	if (readings <= 0)
	{
		say(left);
		return 0;
	}
	auto start = std::chrono::steady_clock::now();
	for (int i = 0; i < readings; i++)
		left = available_memory();
	std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
	say(left);
	std::printf("%.1f us\n", taken.count() / readings);
	return 0;
}
