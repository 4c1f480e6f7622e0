/*
 * A session as the guard would judge it now, for the views: what binds it, and all that its limits
 * are measured by, what it does to others and to the server included.
 */
#pragma once

#include "core/messages.h"
#include "core/tracking_state.h"
#include "core/wait_graph.h"

#include "shmem/present_time.h"

#include "status/backend_status.h"
#include "status/horizon.h"
#include "status/prepared_transactions.h"

#include "policy/present_policies.h"

#include <optional>

namespace session_guard
{

/* What is read once for all sessions: who waits for whom, and who holds back vacuum. */
struct Others
{
	Instant read_at;
	WaitGraph graph;
	std::optional<HorizonReading> horizon;
	/* If anybody waits for one. */
	PreparedTransactions prepared;
};
Others read_others(const PresentPolicies &policies);

/* Who is at the end of the chains of waits that a session is in; nullptr if it waits for nobody. */
const char *roots_of(std::int32_t pid, Others &others);

struct PresentSession
{
	BackendSnapshot snapshot;
	TrackingState tracking;
	Policy policy;
	/* Where it comes from, as it is shown here; the rule is that of nothing yet. */
	Names names;
	/* To show when something was, or will be, by the wall clock. */
	Clock clock;
	Instant now;
};

/* Complete a snapshot; the text of its query is read, if that matters and the caller has none. */
PresentSession present_session(const BackendSnapshot &snapshot, const PresentPolicies &policies,
                               Others &others, const char *query = nullptr);

/* Is it a session that the views of sessions and limits are about? */
bool is_bound(const BackendSnapshot &snapshot);

/* Call a function with the snapshot of each; the text of its query is copied if there is a buffer
 * of query_size() bytes for it. */
template <typename Use>
void
for_each_bound_session(Use use, char *query = nullptr)
{
	for (int slot = 0; slot < slot_count(); slot++)
	{
		BackendSnapshot snapshot;

		CHECK_FOR_INTERRUPTS();
		if (read_backend_in_slot(slot, snapshot, Patience::Unlimited, query) == ReadResult::Read &&
		    is_bound(snapshot))
			use(snapshot);
	}
}

} // namespace session_guard
