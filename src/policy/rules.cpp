/*
 * The rules, ready to be applied (see rules.h).
 */
#include "policy/rules.h"

#include "pg/growing_array.h"

#include "status/sql_values.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

namespace
{

/* A text of the table; it may be in the encoding of another database. */
std::optional<std::string_view>
text_pattern(const char *text)
{
	return text != nullptr ? std::optional<std::string_view>(text) : std::nullopt;
}

void
add_problem(StringInfoData &problems, const char *what, const char *name)
{
	appendStringInfo(&problems, "%s%s %s does not exist", problems.len > 0 ? "; " : "", what,
	                 quoted(converted_string(name)));
}

/* The numbers of names; those that do not exist are left out, and noted. */
std::optional<std::span<const std::uint32_t>>
numbers_of(const NameList &names, Oid (*lookup)(const char *), const char *what,
           StringInfoData &problems)
{
	GrowingArray<std::uint32_t> numbers;

	if (!names)
		return std::nullopt;
	for (const char *name : *names)
		if (Oid number = lookup(name); OidIsValid(number))
			numbers.add(number);
		else
			add_problem(problems, what, name);
	return std::span<const std::uint32_t>(numbers.all());
}

Rule
rule_of(const RuleRow &row, const NameLookup &lookup, StringInfoData &problems)
{
	Rule rule{.is_enabled = row.is_enabled,
	          .only_logs = row.only_logs,
	          .databases = numbers_of(row.databases, lookup.database, "database", problems),
	          .roles = numbers_of(row.roles, lookup.role, "role", problems),
	          .except_roles = numbers_of(row.except_roles, lookup.role, "role", problems),
	          .has_unknown_exception = false,
	          .application_name = text_pattern(row.application_name),
	          .except_application_name = text_pattern(row.except_application_name),
	          .client_addr = row.client_addr,
	          .has_query = row.query != nullptr,
	          .exempt = row.exempt,
	          .limits = row.limits};

	rule.has_unknown_exception =
	    rule.except_roles && rule.except_roles->size() < row.except_roles->size();
	return rule;
}

/* An array of so many elements, in the current memory context. */
template <typename T>
std::span<T>
array_of(std::size_t count)
{
	return {static_cast<T *>(palloc0((count + 1) * sizeof(T))), count};
}

} // namespace

Rules::Rules(RuleImage image, const NameLookup &lookup)
    : context_(AllocSetContextCreate(CurrentMemoryContext, "session guard rules",
                                     ALLOCSET_DEFAULT_SIZES))
{
	MemoryContext caller = MemoryContextSwitchTo(context_);
	RuleRows rows = rows_of(image);

	rows_ = rows.rows;
	encoding_ = rows.encoding;
	rules_ = array_of<Rule>(rows_.size());
	patterns_ = array_of<QueryPattern>(rows_.size());
	problems_ = array_of<const char *>(rows_.size());
	for (std::size_t i = 0; i < rows_.size(); i++)
	{
		StringInfoData problems;

		initStringInfo(&problems);
		rules_[i] = rule_of(rows_[i], lookup, problems);
		problems_[i] = problems.len > 0 ? problems.data : nullptr;
		need_.application_name |= rules_[i].application_name || rules_[i].except_application_name;
		need_.client_addr |= rules_[i].client_addr.has_value();
	}
	MemoryContextSwitchTo(caller);
}

void
Rules::free()
{
	if (context_ != nullptr)
		MemoryContextDelete(context_);
	*this = {};
}

regex_t *
Rules::pattern_of(std::size_t index) const
{
	QueryPattern &pattern = patterns_[index];

	if (!pattern.is_tried)
		pattern = {.compiled = compile_query_pattern(rows_[index].query, encoding_, context_),
		           .is_tried = true};
	return pattern.compiled;
}

Match
Rules::match_query_of(std::size_t index, const QueryText &query) const
{
	regex_t *pattern = pattern_of(index);

	return pattern != nullptr ? match_query(pattern, encoding_, query) : Match::Unknown;
}

bool
Rules::can_compare_query(std::size_t index) const
{
	return pattern_of(index) != nullptr;
}

std::optional<std::size_t>
Rules::find(const char *name) const
{
	auto found = std::ranges::find_if(rows_, [&](const RuleRow &row)
	                                  { return strcmp(row.name, name) == 0; });

	return found != rows_.end() ? std::optional(static_cast<std::size_t>(found - rows_.begin()))
	                            : std::nullopt;
}

const char *
rule_name(const Rules &rules, Source source, std::int32_t rule)
{
	auto index = static_cast<std::size_t>(rule);

	return source == Source::Rule && rule >= 0 && index < rules.all().size() ? rules.row(index).name
	                                                                         : "";
}

} // namespace session_guard
