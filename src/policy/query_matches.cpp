/*
 * What was found when expressions were compared with queries (see query_matches.h).
 */
#include "policy/query_matches.h"

#include "pg/monotonic_clock.h"

#include <algorithm>
#include <cstring>

namespace session_guard
{

namespace
{

struct Pair
{
	QueryKey query;
	std::uint64_t rule;
};

struct Remembered
{
	Pair pair;
	Match match;
	/* What could not be compared, for want of time perhaps, is tried again after this. */
	Instant good_until;
};

HTAB *remembered = nullptr;
std::uint64_t remembered_generation;
std::uint64_t seed;
constexpr long most_remembered = 10000;
constexpr Duration pause_after_failure = 5 * second;

/* Comparisons may take this part of the time, and so much at once. */
constexpr Duration share = 20;
constexpr Duration most_at_once = 200 * millisecond;
/* Up to when the time for comparisons is used up, as if each took its part beforehand. */
Instant used_up_to = beginning;

void
forget_all()
{
	HASHCTL control{};

	if (remembered != nullptr)
		hash_destroy(remembered);
	control.keysize = sizeof(Pair);
	control.entrysize = sizeof(Remembered);
	control.hcxt = TopMemoryContext;
	remembered = hash_create("session guard query matches", 64, &control,
	                         HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	seed = pg_prng_uint64(&pg_global_prng_state);
}

/* Is there time left for another one? */
bool
is_time_left(Instant now)
{
	return used_up_to <= now;
}

void
note_time(Instant start, Instant end)
{
	used_up_to = std::max(used_up_to, end - share * most_at_once) + share * (end - start);
}

} // namespace

QueryKey
prepare_comparison(std::uint64_t generation, const QueryText &query)
{
	if (remembered == nullptr || remembered_generation != generation ||
	    hash_get_num_entries(remembered) >= most_remembered)
		forget_all();
	remembered_generation = generation;
	return hash_bytes_extended(reinterpret_cast<const unsigned char *>(query.text),
	                           static_cast<int>(strlen(query.text)),
	                           seed + static_cast<std::uint64_t>(query.encoding));
}

Match
remembered_match(const Rules &rules, std::size_t index, const QueryText &query, QueryKey key)
{
	Pair pair{.query = key, .rule = index};
	Instant start = monotonic_now();
	auto known = static_cast<Remembered *>(hash_search(remembered, &pair, HASH_FIND, nullptr));
	if (known != nullptr && start < known->good_until)
		return known->match;
	if (!is_time_left(start))
		return Match::Unknown;
	Match match = rules.match_query_of(index, query);
	Instant end = monotonic_now();
	note_time(start, end);
	known = static_cast<Remembered *>(hash_search(remembered, &pair, HASH_ENTER, nullptr));
	known->match = match;
	known->good_until = match == Match::Unknown ? end + pause_after_failure : never;
	return match;
}

} // namespace session_guard
