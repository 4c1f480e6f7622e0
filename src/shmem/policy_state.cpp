/*
 * What the guard and the sessions tell each other of policies (see policy_state.h).
 */
#include "shmem/policy_state.h"

#include "settings/settings.h"

#include "shmem/shared_value.h"
#include "shmem/worker_slot.h"

namespace session_guard
{

namespace
{

struct PolicyState
{
	SharedValue<Policy> configured;
	/* Grows with each commit of ALTER ROLE or ALTER DATABASE SET, or of other rules. */
	pg_atomic_uint32 stored_changes;
	/* 1 from the call that wakes the guard for one of them until it reads. */
	pg_atomic_uint32 guard_was_called;
};

PolicyState *state = nullptr;

/* The transaction of this session has changed what is stored. */
bool has_uncommitted_change = false;

} // namespace

Size
policy_state_size()
{
	return sizeof(PolicyState);
}

void
policy_state_init(void *memory, bool found)
{
	state = static_cast<PolicyState *>(memory);
	if (found)
		return;
	state->configured.init(configured_policy());
	pg_atomic_init_u32(&state->stored_changes, 0);
	pg_atomic_init_u32(&state->guard_was_called, 0);
}

void
publish_configuration(const Policy &policy)
{
	state->configured.write(policy);
}

Policy
published_configuration()
{
	return read_shared(state->configured);
}

void
note_stored_change()
{
	if (state == nullptr)
		return;
	pg_atomic_fetch_add_u32(&state->stored_changes, 1);
	/* Called once, the guard reads what comes before it begins to read. */
	wake_once(WorkerKind::Guard, state->guard_was_called);
}

void
note_uncommitted_change()
{
	has_uncommitted_change = true;
}

void
settle_uncommitted_change(bool committed)
{
	if (committed && has_uncommitted_change)
		note_stored_change();
	has_uncommitted_change = false;
}

void
await_stored_changes()
{
	(void)pg_atomic_exchange_u32(&state->guard_was_called, 0);
}

std::uint32_t
stored_change_count()
{
	return pg_atomic_read_u32(&state->stored_changes);
}

} // namespace session_guard
