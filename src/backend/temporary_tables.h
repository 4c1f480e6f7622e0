/*
 * The session's own temporary tables.
 *
 * Any role can create a temporary table with an index on a function that takes for
 * ever, and then so does its maintenance; so that is not spared.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/*
 * Is this a table, index or view of the session's own temporary schema?  Neither
 * checks privileges, as the command itself will, nor takes a lock.
 */
bool is_own_temporary(const RangeVar *relation);

/*
 * Does one of its tables have an index or statistics on an expression, so that a
 * command without table names, which maintains all tables, calls functions for it?
 */
bool has_temporary_expressions();

} // namespace session_guard
