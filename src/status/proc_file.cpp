/*
 * Reading the files of /proc (see proc_file.h).
 */
#include "status/proc_file.h"

#include "core/text.h"

#include <array>

namespace session_guard
{

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

std::string_view
read_file_of(int pid, std::string_view file, std::span<char> buffer)
{
	std::array<char, 64> path_buffer;
	Text path(path_buffer);

	path.append("/proc/").append(pid).append("/").append(file);
	return read_file(path.c_str(), buffer);
}

} // namespace session_guard
