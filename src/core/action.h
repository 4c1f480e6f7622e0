/*
 * What is done to a session, what becomes of it, and the words for both: they
 * are the same in SQL, in the log, for clients and in the history.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace session_guard
{

/* From the mildest to the hardest. */
enum class Action : std::uint8_t
{
	Log,
	Cancel,
	Terminate,
};

enum class Outcome : std::uint8_t
{
	/* Confirmed: the statement has changed. */
	Canceled,
	/* Confirmed: the process has left the server. */
	Terminated,
	/* The signal was sent, and its effect was not waited for. */
	Signaled,
	/* It had ended before. */
	Gone,
	/* It is no longer in the same episode, or does not meet the condition any more. */
	Raced,
	Spared,
	/* The caller is not permitted to do it. */
	Denied,
	/* Still there after the wait. */
	Survived,
	DryRun,
};

/* NUL-terminated, in the order of the enumerators. */
inline constexpr std::array<std::string_view, 3> action_names{"log", "cancel", "terminate"};
inline constexpr std::array<std::string_view, 9> outcome_names{
    "canceled", "terminated", "signaled", "gone",    "raced",
    "spared",   "denied",     "survived", "dry run",
};

/* What the log says of an action that is about to be taken, and that mode = log does not take. */
struct Announcement
{
	std::string_view taken;
	std::string_view not_taken;
};
inline constexpr std::array<Announcement, action_names.size()> announcements{{
    {.taken = "unknown", .not_taken = "unknown"},
    {.taken = "canceling statement of session", .not_taken = "would cancel statement of session"},
    {.taken = "terminating session", .not_taken = "would terminate session"},
}};

constexpr std::string_view
name_of(Action action)
{
	return action_names[static_cast<std::size_t>(action)];
}

constexpr std::string_view
name_of(Outcome outcome)
{
	return outcome_names[static_cast<std::size_t>(outcome)];
}

constexpr Announcement
announcement_for(Action action)
{
	auto index = static_cast<std::size_t>(action);

	return announcements[index < announcements.size() ? index : 0];
}

constexpr std::string_view
announcement_of(Action action)
{
	return announcement_for(action).taken;
}

constexpr std::string_view
announcement_of_not_taken(Action action)
{
	return announcement_for(action).not_taken;
}

/* The outcome of an action whose signal has had its effect. */
constexpr Outcome
confirmed_outcome_of(Action action)
{
	return action == Action::Terminate ? Outcome::Terminated : Outcome::Canceled;
}

/* Has a signal had its effect? */
constexpr bool
is_effect(Outcome outcome)
{
	return outcome == Outcome::Canceled || outcome == Outcome::Terminated;
}

} // namespace session_guard
