/*
 * From a verdict to a signal (see enforce.h).
 */
#include "server/enforce.h"

#include "core/reason.h"

#include "server/attempt.h"
#include "server/catalogs.h"
#include "server/clock.h"
#include "server/look.h"
#include "server/policies.h"
#include "server/shared.h"
#include "server/signals.h"

namespace session_guard
{

namespace
{

/* Write what is about to be done, to whom and why. */
void
announce(const Verdict &verdict, const Sighting &sighting)
{
	std::array<char, 1024> buffer;
	Text text(buffer);

	text.append(announcement_of(verdict)).append(" ");
	append_session(text, sighting, role_name(sighting.role), database_name(sighting.database));
	append_reason(text.append(": "), verdict, policy_of(sighting.role, sighting.database),
	              {.role = role_name(sighting.role), .database = database_name(sighting.database)});
	ereport(LOG, (errmsg_internal("%s", text.c_str())));
}

/*
 * The last look, after the line was written and right before the signal.
 *
 * Writing the line takes its time, and more if this process loses the
 * processor.  Whoever has moved on meanwhile is not ended: no statement that
 * began before the line dies by it.
 */
bool
is_still_due(const Verdict &verdict, const Sighting &sighting)
{
	Looked again = look_and_decide(verdict.limit, sighting.slot, sighting.session.id);

	return again.sight == Sight::Seen && !policies_are_in_doubt() &&
	       again.decision.outlook == Outlook::Due &&
	       again.decision.verdict.action == verdict.action &&
	       again.decision.verdict.episode.stamp == verdict.episode.stamp;
}

/* The place in the memo that tells whether this episode's end was announced already. */
Timestamp &
announced(const Verdict &verdict, const Sighting &sighting)
{
	return memo_of(sighting.slot).announced[index_of(verdict.limit)];
}

/* Note the step that was taken this moment, before anything can end the guard. */
void
note_step(const Verdict &verdict, const Sighting &sighting)
{
	Ladder &ladder = memo_of(sighting.slot).ladder;
	Timestamp now = take_time();

	announced(verdict, sighting) = unknown_time;
	if (verdict.action == Action::Cancel)
		note_cancel(ladder, verdict.episode.stamp, now);
	else
		note_terminate(ladder, now);
	spend(shared()->budget, monotonic_now());
}

Outcome
report_raced(const Sighting &sighting, bool is_first_try)
{
	count(shared()->counters.raced);
	if (is_first_try)
		ereport(LOG, (errmsg("left session %d alone, it has moved on", sighting.session.id.pid)));
	return Outcome::Raced;
}

Outcome
log_only(const Verdict &verdict, const Sighting &sighting)
{
	Memo &memo = memo_of(sighting.slot);

	memo.logged[index_of(verdict.limit)] = verdict.episode.stamp;
	count(shared()->counters.logged);
	return Outcome::DryRun;
}

} // namespace

Outcome
carry_out(const Verdict &verdict, const Sighting &sighting)
{
	int pid = sighting.session.id.pid;

	/* A busy session may have to be tried many times; one line is enough. */
	bool is_first_try = announced(verdict, sighting) != verdict.episode.stamp;
	if (is_first_try)
		announce(verdict, sighting);
	if (verdict.action == Action::Log)
		return log_only(verdict, sighting);
	announced(verdict, sighting) = verdict.episode.stamp;
	if (!is_still_due(verdict, sighting))
		return report_raced(sighting, is_first_try);

	auto call_server = [&]
	{
		(void)signal_by_server(pid, verdict.action);
		note_step(verdict, sighting);
	};
	if (!catalogs_are_free() || !attempt(call_server, ERRCODE_LOCK_NOT_AVAILABLE))
	{
		/* The lock that was in the way has taken its time, too. */
		if (!is_still_due(verdict, sighting))
			return report_raced(sighting, is_first_try);
		signal_process(pid, verdict.action);
		note_step(verdict, sighting);
	}
	count(verdict.action == Action::Cancel ? shared()->counters.canceled
	                                       : shared()->counters.terminated);
	return Outcome::Signaled;
}

} // namespace session_guard
