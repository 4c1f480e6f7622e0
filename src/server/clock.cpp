/*
 * The present time (see clock.h).
 */
#include "server/pg.h"

#include "core/text.h"

#include "server/clock.h"
#include "server/shared.h"

#include <array>
#include <ctime>

namespace session_guard
{

Duration
monotonic_now()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * second + now.tv_nsec / 1000;
}

Timestamp
take_time()
{
	Timestamp now = GetCurrentTimestamp();

	if (Duration step = read_clock(shared()->clock, now, monotonic_now()); step > 0)
	{
		std::array<char, 128> buffer;
		Text text(buffer);

		text.append_duration(step);
		ereport(LOG, (errmsg("wall clock has moved ahead by %s", text.c_str()),
		              errdetail("The session guard does not count that as time passed.")));
	}
	return now;
}

Clock
clock_at(Timestamp now)
{
	Clock copy = shared() != nullptr ? copy_shared(shared()->clock) : Clock{};

	(void)read_clock(copy, now, monotonic_now());
	return copy;
}

} // namespace session_guard
