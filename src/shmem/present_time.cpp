/*
 * The present time (see present_time.h).
 */
#include "shmem/present_time.h"

#include "core/text.h"

#include "pg/pg.h"

#include "shmem/shared_memory.h"

#include <array>
#include <ctime>
#include <utility>

namespace session_guard
{

namespace
{

bool has_stepped = false;

void
report_step(Duration step)
{
	std::array<char, 128> buffer;
	Text text(buffer);

	text.append_duration(step > 0 ? step : -step);
	if (step > 0)
		ereport(LOG, (errmsg("wall clock has moved ahead by %s", text.c_str()),
		              errdetail("The session guard does not count that as time passed.")));
	else
		ereport(LOG, (errmsg("wall clock has moved back by %s", text.c_str()),
		              errdetail("The session guard measures by another clock.")));
}

/* Read both clocks as nearly at once as this process is let. */
Moment
read_both()
{
	constexpr Duration close_enough = 20;
	constexpr int tries = 5;
	Duration closest = never;
	Moment moment{};

	for (int i = 0; i < tries && closest > close_enough; i++)
	{
		Instant before = monotonic_now();
		Timestamp wall = GetCurrentTimestamp();
		Instant after = monotonic_now();

		if (after - before < closest)
		{
			closest = after - before;
			moment = {.now = before + (after - before) / 2, .wall = wall};
		}
	}
	return moment;
}

} // namespace

Instant
monotonic_now()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * second + now.tv_nsec / 1000;
}

ClockReading
read_clocks(Clock &clock)
{
	Moment moment = read_both();

	return {.moment = moment, .step = read_clock(clock, moment.wall, moment.now)};
}

Moment
take_time()
{
	ClockReading reading = read_clocks(shared()->clock);

	if (reading.step != 0)
	{
		has_stepped = true;
		report_step(reading.step);
	}
	pg_atomic_write_u64(&shared()->gauges.last_heartbeat, static_cast<uint64>(reading.moment.wall));
	return reading.moment;
}

bool
take_step()
{
	return std::exchange(has_stepped, false);
}

PresentClock
present_clock()
{
	Clock copy = shared() != nullptr ? copy_shared(shared()->clock) : Clock{};
	ClockReading reading = read_clocks(copy);

	return {.clock = copy, .now = reading.moment.now};
}

} // namespace session_guard
