/*
 * Closing (see close.h).
 */
#include "functions/close.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"
#include "pg/privileges.h"

#include "status/sql_values.h"

namespace session_guard
{

namespace
{

void
report_change(const char *change, const char *name, const Request &request)
{
	ereport(LOG_SERVER_ONLY, (errmsg_internal("%s %s to new connections: requested by %s", change,
	                                          name, request.origin.in_log),
	                          errhidestmt(true), errhidecontext(true)));
}

/* Nobody can open what has no name any more. */
void
forget_dropped()
{
	auto closings = static_cast<NumberedClosing *>(palloc(sizeof(NumberedClosing) * max_closings));
	auto count = static_cast<std::size_t>(copy_closings(closings, monotonic_now()));

	for (const NumberedClosing &one : std::span(closings, count))
		if (is_dropped(one.closing.object))
			(void)remove_closing(one.number);
	pfree(closings);
}

void
check_may_close(const ClosedObject &object)
{
	if (OidIsValid(object.database))
	{
		if (!owns_database(GetUserId(), object.database))
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			                errmsg("must be owner of database %s",
			                       name_or_mark(get_database_name(object.database)))));
		return;
	}
	if (!may_alter_role(object.role))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("permission denied for %s", name_of(object)),
		                errdetail("It takes the right to alter the role.")));
	if (superuser_arg(object.role))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		                errmsg("cannot close %s, which is a superuser", name_of(object)),
		                errdetail("Superusers connect to what is closed, too.")));
}

} // namespace

const char *
name_of(const ClosedObject &object)
{
	if (OidIsValid(object.database))
		return psprintf("database %s",
		                quoted(on_one_line(name_or_mark(get_database_name(object.database)))));
	return psprintf("role %s",
	                quoted(on_one_line(name_or_mark(GetUserNameFromId(object.role, true)))));
}

Duration
time_to_close(Arguments &arguments, const char *name)
{
	Duration time = arguments.duration(name);

	if (time > never / 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" is too long", name),
		                errhint("To close it for good, set pg_session_guard.accept_connections to "
		                        "off for the database or role.")));
	return time;
}

void
check_may_close(const ClosedObjects &objects)
{
	for (std::size_t i = 0; i < objects.count(); i++)
		check_may_close(objects.at(i));
}

bool
is_dropped(const ClosedObject &object)
{
	return OidIsValid(object.database)
	           ? !SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(object.database))
	           : !SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(object.role));
}

void
report_opening(const char *name, const Request &request)
{
	report_change("opening", name, request);
}

void
close_object(const ClosedObject &object, const Request &request, Instant until, int drained_by,
             std::uint64_t &number)
{
	const char *name = name_of(object);
	Closing closing{};

	closing.object = object;
	closing.since = GetCurrentTimestamp();
	closing.until = until;
	closing.drained_by = drained_by;
	closing.is_superusers = superuser();
	strlcpy(closing.by.data(), request.origin.caller, closing.by.size());
	strlcpy(closing.reason.data(), request.reason != nullptr ? request.reason : "",
	        closing.reason.size());
	number = add_closing(closing, monotonic_now());
	if (number == 0)
	{
		forget_dropped();
		number = add_closing(closing, monotonic_now());
	}
	if (number == 0)
		ereport(
		    ERROR,
		    (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
		     errmsg("too many databases and roles are closed"),
		     errdetail("There can be %d at a time, %d of them closed by others than superusers.",
		               max_closings, max_closings_of_others)));
	report_change("closing", name, request);
}

} // namespace session_guard
