/*
 * What the kernel says of processes and of memory in the files of /proc.
 *
 * A number counts only if a blank or the end of its line follows it, as in all of
 * these files: text that was cut off may end in the middle of a number.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace session_guard
{

/* The number that a text begins with, after blanks; none if it is negative or beyond int64. */
std::optional<std::int64_t> leading_number(std::string_view text);

/* What comes behind a label that begins a line; empty if no line does. */
std::string_view text_behind(std::string_view content, std::string_view label);

std::optional<std::int64_t> number_behind(std::string_view content, std::string_view label);

/*
 * By /proc/PID/statm: the bytes that a process has in memory and shares with no
 * file and no shared memory.  Its shared buffers do not count, nor does what it
 * has in swap; pages that it has had from the postmaster and not written to do.
 */
std::optional<std::int64_t> private_memory_in(std::string_view statm, std::int64_t page_size);

/* By /proc/meminfo: the bytes that new work can have without swapping (MemAvailable). */
std::optional<std::int64_t> available_memory_in(std::string_view meminfo);

} // namespace session_guard
