/*
 * The sentences in which the guard explains itself.
 *
 * One wording for the server log now, and for the client and the history when
 * they come to show it.
 */
#pragma once

#include "core/policy.h"
#include "core/text.h"

namespace session_guard
{

/* Where a threshold was set: "configuration file". */
std::string_view name_of(Source source);

/* What the log says of an action that is about to be done: "terminating session".  NUL-terminated.
 */
std::string_view announcement_of(Action action);

/* The same of a verdict, which with mode = log is not done. */
std::string_view announcement_of(const Verdict &verdict);

/*
 * Why: "idle in transaction for 5 min 2 s,
 * pg_session_guard.idle_in_transaction_session_timeout is 5 min (configuration file)".
 */
void append_reason(Text &text, const Verdict &verdict, const Policy &policy);

/* That a limit has come into force, and how many sessions are over it. */
void append_in_force(Text &text, Limit limit, const Policy &policy, std::int64_t sessions_over,
                     std::int64_t catch_up_rate);

} // namespace session_guard
