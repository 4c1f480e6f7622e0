/*
 * How much memory sessions have for themselves, by /proc (Linux).
 *
 * What counts is what the kernel would get back if they ended: the private memory of
 * a process, and so neither the shared buffers that it has touched nor other shared
 * memory, such as the hash table that the processes of a Parallel Hash Join share.
 */
#pragma once

#include "shmem/backend_ref.h"

#include <optional>

namespace session_guard
{

/* Of one process, in bytes; nothing if /proc is not there or hidden, or the process has ended. */
std::optional<std::int64_t> memory_of_process(int pid);

/* Of a session: its process and the parallel workers of its query; nothing if it has ended. */
std::optional<std::int64_t> memory_of_session(const BackendRef &backend);

} // namespace session_guard
