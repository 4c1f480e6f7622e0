/*
 * Work that may run into somebody's lock, in a subtransaction of its own.
 */
#pragma once

#include "server/pg.h"

#include <type_traits>

namespace session_guard
{

/*
 * Run the work; false if it ran into a lock and was undone.  Any other error
 * goes on.  The worker's lock_timeout bounds the wait.
 */
template <typename Work>
bool
attempt(Work work)
{
	static_assert(std::is_trivially_destructible_v<Work>);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(nullptr);
	PG_TRY();
	{
		work();
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

} // namespace session_guard
