/*
 * The age of prepared transactions: those that are older than
 * pg_session_guard.max_prepared_age are named in the log, once, and counted.  Nobody but
 * who has prepared one knows how it is to be finished, so none ever is.
 */
#pragma once

#include "core/time.h"

namespace session_guard
{

/* The settings may have changed: read them all at once, if their age is limited. */
void adopt_prepared_age();

/* When they are to be read next; never, if their age is not limited or there can be none. */
Instant next_prepared_reading();

/* Read them, in a transaction, and name those that have come to be over the limit. */
void name_old_prepared();

} // namespace session_guard
