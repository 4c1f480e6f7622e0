/*
 * The guard as a background worker: its registration and its life.
 */
#pragma once

namespace session_guard
{

/* Register the worker.  Only while shared_preload_libraries are loaded. */
void register_guard();

} // namespace session_guard
