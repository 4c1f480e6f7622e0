/*
 * drain_database() and drain_role() as SQL calls them.
 */
#include "pg/pg.h"

#include "shmem/shared_memory.h"

#include "functions/arguments.h"
#include "functions/drain.h"
#include "functions/execute_request.h"
#include "functions/request_rows.h"

#include <algorithm>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_drain_database);
	PG_FUNCTION_INFO_V1(session_guard_drain_role);
}

namespace session_guard
{

namespace
{

/* The caller would wait for itself. */
void
check_not_in(std::span<const Oid> databases)
{
	if (std::ranges::find(databases, MyDatabaseId) != databases.end())
		ereport(ERROR,
		        (errcode(ERRCODE_OBJECT_IN_USE), errmsg("cannot drain the currently open database"),
		         errhint("Connect to another database.")));
}

/* Drain what has been named, by the arguments that follow the name. */
Datum
drain_and_show(FunctionCallInfo fcinfo, Arguments &arguments, const ClosedObjects &objects)
{
	Request request{};
	DrainTimes times{};

	request.function = arguments.function();
	request.action = Action::Terminate;
	request.filter.databases = objects.databases;
	request.filter.roles = objects.roles;
	times.deadline = arguments.duration("deadline");
	times.keep_closed_for = time_to_close(arguments, "keep_closed_for");
	request.reason = arguments.reason();
	request.include_sync_rep = arguments.flag("include_sync_rep", true);
	request.timeout = arguments.duration("timeout");
	request.dry_run = arguments.flag("dry_run");
	request.given = arguments.given();
	check_not_in(objects.databases);
	check_may_close(objects);
	return return_rows(fcinfo, request.dry_run ? execute(request) : drain(request, objects, times));
}

} // namespace

} // namespace session_guard

/* drain_database(dbname, deadline, keep_closed_for, reason, ...) */
Datum
session_guard_drain_database(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);

	require_shared_memory();
	return drain_and_show(fcinfo, arguments,
	                      {.databases = arguments.databases("dbname"), .roles = {}});
}

/* drain_role(username, deadline, keep_closed_for, reason, ...) */
Datum
session_guard_drain_role(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);

	require_shared_memory();
	return drain_and_show(fcinfo, arguments,
	                      {.databases = {}, .roles = arguments.roles("username")});
}
