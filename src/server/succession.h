/*
 * One guard at a time, and never none.
 *
 * From 19 on the server may end the guard for good: when its database is
 * dropped, renamed, moved or copied, the postmaster terminates the worker and
 * forgets it, and nobody starts it again.  So a guard that ends leaves a
 * successor registered, and whoever finds another guard in office goes.
 */
#pragma once

namespace session_guard
{

/* Register the guard with the postmaster.  Only while shared_preload_libraries are loaded. */
void register_guard();

/* Take the office, or end this process because another guard holds it. */
void take_office(bool is_successor);

} // namespace session_guard
