/*
 * What it takes to compare many sessions with a filter, for the time of one request.
 */
#pragma once

#include "functions/filter.h"
#include "functions/sparing.h"

#include <type_traits>

namespace session_guard
{

class FilterMatcher
{
  public:
	/* Stop with an error unless the patterns can be compared with anything. */
	explicit FilterMatcher(const Filter &filter);

	/* Space for the text of a query. */
	char *
	query() const
	{
		return query_;
	}

	/* Compare a session that was just read, with the text of its query, with the filter.
	 */
	FilterMatch compare(const BackendSnapshot &snapshot);
	/*
	 * The same right before its signal.  An advisory lock may have been given up
	 * since the lock table was read, without any other change.
	 */
	FilterMatch compare_again(const BackendSnapshot &snapshot);

	Sparing &
	sparing()
	{
		return sparing_;
	}

  private:
	/*
	 * The present moment.  The lock table, if the filter is about blocking, is
	 * read again when the last reading is older than 10 ms, or than ten times what it
	 * took: that is the cost of hundreds of roots, and a root that is still in the same
	 * transaction has kept its locks.
	 */
	const Present &present();

	const Filter &filter_;
	char *query_;
	/* Where a comparison leaves what it has allocated. */
	MemoryContext scratch_;
	MemoryContext graph_context_;
	Instant graph_good_until_ = beginning;
	Present present_{};
	Sparing sparing_;
};
static_assert(std::is_trivially_destructible_v<FilterMatcher>);

} // namespace session_guard
