/*
 * The function behind the view session_guard.schedule: which sessions would be
 * ended, when and why, or why not.
 *
 * It asks the code that the guard decides with, about the configuration that
 * the guard has published, so it cannot disagree with it; the reader's own
 * settings do not matter.
 */
#include "pg/privileges.h"
#include "pg/result_row.h"

#include "shmem/shared_memory.h"

#include "functions/forecast_columns.h"
#include "functions/session_columns.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_schedule);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.get_schedule(). */
enum Column
{
	Pid,
	BackendStart,
	DatabaseName,
	UserName,
	ApplicationName,
	StateName,
	LimitName,
	ThresholdValue,
	ThresholdAmount,
	SourceName,
	Since,
	Measured,
	MeasuredAmount,
	DueAt,
	ActionName,
	SparedBy,
	WaitsFor,
	ColumnCount,
};

using ScheduleRow = ResultRow<ColumnCount>;

constexpr SessionColumns session_columns{.pid = Pid,
                                         .backend_start = BackendStart,
                                         .database = DatabaseName,
                                         .role = UserName,
                                         .application_name = ApplicationName,
                                         .client_address = std::nullopt,
                                         .state = StateName};

constexpr AmountColumns threshold_columns{.time = ThresholdValue, .number = ThresholdAmount};

constexpr ForecastColumns forecast_columns{
    .since = Since,
    .measured = AmountColumns{.time = Measured, .number = MeasuredAmount},
    .due_at = DueAt,
    .action = ActionName,
    .spared = SparedBy};

ScheduleRow
row_of(const PresentSession &present, const Rules &rules, Limit limit, const char *waits_for)
{
	const Threshold &threshold = threshold_of(present.policy.limits, limit);
	ScheduleRow row;

	bool is_visible = set_session(row, session_columns, present.snapshot);

	row.set_text(LimitName, facts(limit).name.data());
	set_amount(row, limit, threshold_columns, threshold.value);
	row.set_text(SourceName, source_text(present, rules, threshold.source, threshold.rule));
	if (!is_visible)
		return row;
	row.set_text(WaitsFor, waits_for);
	set_forecast(row, forecast_columns, present, limit);
	return row;
}

/* Put a row for each limit that binds the session of this snapshot, or that a rule only logs. */
void
put_rows(ReturnSetInfo &result, const BackendSnapshot &snapshot, const PresentPolicies &policies,
         Others &others)
{
	PresentSession present = present_session(snapshot, policies, others);
	/* Who waits for whom is a part of what the session does, and so is what selects it by that. */
	bool is_visible = may_see(snapshot.role);
	const char *waits_for = is_visible ? roots_of(snapshot.backend.id.pid, others) : nullptr;
	Policy policy = is_visible ? present.policy
	                           : policies.public_policy_of(present.snapshot.session.superuser,
	                                                       bound_of(snapshot));

	for (Limit limit : all_limits)
		for (bool is_trial : {false, true})
		{
			present.policy = is_trial ? trial_of(policy, limit) : policy;
			if (threshold_of(present.policy.limits, limit).value != 0)
				row_of(present, policies.rules(), limit, waits_for).put(result);
		}
}

} // namespace

} // namespace session_guard

/* One row per client session and limit in force. */
Datum
session_guard_schedule(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	require_shared_memory();
	check_status_array();
	InitMaterializedSRF(fcinfo, 0);
	PresentPolicies policies;
	Others others = read_others(policies);
	for_each_bound_session(
	    [&](const BackendSnapshot &snapshot) {
		    put_rows(*reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), snapshot, policies,
		             others);
	    });
	return Datum{0};
}
