/*
 * The function behind the view session_guard.schedule: which sessions would be
 * ended, when and why, or why not.
 *
 * It asks the code that the guard decides with, about the configuration that
 * the guard has published, so it cannot disagree with it; the reader's own
 * settings do not matter.
 */
#include "core/episode.h"
#include "core/forecast.h"
#include "core/horizon_age.h"
#include "core/messages.h"
#include "core/peer.h"
#include "core/spared.h"
#include "core/stillness.h"

#include "pg/privileges.h"
#include "pg/result_row.h"

#include "shmem/present_time.h"
#include "shmem/shared_memory.h"
#include "shmem/tracking.h"

#include "status/horizon.h"
#include "status/locks.h"
#include "status/memory.h"
#include "status/peer.h"
#include "status/prepared_transactions.h"
#include "status/switches.h"

#include "policy/present_policies.h"

#include "functions/session_columns.h"
#include "functions/waits.h"

#include <array>
#include <cstdlib>

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

/* One session, and all that is to be said of it. */
struct Entry
{
	BackendSnapshot snapshot;
	Policy policy;
	const Rules &rules;
	Names names;
	/* To show when something was, or will be, by the wall clock. */
	Clock clock;
	/* Who is at the root of its waits, in words; nullptr if it waits for nobody. */
	const char *waits_for;
};

const char *
source_text(const Entry &entry, const Threshold &threshold)
{
	std::array<char, 320> buffer;
	Text text(buffer);
	Names names = entry.names;

	names.rule = rule_name(entry.rules, threshold.source, threshold.rule);
	append_source(text, threshold.source, names);
	return pstrdup(text.c_str());
}

/* What is read once for all sessions: who waits for whom, and who holds back vacuum. */
struct Others
{
	Instant read_at;
	WaitGraph graph;
	std::optional<HorizonReading> horizon;
	/* If anybody waits for one. */
	PreparedTransactions prepared;
};

/* Who is at the end of the chains of waits that a session is in; nullptr if it waits for nobody. */
const char *
roots_of(std::int32_t pid, Others &others)
{
	constexpr int most = 20;
	StringInfoData roots;
	int count = 0;

	initStringInfo(&roots);
	others.graph.for_each_root_above(pid,
	                                 [&](const WaitNode &root)
	                                 {
		                                 if (count++ < most)
			                                 appendStringInfo(&roots, "%s%s", count > 1 ? ", " : "",
			                                                  name_of_root(root, others.prepared));
	                                 });
	if (count > most)
		appendStringInfo(&roots, ", %d more", count - most);
	return count > 0 ? roots.data : nullptr;
}

const char *
spared_text(const Entry &entry, const Forecast &forecast)
{
	std::array<char, 320> buffer;
	Text text(buffer);

	if (entry.policy.mode == Mode::Off)
		return "mode is off";
	/* Who is in a transaction is in no episode of the idle limit, which says it all. */
	if (!forecast.verdict && forecast.spared == Spared::InTransaction)
		return nullptr;
	if (forecast.is_done)
		return entry.policy.mode == Mode::Log ? "already logged" : "already acted on";
	if (forecast.spared == Spared::Maintenance)
		text.append(name_of(entry.snapshot.session.maintenance.command));
	else
		append_spared(text, forecast.spared, entry.policy, entry.names);
	return text.view().empty() ? nullptr : pstrdup(text.c_str());
}

const char *
action_text(const Entry &entry, Action action)
{
	return name_of(entry.policy.mode == Mode::Log ? Action::Log : action).data();
}

/*
 * When an episode began by the wall clock: the server's stamp of it, unless the
 * clock was set since, or it counts from another moment.
 */
Timestamp
shown_start(const Entry &entry, const Episode &episode)
{
	Timestamp computed = wall_time_of(entry.clock, episode.start);

	return std::abs(computed - episode.stamp) < smallest_step ? episode.stamp : computed;
}

/* Set what a limit measures in the column for it: a time, or a number. */
void
set_amount(ScheduleRow &row, Limit limit, Column time, Column number, std::int64_t value)
{
	if (measures_time(limit))
		row.set(time, sql_interval(value));
	else
		row.set(number, Int64GetDatum(value));
}

/* What is shown to those to whom pg_stat_activity shows it. */
void
set_forecast(ScheduleRow &row, const Entry &entry, Limit limit, const Forecast &forecast)
{
	row.set_text(SparedBy, spared_text(entry, forecast));
	row.set_text(ActionName, action_text(entry, forecast.verdict ? forecast.verdict->action
	                                                             : facts(limit).first_action));
	if (!forecast.verdict)
		return;
	Timestamp since = shown_start(entry, forecast.verdict->episode);
	row.set(Since, TimestampTzGetDatum(since));
	set_amount(row, limit, Measured, MeasuredAmount,
	           std::max<std::int64_t>(0, forecast.verdict->measured));
	if (forecast.due_at != never)
		row.set(DueAt, TimestampTzGetDatum(
		                   later(since, forecast.due_at - forecast.verdict->episode.start)));
}

ScheduleRow
row_of(const Entry &entry, Limit limit, const Forecast &forecast)
{
	const Threshold &threshold = threshold_of(entry.policy.limits, limit);
	ScheduleRow row;

	bool is_visible = set_session(row, session_columns, entry.snapshot);

	row.set_text(LimitName, facts(limit).name.data());
	set_amount(row, limit, ThresholdValue, ThresholdAmount, threshold.value);
	row.set_text(SourceName, source_text(entry, threshold));
	if (!is_visible)
		return row;
	row.set_text(WaitsFor, entry.waits_for);
	set_forecast(row, entry, limit, forecast);
	return row;
}

