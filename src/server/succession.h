/*
 * One worker for each post at a time, and never none.
 *
 * From 19 on the server may end a worker for good: when its database is
 * dropped, renamed, moved or copied, the postmaster terminates the worker and
 * forgets it, and nobody starts it again.  So a worker that ends leaves a
 * successor registered, and whoever finds another one in office goes.
 */
#pragma once

#include "server/shared.h"

namespace session_guard
{

/* Register the workers with the postmaster.  Only while shared_preload_libraries are loaded. */
void register_workers();

/* What the postmaster hands to a worker. */
struct Calling
{
	Post post;
	bool is_successor;
};
Calling calling_of(Datum main_arg);

/* Take the office, or end this process because another worker holds it. */
void take_office(Calling calling);

} // namespace session_guard
