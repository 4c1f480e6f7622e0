/*
 * Closing databases and roles to new connections, for the functions that do that.
 */
#pragma once

#include "shmem/closings.h"

#include "functions/arguments.h"
#include "functions/request.h"

#include <span>

namespace session_guard
{

/* What is closed: the databases or the roles that the caller has named. */
struct ClosedObjects
{
	std::span<const Oid> databases;
	std::span<const Oid> roles;

	std::size_t
	count() const
	{
		return databases.size() + roles.size();
	}

	ClosedObject
	at(std::size_t i) const
	{
		return i < databases.size()
		           ? ClosedObject{.database = databases[i], .role = InvalidOid}
		           : ClosedObject{.database = InvalidOid, .role = roles[i - databases.size()]};
	}
};

/* database "shop", for log and messages. */
const char *name_of(const ClosedObject &object);

/* Has it been dropped since it was closed? */
bool is_dropped(const ClosedObject &object);

/* The next argument: how long to keep it closed.  An error if no timestamp is so far away. */
Duration time_to_close(Arguments &arguments, const char *name);

/*
 * Stop with an error unless the caller may close all of these: a database its owner, a role who
 * may ALTER it; and unless it makes sense, which it does not of a superuser.
 */
void check_may_close(const ClosedObjects &objects);

/* Say in the log that what is called so is opened for a request.  Reads no catalog. */
void report_opening(const char *name, const Request &request);

/*
 * Close an object until then, by the monotonic clock, for a request, and say so in the log.  An
 * error if no more can be closed.  "drained_by" is the process that drains it, or 0.  The number
 * of the closing is noted as soon as it is there, whatever comes after.
 */
void close_object(const ClosedObject &object, const Request &request, Instant until, int drained_by,
                  std::uint64_t &number);

} // namespace session_guard
