/*
 * How long logged episodes lasted in the end (see logged.h).
 */
#include "guard/logged.h"

#include "server/events.h"
#include "server/shared.h"

#include <algorithm>

namespace session_guard
{

namespace
{

/* A memo may follow something; so it is until all were asked, since a guard before this one may
 * have begun to. */
bool may_follow = true;

bool
follows(const Memo &memo)
{
	return std::ranges::any_of(memo.logged_event, [](std::uint64_t event) { return event != 0; });
}

/* Bring the last measure to the event, which is not followed any more. */
void
complete(Memo &memo, Limit limit)
{
	std::uint64_t &event = memo.logged_event[index_of(limit)];

	if (complete_event(event, memo.logged_for[index_of(limit)]))
		wake(Post::History);
	event = 0;
}

} // namespace

void
follow_logged(Memo &memo, Limit limit, std::uint64_t event, Duration measured)
{
	memo.logged_event[index_of(limit)] = event;
	memo.logged_for[index_of(limit)] = measured;
	may_follow = true;
}

void
measure_logged(Memo &memo, const Session &session, const Policy &policy, Instant now)
{
	for (Limit limit : all_limits)
	{
		std::uint64_t &event = memo.logged_event[index_of(limit)];

		if (event == 0)
			continue;
		/* Nobody asks any more. */
		if (policy.mode != Mode::Log || threshold_of(policy.limits, limit).value == 0)
		{
			event = 0;
			continue;
		}
		std::optional<Verdict> verdict = forecast(limit, session, memo, policy, now).verdict;
		if (verdict && verdict->episode.stamp == memo.logged[index_of(limit)])
			memo.logged_for[index_of(limit)] = verdict->measured;
		else
			complete(memo, limit);
	}
}

void
leave_logged(bool (*is_logged)(Limit limit))
{
	for (int slot = 0; may_follow && slot < slot_count(); slot++)
		for (Limit limit : all_limits)
			if (!is_logged(limit))
				memo_of(slot).logged_event[index_of(limit)] = 0;
}

void
complete_logged(Memo &memo)
{
	for (Limit limit : all_limits)
		if (memo.logged_event[index_of(limit)] != 0)
			complete(memo, limit);
}

void
complete_logged_of_ended()
{
	Sighting sighting;

	if (!may_follow)
		return;
	may_follow = false;
	for (int slot = 0; slot < slot_count(); slot++)
	{
		Memo &memo = memo_of(slot);

		if (!follows(memo))
			continue;
		if (look_at_session(slot, memo.session, sighting, Patience::None) == Sight::Gone)
			complete_logged(memo);
		else
			may_follow = true;
	}
}

} // namespace session_guard
