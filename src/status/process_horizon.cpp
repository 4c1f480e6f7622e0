/*
 * What one process keeps vacuum from cleaning up after (see process_horizon.h).
 */
#include "status/process_horizon.h"

namespace session_guard
{

namespace
{

/*
 * VACUUM itself, but for VACUUM FULL, holds nobody back, and what decodes WAL does so
 * by its slot.  CREATE INDEX CONCURRENTLY (PROC_IN_SAFE_IC) does hold vacuum back;
 * it only keeps others of its kind from waiting.
 */
constexpr int not_counted = PROC_IN_VACUUM | PROC_IN_LOGICAL_DECODING;

HorizonScope
scope_of(TransactionId xid, TransactionId xmin, int flags)
{
	if ((!TransactionIdIsNormal(xid) && !TransactionIdIsNormal(xmin)) || (flags & not_counted) != 0)
		return HorizonScope::Nowhere;
	return (flags & PROC_AFFECTS_ALL_HORIZONS) != 0 ? HorizonScope::AllDatabases
	                                                : HorizonScope::OneDatabase;
}

} // namespace

ProcessHorizon
read_process_horizon(const PGPROC *process)
{
	auto fields = static_cast<const volatile PGPROC *>(process);

	/*
	 * VACUUM sets its flag before it has an xmin, and clears it after.  Without a
	 * lock, the flags on both sides of the read tell that the xmin was VACUUM's.
	 */
	int flags = fields->statusFlags;
	pg_read_barrier();
	TransactionId xid = fields->xid;
	TransactionId xmin = fields->xmin;
	pg_read_barrier();
	flags |= fields->statusFlags;
	return {.xid = xid, .xmin = xmin, .scope = scope_of(xid, xmin, flags)};
}

} // namespace session_guard
