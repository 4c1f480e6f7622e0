/*
 * Work that may fail in an expected way, in a subtransaction of its own.
 */
#pragma once

#include "server/pg.h"

#include <type_traits>

namespace session_guard
{

/*
 * Run the work; false if it failed with the expected error and was undone.
 * Any other error goes on.
 */
template <typename Work>
bool
attempt(Work work, int expected_error)
{
	static_assert(std::is_trivially_destructible_v<Work>);
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	BeginInternalSubTransaction(nullptr);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work();
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		if (geterrcode() != expected_error)
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
