/*
 * Patterns as of SQL's LIKE (see like.h).
 */
#include "core/like.h"

#include <algorithm>
#include <cstddef>

namespace session_guard
{

namespace
{

constexpr std::size_t no_match = 0;

/* How many bytes of the pattern, from one on that is no "%", stand for a byte of the text. */
std::size_t
length_that_matches(char byte, std::string_view pattern, std::size_t at)
{
	if (at == pattern.size())
		return no_match;
	if (pattern[at] == '_')
		return 1;
	if (pattern[at] != '\\')
		return pattern[at] == byte ? 1 : no_match;
	return at + 1 < pattern.size() && pattern[at + 1] == byte ? 2 : no_match;
}

} // namespace

bool
is_like(std::string_view text, std::string_view pattern)
{
	constexpr std::size_t none = std::string_view::npos;
	std::size_t in_text = 0;
	std::size_t in_pattern = 0;
	std::size_t after_percent = none;
	std::size_t retry_at = 0;

	/* What one "%" can stand for, the one before need not: only the last one is tried anew. */
	while (in_text < text.size())
	{
		if (in_pattern < pattern.size() && pattern[in_pattern] == '%')
		{
			after_percent = ++in_pattern;
			retry_at = in_text;
			continue;
		}
		std::size_t length = length_that_matches(text[in_text], pattern, in_pattern);
		if (length == no_match && after_percent == none)
			return false;
		in_pattern = length == no_match ? after_percent : in_pattern + length;
		in_text = length == no_match ? ++retry_at : in_text + 1;
	}
	return std::all_of(pattern.data() + in_pattern, pattern.data() + pattern.size(),
	                   [](char rest) { return rest == '%'; });
}

} // namespace session_guard
