/*
 * Patterns as of SQL's LIKE.
 */
#pragma once

#include <string_view>

namespace session_guard
{

/*
 * Does a text match a pattern of LIKE, with backslash as the escape?  Both are taken byte by byte,
 * as of printable ASCII.  A pattern that ends with an escape, which the server refuses, matches
 * nothing.
 */
bool is_like(std::string_view text, std::string_view pattern);

} // namespace session_guard
