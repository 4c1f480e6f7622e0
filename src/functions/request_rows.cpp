/*
 * The rows of a request (see request_rows.h).
 */
#include "functions/request_rows.h"

#include "pg/result_row.h"

#include "functions/session_columns.h"

namespace session_guard
{

namespace
{

/* A column of session_guard.result. */
enum Column
{
	Pid,
	BackendStart,
	DatabaseName,
	UserName,
	ApplicationName,
	ClientAddress,
	StateName,
	Query,
	ActionName,
	OutcomeName,
	Note,
	ColumnCount,
};

using SignalRow = ResultRow<ColumnCount>;

constexpr SessionColumns session_columns{.pid = Pid,
                                         .backend_start = BackendStart,
                                         .database = DatabaseName,
                                         .role = UserName,
                                         .application_name = ApplicationName,
                                         .client_address = ClientAddress,
                                         .state = StateName};

SignalRow
row_of(const Target &target)
{
	SignalRow row;

	if (!target.is_known)
		row.set(Pid, Int32GetDatum(target.snapshot.backend.id.pid));
	else if (set_session(row, session_columns, target.snapshot))
		row.set(Query, PointerGetDatum(target.query));
	else
		row.set_text(Query, "<insufficient privilege>");
	row.set_text(ActionName, name_of(target.action).data());
	/* Only the caller's own session can be without an outcome: its signal is on the way. */
	row.set_text(OutcomeName, name_of(target.outcome.value_or(Outcome::Signaled)).data());
	row.set_text(Note, target.note);
	return row;
}

} // namespace

Datum
return_rows(FunctionCallInfo call, const Targets &targets)
{
	InitMaterializedSRF(call, 0);

	auto result = reinterpret_cast<ReturnSetInfo *>(call->resultinfo);
	for (const Target &target : targets.all())
		row_of(target).put(*result);
	return Datum{0};
}

} // namespace session_guard
