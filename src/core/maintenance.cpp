/*
 * Commands that keep a database in shape (see maintenance.h).
 */
#include "core/maintenance.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace session_guard
{

namespace
{

constexpr std::string_view blanks = " \t\n\r\f\v";

/* Cut a text off at its front; nothing is left if there is no such place. */
std::string_view
from(std::string_view text, std::size_t position)
{
	return text.substr(std::min(position, text.size()));
}

/* Skip a comment in slashes and stars, which may hold others. */
std::string_view
after_block_comment(std::string_view text)
{
	int depth = 0;

	while (!text.empty())
	{
		bool opens = text.starts_with("/*");
		bool closes = text.starts_with("*/");

		depth += opens ? 1 : closes ? -1 : 0;
		text = from(text, opens || closes ? 2 : 1);
		if (depth == 0)
			break;
	}
	return text;
}

std::string_view
after_blanks_and_comments(std::string_view text)
{
	for (;;)
	{
		text = from(text, text.find_first_not_of(blanks));
		if (text.starts_with("--"))
			text = from(text, text.find('\n'));
		else if (text.starts_with("/*"))
			text = after_block_comment(text);
		else
			return text;
	}
}

constexpr bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr char
upper(char c)
{
	return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

/* Take the next word off a text. */
std::string_view
take_word(std::string_view &text)
{
	text = after_blanks_and_comments(text);

	auto end = std::ranges::find_if_not(text, is_letter);
	std::string_view word(text.begin(), end);
	text = from(text, word.size());
	return word;
}

/* Is it this keyword, in capitals or not? */
bool
is_keyword(std::string_view word, std::string_view keyword)
{
	return std::ranges::equal(word, keyword, {}, upper);
}

} // namespace

MaintenanceCommand
maintenance_in(std::string_view query)
{
	constexpr std::array<std::pair<std::string_view, MaintenanceCommand>, 6> commands{
	    {{"VACUUM", MaintenanceCommand::Vacuum},
	     {"ANALYZE", MaintenanceCommand::Analyze},
	     {"ANALYSE", MaintenanceCommand::Analyze},
	     {"CLUSTER", MaintenanceCommand::Cluster},
	     {"REPACK", MaintenanceCommand::Repack},
	     {"REINDEX", MaintenanceCommand::Reindex}}};
	std::string_view first = take_word(query);

	for (auto [word, command] : commands)
		if (is_keyword(first, word))
			return command;
	if (is_keyword(first, "REFRESH"))
		return is_keyword(take_word(query), "MATERIALIZED")
		           ? MaintenanceCommand::RefreshMaterializedView
		           : MaintenanceCommand::None;
	if (!is_keyword(first, "CREATE"))
		return MaintenanceCommand::None;
	std::string_view object = take_word(query);
	bool is_index = is_keyword(object, "INDEX") ||
	                (is_keyword(object, "UNIQUE") && is_keyword(take_word(query), "INDEX"));
	return is_index ? MaintenanceCommand::CreateIndex : MaintenanceCommand::None;
}

} // namespace session_guard
