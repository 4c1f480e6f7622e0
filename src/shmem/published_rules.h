/*
 * The rules that the guard has read last, for sessions of all databases, and what has become of
 * each: in a segment of dynamic shared memory, since nobody knows beforehand how many there are.
 */
#pragma once

#include "pg/pg.h"

#include "shmem/counters.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace session_guard
{

Size published_rules_size();
void published_rules_init(void *memory, bool found);

/*
 * For the guard: publish rules as a piece of memory (policy/rule_image.h).  "Before" says of each
 * rule which of those published before it was, -1 if it is new: its counters go on.  An error if
 * there is no memory; then what was published before stays.
 */
void publish_rules(std::span<const std::byte> image, std::span<const std::int32_t> before);

/* For the guard: the counters of the rules that it has published. */
std::span<VerdictCounters> rule_counters();

/* What was published, in the current memory context; no rules if nothing was, or without shared
 * memory. */
struct PublishedRules
{
	std::span<const std::byte> image;
	std::span<VerdictCounters> counters;
	/* TimestampTz. */
	Timestamp published_at;
};
PublishedRules copy_published_rules();

/* How often rules were published: others are there if it has changed. */
std::uint32_t publication_count();

/* Set the counters of all rules to 0. */
void reset_rule_counters();

} // namespace session_guard
