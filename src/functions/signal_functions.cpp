/*
 * The functions as SQL calls them: each makes a request of its arguments, and rows
 * of what became of it.  The request itself is carried out by one implementation
 * (see execute_request.h).
 *
 * Whatever arguments a function has of its own come first; then, where it is about
 * many sessions, include_sync_rep, and include_spared where it names a condition;
 * then timeout, reason and dry_run; last, where it is about many, what is excepted.
 */
#include "functions/arguments.h"
#include "functions/execute_request.h"
#include "functions/request_rows.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_terminate_db_sessions);
	PG_FUNCTION_INFO_V1(session_guard_terminate_user_sessions);
	PG_FUNCTION_INFO_V1(session_guard_terminate_all_sessions);
	PG_FUNCTION_INFO_V1(session_guard_terminate_idle_sessions);
	PG_FUNCTION_INFO_V1(session_guard_terminate_idle_in_transaction_sessions);
	PG_FUNCTION_INFO_V1(session_guard_terminate_blocking_sessions);
	PG_FUNCTION_INFO_V1(session_guard_terminate_session);
	PG_FUNCTION_INFO_V1(session_guard_terminate_sessions);
	PG_FUNCTION_INFO_V1(session_guard_cancel_db_queries);
	PG_FUNCTION_INFO_V1(session_guard_cancel_user_queries);
	PG_FUNCTION_INFO_V1(session_guard_cancel_long_queries);
	PG_FUNCTION_INFO_V1(session_guard_cancel_query);
	PG_FUNCTION_INFO_V1(session_guard_cancel_queries);
	PG_FUNCTION_INFO_V1(session_guard_stop_query);
}

namespace session_guard
{

namespace
{

constexpr std::uint32_t idle_states = state_bit(State::Idle);
constexpr std::uint32_t idle_in_transaction_states =
    state_bit(State::IdleInTransaction) | state_bit(State::IdleInTransactionAborted);

/* Take the arguments that all functions share. */
void
take_common(Arguments &arguments, Request &request)
{
	request.function = arguments.function();
	request.timeout = arguments.duration("timeout");
	request.reason = arguments.reason();
	request.dry_run = arguments.flag("dry_run");
}

/* Carry a request out, and return its rows. */
Datum
execute_and_show(FunctionCallInfo fcinfo, const Arguments &arguments, Request &request)
{
	request.given = arguments.given();
	return return_rows(fcinfo, execute(request));
}

/* The same for a function about one process, whose own arguments have been taken. */
Datum
execute_for_one(FunctionCallInfo fcinfo, Arguments &arguments, Request &request)
{
	take_common(arguments, request);
	return execute_and_show(fcinfo, arguments, request);
}

/* Take the arguments that all functions about many sessions share. */
void
take_common_of_many(Arguments &arguments, Request &request)
{
	request.include_sync_rep = arguments.flag("include_sync_rep", true);
	if (request.condition)
		request.include_spared = arguments.flag("include_spared", true);
	take_common(arguments, request);
	request.filter.except_roles = arguments.roles_if_given("except_username");
	request.filter.except_application_names = arguments.texts_if_given("except_application_name");
}

Datum
execute_for_many(FunctionCallInfo fcinfo, Arguments &arguments, Request &request)
{
	take_common_of_many(arguments, request);
	return execute_and_show(fcinfo, arguments, request);
}

Request
request_to(Action action)
{
	Request request{};

	request.action = action;
	/* A statement is all that can be canceled. */
	request.filter.running = action == Action::Cancel;
	return request;
}

/* Terminate sessions that have been in certain states for longer than the first argument says. */
Datum
terminate_in_states(FunctionCallInfo fcinfo, std::uint32_t states, Condition condition)
{
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Terminate);

