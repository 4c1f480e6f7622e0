/*
 * How much memory is left, by the host and by the cgroups of this process (Linux).
 */
#pragma once

#include "core/available_memory.h"

namespace session_guard
{

/* Nothing if neither can be read. */
std::optional<AvailableMemory> available_memory();

} // namespace session_guard
