/*
 * The life of a worker, from its start to its end, and the main loop of both
 * kinds.
 */
#pragma once

#include "core/time.h"

#include "worker/registration.h"

namespace session_guard
{

/* What one kind of worker does in the main loop. */
struct WorkerDuties
{
	/* Take over what counts even if the worker cannot connect; at the start, and after a reload
	 * before it has connected. */
	void (*adopt_before_connecting)();
	/* How long it waits for a lock at work, as the setting has it. */
	const char *lock_timeout;
	/* Prepare the work.  Once, when connected, outside a transaction. */
	void (*prepare)();
	/* Take over the settings after a reload. */
	void (*adopt_reload)();
	/* Do what is to be done now. */
	void (*work)();
	/* Until when to sleep then; "never": until the latch is set. */
	Instant (*next_wake)();
	/*
	 * Finish the work before the process ends.  A worker that has this ends between two
	 * pieces of its work; without it, SIGTERM ends it wherever it is.
	 */
	void (*finish)();
};

/* The life of a worker as what the postmaster hands to it says.  An error soon after the start
 * counts as a failed start. */
[[noreturn]] void run_worker(Datum main_arg, const WorkerDuties &duties);

} // namespace session_guard
