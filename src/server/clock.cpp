/*
 * The present time (see clock.h).
 */
#include "server/pg.h"

#include "core/text.h"

#include "server/clock.h"
#include "server/shared.h"

#include <array>
#include <cstring>
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
	Clock copy{};

	if (shared() == nullptr)
		return copy;
	/* The guard may be writing to it: two copies that are alike were not torn. */
	for (int tries = 0; tries < 100; tries++)
	{
		Clock again;

		memcpy(&copy, &shared()->clock, sizeof(copy));
		pg_read_barrier();
		memcpy(&again, &shared()->clock, sizeof(again));
		if (memcmp(&copy, &again, sizeof(copy)) == 0)
			break;
	}
	(void)read_clock(copy, now, monotonic_now());
	return copy;
}

} // namespace session_guard
