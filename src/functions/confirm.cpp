/*
 * What becomes of those who were signaled (see confirm.h).
 */
#include "functions/confirm.h"

#include "core/text.h"

#include "pg/privileges.h"

#include "status/sql_values.h"

#include "action/events.h"
#include "action/signals.h"

#include "functions/targets.h"

#include <algorithm>
#include <array>

namespace session_guard
{

namespace
{

/*
 * Give a target its outcome; false if the guard has found another one before,
 * which then is the target's too.
 */
bool
conclude(Target &target, Outcome outcome, const char *note)
{
	EventEntry entry;

	target.outcome = outcome;
	/* A survivor is evaluation at by the guard from now on. */
	if (target.event == 0 ||
	    settle_event(target.event, outcome, note, outcome == Outcome::Survived))
		return true;
	if (read_event(target.event, entry))
		target.outcome = entry.event.outcome;
	return *target.outcome == outcome;
}

/* Note the outcome of a target whose signal has had its effect. */
void
confirm(Target &target)
{
	if (target.action == Action::Terminate && has_left(target.snapshot.backend))
		(void)conclude(target, Outcome::Terminated, nullptr);
	else if (target.action == Action::Cancel && !still_runs(target))
		(void)conclude(target, Outcome::Canceled, nullptr);
}

/* As people would say it: nobody has measured it to the millisecond. */
Duration
rounded(Duration waited)
{
	Duration step = waited < second ? 10 * millisecond : 100 * millisecond;

	return std::max(millisecond, (waited + step / 2) / step * step);
}

/* Say of a target whose effect was waited for that it has survived. */
void
give_up(Target &target, Duration waited)
{
	std::array<char, 64> buffer;
	Text text(buffer);

	text.append_duration(rounded(waited));
	const char *note = psprintf("still there after %s", text.c_str());
	const char *more =
	    psprintf("%s; it waits for %s", note, wait_of(target.snapshot.backend.process));
	if (!conclude(target, Outcome::Survived, more))
		return;
	report_survivor(target.snapshot.backend.id.pid, more);
	/* Who may not see a session's activity may still signal it. */
	target.note = may_see(target.snapshot.role) ? more : note;
}

} // namespace

bool
is_awaited(const Target &target)
{
	return target.is_signaled && !target.outcome.has_value();
}

void
pause(Duration duration)
{
	long milliseconds = std::max<long>(1, static_cast<long>(duration / millisecond));

	(void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
	                own_wait_event("PgSessionGuardConfirm"));
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

bool
confirm_all(const Targets &targets)
{
	for (Target &target : targets.all())
		if (is_awaited(target))
			confirm(target);
	return std::ranges::any_of(targets.all(), is_awaited);
}

void
give_up(const Request &request, const Targets &targets)
{
	for (Target &target : targets.all())
	{
		if (!is_awaited(target))
			continue;

		Duration waited = monotonic_now() - target.signaled_at;
		/* The guard goes on to follow it. */
		if (waited < request.timeout / 2)
			target.outcome = Outcome::Signaled;
		else
			give_up(target, waited);
	}
}

} // namespace session_guard
