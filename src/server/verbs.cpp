/*
 * The verbs as SQL calls them: each makes an order of its arguments, and rows
 * of what became of it.  The order itself is carried out by one implementation
 * (see orders.h).
 *
 * Whatever arguments a verb has of its own come first; then, where it is about
 * many sessions, include_sync_rep, and include_spared where it names a condition;
 * then timeout, reason and dry_run; last, where it is about many, who is excepted.
 */
#include "server/arguments.h"
#include "server/orders.h"
#include "server/rights.h"
#include "server/row.h"
#include "server/show.h"

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

/* A column of session_guard.result. */
enum Column
{
	Pid,
	BackendStart,
	DatabaseName,
	UserName,
	ApplicationName,
	ClientAddress,
	StateName,
	Query,
	ActionName,
	OutcomeName,
	Note,
	ColumnCount,
};

using ResultRow = Row<ColumnCount>;

/* Show what pg_stat_activity would show of the session. */
void
show_session(ResultRow &row, const Target &target)
{
	const Sighting &sighting = target.sighting;

	row.set_name(DatabaseName, get_database_name(sighting.database));
	row.set_name(UserName, GetUserNameFromId(sighting.role, true));
	row.set(ApplicationName, PointerGetDatum(shown_text(sighting.application_name)));
	if (!may_see(sighting.role))
		return row.set_text(Query, "<insufficient privilege>");

	row.set(BackendStart, TimestampTzGetDatum(sighting.session.id.backend_start));
	if (std::optional<Datum> address = shown_address(sighting.client_address))
		row.set(ClientAddress, *address);
	row.set_text(StateName, shown_state(sighting.session.state));
	row.set(Query, PointerGetDatum(target.query));
}

ResultRow
row_of(const Target &target)
{
	ResultRow row;

	row.set(Pid, Int32GetDatum(target.sighting.session.id.pid));
	if (target.is_known)
		show_session(row, target);
	row.set_text(ActionName, name_of(target.action).data());
	/* Only the caller's own session can be without an outcome: its signal is on the way. */
	row.set_text(OutcomeName, name_of(target.outcome.value_or(Outcome::Signaled)).data());
	row.set_text(Note, target.note);
	return row;
}

/* Take the arguments that all verbs share. */
void
take_common(Arguments &arguments, Order &order)
{
	order.verb = arguments.verb();
	order.timeout = arguments.duration("timeout");
	order.reason = arguments.reason();
	order.dry_run = arguments.flag("dry_run");
}

/* Carry an order out, and return its rows. */
Datum
obey(FunctionCallInfo fcinfo, const Arguments &arguments, Order &order)
{
	order.given = arguments.given();
	InitMaterializedSRF(fcinfo, 0);

	auto result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	for (const Target &target : carry_out(order).all())
		row_of(target).put(*result);
	return Datum{0};
}

/* The same for a verb about one process, whose own arguments have been taken. */
Datum
obey_for_one(FunctionCallInfo fcinfo, Arguments &arguments, Order &order)
{
	take_common(arguments, order);
	return obey(fcinfo, arguments, order);
}

/* Take the arguments that all verbs about many sessions share. */
void
take_common_of_many(Arguments &arguments, Order &order)
{
	order.include_sync_rep = arguments.flag("include_sync_rep", true);
	if (order.condition)
		order.include_spared = arguments.flag("include_spared", true);
	take_common(arguments, order);
	order.filter.except_roles = arguments.roles_if_given("except_username");
	order.filter.except_application_names = arguments.texts_if_given("except_application_name");
}

Datum
obey_for_many(FunctionCallInfo fcinfo, Arguments &arguments, Order &order)
{
	take_common_of_many(arguments, order);
	return obey(fcinfo, arguments, order);
}

Order
order_to(Action action)
{
	Order order{};

	order.action = action;
	/* A statement is all that can be canceled. */
	order.filter.running = action == Action::Cancel;
	return order;
}

