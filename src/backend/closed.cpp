/*
 * What is closed to new connections (see closed.h).
 *
 * It runs at the end of the transaction that starts the session up.  Database, role and settings
 * are known then, and no catalog is read for anybody to whom nothing is closed.
 */
#include "backend/closed.h"

#include "core/messages.h"

#include "pg/monotonic_clock.h"
#include "pg/pg.h"

#include "settings/settings.h"

#include "shmem/closings.h"

#include "status/sql_values.h"

#include <array>
#include <string_view>

namespace session_guard
{

namespace
{

/* May the user of this session enter what is closed? */
bool
may_enter_closed()
{
	const char *bypass = closed_bypass_role();

	if (superuser_arg(GetSessionUserId()))
		return true;
	Oid role = *bypass != '\0' ? get_role_oid(bypass, true) : InvalidOid;
	return OidIsValid(role) && is_member_of_role_nosuper(GetSessionUserId(), role);
}

bool
is_closed_for_me(Instant now)
{
	return !accepts_connections() ||
	       (!is_nothing_closed() && is_closed(MyDatabaseId, GetSessionUserId(), now));
}

/* Seconds are enough for people. */
const char *
moment_of(Instant until, Instant now)
{
	Timestamp at = GetCurrentTimestamp() + (until - now);

	return timestamptz_to_str(at - at % USECS_PER_SEC);
}

/* What is left of the sentence that tells of a closing; the reason may be a sentence of its own. */
const char *
reason_of(const Closing &closing)
{
	if (closing.reason.front() == '\0')
		return ".";
	const char *reason = quoted(as_ascii(closing.reason.data()));
	return psprintf(": %s%s", reason, std::string_view(reason).ends_with(".\"") ? "" : ".");
}

const char *
detail_of(const Closing &closing, Instant now)
{
	const char *by = as_ascii(closing.by.data());
	const char *reason = reason_of(closing);

	if (closing.drained_by != 0)
		return psprintf("It is being drained by %s%s", by, reason);
	return psprintf("It was closed by %s, until %s%s", by, moment_of(closing.until, now), reason);
}

/* What is closed: "database "shop"", or the server as a whole. */
const char *
text_of(Source source)
{
	switch (source)
	{
		case Source::Database:
			return psprintf("database \"%s\"", name_or_mark(get_database_name(MyDatabaseId)));
		case Source::Role:
		case Source::RoleInDatabase:
			return psprintf("role \"%s\"",
			                name_or_mark(GetUserNameFromId(GetSessionUserId(), true)));
		default:
			return "server";
	}
}

[[noreturn]] void
refuse(Source what, const char *detail, const char *hint)
{
	ereport(FATAL, (errcode(ERRCODE_CANNOT_CONNECT_NOW),
	                errmsg("%s is closed to new connections", text_of(what)),
	                errdetail_internal("%s", detail), errhint("%s", hint)));
	pg_unreachable();
}

[[noreturn]] void
refuse_by_setting()
{
	std::array<char, 256> buffer;
	Text detail(buffer);
	Names names{.role = name_or_mark(GetUserNameFromId(GetSessionUserId(), true)),
	            .database = name_or_mark(get_database_name(MyDatabaseId))};

	detail.append("pg_session_guard.accept_connections is off (");
	append_source(detail, source_of_accept_connections(), names);
	detail.append(").");
	refuse(source_of_accept_connections(), detail.c_str(),
	       "Ask the administrator to accept connections again.");
}

} // namespace

void
refuse_if_closed()
{
	Instant now = monotonic_now();
	Closing closing;

	if (!OidIsValid(MyDatabaseId) || !is_closed_for_me(now) || may_enter_closed())
		return;
	if (refuse_by_closing(MyDatabaseId, GetSessionUserId(), now, closing))
		refuse(OidIsValid(closing.object.database) ? Source::Database : Source::Role,
		       detail_of(closing, now),
		       "Connect again later, or ask the administrator to open it.");
	if (!accepts_connections())
		refuse_by_setting();
}

} // namespace session_guard
