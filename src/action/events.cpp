/*
 * Events as the actors see them (see events.h).
 */
#include "action/events.h"

#include "shmem/shared_memory.h"
#include "shmem/worker_slot.h"

namespace session_guard
{

namespace
{

/*
 * Whose share of the memory an event counts for.  Of a function that is the role
 * that has logged in: nobody gets more by SET ROLE, or by a function of
 * somebody else's.
 */
EventOwner
owner_of(const Event &event)
{
	return event.actor.is_guard ? guard_owner : GetSessionUserId();
}

} // namespace

Subject
subject_of(const BackendSnapshot &snapshot, const char *user, const char *database,
           const char *query)
{
	Subject subject{};

	subject.backend = snapshot.backend;
	subject.statement = running_statement(snapshot.session);
	subject.is_known = true;
	subject.is_client = is_client_backend(snapshot);
	subject.role = snapshot.role;
	subject.state = snapshot.session.state;
	subject.address = snapshot.client_address;
	copy_text(subject.database, database);
	copy_text(subject.user, user);
	copy_text(subject.application, snapshot.application_name);
	copy_text(subject.query, query);
	return subject;
}

std::uint64_t
record_event(const Event &event)
{
	if (!has_shared_memory())
		return 0;

	AddedEvent added = add_event(event, owner_of(event));
	/* Whoever repeats itself in a loop is not to wake others in one. */
	if (added.is_merged && !added.was_written)
		return added.number;
	/* The guard is to follow it, and the history to have it as it is if that lasts. */
	if (event.is_open && !event.actor.is_guard && !added.is_merged)
		wake(WorkerKind::Guard);
	request_work(WorkerKind::History);
	return added.number;
}

std::uint32_t
times_recorded(const Event &event)
{
	return has_shared_memory() ? earlier_events_like(event, owner_of(event)) : 0;
}

bool
settle_event(std::uint64_t number, Outcome outcome, const char *note, bool stays_open)
{
	if (number == 0 || !close_event(number, outcome, note, stays_open))
		return false;
	request_work(WorkerKind::History);
	return true;
}

} // namespace session_guard
