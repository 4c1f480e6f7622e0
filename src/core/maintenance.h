/*
 * Commands that keep a database in shape, known by their text.
 *
 * While such a command waits for its table it reports no progress yet, and
 * nothing but the text tells what it is.  The text is the client's own, so it
 * may only ever spare somebody.
 */
#pragma once

#include <string_view>

namespace session_guard
{

/*
 * Does a query begin with VACUUM, ANALYZE, CLUSTER, REPACK, REINDEX or CREATE
 * [UNIQUE] INDEX, after blanks and comments?
 */
bool is_maintenance(std::string_view query);

} // namespace session_guard
