/*
 * What the kernel says in the files of /proc (see proc_text.h).
 */
#include "core/proc_text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

namespace session_guard
{

namespace
{

/* Take a number off the beginning of a text. */
std::optional<std::int64_t>
take_number(std::string_view &text)
{
	std::int64_t number = 0;

	text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
	auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
	text.remove_prefix(static_cast<std::size_t>(end - text.data()));
	bool is_whole = text.starts_with(' ') || text.starts_with('\t') || text.starts_with('\n');
	if (error != std::errc{} || !is_whole || number < 0)
		return std::nullopt;
	return number;
}

/* A number of units in bytes. */
std::optional<std::int64_t>
bytes_of(std::int64_t units, std::int64_t unit)
{
	if (units > std::numeric_limits<std::int64_t>::max() / unit)
		return std::nullopt;
	return units * unit;
}

} // namespace

std::optional<std::int64_t>
leading_number(std::string_view text)
{
	return take_number(text);
}

std::string_view
text_behind(std::string_view content, std::string_view label)
{
	std::size_t at = content.find(label);

	while (at != content.npos && at > 0 && content[at - 1] != '\n')
		at = content.find(label, at + 1);
	if (at == content.npos)
		return {};
	content.remove_prefix(at + label.size());
	return content;
}

std::optional<std::int64_t>
number_behind(std::string_view content, std::string_view label)
{
	return leading_number(text_behind(content, label));
}

std::optional<std::int64_t>
private_memory_in(std::string_view statm, std::int64_t page_size)
{
	/* In pages: size, resident, shared, and what is of no use here. */
	std::optional<std::int64_t> size = take_number(statm);
	std::optional<std::int64_t> resident = take_number(statm);
	std::optional<std::int64_t> shared = take_number(statm);

	if (!size || !resident || !shared || *shared > *resident)
		return std::nullopt;
	return bytes_of(*resident - *shared, page_size);
}

std::optional<std::int64_t>
available_memory_in(std::string_view meminfo)
{
	std::optional<std::int64_t> kilobytes = number_behind(meminfo, "MemAvailable:");

	return kilobytes ? bytes_of(*kilobytes, 1024) : std::nullopt;
}

} // namespace session_guard
