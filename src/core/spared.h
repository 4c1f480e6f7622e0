/*
 * Who is spared from a limit, or from what a function asks for, and why.
 */
#pragma once

#include "core/limits.h"
#include "core/policy.h"
#include "core/session.h"
#include "core/tracking_state.h"

#include <cstddef>

namespace session_guard
{

/* Why a session is spared, in the order in which the reasons are checked. */
enum class Spared : std::uint8_t
{
	No,
	/* Its status cannot be understood, or it is still starting up. */
	Unreadable,
	SyncRep,
	RoleUnknown,
	/* By the setting pg_session_guard.exempt, stored or not, or by a rule. */
	Exempt,
	Superuser,
	/* A background worker has no client for which it could wait too long. */
	Worker,
	NotMeasurable,
	/*
	 * A pause cannot be told from a message that is arriving, because the context
	 * switches of its process cannot be read.
	 */
	SwitchesUnreadable,
	/* Something that is no session holds back vacuum as much: its end would free nothing. */
	HorizonHeldElsewhere,
	/* Its memory cannot be read. */
	MemoryUnreadable,
	/* The kernel does not tell whether its client is there. */
	PeerUnreadable,
	Listener,
	Maintenance,
	LockWait,
	/* dead_client_timeout waits for the end of its client. */
	PeerThere,
	/* session_timeout waits for the end of the transaction. */
	InTransaction,
	/* For functions: it has not run for so long without the time that does not count. */
	NotSoLong,
};
inline constexpr std::size_t spared_count = 17;
static_assert(static_cast<std::size_t>(Spared::InTransaction) + 1 == spared_count);

/* Is the session spared from this limit at this moment, and why? */
Spared spared_from(Limit limit, const Session &session, const TrackingState &tracking,
                   const Policy &policy);

/* A condition that a function asks for by its name. */
enum class Condition : std::uint8_t
{
	Idle,
	IdleInTransaction,
	LongStatement,
	Blocking,
};

/*
 * Is a session that has met a condition for longer than "longer_than" spared as
 * the limit of that condition, at whatever value, would spare it?  A blocker is
 * spared while it runs maintenance.
 */
Spared spared_from_condition(Condition condition, Duration longer_than, const Session &session,
                             const TrackingState &tracking, const Policy &policy, Instant now);

/* Does a limit on keeping others waiting bind the session? */
bool is_bound_for_blocking(const Session &session, const Policy &policy);

/*
 * May a session end some time for keeping others waiting: does a limit on that bind it, and is
 * nothing known that spares it for good?
 */
bool may_end_for_blocking(const Session &session, const Policy &policy);

/* The same for holding back vacuum. */
bool may_end_for_horizon(const Session &session, const Policy &policy);

/* May this reason cease by itself, so that the session is worth reading before the next scan? */
bool may_pass_soon(Spared spared);

} // namespace session_guard
