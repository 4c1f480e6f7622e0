/*
 * The steps of an action (see ladder.h).
 */
#include "core/ladder.h"

namespace session_guard
{

bool
is_climbing(const Ladder &ladder, Timestamp statement)
{
	switch (ladder.rung)
	{
		case Rung::Ground:
			return false;
		case Rung::Canceled:
			return statement != unknown_time && ladder.statement == statement;
		case Rung::Terminated:
			return true;
	}
	return false;
}

void
note_cancel(Ladder &ladder, Timestamp statement, Instant now)
{
	ladder = {.rung = Rung::Canceled, .statement = statement, .at = now};
}

void
note_terminate(Ladder &ladder, Instant now)
{
	ladder.rung = Rung::Terminated;
	ladder.at = now;
}

} // namespace session_guard
