/*
 * What was found when the expressions of the guard's rules were compared with queries: each pair is
 * compared once, and all comparisons together take a small part of the guard's time.
 */
#pragma once

#include "policy/rules.h"

#include <cstdint>

namespace session_guard
{

/*
 * Compare the query of a rule of this generation with that of a session.  Unknown, too, if too much
 * time has gone into that lately.
 */
Match remembered_match(const Rules &rules, std::uint64_t generation, std::size_t index,
                       const QueryText &query);

} // namespace session_guard
