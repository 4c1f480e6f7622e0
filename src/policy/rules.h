/*
 * The rules, ready to be applied: the rows of an image with their names looked up and their
 * expressions compiled.
 */
#pragma once

#include "core/rule.h"

#include "pg/pg.h"

#include "policy/rule_image.h"
#include "policy/rule_query.h"

namespace session_guard
{

/* How names are looked up; InvalidOid: there is none of that name. */
struct NameLookup
{
	Oid (*role)(const char *name);
	Oid (*database)(const char *name);
};

/* What rules select by that they are compared with; what no rule asks for need not be known. */
struct RulesNeed
{
	bool application_name;
	bool client_addr;
};

class Rules
{
	/* An expression is compiled when it is compared for the first time. */
	struct QueryPattern
	{
		regex_t *compiled;
		bool is_tried;
	};

  public:
	Rules() = default;

	/* Compile an image, in a memory context of its own within the current one. */
	Rules(RuleImage image, const NameLookup &lookup);

	/* Give back all that it has; nothing of it may be in use. */
	void free();

	/* Let it live as long as this context. */
	void
	keep_in(MemoryContext context)
	{
		MemoryContextSetParent(context_, context);
	}

	std::span<const Rule>
	all() const
	{
		return rules_;
	}

	/* Suppose that a rule were enabled, and enforced. */
	void
	suppose_in_force(std::size_t index)
	{
		rules_[index].is_enabled = true;
		rules_[index].only_logs = false;
	}

	const RuleRow &
	row(std::size_t index) const
	{
		return rows_[index];
	}

	/* Compare the query of a rule that has one with that of a session. */
	Match match_query_of(std::size_t index, const QueryText &query) const;

	/* Can the expression of a rule that has one be compared with anything? */
	bool can_compare_query(std::size_t index) const;

	/* Which names of a rule do not exist, for people; nullptr if all do. */
	const char *
	problem(std::size_t index) const
	{
		return problems_[index];
	}

	const RulesNeed &
	need() const
	{
		return need_;
	}

	/* The rule of that name. */
	std::optional<std::size_t> find(const char *name) const;

  private:
	/* The expression of a rule, compiled if that can be done. */
	regex_t *pattern_of(std::size_t index) const;

	MemoryContext context_ = nullptr;
	std::span<RuleRow> rows_{};
	std::span<Rule> rules_{};
	std::span<QueryPattern> patterns_{};
	int encoding_ = 0;
	std::span<const char *> problems_{};
	RulesNeed need_{};
};

/* The name of a rule that is the source of something, as it is shown here; empty if none is. */
const char *rule_name(const Rules &rules, Source source, std::int32_t rule);

} // namespace session_guard
