/*
 * Work that leaves something to be put right if it is broken off, be it by an
 * error or by the end of the process.
 */
#pragma once

#include "server/pg.h"

#include <type_traits>

namespace session_guard
{

/*
 * Run the work, and the cleanup if it is left by an ERROR or a FATAL.  The
 * cleanup must not fail, and finds no transaction that it could read by.
 */
template <typename Work>
[[gnu::noinline]] void
with_cleanup(Work work, pg_on_exit_callback cleanup, Datum arg)
{
	static_assert(std::is_trivially_destructible_v<Work>);

	PG_ENSURE_ERROR_CLEANUP(cleanup, arg);
	{
		work();
	}
	PG_END_ENSURE_ERROR_CLEANUP(cleanup, arg);
}

} // namespace session_guard
