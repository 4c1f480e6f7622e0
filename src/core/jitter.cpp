/*
 * Where a session lies between its limit and the longest jitter (see jitter.h).
 */
#include "core/jitter.h"

namespace session_guard
{

namespace
{

constexpr int share_bits = 20;

/* Mix the bits of a number so that numbers next to each other are not (the steps of splitmix64). */
constexpr std::uint64_t
mixed(std::uint64_t number)
{
	number += 0x9e3779b97f4a7c15;
	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
	number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
	return number ^ (number >> 31);
}

/* The share of a session, of 2^share_bits. */
constexpr Duration
share_of(SessionId session)
{
	std::uint64_t start = mixed(static_cast<std::uint64_t>(session.backend_start));
	std::uint64_t both = mixed(start + static_cast<std::uint32_t>(session.pid));

	return static_cast<Duration>(both >> (64 - share_bits));
}

} // namespace

Duration
jitter_of(Limit limit, SessionId session, const Policy &policy)
{
	constexpr Duration whole = 1 << share_bits;
	Duration longest = longest_jitter(policy, limit);

	if (longest == 0)
		return 0;
	/* Not all at once: centuries times a million would be too much. */
	Duration share = share_of(session);
	return longest / whole * share + longest % whole * share / whole;
}

} // namespace session_guard
