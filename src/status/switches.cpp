/*
 * How often a process has gone to sleep by itself (see switches.h).
 */
#include "server/pg.h"

#include "core/session.h"
#include "core/text.h"

#include "status/switches.h"

#include <array>
#include <charconv>
#include <fcntl.h>
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

} // namespace

std::int64_t
read_switches(int pid)
{
	constexpr std::string_view label = "\nvoluntary_ctxt_switches:\t";
	std::array<char, 64> path_buffer;
	std::array<char, 8192> buffer;
	Text path(path_buffer);
	std::int64_t switches = switches_unreadable;

	path.append("/proc/").append(pid).append("/status");
	std::string_view status = read_file(path.c_str(), buffer);
	std::size_t at = status.find(label);
	if (at == status.npos)
		return switches_unreadable;
	const char *digits = status.data() + at + label.size();
	auto result = std::from_chars(digits, status.data() + status.size(), switches);
	return result.ec == std::errc{} ? switches : switches_unreadable;
}

} // namespace session_guard
