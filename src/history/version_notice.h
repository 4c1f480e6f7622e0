/*
 * Tells in the log when the history writer finds that its database has an extension of another
 * version than the library: its log is read when nobody asks for it.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/* Compare the versions, once for each table of the history; in a transaction. */
void tell_of_versions(Oid history_table);

} // namespace session_guard
