/*
 * Rules, and sessions that they may select, which own what they point to.
 */
#pragma once

#include "core/rule.h"

#include "unit/builders.h"

#include <optional>
#include <string>
#include <vector>

namespace session_guard::test
{

using Numbers = std::vector<std::uint32_t>;

constexpr Address
v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
{
	return {.is_v6 = false, .bytes = {a, b, c, d}};
}

constexpr Network
network(const Address &address, std::uint8_t bits)
{
	return {.address = address, .bits = bits};
}

/* An enabled rule that selects all, and speaks of nothing. */
class RuleBuilder
{
  public:
	RuleBuilder &
	disabled()
	{
		rule_.is_enabled = false;
		return *this;
	}
	RuleBuilder &
	only_logs()
	{
		rule_.only_logs = true;
		return *this;
	}
	RuleBuilder &
	databases(const Numbers &numbers)
	{
		databases_ = numbers;
		return *this;
	}
	RuleBuilder &
	roles(const Numbers &numbers)
	{
		roles_ = numbers;
		return *this;
	}
	RuleBuilder &
	except_roles(const Numbers &numbers)
	{
		except_roles_ = numbers;
		return *this;
	}
	RuleBuilder &
	unknown_exception()
	{
		rule_.has_unknown_exception = true;
		return *this;
	}
	RuleBuilder &
	application_name(const std::string &pattern)
	{
		application_name_ = pattern;
		return *this;
	}
	RuleBuilder &
	except_application_name(const std::string &pattern)
	{
		except_application_name_ = pattern;
		return *this;
	}
	RuleBuilder &
	client_addr(const std::vector<Network> &networks)
	{
		client_addr_ = networks;
		return *this;
	}
	RuleBuilder &
	query()
	{
		rule_.has_query = true;
		return *this;
	}
	RuleBuilder &
	exempt(bool on)
	{
		rule_.exempt = on;
		return *this;
	}
	RuleBuilder &
	limit(Limit limit, std::int64_t value)
	{
		rule_.limits[index_of(limit)] = value;
		return *this;
	}
	/* The limit that most tests are about. */
	RuleBuilder &
	statement(Duration value)
	{
		return limit(Limit::Statement, value);
	}

	/* It is valid as long as this is, and is not changed. */
	Rule
	rule() const
	{
		Rule rule = rule_;

		rule.databases = databases_;
		rule.roles = roles_;
		rule.except_roles = except_roles_;
		rule.application_name = application_name_;
		rule.except_application_name = except_application_name_;
		rule.client_addr = client_addr_;
		return rule;
	}

  private:
	Rule rule_{.is_enabled = true,
	           .only_logs = false,
	           .databases = {},
	           .roles = {},
	           .except_roles = {},
	           .has_unknown_exception = false,
	           .application_name = {},
	           .except_application_name = {},
	           .client_addr = {},
	           .has_query = false,
	           .exempt = {},
	           .limits = {}};
	std::optional<Numbers> databases_;
	std::optional<Numbers> roles_;
	std::optional<Numbers> except_roles_;
	std::optional<std::string> application_name_;
	std::optional<std::string> except_application_name_;
	std::optional<std::vector<Network>> client_addr_;
};

/* Whom rules may select: by default role 10 in database 1, psql at 10.1.2.3. */
struct Client
{
	std::uint32_t database = 1;
	Numbers roles{10};
	std::string application_name = "psql";
	std::optional<Address> client_addr = v4(10, 1, 2, 3);

	Selected
	selected() const
	{
		return {.database = database,
		        .roles = roles,
		        .application_name = application_name,
		        .client_addr = client_addr};
	}
};

constexpr auto Yes = Match::Yes;
constexpr auto No = Match::No;
constexpr auto Unknown = Match::Unknown;

/* By settings: five minutes. */
inline Policy
settings(Duration value = 5 * minute)
{
	return PolicyBuilder().limit(Limit::Statement, value);
}

inline RuleBuilder
rule(Duration value)
{
	return RuleBuilder().statement(value);
}

/* A policy under rules, of each of which it is given whether it means the session. */
inline Policy
under(const std::vector<RuleBuilder> &builders, const std::vector<Match> &matches,
      const Policy &settings, Doubt doubt = Doubt::Spares)
{
	std::vector<Rule> rules;
	Policy policy = settings;

	for (const RuleBuilder &builder : builders)
		rules.push_back(builder.rule());
	apply_rules(
	    rules,
	    [&](std::size_t index) { return Judgment{.match = matches.at(index), .doubt = doubt}; },
	    policy);
	return policy;
}

/* The same if all of them mean it. */
inline Policy
under(const std::vector<RuleBuilder> &builders, const Policy &settings)
{
	return under(builders, std::vector<Match>(builders.size(), Match::Yes), settings);
}

/* LIKE as it is defined: "%" is any text, "_" any byte, and a backslash takes away the meaning. */
inline bool
is_like_by_definition(std::string_view text, std::string_view pattern)
{
	if (pattern.empty())
		return text.empty();
	char first = pattern.front();
	std::string_view rest(pattern.data() + 1, pattern.size() - 1);
	auto text_from = [&](std::size_t from)
	{ return std::string_view(text.data() + from, text.size() - from); };

	if (first == '%')
	{
		for (std::size_t skipped = 0; skipped <= text.size(); skipped++)
			if (is_like_by_definition(text_from(skipped), rest))
				return true;
		return false;
	}
	bool is_escaped = first == '\\';
	if (text.empty() || (is_escaped && rest.empty()))
		return false;
	if (is_escaped)
	{
		first = rest.front();
		rest.remove_prefix(1);
	}
	return ((first == '_' && !is_escaped) || first == text.front()) &&
	       is_like_by_definition(text_from(1), rest);
}

} // namespace session_guard::test
