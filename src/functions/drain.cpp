/*
 * Draining (see drain.h).
 *
 * What the sessions are is read anew in each round.  A session that had passed the door when it
 * was closed is found as soon as it has come to its first command; whoever comes to the door
 * later is refused, unless it may enter all the same, and then it is asked to end like the others.
 */
#include "functions/drain.h"

#include "pg/cleanup.h"
#include "pg/monotonic_clock.h"

#include "shmem/end_requests.h"

#include "action/events.h"
#include "action/signals.h"

#include "functions/await_targets.h"
#include "functions/check_target.h"
#include "functions/connecting.h"
#include "functions/database_users.h"
#include "functions/request_messages.h"
#include "functions/select_targets.h"
#include "functions/signal_target.h"
#include "functions/waiting.h"

#include <algorithm>

namespace session_guard
{

namespace
{

struct Drain
{
	Request request;
	ClosedObjects objects;
	Targets targets;
	/* The numbers of the closings, in the order of the objects; 0 before it is closed. */
	std::span<std::uint64_t> closings;
	/* What they are called, for when no catalog can be read any more. */
	std::span<const char *> names;
	/* Sessions that were about to begin when it was closed. */
	GrowingArray<BackendRef> unsettled;
	/* Until when transactions may go on. */
	Instant deadline;
};

Drain
begin(const Request &request, const ClosedObjects &objects, const DrainTimes &times)
{
	auto numbers = static_cast<std::uint64_t *>(palloc0(objects.count() * sizeof(std::uint64_t)));
	auto names = static_cast<const char **>(palloc(objects.count() * sizeof(const char *)));
	Drain drain{.request = request,
	            .objects = objects,
	            .targets = {},
	            .closings = {numbers, objects.count()},
	            .names = {names, objects.count()},
	            .unsettled = {},
	            .deadline = later(monotonic_now(), times.deadline)};

	for (std::size_t i = 0; i < objects.count(); i++)
		names[i] = name_of(objects.at(i));
	drain.request.origin = origin_of(request);
	drain.request.deadline = later(drain.deadline, request.timeout);
	return drain;
}

/*
 * Stop with an error if somebody is there whom the caller may not terminate: it would all be in
 * vain, and break what others are at.
 */
void
check_may_terminate(const Drain &drain, FilterMatcher &matcher)
{
	int denied = 0;

	for (const Target &target : select_targets(drain.request, matcher).all())
		if (!has_left(target.snapshot.backend) &&
		    denial_of(drain.request, *target.snapshot.backend.process) != nullptr)
			denied++;
	if (denied > 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
		                errmsg("cannot drain %s", drain.names.front()),
		                errdetail_plural("%d of its sessions may not be terminated by the caller.",
		                                 "%d of its sessions may not be terminated by the caller.",
		                                 static_cast<unsigned long>(denied), denied)));
}

void
close_all(Drain &drain)
{
	for (std::size_t i = 0; i < drain.objects.count(); i++)
		close_object(drain.objects.at(i), drain.request, never, MyProcPid, drain.closings[i]);
}

/*
 * Wake a session that was asked to end if it waits for its client and has not seen that yet.
 * Another drain may have withdrawn the request with its own.
 */
void
ask_again(const Target &target)
{
	const BackendRef &backend = target.snapshot.backend;
	BackendSnapshot fresh;

	request_end(backend.slot, backend.id);
	if (read_session(backend.slot, backend.id, fresh, Patience::None) == ReadResult::Read &&
	    is_outside_transaction(fresh.session))
		(void)ask_to_end(backend);
}

/* Ask whoever has not been asked to end, and wake the others where that helps. */
void
ask_all(Drain &drain, FilterMatcher &matcher)
{
	for (Target &target : drain.targets.all())
	{
		if (target.is_awaited())
			ask_again(target);
		else if (!target.outcome)
			target.is_asked = true;
	}
	signal_targets(drain.request, matcher, drain.targets, drain.deadline);
}

/* Terminate a session that was asked to end, and has not by the deadline. */
void
terminate(const Drain &drain, FilterMatcher &matcher, Target &target)
{
	/* Closed, it is not taken for the same as what follows. */
	(void)settle_event(target.event, Outcome::Survived,
	                   "its transaction had not ended by the deadline");
	target.is_asked = false;
	signal_target(drain.request, matcher, target);
	if (target.outcome == Outcome::Gone)
		target.settle(Outcome::Terminated);
	else if (!target.is_awaited())
		(void)withdraw_request_to_end(target.snapshot.backend);
}

/* After the deadline: nobody is asked any longer. */
void
terminate_all(Drain &drain, FilterMatcher &matcher)
{
	for (Target &target : drain.targets.all())
	{
		if (target.is_awaited() && target.is_asked)
			terminate(drain, matcher, target);
		else if (!target.outcome && !target.is_signaled)
			target.is_asked = false;
	}
	signal_targets(drain.request, matcher, drain.targets, drain.request.deadline);
}

/* Show how many sessions are left. */
void
show_progress(const Drain &drain)
{
	auto left = std::ranges::count_if(drain.targets.all(), &Target::is_awaited);

	for (std::uint64_t closing : drain.closings)
		set_sessions_left(closing, static_cast<int>(left));
}

/*
 * The sessions that had passed the door when it was closed, but have not come to their first
 * command.  Those have a status entry: the server makes it before the door is passed.
 */
GrowingArray<BackendRef>
find_unsettled(FilterMatcher &matcher)
{
	GrowingArray<BackendRef> unsettled{};

	for (int slot = 0; slot < slot_count(); slot++)
	{
		BackendSnapshot snapshot;

		if (read_backend_in_slot(slot, snapshot, Patience::Unlimited) == ReadResult::Read &&
		    is_client_backend(snapshot) && snapshot.session.state == State::Unknown &&
		    matcher.compare(snapshot) == FilterMatch::Yes)
			unsettled.add(snapshot.backend);
	}
	return unsettled;
}

bool
is_unsettled(const BackendRef &backend)
{
	BackendSnapshot fresh;

	return read_session(backend.slot, backend.id, fresh, Patience::Unlimited) == ReadResult::Read &&
	       fresh.session.state == State::Unknown;
}

enum class Stage
{
	Ask,
	Terminate,
};

/* One look at all sessions; true if some are left, or are coming. */
bool
drain_once(Drain &drain, Stage stage, FilterMatcher &matcher, const Connecting &connecting)
{
	/* Asked for first: who has come to the first command by then is among the targets. */
	bool are_coming =
	    is_connecting(connecting) || std::ranges::any_of(drain.unsettled.all(), is_unsettled);

	/* Who is still not ready at the deadline may be kept from it, as by a login trigger. */
	add_new_targets(drain.request, matcher,
	                stage == Stage::Terminate ? drain.unsettled.all() : std::span<BackendRef>{},
	                drain.targets);
	if (stage == Stage::Ask)
		ask_all(drain, matcher);
	else
		terminate_all(drain, matcher);
	bool are_left = confirm_all(drain.targets);
	show_progress(drain);
	return are_left || are_coming;
}

/* Look at the sessions again and again, until none is left or coming; false if it is too late. */
bool
drain_until(Instant end, Drain &drain, Stage stage, FilterMatcher &matcher,
            const Connecting &connecting)
{
	constexpr Duration longest_pause = 50 * millisecond;
	Duration next = millisecond;

	while (drain_once(drain, stage, matcher, connecting))
	{
		Instant now = monotonic_now();
		if (now >= end)
			return false;
		pause(std::clamp(end - now, millisecond, next), "PgSessionGuardDrain");
		next = std::min(2 * next, longest_pause);
	}
	return true;
}

void
drain_all(Drain &drain, FilterMatcher &matcher, const Connecting &connecting)
{
	ErrorContextCallback context{
	    .previous = error_context_stack, .callback = tell_progress, .arg = &drain.targets};

	error_context_stack = &context;
	bool is_done = monotonic_now() < drain.deadline &&
	               drain_until(drain.deadline, drain, Stage::Ask, matcher, connecting);
	if (!is_done)
	{
		/* Whatever has taken so long, they are to have their time to end. */
		drain.request.deadline = later(monotonic_now(), drain.request.timeout);
		if (!drain_until(drain.request.deadline, drain, Stage::Terminate, matcher, connecting))
			give_up_all(drain.request.timeout, drain.targets);
	}
	error_context_stack = context.previous;
}

/* Say of whom more was broken off than asked. */
void
note_broken_off(const Drain &drain)
{
	for (Target &target : drain.targets.all())
		if (target.outcome == Outcome::Terminated && !target.is_asked)
			target.note = "terminated at the deadline";
}

bool
is_left(const Target &target)
{
	return target.outcome != Outcome::Terminated && target.outcome != Outcome::Gone;
}

/* Warn of what is left of a role; false if nothing is. */
bool
warn_of_sessions(const Drain &drain)
{
	auto left = static_cast<int>(std::ranges::count_if(drain.targets.all(), is_left));

	if (left == 0)
		return false;
	ereport(WARNING, (errmsg_plural("%d session has not ended", "%d sessions have not ended",
	                                static_cast<unsigned long>(left), left)));
	return true;
}

bool
warn_of_what_is_left(const Drain &drain, const Connecting &connecting)
{
	bool is_in_use = false;

	for (Oid database : drain.objects.databases)
		is_in_use |= warn_of_database_users(database, drain.targets, connecting, true);
	return is_in_use || (drain.objects.databases.empty() && warn_of_sessions(drain));
}

/* Also when there is no transaction any more. */
void
open_all(const Drain &drain)
{
	for (std::size_t i = 0; i < drain.closings.size(); i++)
		if (remove_closing(drain.closings[i]))
			report_opening(drain.names[i], drain.request);
}

void
keep_closed(const Drain &drain, Duration time)
{
	if (time == 0)
		return open_all(drain);
	for (std::size_t i = 0; i < drain.closings.size(); i++)
		if (!end_drain(drain.closings[i], later(monotonic_now(), time)))
			ereport(WARNING, (errmsg("%s was opened while it was drained", drain.names[i])));
}

/* Say that it was in vain. */
void
report_failure(const Drain &drain)
{
	for (const char *name : drain.names)
		ereport(WARNING, (errmsg("%s could not be drained", name),
		                  errdetail("It is not kept closed for that any longer.")));
}

/* Ask a session no longer, and say so; one that is ending already is left to the guard. */
void
take_back(const Target &target)
{
	const BackendRef &backend = target.snapshot.backend;

	if (!withdraw_request_to_end(backend) || has_left(backend))
		return;
	(void)settle_event(target.event, Outcome::Spared, "the call was interrupted");
	report_left_alone(backend.id.pid, "the call was interrupted");
}

/* The call is broken off: leave everything as if there had been none. */
void
give_up(const void *arg)
{
	auto drain = static_cast<const Drain *>(arg);

	open_all(*drain);
	for (const Target &target : drain->targets.all())
	{
		if (target.is_announced)
			report_left_alone(target.snapshot.backend.id.pid, "the call was interrupted");
		if (target.is_awaited() && target.is_asked)
			take_back(target);
	}
}

} // namespace

Targets
drain(const Request &request, const ClosedObjects &objects, const DrainTimes &times)
{
	check_status_array();
	FilterMatcher matcher(request.filter);
	Drain state = begin(request, objects, times);
	check_may_terminate(state, matcher);
	auto work = [&]
	{
		close_all(state);
		state.unsettled = find_unsettled(matcher);
		Connecting connecting = find_connecting(objects.databases);
		drain_all(state, matcher, connecting);
		if (!warn_of_what_is_left(state, connecting))
			return keep_closed(state, times.keep_closed_for);
		open_all(state);
		report_failure(state);
	};

	with_cleanup(work, give_up, &state);
	note_broken_off(state);
	sort_by_age(state.targets);
	return state.targets;
}

} // namespace session_guard
