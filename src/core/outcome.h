/*
 * What became of an action: the same words in SQL, log and history.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace session_guard
{

enum class Outcome : std::uint8_t
{
	/* Confirmed: the statement has changed. */
	Canceled,
	/* Confirmed: the process has left the server. */
	Terminated,
	/* The signal was sent, and nobody has waited for its effect. */
	Signaled,
	/* Had ended before. */
	Gone,
	/* No longer the same episode or condition. */
	Raced,
	Spared,
	/* Not permitted to who asked for it. */
	Denied,
	/* Still there after the wait. */
	Survived,
	DryRun,
};

/* NUL-terminated, in the order of the enumerators. */
inline constexpr std::array<std::string_view, 9> outcome_names{
    "canceled", "terminated", "signaled", "gone",    "raced",
    "spared",   "denied",     "survived", "dry run",
};

constexpr std::string_view
name_of(Outcome outcome)
{
	return outcome_names[static_cast<std::size_t>(outcome)];
}

} // namespace session_guard