/* Terminate who has been in certain states for longer than the first argument says. */
Datum
terminate_in_states(FunctionCallInfo fcinfo, std::uint32_t states, Condition condition)
{
	Arguments arguments(fcinfo);
	Order order = order_to(Action::Terminate);

	order.condition = condition;
	order.filter.states = states;
	order.filter.longer_than = arguments.longer_than("idle_for");
	order.filter.databases = arguments.databases_if_given("dbname");
	return obey_for_many(fcinfo, arguments, order);
}

/* Act on one process; with a start only if it is still that session. */
Datum
act_on_one(FunctionCallInfo fcinfo, Action action)
{
	Arguments arguments(fcinfo);
	Order order = order_to(action);

	order.pid = arguments.pid("pid");
	if (std::optional<Datum> start = arguments.filter("backend_start"))
		order.backend_start = DatumGetTimestampTz(*start);
	return obey_for_one(fcinfo, arguments, order);
}

/* Take the filters of the general verbs. */
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

/* The general verbs: many sessions, by whatever filters are given; an error if none is. */
Datum
act_on_filtered(FunctionCallInfo fcinfo, Action action)
{
	Arguments arguments(fcinfo);
	Order order = order_to(action);

	take_filters(arguments, order.filter);
	order.except_self = arguments.flag("except_self", false);
	take_common_of_many(arguments, order);
	order.filter.except_databases = arguments.databases_if_given("except_dbname");
	if (selects_all(order.filter))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("no filter is given"),
		                action == Action::Terminate
		                    ? errhint("To terminate every session, use terminate_all_sessions().")
		                    : errhint("Name at least one of dbname, username, application_name, "
		                              "client_addr, state, query and longer_than.")));
	return obey(fcinfo, arguments, order);
}

} // namespace

} // namespace session_guard

/* terminate_db_sessions(dbname, except_self, ...) */
Datum
session_guard_terminate_db_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Order order = order_to(Action::Terminate);

	order.filter.databases = arguments.databases("dbname");
	order.except_self = arguments.flag("except_self", false);
	order.empties_databases = true;
	return obey_for_many(fcinfo, arguments, order);
}

/* terminate_user_sessions(username, except_self, ...) */
Datum
session_guard_terminate_user_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Order order = order_to(Action::Terminate);

	order.filter.roles = arguments.roles("username");
	order.except_self = arguments.flag("except_self", false);
	return obey_for_many(fcinfo, arguments, order);
}

/* terminate_all_sessions(except_self, ...) */
Datum
session_guard_terminate_all_sessions(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Order order = order_to(Action::Terminate);

	order.except_self = arguments.flag("except_self", false);
	take_common_of_many(arguments, order);
	order.filter.except_databases = arguments.databases_if_given("except_dbname");
	return obey(fcinfo, arguments, order);
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
	Order order = order_to(Action::Terminate);

	order.condition = Condition::Blocking;
	order.filter.blocking_for = arguments.longer_than("blocking_for");
	order.filter.counts_advisory = arguments.flag("include_advisory", true);
	return obey_for_many(fcinfo, arguments, order);
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
	Order order = order_to(Action::Cancel);

	order.filter.databases = arguments.databases("dbname");
	return obey_for_many(fcinfo, arguments, order);
}

/* cancel_user_queries(username, ...) */
Datum
session_guard_cancel_user_queries(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Order order = order_to(Action::Cancel);

	order.filter.roles = arguments.roles("username");
	return obey_for_many(fcinfo, arguments, order);
}

/* cancel_long_queries(running_for, ...) */
Datum
session_guard_cancel_long_queries(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	Order order = order_to(Action::Cancel);

	order.condition = Condition::LongStatement;
	order.filter.since = Since::StatementStart;
	order.filter.longer_than = arguments.longer_than("running_for");
	order.filter.databases = arguments.databases_if_given("dbname");
	return obey_for_many(fcinfo, arguments, order);
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
	Order order = order_to(Action::Cancel);

	order.pid = arguments.pid("pid");
	order.grace = arguments.duration("grace");
	if (*order.grace == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" must be positive", "grace"),
		                errhint("To end the session at once, use terminate_session().")));
	return obey_for_one(fcinfo, arguments, order);
}
