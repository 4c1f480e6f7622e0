/*
 * The rules, for the guard: as they were read last, and read again when the server says that
 * something has changed.
 *
 * Without the extension in the database of the workers there are none.  While the table cannot be
 * read the last rules hold; before it was read for the first time nobody is acted on.
 */
#pragma once

#include "shmem/counters.h"

#include "policy/rules.h"

#include <cstdint>

namespace session_guard
{

/* Ask to be told of changes.  Once, when connected. */
void watch_rules();

const Rules &current_rules();

/* Have they been read, or is it known that there are none? */
bool rules_were_read();

/*
 * Bring them up to date, in a transaction, after the catalogs of roles and databases.  True if they
 * are others now, or may select others by the same names.  The limits have been noted
 * (policy_changes.h) of rules that are others, or whose names stand for others; not of those that
 * only have other members to select, or each GRANT of a role would put limits into force anew.
 */
bool refresh_rules();

/* As of stored_settings.h. */
bool rules_are_stale();
bool rules_are_up_to_date();
Duration pause_before_reading_rules();
bool rules_are_in_doubt();

/* The name of a rule that is the source of something; empty if none is. */
const char *rule_name(Source source, std::int32_t rule);

/* The counters of the rule of that name; nullptr if it is gone, or has none for want of memory. */
VerdictCounters *counters_of_rule(const char *name);

/* Changes whenever the rules, or what they select, may have changed. */
std::uint64_t rules_generation();

} // namespace session_guard
