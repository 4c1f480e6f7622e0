/*
 * The history: events moved from the ring into the table session_guard.history,
 * and rows past their retention deleted.
 *
 * Whatever goes wrong in here costs history, counted and shown, and never a
 * deadline: it happens in a worker of its own.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* Allocate the memory.  Once; from now on events are moved. */
void prepare_history();

/* Do what is to be done now, in transactions of its own. */
void write_history();

/*
 * Write what can be written before this process ends, open events as they are.
 * If the server is being shut down, nobody comes after it: it then stays until
 * nobody is left who could act, and what ends meanwhile is written as ended.
 */
void finish_history();

/* How long to sleep now, in milliseconds; -1 means until somebody calls. */
long history_sleep_time();

/* Look at the retention anew: it may be another one now. */
void adopt_retention();

} // namespace session_guard
