/*
 * The present moment, and steps of the wall clock (see present_time.h).
 */
#include "shmem/present_time.h"

#include "core/text.h"

#include "pg/monotonic_clock.h"

#include "shmem/counters.h"
#include "shmem/shared_value.h"

#include <array>
#include <utility>

namespace session_guard
{

namespace
{

SharedValue<Clock> *shared_clock = nullptr;

/* The wall clock was set since take_step() was last called. */
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

/* Read both clocks as nearly at once as the scheduler lets this process. */
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

Size
present_time_size()
{
	return sizeof(*shared_clock);
}

void
present_time_init(void *memory, bool found)
{
	shared_clock = static_cast<SharedValue<Clock> *>(memory);
	if (found)
		return;

	Moment moment = read_both();
	Clock clock{};

	(void)read_clock(clock, moment.wall, moment.now);
	shared_clock->init(clock);
}

const Clock &
wall_clock()
{
	return shared_clock->latest();
}

Moment
take_time()
{
	Moment moment = read_both();
	Duration step;

	shared_clock->change([&](Clock &clock) { step = read_clock(clock, moment.wall, moment.now); });
	if (step != 0)
	{
		has_stepped = true;
		report_step(step);
	}
	pg_atomic_write_u64(&shared_gauges().last_heartbeat, static_cast<uint64>(moment.wall));
	return moment;
}

bool
take_step()
{
	return std::exchange(has_stepped, false);
}

PresentClock
present_clock()
{
	PresentClock present{};

	if (shared_clock != nullptr)
		present.clock = read_shared(*shared_clock);

	Moment moment = read_both();
	(void)read_clock(present.clock, moment.wall, moment.now);
	present.now = moment.now;
	return present;
}

} // namespace session_guard
