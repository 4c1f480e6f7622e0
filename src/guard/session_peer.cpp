/*
 * Whether the client of a session is there (see session_peer.h).
 */
#include "guard/session_peer.h"

#include "pg/pg.h"

#include "shmem/tracking.h"

#include "status/peer.h"

namespace session_guard
{

namespace
{

/* Say once that there are sessions of which it is not known. */
void
report_unreadable(int pid)
{
	static bool was_reported = false;

	if (was_reported)
		return;
	was_reported = true;
	ereport(LOG, (errmsg("whether the client of session %d is there cannot be read", pid),
	              errdetail("The kernel does not tell of its connection. All sessions of which it "
	                        "does not are spared from pg_session_guard.dead_client_timeout.")));
}

} // namespace

void
read_session_peer(Session &session, int slot, Instant now)
{
	PeerReading reading = read_peer(session, slot, tracking_of(slot).peer);

	session.peer = reading.peer;
	change_tracking(slot,
	                [&](TrackingState &tracking)
	                {
		                tracking.peer.read_at = now;
		                tracking.peer.was_found = tracking.peer.was_found || reading.is_found;
	                });
	if (reading.peer == Peer::Unreadable)
		report_unreadable(session.id.pid);
}

} // namespace session_guard
