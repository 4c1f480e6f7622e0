/*
 * What the lives of the workers have in common: start, sleep, reload.
 */
#pragma once

#include "worker/registration.h"

namespace session_guard
{

/* "session guard" */
const char *name_of(WorkerKind kind);

/* Handle signals, and take the slot. */
void begin_worker(WorkerArgument argument);

/*
 * After a failed start, or an error right after one, wait 1, 2, 4 ... 60 s
 * before the next, so that the log stays readable.  A reload meanwhile is
 * answered by the function given.
 */
void back_off(WorkerKind kind, void (*adopt)());

/* Did the last start fail, or an error come right after it? */
bool has_failed_to_start(WorkerKind kind);

/* From now on the worker is at work. */
void sign_on(WorkerKind kind);

/* How long that has been. */
Duration time_at_work();

/* Do the work, which ends with the process only.  An error soon after sign_on() is a failed start.
 */
[[noreturn]] void work(WorkerKind kind, void (*run)());

/* Sleep, in no transaction, until it is time or somebody calls; -1 until somebody calls. */
void nap(long milliseconds);

/* Read the configuration again if that is asked for; true if it was. */
bool take_reload();

} // namespace session_guard
