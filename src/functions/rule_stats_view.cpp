/*
 * The function behind the view session_guard.rule_stats: the rules that the guard has read, and
 * what has become of the verdicts of each.
 */
#include "pg/result_row.h"

#include "shmem/published_rules.h"
#include "shmem/shared_memory.h"

#include "status/sql_values.h"

#include "policy/present_policies.h"

extern "C"
{
	PG_FUNCTION_INFO_V1(session_guard_rule_stats);
}

namespace session_guard
{

namespace
{

/* A column of session_guard.get_rule_stats(). */
enum Column
{
	Position,
	RuleName,
	IsEnabled,
	ModeName,
	DeadlinesMet,
	Logged,
	CancelsSent,
	TerminatesSent,
	Canceled,
	Terminated,
	Survived,
	Gone,
	Raced,
	Problem,
	PublishedAt,
	ColumnCount,
};

using RuleStatsRow = ResultRow<ColumnCount>;

struct Counted
{
	Column column;
	pg_atomic_uint64 VerdictCounters::*counter;
};
constexpr Counted all_counted[] = {
    {DeadlinesMet, &VerdictCounters::deadlines_met},
    {Logged, &VerdictCounters::logged},
    {CancelsSent, &VerdictCounters::cancels_sent},
    {TerminatesSent, &VerdictCounters::terminates_sent},
    {Canceled, &VerdictCounters::canceled},
    {Terminated, &VerdictCounters::terminated},
    {Survived, &VerdictCounters::survived},
    {Gone, &VerdictCounters::gone},
    {Raced, &VerdictCounters::raced},
};

/* Why a rule does not select as it was written; nullptr if it does. */
const char *
problem_of(const Rules &rules, std::size_t rule)
{
	const char *names = rules.problem(rule);

	if (!rules.all()[rule].has_query || rules.can_compare_query(rule))
		return names;
	return psprintf("%s%squery cannot be compared", names != nullptr ? names : "",
	                names != nullptr ? "; " : "");
}

void
put_row(ReturnSetInfo &result, const Rules &rules, std::size_t rule, PublishedRules &published)
{
	const RuleRow &from = rules.row(rule);
	RuleStatsRow row;

	row.set(Position, Int32GetDatum(from.position));
	row.set_name(RuleName, converted_string(from.name));
	row.set(IsEnabled, BoolGetDatum(from.is_enabled));
	row.set_text(ModeName, from.only_logs ? "log" : "enforce");
	for (const Counted &counted : all_counted)
		row.set(counted.column, Int64GetDatum(static_cast<int64>(pg_atomic_read_u64(
		                            &(published.counters[rule].*counted.counter)))));
	row.set_text(Problem, problem_of(rules, rule));
	row.set(PublishedAt, TimestampTzGetDatum(published.published_at));
	row.put(result);
}

} // namespace

} // namespace session_guard

/* One row for each rule, in the order of their positions. */
Datum
session_guard_rule_stats(PG_FUNCTION_ARGS)
{
	using namespace session_guard;

	require_shared_memory();
	InitMaterializedSRF(fcinfo, 0);
	PublishedRules published = copy_published_rules();
	Rules rules(published.image, present_names);
	for (std::size_t rule = 0; rule < rules.all().size(); rule++)
		put_row(*reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo), rules, rule, published);
	return Datum{0};
}
