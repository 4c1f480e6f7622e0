/*
 * How often a process has slept until something came from its client (see
 * switches.h).
 */
#include "status/switches.h"

#include "core/proc_text.h"

#include "status/proc_file.h"

#include <array>
#include <optional>
#include <string_view>

namespace session_guard
{

namespace
{

/* More than a process will read, lest the number be less than 0. */
constexpr std::int64_t most_reads = std::int64_t{1} << 48;

} // namespace

void
read_switches(Session &session)
{
	std::array<char, 8192> buffer;
	std::string_view status = read_file_of(session.id.pid, "status", buffer);
	std::optional<std::int64_t> sleeps = number_behind(status, "voluntary_ctxt_switches:");
	std::string_view state = text_behind(status, "State:\t");

	session.switches = switches_unreadable;
	session.awake = state.starts_with('R') || state.starts_with('D');
	if (!sleeps)
		return;

	std::string_view io = read_file_of(session.id.pid, "io", buffer);
	session.switches = most_reads + *sleeps - number_behind(io, "syscr:").value_or(0);
}

} // namespace session_guard
