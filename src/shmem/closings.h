/*
 * Which databases and roles are closed to new connections for a time, by whom and why.
 *
 * In shared memory, so it is the same on standbys, and a restart or a crash opens everything
 * again.  What is closed is known by its OID: a database that is renamed stays closed, and one
 * that is created in a dropped one's name is open.  An LWLock of its own tranche guards all of it;
 * whoever has nothing to do with it reads one number.
 */
#pragma once

#include "core/time.h"

#include "pg/pg.h"

#include <array>
#include <cstdint>
#include <type_traits>

namespace session_guard
{

/* A database or a role; the other OID is invalid. */
struct ClosedObject
{
	Oid database;
	Oid role;

	friend bool operator==(const ClosedObject &, const ClosedObject &) = default;
};

struct Closing
{
	ClosedObject object;
	/* By the wall clock. */
	Timestamp since;
	/* When it ends, by the monotonic clock. */
	Instant until;
	/* Who has closed it, and what for, as in a line of the log; a reason may be empty. */
	std::array<char, 320> by;
	std::array<char, 512> reason;
	/* The process that drains it meanwhile; 0 if none does.  How many sessions are left then. */
	int drained_by;
	int left;
	bool is_superusers;
	/* How many connections were refused by it. */
	std::uint64_t refused;
};
static_assert(std::is_trivially_copyable_v<Closing>);

Size closings_size();
void closings_init(void *memory, bool found);

/* So many can be there at a time, and so many of those that are not a superuser's. */
inline constexpr int max_closings = 1024;
inline constexpr int max_closings_of_others = 768;

/*
 * Add a closing, and return its number, or 0 if there is no room.  One that is no drain's
 * replaces another such one of the same object.  The closings of an object count side by side.
 */
std::uint64_t add_closing(const Closing &closing, Instant now);

/* Change a closing, by its number; nothing happens if it has been removed. */
void set_sessions_left(std::uint64_t number, int left);
/*
 * The drain is over, and what it has closed stays so until then, or as long as it is closed
 * otherwise; false if it has been opened meanwhile.
 */
bool end_drain(std::uint64_t number, Instant until);
bool remove_closing(std::uint64_t number);

/* Remove all closings of an object; false if there is none that lasts. */
bool remove_closings_of(const ClosedObject &object, Instant now);

/* Is nothing closed?  Without a lock. */
bool is_nothing_closed();

/*
 * Find what keeps out who connects to a database as a role, and count the refusal: of several
 * the closing that lasts longest.  False if nothing does.
 */
bool refuse_by_closing(Oid database, Oid role, Instant now, Closing &found);

/* The same without a refusal. */
bool is_closed(Oid database, Oid role, Instant now);

struct NumberedClosing
{
	/* 0 where there is none. */
	std::uint64_t number;
	Closing closing;
};

/* Copy the closings that last into this array of max_closings; returns how many. */
int copy_closings(NumberedClosing *copies, Instant now);

} // namespace session_guard
