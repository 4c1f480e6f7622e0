/*
 * The steps of an action (see escalation.h).
 */
#include "core/escalation.h"

namespace session_guard
{

bool
is_escalating(const Escalation &escalation, Timestamp statement)
{
	switch (escalation.step)
	{
		case EscalationStep::None:
			return false;
		case EscalationStep::Canceled:
			return statement != unknown_time && escalation.statement == statement;
		case EscalationStep::Terminated:
			return true;
	}
	return false;
}

bool
is_escalating_for(const Escalation &escalation, Limit limit, std::int64_t harm)
{
	return escalation.step == EscalationStep::Canceled && measures_harm(limit) &&
	       escalation.limit == limit && escalation.harm == harm;
}

void
note_cancel(Escalation &escalation, Timestamp statement, Limit limit, std::int64_t harm,
            Instant now)
{
	escalation = {.step = EscalationStep::Canceled,
	              .statement = statement,
	              .limit = limit,
	              .harm = harm,
	              .at = now};
}

void
note_terminate(Escalation &escalation, Instant now)
{
	escalation.step = EscalationStep::Terminated;
	escalation.at = now;
}

} // namespace session_guard
