/*
 * Which sessions a request is about.
 */
#pragma once

#include "core/wait_graph.h"
#include "core/wall_clock.h"

#include "status/backend_status.h"

#include <optional>
#include <span>

namespace session_guard
{

/* What "longer than" is counted from. */
enum class Since
{
	StateChange,
	StatementStart,
};

/* A session has to pass all of these; one that is absent, or empty, lets everybody pass. */
struct Filter
{
	/* It is in one of these databases, and in none of those; so for roles. */
	std::span<const Oid> databases;
	std::span<const Oid> except_databases;
	std::span<const Oid> roles;
	std::span<const Oid> except_roles;
	/* text: LIKE patterns. */
	std::span<const Datum> application_names;
	std::span<const Datum> except_application_names;
	/* inet: a network that contains the client's address. */
	std::optional<Datum> client_addr;
	/* text: a regular expression, case-insensitive. */
	std::optional<Datum> query;
	/* A set of states, as made by states_named(). */
	std::optional<std::uint32_t> states;
	/* A statement or a function call runs. */
	bool running = false;
	/* It is the root of a chain of lock waits. */
	std::optional<Duration> blocking_for;
	/* The locks may be advisory ones. */
	bool counts_advisory = false;
	/* Strictly; 0 lets everybody pass. */
	Duration longer_than = 0;
	Since since = Since::StateChange;
};

/* The moment at which sessions are compared with a filter. */
struct Present
{
	Instant now;
	/* Steps of the wall clock, which are not time passed. */
	Clock clock;
	/* Which processes wait for which; empty unless the filter is about blocking. */
	WaitGraph graph;
};

enum class FilterMatch
{
	No,
	Yes,
	/* It depends on what the caller may not see. */
	Hidden,
};

constexpr std::uint32_t
state_bit(State state)
{
	return 1U << static_cast<unsigned>(state);
}

/* The set of these states, named as in pg_stat_activity; an error if there is none of a name. */
std::uint32_t states_named(std::span<const Datum> names);

/* Stop with an error unless patterns can be compared with anything. */
void check_patterns(const Filter &filter);

/* Does a session pass?  The text of its query is used only if the filter is about it. */
FilterMatch matches(const Filter &filter, const BackendSnapshot &snapshot, const char *query,
                    const Present &present);

} // namespace session_guard
