/*
 * Which sessions a request is about (see filter.h).
 */
#include "functions/filter.h"

#include "pg/privileges.h"

#include "status/sql_values.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

namespace
{

bool
is_like(const char *value, Datum pattern)
{
	return DatumGetBool(DirectFunctionCall2Coll(textlike, DEFAULT_COLLATION_OID,
	                                            PointerGetDatum(sql_text(value)), pattern));
}

bool
matches_regex(text *value, Datum pattern)
{
	return DatumGetBool(DirectFunctionCall2Coll(texticregexeq, DEFAULT_COLLATION_OID,
	                                            PointerGetDatum(value), pattern));
}

bool
is_within(const SockAddr &address, Datum network)
{
	std::optional<Datum> client = sql_address(address);

	return client.has_value() && DatumGetBool(DirectFunctionCall2(network_subeq, *client, network));
}

bool
is_in(std::span<const Oid> oids, Oid oid)
{
	return std::ranges::find(oids, oid) != oids.end();
}

bool
is_like_any(const char *value, std::span<const Datum> patterns)
{
	return std::ranges::any_of(patterns, [&](Datum pattern) { return is_like(value, pattern); });
}

/* What pg_stat_activity shows to everybody. */
bool
passes_identity(const Filter &filter, const BackendSnapshot &snapshot)
{
	return (filter.databases.empty() || is_in(filter.databases, snapshot.database)) &&
	       (filter.roles.empty() || is_in(filter.roles, snapshot.role)) &&
	       (filter.application_names.empty() ||
	        is_like_any(snapshot.application_name, filter.application_names)) &&
	       !is_in(filter.except_databases, snapshot.database) &&
	       !is_in(filter.except_roles, snapshot.role) &&
	       !is_like_any(snapshot.application_name, filter.except_application_names);
}

/* Where the session comes from, and the text of its query. */
bool
passes_content(const Filter &filter, const BackendSnapshot &snapshot, const char *query)
{
	return (!filter.client_addr || is_within(snapshot.client_address, *filter.client_addr)) &&
	       (!filter.query || matches_regex(sql_query(query), *filter.query));
}

bool
is_longer(Timestamp since, Duration threshold, const Present &present)
{
	return threshold == 0 || (since != unknown_time &&
	                          present.now - time_of(present.clock, since, present.now) > threshold);
}

/* Has it blocked others for long enough, by its own doing? */
bool
passes_blocking(const Filter &filter, const BackendSnapshot &snapshot, const Present &present)
{
	const Session &session = snapshot.session;
	Timestamp busy_since =
	    session.xact_start != unknown_time ? session.xact_start : session.state_change;
	/* A caller that is denied anyway is not to learn when that began. */
	std::optional<Timestamp> blocking_since = present.graph.blocking_since(
	    session.id.pid, may_see_activity_of(snapshot.role) ? busy_since : unknown_time);

	return blocking_since && !waits_for_lock(session) &&
	       is_longer(*blocking_since, *filter.blocking_for, present);
}

/* What the session is at, and for how long. */
bool
passes_activity(const Filter &filter, const Session &session, const Present &present)
{
	Timestamp since =
	    filter.since == Since::StateChange ? session.state_change : statement_stamp(session);

	return (!filter.states || (*filter.states & state_bit(session.state)) != 0) &&
	       (!filter.running || is_running(session)) &&
	       is_longer(since, filter.longer_than, present);
}

/* An empty pattern is what a script makes of a variable that it has not set. */
void
check_not_empty(Datum pattern, const char *name)
{
	if (*TextDatumGetCString(pattern) == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		                errmsg("argument \"%s\" must not be empty", name)));
}

/* textlike() complains of this only when it gets that far. */
void
check_like_pattern(Datum pattern)
{
	const char *characters = TextDatumGetCString(pattern);
	std::size_t backslashes = 0;

	for (std::size_t i = strlen(characters); i > 0 && characters[i - 1] == '\\'; i--)
		backslashes++;
	if (backslashes % 2 != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_ESCAPE_SEQUENCE),
		                errmsg("LIKE pattern must not end with escape character")));
}

std::uint32_t
state_named(Datum name)
{
	const char *wanted = TextDatumGetCString(name);

	for (auto [known, state] : state_names)
		if (known == wanted && state != State::Starting)
			return state_bit(state);
	ereport(ERROR,
	        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown state \"%s\"", wanted),
	         errhint("States are \"active\", \"idle\", \"idle in transaction\", \"idle in "
	                 "transaction (aborted)\", \"fastpath function call\" and \"disabled\".")));
}

void
check_like_patterns(std::span<const Datum> patterns, const char *name)
{
	for (Datum pattern : patterns)
	{
		check_not_empty(pattern, name);
		check_like_pattern(pattern);
	}
}

} // namespace

std::uint32_t
states_named(std::span<const Datum> names)
{
	std::uint32_t states = 0;

	for (Datum name : names)
		states |= state_named(name);
	return states;
}

void
check_patterns(const Filter &filter)
{
	check_like_patterns(filter.application_names, "application_name");
	check_like_patterns(filter.except_application_names, "except_application_name");
	if (filter.query)
	{
		check_not_empty(*filter.query, "query");
		(void)matches_regex(cstring_to_text(""), *filter.query);
	}
}

FilterMatch
matches(const Filter &filter, const BackendSnapshot &snapshot, const char *query,
        const Present &present)
{
	bool wants_content = filter.client_addr || filter.query;
	bool wants_activity = filter.states || filter.running || filter.longer_than > 0;

	if (!passes_identity(filter, snapshot))
		return FilterMatch::No;
	if (filter.blocking_for && !passes_blocking(filter, snapshot, present))
		return FilterMatch::No;
	if ((wants_content && !may_see(snapshot.role)) ||
	    (wants_activity && !may_see_activity_of(snapshot.role)))
		return FilterMatch::Hidden;
	return passes_activity(filter, snapshot.session, present) &&
	               passes_content(filter, snapshot, query)
	           ? FilterMatch::Yes
	           : FilterMatch::No;
}

} // namespace session_guard
