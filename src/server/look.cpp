/*
 * A look by the guard (see look.h).
 */
#include "server/look.h"

#include "server/catalogs.h"
#include "server/clock.h"
#include "server/policies.h"
#include "server/shared.h"

#include "guard/logged.h"
#include "status/switches.h"

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

void
take_in(int slot, Session &session, const Policy &policy, Instant now, Asker asker)
{
	Memo &memo = memo_of(slot);

	if (memo.session != session.id)
		complete_logged(memo);
	place(memo, session, shared()->clock, now);
	if (wants_switches(session, memo, policy, now, asker))
		read_switches(session);
	observe(memo, session, now);
	measure_logged(memo, session, policy, now);
}

Looked
look_and_decide(Limit limit, int slot, SessionId id)
{
	Looked looked;

	/* An exemption may have been committed meanwhile. */
	refresh_policies();
	looked.sight = look_at_session(slot, id, looked.sighting, Patience::None, query);
	looked.query = query;

	Moment moment = take_time();
	looked.at = moment.now;
	looked.wall = moment.wall;
	if (looked.sight != Sight::Seen)
		return looked;

	Session &session = looked.sighting.session;
	session.superuser = superuser_of_seen(looked.sighting.role);
	looked.policy = policy_of(session.superuser, looked.sighting.role, looked.sighting.database);
	take_in(slot, session, looked.policy, looked.at, Asker::Look);
	looked.decision = decide(limit, session, memo_of(slot), looked.policy, looked.at);
	return looked;
}

} // namespace session_guard
