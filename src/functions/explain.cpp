/*
 * The function session_guard.explain(): of one session, limit by limit, what decides, what else was
 * considered, and why it does not apply.
 */
#include "pg/privileges.h"
#include "pg/result_row.h"

#include "shmem/shared_memory.h"

#include "functions/arguments.h"
#include "functions/explanation.h"
#include "functions/forecast_columns.h"
#include "functions/process_notices.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_explain);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.explain(). */
enum Column
{
	LimitName,
	StepNumber,
	SourceName,
	ThresholdValue,
	ThresholdAmount,
	IsExempt,
	Decides,
	Note,
	SparedBy,
	DueAt,
	ActionName,
	ColumnCount,
};

using ExplainRow = ResultRow<ColumnCount>;

constexpr AmountColumns threshold_columns{.time = ThresholdValue, .number = ThresholdAmount};

constexpr ForecastColumns forecast_columns{.since = std::nullopt,
                                           .measured = std::nullopt,
                                           .due_at = DueAt,
                                           .action = ActionName,
                                           .spared = SparedBy};

/* What all rows have. */
ExplainRow
row_of(const PresentSession &present, const Rules &rules, const char *about, int number,
       const Step &step)
{
	ExplainRow row;

	row.set_text(LimitName, about);
	row.set(StepNumber, Int32GetDatum(number));
	row.set_text(SourceName, source_text(present, rules, step.source, step.rule));
	row.set(Decides, BoolGetDatum(step.decides));
	row.set_text(Note, step.note);
	return row;
}

void
put_exemption(ReturnSetInfo &result, const PresentSession &present, const Rules &rules,
              const Explanation &explanation)
{
	int number = 0;

	for (const Step &step : explanation.steps_of_exemption())
	{
		ExplainRow row = row_of(present, rules, "exempt", ++number, step);

		row.set(IsExempt, BoolGetDatum(step.value != 0));
		if (step.decides)
			row.set_text(SparedBy, exemption_text(present));
		row.put(result);
	}
}

void
put_limit(ReturnSetInfo &result, const PresentSession &present, const Rules &rules,
          const Explanation &explanation, Limit limit)
{
	PresentSession tried = present;
	int number = 0;

	tried.policy = trial_of(present.policy, limit);
	for (const Step &step : explanation.steps_of(limit))
	{
		ExplainRow row = row_of(present, rules, facts(limit).name.data(), ++number, step);

		set_amount(row, limit, threshold_columns, step.value);
		if ((step.decides || step.is_logged) && step.value != 0)
			set_forecast(row, forecast_columns, step.is_logged ? tried : present, limit);
		row.put(result);
	}
}

void
put_rows(ReturnSetInfo &result, const BackendSnapshot &snapshot, const char *query)
{
	PresentPolicies policies;
	Others others = read_others(policies);
	PresentSession present = present_session(snapshot, policies, others, query);
	Explanation explanation(policies, present, query);

	put_exemption(result, present, policies.rules(), explanation);
	for (Limit limit : all_limits)
		put_limit(result, present, policies.rules(), explanation, limit);
}

[[noreturn]] void
report_denied(int pid)
{
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
	                errmsg("permission denied to explain session %d", pid),
	                errdetail("Only roles with privileges of the role of the session or of role "
	                          "\"pg_read_all_stats\" are shown what it does.")));
}

/* Read the session with this pid; a NOTICE if it is none that limits could bind. */
bool
read_bound_session(int pid, BackendSnapshot &snapshot, char *query)
{
	int slot = slot_of(pid);

	if (slot < 0 ||
	    read_backend_in_slot(slot, snapshot, Patience::Unlimited, query) != ReadResult::Read ||
	    snapshot.backend.id.pid != pid)
	{
		ereport(NOTICE, (errmsg("no session has process ID %d", pid)));
		return false;
	}
	if (is_guarded(snapshot) && !may_see(snapshot.role))
		report_denied(pid);
	if (!is_bound(snapshot))
		notice_kind(snapshot);
	return is_bound(snapshot);
}

} // namespace

} // namespace session_guard

/* One row for each rule or setting that speaks of a limit. */
Datum
session_guard_explain(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	int pid = arguments.pid("pid");
	BackendSnapshot snapshot;

	require_shared_memory();
	check_status_array();
	InitMaterializedSRF(fcinfo, 0);
	auto query = static_cast<char *>(palloc(query_size()));
	if (read_bound_session(pid, snapshot, query))
		put_rows(*reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), snapshot, query);
	return Datum{0};
}
