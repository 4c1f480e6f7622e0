/*
 * The SQL-callable functions.
 */
#include "server/pg.h"

#include "server/shared.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_stats);
}

namespace session_guard
{

namespace
{

constexpr int stats_columns = 13;

Datum
counter(pg_atomic_uint64 &value)
{
	return Int64GetDatum(static_cast<int64>(pg_atomic_read_u64(&value)));
}

} // namespace

} // namespace session_guard

/* What the guard has done since the server started: one row. */
Datum
session_guard_stats(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Shared &state = shared_or_error();
	Counters &counters = state.counters;
	TupleDesc desc;

	if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	uint32 pid = pg_atomic_read_u32(&state.worker_pid);
	bool never_scanned = pg_atomic_read_u64(&counters.last_scan) == 0;
	Datum values[stats_columns] = {
	    UInt32GetDatum(pid),
	    counter(state.worker_start),
	    counter(counters.wake_ups),
	    counter(counters.scans),
	    Float8GetDatum(static_cast<double>(pg_atomic_read_u64(&counters.scan_microseconds)) /
	                   1000.0),
	    counter(counters.looks),
	    counter(counters.canceled),
	    counter(counters.terminated),
	    counter(counters.logged),
	    counter(counters.raced),
	    counter(counters.last_scan),
	    counter(counters.sessions),
	    counter(counters.deadlines),
	};
	bool nulls[stats_columns] = {pid == 0, pid == 0};

	nulls[10] = nulls[11] = nulls[12] = never_scanned;
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
