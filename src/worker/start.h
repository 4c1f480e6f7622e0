/*
 * The start of a worker: its slot, the pauses after failed starts, and the
 * moment from which it is at work.
 */
#pragma once

#include "core/time.h"

#include "worker/registration.h"

namespace session_guard
{

/* Install the signal handlers, and claim the worker slot. */
void begin_worker(WorkerArgument argument);

/* Did the last start fail, or did an error follow right after it? */
bool has_failed_to_start(WorkerKind kind);

/*
 * After a failed start, or an error right after one, wait 1, 2, 4 ... 60 s
 * before the next, so that the log stays readable.  A reload meanwhile calls the
 * function given.
 */
void back_off(WorkerKind kind, void (*adopt)());

/* From now on the worker is at work. */
void sign_on(WorkerKind kind);

/* How long it has been at work. */
Duration time_at_work();

/* Hold an error against the start if it comes soon after sign_on(). */
void note_error_at_work(WorkerKind kind);

} // namespace session_guard
