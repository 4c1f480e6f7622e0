/*
 * Reading the files of /proc, and of cgroups, into a buffer of the caller's.
 *
 * Where there is none, or it is hidden, it is as if it were empty.  Nothing here
 * raises an error or allocates.
 */
#pragma once

#include <algorithm>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <sys/types.h>
#include <unistd.h>

namespace session_guard
{

/* What a file gives in one read, which is all that it has if the buffer is large enough. */
std::string_view read_file(const char *path, std::span<char> buffer);

/* The same of a file in the folder of a process. */
std::string_view read_file_of(int pid, std::string_view file, std::span<char> buffer);

/* Call a function with each whole line of a file; those longer than the buffer are left out. */
template <typename Visit>
void
for_each_line(const char *path, std::span<char> buffer, Visit visit)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	/* The beginning of a line whose end has not been read yet; or, if it was too long, is gone. */
	std::size_t kept = 0;
	bool is_too_long = false;

	if (file < 0)
		return;
	for (ssize_t length; (length = read(file, buffer.data() + kept, buffer.size() - kept)) > 0;)
	{
		std::string_view content(buffer.data(), kept + static_cast<std::size_t>(length));

		for (std::size_t end; (end = content.find('\n')) != content.npos;)
		{
			if (!is_too_long)
				visit(content.substr(0, end));
			is_too_long = false;
			content.remove_prefix(end + 1);
		}
		is_too_long = is_too_long || content.size() == buffer.size();
		kept = is_too_long ? 0 : content.size();
		std::copy_n(content.begin(), kept, buffer.begin());
	}
	close(file);
}

} // namespace session_guard
