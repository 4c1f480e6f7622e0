/*
 * The function session_guard.rule_matches(): which sessions a rule means now, and what would happen
 * to them, as if it were enabled and enforced.
 */
#include "pg/privileges.h"
#include "pg/result_row.h"

#include "settings/settings.h"

#include "shmem/shared_memory.h"

#include "functions/arguments.h"
#include "functions/explanation.h"
#include "functions/forecast_columns.h"
#include "functions/session_columns.h"

#include <cstring>

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_rule_matches);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.rule_matches(). */
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
	Decides,
	DecidedBy,
	Since,
	Measured,
	MeasuredAmount,
	DueAt,
	ActionName,
	SparedBy,
	ColumnCount,
};

using MatchRow = ResultRow<ColumnCount>;

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

/* The rule that is asked about, and all that there is to say of it. */
struct Question
{
	ReturnSetInfo &result;
	PresentPolicies &policies;
	std::size_t number;
	Others others;

	const Rule &
	rule() const
	{
		return policies.rules().all()[number];
	}

	bool
	is_source(const Threshold &threshold) const
	{
		return threshold.rule == static_cast<std::int32_t>(number);
	}
};

/* A row about a session. */
void
begin_row(MatchRow &row, const Question &question, const PresentSession &present, const char *about,
          const Threshold &decided)
{
	(void)set_session(row, session_columns, present.snapshot);
	row.set_text(LimitName, about);
	row.set(Decides, BoolGetDatum(question.is_source(decided)));
	if (!question.is_source(decided))
		row.set_text(DecidedBy,
		             source_text(present, question.policies.rules(), decided.source, decided.rule));
}

void
put_limit(const Question &question, const PresentSession &present, Limit limit)
{
	const Threshold &decided = threshold_of(present.policy.limits, limit);
	MatchRow row;

	begin_row(row, question, present, facts(limit).name.data(), decided);
	set_amount(row, limit, threshold_columns, decided.value);
	if (decided.value != 0)
		set_forecast(row, forecast_columns, present, limit);
	row.put(question.result);
}

void
put_exemption(const Question &question, const PresentSession &present, const Threshold &decided)
{
	MatchRow row;

	begin_row(row, question, present, "exempt", decided);
	row.set_text(SparedBy, exemption_text(present));
	row.put(question.result);
}

/* Who decides whether a session is exempt. */
Threshold
decided_exemption(const Question &question, const PresentSession &present, const char *query)
{
	Exemption exempt = Explanation(question.policies, present, query).exemption();

	return {.value = exempt.value, .source = exempt.source, .rule = exempt.rule};
}

/* Of a session that the rule may mean it is told what the rule decides. */
void
put_rows(Question &question, const BackendSnapshot &snapshot, const char *query)
{
	Bound bound = bound_of(snapshot);
	Superuser superuser = superuser_now(snapshot.role);
	const Rule &rule = question.rule();

	/* What selects it, or decides instead, may be what pg_stat_activity shows to some only. */
	if (!may_see(snapshot.role))
		return;
	Match match = question.policies.match_of(
	    question.number, question.policies.selected(superuser, bound), bound, query);
	if (match == Match::No)
		return;
	PresentSession present = present_session(snapshot, question.policies, question.others, query);
	auto is_told = [&](const Threshold &decided)
	{ return match == Match::Yes || question.is_source(decided); };
	if (rule.exempt)
		if (Threshold decided = decided_exemption(question, present, query); is_told(decided))
			put_exemption(question, present, decided);
	for (Limit limit : all_limits)
		if (speaks_of(rule, limit) && is_told(threshold_of(present.policy.limits, limit)))
			put_limit(question, present, limit);
}

/* The rule of a name, as it is written, or shown here if that was in another encoding. */
std::size_t
find_rule(const PresentPolicies &policies, const char *name)
{
	const Rules &rules = policies.rules();

	if (std::optional<std::size_t> found = rules.find(name))
		return *found;
	for (std::size_t i = 0; i < rules.all().size(); i++)
		if (strcmp(converted_string(rules.row(i).name), name) == 0)
			return i;
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("rule \"%s\" does not exist", name),
	                policies.has_published_rules()
	                    ? errhint("Rules are in database \"%s\"; elsewhere only those are known "
	                              "that the guard has read.",
	                              guard_database())
	                    : 0));
}

} // namespace

} // namespace session_guard

/* One row for each session that the rule means, and limit that it speaks of. */
Datum
session_guard_rule_matches(PG_FUNCTION_ARGS)
{
	using namespace session_guard;
	Arguments arguments(fcinfo);
	const char *name = arguments.rule("rule");

	require_shared_memory();
	check_status_array();
	InitMaterializedSRF(fcinfo, 0);
	PresentPolicies policies;
	std::size_t number = find_rule(policies, name);
	policies.suppose_in_force(number);
	Question question{.result = *reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo),
	                  .policies = policies,
	                  .number = number,
	                  .others = read_others(policies)};
	auto query = static_cast<char *>(palloc(query_size()));
	for_each_bound_session(
	    [&](const BackendSnapshot &snapshot) { put_rows(question, snapshot, query); }, query);
	return Datum{0};
}
