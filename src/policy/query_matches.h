/*
 * What was found when the expressions of the guard's rules were compared with queries: each pair is
 * compared once, and all comparisons together take a small part of the guard's time.
 */
#pragma once

#include "policy/rules.h"

#include <cstdint>

namespace session_guard
{

/* A query by the hash of its text: to find another one of the same is beyond a client's means,
 * which does not know the seed. */
using QueryKey = std::uint64_t;

/* Prepare to compare a query with rules of this generation; the key is good until the next call. */
QueryKey prepare_comparison(std::uint64_t generation, const QueryText &query);

/*
 * Compare the query of a rule with that of a session.  Unknown, too, if too much time has gone into
 * that lately.
 */
Match remembered_match(const Rules &rules, std::size_t index, const QueryText &query, QueryKey key);

} // namespace session_guard
