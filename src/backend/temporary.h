/*
 * What is of the session's own temporary schema.
 *
 * Anybody can make a temporary table with an index on a function that takes for
 * ever, and so does maintenance of it; it is not spared.
 */
#pragma once

#include "pg/pg.h"

namespace session_guard
{

/*
 * Is it a table, index or view of the session's own temporary schema?  Asked
 * without its rights, which the command itself will do, and without any lock.
 */
bool is_own_temporary(const RangeVar *relation);

/*
 * Has one of its tables an index or statistics on an expression, so that a
 * command without names, which maintains all that it may, calls functions for it?
 */
bool has_temporary_expressions();

} // namespace session_guard
