/*
 * The steps of an action: which signal a session that exceeds its limit gets next.
 *
 * A statement over statement_timeout is canceled once; if the very same
 * statement still runs after cancel_grace, its session is terminated once.  A limit
 * on what a session does to others asks instead whether it still does that: a cancel
 * that is caught ends the statement, and leaves the transaction and its locks.
 * The state is kept in the session's tracking state and is written right after the
 * signal, so that a restarted worker never repeats a step.
 */
#pragma once

#include "core/limits.h"
#include "core/time.h"

#include <type_traits>

namespace session_guard
{

enum class EscalationStep : std::uint8_t
{
	None,
	Canceled,
	Terminated,
};

struct Escalation
{
	EscalationStep step;
	/* Of the statement that was canceled (statement_stamp). */
	Timestamp statement;
	/* What it was canceled for: the limit, and what tells its harm from the next (harm_of()). */
	Limit limit;
	std::int64_t harm;
	/* When the last step was taken. */
	Instant at;
};
static_assert(std::is_trivially_destructible_v<Escalation>);

/* Does the escalation still apply to a session whose present statement is this one? */
bool is_escalating(const Escalation &escalation, Timestamp statement);

/* Was a statement of the session canceled for this very harm, whatever it runs now? */
bool is_escalating_for(const Escalation &escalation, Limit limit, std::int64_t harm);

/* Note the step that was taken. */
void note_cancel(Escalation &escalation, Timestamp statement, Limit limit, std::int64_t harm,
                 Instant now);
void note_terminate(Escalation &escalation, Instant now);

} // namespace session_guard
