/*
 * Room for new connections: how many are to be free, and which sessions go if fewer are.
 *
 * Those that have been idle for longest go first, and no more of them than are missing.
 */
#pragma once

#include "core/session.h"
#include "core/time.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace session_guard
{

/*
 * The most that pg_session_guard.connection_headroom can be.  As many free places are counted
 * whenever a client connects, under a lock that all who connect want; 27 us for so many.
 */
inline constexpr int largest_headroom = 100;

/*
 * How many connections are to be free, of all that are not reserved.  Half of them at most:
 * what can never be met would end each session as soon as it may be.
 */
constexpr int
connections_to_keep_free(int wanted, int all)
{
	int most = all > 0 ? all / 2 : 0;

	return wanted < most ? wanted : most;
}

/*
 * How many are free, if so many are in use and so many newcomers wait.  As many of these find
 * a place as are to be free; each one more has to find one, too.
 */
constexpr int
free_connections(int all, int used, int waiting, int to_keep_free)
{
	int more = waiting > to_keep_free ? waiting - to_keep_free : 0;

	return all - used - more;
}

/* A session that may be ended, and since when it has been idle. */
struct IdleSession
{
	SessionId session;
	/* Where it stands in the backend-status array. */
	std::int32_t slot;
	Instant since;
};

/* The sessions of several that have been idle for longest; so many at most, in this order. */
class LongestIdle
{
  public:
	/* None or less is none; the rest of more than there is room for is chosen another time. */
	explicit LongestIdle(int wanted);

	/* Compare one that may be ended.  Of two that are alike, the first that is compared goes. */
	void compare(const IdleSession &session);

	std::span<const IdleSession>
	chosen() const
	{
		return {chosen_.data(), count_};
	}

  private:
	std::array<IdleSession, largest_headroom> chosen_;
	std::size_t wanted_;
	std::size_t count_ = 0;
};
static_assert(std::is_trivially_destructible_v<LongestIdle>);

} // namespace session_guard
