/*
 * Signal the targets of a request (see signal_target.h).
 */
#include "functions/signal_target.h"

#include "core/messages.h"

#include "pg/compat.h"
#include "pg/monotonic_clock.h"
#include "pg/subtransaction.h"

#include "shmem/counters.h"
#include "shmem/shared_memory.h"

#include "action/act.h"

#include "functions/await_targets.h"
#include "functions/check_target.h"
#include "functions/request_messages.h"
#include "functions/waiting.h"

#include <utility>

namespace session_guard
{

namespace
{

/* Is it signaled by a cancel that a terminate may follow? */
bool
has_grace(const Request &request, const Target &target)
{
	return request.grace && target.action == Action::Cancel;
}

/*
 * Is there an effect to wait for?  What a process that is no session does with
 * a cancel cannot be told, and the caller will not see the end of its own session.
 */
bool
can_be_awaited(const Request &request, const Target &target)
{
	bool is_session = target.is_known && is_client_backend(target.snapshot);

	return (has_grace(request, target) || request.deadline > monotonic_now()) &&
	       !target.is_self() && (is_session || target.action != Action::Cancel);
}

/* What a request means to do to a target. */
class RequestIntent
{
  public:
	/* The event is begun here: what it takes from the catalogs may have to wait for a lock. */
	RequestIntent(const Request &request, FilterMatcher &matcher, Target &target)
	    : request_(request), matcher_(matcher), target_(target), event_(event_of(request, target))
	{
	}

	BackendRef
	backend() const
	{
		return target_.snapshot.backend;
	}

	Action
	action() const
	{
		return target_.action;
	}

	/* What is done again and again is told after tenfolds. */
	void
	announce()
	{
		std::uint32_t times_before = times_recorded(event(Outcome::Signaled));

		if (is_to_be_logged(times_before))
			write_line(request_, target_, times_before);
	}

	ClientMessage
	client_message() const
	{
		return client_message_for(request_, target_);
	}

	std::optional<Outcome>
	recheck()
	{
		session_guard::recheck(request_, matcher_, target_);
		return target_.outcome;
	}

	Event
	event(Outcome outcome) const
	{
		Event event = event_;

		event.at = GetCurrentTimestamp();
		event.outcome = outcome;
		event.is_open = event.is_open && outcome == Outcome::Signaled;
		copy_text(event.note, target_.note);
		/* As the recheck has found it. */
		if (target_.is_known && *matcher_.query() != '\0')
			copy_text(event.subject.query, matcher_.query());
		return event;
	}

	/*
	 * The server's function has the last word on the caller's rights.  Who is asked to end by
	 * itself gets no signal that the server knows of, and the recheck has asked for them.
	 */
	bool
	send() const
	{
		return target_.is_asked ? ask_to_end(backend())
		                        : signal_by_server(backend().id.pid, target_.action);
	}

	template <typename Work>
	bool
	call(Work work)
	{
		return run_in_subtransaction(work, ERRCODE_INSUFFICIENT_PRIVILEGE);
	}

	void
	note_signal(Event &event)
	{
		target_.is_signaled = true;
		target_.is_announced = false;
		target_.signaled_at = event.signaled_at;
		target_.awaited_until = has_grace(request_, target_)
		                            ? later(event.signaled_at, *request_.grace)
		                            : request_.deadline;
		event.waiter = {.process = MyProc,
		                .pid = MyProcPid,
		                .transaction = local_transaction(MyProc),
		                .until = target_.awaited_until};
		if (has_shared_memory())
			count(shared_counters().requests);
	}

	LeftAlone
	note_left_alone(Outcome outcome)
	{
		if (!target_.outcome)
			target_.settle(outcome,
			               outcome == Outcome::Denied ? "the server does not permit it" : nullptr);
		const char *why = target_.note != nullptr ? target_.note : "it has ended";
		return {.end_of_line = std::exchange(target_.is_announced, false) ? why : nullptr,
		        .is_recorded = true};
	}

  private:
	const Request &request_;
	FilterMatcher &matcher_;
	Target &target_;
	Event event_;
};
static_assert(Intent<RequestIntent>);

} // namespace

void
signal_target(const Request &request, FilterMatcher &matcher, Target &target)
{
	RequestIntent intent(request, matcher, target);
	Acted acted = act(intent);

	if (acted.outcome != Outcome::Signaled)
		return;
	target.event = acted.event;
	if (!can_be_awaited(request, target))
		target.settle(Outcome::Signaled);
}

void
signal_targets(const Request &request, FilterMatcher &matcher, const Targets &targets,
               Instant until)
{
	for (Target &target : targets.all())
	{
		CHECK_FOR_INTERRUPTS();
		if (target.outcome || target.is_signaled)
			continue;
		precheck(request, matcher, target);
		if (target.outcome || (!request.pid && target.is_self()))
			continue;
		/* Only what will be signaled is waited for; the wait may have changed that. */
		if (await_history_room(until, [&] { (void)confirm_all(targets); }))
			precheck(request, matcher, target);
		if (!target.outcome)
			signal_target(request, matcher, target);
	}
}

} // namespace session_guard