/*
 * Read what a session does to the server, as far as there are limits on that.  Since when its
 * snapshot counts is known to the guard.
 */
void
read_harm(Entry &entry, const Policy &policy, const TrackingState &tracking,
          const std::optional<HorizonReading> &reading, Instant now)
{
	Session &session = entry.snapshot.session;
	Horizon &horizon = session.horizon;
	const TrackedHorizon &known = tracking.horizon;

	if (is_set(policy, Limit::HorizonAge) && reading)
	{
		complete_horizon(horizon, entry.snapshot.database,
		                 threshold_of(policy.limits, Limit::HorizonAge).value, *reading);
		bool is_known = is_kept_snapshot_known(session, tracking);
		if (horizon.xmin != 0 && is_snapshot_kept(*reading, horizon.xmin))
		{
			horizon.kept_from = is_known ? known.kept_from : reading->next;
			horizon.kept_since = is_known ? known.snapshot.since : now;
		}
	}
	if (threshold_of(policy.limits, Limit::Memory).value != 0 ||
	    threshold_of(policy.limits, Limit::AvailableMemory).value != 0)
		session.memory = memory_of_session(entry.snapshot.backend).value_or(memory_unreadable);
}

/* Put the row of a limit, if the session is bound by it. */
void
put_row(ReturnSetInfo &result, const Entry &entry, Limit limit, const TrackingState &tracking,
        Instant now)
{
	if (threshold_of(entry.policy.limits, limit).value != 0)
		row_of(entry, limit, forecast(limit, entry.snapshot.session, tracking, entry.policy, now))
		    .put(result);
}

/* Put a row for each limit that binds the session of this snapshot, or that a rule only logs. */
void
put_rows(ReturnSetInfo &result, const BackendSnapshot &snapshot, const PresentPolicies &policies,
         Others &others)
{
	PresentClock present = present_clock();
	TrackingState tracking = read_tracking(snapshot.backend.slot);
	Superuser superuser = superuser_now(snapshot.role);
	Entry entry{.snapshot = snapshot,
	            .policy = policies.policy_of(superuser, bound_of(snapshot)),
	            .rules = policies.rules(),
	            .names = names_of(snapshot),
	            .clock = present.clock,
	            .waits_for =
	                may_see(snapshot.role) ? roots_of(snapshot.backend.id.pid, others) : nullptr};

	entry.names.exempting_rule =
	    rule_name(entry.rules, entry.policy.exempt.source, entry.policy.exempt.rule);
	entry.snapshot.session.superuser = superuser;
	/* What only logs is measured as well. */
	Policy sampled = with_trials(entry.policy);
	entry.snapshot.session.blocking =
	    blocking_in(others.graph, others.read_at, snapshot.session.id, tracking);
	read_harm(entry, sampled, tracking, others.horizon, present.now);
	place(tracking, entry.snapshot.session, present.clock, present.now);
	if (wants_switches(entry.snapshot.session, tracking, sampled, present.now, Asker::Evaluation))
		read_switches(entry.snapshot.session);
	observe(tracking, entry.snapshot.session, present.now);
	observe_memory(tracking, entry.snapshot.session,
	               threshold_of(sampled.limits, Limit::Memory).value, present.now);
	if (is_set(entry.policy, Limit::DeadClient) && is_running(entry.snapshot.session))
		entry.snapshot.session.peer =
		    read_peer(entry.snapshot.session, snapshot.backend.slot, tracking.peer).peer;
	Policy policy = entry.policy;
	for (Limit limit : all_limits)
	{
		entry.policy = policy;
		put_row(result, entry, limit, tracking, present.now);
		entry.policy = trial_of(policy, limit);
		put_row(result, entry, limit, tracking, present.now);
	}
}

bool
may_end(const HorizonHolder &holder, const PresentPolicies &policies)
{
	Session session{};

	session.state = holder.is_tracked ? State::Active : State::Disabled;
	session.superuser = superuser_now(holder.role);
	return may_end_for_horizon(
	    session, policies.policy_of(session.superuser, bound_of(holder, Patience::Unlimited)));
}

/* Who waits for whom, as the guard sees it. */
WaitGraph
read_waits(const PresentPolicies &policies)
{
	PresentClock present = present_clock();

	if (oldest_lock_wait() == unknown_time)
		return {};
	WaitGraph graph = read_wait_graph(Patience::Unlimited,
	                                  advisory_if(policies.configured().count_advisory_locks),
	                                  present.clock, present.now);
	graph.leave_out_kept_anyway(
	    [&](const WaitNode &root)
	    {
		    BackendSnapshot snapshot;

		    if (!read_session_of(root, snapshot, Patience::Unlimited))
			    return false;
		    snapshot.session.superuser = superuser_now(snapshot.role);
		    return may_end_for_blocking(
		        snapshot.session,
		        policies.policy_of(snapshot.session.superuser, bound_of(snapshot)));
	    });
	return graph;
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
	Others others{.read_at = present_clock().now,
	              .graph = read_waits(policies),
	              .horizon = read_horizon([&](const HorizonHolder &holder)
	                                      { return may_end(holder, policies); }),
	              .prepared = {}};
	if (others.graph.find(prepared_transaction) != nullptr)
		others.prepared = read_prepared_transactions();
	for (int slot = 0; slot < slot_count(); slot++)
	{
		BackendSnapshot snapshot;

		CHECK_FOR_INTERRUPTS();
		if (read_backend_in_slot(slot, snapshot, Patience::Unlimited) == ReadResult::Read &&
		    is_guarded(snapshot) && snapshot.session.state != State::Starting)
			put_rows(*reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), snapshot, policies,
			         others);
	}
	return Datum{0};
}
