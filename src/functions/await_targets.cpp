/*
 * What becomes of the targets that were signaled (see await_targets.h).
 */
#include "functions/await_targets.h"

#include "pg/privileges.h"

#include "pg/monotonic_clock.h"

#include "action/confirmation.h"

#include <algorithm>

namespace session_guard
{

namespace
{

SentSignal
signal_of(const Target &target)
{
	return {.backend = target.snapshot.backend,
	        .action = target.action,
	        .statement = target.statement,
	        .sent_at = target.signaled_at,
	        .event = target.event};
}

void
confirm(Target &target)
{
	SentSignal signal = signal_of(target);
	Effect effect = effect_of(signal);

	if (effect != Effect::NotSeen)
		target.settle(conclude(signal, outcome_of(signal, effect, false)));
}

/* As people would say it: nobody has measured it to the millisecond. */
Duration
rounded(Duration waited)
{
	Duration step = waited < second ? 10 * millisecond : 100 * millisecond;

	return std::max(millisecond, (waited + step / 2) / step * step);
}

/* Settle a target that is still there after its effect was waited for. */
void
give_up(Target &target, Duration waited)
{
	SurvivorNote note;
	Outcome outcome = conclude_survived(signal_of(target), rounded(waited), note);

	/* The guard may have seen the effect before. */
	if (outcome != Outcome::Survived)
		return target.settle(outcome);
	/* Who may signal a session may not always see its activity. */
	target.settle(outcome, may_see(target.snapshot.role) ? note.with_wait : note.text);
}

} // namespace

bool
confirm_all(const Targets &targets)
{
	for (Target &target : targets.all())
		if (target.is_awaited())
			confirm(target);
	return std::ranges::any_of(targets.all(), &Target::is_awaited);
}

void
give_up_all(Duration timeout, const Targets &targets)
{
	for (Target &target : targets.all())
	{
		if (!target.is_awaited())
			continue;

		Duration waited = monotonic_now() - target.signaled_at;
		if (waited < timeout / 2)
			target.settle(Outcome::Signaled);
		else
			give_up(target, waited);
	}
}

void
tell_progress(void *arg)
{
	auto targets = static_cast<const Targets *>(arg);
	auto is_confirmed = [](const Target &target)
	{ return target.outcome == Outcome::Terminated || target.outcome == Outcome::Canceled; };
	auto signaled = std::ranges::count_if(targets->all(), &Target::is_signaled);
	auto confirmed = std::ranges::count_if(targets->all(), is_confirmed);

	errcontext("%d of %d sessions signaled, %d of them confirmed", static_cast<int>(signaled),
	           static_cast<int>(targets->count()), static_cast<int>(confirmed));
}

} // namespace session_guard
