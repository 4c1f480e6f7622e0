/*
 * Text into a caller's buffer (see text.h).
 */
#include "core/text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace session_guard
{

Text::Text(std::span<char> buffer) : buffer_(buffer)
{
	buffer_.front() = '\0';
}

Text &
Text::append(std::string_view part)
{
	std::size_t room = buffer_.size() - length_ - 1;

	is_cut_ = is_cut_ || part.size() > room;
	part = part.substr(0, room);
	std::copy(part.begin(), part.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(length_));
	length_ += part.size();
	buffer_[length_] = '\0';
	return *this;
}

Text &
Text::append(std::int64_t number)
{
	std::array<char, 24> digits;
	auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;

	return append({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

Text &
Text::append_quoted(std::string_view name)
{
	append("\"");
	for (std::size_t quote; (quote = name.find('"')) != std::string_view::npos;)
	{
		append({name.data(), quote}).append("\"\"");
		name.remove_prefix(quote + 1);
	}
	return append(name).append("\"");
}

Text &
Text::mark_cut()
{
	constexpr std::string_view ellipsis = "...";

	if (is_cut_ && length_ >= ellipsis.size())
		std::ranges::copy(ellipsis,
		                  buffer_.begin() + static_cast<std::ptrdiff_t>(length_ - ellipsis.size()));
	return *this;
}

/* Append one unit of a duration, unless it is zero. */
Text &
Text::append_unit(std::int64_t number, std::string_view unit)
{
	if (number == 0)
		return *this;
	return append(number).append(unit);
}

/* Append seconds with as many decimals as they have. */
Text &
Text::append_seconds(std::int64_t milliseconds)
{
	std::int64_t fraction = milliseconds % 1000;

	append(milliseconds / 1000);
	if (fraction != 0)
	{
		std::array<char, 3> digits{
		    static_cast<char>('0' + fraction / 100),
		    static_cast<char>('0' + fraction / 10 % 10),
		    static_cast<char>('0' + fraction % 10),
		};
		std::string_view decimals{digits.data(), digits.size()};

		append(".").append(decimals.substr(0, decimals.find_last_not_of('0') + 1));
	}
	return append(" s");
}

Text &
Text::append_duration(Duration duration)
{
	/* Rounded up: what was longer than a limit must never read as equal to it. */
	std::int64_t rest = duration / millisecond + (duration % millisecond > 0 ? 1 : 0);
	std::size_t before = length_;

	if (rest < 1000)
		return append(rest).append(" ms");

	constexpr std::int64_t per_minute = minute / millisecond;
	constexpr std::int64_t per_hour = 60 * per_minute;
	constexpr std::int64_t per_day = 24 * per_hour;

	append_unit(rest / per_day, " d ");
	append_unit(rest % per_day / per_hour, " h ");
	append_unit(rest % per_hour / per_minute, " min ");
	if (rest % per_minute != 0)
		return append_seconds(rest % per_minute);
	/* Take back the blank that waited for a smaller unit. */
	if (length_ > before && buffer_[length_ - 1] == ' ')
		buffer_[--length_] = '\0';
	return *this;
}

Text &
Text::append_size(std::int64_t bytes, Rounding rounding)
{
	constexpr std::array<std::string_view, 5> units{" kB", " MB", " GB", " TB", " PB"};
	constexpr std::int64_t step = 1024;
	std::int64_t unit = 1;
	std::int64_t tenths = 0;

	if (bytes < step)
		return append(std::max<std::int64_t>(bytes, 0)).append(" bytes");
	/* Rounded up, a size may be a whole one of the next unit. */
	for (std::string_view name : units)
	{
		unit *= step;
		tenths = bytes / unit * 10 +
		         (bytes % unit * 10 + (rounding == Rounding::Up ? unit - 1 : 0)) / unit;
		if (tenths >= step * 10 && name != units.back())
			continue;
		append(tenths / 10);
		if (tenths % 10 != 0)
			append(".").append(tenths % 10);
		return append(name);
	}
	return *this;
}

} // namespace session_guard
