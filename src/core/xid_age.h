/*
 * How old a transaction is, counted in transactions.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace session_guard
{

/* The IDs below this one are no transaction's own (access/transam.h). */
inline constexpr std::uint32_t first_normal_xid = 3;

/*
 * How many transactions have begun since, as age() counts; none for an ID that is no
 * transaction's own.  IDs come round after 2^32, and none in use is half of that
 * away from the next one.  One that was given out after "next" was read is 0 old.
 */
constexpr std::optional<std::int32_t>
xid_age(std::uint32_t xid, std::uint32_t next)
{
	if (xid < first_normal_xid)
		return std::nullopt;
	return std::max(static_cast<std::int32_t>(next - xid), 0);
}

/* The older of two; one that is none is younger than any. */
constexpr std::optional<std::int32_t>
older_xid_age(std::uint32_t one, std::uint32_t other, std::uint32_t next)
{
	return std::max(xid_age(one, next), xid_age(other, next));
}

/* The older of two, of which one may be none; 0 if both are. */
constexpr std::uint32_t
older_xid(std::uint32_t one, std::uint32_t other)
{
	if (one < first_normal_xid)
		return other < first_normal_xid ? 0 : other;
	if (other < first_normal_xid)
		return one;
	return static_cast<std::int32_t>(one - other) < 0 ? one : other;
}

} // namespace session_guard
