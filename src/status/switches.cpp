/*
 * How often a process has slept until something came from its client (see
 * switches.h).
 */
#include "status/switches.h"

#include "core/text.h"

#include "pg/pg.h"

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

/* A file of a process; empty if it cannot be read. */
std::string_view
read_file_of(int pid, std::string_view file, std::span<char> buffer)
{
	std::array<char, 64> path_buffer;
	Text path(path_buffer);

	path.append("/proc/").append(pid).append("/").append(file);
	return read_file(path.c_str(), buffer);
}

/* What comes behind a label; empty if the label is not there. */
std::string_view
behind(std::string_view content, std::string_view label)
{
	std::size_t at = content.find(label);

	if (at == content.npos)
		return {};
	content.remove_prefix(at + label.size());
	return content;
}

std::optional<std::int64_t>
number_behind(std::string_view content, std::string_view label)
{
	std::string_view digits = behind(content, label);
	std::int64_t number = 0;
	auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);

	return result.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

/* More than a process will read, lest the number be less than 0. */
constexpr std::int64_t most_reads = std::int64_t{1} << 48;

} // namespace

void
read_switches(Session &session)
{
	std::array<char, 8192> buffer;
	std::string_view status = read_file_of(session.id.pid, "status", buffer);
	std::optional<std::int64_t> sleeps = number_behind(status, "\nvoluntary_ctxt_switches:\t");
	std::string_view state = behind(status, "\nState:\t");

	session.switches = switches_unreadable;
	session.awake = state.starts_with('R') || state.starts_with('D');
	if (!sleeps)
		return;

	std::string_view io = read_file_of(session.id.pid, "io", buffer);
	session.switches = most_reads + *sleeps - number_behind(io, "\nsyscr: ").value_or(0);
}

} // namespace session_guard
