/*
 * The function behind those gauges of session_guard.metrics that nothing else tells.
 *
 * It is called by monitoring, again and again: single fields of slots and
 * processes are read, and no lock is taken.
 */
#include "pg/result_row.h"

#include "status/connections.h"
#include "status/locks.h"

#include "functions/session_columns.h"

#include <algorithm>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_server_state);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.get_server_state(). */
enum Column
{
	Sessions,
	Connections,
	FreeConnections,
	IdleInTransactionAge,
	LockWaitAge,
	ColumnCount,
};

bool
is_idle_in_transaction(BackendState state)
{
	return state == STATE_IDLEINTRANSACTION || state == STATE_IDLEINTRANSACTION_ABORTED;
}

/* Since when the session in a place has been idle in transaction; unknown_time if it is not. */
Timestamp
idle_in_transaction_since(int slot)
{
	BackendSnapshot snapshot;

	if (!is_session_in_slot(slot) || !is_idle_in_transaction(state_in_slot(slot)) ||
	    read_backend_in_slot(slot, snapshot, Patience::None) != ReadResult::Read)
		return unknown_time;

	State state = snapshot.session.state;
	bool is_so_still =
	    state == State::IdleInTransaction || state == State::IdleInTransactionAborted;
	return is_so_still ? snapshot.session.state_change : unknown_time;
}

/* Since when the session has been so that has been for longest; unknown_time if none is. */
Timestamp
oldest_idle_in_transaction()
{
	Timestamp oldest = unknown_time;

	for (int slot = 0; slot < slot_count(); slot++)
	{
		Timestamp since = idle_in_transaction_since(slot);

		if (since != unknown_time && (oldest == unknown_time || since < oldest))
			oldest = since;
	}
	return oldest;
}

} // namespace

} // namespace session_guard

/* What is so now: one row. */
Datum
session_guard_server_state(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	check_status_array();
	ResultRow<ColumnCount> row;
	int all = ordinary_connections();
	int taken = count_sessions([](int) { return true; });

	row.set(Sessions, Int32GetDatum(taken));
	row.set(Connections, Int32GetDatum(all));
	row.set(FreeConnections, Int32GetDatum(std::max(all - taken, 0)));
	set_age(row, IdleInTransactionAge, oldest_idle_in_transaction());
	set_age(row, LockWaitAge, oldest_lock_wait());
	return row.datum(fcinfo);
}
