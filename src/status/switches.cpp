/*
 * How often a process has slept until something came from its client (see
 * switches.h).
 */
#include "server/pg.h"

#include "core/session.h"
#include "core/text.h"

#include "status/switches.h"

#include <array>
#include <charconv>
#include <fcntl.h>
#include <optional>
#include <span>
#include <string_view>
#include <unistd.h>

namespace session_guard
{

namespace
{

/* Read a file of /proc, which gives all that it has in one read. */
std::string_view
read_file(const char *path, std::span<char> buffer)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return {};
	ssize_t length = read(file, buffer.data(), buffer.size());
	close(file);
	return length > 0 ? std::string_view(buffer.data(), static_cast<std::size_t>(length))
	                  : std::string_view{};
}

/* The number behind a label in a file of a process, if it can be read. */
std::optional<std::int64_t>
read_number(int pid, std::string_view file, std::string_view label)
{
	std::array<char, 64> path_buffer;
	std::array<char, 8192> buffer;
	Text path(path_buffer);
	std::int64_t number = 0;

	path.append("/proc/").append(pid).append("/").append(file);
	std::string_view content = read_file(path.c_str(), buffer);
	std::size_t at = content.find(label);
	if (at == content.npos)
		return std::nullopt;
	const char *digits = content.data() + at + label.size();
	auto result = std::from_chars(digits, content.data() + content.size(), number);
	return result.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

/* More than a process will read, lest the number be less than 0. */
constexpr std::int64_t most_reads = std::int64_t{1} << 48;

} // namespace

std::int64_t
read_switches(int pid)
{
	std::optional<std::int64_t> sleeps = read_number(pid, "status", "\nvoluntary_ctxt_switches:\t");

	if (!sleeps)
		return switches_unreadable;
	return most_reads + *sleeps - read_number(pid, "io", "\nsyscr: ").value_or(0);
}

} // namespace session_guard