	request.condition = condition;
	request.filter.states = states;
	request.filter.longer_than = arguments.longer_than("idle_for");
	request.filter.databases = arguments.databases_if_given("dbname");
	return execute_for_many(fcinfo, arguments, request);
}

/* Act on one process; with a start only if it is still that session. */
Datum
act_on_one(FunctionCallInfo fcinfo, Action action)
{
	Arguments arguments(fcinfo);
	Request request = request_to(action);

	request.pid = arguments.pid("pid");
	if (std::optional<Datum> start = arguments.filter("backend_start"))
		request.backend_start = DatumGetTimestampTz(*start);
	return execute_for_one(fcinfo, arguments, request);
}

/* Take the filters of the general functions. */
void
take_filters(Arguments &arguments, Filter &filter)
{
	filter.databases = arguments.databases_if_given("dbname");
	filter.roles = arguments.roles_if_given("username");
	filter.application_names = arguments.texts_if_given("application_name");
	filter.client_addr = arguments.network_if_given("client_addr");
	if (std::span<const Datum> names = arguments.texts_if_given("state"); !names.empty())
		filter.states = states_named(names);
	filter.query = arguments.text_if_given("query");
	filter.longer_than = arguments.duration_if_given("longer_than");
}

bool
selects_all(const Filter &filter)
{
	return filter.databases.empty() && filter.roles.empty() && filter.application_names.empty() &&
	       !filter.client_addr && !filter.states && !filter.query && filter.longer_than == 0 &&
	       filter.except_databases.empty() && filter.except_roles.empty() &&
	       filter.except_application_names.empty();
}

/* The general functions: many sessions, by whatever filters are given; an error if none is. */
Datum
act_on_filtered(FunctionCallInfo fcinfo, Action action)
{
	Arguments arguments(fcinfo);
	Request request = request_to(action);

	take_filters(arguments, request.filter);
	request.except_self = arguments.flag("except_self", false);
	take_common_of_many(arguments, request);
	request.filter.except_databases = arguments.databases_if_given("except_dbname");
	if (selects_all(request.filter))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no filter is given"),
		                action == Action::Terminate
		                    ? errhint("To terminate every session, use terminate_all_sessions().")
		                    : errhint("Name at least one of dbname, username, application_name, "
		                              "client_addr, state, query and longer_than.")));
	return execute_and_show(fcinfo, arguments, request);
}

} // namespace

} // namespace session_guard

/* terminate_db_sessions(dbname, except_self, ...) */
Datum
session_guard_terminate_db_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Terminate);

	request.filter.databases = arguments.databases("dbname");
	request.except_self = arguments.flag("except_self", false);
	request.empties_databases = true;
	return execute_for_many(fcinfo, arguments, request);
}

/* terminate_user_sessions(username, except_self, ...) */
Datum
session_guard_terminate_user_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Terminate);

	request.filter.roles = arguments.roles("username");
	request.except_self = arguments.flag("except_self", false);
	return execute_for_many(fcinfo, arguments, request);
}

/* terminate_all_sessions(except_self, ...) */
Datum
session_guard_terminate_all_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Terminate);

	request.except_self = arguments.flag("except_self", false);
	take_common_of_many(arguments, request);
	request.filter.except_databases = arguments.databases_if_given("except_dbname");
	return execute_and_show(fcinfo, arguments, request);
}

/* terminate_idle_sessions(idle_for, ...) */
Datum
session_guard_terminate_idle_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	return terminate_in_states(fcinfo, idle_states, Condition::Idle);
}

/* terminate_idle_in_transaction_sessions(idle_for, ...) */
Datum
session_guard_terminate_idle_in_transaction_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	return terminate_in_states(fcinfo, idle_in_transaction_states, Condition::IdleInTransaction);
}

/* terminate_blocking_sessions(blocking_for, ...) */
Datum
session_guard_terminate_blocking_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Terminate);

	request.condition = Condition::Blocking;
	request.filter.blocking_for = arguments.longer_than("blocking_for");
	request.filter.counts_advisory = arguments.flag("include_advisory", true);
	return execute_for_many(fcinfo, arguments, request);
}

/* terminate_session(pid, ...) */
Datum
session_guard_terminate_session(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	return act_on_one(fcinfo, Action::Terminate);
}

/* terminate_sessions(...), by filters */
Datum
session_guard_terminate_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	return act_on_filtered(fcinfo, Action::Terminate);
}

/* cancel_db_queries(dbname, ...) */
Datum
session_guard_cancel_db_queries(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Cancel);

	request.filter.databases = arguments.databases("dbname");
	return execute_for_many(fcinfo, arguments, request);
}

/* cancel_user_queries(username, ...) */
Datum
session_guard_cancel_user_queries(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Cancel);

	request.filter.roles = arguments.roles("username");
	return execute_for_many(fcinfo, arguments, request);
}

/* cancel_long_queries(running_for, ...) */
Datum
session_guard_cancel_long_queries(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Cancel);

	request.condition = Condition::LongStatement;
	request.filter.since = Since::StatementStart;
	request.filter.longer_than = arguments.longer_than("running_for");
	request.filter.databases = arguments.databases_if_given("dbname");
	return execute_for_many(fcinfo, arguments, request);
}

/* cancel_query(pid, ...) */
Datum
session_guard_cancel_query(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	return act_on_one(fcinfo, Action::Cancel);
}

/* cancel_queries(...), by filters */
Datum
session_guard_cancel_queries(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	return act_on_filtered(fcinfo, Action::Cancel);
}

/* stop_query(pid, grace, ...) */
Datum
session_guard_stop_query(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Request request = request_to(Action::Cancel);

	request.pid = arguments.pid("pid");
	request.grace = arguments.duration("grace");
	if (*request.grace == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" must be positive", "grace"),
		                errhint("To end the session at once, use terminate_session().")));
	return execute_for_one(fcinfo, arguments, request);
}
