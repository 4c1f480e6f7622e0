/*
 * A look by the guard (see look.h).
 */
#include "server/look.h"

#include "server/catalogs.h"
#include "server/clock.h"
#include "server/policies.h"
#include "server/shared.h"

namespace session_guard
{

namespace
{

/* Space for the text of a query. */
char *query = nullptr;

} // namespace

void
prepare_looks()
{
	query = static_cast<char *>(MemoryContextAllocZero(TopMemoryContext, query_size()));
}

Looked
look_and_decide(Limit limit, int slot, SessionId id)
{
	Looked looked;

	/* Mercy may have been committed meanwhile, and time has passed. */
	refresh_policies();
	looked.at = take_time();
	looked.sight = look_at_session(slot, id, looked.sighting, query);
	looked.query = query;
	if (looked.sight != Sight::Seen)
		return looked;

	Session &session = looked.sighting.session;
	session.superuser = superuser_of_seen(looked.sighting.role);
	looked.policy = policy_of(session.superuser, looked.sighting.role, looked.sighting.database);
	observe(memo_of(slot), session, looked.policy, looked.at);
	looked.decision =
	    decide(limit, session, memo_of(slot), looked.policy, shared()->clock, looked.at);
	return looked;
}

} // namespace session_guard
