/*
 * session_guard.closed: what is closed to new connections by a function.  What is closed by a
 * setting the view itself adds.
 */
#include "pg/monotonic_clock.h"
#include "pg/result_row.h"

#include "shmem/closings.h"
#include "shmem/shared_memory.h"

#include "status/sql_values.h"

#include "functions/close.h"

#include <span>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_closed);
}

namespace session_guard
{

namespace
{

enum Column
{
	DatabaseName,
	RoleName,
	ClosedBy,
	Reason,
	Since,
	Until,
	Refused,
	DrainedBy,
	SessionsLeft,
	ColumnCount,
};

using ClosedRow = ResultRow<ColumnCount>;

void
set_object(ClosedRow &row, const ClosedObject &object)
{
	if (OidIsValid(object.database))
		row.set_name(DatabaseName, get_database_name(object.database));
	else
		row.set_name(RoleName, GetUserNameFromId(object.role, true));
}

ClosedRow
row_of(const Closing &closing, Instant now)
{
	ClosedRow row;

	set_object(row, closing.object);
	row.set(ClosedBy, PointerGetDatum(sql_text_cut(closing.by.data(), closing.by.size())));
	if (closing.reason.front() != '\0')
		row.set(Reason,
		        PointerGetDatum(sql_text_cut(closing.reason.data(), closing.reason.size())));
	row.set(Since, TimestampTzGetDatum(closing.since));
	row.set(Refused, Int64GetDatum(static_cast<int64>(closing.refused)));
	if (closing.drained_by != 0)
	{
		row.set(DrainedBy, Int32GetDatum(closing.drained_by));
		row.set(SessionsLeft, Int32GetDatum(closing.left));
	}
	else
		row.set(Until, TimestampTzGetDatum(GetCurrentTimestamp() + (closing.until - now)));
	return row;
}

} // namespace

} // namespace session_guard

/* One row per closing that lasts. */
Datum
session_guard_closed(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	require_shared_memory();
	InitMaterializedSRF(fcinfo, 0);
	auto result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
	auto closings = static_cast<NumberedClosing *>(palloc(sizeof(NumberedClosing) * max_closings));
	Instant now = monotonic_now();
	auto count = static_cast<std::size_t>(copy_closings(closings, now));
	for (const NumberedClosing &one : std::span(closings, count))
		if (!is_dropped(one.closing.object))
			row_of(one.closing, now).put(*result);
	return Datum{0};
}
