/*
 * What a caller is told of a process that is no session (see process_notices.h).
 */
#include "functions/process_notices.h"

#include "pg/privileges.h"

#include "status/sql_values.h"

namespace session_guard
{

void
notice_starting(int pid)
{
	ereport(NOTICE, (errmsg("process %d is still starting", pid)));
}

void
notice_kind(const BackendSnapshot &snapshot)
{
	if (snapshot.session.state == State::Starting)
		notice_starting(snapshot.backend.id.pid);
	else if (is_client_backend(snapshot))
		return;
	else if (may_see(snapshot.role))
		ereport(NOTICE, (errmsg("process %d is no client session but: %s", snapshot.backend.id.pid,
		                        kind_of(snapshot))));
	else
		ereport(NOTICE, (errmsg("process %d is no client session", snapshot.backend.id.pid)));
}

} // namespace session_guard
