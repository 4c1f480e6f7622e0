/*
 * Work that may fail in an expected way, in a subtransaction of its own.
 */
#pragma once

#include "pg/pg.h"

#include <type_traits>

namespace session_guard
{

/* Stands for the code of any error.  A FATAL one ends the process all the same. */
inline constexpr int any_error = 0;

/*
 * Run the work; false if it failed with the expected error and was undone.
 * Any other error is thrown on, after it was undone, too.  A caller that asks for it gets a copy of
 * the error, in its memory context.
 */
template <typename Work>
[[gnu::noinline]] bool
run_in_subtransaction(Work work, int expected_error, ErrorData **error = nullptr)
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
		bool is_expected = expected_error == any_error || geterrcode() == expected_error;
		MemoryContextSwitchTo(context);
		ErrorData *copy = !is_expected || error != nullptr ? CopyErrorData() : nullptr;
		FlushErrorState();
		/* Left open, it would be taken for a subtransaction of whoever catches the error. */
		RollbackAndReleaseCurrentSubTransaction();
		if (!is_expected)
			ReThrowError(copy);
		if (error != nullptr)
			*error = copy;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return done;
}

} // namespace session_guard
