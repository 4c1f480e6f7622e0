/*
 * The sentences in which the guard explains itself.
 *
 * One wording for the server's log, the client and the history.
 */
#pragma once

#include "core/outcome.h"
#include "core/policy.h"
#include "core/text.h"

namespace session_guard
{

/* What a session's role and database are called. */
struct Names
{
	std::string_view role;
	std::string_view database;
};

/* Where a setting was made: "configuration file", role "app" in database "shop". */
void append_source(Text &text, Source source, const Names &names);

/* What the log says of an action that is about to be done: "terminating session".  NUL-terminated.
 */
std::string_view announcement_of(Action action);

/* The same of a verdict, which with mode = log is not done. */
std::string_view announcement_of(const Verdict &verdict);

/*
 * Why: "idle in transaction for 5 min 2 s,
 * pg_session_guard.idle_in_transaction_session_timeout is 5 min (configuration file)".
 */
void append_reason(Text &text, const Verdict &verdict, const Policy &policy, const Names &names);

/*
 * The same as sentences for the client: "Idle in transaction for 5 min 2 s;
 * pg_session_guard.idle_in_transaction_session_timeout is 5 min (role "web")."
 */
void append_detail(Text &text, const Verdict &verdict, const Policy &policy, const Names &names);

/* How late an action is that is taken when the verdict was measured. */
Duration lateness_of(const Verdict &verdict, const Policy &policy);

/*
 * That a limit has come into force, perhaps for roles or databases, how many are over it, and
 * how many are spared from it, by what.
 */
void append_in_force(Text &text, Limit limit, const Policy &policy, bool is_stored,
                     const Census &census, std::int64_t catch_up_rate);

/* Why a session is spared: "superuser", exempt by role "backup"; the exemption is the policy's. */
void append_spared(Text &text, Spared spared, const Policy &policy, const Names &names);

/*
 * How a survivor has ended at last, this long after its signal, before what was said of it then:
 * "gone after 17 s; before: still there after 5 s".
 */
void append_end_of_survivor(Text &text, Outcome outcome, Duration after, std::string_view before);

/* How often the same was done again: "repeated 41 times within 12 s". */
void append_repetitions(Text &text, std::int64_t repetitions, Duration within);

/* Of what is done again and again, is this time to be told in the log?  The first is, and after so
 * many as 10, 100, 1000 ... before it. */
bool is_to_be_told(std::int64_t times_before);

} // namespace session_guard
