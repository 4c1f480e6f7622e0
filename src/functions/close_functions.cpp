/*
 * The functions that close databases and roles to new connections, and open them again, as SQL
 * calls them.
 */
#include "pg/monotonic_clock.h"
#include "pg/pg.h"

#include "shmem/shared_memory.h"

#include "functions/arguments.h"
#include "functions/close.h"
#include "functions/request_messages.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_close_database);
	PG_FUNCTION_INFO_V1(session_guard_close_role);
	PG_FUNCTION_INFO_V1(session_guard_open_database);
	PG_FUNCTION_INFO_V1(session_guard_open_role);
}

namespace session_guard
{

namespace
{

/* A request that only says who has made it. */
Request
request_of(const Arguments &arguments, const char *reason)
{
	Request request{};

	request.function = arguments.function();
	request.given = arguments.given();
	request.reason = reason;
	request.origin = origin_of(request);
	return request;
}

/* Close all of these, whose names have been taken; returns until when, by the wall clock. */
Datum
close_all(Arguments &arguments, const ClosedObjects &objects)
{
	const char *reason = arguments.reason();
	Duration time = time_to_close(arguments, "for_time");

	if (time == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" must be positive", "for_time")));
	check_may_close(objects);

	Request request = request_of(arguments, reason);
	Instant until = later(monotonic_now(), time);
	for (std::size_t i = 0; i < objects.count(); i++)
	{
		std::uint64_t number = 0;

		close_object(objects.at(i), request, until, 0, number);
	}
	return TimestampTzGetDatum(later(GetCurrentTimestamp(), time));
}

/* Tell of what a function cannot open. */
void
notice_not_closed(const ClosedObject &object)
{
	ereport(NOTICE, (errmsg("%s was not closed by a function", name_of(object)),
	                 errhint("The view session_guard.closed shows what is closed.")));
}

/* Open all of these; true if each was closed. */
Datum
open_all(const Arguments &arguments, const ClosedObjects &objects)
{
	bool were_closed = true;

	check_may_close(objects);
	Request request = request_of(arguments, nullptr);
	for (std::size_t i = 0; i < objects.count(); i++)
	{
		ClosedObject object = objects.at(i);

		if (remove_closings_of(object, monotonic_now()))
			report_opening(name_of(object), request);
		else
		{
			were_closed = false;
			notice_not_closed(object);
		}
	}
	return BoolGetDatum(were_closed);
}

ClosedObjects
databases_of(Arguments &arguments)
{
	require_shared_memory();
	return {.databases = arguments.databases("dbname"), .roles = {}};
}

ClosedObjects
roles_of(Arguments &arguments)
{
	require_shared_memory();
	return {.databases = {}, .roles = arguments.roles("username")};
}

} // namespace

} // namespace session_guard

/* close_database(dbname, reason, for_time) */
Datum
session_guard_close_database(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);

	return close_all(arguments, databases_of(arguments));
}

/* close_role(username, reason, for_time) */
Datum
session_guard_close_role(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);

	return close_all(arguments, roles_of(arguments));
}

/* open_database(dbname) */
Datum
session_guard_open_database(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);

	return open_all(arguments, databases_of(arguments));
}

/* open_role(username) */
Datum
session_guard_open_role(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);

	return open_all(arguments, roles_of(arguments));
}
