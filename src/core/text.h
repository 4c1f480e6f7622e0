/*
 * Text written into a buffer of the caller's, cut off at its end.
 *
 * There is no heap in the core, and std::string may not enter the server.
 */
#pragma once

#include "core/time.h"

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

namespace session_guard
{

enum class Rounding : std::uint8_t
{
	Up,
	Down,
};

class Text
{
  public:
	/* The buffer must hold at least the terminating NUL. */
	explicit Text(std::span<char> buffer);

	Text &append(std::string_view part);
	Text &append(std::int64_t number);

	/* In double quotes, those within doubled: whatever it holds, it ends where it seems to. */
	Text &append_quoted(std::string_view name);

	/* As people write it: "200 ms", "1.5 s", "5 min 2 s", "1 d 3 h". */
	Text &append_duration(Duration duration);

	/*
	 * A size as people write it, in the units of the server: "0 bytes", "512 kB",
	 * "2.1 GB".  Rounded up, what is more than a limit never reads as less than it;
	 * rounded down, what is left never reads as more.  It is not negative.
	 */
	Text &append_size(std::int64_t bytes, Rounding rounding = Rounding::Up);

	/* If something did not fit, say so by an ellipsis at the end. */
	Text &mark_cut();

	std::string_view
	view() const
	{
		return {buffer_.data(), length_};
	}
	/* The same, NUL-terminated. */
	const char *
	c_str() const
	{
		return buffer_.data();
	}

  private:
	Text &append_unit(std::int64_t number, std::string_view unit);
	Text &append_seconds(std::int64_t milliseconds);

	std::span<char> buffer_;
	std::size_t length_ = 0;
	bool is_cut_ = false;
};
static_assert(std::is_trivially_destructible_v<Text>);

} // namespace session_guard
