/*
 * How much memory sessions have for themselves (see memory.h).
 */
#include "status/memory.h"

#include "core/proc_text.h"

#include "status/lock_group.h"
#include "status/proc_file.h"

#include <array>
#include <span>
#include <unistd.h>

namespace session_guard
{

namespace
{

/* As many as the server has at most (MAX_PARALLEL_WORKER_LIMIT). */
constexpr std::size_t most_workers = 1024;

} // namespace

std::optional<std::int64_t>
memory_of_process(int pid)
{
	std::array<char, 256> buffer;

	return private_memory_in(read_file_of(pid, "statm", buffer), sysconf(_SC_PAGESIZE));
}

std::optional<std::int64_t>
memory_of_session(const BackendRef &backend)
{
	std::array<int, most_workers> workers;
	std::size_t count = 0;
	auto note = [&](const PGPROC *member)
	{
		if (member != backend.process && count < workers.size())
			workers[count++] = member->pid;
	};

	/* The group is locked for as long as it takes to note the pids, and not to read files. */
	for_each_in_lock_group(backend.process, note);
	std::optional<std::int64_t> memory = memory_of_process(backend.id.pid);
	if (!memory)
		return std::nullopt;
	/* A worker that has ended since has no memory any more. */
	for (int worker : std::span(workers).first(count))
		*memory += memory_of_process(worker).value_or(0);
	/* If the session has ended, both its pid and its place may have been another's. */
	return backend.process->pid == backend.id.pid ? memory : std::nullopt;
}

} // namespace session_guard
