/*
 * The regular expressions by which rules select queries: compiled once, and compared with a query
 * for a bounded time.
 *
 * An expression is what somebody has written who may write rules, and a query is the client's own:
 * either may take exponential time together with the other.  What could not be compared is not
 * known to match, and so convicts nobody.
 */
#pragma once

#include "core/rule.h"
#include "core/time.h"

#include "pg/pg.h"

namespace session_guard
{

/*
 * Compile an expression, whose text is in this encoding; what it takes is given back with the
 * memory context.  nullptr if it can be compared with nothing.  Takes a subtransaction and a
 * bounded time.
 */
regex_t *compile_query_pattern(const char *text, int encoding, MemoryContext context);

/* The text of a query as it was read from backend status, and the encoding of its database. */
struct QueryText
{
	const char *text;
	int encoding;
};

/*
 * Compare it with an expression of this encoding; if it has another one, only ASCII can be
 * compared. Takes a subtransaction and a bounded time.
 */
Match match_query(regex_t *pattern, int encoding, const QueryText &query);

} // namespace session_guard
