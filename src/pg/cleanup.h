/*
 * Work that leaves something to be put right if it is broken off, be it by an
 * error or by the end of the process.
 */
#pragma once

#include "pg/pg.h"

#include <type_traits>

namespace session_guard
{

/* What is to be done then.  It must not fail, and cannot read catalogs: no transaction is left. */
struct Cleanup
{
	void (*run)(const void *arg);
	const void *arg;
	/* The cleanup of the work around this one; nullptr if there is none. */
	const Cleanup *outer;
};

/*
 * Have a cleanup run if the process ends from now on, and no longer.  The latest that
 * was begun ends first.
 */
void begin_cleanup(Cleanup &cleanup);
void end_cleanup(const Cleanup &cleanup);

/*
 * Run the work, and the cleanup if it is left by an ERROR or a FATAL.
 *
 * PG_ENSURE_ERROR_CLEANUP() would not do: it fails if code that was called meanwhile
 * has registered a cleanup of its own.
 */
template <typename Work>
[[gnu::noinline]] void
with_cleanup(Work work, void (*run)(const void *arg), const void *arg)
{
	static_assert(std::is_trivially_destructible_v<Work>);
	Cleanup cleanup{.run = run, .arg = arg, .outer = nullptr};

	begin_cleanup(cleanup);
	PG_TRY();
	{
		work();
	}
	PG_CATCH();
	{
		end_cleanup(cleanup);
		run(arg);
		PG_RE_THROW();
	}
	PG_END_TRY();
	end_cleanup(cleanup);
}

} // namespace session_guard
