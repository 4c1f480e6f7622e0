/*
 * A shortage of memory (see memory_shortage.h).
 */
#include "core/memory_shortage.h"

#include "core/memory_sampling.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* So long after the last reading that found too little left, the next one is of another shortage.
 */
constexpr Duration shortage_outlasts = 10 * second;
/* What has been taken elsewhere counts for longer: it may take a while to take what was freed. */
constexpr Duration balance_outlasts = minute;

/* More processors than this do not make memory grow faster: its bandwidth bounds that. */
constexpr int most_processors = 8;

void
compare_with(GreatestUser &greatest, const MemoryUser &user)
{
	if (!greatest.user || user.bytes > greatest.user->bytes)
	{
		greatest.next_bytes = greatest.user ? greatest.user->bytes : 0;
		greatest.user = user;
	}
	else
		greatest.next_bytes = std::max(greatest.next_bytes, user.bytes);
}

} // namespace

void
MemoryUsers::compare(const MemoryUser &user)
{
	if (user.bytes >= smallest_)
		compare_with(greatest_, user);
	if (user.bytes >= smallest_ && user.grown >= smallest_)
		compare_with(grown_, user);
}

std::int64_t
smallest_worth_ending(std::int64_t threshold)
{
	/* A session that has done nothing yet has some megabytes for itself. */
	constexpr std::int64_t least = std::int64_t{16} * 1024 * 1024;
	/* At four ends a second it takes some seconds to free what is to be left. */
	constexpr std::int64_t part = 10;

	return std::max(threshold / part, least);
}

Duration
pause_before_reading_left(std::int64_t left, std::int64_t threshold, int processors,
                          Duration longest)
{
	std::int64_t growth = fastest_growth * std::clamp(processors, 1, most_processors);
	std::int64_t room = std::max<std::int64_t>(0, left - threshold + threshold / 4);

	return std::max(std::min(room / growth, longest), shortest_memory_pause);
}

void
note_left(MemoryShortage &shortage, const AvailableMemory &left, std::int64_t threshold,
          Instant now)
{
	bool is_first = shortage.low_at == unknown_time;

	shortage.left = left;
	if (!exceeds(Limit::AvailableMemory, left.bytes, threshold))
		return;
	if (is_first || now - shortage.low_at > shortage_outlasts)
		shortage.since = now;
	if (is_first || now - shortage.low_at > balance_outlasts)
	{
		shortage.balance_since = unknown_time;
		shortage.together = std::nullopt;
		shortage.freed = 0;
	}
	shortage.low_at = now;
}

void
begin_balance(MemoryShortage &shortage, Instant now)
{
	if (shortage.balance_since == unknown_time)
		shortage.balance_since = now;
}

std::int64_t
taken_elsewhere(const MemoryShortage &shortage, std::int64_t all_bytes)
{
	std::int64_t together = shortage.left.bytes + all_bytes;

	return std::max<std::int64_t>(0, shortage.together.value_or(together) - together);
}

ReliefChoice
choose_relief(MemoryShortage &shortage, const MemoryUsers &users)
{
	if (!shortage.together)
		shortage.together = shortage.left.bytes + users.all_bytes();
	/* If more than half of it is gone again, no end has helped for long. */
	bool is_in_vain = shortage.freed >= users.smallest() &&
	                  taken_elsewhere(shortage, users.all_bytes()) > shortage.freed / 2;
	const GreatestUser &greatest = is_in_vain ? users.greatest_grown() : users.greatest();

	if (greatest.user)
		return {.relief = Relief::ByEnd, .greatest = greatest};
	bool is_elsewhere = is_in_vain && users.greatest().user;
	return {.relief = is_elsewhere ? Relief::TakenElsewhere : Relief::NobodyUsesMuch,
	        .greatest = {}};
}

} // namespace session_guard
